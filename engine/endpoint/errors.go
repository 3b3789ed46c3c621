package endpoint

import (
	"fmt"
	"strings"
)

// FieldError is what is wrong with one field of a request. Field is its path in the REST
// API, "config.served_entities[0].entity_version"; Message says what it got and what it
// takes.
type FieldError struct{ Field, Message string }

// ValidationError refuses a request for all that is wrong with it, in the order of its
// fields. There is at least one field.
type ValidationError struct{ Fields []FieldError }

// Error is one line a field.
func (e *ValidationError) Error() string {
	lines := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		lines[i] = f.Field + ": " + f.Message
	}
	return strings.Join(lines, "\n")
}

// NotFoundError names an endpoint that does not exist, a served entity that is not in
// the endpoint's active configuration, or a configuration that is not kept.
type NotFoundError struct {
	Name    string
	Entity  string // "" where the endpoint is missing
	Version int    // 0 where the endpoint is missing
}

func (e *NotFoundError) Error() string {
	if e.Version != 0 {
		return fmt.Sprintf("Endpoint '%s' has no configuration %d: the last %d that ended are kept.", e.Name, e.Version, VersionsKept)
	}
	if e.Entity != "" {
		return fmt.Sprintf("Endpoint '%s' has no served entity '%s' in its active configuration.", e.Name, e.Entity)
	}
	return fmt.Sprintf("Endpoint with name '%s' does not exist.", e.Name)
}

// ExistsError refuses a name that an endpoint has already.
type ExistsError struct{ Name string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("Endpoint with name '%s' already exists.", e.Name)
}

// NotReadyError answers a request to an endpoint that serves nothing now. Message says
// why, with the deployment's own words.
type NotReadyError struct{ Message string }

func (e *NotReadyError) Error() string { return e.Message }
