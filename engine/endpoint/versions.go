package endpoint

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Origin is how a configuration came about.
type Origin string

// The origins. Records of before they were kept have "".
const (
	Created      Origin = "CREATED"  // with its endpoint
	Updated      Origin = "UPDATED"  // an update gave it whole
	StartedAgain Origin = "STARTED"  // a start of the stopped endpoint
	Restored     Origin = "RESTORED" // from a version before, see Restore
)

// VersionState is how a configuration stands.
type VersionState string

// The states of a version. The first three are of the one or two that the endpoint has
// now, the others final, but that a Retry begins a failed or canceled one anew as long as
// it is the pending one.
const (
	VersionInProgress VersionState = "IN_PROGRESS" // is being deployed
	VersionActive     VersionState = "ACTIVE"
	VersionStopped    VersionState = "STOPPED" // was active, and is what a start deploys again
	VersionReplaced   VersionState = "REPLACED"
	VersionFailed     VersionState = "FAILED"
	VersionCanceled   VersionState = "CANCELED"
	VersionUnreadable VersionState = "UNREADABLE" // its record is damaged
)

// neverServed tells that the states of the served entities say how the deployment ended.
func (s VersionState) neverServed() bool { return s == VersionFailed || s == VersionCanceled }

// ConfigVersion is a configuration that an endpoint has or had. It is read only.
type ConfigVersion struct {
	// Config is what was asked for, with the states of its served entities: now, or as they
	// were when it ended.
	Config Config
	State  VersionState
	// Reason says why it failed or cannot be read, naming the served entity; else "".
	Reason string
}

// reason says which served entity failed and why.
func (s VersionState) reason(c *Config) string {
	if s != VersionFailed {
		return ""
	}
	for _, e := range c.Entities {
		if e.Deployment == DeploymentFailed {
			return e.Name + ": " + e.Message
		}
	}
	return ""
}

// versions are the active and the pending configuration with how they stand.
func (e *Endpoint) versions() (all []ConfigVersion) {
	if c := e.Active; c != nil {
		state := VersionActive
		if e.Suspended {
			state = VersionStopped
		}
		all = append(all, ConfigVersion{Config: *c.clone(), State: state})
	}
	if c := e.Pending; c != nil {
		state := VersionInProgress
		switch e.Update {
		case UpdateFailed:
			state = VersionFailed
		case UpdateCanceled:
			state = VersionCanceled
		}
		all = append(all, ConfigVersion{Config: *c.clone(), State: state, Reason: state.reason(c)})
	}
	return all
}

// Versions lists the configurations of an endpoint that are kept, newest first: the active
// and the pending one, and the VersionsKept that ended last. Errors are *NotFoundError and
// the table's.
func (s *Service) Versions(name string) ([]ConfigVersion, error) {
	o, ok := (*s.owners.Load())[name]
	if !ok {
		return nil, &NotFoundError{Name: name}
	}
	return o.kept("")
}

// Version returns one configuration of an endpoint, or *NotFoundError.
func (s *Service) Version(name string, version int) (ConfigVersion, error) {
	o, ok := (*s.owners.Load())[name]
	if !ok {
		return ConfigVersion{}, &NotFoundError{Name: name}
	}
	all, err := o.kept(versionNumber(version))
	if err != nil {
		return ConfigVersion{}, err
	}
	for _, v := range all {
		if v.Config.Version == version {
			return v, nil
		}
	}
	return ConfigVersion{}, &NotFoundError{Name: name, Version: version}
}

// kept are the versions whose key behind the id begins with prefix, and those of now.
func (o *owner) kept(prefix string) ([]ConfigVersion, error) {
	o.storing.Lock() // none may be on its way from the endpoint's record into the table
	defer o.storing.Unlock()
	now := o.picture.Load()
	byVersion := map[int]ConfigVersion{}
	err := o.s.options.History.Each(now.ID+"/"+prefix, func(key string, b []byte) error {
		v := decodeVersion(key, b)
		byVersion[v.Config.Version] = v
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the configurations of endpoint '%s': %w", o.name, err)
	}
	for _, v := range now.versions() { // the endpoint's record counts: see versionRecord
		byVersion[v.Config.Version] = v
	}
	return slices.SortedFunc(maps.Values(byVersion), func(a, b ConfigVersion) int {
		return cmp.Compare(b.Config.Version, a.Config.Version)
	}), nil
}

// Restore deploys the content of a configuration that the endpoint had as a new version,
// as an Update with it would: what serves goes on until it is ready. Errors are those of
// Update: *ValidationError where, say, a model version of it was deleted since.
func (s *Service) Restore(_ context.Context, name string, version int, user string) (Endpoint, error) {
	v, err := s.Version(name, version)
	if err != nil {
		return Endpoint{}, err
	}
	if v.State == VersionUnreadable {
		return Endpoint{}, &StateError{v.Reason}
	}
	return s.replace(name, v.Config.Spec(), origin{Restored, user, version})
}

// Spec is what has to be asked for to get the same configuration.
func (c *Config) Spec() ConfigSpec {
	spec := ConfigSpec{Routes: slices.Clone(c.Routes), AutoCapture: c.AutoCapture}
	for i := range c.Entities {
		e := &c.Entities[i]
		s := EntitySpec{
			Name: e.Name, ModelName: e.ModelName, ModelVersion: strconv.Itoa(e.ModelVersion),
			WorkloadType: e.WorkloadType, WorkloadSize: e.WorkloadSize, ScaleToZero: &e.ScaleToZero,
			EnvironmentVars: e.EnvironmentVars, InstanceProfileARN: e.InstanceProfileARN,
		}
		if e.WorkloadSize == "" {
			s.MinConcurrency, s.MaxConcurrency = &e.MinConcurrency, &e.MaxConcurrency
		}
		spec.Entities = append(spec.Entities, s)
	}
	return spec
}
