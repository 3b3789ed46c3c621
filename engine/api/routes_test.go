package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/gateway/ratelimit"
	"servery/engine/pool"
	"servery/engine/registry"
	"servery/engine/runtime"
)

// Every route answers, with and without a slash at its end and with a bare question mark.
func TestEveryRouteAnswers(t *testing.T) {
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "/.well-known/databricks-config", "", `"workspace_id":"8642"`},
		{"GET", "/api/2.0/preview/scim/v2/Me", "", `"userName":"ada@example.com"`},
		{"GET", "/api/2.0/serving-endpoints", "", `{"endpoints":[{"name":"digits"`},
		{"POST", "/api/2.0/serving-endpoints", `{"name":"new"}`, `"name":"new"`},
		{"GET", "/api/2.0/serving-endpoints/digits", "", `"config_version":2`},
		{"DELETE", "/api/2.0/serving-endpoints/digits", "", `{}`},
		{"POST", "/serving-endpoints/digits/invocations", `{"inputs":[1]}`, `{"predictions":[1,2]}`},
		{"POST", "/serving-endpoints/digits/served-models/digits-1/invocations", `{"inputs":[1]}`, `{"predictions":[1,2]}`},
		{"GET", "/api/2.0/servery/status", "", `{"version":"1.2.3","runtime":"ONNX Runtime 1.30.0 · CPU","timings":"local","goroutines":0}`},
		{"GET", "/api/2.0/servery/models", "", `"version":2,"status":"FAILED_REGISTRATION","reason":"an operator is unknown"`},
		{"GET", "/api/2.0/servery/models/main.default.digits", "", `"inputs":["x float32[-1,64]"],"outputs":["y int64[-1]"]`},
		{"POST", "/api/2.0/servery/models/import", `{"path":"/models/digits.onnx","name":"main.default.d"}`, `{"name":"main.default.d","version":3,"status":"FAILED_REGISTRATION","reason":"it is no ONNX file"`},
		{"POST", "/api/2.0/servery/models/main.default.digits/aliases", `{"alias":"shadow","version":"2"}`, `{"alias":"shadow","version":2}`},
		{"DELETE", "/api/2.0/servery/models/main.default.digits/aliases/champion", "", `{}`},
		{"DELETE", "/api/2.0/servery/models/main.default.digits/versions/2", "", `{}`},
		{"GET", "/api/2.0/servery/endpoints/digits/events", "", `{"events":[{"event_id":"1","timestamp":1764000000000,"event_type":"SERVED_ENTITY_READY","served_entity_name":"digits-1","config_version":2,"message":"Ready after 90 ms."},{"event_id":"0","timestamp":1763999999000,"event_type":"ENDPOINT_CREATED","actor":"`},
		{"GET", "/api/2.0/servery/endpoints/digits/workers", "", `{"workers":[{"entity":"digits-1","config_version":2,"pid":4711,"memory_bytes":1048576,"provisioned":4,"in_flight":1,"queued":2,"restarts":1}]}`},
	} {
		for _, tail := range []string{"", "?", "/", "/?", "?unknown=1"} {
			if c.path == discoveryPath && strings.HasPrefix(tail, "/") {
				continue
			}
			a := ask(t, New(withDigits(newFake()), Options{}), c.method, c.path+tail, c.body)
			if a.status != http.StatusOK || !strings.Contains(a.body, c.want) {
				t.Errorf("%s %s: status %d %s, want %s", c.method, c.path+tail, a.status, a.body, c.want)
			}
			if got := a.header.Get("Content-Type"); got != "application/json" {
				t.Errorf("%s %s: Content-Type %q", c.method, c.path+tail, got)
			}
			if len(a.header.Get("X-Request-Id")) != 36 {
				t.Errorf("%s %s: X-Request-Id %q", c.method, c.path+tail, a.header.Get("X-Request-Id"))
			}
		}
	}
}

