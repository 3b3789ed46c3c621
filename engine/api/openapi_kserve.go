package api

const (
	inferShape   = "id parameters:object inputs!:[]KServeInput outputs:[]KServeOutput"
	inferExample = `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[0,0,5,13]}]}`
)

var kserveOperations = []operation{
	{route: "POST /v2/models/{name}/infer", summary: "Score tensors in KServe's protocol, version 2. With Inference-Header-Content-Length, binary tensors follow the JSON.",
		body: inferShape, answer: shape("model_name! model_version id outputs!:[]KServeAnswer"), try: "/v2/models/digits/infer", with: inferExample},
	{route: "POST /v2/models/{name}/versions/{version}/infer", summary: "Score tensors by one served entity: its name, or its model version where no other has it.",
		body: inferShape, answer: shape("model_name! model_version id outputs!:[]KServeAnswer"), try: "/v2/models/digits/versions/digits-1/infer", with: inferExample},
	{route: "GET /v2/models/{name}", summary: "What an endpoint's model takes and gives, in KServe's protocol.", answer: wireKServeModel{}, try: "/v2/models/digits"},
	{route: "GET /v2/models/{name}/versions/{version}", summary: "What a served entity's model takes and gives.", answer: wireKServeModel{}, try: "/v2/models/digits/versions/1"},
	{route: "GET /v2/models/{name}/ready", summary: "Whether an endpoint is ready: 200, else 400.", answer: wireKServeReady{}, try: "/v2/models/digits/ready"},
	{route: "GET /v2/models/{name}/versions/{version}/ready", summary: "Whether a served entity is ready: 200, else 400.", answer: wireKServeReady{}, try: "/v2/models/digits/versions/1/ready"},
	{route: "GET /v2", summary: "What this server is, in KServe's protocol.", answer: wireKServeServer{}, try: "/v2"},
	{route: "GET /v2/health/live", summary: "Whether the server lives.", answer: shape("live!:bool"), try: "/v2/health/live"},
	{route: "GET /v2/health/ready", summary: "Whether the server is ready.", answer: shape("ready!:bool"), try: "/v2/health/ready"},
}
