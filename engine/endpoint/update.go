package endpoint

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ConflictError refuses a change because an update of the endpoint runs.
type ConflictError struct {
	Name string
	// Doing is what was asked for: "changing its configuration".
	Doing string
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("Endpoint '%s' is currently updating. Wait for the update to complete, or cancel it, before %s.", e.Name, e.Doing)
}

// StateError refuses what an endpoint in its present state cannot do. Message says why,
// and what can be done instead.
type StateError struct{ Message string }

func (e *StateError) Error() string { return e.Message }

// CheckUpdate tells what Update would refuse of a configuration; nil where nothing.
func (s *Service) CheckUpdate(name string, spec ConfigSpec) []FieldError {
	o, ok := (*s.owners.Load())[name]
	if !ok {
		return []FieldError{{"name", (&NotFoundError{Name: name}).Error()}}
	}
	_, fields := validateConfig(s.options.Models, o.picture.Load(), spec)
	return fields
}

// Update accepts another configuration of an endpoint, in place of the whole one that it
// has: when it returns the configuration is stored, and its deployment has begun. What
// serves goes on until the new one is ready; served entities that it has unchanged go on
// running. A stopped endpoint is started by it. Errors are *NotFoundError, *ConflictError,
// *ValidationError, *StateError and the table's.
func (s *Service) Update(_ context.Context, name string, spec ConfigSpec, user string) (Endpoint, error) {
	return s.replace(name, spec, origin{how: Updated, user: user})
}

// origin is where a configuration comes from.
type origin struct {
	how     Origin
	user    string
	version int // that is restored
}

func (s *Service) replace(name string, spec ConfigSpec, from origin) (Endpoint, error) {
	o, done, err := s.command(name)
	if err != nil {
		return Endpoint{}, err
	}
	defer done()
	if err := o.free("changing its configuration"); err != nil {
		return Endpoint{}, err
	}
	config, fields := validateConfig(s.options.Models, o.picture.Load(), spec)
	if len(fields) > 0 {
		return Endpoint{}, &ValidationError{fields}
	}
	s.announce(name, config)
	defer s.withdraw(name)
	// From here on Uses names the endpoint: see Create.
	if config, fields = validateConfig(s.options.Models, o.picture.Load(), spec); len(fields) > 0 {
		return Endpoint{}, &ValidationError{fields}
	}
	return o.deploy(config, from)
}

// command begins a command of a user on an endpoint; done ends it.
func (s *Service) command(name string) (o *owner, done func(), err error) {
	o, ok := (*s.owners.Load())[name]
	if !ok {
		return nil, nil, &NotFoundError{Name: name}
	}
	if s.ctx.Err() != nil {
		return nil, nil, errClosed
	}
	o.command.Lock()
	if o.gone.Load() {
		o.command.Unlock()
		return nil, nil, &NotFoundError{Name: name}
	}
	return o, o.command.Unlock, nil
}

// free refuses to go on while an update runs, or where the record must not be written
// over.
func (o *owner) free(doing string) error {
	switch {
	case o.picture.Load().Update == InProgress:
		return &ConflictError{o.name, doing}
	case o.unreadable:
		return &StateError{o.picture.Load().Pending.Entities[0].Message}
	}
	return nil
}

// deploy makes a checked configuration the pending one and begins to carry it out.
func (o *owner) deploy(config *Config, from origin) (Endpoint, error) {
	now := time.Now()
	version := o.picture.Load().nextVersion()
	err := o.commit(func(e *Endpoint) error {
		if e.Update == InProgress {
			return &ConflictError{o.name, "changing its configuration"}
		}
		pending := config.clone()
		pending.Version = version
		pending.begin(from.how, from.user, now)
		pending.RestoredFrom = from.version
		pending.inherit(e.Active)
		e.Pending, e.Update, e.Progress = pending, InProgress, nil
		e.LastVersion, e.UpdatedAt = version, now
		return nil
	})
	if err != nil {
		return Endpoint{}, err
	}
	accepted := o.look() // before the deployment ends, which can be at once
	o.start()
	return accepted, nil
}

// nextVersion is the number of the next configuration. Each that was accepted has used
// its number up, also where it failed.
func (e *Endpoint) nextVersion() int {
	last := e.LastVersion
	for _, c := range []*Config{e.Active, e.Pending} {
		if c != nil {
			last = max(last, c.Version)
		}
	}
	return last + 1
}

// inherit leaves the served entities that before has unchanged to whoever made them.
func (c *Config) inherit(before *Config) {
	if before == nil {
		return
	}
	for i := range c.Entities {
		e := &c.Entities[i]
		j := slices.IndexFunc(before.Entities, func(b ServedEntity) bool { return b.Name == e.Name })
		if j >= 0 && e.sameAs(&before.Entities[j]) {
			e.Creator, e.CreatedAt = before.Entities[j].Creator, before.Entities[j].CreatedAt
		}
	}
}

// sameAs tells whether two served entities were asked for alike.
func (e *ServedEntity) sameAs(o *ServedEntity) bool {
	return e.Name == o.Name && strings.EqualFold(e.ModelName, o.ModelName) && e.ModelVersion == o.ModelVersion &&
		e.WorkloadType == o.WorkloadType && e.WorkloadSize == o.WorkloadSize &&
		e.MinConcurrency == o.MinConcurrency && e.MaxConcurrency == o.MaxConcurrency && e.ScaleToZero == o.ScaleToZero &&
		e.InstanceProfileARN == o.InstanceProfileARN && maps.Equal(e.EnvironmentVars, o.EnvironmentVars)
}
