package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/service/serving"

	"servery/engine/access"
	"servery/engine/endpoint"
)

const endpointPath = "/api/2.0/serving-endpoints/digits"

// The recorded bodies of the CLI (spec, clients on the wire 3).
const (
	gatewayBody   = `{"inference_table_config":{"catalog_name":"main","enabled":true,"schema_name":"default"},"rate_limits":[{"calls":5,"key":"endpoint","renewal_period":"minute"}],"usage_tracking_config":{"enabled":true}}`
	telemetryBody = `{"table_names":{"logs_table":"main.default.logs"},"inference_table_config":{"sampling_fraction":0.5},"enabled_telemetry_features":["TELEMETRY_FEATURE_LOGS"]}`
)

func TestSettingsAnswerAsTheProductDoes(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	for _, c := range []struct{ method, path, body, want string }{
		{"PATCH", "/tags", `{"add_tags":[{"key":"a","value":"b"},{"key":"c"}],"delete_tags":["z"]}`, `{"tags":[{"key":"a","value":"b"},{"key":"c"}]}`},
		{"PATCH", "/tags", `{"delete_tags":["a","c"]}`, `{"tags":[]}`},
		{"PUT", "/rate-limits", `{"rate_limits":[{"calls":10,"key":"user","renewal_period":"minute"}]}`, `{"rate_limits":[{"calls":10,"key":"user","renewal_period":"minute"}]}`},
		{"PUT", "/rate-limits", ``, `{"rate_limits":[]}`},
		{"PUT", "/ai-gateway", gatewayBody, strings.Replace(gatewayBody, `"default"`, `"default","table_name_prefix":"digits"`, 1)},
		{"PUT", "/ai-gateway", `{"fallback_config":{"enabled":false},"guardrails":{},"rate_limits":[{"tokens":"7","key":"user_group","principal":"g","renewal_period":"minute"}]}`,
			`{"fallback_config":{"enabled":false},"rate_limits":[{"tokens":7,"key":"user_group","principal":"g","renewal_period":"minute"}]}`},
		{"PUT", "/ai-gateway", ``, `{}`},
		{"PATCH", "/notifications", `{"email_notifications":{"on_update_failure":["a@example.com"],"on_update_success":["b@example.com"]}}`,
			`{"name":"digits","email_notifications":{"on_update_failure":["a@example.com"],"on_update_success":["b@example.com"]}}`},
		{"PATCH", "/notifications", ``, `{"name":"digits","email_notifications":{"on_update_failure":["a@example.com"],"on_update_success":["b@example.com"]}}`},
		{"PATCH", "/notifications", `{"email_notifications":{}}`, `{"name":"digits","email_notifications":{}}`},
	} {
		a := ask(t, s, c.method, endpointPath+c.path, c.body)
		if a.status != http.StatusOK {
			t.Fatalf("%s %s: status %d %s", c.path, c.body, a.status, a.body)
		}
		sameJSON(t, a.body, c.want)
	}
}

// fieldOf is one field of an endpoint's answer, as JSON; "" where it is not there.
func fieldOf(t *testing.T, body, name string) string {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatal(err)
	}
	return string(all[name])
}

func TestAnEndpointShowsItsSettings(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	ask(t, s, "PUT", endpointPath+"/ai-gateway", gatewayBody)
	ask(t, s, "PUT", endpointPath+"/rate-limits", `{"rate_limits":[{"calls":10,"renewal_period":"minute"}]}`)
	ask(t, s, "PATCH", endpointPath+"/notifications", `{"email_notifications":{"on_update_failure":["a@example.com"]}}`)
	patched := ask(t, s, "PATCH", endpointPath+"/telemetry-config", `{"telemetry_config":`+telemetryBody+`}`)
	sameJSON(t, fieldOf(t, patched.body, "telemetry_config"), telemetryBody)
	one := ask(t, s, "GET", endpointPath, "").body
	sameJSON(t, fieldOf(t, one, "ai_gateway"), strings.Replace(gatewayBody, `"default"`, `"default","table_name_prefix":"digits"`, 1))
	sameJSON(t, fieldOf(t, one, "email_notifications"), `{"on_update_failure":["a@example.com"]}`)
	sameJSON(t, fieldOf(t, one, "telemetry_config"), telemetryBody)
	if strings.Contains(one, `"calls":10`) {
		t.Errorf("the rate limits of the old form are shown: %s", one)
	}
	removed := ask(t, s, "PATCH", endpointPath+"/telemetry-config", "{}").body
	if got := fieldOf(t, removed, "telemetry_config"); got != "" {
		t.Errorf("telemetry without a word on it stays: %s", got)
	}
}

