package api

var usageOperations = []operation{
	{route: "GET /api/2.0/servery/system-tables/serving/endpoint_usage", summary: "The rows of system.serving.endpoint_usage, the newest first: requests to endpoints with usage tracking. For administrators.",
		query: "endpoint_name from:int to:int max_results:int page_token", answer: wireUsageRows{}, try: "/api/2.0/servery/system-tables/serving/endpoint_usage?endpoint_name=digits"},
	{route: "GET /api/2.0/servery/system-tables/serving/served_entities", summary: "The rows of system.serving.served_entities: what serves and has served. For administrators.",
		query: "endpoint_name max_results:int page_token", answer: wireServedEntityRows{}, try: "/api/2.0/servery/system-tables/serving/served_entities"},
	{route: "GET /api/2.0/servery/usage", summary: "Requests by requester and served entity, by the hour or the day, the newest first. For administrators.",
		query: "endpoint_name from:int to:int by", answer: wireUsageTotals{}, try: "/api/2.0/servery/usage?by=day"},
}