func TestEveryRouteTellsWhatIsWrong(t *testing.T) {
	wide := strings.Repeat("x", 5000)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
		words              []string
	}{
		{"POST", "/.well-known/databricks-config", "", 405, "METHOD_NOT_ALLOWED", []string{"GET"}},
		{"POST", "/api/2.0/serving-endpoints", "", 400, "MALFORMED_REQUEST", []string{"empty"}},
		{"POST", "/api/2.0/serving-endpoints", "[]", 400, "MALFORMED_REQUEST", []string{"a list"}},
		{"POST", "/api/2.0/serving-endpoints", `{"name":"digits"}`, 409, "RESOURCE_ALREADY_EXISTS", []string{"Endpoint with name 'digits' already exists."}},
		{"GET", "/api/2.0/serving-endpoints/none", "", 404, "RESOURCE_DOES_NOT_EXIST", []string{"Endpoint with name 'none' does not exist."}},
		{"GET", "/api/2.0/serving-endpoints/" + wide, "", 404, "RESOURCE_DOES_NOT_EXIST", nil},
		{"DELETE", "/api/2.0/serving-endpoints/none", "", 404, "RESOURCE_DOES_NOT_EXIST", []string{"'none'"}},
		{"POST", "/serving-endpoints/none/invocations", "{}", 404, "ENDPOINT_NOT_FOUND", []string{"The given endpoint does not exist, please retry after checking the specified model and version deployment exists."}},
		{"POST", "/serving-endpoints/none/served-models/x/invocations", "{}", 404, "ENDPOINT_NOT_FOUND", nil},
		{"POST", "/serving-endpoints/digits/served-models/other/invocations", "{}", 404, "RESOURCE_DOES_NOT_EXIST", []string{"'digits'", "'other'"}},
		{"GET", "/api/2.0/servery/models/main.default.none", "", 404, "RESOURCE_DOES_NOT_EXIST", nil},
		{"POST", "/api/2.0/servery/models/import", `{"path":"digits.onnx"}`, 400, "INVALID_PARAMETER_VALUE", []string{"absolute"}},
		{"POST", "/api/2.0/servery/models/import", `{"path":7}`, 400, "MALFORMED_REQUEST", []string{"'path'", "a string"}},
		{"POST", "/api/2.0/servery/models/main.default.digits/aliases", `{"version":1}`, 400, "INVALID_PARAMETER_VALUE", []string{"'alias'"}},
		{"POST", "/api/2.0/servery/models/main.default.digits/aliases", `{"alias":"a"}`, 400, "INVALID_PARAMETER_VALUE", []string{"'version'"}},
		{"POST", "/api/2.0/servery/models/main.default.digits/aliases", `{"alias":"a","version":"one"}`, 400, "MALFORMED_REQUEST", []string{"'version'", "a whole number"}},
		{"POST", "/api/2.0/servery/models/main.default.none/aliases", `{"alias":"a","version":1}`, 404, "RESOURCE_DOES_NOT_EXIST", nil},
		{"DELETE", "/api/2.0/servery/models/main.default.digits/aliases/none", "", 404, "RESOURCE_DOES_NOT_EXIST", nil},
		{"DELETE", "/api/2.0/servery/models/main.default.digits/versions/9", "", 404, "RESOURCE_DOES_NOT_EXIST", nil},
		{"DELETE", "/api/2.0/servery/models/main.default.digits/versions/0x1", "", 400, "INVALID_PARAMETER_VALUE", []string{"number"}},
		{"GET", "/api/2.0/servery/endpoints/none/events", "", 404, "RESOURCE_DOES_NOT_EXIST", nil},
		{"GET", "/api/2.0/servery/endpoints/digits/events?max_results=0", "", 400, "INVALID_PARAMETER_VALUE", []string{"max_results"}},
		{"GET", "/api/2.0/servery/endpoints/none/workers", "", 404, "RESOURCE_DOES_NOT_EXIST", nil},
		{"GET", "/", "", 404, "ENDPOINT_NOT_FOUND", []string{"No API found for 'GET /'."}},
		{"GET", "/api/2.0/serving-endpoints/digits/config:pause", "", 404, "ENDPOINT_NOT_FOUND", nil},
		{"GET", "/" + strings.Repeat("a/", 3000), "", 404, "ENDPOINT_NOT_FOUND", nil},
	} {
		t.Run(c.method+" "+c.path[:min(len(c.path), 60)]+" "+c.body, func(t *testing.T) {
			ask(t, New(withDigits(newFake()), Options{}), c.method, c.path, c.body).wantError(t, c.status, c.code, c.words...)
		})
	}
}

