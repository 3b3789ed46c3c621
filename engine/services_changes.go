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

// ConfigVersions lists the configurations that are kept of an endpoint, newest first: the
// active, the pending and the endpoint.VersionsKept that ended last.
func (e *Engine) ConfigVersions(name string) ([]endpoint.ConfigVersion, error) {
	return e.endpoints.Versions(name)
}

// ConfigVersion returns one configuration that is kept of an endpoint. endpoint.Compare
// tells what differs between two.
func (e *Engine) ConfigVersion(name string, version int) (endpoint.ConfigVersion, error) {
	return e.endpoints.Version(name, version)
}

// RestoreConfig deploys the content of a configuration that an endpoint had as a new
// version, as UpdateConfig does.
func (e *Engine) RestoreConfig(ctx context.Context, name string, version int) (endpoint.Endpoint, error) {
	return e.endpoints.Restore(ctx, name, version, e.user(ctx).Name)
}

// PatchTags adds tags to an endpoint, in place of those with the same keys, and deletes
// others.
func (e *Engine) PatchTags(ctx context.Context, name string, add []endpoint.Tag, remove []string) (endpoint.Endpoint, error) {
	return e.endpoints.PatchTags(ctx, name, add, remove)
}

// SetRateLimits replaces an endpoint's rate limits of the form before the AI Gateway.
func (e *Engine) SetRateLimits(ctx context.Context, name string, limits []endpoint.RateLimit) (endpoint.Endpoint, error) {
	return e.endpoints.SetRateLimits(ctx, name, limits)
}

// SetAIGateway replaces an endpoint's whole gateway; nil takes it away.
func (e *Engine) SetAIGateway(ctx context.Context, name string, gateway *endpoint.AIGateway) (endpoint.Endpoint, error) {
	return e.endpoints.SetAIGateway(ctx, name, gateway)
}

// SetNotifications replaces who is told how an update ended; nil takes all away.
func (e *Engine) SetNotifications(ctx context.Context, name string, n *endpoint.Notifications) (endpoint.Endpoint, error) {
	return e.endpoints.SetNotifications(ctx, name, n)
}

// SetTelemetry replaces where an endpoint's telemetry goes; nil takes it away.
func (e *Engine) SetTelemetry(ctx context.Context, name string, t *endpoint.TelemetryExport) (endpoint.Endpoint, error) {
	return e.endpoints.SetTelemetry(ctx, name, t)
}