// Spec B2: all that a create may carry beside the configuration.
func TestACreateTakesAllSettings(t *testing.T) {
	spec, err := decodeCreate([]byte(`{"name":"x","config":{"served_entities":[],"auto_capture_config":{"catalog_name":"main","schema_name":"s","table_name_prefix":"p","enabled":true}},
		"ai_gateway":` + gatewayBody + `,"rate_limits":[{"calls":"3","renewal_period":"minute"}],"email_notifications":{"on_update_success":["a@b.c"]},"telemetry_config":` + telemetryBody + `}`))
	if err != nil {
		t.Fatal(err)
	}
	if g := spec.AIGateway; !*g.UsageTracking || g.InferenceTable.Catalog != "main" || !g.InferenceTable.Enabled || *g.RateLimits[0].Calls != 5 || g.Fallback != nil || g.Guardrails {
		t.Errorf("gateway %+v", g)
	}
	if *spec.RateLimits[0].Calls != 3 || spec.Notifications.OnSuccess[0] != "a@b.c" || spec.Telemetry.LogsTable != "main.default.logs" || *spec.Telemetry.Sampling != 0.5 {
		t.Errorf("%+v", spec)
	}
	if *spec.Config.AutoCapture != (endpoint.InferenceTable{Enabled: true, Catalog: "main", Schema: "s", TablePrefix: "p"}) {
		t.Errorf("auto capture %+v", spec.Config.AutoCapture)
	}
	w := configWire(&endpoint.Config{AutoCapture: spec.Config.AutoCapture})
	text, err := json.Marshal(w.AutoCapture)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, string(text), `{"catalog_name":"main","schema_name":"s","table_name_prefix":"p","enabled":true,"state":{"payload_table":{"name":"p_payload"}}}`)
}

func TestSettingsThatCannotBeSayWhere(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	for _, c := range []struct {
		method, path, body, code string
		words                    []string
	}{
		{"PATCH", "/tags", `{"add_tags":{}}`, "MALFORMED_REQUEST", []string{"'add_tags' takes a list"}},
		{"PATCH", "/tags", `{"delete_tags":[1]}`, "MALFORMED_REQUEST", []string{"'delete_tags[0]' takes a string, got the number 1"}},
		{"PATCH", "/tags", `{"delete_tags":"a"}`, "MALFORMED_REQUEST", []string{"'delete_tags' takes a list"}},
		{"PUT", "/rate-limits", `{"rate_limits":[{"calls":"many"}]}`, "MALFORMED_REQUEST", []string{"'rate_limits[0].calls' takes a whole number"}},
		{"PUT", "/ai-gateway", `{"usage_tracking_config":true}`, "MALFORMED_REQUEST", []string{"'usage_tracking_config' takes an object"}},
		{"PUT", "/ai-gateway", `{"guardrails":{"input":{"safety":true}}}`, "INVALID_PARAMETER_VALUE", []string{"guardrails: Not for custom models."}},
		{"PATCH", "/notifications", `{"email_notifications":[]}`, "MALFORMED_REQUEST", []string{"'email_notifications' takes an object"}},
		{"PATCH", "/telemetry-config", `{"telemetry_config":{"inference_table_config":{"sampling_fraction":"1"}}}`, "MALFORMED_REQUEST", []string{"'telemetry_config.inference_table_config.sampling_fraction' takes a number"}},
		{"PATCH", "/telemetry-config", `{"telemetry_config":{"inference_table_config":{"sampling_fraction":1e999}}}`, "MALFORMED_REQUEST", []string{"takes a number"}},
	} {
		t.Run(c.path+" "+c.body, func(t *testing.T) {
			ask(t, s, c.method, endpointPath+c.path, c.body).wantError(t, 400, c.code, c.words...)
		})
	}
	for _, r := range settingRoutes {
		path := "/" + strings.Join(r.pattern.at[:r.pattern.n], "/")
		ask(t, s, r.method, strings.ReplaceAll(path, "{name}", "none"), "{}").wantError(t, 404, "RESOURCE_DOES_NOT_EXIST", "'none'")
	}
	ask(t, s, "PUT", configPath, updateBody)
	ask(t, s, "PATCH", endpointPath+"/telemetry-config", "{}").wantError(t, 409, "RESOURCE_CONFLICT", "before changing its telemetry")
}

