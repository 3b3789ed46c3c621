package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	traces "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// standIn is a collector that keeps what it is sent.
type standIn struct {
	*httptest.Server
	mu      sync.Mutex
	got     []*collector.ExportTraceServiceRequest
	headers []http.Header
	paths   []string
	answers []int // the statuses of the next answers; then 200
	block   chan struct{}
}

func newStandIn(t *testing.T) *standIn {
	c := &standIn{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.block != nil {
			<-c.block
		}
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		data, err := io.ReadAll(body)
		var x collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(data, &x)
		}
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		status := 200
		if len(c.answers) > 0 {
			status, c.answers = c.answers[0], c.answers[1:]
		}
		if status == 200 {
			c.got = append(c.got, &x)
		}
		c.headers, c.paths = append(c.headers, r.Header), append(c.paths, r.URL.Path)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *standIn) spans() (all []*traces.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.got {
		for _, r := range x.ResourceSpans {
			for _, s := range r.ScopeSpans {
				all = append(all, s.Spans...)
			}
		}
	}
	return all
}

func configOf(t *testing.T, variables map[string]string) *Config {
	t.Helper()
	c, err := FromEnvironment(func(name string) (string, bool) { v, ok := variables[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	caller  = "00f067aa0ba902b7"
)

func request(e *Exporter) Request {
	c := e.Begin([]string{"00-" + traceID + "-" + caller + "-01"}, []string{"vendor=1"})
	began := time.Unix(1_770_000_000, 0)
	return Request{
		Context: *c, Began: began, Asked: began.Add(time.Millisecond), Took: 10 * time.Millisecond,
		Method: "POST", Route: "/serving-endpoints/{name}/invocations", Path: "/serving-endpoints/digits/invocations",
		Host: "127.0.0.1:8642", UserAgent: "curl/8 \xff", Protocol: "1.1", ID: "id-1", Status: 200, BodyBytes: 12, Answer: 34,
		Endpoint: "digits", Entity: "digits-1", ConfigVersion: 3,
		Queue: time.Millisecond, Decode: 2 * time.Millisecond, Model: 3 * time.Millisecond, Encode: 500 * time.Microsecond,
	}
}

func attribute(all []*common.KeyValue, key string) any {
	for _, a := range all {
		if a.Key == key {
			switch v := a.Value.Value.(type) {
			case *common.AnyValue_StringValue:
				return v.StringValue
			case *common.AnyValue_IntValue:
				return v.IntValue
			}
		}
	}
	return nil
}

func TestACollectorGetsARequestAndItsStages(t *testing.T) {
	c := newStandIn(t)
	e := Start(*configOf(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b,x=1", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
		"OTEL_SERVICE_NAME": "mine", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=desk",
	}), "1.2.3", slog.New(slog.DiscardHandler))
	e.Add(request(e))
	e.Close(context.Background())

	if c.paths[0] != "/v1/traces" || c.headers[0].Get("Api-Key") != "a b" || c.headers[0].Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("%s, %v", c.paths[0], c.headers[0])
	}
	self := c.got[0].ResourceSpans[0].Resource.Attributes
	for key, want := range map[string]any{"service.name": "mine", "service.version": "1.2.3", "deployment.environment.name": "desk"} {
		if got := attribute(self, key); got != want {
			t.Errorf("%s is %v", key, got)
		}
	}
	spans := c.spans()
	if len(spans) != 5 {
		t.Fatalf("%d spans", len(spans))
	}
	server := spans[0]
	if hex.EncodeToString(server.TraceId) != traceID || hex.EncodeToString(server.ParentSpanId) != caller || server.TraceState != "vendor=1" {
		t.Errorf("it does not continue its caller's trace: %v", server)
	}
	if server.Name != "POST /serving-endpoints/{name}/invocations" || server.Kind != traces.Span_SPAN_KIND_SERVER || server.EndTimeUnixNano-server.StartTimeUnixNano != 10e6 || server.Flags != 0x301 {
		t.Errorf("%v", server)
	}
	for key, want := range map[string]any{
		"http.request.method": "POST", "http.route": "/serving-endpoints/{name}/invocations", "http.response.status_code": int64(200), "url.scheme": "http",
		"url.path": "/serving-endpoints/digits/invocations", "server.address": "127.0.0.1", "server.port": int64(8642), "user_agent.original": "curl/8 �",
		"http.request.body.size": int64(12), "http.response.body.size": int64(34), "servery.endpoint.name": "digits",
		"servery.served_entity.name": "digits-1", "servery.config.version": int64(3), "servery.request.id": "id-1", "error.type": nil,
	} {
		if got := attribute(server.Attributes, key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	at := server.StartTimeUnixNano + 1e6
	for i, stage := range []struct {
		name string
		ns   uint64
	}{{"queue", 1e6}, {"decode", 2e6}, {"model", 3e6}, {"encode", 5e5}} {
		s := spans[i+1]
		if s.Name != stage.name || s.StartTimeUnixNano != at || s.EndTimeUnixNano != at+stage.ns || !bytes.Equal(s.ParentSpanId, server.SpanId) || !bytes.Equal(s.TraceId, server.TraceId) {
			t.Errorf("stage %d: %v", i, s)
		}
		at += stage.ns
	}
}

func TestAServersFaultIsAnError(t *testing.T) {
	for status, want := range map[int]traces.Status_StatusCode{200: 0, 404: 0, 429: 0, 500: traces.Status_STATUS_CODE_ERROR, 504: traces.Status_STATUS_CODE_ERROR} {
		r := Request{Status: status}
		if got := r.spans(nil)[0].Status.Code; got != want {
			t.Errorf("%d is %v", status, got)
		}
	}
}

// A collector that hangs keeps nobody waiting, and what it does not take is counted.
func TestACollectorThatHangsKeepsNobodyWaiting(t *testing.T) {
	c := newStandIn(t)
	c.block = make(chan struct{})
	e := Start(*configOf(t, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.URL, "OTEL_BSP_MAX_QUEUE_SIZE": "100"}), "", slog.New(slog.DiscardHandler))
	r := request(e)
	for range 10_000 { // 100 wait, 100 are being sent or gathered; Add would block here for ever
		e.Add(r)
	}
	if n := e.Dropped(); n < 10_000-200-100 || n > 10_000-100 {
		t.Errorf("%d of 10,000 were dropped", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e.Close(ctx) // does not wait for it either
	close(c.block)
}

func TestAnExportIsTriedAgainWhereThatMayHelp(t *testing.T) {
	for _, x := range []struct {
		answers []int
		spans   int
		waits   int
	}{
		{[]int{503, 429}, 5, 2}, {[]int{400}, 0, 0}, {[]int{502, 502, 502, 502}, 0, 3}, {[]int{307}, 0, 0},
	} {
		c := newStandIn(t)
		c.answers = x.answers
		e := newExporter(*configOf(t, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.URL + "/in"}), "", slog.New(slog.DiscardHandler))
		var waits []time.Duration
		e.pause = func(_ context.Context, d time.Duration) { waits = append(waits, d) }
		e.export([]Request{request(e)})
		if len(c.spans()) != x.spans || len(waits) != x.waits || x.spans == 0 != (e.Dropped() == 1) || c.paths[0] != "/in" {
			t.Errorf("%v: %d spans, %d dropped, waited %v", x.answers, len(c.spans()), e.Dropped(), waits)
		}
		for _, w := range waits {
			if w < 7*time.Second { // Retry-After
				t.Errorf("%v: waited %v", x.answers, waits)
			}
		}
		e.Close(context.Background())
	}
}

func TestNothingIsSentUnlessACollectorIsNamed(t *testing.T) {
	for _, variables := range []map[string]string{
		{}, {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SERVICE_NAME": "x"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_SDK_DISABLED": "true"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_TRACES_EXPORTER": "none"},
	} {
		if c := configOf(t, variables); c != nil {
			t.Errorf("%v sends to %s", variables, c)
		}
	}
}

func TestTheEnvironmentIsFollowedOrRefused(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for address, want := range map[string]string{
		"http://localhost:4318": "http://localhost:4318/v1/traces", "https://c.example/otlp/": "https://c.example/otlp/v1/traces",
	} {
		if c := configOf(t, map[string]string{endpoint: address}); c.URL != want {
			t.Errorf("%s is %s", address, c.URL)
		}
	}
	c := configOf(t, map[string]string{
		endpoint: "http://a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://me:secret@b:2", "OTEL_EXPORTER_OTLP_HEADERS": "a=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "500", "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BSP_MAX_QUEUE_SIZE": "10",
	})
	if c.URL != "http://me:secret@b:2/" || strings.Contains(c.String(), "secret") || len(c.Headers) != 1 || c.Headers["b"] != "2" ||
		c.Timeout != 500*time.Millisecond || c.Delay != 100*time.Millisecond || c.Queue != 10 || c.Batch != 10 {
		t.Errorf("%+v", c)
	}
	for name, value := range map[string]string{
		endpoint: "localhost:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_COMPRESSION": "br",
		"OTEL_EXPORTER_OTLP_HEADERS": "novalue", "OTEL_RESOURCE_ATTRIBUTES": "a=%zz", "OTEL_BSP_MAX_QUEUE_SIZE": "0", "OTEL_TRACES_SAMPLER": "jaeger_remote",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "-1",
	} {
		variables := map[string]string{endpoint: "http://localhost:4318"}
		variables[name] = value
		c, err := FromEnvironment(func(n string) (string, bool) { v, ok := variables[n]; return v, ok })
		if c != nil && err == nil || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

func TestASamplerFollowsItsCaller(t *testing.T) {
	sampled, not := []string{"00-" + traceID + "-" + caller + "-01"}, []string{"00-" + traceID + "-" + caller + "-00"}
	for name, want := range map[string][3]bool{ // for a caller that samples, one that does not, and none
		"": {true, false, true}, "always_on": {true, true, true}, "always_off": {false, false, false},
		"parentbased_always_off": {true, false, false}, "traceidratio": {true, true, true},
	} {
		e := newExporter(*configOf(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1", "OTEL_TRACES_SAMPLER": name}), "", slog.New(slog.DiscardHandler))
		if got := [3]bool{e.Begin(sampled, nil) != nil, e.Begin(not, nil) != nil, e.Begin(nil, nil) != nil}; got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
	e := newExporter(*configOf(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}), "", slog.New(slog.DiscardHandler))
	taken := 0
	for range 10_000 {
		if e.Begin(nil, nil) != nil {
			taken++
		}
	}
	if taken < 2200 || taken > 2800 {
		t.Errorf("%d of 10,000 at a ratio of 0.25", taken)
	}
}

func TestTraceparents(t *testing.T) {
	const good = "00-" + traceID + "-" + caller + "-01"
	for parent, ok := range map[string]bool{
		good: true, "01-" + traceID + "-" + caller + "-01-what": true, "cc-" + traceID + "-" + caller + "-09": true,
		"": false, good + "-what": false, "ff-" + traceID + "-" + caller + "-01": false, strings.ToUpper(good): false,
		"00-00000000000000000000000000000000-" + caller + "-01": false, "00-" + traceID + "-0000000000000000-01": false,
		good[:54]: false, strings.Replace(good, "4b", "4g", 1): false, "01-" + traceID + "-" + caller + "-01what": false,
	} {
		if c, got := Parse([]string{parent}, nil); got != ok || !ok && c != (Context{}) {
			t.Errorf("%q: %v, %+v", parent, got, c)
		}
	}
	if _, ok := Parse([]string{good, good}, nil); ok {
		t.Error("two are one too many")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("00-"+traceID+"-"+caller+"-01", "a=1")
	f.Fuzz(func(t *testing.T, parent, state string) {
		c, ok := Parse([]string{parent}, []string{state})
		if !ok {
			return
		}
		r := Request{Context: c, Path: parent, UserAgent: state}
		if _, err := encode([]Request{r}, nil, ""); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	e := newExporter(Config{Queue: 1, Batch: 1, sampler: sampler{follow: true, ratio: 1}}, "", slog.New(slog.DiscardHandler))
	parent := []string{"00-" + traceID + "-" + caller + "-01"}
	b.ReportAllocs()
	for b.Loop() {
		e.Add(Request{Context: *e.Begin(parent, nil)})
	}
}
