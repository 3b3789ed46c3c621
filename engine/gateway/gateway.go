// Package gateway is the AI Gateway: what stands before an endpoint. It holds requests to
// the endpoint's rate limits, and tells a finished request to those who keep rows of it:
// usage tracking and inference tables. It knows nothing of HTTP and stores nothing itself.
package gateway

import (
	"context"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway/ratelimit"
	"servery/engine/runtime"
	"servery/engine/telemetry"
)

// Endpoints are what stands behind the gateway: *endpoint.Service.
type Endpoints interface {
	// Picture is the endpoint of that name as it is now, read only; nil where there is none.
	Picture(name string) *endpoint.Endpoint
	// Invoke answers one scoring request.
	Invoke(ctx context.Context, name, entity string, request runtime.Request) (endpoint.Answer, error)
}

// Consumer takes finished requests. Its methods are called on the request path, from many
// goroutines at once: they return at once and never wait for a disk or for each other.
type Consumer interface {
	// Wants tells whether requests to this endpoint, with the settings that it has now, are
	// of interest. Every request asks.
	Wants(e *endpoint.Endpoint) bool
	// Take is told of a finished request. r and its bodies are the caller's and are used
	// again once Take has returned: what is kept is copied.
	Take(r *Request)
}

// Options are what a Gateway stands on. All but Consumers are required.
type Options struct {
	Endpoints Endpoints
	Groups    ratelimit.Groups
	Telemetry *telemetry.Telemetry
	Changes   *telemetry.Hub
	// Owner is who calls where a request's context does not say: the user of the window.
	Owner func() access.User
	// Explain is the status and the body that the client gets for a request's Err.
	Explain func(r *Request) (status int, body []byte)
	// Consumers are told of finished requests, in this order.
	Consumers []Consumer
}

// Gateway passes requests on to endpoints. All methods may be called from many goroutines
// at once.
type Gateway struct {
	options Options
	limited limiters
}

// New makes a gateway.
func New(options Options) *Gateway { return &Gateway{options: options} }

// Invoke answers one scoring request as Endpoints.Invoke does; *LimitError refuses one for
// a rate limit. Of an endpoint without settings of the gateway it costs one look at the
// endpoint.
func (g *Gateway) Invoke(ctx context.Context, name, entity string, request runtime.Request) (endpoint.Answer, error) {
	e := g.options.Endpoints.Picture(name)
	if e == nil || !hasLimits(e) && !g.wanted(e) {
		return g.options.Endpoints.Invoke(ctx, name, entity, request)
	}
	call, began := g.call(ctx), time.Now()
	var a endpoint.Answer
	err := g.admit(e, call.User, began)
	refused := err != nil
	if !refused {
		a, err = g.options.Endpoints.Invoke(ctx, name, entity, request)
	}
	if !g.wanted(e) {
		return a, err
	}
	g.finish(&Request{
		Endpoint: e, Entity: a.Entity, ConfigVersion: a.ConfigVersion,
		Requester: call.User, ID: call.RequestID,
		At: began, Took: time.Since(began), Queue: a.Queue, Timing: a.Timing,
		Status: a.Status, Err: err, Refused: refused,
		ContentType: request.ContentType, Body: request.Body, Answer: a.Body,
	})
	return a, err
}

func (g *Gateway) wanted(e *endpoint.Endpoint) bool {
	for _, c := range g.options.Consumers {
		if c.Wants(e) {
			return true
		}
	}
	return false
}

// finish tells the consumers of a request.
func (g *Gateway) finish(r *Request) {
	if r.Err != nil {
		r.Status, r.Answer = g.options.Explain(r)
	}
	for _, c := range g.options.Consumers {
		if c.Wants(r.Endpoint) {
			c.Take(r)
		}
	}
}

// call is who sent the request of a context.
func (g *Gateway) call(ctx context.Context) Call {
	if c, ok := CallFrom(ctx); ok {
		return c
	}
	u, ok := access.UserFrom(ctx)
	if !ok {
		u = g.options.Owner()
	}
	return Call{User: u, RequestID: NewRequestID()}
}
