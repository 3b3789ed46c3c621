package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"servery/engine/endpoint"
	"servery/engine/registry"
	"servery/resources"
	"servery/views/shell"
	"servery/views/widgets"
)

// sampleServices is what serving a sample asks of the engine.
type sampleServices interface {
	Endpoint(name string) (endpoint.Endpoint, error)
	Model(fullName string) (registry.Model, error)
	ImportModel(ctx context.Context, in registry.Import, progress func(registry.Progress)) (registry.Version, error)
	CreateEndpoint(ctx context.Context, spec endpoint.Spec) (endpoint.Endpoint, error)
}

// serveSample registers and serves a model that comes with the program and goes to a
// request that is ready to send.
func (p *program) serveSample(name string) {
	host := p.shell.Host()
	shell.Task(host, func(ctx context.Context) (string, error) { return serveSample(ctx, p.engine, name) },
		func(served string, err error) {
			if err != nil {
				host.Toast(widgets.Error, "The sample cannot be served: "+err.Error())
				return
			}
			host.Go(shell.QueryRoute(served))
		})
}

// serveSample returns the name of the endpoint that serves the sample: the one that is
// there, or a new one.
func serveSample(ctx context.Context, e sampleServices, name string) (string, error) {
	sample, ok := sampleNamed(name)
	if !ok {
		return "", fmt.Errorf("there is no sample %q", name)
	}
	var missing *endpoint.NotFoundError
	if _, err := e.Endpoint(sample.Name); err == nil {
		return sample.Name, nil
	} else if !errors.As(err, &missing) {
		return "", err
	}
	version, err := sampleVersion(ctx, e, sample)
	if err != nil {
		return "", err
	}
	never := false
	_, err = e.CreateEndpoint(ctx, endpoint.Spec{
		Name:        sample.Name,
		Description: sample.Description,
		Config: &endpoint.ConfigSpec{Entities: []endpoint.EntitySpec{{
			ModelName: sample.ModelName, ModelVersion: strconv.Itoa(version), WorkloadSize: "Small", ScaleToZero: &never,
		}}},
	})
	var exists *endpoint.ExistsError
	if errors.As(err, &exists) { // a second click was faster
		err = nil
	}
	return sample.Name, err
}

// sampleVersion is the version of a sample that can be served, imported where there is
// none.
func sampleVersion(ctx context.Context, e sampleServices, s resources.Sample) (int, error) {
	if m, err := e.Model(s.ModelName); err == nil {
		if v, ok := m.Latest(); ok {
			return v.Number, nil
		}
	}
	dir, err := os.MkdirTemp("", "servery-sample-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, s.File)
	if err := os.WriteFile(file, s.Data, 0o600); err != nil {
		return 0, err
	}
	v, err := e.ImportModel(ctx, registry.Import{
		Source: file, Name: s.ModelName, Alias: "champion", Example: s.Example,
		Comment: s.Title + ". Licence: " + s.Licence,
	}, nil)
	if err != nil {
		return 0, err
	}
	if v.Status != registry.Ready {
		return 0, errors.New(v.Reason)
	}
	return v.Number, nil
}

func sampleNamed(name string) (resources.Sample, bool) {
	for _, s := range resources.Samples() {
		if s.Name == name {
			return s, true
		}
	}
	return resources.Sample{}, false
}
