package endpoint

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Table is where endpoints are stored, a record an endpoint under its name.
type Table interface {
	// Each calls fn for every key that begins with prefix, in key order; key and value may
	// be kept by fn only if copied.
	Each(prefix string, fn func(key string, value []byte) error) error
	// Apply makes all changes in one synced transaction, all or none; a nil value deletes
	// its key.
	Apply(changes map[string][]byte) error
}

// schema is the version of the records' form. A record with a higher one is kept as it
// is and shown as unreadable.
const schema = 1

// record is the stored form of an endpoint. What an endpoint does now is not stored: a
// start finds out anew.
type record struct {
	Schema         int         `json:"schema"`
	ID             string      `json:"id"`
	Creator        string      `json:"creator,omitempty"`
	Description    string      `json:"description,omitempty"`
	CreatedAt      int64       `json:"created_at"` // Unix ms, as all times here
	UpdatedAt      int64       `json:"updated_at"`
	Tags           []tagRecord `json:"tags,omitempty"`
	RouteOptimized bool        `json:"route_optimized,omitempty"`
	BudgetPolicyID string      `json:"budget_policy_id,omitempty"`
	CreatorDisplay string      `json:"creator_display_name,omitempty"`
	settings
	Active  *configRecord `json:"active,omitempty"`
	Pending *configRecord `json:"pending,omitempty"`
	// Failed tells that the deployment of Pending has ended; else a start begins it again.
	Failed bool `json:"failed,omitempty"`
	// Canceled tells of a deployment that has ended that a user ended it.
	Canceled bool `json:"canceled,omitempty"`
	// Stopped tells that Active is not to be loaded.
	Stopped bool `json:"stopped,omitempty"`
	// LastVersion is the highest version so far; records of before it was kept have 0.
	LastVersion int `json:"last_version,omitempty"`
}

// settings are stored as they are.
type settings struct {
	RateLimits    []RateLimit      `json:"rate_limits,omitempty"`
	AIGateway     *AIGateway       `json:"ai_gateway,omitempty"`
	Notifications *Notifications   `json:"notifications,omitempty"`
	Telemetry     *TelemetryExport `json:"telemetry,omitempty"`
}

type tagRecord struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

type configRecord struct {
	Version   int            `json:"version"`
	StartedAt int64          `json:"started_at"`
	Entities  []entityRecord `json:"entities"`
	Routes    []routeRecord  `json:"routes"`
	// AutoCapture is stored as it is.
	AutoCapture *InferenceTable `json:"auto_capture,omitempty"`

	Creator      string `json:"creator,omitempty"`
	Origin       Origin `json:"origin,omitempty"`
	RestoredFrom int    `json:"restored_from,omitempty"`
	AcceptedAt   int64  `json:"accepted_at,omitempty"`
	ActiveFrom   int64  `json:"active_from,omitempty"`
	EndedAt      int64  `json:"ended_at,omitempty"`
}

type routeRecord struct {
	Entity  string `json:"entity"`
	Percent int    `json:"percent"`
}

type entityRecord struct {
	Name         string            `json:"name"`
	Model        string            `json:"model"`
	Version      int               `json:"version"`
	WorkloadType string            `json:"workload_type"`
	WorkloadSize string            `json:"workload_size,omitempty"`
	Min          int               `json:"min"`
	Max          int               `json:"max"`
	ScaleToZero  bool              `json:"scale_to_zero,omitempty"`
	Environment  map[string]string `json:"environment,omitempty"`
	Profile      string            `json:"instance_profile_arn,omitempty"`
	Creator      string            `json:"creator,omitempty"`
	CreatedAt    int64             `json:"created_at"`
	Deployment   Deployment        `json:"deployment,omitempty"` // of a failed configuration
	Message      string            `json:"message,omitempty"`
}

