package create

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/mlmodel"
	"servery/engine/registry"
	"servery/engine/tensor"
)

// fakeEngine knows three models and checks a little of what the engine checks.
type fakeEngine struct {
	models    []registry.Model
	endpoints []endpoint.Endpoint
	created   []endpoint.Spec
	refusal   error
	machine   hardware.Snapshot
}

func newFake() *fakeEngine {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	tensors := func(name string, t tensor.Type, shape ...int64) *mlmodel.Schema {
		return &mlmodel.Schema{Tensors: []mlmodel.TensorSpec{{Name: name, Type: t, Shape: shape}}}
	}
	version := func(n int, size int64, age time.Duration, in, out *mlmodel.Schema, parameters int64) registry.Version {
		return registry.Version{Number: n, Status: registry.Ready, Flavor: "onnx", Size: size, CreatedAt: now.Add(-age),
			Signature: &mlmodel.Signature{Inputs: in, Outputs: out},
			Graph:     &registry.Graph{Opsets: map[string]int64{"": 17}, Parameters: parameters}}
	}
	var columns mlmodel.Schema
	for i := range 18 {
		columns.Columns = append(columns.Columns, mlmodel.Column{Name: fmt.Sprintf("feature_%d", i), Type: mlmodel.Double, Required: true})
	}
	features, score := tensors("features", tensor.Float32, -1, 64), tensors("score", tensor.Float32, -1, 1)
	day := 24 * time.Hour
	return &fakeEngine{
		machine: hardware.Snapshot{CPUModel: "AMD EPYC 7B13", Cores: 16, MemoryTotal: 64_000_000_000, MemoryUsed: 13_000_000_000},
		models: []registry.Model{
			{Catalog: "dev", Schema: "ads", Name: "text_encoder", UpdatedAt: now.Add(-30 * day), Versions: []registry.Version{
				version(1, 90_000_000, 30*day, tensors("input_ids", tensor.Int64, -1, -1), tensors("embedding", tensor.Float32, -1, 384), 22_700_000)}},
			{Catalog: "main", Schema: "ads", Name: "ctr_gbt", UpdatedAt: now.Add(-6 * day), Versions: []registry.Version{
				version(11, 3_100_000, 6*day, &columns, &mlmodel.Schema{Columns: []mlmodel.Column{{Name: "click_probability", Type: mlmodel.Double, Required: true}}}, 0)}},
			{Catalog: "main", Schema: "ads", Name: "ranker", UpdatedAt: now.Add(-2 * day), Aliases: []registry.Alias{{Name: "champion", Version: 2}, {Name: "challenger", Version: 3}},
				Versions: []registry.Version{
					{Number: 4, Status: registry.Failed, CreatedAt: now.Add(-2 * day), Reason: "The operator com.acme.Int4MatMul is not one of ONNX's, and no runtime here knows it."},
					version(3, 41_000_000, 2*day, features, score, 10_400_000),
					version(2, 40_000_000, 9*day, features, score, 10_400_000)}},
		},
		endpoints: []endpoint.Endpoint{{Name: "ctr_gbt"}},
	}
}

func (f *fakeEngine) Models() []registry.Model       { return f.models }
func (f *fakeEngine) Endpoints() []endpoint.Endpoint { return f.endpoints }
func (f *fakeEngine) Hardware() hardware.Snapshot    { return f.machine }
func (f *fakeEngine) Address() string                { return "http://127.0.0.1:8642" }

func (f *fakeEngine) CheckEndpoint(s endpoint.Spec) (all []endpoint.FieldError) {
	say := func(field, text string) { all = append(all, endpoint.FieldError{Field: field, Message: text}) }
	switch {
	case s.Name == "":
		say("name", "The name is missing.")
	case strings.ContainsAny(s.Name, " .!/"):
		say("name", fmt.Sprintf("%q takes letters, digits, - and _ only.", s.Name))
	}
	for _, e := range f.endpoints {
		if e.Name == s.Name {
			say("name", "An endpoint named "+s.Name+" exists already.")
		}
	}
	if len(s.Config.Entities) == 0 {
		say("config.served_entities", "Choose at least one model to serve.")
	}
	sum := 0
	for _, r := range s.Config.Routes {
		sum += r.Percent
	}
	if len(s.Config.Routes) > 0 && sum != 100 {
		say("config.traffic_config.routes", fmt.Sprintf("The shares add up to %d, not 100.", sum))
	}
	for i, e := range s.Config.Entities {
		if e.MaxConcurrency != nil && *e.MaxConcurrency%4 != 0 {
			say(fmt.Sprintf("config.served_entities[%d].max_provisioned_concurrency", i), fmt.Sprintf("%d is not a multiple of 4.", *e.MaxConcurrency))
		}
		for key := range e.EnvironmentVars {
			if strings.Contains(key, " ") {
				say(fmt.Sprintf("config.served_entities[%d].environment_vars.%s", i, key), fmt.Sprintf("%q has a space in its name.", key))
			}
		}
	}
	return all
}

func (f *fakeEngine) CreateEndpoint(ctx context.Context, s endpoint.Spec) (endpoint.Endpoint, error) {
	if f.refusal != nil {
		return endpoint.Endpoint{}, f.refusal
	}
	f.created = append(f.created, s)
	return endpoint.Endpoint{Name: s.Name}, ctx.Err()
}

var errDisk = errors.New("the data folder's disk is full")
