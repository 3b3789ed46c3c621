package api

const (
	ucModel   = "/api/2.1/unity-catalog/models/main.default.digits"
	ucPages   = "max_results:int page_token"
	ucVersion = "catalog_name! schema_name! model_name! "
	thePath   = "/Models/main/default/digits/2/model.onnx"
)

var catalogOperations = []operation{
	{route: "GET /api/2.1/unity-catalog/catalogs", summary: "List catalogs.", query: ucPages, answer: wireCatalogs{}, try: "/api/2.1/unity-catalog/catalogs?max_results=0"},
	{route: "POST /api/2.1/unity-catalog/catalogs", summary: "Create a catalog.", body: "name! comment", answer: wireCatalog{}, try: "/api/2.1/unity-catalog/catalogs", with: `{"name":"lab"}`},
	{route: "GET /api/2.1/unity-catalog/catalogs/{name}", summary: "Get a catalog.", answer: wireCatalog{}, try: "/api/2.1/unity-catalog/catalogs/main"},
	{route: "DELETE /api/2.1/unity-catalog/catalogs/{name}", summary: "Delete a catalog.", query: "force:bool", try: "/api/2.1/unity-catalog/catalogs/empty"},
	{route: "GET /api/2.1/unity-catalog/schemas", summary: "List a catalog's schemas.", query: "catalog_name! " + ucPages, answer: wireSchemas{}, try: "/api/2.1/unity-catalog/schemas?catalog_name=main"},
	{route: "POST /api/2.1/unity-catalog/schemas", summary: "Create a schema.", body: "name! catalog_name! comment", answer: wireSchema{}, try: "/api/2.1/unity-catalog/schemas",
		with: `{"name":"lab","catalog_name":"main"}`},
	{route: "GET /api/2.1/unity-catalog/schemas/{full_name}", summary: "Get a schema.", answer: wireSchema{}, try: "/api/2.1/unity-catalog/schemas/main.default"},
	{route: "DELETE /api/2.1/unity-catalog/schemas/{full_name}", summary: "Delete a schema that has no model.", try: "/api/2.1/unity-catalog/schemas/main.empty"},
	{route: "GET /api/2.1/unity-catalog/models", summary: "List registered models.", query: "catalog_name schema_name " + ucPages, answer: wireUCModels{}, try: "/api/2.1/unity-catalog/models?catalog_name=main&schema_name=default"},
	{route: "POST /api/2.1/unity-catalog/models", summary: "Create a registered model without versions.", body: "name! catalog_name! schema_name! comment tags:[]TagRequest", answer: wireUCModel{},
		try: "/api/2.1/unity-catalog/models", with: `{"name":"new","catalog_name":"main","schema_name":"default"}`},
	{route: "GET /api/2.1/unity-catalog/models/{full_name}", summary: "Get a registered model.", answer: wireUCModel{}, try: ucModel},
	{route: "PATCH /api/2.1/unity-catalog/models/{full_name}", summary: "Change a registered model.", body: "comment owner new_name", answer: wireUCModel{}, try: ucModel, with: `{"comment":"reads digits"}`},
	{route: "DELETE /api/2.1/unity-catalog/models/{full_name}", summary: "Delete a registered model that no endpoint uses.", try: ucModel},
	{route: "GET /api/2.1/unity-catalog/models/{full_name}/versions", summary: "List a model's versions, newest first.", query: ucPages, answer: wireUCVersions{}, try: ucModel + "/versions"},
	{route: "POST /api/2.1/unity-catalog/models/versions", summary: "Create a version that waits for its files.", body: ucVersion + "source run_id model_id comment tags:[]TagRequest",
		answer: wireUCVersion{}, try: "/api/2.1/unity-catalog/models/versions", with: `{"catalog_name":"main","schema_name":"default","model_name":"digits","source":"runs:/1/model"}`},
	{route: "GET /api/2.1/unity-catalog/models/{full_name}/versions/{version}", summary: "Get a version.", answer: wireUCVersion{}, try: ucModel + "/versions/1"},
	{route: "PATCH /api/2.1/unity-catalog/models/{full_name}/versions/{version}", summary: "Change a version's comment.", body: "comment", answer: wireUCVersion{}, try: ucModel + "/versions/1", with: `{"comment":"better"}`},
	{route: "DELETE /api/2.1/unity-catalog/models/{full_name}/versions/{version}", summary: "Delete a version that no endpoint uses.", try: ucModel + "/versions/1"},
	{route: "PATCH /api/2.1/unity-catalog/models/{full_name}/versions/{version}/finalize", summary: "Register the files that a version got.", answer: wireUCVersion{}, try: ucModel + "/versions/2/finalize"},
	{route: "GET /api/2.1/unity-catalog/models/{full_name}/aliases/{alias}", summary: "Get the version that an alias points at.", answer: wireUCVersion{}, try: ucModel + "/aliases/champion"},
	{route: "PUT /api/2.1/unity-catalog/models/{full_name}/aliases/{alias}", summary: "Point an alias at a version.", body: "version_num!:int|string", answer: wireUCAlias{}, try: ucModel + "/aliases/shadow", with: `{"version_num":1}`},
	{route: "DELETE /api/2.1/unity-catalog/models/{full_name}/aliases/{alias}", summary: "Remove an alias.", try: ucModel + "/aliases/champion"},
	{route: "POST /api/2.1/unity-catalog/temporary-model-version-credentials", summary: "Tell a client that files go through this server.", body: ucVersion + "version!:int|string operation",
		answer: wireCredentials{}, try: "/api/2.1/unity-catalog/temporary-model-version-credentials", with: `{"catalog_name":"main","schema_name":"default","model_name":"digits","version":2}`},
	{route: "PATCH /api/2.1/unity-catalog/securable-tags/FUNCTION/{full_name}", summary: "Change a model's tags.", body: "changes:TagChanges",
		try: "/api/2.1/unity-catalog/securable-tags/FUNCTION/main.default.digits", with: `{"changes":{"add_tags":[{"key":"team","value":"a"}],"remove":[]}}`},
	{route: "PATCH /api/2.1/unity-catalog/subentity-tags/FUNCTION/{full_name}/{version}", summary: "Change a version's tags.", body: "changes:TagChanges",
		try: "/api/2.1/unity-catalog/subentity-tags/FUNCTION/main.default.digits/1", with: `{"changes":{"add_tags":[{"key":"team","value":"a"}]}}`},
}

