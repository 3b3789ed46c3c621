package api

var registryOperations = []operation{
	{route: "GET /api/2.0/servery/models", summary: "List the registered models with their versions.", answer: wireModels{}, try: "/api/2.0/servery/models"},
	{route: "GET /api/2.0/servery/models/{full_name}", summary: "Get a registered model, with what the files of its versions say.",
		answer: wireRegistered{}, try: "/api/2.0/servery/models/main.default.digits"},
	{route: "POST /api/2.0/servery/models/import", summary: "Import a model from a file or folder of this machine, or from files that are sent along as multipart/form-data.",
		body: "path! name alias comment", answer: wireImported{}, try: "/api/2.0/servery/models/import", with: `{"path":"/models/digits.onnx","name":"main.default.digits"}`},
	{route: "POST /api/2.0/servery/models/{full_name}/aliases", summary: "Point an alias at a version.",
		body: "alias! version!:int|string", answer: wireRegistered{}, try: "/api/2.0/servery/models/main.default.digits/aliases", with: `{"alias":"champion","version":1}`},
	{route: "DELETE /api/2.0/servery/models/{full_name}/aliases/{alias}", summary: "Remove an alias.", try: "/api/2.0/servery/models/main.default.digits/aliases/champion"},
	{route: "DELETE /api/2.0/servery/models/{full_name}/versions/{version}", summary: "Delete a version that no endpoint uses.", try: "/api/2.0/servery/models/main.default.digits/versions/2"},
}
