package api

import (
	"context"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/telemetry"
)

// Services is what the server needs of the engine, an interface an area. All methods may
// be called from many goroutines at once. Their errors are told apart in errors.go.
type Services interface {
	Identities
	Principals
	Tokens
	Grants
	Secrets
	Endpoints
	EndpointChanges
	Models
	Registry
	Observations
	Usage
	InferenceTables
	Backups
	Machine

	// Status is what this engine says of itself.
	Status() Status
}

// Identities are users and what they may do.
type Identities interface {
	// Authenticate finds the user that a token belongs to (access.ErrUnauthenticated).
	Authenticate(token string) (access.User, error)
	// Permission is what a user may do with an endpoint.
	Permission(user access.User, e endpoint.Endpoint) access.Level
}

// Endpoints are served models. Whether a user may do what is asked is the server's to know.
type Endpoints interface {
	// Endpoints lists all endpoints by name. The slice is shared: it is read only.
	Endpoints() []endpoint.Endpoint
	// Endpoint returns one endpoint by its name (*endpoint.NotFoundError).
	Endpoint(name string) (endpoint.Endpoint, error)
	// CreateEndpoint accepts a new endpoint and returns once it is stored; its
	// deployment goes on. The creator is the user in ctx (access.UserFrom).
	CreateEndpoint(ctx context.Context, spec endpoint.Spec) (endpoint.Endpoint, error)
	// DeleteEndpoint removes an endpoint; requests in flight finish.
	DeleteEndpoint(ctx context.Context, name string) error
	// Invoke answers one scoring request: by the endpoint's routes, or by the served
	// entity that entity names where it is not "".
	Invoke(ctx context.Context, name, entity string, request runtime.Request) (endpoint.Answer, error)
	// Events lists the last n events of an endpoint, newest first.
	Events(name string, n int) []telemetry.Event
}

// Models are the registry's.
type Models interface {
	// Models lists all registered models by full name.
	Models() []registry.Model
	// Model returns one registered model by its full name, "catalog.schema.model"
	// (*registry.NotFoundError).
	Model(fullName string) (registry.Model, error)
	// ImportModel makes a new version of a model from a file or folder of this machine.
	// progress may be nil.
	ImportModel(ctx context.Context, in registry.Import, progress func(registry.Progress)) (registry.Version, error)
	// SetAlias points an alias at a version.
	SetAlias(ctx context.Context, fullName, alias string, version int) error
	// DeleteAlias removes an alias.
	DeleteAlias(ctx context.Context, fullName, alias string) error
	// DeleteVersion removes a version that no endpoint uses (*registry.InUseError).
	DeleteVersion(ctx context.Context, fullName string, version int) error
}

// Status is the answer to GET /api/2.0/servery/status. It carries no path of the machine.
type Status struct {
	Version string `json:"version"`
	// Runtime names what runs models, "ONNX Runtime 1.30.0 · CPU"; "" where it is missing.
	Runtime string `json:"runtime"`
	// RuntimeError says what is missing and how to get it; "" where nothing is.
	RuntimeError string `json:"runtime_error,omitempty"`
	// Timings tells whether endpoints start and scale in the machine's time or in Databricks'.
	Timings endpoint.Timings `json:"timings"`
	// Goroutines is how many run in the engine's process: a number that only grows is a leak.
	Goroutines int `json:"goroutines"`
}