// What the product has and this release has not says so, and never with 503 or 429,
// which clients repeat in silence.
func TestKnownRoutesOutOfScopeSayNotImplemented(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	for _, line := range []string{
		"PATCH /api/2.0/serving-endpoints/digits/system-metrics-export-state",
		"POST /api/2.0/serving-endpoints/pt", "PUT /api/2.0/serving-endpoints/pt/x/config", "POST /api/2.0/external-function",
		"GET /api/2.0/serving-endpoints/get-model-optimization-info/m/1", "POST /serving-endpoints/chat/completions",
		"POST /serving-endpoints/completions", "POST /serving-endpoints/embeddings", "POST /serving-endpoints/responses",
		"GET /api/2.1/unity-catalog/tables?",
		"GET /api/2.0/mlflow/registered-models/list",
	} {
		method, path, _ := strings.Cut(line, " ")
		a := ask(t, s, method, path, "{}")
		t.Run(line, func(t *testing.T) { a.wantError(t, 501, "NOT_IMPLEMENTED", "This release of Servery does not answer") })
	}
}

func TestAWrongMethodIsToldTheRightOnes(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	for line, allow := range map[string]string{
		"PUT /api/2.0/serving-endpoints":                        "GET, HEAD, POST",
		"POST /api/2.0/serving-endpoints/digits":                "DELETE, GET, HEAD",
		"GET /serving-endpoints/digits/invocations":             "POST",
		"OPTIONS /serving-endpoints/digits/invocations":         "POST",
		"DELETE /api/2.0/servery/models/main.default.digits":    "GET, HEAD",
		"TRACE /api/2.0/serving-endpoints/":                     "GET, HEAD, POST",
		"GET /api/2.0/servery/models/main.default.m/versions/1": "DELETE",
	} {
		method, path, _ := strings.Cut(line, " ")
		a := ask(t, s, method, path, "")
		a.wantError(t, 405, "METHOD_NOT_ALLOWED", allow)
		if got := a.header.Get("Allow"); got != allow {
			t.Errorf("%s: Allow %q, want %q", line, got, allow)
		}
	}
	if a := ask(t, s, "HEAD", "/api/2.0/serving-endpoints/digits", ""); a.status != 200 {
		t.Errorf("HEAD: status %d", a.status)
	}
}

// Names stay what they are: nothing in a path leads to another route.
func TestNamesInPathsAreNeverResolved(t *testing.T) {
	var asked []string
	f := withDigits(newFake())
	s := New(f, Options{})
	f.invoke = func(_ context.Context, name, _ string, _ runtime.Request) (endpoint.Answer, error) {
		asked = append(asked, name)
		return endpoint.Answer{}, &endpoint.NotFoundError{Name: name}
	}
	for path, name := range map[string]string{
		"..%2F..%2Fetc": "../../etc", "%2e%2e": "..", "%252e%252e%252f": "%2e%2e%2f", "a%5Cb": `a\b`, "a%00b": "a\x00b",
		"C:": "C:", "CON": "CON", "a.": "a.", "a%20": "a ", "%E2%80%AEabc": "\u202eabc", "e%CC%81": "e\u0301", "digits%2Finvocations": "digits/invocations",
	} {
		asked = nil
		a := ask(t, s, "POST", "/serving-endpoints/"+path+"/invocations", "{}")
		a.wantError(t, 404, "ENDPOINT_NOT_FOUND")
		if len(asked) != 1 || asked[0] != name {
			t.Errorf("%s: asked for %q, want %q", path, asked, name)
		}
	}
	for _, path := range []string{"/serving-endpoints//invocations", "/serving-endpoints/../invocations/", "//serving-endpoints/digits/invocations", "/serving-endpoints/digits//invocations", "/serving-endpoints/digits/invocations//"} {
		asked = nil
		a := ask(t, s, "POST", path, "{}")
		if a.status != 404 || (len(asked) > 0 && asked[0] == "digits") {
			t.Errorf("%s: status %d, asked %q", path, a.status, asked)
		}
	}
}

