package endpoint

import (
	"context"
	"slices"
	"time"
)

// The settings of an endpoint are what does not make a configuration: they change at once
// and deploy nothing. Their JSON is the one in which they are stored.

// RateLimit bounds what reaches an endpoint in a minute.
type RateLimit struct {
	Calls  *int `json:"calls,omitempty"`  // nil for no bound of calls
	Tokens *int `json:"tokens,omitempty"` // nil for no bound of tokens
	// Key is who is counted: "endpoint" (all together), "user" (each, or Principal alone),
	// "user_group" or "service_principal" (Principal).
	Key       string `json:"key"`
	Principal string `json:"principal,omitempty"`
	// RenewalPeriod is "minute".
	RenewalPeriod string `json:"renewal_period"`
}

// InferenceTable is where requests and answers are logged.
type InferenceTable struct {
	Enabled     bool   `json:"enabled"`
	Catalog     string `json:"catalog,omitempty"`
	Schema      string `json:"schema,omitempty"`
	TablePrefix string `json:"table_prefix,omitempty"` // an endpoint's name where none is given
}

// AIGateway is what stands before an endpoint. A nil field was not asked for.
type AIGateway struct {
	UsageTracking  *bool           `json:"usage_tracking,omitempty"`
	InferenceTable *InferenceTable `json:"inference_table,omitempty"`
	RateLimits     []RateLimit     `json:"rate_limits,omitempty"`
	Fallback       *bool           `json:"fallback,omitempty"` // false: a custom model has none
	// Guardrails tells that some were asked for, which is refused.
	Guardrails bool `json:"-"`
}

// Notifications are the e-mail addresses that are told how an update ended.
type Notifications struct {
	OnSuccess []string `json:"on_success,omitempty"`
	OnFailure []string `json:"on_failure,omitempty"`
}

// TelemetryExport is where an endpoint's logs, metrics and traces are written: into tables,
// or as a profile says.
type TelemetryExport struct {
	LogsTable    string `json:"logs_table,omitempty"` // catalog.schema.table, as all tables here
	MetricsTable string `json:"metrics_table,omitempty"`
	TracesTable  string `json:"traces_table,omitempty"`
	ProfileID    string `json:"profile_id,omitempty"`
	// Sampling is the share of requests in the inference table, 0 to 1; nil for no word
	// on it.
	Sampling *float64 `json:"sampling,omitempty"`
	// Features are the signals that are written; none names all.
	Features []string `json:"features,omitempty"`
}

// PatchTags adds tags, in place of those with the same keys, and deletes others. The order
// of those that stay is kept. Errors are *NotFoundError, *ValidationError, *StateError (as
// for all settings: a record that cannot be read) and the table's.
func (s *Service) PatchTags(_ context.Context, name string, add []Tag, remove []string) (Endpoint, error) {
	return s.set(name, "", func(c *check, e *Endpoint) func(*Endpoint) {
		tags := c.patchTags(e.Tags, add, remove)
		return func(e *Endpoint) { e.Tags = tags }
	})
}

// SetRateLimits replaces the rate limits in their older form, which counts calls of users
// or of the endpoint.
func (s *Service) SetRateLimits(_ context.Context, name string, limits []RateLimit) (Endpoint, error) {
	return s.set(name, "", func(c *check, _ *Endpoint) func(*Endpoint) {
		limits := c.oldRateLimits("rate_limits", limits)
		return func(e *Endpoint) { e.RateLimits = limits }
	})
}

// SetAIGateway replaces the whole gateway; nil takes it away. The names of its inference
// table cannot change while that is enabled.
func (s *Service) SetAIGateway(_ context.Context, name string, gateway *AIGateway) (Endpoint, error) {
	return s.set(name, "", func(c *check, e *Endpoint) func(*Endpoint) {
		gateway := c.gateway("ai_gateway.", gateway, e.AIGateway, name)
		return func(e *Endpoint) { e.AIGateway = gateway }
	})
}

// SetNotifications replaces the addresses; nil takes them away.
func (s *Service) SetNotifications(_ context.Context, name string, n *Notifications) (Endpoint, error) {
	return s.set(name, "", func(c *check, _ *Endpoint) func(*Endpoint) {
		n := c.notifications("email_notifications.", n)
		return func(e *Endpoint) { e.Notifications = n }
	})
}

// SetTelemetry replaces where telemetry goes; nil takes it away. It is refused with
// *ConflictError while an update runs, as the product does.
func (s *Service) SetTelemetry(_ context.Context, name string, t *TelemetryExport) (Endpoint, error) {
	return s.set(name, "changing its telemetry", func(c *check, _ *Endpoint) func(*Endpoint) {
		t := c.telemetry("telemetry_config.", t)
		return func(e *Endpoint) { e.Telemetry = t }
	})
}

// set changes a setting for good: prepare checks it against the endpoint and returns the
// change. While an update runs it is refused where doing names what cannot go beside one.
func (s *Service) set(name, doing string, prepare func(c *check, e *Endpoint) func(*Endpoint)) (Endpoint, error) {
	o, done, err := s.command(name)
	if err != nil {
		return Endpoint{}, err
	}
	defer done()
	if err := o.free(doing); err != nil && (doing != "" || o.unreadable) {
		return Endpoint{}, err
	}
	c := &check{models: s.options.Models}
	change := prepare(c, o.picture.Load())
	if len(c.fields) > 0 {
		return Endpoint{}, &ValidationError{c.fields}
	}
	now := time.Now()
	err = o.commit(func(e *Endpoint) error {
		change(e)
		e.UpdatedAt = now
		return nil
	})
	if err != nil {
		return Endpoint{}, err
	}
	return o.look(), nil
}

// patchTags is what tags become; the slice that e has is not changed.
func (c *check) patchTags(tags, add []Tag, remove []string) []Tag {
	c.tags("add_tags", add)
	for i, key := range remove {
		if slices.ContainsFunc(add, func(t Tag) bool { return t.Key == key }) {
			c.add(index("delete_tags", i), "The tag '%s' is to be added and deleted at once: do one of the two.", key)
		}
	}
	tags = slices.DeleteFunc(slices.Clone(tags), func(t Tag) bool { return slices.Contains(remove, t.Key) })
	for _, t := range add {
		if i := slices.IndexFunc(tags, func(old Tag) bool { return old.Key == t.Key }); i >= 0 {
			tags[i] = t
		} else {
			tags = append(tags, t)
		}
	}
	if len(tags) > maxTags {
		c.add("add_tags", "An endpoint takes at most %d tags, this would be %d.", maxTags, len(tags))
	}
	if len(tags) == 0 {
		return nil
	}
	return tags
}