func TestSettingsNeedManage(t *testing.T) {
	f := withDigits(newFake())
	s := New(f, Options{})
	f.level = access.CanQuery
	for _, r := range settingRoutes {
		path := strings.ReplaceAll("/"+strings.Join(r.pattern.at[:r.pattern.n], "/"), "{name}", "digits")
		ask(t, s, r.method, path, "{}", "Authorization: Bearer "+guestToken).wantError(t, 403, "PERMISSION_DENIED", "CAN_MANAGE")
	}
}

func TestTheSDKChangesSettings(t *testing.T) {
	w := sdk(t, New(withDigits(newFake()), Options{}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tags, err := w.ServingEndpoints.Patch(ctx, serving.PatchServingEndpointTags{Name: "digits", AddTags: []serving.EndpointTag{{Key: "team", Value: "a"}}, DeleteTags: []string{"z"}})
	if err != nil || len(tags.Tags) != 1 || tags.Tags[0].Key != "team" || tags.Tags[0].Value != "a" {
		t.Errorf("tags: %+v %v", tags, err)
	}
	//lint:ignore SA1019 older programs still call it
	limits, err := w.ServingEndpoints.Put(ctx, serving.PutRequest{Name: "digits", RateLimits: []serving.RateLimit{{Calls: 10, Key: serving.RateLimitKeyUser, RenewalPeriod: serving.RateLimitRenewalPeriodMinute}}})
	if err != nil || len(limits.RateLimits) != 1 || limits.RateLimits[0].Calls != 10 {
		t.Errorf("rate limits: %+v %v", limits, err)
	}
	gateway, err := w.ServingEndpoints.PutAiGateway(ctx, serving.PutAiGatewayRequest{Name: "digits",
		UsageTrackingConfig:  &serving.AiGatewayUsageTrackingConfig{Enabled: true},
		InferenceTableConfig: &serving.AiGatewayInferenceTableConfig{CatalogName: "main", SchemaName: "default", Enabled: true},
		RateLimits:           []serving.AiGatewayRateLimit{{Calls: 5, Key: serving.AiGatewayRateLimitKeyEndpoint, RenewalPeriod: serving.AiGatewayRateLimitRenewalPeriodMinute}}})
	if err != nil || gateway.InferenceTableConfig.TableNamePrefix != "digits" || !gateway.UsageTrackingConfig.Enabled || gateway.RateLimits[0].Calls != 5 {
		t.Errorf("gateway: %+v %v", gateway, err)
	}
	told, err := w.ServingEndpoints.UpdateNotifications(ctx, serving.UpdateInferenceEndpointNotifications{Name: "digits", EmailNotifications: &serving.EmailNotifications{OnUpdateFailure: []string{"a@example.com"}}})
	if err != nil || told.Name != "digits" || told.EmailNotifications.OnUpdateFailure[0] != "a@example.com" {
		t.Errorf("notifications: %+v %v", told, err)
	}
	e, err := w.ServingEndpoints.GetByName(ctx, "digits")
	if err != nil || e.AiGateway.InferenceTableConfig.CatalogName != "main" || e.EmailNotifications.OnUpdateFailure[0] != "a@example.com" || e.Tags[0].Key != "team" {
		t.Errorf("in the end: %+v %v", e, err)
	}
}

// Whatever the body of a setting is, it is read or refused with a short text.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{gatewayBody, `{"telemetry_config":` + telemetryBody + `}`, "", "{}", `{"add_tags":[{"key":"a"}],"delete_tags":["b",1]}`,
		`{"email_notifications":{"on_update_failure":[null]}}`, `{"rate_limits":[{"calls":1e400}]}`, `{"guardrails":{"input":[]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := parseObject(body)
		if err == nil {
			var spec endpoint.Spec
			decodeSettings(o, &spec)
			decodeTags(o, "add_tags")
			o.strings("delete_tags")
			decodeGateway(o)
			err = o.failed()
		}
		var known *requestError
		if err != nil && (!errors.As(err, &known) || known.code.status != 400 || len(known.message) > 100*mostSaid+20*len(body)+200) {
			t.Fatalf("%q: %v", body, err)
		}
	})
}