const (
	mlModels    = "/api/2.0/mlflow/unity-catalog/registered-models/"
	mlVersions  = "/api/2.0/mlflow/unity-catalog/model-versions/"
	mlNamed     = `{"name":"main.default.digits"}`
	mlVersioned = `{"name":"main.default.digits","version":"1"}`
	mlVersion   = "name! version!:int|string "
)

var mlflowOperations = []operation{
	{route: "POST " + mlModels + "create", summary: "Create a registered model.", body: "name! description tags:[]TagRequest", answer: wireMLModelAnswer{}, try: mlModels + "create", with: `{"name":"main.default.new"}`},
	{route: "PATCH " + mlModels + "update", summary: "Change a registered model.", body: "name! description new_name", answer: wireMLModelAnswer{}, try: mlModels + "update", with: `{"name":"main.default.digits","description":"reads digits"}`},
	{route: "DELETE " + mlModels + "delete", summary: "Delete a registered model.", body: "name!", try: mlModels + "delete", with: mlNamed},
	{route: "GET " + mlModels + "get", summary: "Get a registered model.", query: "name!", answer: wireMLModelAnswer{}, try: mlModels + "get?name=main.default.digits"},
	{route: "GET " + mlModels + "search", summary: "List registered models.", query: ucPages, answer: shape("registered_models!:[]MLModel next_page_token"), try: mlModels + "search?max_results=10"},
	{route: "POST " + mlModels + "alias", summary: "Point an alias at a version.", body: mlVersion + "alias!", try: mlModels + "alias", with: `{"name":"main.default.digits","version":"1","alias":"shadow"}`},
	{route: "DELETE " + mlModels + "alias", summary: "Remove an alias.", body: "name! alias!", try: mlModels + "alias", with: `{"name":"main.default.digits","alias":"champion"}`},
	{route: "GET " + mlModels + "alias", summary: "Get the version that an alias points at.", query: "name! alias!", answer: wireMLVersionAnswer{}, try: mlModels + "alias?name=main.default.digits&alias=champion"},
	{route: "POST " + mlModels + "set-tag", summary: "Set a model's tag.", body: "name! key! value", try: mlModels + "set-tag", with: `{"name":"main.default.digits","key":"team","value":"a"}`},
	{route: "DELETE " + mlModels + "delete-tag", summary: "Remove a model's tag.", body: "name! key!", try: mlModels + "delete-tag", with: `{"name":"main.default.digits","key":"old"}`},
	{route: "GET " + mlModels[:len(mlModels)-1] + ":is-databricks-sdk-models-artifact-repository-enabled", summary: "Tell a client that files go by the Files API.",
		answer: shape("is_databricks_sdk_models_artifact_repository_enabled!:bool"), try: mlModels[:len(mlModels)-1] + ":is-databricks-sdk-models-artifact-repository-enabled"},
	{route: "POST " + mlVersions + "create", summary: "Create a version that waits for its files.", body: "name! source run_id model_id description tags:[]TagRequest", answer: wireMLVersionAnswer{}, try: mlVersions + "create", with: `{"name":"main.default.digits","source":"runs:/1/model"}`},
	{route: "PATCH " + mlVersions + "update", summary: "Change a version's description.", body: mlVersion + "description", answer: wireMLVersionAnswer{}, try: mlVersions + "update", with: mlVersioned},
	{route: "DELETE " + mlVersions + "delete", summary: "Delete a version.", body: mlVersion, try: mlVersions + "delete", with: mlVersioned},
	{route: "GET " + mlVersions + "get", summary: "Get a version.", query: mlVersion, answer: wireMLVersionAnswer{}, try: mlVersions + "get?name=main.default.digits&version=1"},
	{route: "GET " + mlVersions + "search", summary: "Find versions.", query: "filter " + ucPages, answer: shape("model_versions!:[]MLVersion next_page_token"), try: mlVersions + "search?filter=name%3D%27main.default.digits%27"},
	{route: "POST " + mlVersions + "finalize", summary: "Register the files that a version got.", body: mlVersion, answer: wireMLVersionAnswer{}, try: mlVersions + "finalize", with: `{"name":"main.default.digits","version":"2"}`},
	{route: "POST " + mlVersions + "set-tag", summary: "Set a version's tag.", body: mlVersion + "key! value", try: mlVersions + "set-tag", with: `{"name":"main.default.digits","version":"1","key":"team","value":"a"}`},
	{route: "DELETE " + mlVersions + "delete-tag", summary: "Remove a version's tag.", body: mlVersion + "key!", try: mlVersions + "delete-tag", with: `{"name":"main.default.digits","version":"1","key":"old"}`},
	{route: "GET " + mlVersions + "get-download-uri", summary: "Where a version's files are in the Files API.", query: mlVersion, answer: shape("artifact_uri!"), try: mlVersions + "get-download-uri?name=main.default.digits&version=1"},
	{route: "POST " + mlVersions + "generate-temporary-credentials", summary: "Tell a client that files go through this server.", body: mlVersion + "operation", answer: shape("credentials!:Credentials"), try: mlVersions + "generate-temporary-credentials", with: mlVersioned},
	{route: "POST " + mlVersions + "emit-lineage", summary: "Take what a client says of who reads a version.", body: mlVersion, try: mlVersions + "emit-lineage", with: mlVersioned},
}

