package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/runtime"
	"servery/engine/scoring"
)

func TestKServesDocumentsDescribeEndpoints(t *testing.T) {
	f := withDigits(newFake())
	s := New(f, Options{})
	for path, want := range map[string]string{
		"/v2/health/live":                           `{"live":true}`,
		"/v2/health/ready":                          `{"ready":true}`,
		"/v2/models/digits/ready":                   `{"name":"digits","ready":true}`,
		"/v2/models/digits/versions/digits-1/ready": `{"name":"digits","ready":true}`,
		"/v2/models/digits":                         `{"name":"digits","versions":["digits-1"],"platform":"onnxruntime_onnx","inputs":[{"name":"x","datatype":"FP32","shape":[-1,64]}],"outputs":[{"name":"y","datatype":"INT64","shape":[-1]}]}`,
		"/v2/models/digits/versions/1":              `{"name":"digits","versions":["digits-1"],"platform":"onnxruntime_onnx","inputs":[{"name":"x","datatype":"FP32","shape":[-1,64]}],"outputs":[{"name":"y","datatype":"INT64","shape":[-1]}]}`,
	} {
		if a := ask(t, s, "GET", path, ""); a.status != 200 || strings.TrimSpace(a.body) != want {
			t.Errorf("%s: %d %s, want %s", path, a.status, a.body, want)
		}
	}
	if a := ask(t, s, "GET", "/v2", ""); a.status != 200 || !strings.Contains(a.body, `"name":"servery"`) || !strings.Contains(a.body, `"extensions":["binary_tensor_data"]`) {
		t.Errorf("/v2: %d %s", a.status, a.body)
	}
	for path, want := range map[string]string{"/v2/models/other": messageNoEndpoint, "/v2/models/digits/versions/9": "no served entity '9'", "/v2/models/digits/versions/x/ready": "no served entity 'x'"} {
		if a := ask(t, s, "GET", path, ""); a.status != 404 || !strings.HasPrefix(a.body, `{"error":"`) || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s, want %s", path, a.status, a.body, want)
		}
	}
	e := f.endpoints["digits"]
	e.Ready = endpoint.NotReady
	f.endpoints["digits"] = e
	if a := ask(t, s, "GET", "/v2/models/digits/ready", ""); a.status != 400 || !strings.Contains(a.body, `{"error":"Endpoint 'digits' is not ready."}`) {
		t.Errorf("not ready: %d %s", a.status, a.body)
	}
}

func TestAVersionThatTwoEntitiesHaveIsRefused(t *testing.T) {
	f := withDigits(newFake())
	e := f.endpoints["digits"]
	active := *e.Active
	active.Entities = append(active.Entities[:1:1], active.Entities[0])
	active.Entities[1].Name = "other-1"
	e.Active = &active
	f.endpoints["digits"] = e
	if a := ask(t, New(f, Options{}), "POST", "/v2/models/digits/versions/1/infer", "{}"); a.status != 400 || !strings.Contains(a.body, "2 served entities of endpoint 'digits' have the model version 1") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestInferHandsTheBodyOverByContentType(t *testing.T) {
	f := withDigits(newFake())
	var got runtime.Request
	var entity string
	reply := runtime.Response{Status: 200, ContentType: scoring.KServeType, Body: []byte(`{"model_name":"digits"}`)}
	f.invoke = func(_ context.Context, _, e string, r runtime.Request) (endpoint.Answer, error) {
		got, entity = runtime.Request{ContentType: r.ContentType, Body: bytes.Clone(r.Body)}, e
		return endpoint.Answer{Entity: "digits-1", Response: reply}, nil
	}
	s := New(f, Options{})
	a := ask(t, s, "POST", "/v2/models/digits/infer", "{}", "Content-Type: application/json")
	if a.status != 200 || a.body != `{"model_name":"digits"}` || a.header.Get("Content-Type") != "application/json" || a.header.Get(inferenceHeader) != "" || a.header.Get("served-model-name") != "digits-1" {
		t.Errorf("%d %s %v", a.status, a.body, a.header)
	}
	if string(got.Body) != "{}" || got.ContentType != scoring.KServeContentType("digits", "", -1) || entity != "" {
		t.Errorf("the engine got %q as %q for %q", got.Body, got.ContentType, entity)
	}
	reply.ContentType, reply.Body = scoring.KServeType+";header=2", []byte("{}\x00\x01")
	a = ask(t, s, "POST", "/v2/models/digits/versions/1/infer", "{}\x00", inferenceHeader+": 2", "Content-Type: application/octet-stream")
	if a.status != 200 || a.body != "{}\x00\x01" || a.header.Get("Content-Type") != "application/octet-stream" || a.header.Get(inferenceHeader) != "2" || a.header.Get("Content-Length") != "4" {
		t.Errorf("%d %q %v", a.status, a.body, a.header)
	}
	if string(got.Body) != "{}\x00" || got.ContentType != scoring.KServeContentType("digits", "digits-1", 2) || entity != "digits-1" {
		t.Errorf("the engine got %q as %q for %q", got.Body, got.ContentType, entity)
	}
}

func TestInferAnswersErrorsInKServesForm(t *testing.T) {
	f := withDigits(newFake())
	s := New(f, Options{})
	f.invoke = func(_ context.Context, name, _ string, _ runtime.Request) (endpoint.Answer, error) {
		if name != "digits" {
			return endpoint.Answer{}, &endpoint.NotFoundError{Name: name}
		}
		return endpoint.Answer{Response: runtime.Response{Status: 400, ContentType: "application/json", Body: []byte(`{"error_code": "BAD_REQUEST", "message": "input 'x' \u003c"}`)}}, nil
	}
	for _, c := range []struct {
		path, body, header string
		status             int
		want               string
	}{
		{"/v2/models/digits/infer", "{}", "A: b", 400, `{"error":"input 'x' <"}`},
		{"/v2/models/none/infer", "{}", "A: b", 404, messageNoEndpoint},
		{"/v2/models/digits/versions/7/infer", "{}", "A: b", 404, "no served entity '7'"},
		{"/v2/models/digits/infer", "{}", inferenceHeader + ": -1", 400, `Inference-Header-Content-Length is \"-1\"`},
		{"/v2/models/digits/infer", "{}", inferenceHeader + ": 1e3", 400, `Inference-Header-Content-Length is \"1e3\"`},
		{"/v2/models/digits/infer", "{}", "Content-Type: application/octet-stream", 400, "needs the header Inference-Header-Content-Length"},
		{"/v2/models/digits/infer", strings.Repeat(" ", maxScoringBody+1), "A: b", 413, "larger than 16 MiB"},
	} {
		if a := ask(t, s, "POST", c.path, c.body, c.header); a.status != c.status || !strings.HasPrefix(a.body, `{"error":"`) || !strings.Contains(a.body, c.want) {
			t.Errorf("%s with %s: %d %s, want %d %s", c.path, c.header, a.status, a.body, c.status, c.want)
		}
	}
	f.level = access.CanView
	for _, path := range []string{"/v2/models/digits/infer", "/v2/models/digits/versions/1/infer"} {
		a := ask(t, s, "POST", path, "{}", "Authorization: Bearer "+guestToken)
		a.wantError(t, http.StatusForbidden, "PERMISSION_DENIED", bob.Name)
	}
}
