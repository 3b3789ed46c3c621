package api

import (
	"context"
	"slices"

	"servery/engine/access"
	"servery/engine/endpoint"
)

// changed carries a change of an endpoint out.
func (f *fake) changed(name string, fn func(e *endpoint.Endpoint) error) (endpoint.Endpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.endpoints[name]
	if f.fails != nil {
		return e, f.fails
	}
	if !ok {
		return e, &endpoint.NotFoundError{Name: name}
	}
	if err := fn(&e); err != nil {
		return e, err
	}
	f.endpoints[name] = e
	return e, nil
}

// configOf is a configuration as the engine would complete it.
func configOf(spec endpoint.ConfigSpec, version int, user access.User) *endpoint.Config {
	c := &endpoint.Config{Version: version, StartedAt: start.Add(1e6), Routes: spec.Routes}
	for _, s := range spec.Entities {
		se := endpoint.ServedEntity{
			Name: s.Name, ModelName: s.ModelName, ModelVersion: 1, WorkloadType: "CPU", WorkloadSize: s.WorkloadSize,
			MinConcurrency: 4, MaxConcurrency: 4, Creator: user.Name, CreatedAt: start,
			Deployment: endpoint.DeploymentCreating, Message: "Creating resources for served entity.",
		}
		if s.ModelVersion == "2" {
			se.ModelVersion = 2
		}
		if se.Name == "" {
			se.Name = endpoint.DefaultEntityName(s.ModelName, s.ModelVersion)
		}
		c.Entities = append(c.Entities, se)
	}
	if len(c.Routes) == 0 && len(c.Entities) == 1 {
		c.Routes = []endpoint.Route{{EntityName: c.Entities[0].Name, Percent: 100}}
	}
	return c
}

func (f *fake) UpdateConfig(ctx context.Context, name string, spec endpoint.ConfigSpec) (endpoint.Endpoint, error) {
	user, _ := access.UserFrom(ctx)
	return f.changed(name, func(e *endpoint.Endpoint) error {
		switch {
		case e.Update == endpoint.InProgress:
			return &endpoint.ConflictError{Name: name, Doing: "changing its configuration"}
		case len(spec.Entities) == 0:
			return &endpoint.ValidationError{Fields: []endpoint.FieldError{{Field: "config.served_entities", Message: "A configuration has 1 to 10 served entities, this has 0."}}}
		}
		e.Pending, e.Update = configOf(spec, 3, user), endpoint.InProgress
		f.reads[name] = 0
		return nil
	})
}

func (f *fake) StopEndpoint(_ context.Context, name string) (endpoint.Endpoint, error) {
	return f.changed(name, func(e *endpoint.Endpoint) error {
		if e.Update == endpoint.InProgress {
			return &endpoint.StateError{Message: "Endpoint '" + name + "' is currently updating and cannot be stopped."}
		}
		active := *e.Active
		active.Entities = slices.Clone(active.Entities)
		for i := range active.Entities {
			active.Entities[i].Deployment, active.Entities[i].Message = endpoint.DeploymentStopped, "Stopped"
		}
		e.Active, e.Ready, e.Suspended = &active, endpoint.NotReady, true
		return nil
	})
}

func (f *fake) StartEndpoint(_ context.Context, name string) (endpoint.Endpoint, error) {
	return f.changed(name, func(e *endpoint.Endpoint) error {
		if !e.Suspended {
			return &endpoint.StateError{Message: "Endpoint '" + name + "' is not stopped."}
		}
		pending := *e.Active
		pending.Version++
		e.Pending, e.Update = &pending, endpoint.InProgress
		return nil
	})
}

func (f *fake) CancelUpdate(_ context.Context, name string) (endpoint.Endpoint, error) {
	return f.changed(name, func(e *endpoint.Endpoint) error {
		if e.Update != endpoint.InProgress {
			return &endpoint.StateError{Message: "Endpoint '" + name + "' has no update that runs."}
		}
		e.Update = endpoint.UpdateCanceled
		return nil
	})
}

func (f *fake) ConfigVersions(name string) ([]endpoint.ConfigVersion, error) {
	e, err := f.Endpoint(name)
	if err != nil {
		return nil, err
	}
	return append([]endpoint.ConfigVersion{{Config: *e.Active, State: endpoint.VersionActive}}, f.past[name]...), nil
}

func (f *fake) ConfigVersion(name string, version int) (endpoint.ConfigVersion, error) {
	all, err := f.ConfigVersions(name)
	if err != nil {
		return endpoint.ConfigVersion{}, err
	}
	i := slices.IndexFunc(all, func(v endpoint.ConfigVersion) bool { return v.Config.Version == version })
	if i < 0 {
		return endpoint.ConfigVersion{}, &endpoint.NotFoundError{Name: name, Version: version}
	}
	return all[i], nil
}

func (f *fake) RestoreConfig(ctx context.Context, name string, version int) (endpoint.Endpoint, error) {
	v, err := f.ConfigVersion(name, version)
	if err != nil {
		return endpoint.Endpoint{}, err
	}
	return f.UpdateConfig(ctx, name, v.Config.Spec())
}

// The fake's settings are stored as they come, with what an engine fills in.

func (f *fake) PatchTags(_ context.Context, name string, add []endpoint.Tag, remove []string) (endpoint.Endpoint, error) {
	return f.changed(name, func(e *endpoint.Endpoint) error {
		e.Tags = slices.DeleteFunc(slices.Clone(e.Tags), func(t endpoint.Tag) bool { return slices.Contains(remove, t.Key) })
		e.Tags = append(e.Tags, add...)
		return nil
	})
}

func (f *fake) SetRateLimits(_ context.Context, name string, limits []endpoint.RateLimit) (endpoint.Endpoint, error) {
	return f.changed(name, func(e *endpoint.Endpoint) error { e.RateLimits = limits; return nil })
}

func (f *fake) SetAIGateway(_ context.Context, name string, g *endpoint.AIGateway) (endpoint.Endpoint, error) {
	return f.changed(name, func(e *endpoint.Endpoint) error {
		if g.Guardrails {
			return &endpoint.ValidationError{Fields: []endpoint.FieldError{{Field: "ai_gateway.guardrails", Message: "Not for custom models."}}}
		}
		if g.InferenceTable != nil && g.InferenceTable.TablePrefix == "" {
			g.InferenceTable.TablePrefix = name
		}
		if e.AIGateway = g; g.InferenceTable == nil && g.RateLimits == nil && g.UsageTracking == nil && g.Fallback == nil {
			e.AIGateway = nil
		}
		return nil
	})
}

func (f *fake) SetNotifications(_ context.Context, name string, n *endpoint.Notifications) (endpoint.Endpoint, error) {
	return f.changed(name, func(e *endpoint.Endpoint) error { e.Notifications = n; return nil })
}

func (f *fake) SetTelemetry(_ context.Context, name string, t *endpoint.TelemetryExport) (endpoint.Endpoint, error) {
	return f.changed(name, func(e *endpoint.Endpoint) error {
		if e.Update == endpoint.InProgress {
			return &endpoint.ConflictError{Name: name, Doing: "changing its telemetry"}
		}
		e.Telemetry = t
		return nil
	})
}