// Errors of the engine and their answers: the one table.
func TestErrorsBecomeStatuses(t *testing.T) {
	secret := errors.New("open /home/ada/data/state: permission denied")
	for _, c := range []struct {
		err    error
		status int
		code   string
		words  []string
	}{
		{&endpoint.ValidationError{Fields: []endpoint.FieldError{{Field: "config.served_entities[0].scale_to_zero_enabled", Message: "scaleToZeroEnabled is undefined. Please set it to either true or false."}}}, 400, "INVALID_PARAMETER_VALUE", []string{"scaleToZeroEnabled is undefined."}},
		{fmt.Errorf("asked: %w", &endpoint.NotReadyError{Message: "Endpoint 'digits' is not ready: it loads."}), 400, "BAD_REQUEST", []string{"it loads"}},
		{&endpoint.OverloadedError{}, 429, "RESOURCE_EXHAUSTED", []string{"Too many concurrent requests."}},
		{fmt.Errorf("asked: %w", &gateway.LimitError{Endpoint: "digits", Limit: ratelimit.Limit{Key: ratelimit.User, Calls: 5}, RetryAfter: 43 * time.Second}), 429, "REQUEST_LIMIT_EXCEEDED",
			[]string{"User defined rate limit(s) exceeded for 'digits'. Requests-per-minute (RPM) rate limit exceeded for user"}},
		{&gateway.LimitError{Endpoint: "digits", Limit: ratelimit.Limit{Key: ratelimit.Endpoint, Calls: 5}, RetryAfter: time.Second}, 429, "REQUEST_LIMIT_EXCEEDED", []string{"rate limit exceeded for endpoint"}},
		{&gateway.LimitError{Endpoint: "digits", Limit: ratelimit.Limit{Key: ratelimit.UserGroup, Calls: 5}, RetryAfter: time.Second}, 429, "REQUEST_LIMIT_EXCEEDED", []string{"rate limit exceeded for user group"}},
		{&gateway.LimitError{Endpoint: "digits", Limit: ratelimit.Limit{Key: ratelimit.Endpoint}}, 403, "PERMISSION_DENIED", []string{"The endpoint is temporarily disabled due to a user-set rate limit of 0."}},
		{pool.ErrFull, 429, "RESOURCE_EXHAUSTED", nil},
		{&runtime.DiedError{Cause: "SIGFPE: arithmetic error"}, 400, "BAD_REQUEST", []string{"process ended", "SIGFPE"}},
		{&runtime.LoadError{Message: "no operator Foo"}, 400, "BAD_REQUEST", []string{"no operator Foo"}},
		{context.DeadlineExceeded, 504, "DEADLINE_EXCEEDED", []string{"Timed out while evaluating the model."}},
		{context.Canceled, 499, "CANCELLED", nil},
		{syscall.ENOSPC, 507, "INSUFFICIENT_STORAGE", []string{"disk is full"}},
		{access.ErrUnauthenticated, 401, "UNAUTHENTICATED", nil},
		{&registry.NameError{}, 400, "INVALID_PARAMETER_VALUE", nil},
		{&registry.InUseError{}, 409, "RESOURCE_CONFLICT", nil},
		{&registry.SourceError{}, 400, "INVALID_PARAMETER_VALUE", nil},
		{&registry.DiskError{Message: "The catalog could not be written", Err: &fs.PathError{Op: "open", Path: "/home/ada/data", Err: syscall.EROFS}},
			500, "INTERNAL_ERROR", []string{"The catalog could not be written: read-only file system. See that Servery's data folder"}},
		{&registry.DiskError{Message: "The catalog could not be written", Err: secret}, 500, "INTERNAL_ERROR", []string{"The catalog could not be written. See"}},
		{&registry.DiskError{Message: "The catalog could not be written", Full: true, Err: secret}, 507, "INSUFFICIENT_STORAGE", []string{"disk is full"}},
		{secret, 500, "INTERNAL_ERROR", nil},
	} {
		f := withDigits(newFake())
		f.fails = c.err
		a := ask(t, New(f, Options{}), "POST", "/serving-endpoints/digits/invocations", "{}")
		t.Run(c.err.Error(), func(t *testing.T) { a.wantError(t, c.status, c.code, c.words...) })
		if strings.Contains(a.body, "/home/ada") {
			t.Errorf("the answer tells a path: %s", a.body)
		}
		want := ""
		if c.status == 429 {
			want = "1"
		}
		if limited := (*gateway.LimitError)(nil); errors.As(c.err, &limited) && c.status == 429 {
			want = strconv.Itoa(int(limited.RetryAfter / time.Second))
		}
		kserve := ask(t, New(f, Options{}), "POST", "/v2/models/digits/infer", "{}")
		for _, a := range []answer{a, kserve} {
			if got := a.header.Get("Retry-After"); got != want || a.status != c.status {
				t.Errorf("status %d with Retry-After %q, want %d and %q", a.status, got, c.status, want)
			}
		}
	}
}

