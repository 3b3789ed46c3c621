package trace

import (
	"maps"
	"slices"
	"strconv"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	traces "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Request is a scoring request that has ended.
type Request struct {
	Context       // of its caller; SpanID is zero where it began the trace
	Began         time.Time
	Asked         time.Time // when its body was read
	Took          time.Duration
	Method        string
	Route         string // "/serving-endpoints/{name}/invocations"
	Path          string
	Host          string // "127.0.0.1:8642"
	UserAgent     string
	Protocol      string // "1.1"
	ID            string // X-Request-Id
	Status        int
	BodyBytes     int
	Answer        int // bytes
	Endpoint      string
	Entity        string
	ConfigVersion int

	Queue, Decode, Model, Encode time.Duration
}

// encode writes requests as an ExportTraceServiceRequest.
func encode(batch []Request, attributes map[string]string, version string) ([]byte, error) {
	self := &resource.Resource{}
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		self.Attributes = append(self.Attributes, text(key, attributes[key]))
	}
	if _, given := attributes["service.version"]; !given && version != "" {
		self.Attributes = append(self.Attributes, text("service.version", version))
	}
	var spans []*traces.Span
	for i := range batch {
		spans = batch[i].spans(spans)
	}
	return proto.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: []*traces.ResourceSpans{{
		Resource:   self,
		ScopeSpans: []*traces.ScopeSpans{{Scope: &common.InstrumentationScope{Name: "servery", Version: version}, Spans: spans}},
	}}})
}

// flags of a span: bit 8 says that bit 9 counts, which says that the parent is elsewhere.
const (
	flagSampled  = 0x001
	flagKnown    = 0x100
	flagIsRemote = 0x200
)

// spans appends the request's span and those of its stages, which are laid one behind the
// other from the moment its body was read: what is left at the end is the way to the worker
// process and back.
func (r *Request) spans(all []*traces.Span) []*traces.Span {
	id, state := newSpanID(), valid(r.State)
	server := &traces.Span{
		TraceId: r.TraceID[:], SpanId: id[:], TraceState: state, Flags: flagSampled | flagKnown,
		Name: r.Method + " " + r.Route, Kind: traces.Span_SPAN_KIND_SERVER,
		StartTimeUnixNano: uint64(r.Began.UnixNano()), EndTimeUnixNano: uint64(r.Began.Add(r.Took).UnixNano()),
		Attributes: r.attributes(), Status: &traces.Status{},
	}
	if r.SpanID != [8]byte{} {
		server.ParentSpanId = r.SpanID[:]
		server.Flags |= flagIsRemote
	}
	if r.Status >= 500 { // what the client did wrong is no error of the server's span
		server.Status.Code = traces.Status_STATUS_CODE_ERROR
		server.Attributes = append(server.Attributes, text("error.type", strconv.Itoa(r.Status)))
	}
	all = append(all, server)
	at := r.Asked
	for _, stage := range []struct {
		name string
		took time.Duration
	}{{"queue", r.Queue}, {"decode", r.Decode}, {"model", r.Model}, {"encode", r.Encode}} {
		if stage.took <= 0 {
			continue
		}
		child := newSpanID()
		end := at.Add(stage.took)
		all = append(all, &traces.Span{
			TraceId: r.TraceID[:], SpanId: child[:], ParentSpanId: id[:], TraceState: state, Flags: flagSampled | flagKnown,
			Name: stage.name, Kind: traces.Span_SPAN_KIND_INTERNAL, Status: &traces.Status{},
			StartTimeUnixNano: uint64(at.UnixNano()), EndTimeUnixNano: uint64(end.UnixNano()),
		})
		at = end
	}
	return all
}

// attributes are OpenTelemetry's of an HTTP server (semantic conventions 1.30), and ours.
func (r *Request) attributes() []*common.KeyValue {
	all := []*common.KeyValue{
		text("http.request.method", r.Method),
		text("http.route", r.Route),
		text("url.scheme", "http"),
		text("url.path", r.Path),
		text("network.protocol.version", r.Protocol),
		number("http.response.status_code", r.Status),
		number("http.request.body.size", r.BodyBytes),
		number("http.response.body.size", r.Answer),
		text("servery.endpoint.name", r.Endpoint),
		text("servery.request.id", r.ID),
	}
	if host, port, ok := splitHost(r.Host); ok {
		all = append(all, text("server.address", host), number("server.port", port))
	}
	if r.UserAgent != "" {
		all = append(all, text("user_agent.original", r.UserAgent))
	}
	if r.Entity != "" {
		all = append(all, text("servery.served_entity.name", r.Entity), number("servery.config.version", r.ConfigVersion))
	}
	return all
}

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: valid(value)}}}
}

func number(key string, value int) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(value)}}}
}
