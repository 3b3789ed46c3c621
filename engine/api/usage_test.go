package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"servery/engine/gateway/usage"
	"servery/engine/rows"
)

const systemTables = "/api/2.0/servery/system-tables/serving/"

func TestEndpointUsageHasTheProductsColumns(t *testing.T) {
	f := newFake()
	f.usage.requests = []usage.Request{
		{At: start.Add(1234 * time.Microsecond), Status: 200, Requester: "ada@example.com", ID: "r-1", ClientID: "c-1", Context: map[string]string{"project": "p"}, EntityID: "0123"},
		{At: start, Status: 429, Requester: "bob@example.com", ID: "r-2", Refused: true},
	}
	f.usage.more = true
	s := New(f, Options{})
	a := ask(t, s, "GET", systemTables+"endpoint_usage?endpoint_name=digits&from=1764000000000&to=1764000060000&max_results=2", "")
	sameJSON(t, a.body, `{"rows":[
		{"account_id":"","workspace_id":"8642","client_request_id":"c-1","databricks_request_id":"r-1","requester":"ada@example.com","status_code":200,"request_time":"2025-11-24T16:00:00.001Z",
		 "input_token_count":null,"output_token_count":null,"input_character_count":null,"output_character_count":null,"usage_context":{"project":"p"},"request_streaming":false,"served_entity_id":"0123"},
		{"account_id":"","workspace_id":"8642","client_request_id":null,"databricks_request_id":"r-2","requester":"bob@example.com","status_code":429,"request_time":"2025-11-24T16:00:00.000Z",
		 "input_token_count":null,"output_token_count":null,"input_character_count":null,"output_character_count":null,"usage_context":null,"request_streaming":false,"served_entity_id":null}],
		"next_page_token":"000000010000000000000002"}`)
	if q := f.usage.query; q.Endpoint != "digits" || !q.From.Equal(start) || !q.To.Equal(start.Add(time.Minute)) || q.Most != 2 {
		t.Errorf("asked for %+v", q)
	}
	f.usage.requests, f.usage.more = nil, false
	a = ask(t, s, "GET", systemTables+"endpoint_usage?page_token=000000010000000000000002", "")
	if q := f.usage.query; a.status != 200 || strings.TrimSpace(a.body) != `{"rows":[]}` || q.After != (rows.Position{Segment: 1, At: 2}) || q.Most != defaultPage || !q.From.IsZero() {
		t.Errorf("%d %s, asked for %+v", a.status, a.body, q)
	}
	for query, want := range map[string]string{"page_token=x": "INVALID_PARAMETER_VALUE", "max_results=-1": "INVALID_PARAMETER_VALUE", "from=yesterday": "MALFORMED_REQUEST", "to=1.5": "MALFORMED_REQUEST"} {
		name, _, _ := strings.Cut(query, "=")
		ask(t, s, "GET", systemTables+"endpoint_usage?"+query, "").wantError(t, 400, want, name)
	}
}

func TestServedEntitiesHasTheProductsColumns(t *testing.T) {
	f := newFake()
	f.usage.entities = []usage.Entity{
		{ID: "ff", EndpointID: "e1", Endpoint: "digits", Name: "digits-2", Model: "main.default.digits", ModelVersion: 2, ConfigVersion: 3, Creator: "gone@example.com", MinConcurrency: 0, MaxConcurrency: 4, Compute: "CPU", ChangedAt: start},
		{ID: "0a", EndpointID: "e0", Endpoint: "old", Name: "m-1", Model: "main.default.m", ModelVersion: 1, ConfigVersion: 1, Creator: "gone@example.com", ChangedAt: start, DeletedAt: start.Add(time.Hour)},
	}
	s := New(f, Options{})
	a := ask(t, s, "GET", systemTables+"served_entities?endpoint_name=digits", "")
	sameJSON(t, a.body, `{"rows":[{"served_entity_id":"ff","account_id":"","workspace_id":"8642","created_by":"gone@example.com","endpoint_name":"digits","endpoint_id":"e1","served_entity_name":"digits-2",
		"entity_type":"CUSTOM_MODEL","entity_name":"main.default.digits","entity_version":"2","endpoint_config_version":3,"task":null,"external_model_config":null,"foundation_model_config":null,
		"custom_model_config":{"min_concurrency":0,"max_concurrency":4,"compute_type":"CPU"},"feature_spec_config":null,"change_time":"2025-11-24T16:00:00.000Z","endpoint_delete_time":null}]}`)
	var ids []string
	for token := ""; ; {
		page := ask(t, s, "GET", systemTables+"served_entities?max_results=1&page_token="+token, "").into(t)
		for _, row := range page["rows"].([]any) {
			ids = append(ids, fmt.Sprintf("%v %v", row.(map[string]any)["served_entity_id"], row.(map[string]any)["endpoint_delete_time"]))
		}
		next, more := page["next_page_token"].(string)
		if !more {
			break
		}
		token = next
	}
	if want := "0a 2025-11-24T17:00:00.000Z, ff <nil>"; strings.Join(ids, ", ") != want {
		t.Errorf("page by page %q, want %s", ids, want)
	}
}

func TestUsageTotals(t *testing.T) {
	f := newFake()
	f.usage.totals = []usage.Total{{From: start, EndpointID: "e1", Endpoint: "digits", Entity: "digits-1", Requester: "ada@example.com", Sums: usage.Sums{Requests: 9, Errors4: 3, Errors5: 1, Refused: 2, Run: 1500 * time.Millisecond}}, {From: start, Requester: "bob"}}
	s := New(f, Options{})
	a := ask(t, s, "GET", "/api/2.0/servery/usage?by=day&endpoint_name=digits&from=1764000000000", "")
	sameJSON(t, a.body, `{"totals":[{"timestamp":1764000000000,"endpoint_name":"digits","endpoint_id":"e1","served_entity_name":"digits-1","requester":"ada@example.com","request_count":9,"request_4xx_count":3,"request_5xx_count":1,"rate_limited_count":2,"execution_duration_ms":1500},
		{"timestamp":1764000000000,"endpoint_name":"","endpoint_id":"","served_entity_name":null,"requester":"bob","request_count":0,"request_4xx_count":0,"request_5xx_count":0,"rate_limited_count":0,"execution_duration_ms":0}]}`)
	if got, want := fmt.Sprint(f.usage.asked), fmt.Sprint([]any{"digits", start.UnixMilli(), time.Time{}.UnixMilli(), true}); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	ask(t, s, "GET", "/api/2.0/servery/usage?by=week", "").wantError(t, 400, "INVALID_PARAMETER_VALUE", "hour or day")
}

func TestOnlyAdministratorsReadUsage(t *testing.T) {
	s := New(newFake(), Options{})
	for _, path := range []string{systemTables + "endpoint_usage", systemTables + "served_entities", "/api/2.0/servery/usage"} {
		ask(t, s, "GET", path, "", "Authorization: Bearer "+guestToken).wantError(t, 403, "PERMISSION_DENIED", "no administrator")
		if a := ask(t, s, "GET", path, ""); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}