// A client is told to come again when the queue that it found is through.
func TestRetryAfterIsTheWaitThatIsForeseen(t *testing.T) {
	for wait, want := range map[time.Duration]string{0: "1", time.Nanosecond: "1", time.Second: "1", 4500 * time.Millisecond: "5", 2 * time.Hour: "60"} {
		f := withDigits(newFake())
		f.fails = &endpoint.OverloadedError{Wait: wait}
		a := ask(t, New(f, Options{}), "POST", "/serving-endpoints/digits/invocations", "{}")
		if got := a.header.Get("Retry-After"); got != want || a.status != http.StatusTooManyRequests {
			t.Errorf("status %d with Retry-After %q for a wait of %v, want %s", a.status, got, wait, want)
		}
	}
}

func TestFieldErrorsComeOneByOne(t *testing.T) {
	f := newFake()
	f.fails = &endpoint.ValidationError{Fields: []endpoint.FieldError{{Field: "name", Message: "must not be empty."}, {Field: "config.served_entities[1].entity_version", Message: "does not exist."}}}
	a := ask(t, New(f, Options{}), "POST", "/api/2.0/serving-endpoints", "{}")
	a.wantError(t, 400, "INVALID_PARAMETER_VALUE", "name: must not be empty. config.served_entities[1].entity_version: does not exist.")
	details := a.into(t)["details"].([]any)
	if got := fmt.Sprint(details[1]); !strings.Contains(got, "BadRequest") || !strings.Contains(got, "config.served_entities[1].entity_version") {
		t.Errorf("details %s", got)
	}
}

func TestAPanicIsAnswered(t *testing.T) {
	var log strings.Builder
	f := newFake()
	f.panics = true
	s := New(f, Options{Log: textLog(&log)})
	a := ask(t, s, "GET", "/api/2.0/serving-endpoints", "")
	if a.status != 500 || !strings.Contains(a.body, `"error_code":"INTERNAL_ERROR"`) || strings.Contains(a.body, "upside down") {
		t.Errorf("status %d %s", a.status, a.body)
	}
	if !strings.Contains(log.String(), "upside down") || !strings.Contains(log.String(), a.header.Get("X-Request-Id")) {
		t.Errorf("the log does not tell the panic under the request's id: %s", log.String())
	}
}
