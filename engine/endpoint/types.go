// Package endpoint is the domain of Model Serving: endpoints, their configurations,
// served entities and routes, the rules they obey, and the state machine that carries a
// configuration from pending to active. It knows nothing of HTTP or Badger: it stores
// through an interface and runs models through engine/runtime's.
package endpoint

import (
	"time"

	"servery/engine/runtime/placement"
)

// ReadyState is state.ready of the REST API.
type ReadyState string

// UpdateState is state.config_update of the REST API.
type UpdateState string

// Deployment is a served entity's state.deployment.
type Deployment string

// The words of the REST API (databricks-sdk-go service/serving/model.go).
const (
	Ready    ReadyState = "READY"
	NotReady ReadyState = "NOT_READY"

	NotUpdating    UpdateState = "NOT_UPDATING"
	InProgress     UpdateState = "IN_PROGRESS"
	UpdateFailed   UpdateState = "UPDATE_FAILED"
	UpdateCanceled UpdateState = "UPDATE_CANCELED"

	DeploymentCreating   Deployment = "DEPLOYMENT_CREATING"
	DeploymentReady      Deployment = "DEPLOYMENT_READY"
	DeploymentRecovering Deployment = "DEPLOYMENT_RECOVERING"
	DeploymentFailed     Deployment = "DEPLOYMENT_FAILED"
	DeploymentAborted    Deployment = "DEPLOYMENT_ABORTED"
	// DeploymentStopped is not in the SDKs' list, but what the product answers.
	DeploymentStopped Deployment = "DEPLOYMENT_STOPPED"
)

// Spec is what a person or a client asks for: the body of a create request, decoded.
type Spec struct {
	Name           string
	Description    string
	Config         *ConfigSpec // nil: an endpoint without a configuration yet
	Tags           []Tag
	RouteOptimized bool
	BudgetPolicyID string
	RateLimits     []RateLimit // of the older form
	AIGateway      *AIGateway
	Notifications  *Notifications
	Telemetry      *TelemetryExport
	// CreatorDisplayName is the creator's name as a person writes it, or "".
	CreatorDisplayName string
}

// ConfigSpec is a configuration as asked for. Routes may be empty where there is one
// entity: it gets all the traffic.
type ConfigSpec struct {
	Entities    []EntitySpec
	Routes      []Route
	AutoCapture *InferenceTable // of the form before the AI Gateway; nil for none
}

// EntitySpec is a served entity as asked for. A nil pointer is a field that was not
// sent.
type EntitySpec struct {
	Name               string // "" takes <last part of model>-<version>
	ModelName          string // entity_name: catalog.schema.model
	ModelVersion       string // entity_version: a number in digits
	WorkloadType       string // "" is CPU
	WorkloadSize       string // Small, Medium, Large, or "" with Min/MaxConcurrency
	MinConcurrency     *int   // multiples of 4
	MaxConcurrency     *int
	ScaleToZero        *bool // required for a custom model
	EnvironmentVars    map[string]string
	InstanceProfileARN string
}

// Tag is a key with an optional value.
type Tag struct{ Key, Value string }

// Route sends a share of the traffic to a served entity of the same configuration.
type Route struct {
	EntityName string
	Percent    int // 0 to 100; all routes of a configuration sum to 100
}

// Endpoint is an immutable picture of an endpoint. Whoever gets one must not change
// what it points at.
type Endpoint struct {
	ID             string // 32 hex digits, never reused
	Name           string
	Creator        string
	Description    string
	CreatedAt      time.Time
	UpdatedAt      time.Time // last change by a user, not by a deployment
	Tags           []Tag
	RouteOptimized bool
	BudgetPolicyID string

	// What follows is nil or "" where it was not given.
	CreatorDisplayName string
	RateLimits         []RateLimit // of the older form
	AIGateway          *AIGateway
	Notifications      *Notifications
	Telemetry          *TelemetryExport

	Ready  ReadyState
	Update UpdateState
	// Suspended tells that the active configuration was stopped: nothing of it runs. It
	// stays true while it is started again, and where that fails.
	Suspended bool

	Active  *Config // nil until the first configuration became active
	Pending *Config // while updating, and after an update that failed or was canceled
	// LastVersion is the highest version that a configuration has had; also one that
	// failed has used its number up. 0 where there was none.
	LastVersion int
	// Progress of the running update: nil when none runs.
	Progress *Progress
}

// Config is one numbered configuration.
type Config struct {
	Version   int
	StartedAt time.Time // when its deployment began
	Entities  []ServedEntity
	Routes    []Route
	// AutoCapture is the inference table of the form before the AI Gateway; nil for none.
	AutoCapture *InferenceTable

	// What follows tells where it came from and how far it got. A record of before this was
	// kept has none of it.

	Creator      string // who asked for it
	Origin       Origin
	RestoredFrom int       // the version whose content it has; 0 but for Restored
	AcceptedAt   time.Time // a Retry begins anew and leaves it
	ActiveFrom   time.Time // when requests reached it first; zero where none did
	// EndedAt is when it was stopped, failed, was canceled or was replaced; zero while it
	// serves or is being deployed.
	EndedAt time.Time
}

// ServedEntity is a model version with the compute that serves it.
type ServedEntity struct {
	Name               string
	ModelName          string
	ModelVersion       int
	WorkloadType       string
	WorkloadSize       string // "" where the concurrency was given in numbers
	MinConcurrency     int    // provisioned at rest: 0 with scale to zero
	MaxConcurrency     int
	ScaleToZero        bool
	EnvironmentVars    map[string]string
	InstanceProfileARN string
	Creator            string
	CreatedAt          time.Time

	Deployment Deployment
	Message    string // deployment_state_message

	Live Live
}

// Live is what a served entity's pool and process do now.
type Live struct {
	Provisioned int // concurrency that there is now
	Starting    int // more of it, before long
	InFlight    int // requests running
	Queued      int
	MemoryBytes int64   // resident in its worker process
	CPUPercent  float64 // of the whole machine, 0 to 100
	PID         int     // of the worker process; 0 where none runs
	LoadTime    time.Duration
	Restarts    int
	Runtime     string // "ONNX Runtime 1.30.0 · CPU"
	// Placement is what the model runs on, the CPU or a GPU, and why; of no meaning for a
	// CPU type.
	Placement placement.Placement
	// Batching is whether requests that wait for the model share runs, and why: "on, 7.1 ×
	// per row at 8 rows".
	Batching string
}

// Stage is a named step of an update.
type Stage string

// The stages of an update. Load covers starting the process, reading the model and the
// probe of its speed. A cancel counts until Switch traffic has stored the configuration.
// What follows is no part of the update, but told in its log: what served before drains.
const (
	StageValidate Stage = "Validate"
	StageLoad     Stage = "Load"
	StageDryRun   Stage = "Dry run"
	StageWarmUp   Stage = "Warm up"
	StageSwitch   Stage = "Switch traffic"

	StageDrain Stage = "Drain"
)

// Stages lists the stages of an update in their order.
var Stages = []Stage{StageValidate, StageLoad, StageDryRun, StageWarmUp, StageSwitch}

// Progress tells how far the running update has come.
type Progress struct {
	Stage     Stage
	StartedAt time.Time
	Done      []StageDone
	Detail    string // "digits-1: loading 26 kB"
}

// StageDone is a finished stage with the time it took.
type StageDone struct {
	Stage  Stage
	Took   time.Duration
	Detail string
}
