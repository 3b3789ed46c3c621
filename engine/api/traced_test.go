package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"servery/engine/endpoint"
	"servery/engine/runtime"
	"servery/engine/trace"
)

// traced gives a server whose spans a collector gets, and what that got in the end.
func traced(t *testing.T, f *fake) (s *Server, spans func() []*traces.Span) {
	got := make(chan []*traces.Span, 100)
	c := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var x collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &x); err != nil {
			t.Error(err)
			return
		}
		got <- x.ResourceSpans[0].ScopeSpans[0].Spans
	}))
	config, err := trace.FromEnvironment(func(name string) (string, bool) {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL}[name], true
	})
	if err != nil {
		t.Fatal(err)
	}
	e := trace.Start(*config, "test", slog.New(slog.DiscardHandler))
	return New(f, Options{Traces: e}), func() (all []*traces.Span) {
		e.Close(context.Background())
		c.Close()
		close(got)
		for s := range got {
			all = append(all, s...)
		}
		return all
	}
}

func attributeOf(s *traces.Span, key string) any {
	for _, a := range s.Attributes {
		if a.Key == key {
			if text := a.Value.GetStringValue(); text != "" {
				return text
			}
			return a.Value.GetIntValue()
		}
	}
	return nil
}

func TestEachScoringRequestIsASpan(t *testing.T) {
	f := withDigits(newFake())
	f.invoke = func(_ context.Context, name, _ string, _ runtime.Request) (endpoint.Answer, error) {
		if name != "digits" {
			return endpoint.Answer{}, &endpoint.NotFoundError{Name: name}
		}
		return endpoint.Answer{Entity: "digits-1", ConfigVersion: 1, Queue: time.Millisecond, Response: runtime.Response{
			Status: 200, ContentType: "application/json", Body: []byte("{}"), Timing: runtime.Timing{Decode: time.Millisecond, Run: time.Millisecond, Encode: time.Millisecond}}}, nil
	}
	s, spans := traced(t, f)
	const caller = "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, path := range []string{"/serving-endpoints/digits/invocations", "/serving-endpoints/digits/served-models/digits-1/invocations",
		"/v2/models/digits/infer", "/serving-endpoints/none/invocations"} {
		ask(t, s, "POST", path, exampleBody, caller)
	}
	ask(t, s, "POST", "/serving-endpoints/digits/invocations", exampleBody, "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
	ask(t, s, "GET", "/api/2.0/serving-endpoints", "")
	want := []struct {
		route  string
		status int64
		stages int
	}{
		{"/serving-endpoints/{name}/invocations", 200, 4}, {"/serving-endpoints/{name}/served-models/{entity}/invocations", 200, 4},
		{"/v2/models/{name}/infer", 200, 4}, {"/serving-endpoints/{name}/invocations", 404, 0},
	}
	all := spans()
	for _, w := range want {
		if len(all) <= w.stages {
			t.Fatalf("%d spans are left for %+v", len(all), w)
		}
		server := all[0]
		if attributeOf(server, "http.route") != w.route || attributeOf(server, "http.response.status_code") != w.status || len(server.ParentSpanId) != 8 {
			t.Errorf("%+v: %v", w, server)
		}
		for i, name := range []string{"queue", "decode", "model", "encode"}[:w.stages] {
			if all[i+1].Name != name {
				t.Errorf("%+v: stage %d is %s", w, i, all[i+1].Name)
			}
		}
		all = all[1+w.stages:]
	}
	if len(all) != 0 {
		t.Errorf("more spans than were asked for: %v", all)
	}
}
