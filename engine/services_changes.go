package engine

import (
	"context"

	"servery/engine/endpoint"
)

// CheckUpdate tells what UpdateConfig would refuse, without changing anything.
func (e *Engine) CheckUpdate(name string, spec endpoint.ConfigSpec) []endpoint.FieldError {
	return e.endpoints.CheckUpdate(name, spec)
}

// UpdateConfig accepts another configuration of an endpoint: it is stored when this
// returns, its deployment goes on, and the old one serves until it is ready.
func (e *Engine) UpdateConfig(ctx context.Context, name string, spec endpoint.ConfigSpec) (endpoint.Endpoint, error) {
	return e.endpoints.Update(ctx, name, spec, e.user(ctx).Name)
}

// StopEndpoint ends what serves an endpoint and keeps its configuration.
func (e *Engine) StopEndpoint(ctx context.Context, name string) (endpoint.Endpoint, error) {
	return e.endpoints.Stop(ctx, name, e.user(ctx).Name)
}

// StartEndpoint deploys the configuration of a stopped endpoint again.
func (e *Engine) StartEndpoint(ctx context.Context, name string) (endpoint.Endpoint, error) {
	return e.endpoints.Start(ctx, name, e.user(ctx).Name)
}

// CancelUpdate gives the running update of an endpoint up.
func (e *Engine) CancelUpdate(ctx context.Context, name string) (endpoint.Endpoint, error) {
	return e.endpoints.Cancel(ctx, name, e.user(ctx).Name)
}
