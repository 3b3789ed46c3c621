package inference

import (
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/runtime"
)

// digits is an endpoint with an inference table.
func digits() *endpoint.Endpoint {
	return &endpoint.Endpoint{
		ID: "00000000000000000000000000000001", Name: "digits",
		AIGateway: &endpoint.AIGateway{InferenceTable: &endpoint.InferenceTable{Enabled: true, Catalog: "main", Schema: "default", TablePrefix: "digits"}},
		Active: &endpoint.Config{Version: 3, Entities: []endpoint.ServedEntity{
			{Name: "digits-1", ModelName: "main.default.digits", ModelVersion: 1},
		}},
	}
}

const digitsTable = "payload/main.default.digits_payload/00000000000000000000000000000001/digits"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC)

// finished is a request that e has answered.
func finished(e *endpoint.Endpoint, body, answer string) *gateway.Request {
	return &gateway.Request{
		Endpoint: e, Entity: "digits-1", ConfigVersion: 3, Requester: access.User{Name: "ada@example.com"}, ID: gateway.NewRequestID(),
		At: noon, Took: 5 * time.Millisecond, Timing: runtime.Timing{Run: 3 * time.Millisecond},
		Status: 200, Body: []byte(body), Answer: []byte(answer),
	}
}
