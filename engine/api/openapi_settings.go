package api

const (
	newTags          = `{"add_tags":[{"key":"team","value":"a"}],"delete_tags":["old"]}`
	newRateLimits    = `{"rate_limits":[{"calls":100,"key":"user","renewal_period":"minute"}]}`
	newGateway       = `{"usage_tracking_config":{"enabled":true},"inference_table_config":{"enabled":true,"catalog_name":"main","schema_name":"default"},"rate_limits":[{"calls":100,"key":"endpoint","renewal_period":"minute"}]}`
	newNotifications = `{"email_notifications":{"on_update_success":["ada@example.com"],"on_update_failure":["ada@example.com"]}}`
	newTelemetry     = `{"telemetry_config":{"table_names":{"logs_table":"main.default.logs"},"inference_table_config":{"sampling_fraction":0.5}}}`

	gatewayShape = "usage_tracking_config:EnabledRequest inference_table_config:InferenceTableRequest " +
		"rate_limits:[]RateLimitRequest fallback_config:EnabledRequest guardrails:object"
	settingsShape = "rate_limits:[]RateLimitRequest ai_gateway:GatewayRequest email_notifications:NotificationsRequest telemetry_config:TelemetryRequest"
)

var settingOperations = []operation{
	{route: "PATCH /api/2.0/serving-endpoints/{name}/tags", summary: "Add tags to an endpoint, and delete others.",
		body: "add_tags:[]TagRequest delete_tags:[]string", answer: wireTags{}, try: "/api/2.0/serving-endpoints/digits/tags", with: newTags},
	{route: "PUT /api/2.0/serving-endpoints/{name}/rate-limits", summary: "Replace the rate limits of the form before the AI Gateway.",
		body: "rate_limits:[]RateLimitRequest", answer: wireRateLimits{}, try: "/api/2.0/serving-endpoints/digits/rate-limits", with: newRateLimits},
	{route: "PUT /api/2.0/serving-endpoints/{name}/ai-gateway", summary: "Replace the whole AI Gateway. An empty body takes it away.",
		body: gatewayShape, answer: wireGateway{}, try: "/api/2.0/serving-endpoints/digits/ai-gateway", with: newGateway},
	{route: "PATCH /api/2.0/serving-endpoints/{name}/notifications", summary: "Replace the e-mail addresses that are told how an update ended.",
		body: "email_notifications:NotificationsRequest", answer: wireNotified{}, try: "/api/2.0/serving-endpoints/digits/notifications", with: newNotifications},
	{route: "PATCH /api/2.0/serving-endpoints/{name}/telemetry-config", summary: "Replace where an endpoint's telemetry goes. Without telemetry_config it is taken away.",
		body: "telemetry_config:TelemetryRequest", answer: wireEndpoint{}, try: "/api/2.0/serving-endpoints/digits/telemetry-config", with: newTelemetry},
}