// encode writes an endpoint's record.
func encode(e *Endpoint) ([]byte, error) {
	r := record{
		Schema: schema, ID: e.ID, Creator: e.Creator, Description: e.Description,
		CreatedAt: millis(e.CreatedAt), UpdatedAt: millis(e.UpdatedAt),
		RouteOptimized: e.RouteOptimized, BudgetPolicyID: e.BudgetPolicyID, CreatorDisplay: e.CreatorDisplayName,
		settings:    settings{e.RateLimits, e.AIGateway, e.Notifications, e.Telemetry},
		Active:      configToRecord(e.Active, false),
		Failed:      e.Pending != nil && (e.Update == UpdateFailed || e.Update == UpdateCanceled),
		Canceled:    e.Pending != nil && e.Update == UpdateCanceled,
		Stopped:     e.Active != nil && e.Suspended,
		LastVersion: e.LastVersion,
	}
	r.Pending = configToRecord(e.Pending, r.Failed)
	for _, t := range e.Tags {
		r.Tags = append(r.Tags, tagRecord(t))
	}
	return json.Marshal(r)
}

func configToRecord(c *Config, states bool) *configRecord {
	if c == nil {
		return nil
	}
	r := &configRecord{
		Version: c.Version, StartedAt: millis(c.StartedAt), AutoCapture: c.AutoCapture,
		Creator: c.Creator, Origin: c.Origin, RestoredFrom: c.RestoredFrom,
		AcceptedAt: millis(c.AcceptedAt), ActiveFrom: millis(c.ActiveFrom), EndedAt: millis(c.EndedAt),
	}
	for _, route := range c.Routes {
		r.Routes = append(r.Routes, routeRecord{route.EntityName, route.Percent})
	}
	for _, e := range c.Entities {
		s := entityRecord{
			Name: e.Name, Model: e.ModelName, Version: e.ModelVersion,
			WorkloadType: e.WorkloadType, WorkloadSize: e.WorkloadSize,
			Min: e.MinConcurrency, Max: e.MaxConcurrency, ScaleToZero: e.ScaleToZero,
			Environment: e.EnvironmentVars, Profile: e.InstanceProfileARN,
			Creator: e.Creator, CreatedAt: millis(e.CreatedAt),
		}
		if states {
			s.Deployment, s.Message = e.Deployment, e.Message
		}
		r.Entities = append(r.Entities, s)
	}
	return r
}

// decode reads a record into an endpoint as it is before anything runs: what was active
// is to be loaded again, what was pending and had not failed is to be deployed again.
func decode(name string, b []byte) (Endpoint, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return Endpoint{}, fmt.Errorf("it is no JSON record: %w", err)
	}
	switch {
	case r.Schema > schema:
		return Endpoint{}, fmt.Errorf("it was written by a newer Servery (form %d, this one reads up to %d)", r.Schema, schema)
	case r.Schema != schema:
		return Endpoint{}, errors.New("it does not say its form")
	case !isID(r.ID):
		return Endpoint{}, fmt.Errorf("its id %q is not 32 hex digits", r.ID)
	}
	e := Endpoint{
		ID: r.ID, Name: name, Creator: r.Creator, Description: r.Description,
		CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
		RouteOptimized: r.RouteOptimized, BudgetPolicyID: r.BudgetPolicyID, CreatorDisplayName: r.CreatorDisplay,
		RateLimits: r.RateLimits, AIGateway: r.AIGateway, Notifications: r.Notifications, Telemetry: r.Telemetry,
		Ready: NotReady, Update: NotUpdating,
	}
	for _, t := range r.Tags {
		e.Tags = append(e.Tags, Tag(t))
	}
	var err error
	state, message := DeploymentRecovering, messageReloading
	if e.Suspended = r.Stopped && r.Active != nil; e.Suspended {
		state, message = DeploymentStopped, messageStopped
	}
	if e.Active, err = r.Active.config(state, message, false); err != nil {
		return Endpoint{}, fmt.Errorf("its active configuration is damaged: %w", err)
	}
	if e.Pending, err = r.Pending.config(DeploymentCreating, messageCreating, r.Failed); err != nil {
		return Endpoint{}, fmt.Errorf("its pending configuration is damaged: %w", err)
	}
	if r.LastVersion < 0 {
		return Endpoint{}, fmt.Errorf("its last configuration has the version %d", r.LastVersion)
	}
	e.LastVersion = max(r.LastVersion, e.nextVersion()-1)
	switch {
	case e.Pending != nil && r.Failed && r.Canceled:
		e.Update = UpdateCanceled
	case e.Pending != nil && r.Failed:
		e.Update = UpdateFailed
	case e.Pending != nil:
		e.Update = InProgress
	}
	return e, nil
}