const (
	octets    = "application/octet-stream"
	theFile   = filesPath + thePath
	theFolder = foldersPath + "/Models/main/default/digits/2"
)

var filesOperations = []operation{
	{route: "GET " + filesPath + "/...", summary: "Download a file of a model version.", gives: octets, try: theFile},
	{route: "PUT " + filesPath + "/...", summary: "Upload a file of a version that waits for its files.", query: "overwrite:bool", takes: octets, status: 204, try: theFile, with: "weights"},
	{route: "DELETE " + filesPath + "/...", summary: "Delete a file of a version that waits for its files.", status: 204, try: theFile},
	{route: "POST " + filesPath + "/...", summary: "Refuse an upload in parts: files are sent whole.", answer: wireError{}, status: 501, try: theFile + "?action=initiate-upload"},
	{route: "GET " + foldersPath + "/...", summary: "List a folder of a model version.", query: "page_size:int page_token", answer: wireFolder{}, try: theFolder},
	{route: "PUT " + foldersPath + "/...", summary: "Make a folder of a version that waits for its files.", status: 204, try: theFolder + "/data"},
	{route: "DELETE " + foldersPath + "/...", summary: "Delete an empty folder of a version that waits for its files.", status: 204, try: theFolder + "/empty"},
	{route: "POST /api/2.0/fs/create-upload-url", summary: "Tell where a file is sent to.", body: "path! expire_time", answer: wireFileURL{}, try: "/api/2.0/fs/create-upload-url", with: `{"path":"` + thePath + `"}`},
	{route: "POST /api/2.0/fs/create-download-url", summary: "Tell where a file is fetched from.", body: "path! expire_time", answer: wireFileURL{}, try: "/api/2.0/fs/create-download-url", with: `{"path":"` + thePath + `"}`},
}
