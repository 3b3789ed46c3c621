package engine

import (
	"context"
	goruntime "runtime"
	"time"

	"servery/engine/access"
	"servery/engine/api"
	"servery/engine/endpoint"
	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/runtime/ortlib"
	"servery/engine/telemetry"
)

var _ api.Services = (*Engine)(nil)

// Endpoints lists all endpoints by name. The slice is shared: it is read only.
func (e *Engine) Endpoints() []endpoint.Endpoint { return e.endpoints.List() }

// Endpoint returns one endpoint, or *endpoint.NotFoundError.
func (e *Engine) Endpoint(name string) (endpoint.Endpoint, error) { return e.endpoints.Get(name) }

// CheckEndpoint tells what a create would refuse, without creating anything.
func (e *Engine) CheckEndpoint(spec endpoint.Spec) []endpoint.FieldError {
	return e.endpoints.Check(spec)
}

// CreateEndpoint accepts an endpoint: it is stored when this returns, its deployment goes
// on. The creator is the user in ctx, else the owner of the data folder.
func (e *Engine) CreateEndpoint(ctx context.Context, spec endpoint.Spec) (endpoint.Endpoint, error) {
	user := e.user(ctx)
	spec.CreatorDisplayName = user.DisplayName
	return e.endpoints.Create(ctx, spec, user.Name)
}

// DeleteEndpoint removes an endpoint, with what was granted on it; requests in flight finish.
func (e *Engine) DeleteEndpoint(ctx context.Context, name string) error {
	was, err := e.endpoints.Get(name)
	if err != nil {
		return err
	}
	e.keepServed(&was)
	if err := e.endpoints.Delete(ctx, name); err != nil {
		return err
	}
	e.gateway.Forget(was.ID)
	e.keepGrants(ctx, func(id string) bool { return id != was.ID })
	return nil
}

// RetryEndpoint deploys a configuration that failed once more.
func (e *Engine) RetryEndpoint(ctx context.Context, name string) error {
	return e.endpoints.Retry(ctx, name)
}

// Invoke answers one scoring request, by the endpoint's routes or by the served entity
// that entity names. It passes the AI Gateway.
func (e *Engine) Invoke(ctx context.Context, name, entity string, request runtime.Request) (endpoint.Answer, error) {
	return e.gateway.Invoke(ctx, name, entity, request)
}

// Models lists all registered models by full name.
func (e *Engine) Models() []registry.Model { return e.registry.Models() }

// Model returns one registered model, or *registry.NotFoundError.
func (e *Engine) Model(fullName string) (registry.Model, error) { return e.registry.Model(fullName) }

// ImportModel makes a new version of a model from a file or folder. progress may be nil.
func (e *Engine) ImportModel(ctx context.Context, in registry.Import, progress func(registry.Progress)) (registry.Version, error) {
	if in.CreatedBy == "" {
		in.CreatedBy = e.user(ctx).Name
	}
	return e.registry.Import(ctx, in, progress)
}

// SetAlias points an alias at a version.
func (e *Engine) SetAlias(ctx context.Context, fullName, alias string, version int) error {
	return e.registry.SetAlias(ctx, fullName, alias, version)
}

// DeleteAlias removes an alias.
func (e *Engine) DeleteAlias(ctx context.Context, fullName, alias string) error {
	return e.registry.DeleteAlias(ctx, fullName, alias)
}

// DeleteVersion removes a version that no endpoint uses, with its artifact.
func (e *Engine) DeleteVersion(ctx context.Context, fullName string, version int) error {
	return e.registry.DeleteVersion(ctx, fullName, version)
}

// DeleteModel removes a model none of whose versions is in use.
func (e *Engine) DeleteModel(ctx context.Context, fullName string) error {
	return e.registry.DeleteModel(ctx, fullName)
}

// Metrics is an endpoint's history over the last window, in that many points.
func (e *Engine) Metrics(name string, window time.Duration, points int) telemetry.Series {
	return e.telemetry.Series(name, window, points)
}

// Summary is an endpoint's last minute.
func (e *Engine) Summary(name string) telemetry.Summary { return e.telemetry.Summary(name) }

// Events lists the last n events of an endpoint, newest first.
func (e *Engine) Events(name string, n int) []telemetry.Event { return e.telemetry.Events(name, n) }

// Changes is where the engine tells what changed.
func (e *Engine) Changes() *telemetry.Hub { return e.changes }

// RuntimeStatus names what runs models, or says what is missing (*runtime.MissingError).
func (e *Engine) RuntimeStatus() (string, error) {
	if _, err := e.library(); err != nil {
		return "", err
	}
	return ortlib.Name, nil
}

// Status is what the REST server says of this engine.
func (e *Engine) Status() api.Status {
	s := api.Status{Version: e.options.Version, Goroutines: goruntime.NumGoroutine(), Timings: e.Scaling().Timings}
	name, err := e.RuntimeStatus()
	if err != nil {
		s.RuntimeError = err.Error()
	}
	s.Runtime = name
	return s
}

// Authenticate finds the user that a token belongs to.
func (e *Engine) Authenticate(token string) (access.User, error) { return e.access.Authenticate(token) }

// Owner is the user of the data folder.
func (e *Engine) Owner() access.User { return e.access.Owner() }

// Token is the owner's token for programs of the same user.
func (e *Engine) Token() string { return e.token }

// TokenFile makes sure that a file holds a valid token of the owner, and returns it.
func (e *Engine) TokenFile(ctx context.Context, path string) (string, error) {
	return e.access.TokenFile(ctx, path)
}

// CreateToken makes a further token of the owner. It is shown this once.
func (e *Engine) CreateToken(ctx context.Context, comment string) (string, error) {
	return e.access.CreateToken(ctx, comment)
}

// Version is this program's.
func (e *Engine) Version() string { return e.options.Version }

// DataDir is the absolute path of the data folder.
func (e *Engine) DataDir() string { return e.options.DataDir }

func (e *Engine) user(ctx context.Context) access.User {
	if u, ok := access.UserFrom(ctx); ok {
		return u
	}
	return e.access.Owner()
}

// Permission is what a user may do with an endpoint.
func (e *Engine) Permission(user access.User, on endpoint.Endpoint) access.Level {
	return e.access.Permission(user, on.ID, on.Creator)
}
