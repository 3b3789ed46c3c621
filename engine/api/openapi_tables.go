package api

const tableFilters = "endpoint_id start_time end_time status_code requester served_entity_id served_entity_name request_id contains order"

var tableOperations = []operation{
	{route: "GET /api/2.0/servery/tables", summary: "List the inference tables that have rows, of endpoints that you may manage.",
		answer: wireTables{}, try: "/api/2.0/servery/tables"},
	{route: "GET /api/2.0/servery/tables/{full_name}", summary: "Get an inference table with its columns. endpoint_id tells one from another of the same name.",
		query: "endpoint_id", answer: wireTable{}, try: "/api/2.0/servery/tables/main.default.digits_payload"},
	{route: "PATCH /api/2.0/servery/tables/{full_name}", summary: "Say how long an inference table keeps rows.",
		query: "endpoint_id", body: "keep_days!:number", answer: wireTable{}, try: "/api/2.0/servery/tables/main.default.digits_payload", with: `{"keep_days":7}`},
	{route: "DELETE /api/2.0/servery/tables/{full_name}", summary: "Delete all rows of an inference table.",
		query: "endpoint_id", try: "/api/2.0/servery/tables/main.default.digits_payload"},
	{route: "GET /api/2.0/servery/tables/{full_name}/rows", summary: "Search an inference table, newest first. A page may have fewer rows than asked for, and yet a next one.",
		query: tableFilters + " max_results:int page_token", answer: wireRows{}, try: "/api/2.0/servery/tables/main.default.digits_payload/rows?max_results=2&status_code=2xx"},
	{route: "DELETE /api/2.0/servery/tables/{full_name}/rows", summary: "Delete the rows of requests that ended before end_time.",
		query: "endpoint_id end_time!", try: "/api/2.0/servery/tables/main.default.digits_payload/rows?end_time=1764000000000"},
	{route: "GET /api/2.0/servery/tables/{full_name}/count", summary: "Count rows of an inference table.",
		query: tableFilters, answer: wireCount{}, try: "/api/2.0/servery/tables/main.default.digits_payload/count?contains=predictions"},
	{route: "GET /api/2.0/servery/tables/{full_name}/export", summary: "Export rows of an inference table as csv, jsonl or parquet, in one file of any size.",
		query: "format! " + tableFilters, gives: "text/csv", try: "/api/2.0/servery/tables/main.default.digits_payload/export?format=csv&order=asc"},
}
