package api

import (
	"context"

	"servery/engine/endpoint"
)

// EndpointChanges are what a user changes about an endpoint that exists. Each returns the
// endpoint as it is once the change is stored. The user is the one in ctx. All fail with
// *endpoint.NotFoundError where there is no such endpoint.
type EndpointChanges interface {
	// UpdateConfig replaces the whole configuration; its deployment goes on
	// (*endpoint.ValidationError, *endpoint.ConflictError).
	UpdateConfig(ctx context.Context, name string, spec endpoint.ConfigSpec) (endpoint.Endpoint, error)
	// StopEndpoint ends what serves it; requests in flight finish (*endpoint.StateError).
	StopEndpoint(ctx context.Context, name string) (endpoint.Endpoint, error)
	// StartEndpoint deploys what was stopped again (*endpoint.StateError,
	// *endpoint.ConflictError).
	StartEndpoint(ctx context.Context, name string) (endpoint.Endpoint, error)
	// CancelUpdate gives the running update up (*endpoint.StateError).
	CancelUpdate(ctx context.Context, name string) (endpoint.Endpoint, error)
	// ConfigVersions lists the configurations that are kept of an endpoint, newest first.
	ConfigVersions(name string) ([]endpoint.ConfigVersion, error)
	// ConfigVersion returns one of them.
	ConfigVersion(name string, version int) (endpoint.ConfigVersion, error)
	// RestoreConfig deploys the content of one of them as a new version; errors are those
	// of UpdateConfig.
	RestoreConfig(ctx context.Context, name string, version int) (endpoint.Endpoint, error)

	// What follows changes a setting and deploys nothing (*endpoint.ValidationError).

	// PatchTags adds tags, in place of those with the same keys, and deletes others.
	PatchTags(ctx context.Context, name string, add []endpoint.Tag, remove []string) (endpoint.Endpoint, error)
	// SetRateLimits replaces the rate limits of the form before the AI Gateway.
	SetRateLimits(ctx context.Context, name string, limits []endpoint.RateLimit) (endpoint.Endpoint, error)
	// SetAIGateway replaces the whole gateway.
	SetAIGateway(ctx context.Context, name string, gateway *endpoint.AIGateway) (endpoint.Endpoint, error)
	// SetNotifications replaces the addresses.
	SetNotifications(ctx context.Context, name string, n *endpoint.Notifications) (endpoint.Endpoint, error)
	// SetTelemetry replaces where telemetry goes; nil takes it away
	// (*endpoint.ConflictError).
	SetTelemetry(ctx context.Context, name string, t *endpoint.TelemetryExport) (endpoint.Endpoint, error)
}
