package api

import (
	"net/http"
	"strings"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/runtime"
	"servery/engine/trace"
)

// ask has a model answer a request that began at began, and has that traced where traces
// are exported.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, user access.User, began time.Time, name, entity string, request runtime.Request) (endpoint.Answer, error) {
	var span *trace.Context
	if s.options.Traces != nil {
		span = s.options.Traces.Begin(r.Header["Traceparent"], r.Header["Tracestate"])
	}
	if span == nil {
		return s.services.Invoke(called(w, r, user), name, entity, request)
	}
	asked := time.Now()
	a, err := s.services.Invoke(called(w, r, user), name, entity, request)
	t := trace.Request{
		Context: *span, Began: began, Asked: asked, Took: time.Since(began),
		Method: r.Method, Route: routeOf(r), Path: r.URL.Path, Host: r.Host, UserAgent: r.UserAgent(), Protocol: strings.TrimPrefix(r.Proto, "HTTP/"),
		ID: requestID(w), Status: a.Status, BodyBytes: len(request.Body), Answer: len(a.Body),
		Endpoint: name, Entity: a.Entity, ConfigVersion: a.ConfigVersion,
		Queue: a.Queue + a.Timing.Wait, Decode: a.Timing.Decode, Model: a.Timing.Run, Encode: a.Timing.Encode,
	}
	switch {
	case err != nil:
		t.Status = explain(err, true).code.status
	case t.Status == 0:
		t.Status = http.StatusOK
	}
	s.options.Traces.Add(t)
	return a, err
}

// routeOf is the pattern of a scoring request's path: "/serving-endpoints/{name}/invocations".
// The table of routes cannot be asked here: it is made of the handlers.
func routeOf(r *http.Request) string {
	path, _ := split(r.URL.EscapedPath(), true)
	parts := path.at[:path.n]
	for i := 1; i < len(parts); i++ { // what is a name itself is replaced before it is looked at
		switch parts[i-1] {
		case "serving-endpoints", "models":
			parts[i] = "{name}"
		case "served-models":
			parts[i] = "{entity}"
		case "versions":
			parts[i] = "{version}"
		}
	}
	return "/" + strings.Join(parts, "/")
}