// config checks what the rest of the package takes for granted.
func (r *configRecord) config(state Deployment, message string, states bool) (*Config, error) {
	if r == nil {
		return nil, nil
	}
	if r.Version < 1 || len(r.Entities) == 0 {
		return nil, fmt.Errorf("version %d with %d served entities", r.Version, len(r.Entities))
	}
	c := &Config{
		Version: r.Version, StartedAt: fromMillis(r.StartedAt), AutoCapture: r.AutoCapture,
		Creator: r.Creator, Origin: r.Origin, RestoredFrom: r.RestoredFrom,
		AcceptedAt: fromMillis(r.AcceptedAt), ActiveFrom: fromMillis(r.ActiveFrom), EndedAt: fromMillis(r.EndedAt),
	}
	names := map[string]bool{}
	for _, s := range r.Entities {
		if s.Name == "" || names[s.Name] || s.Version < 1 || s.Min < 0 || s.Max < 4 || s.Min > s.Max || s.Max > MaxConcurrency || s.Min%4 != 0 || s.Max%4 != 0 {
			return nil, fmt.Errorf("served entity %q: version %d, concurrency %d to %d", s.Name, s.Version, s.Min, s.Max)
		}
		names[s.Name] = true
		e := ServedEntity{
			Name: s.Name, ModelName: s.Model, ModelVersion: s.Version,
			WorkloadType: s.WorkloadType, WorkloadSize: s.WorkloadSize,
			MinConcurrency: s.Min, MaxConcurrency: s.Max, ScaleToZero: s.ScaleToZero,
			EnvironmentVars: s.Environment, InstanceProfileARN: s.Profile,
			Creator: s.Creator, CreatedAt: fromMillis(s.CreatedAt),
			Deployment: state, Message: message,
		}
		if states {
			e.Deployment, e.Message = s.Deployment, s.Message
		}
		c.Entities = append(c.Entities, e)
	}
	sum := 0
	for _, route := range r.Routes {
		if !names[route.Entity] || route.Percent < 0 || route.Percent > 100 {
			return nil, fmt.Errorf("route %q of %d %%", route.Entity, route.Percent)
		}
		sum += route.Percent
		c.Routes = append(c.Routes, Route{route.Entity, route.Percent})
	}
	if sum != 100 {
		return nil, fmt.Errorf("routes of %d %% in all", sum)
	}
	return c, nil
}

// unreadable is what is shown for a record that decode refused: the record itself stays
// as it is until the endpoint is deleted.
func unreadable(name string, reason error) Endpoint {
	id := sha256.Sum256([]byte(name))
	return Endpoint{
		ID: fmt.Sprintf("%x", id[:16]), Name: name, Ready: NotReady, Update: UpdateFailed,
		Pending: &Config{Version: 1, Entities: []ServedEntity{{
			Name: "unreadable", WorkloadType: "CPU", Deployment: DeploymentFailed,
			Message: fmt.Sprintf("The stored record of this endpoint cannot be read: %v. It is kept as it is. Restore it from a backup, or delete the endpoint and create it again.", reason),
		}}},
	}
}

func isID(id string) bool {
	for _, c := range []byte(id) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return len(id) == 32
}

// millis is Unix time in milliseconds, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
