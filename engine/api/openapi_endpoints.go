package api

const (
	scoringShape = "dataframe_split:object dataframe_records:[]object instances:[]any inputs:any params:object client_request_id"
	exampleBody  = `{"inputs":[[0,0,5,13]]}`
	newEndpoint  = `{"name":"new","config":{"served_entities":[{"entity_name":"main.default.digits","entity_version":"1","workload_size":"Small","scale_to_zero_enabled":false}]}}`
	newConfig    = `{"served_entities":[{"entity_name":"main.default.digits","entity_version":1,"workload_size":"Small","scale_to_zero_enabled":true}]}`
)

var scoringOperations = []operation{
	{route: "POST /serving-endpoints/{name}/invocations", summary: "Score a request by the endpoint's routes.",
		body: scoringShape, answer: shape("predictions!:any"), try: "/serving-endpoints/digits/invocations", with: exampleBody},
	{route: "POST /serving-endpoints/{name}/served-models/{entity}/invocations", summary: "Score a request by one served entity, whatever its share of the traffic.",
		body: scoringShape, answer: shape("predictions!:any"), try: "/serving-endpoints/digits/served-models/digits-1/invocations", with: exampleBody},
}

var endpointOperations = []operation{
	{route: "GET /api/2.0/serving-endpoints", summary: "List the endpoints that you may view.", answer: wireList{}, try: "/api/2.0/serving-endpoints"},
	{route: "POST /api/2.0/serving-endpoints", summary: "Create an endpoint. It answers once the endpoint is stored; the deployment goes on.",
		body:   "name! description budget_policy_id route_optimized:bool tags:[]TagRequest config:ConfigRequest " + settingsShape,
		answer: wireEndpoint{}, try: "/api/2.0/serving-endpoints", with: newEndpoint},
	{route: "GET /api/2.0/serving-endpoints/{name}", summary: "Get an endpoint.", answer: wireEndpoint{}, try: "/api/2.0/serving-endpoints/digits"},
	{route: "DELETE /api/2.0/serving-endpoints/{name}", summary: "Delete an endpoint. Requests in flight finish.", try: "/api/2.0/serving-endpoints/digits"},
	{route: "PUT /api/2.0/serving-endpoints/{name}/config", summary: "Replace the configuration. What serves goes on until the new one is ready.",
		body:   "served_entities:[]ServedEntityRequest served_models:[]ServedModelRequest traffic_config:TrafficRequest auto_capture_config:InferenceTableRequest config:ConfigRequest",
		answer: wireEndpoint{}, try: "/api/2.0/serving-endpoints/digits/config", with: newConfig},
	{route: "POST /api/2.0/serving-endpoints/{name}/config:stop", summary: "Stop an endpoint. Its configuration stays.",
		answer: wireEndpoint{}, try: "/api/2.0/serving-endpoints/digits/config:stop"},
	{route: "POST /api/2.0/serving-endpoints/{name}/config:start", summary: "Start a stopped endpoint, with its configuration as a new version.",
		answer: wireEndpoint{}, try: "/api/2.0/serving-endpoints/digits/config:start"},
	{route: "POST /api/2.0/serving-endpoints/{name}/config:cancel", summary: "Cancel the running update. Servery's own.",
		answer: wireEndpoint{}, try: "/api/2.0/serving-endpoints/digits/config:cancel"},
	{route: "GET /api/2.0/servery/endpoints/{name}/events", summary: "List what happened to an endpoint, newest first.",
		query: "max_results:int", answer: wireEvents{}, try: "/api/2.0/servery/endpoints/digits/events?max_results=2"},
	{route: "GET /api/2.0/servery/endpoints/{name}/workers", summary: "List the processes that run an endpoint's models.",
		answer: wireWorkers{}, try: "/api/2.0/servery/endpoints/digits/workers"},
}

var versionOperations = []operation{
	{route: "GET /api/2.0/servery/endpoints/{name}/config-versions", summary: "List the configurations that the endpoint has and had, newest first, with how each ended.",
		answer: wireConfigVersions{}, try: "/api/2.0/servery/endpoints/digits/config-versions"},
	{route: "GET /api/2.0/servery/endpoints/{name}/config-versions/{version}", summary: "Get one configuration in full.",
		answer: wireConfigVersion{}, try: "/api/2.0/servery/endpoints/digits/config-versions/2"},
	{route: "GET /api/2.0/servery/endpoints/{name}/config-versions/{version}/diff", summary: "What a configuration changed, against the one before it or the one that from names.",
		query: "from:int", answer: wireDifference{}, try: "/api/2.0/servery/endpoints/digits/config-versions/2/diff?from=1"},
	{route: "POST /api/2.0/servery/endpoints/{name}/config-versions/{version}/restore", summary: "Deploy the content of a configuration again, as a new version.",
		answer: wireEndpoint{}, try: "/api/2.0/servery/endpoints/digits/config-versions/1/restore"},
}

var observeOperations = []operation{
	{route: "GET /metrics", summary: "All figures for Prometheus, in OpenTelemetry's names: this process, and the endpoints that you may view. OpenMetrics where Accept says so.",
		gives: "text/plain", try: "/metrics"},
	{route: "GET /api/2.0/serving-endpoints/{name}/metrics", summary: "The endpoint's figures for Prometheus, or for OpenMetrics where Accept says so.",
		gives: "text/plain", try: "/api/2.0/serving-endpoints/digits/metrics"},
	{route: "GET /api/2.0/serving-endpoints/{name}/openapi", summary: "What the endpoint's models take and give, as OpenAPI. It takes a model that was logged with a signature.",
		answer: shape("openapi! info!:object servers!:[]object paths!:object"), try: "/api/2.0/serving-endpoints/digits/openapi"},
	{route: "GET /api/2.0/serving-endpoints/{name}/served-models/{entity}/logs", summary: "What a served entity's process wrote and what became of it.",
		query: "config_version:int", answer: wireLogs{}, try: "/api/2.0/serving-endpoints/digits/served-models/digits-1/logs?config_version=2"},
	{route: "GET /api/2.0/serving-endpoints/{name}/served-models/{entity}/build-logs", summary: "How a served entity was deployed, stage by stage.",
		query: "config_version:int", answer: wireLogs{}, try: "/api/2.0/serving-endpoints/digits/served-models/digits-1/build-logs"},
}

var generalOperations = []operation{
	{route: "GET /.well-known/databricks-config", summary: "What clients ask before anything else.", answer: wireDiscovery{}, try: "/.well-known/databricks-config", public: true},
	{route: "GET /api/2.0/servery/status", summary: "What this server is and runs.", answer: Status{}, try: "/api/2.0/servery/status"},
	{route: "GET /api/2.0/servery/backup", summary: "A backup of everything, as a tar archive with a checksum behind it: see servery restore.",
		gives: "application/x-tar", try: "/api/2.0/servery/backup"},
	{route: "GET /api/2.0/servery/openapi.json", summary: "This description.",
		answer: shape("openapi! info!:object servers!:[]object security!:[]object paths!:object components!:object"), try: "/api/2.0/servery/openapi.json"},
}
