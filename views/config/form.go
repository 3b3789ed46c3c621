// Package config has the controls for an endpoint's configuration that the pages which
// make and change one share: the list of served entities with their traffic, the dialog to
// choose a model version, the request as code, and what differs between two
// configurations. It checks nothing by itself that the engine checks.
package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"servery/engine/endpoint"
)

// MaxEntities is how many served entities one configuration may have (spec E).
const MaxEntities = 10

// scaleOut is one choice of the compute scale-out control.
type scaleOut struct {
	size  string // workload_size; "" is custom
	title string
}

// scaleOuts are the product's sizes with the concurrency they provision.
var scaleOuts = []scaleOut{
	{"Small", "Small 0–4"}, {"Medium", "Medium 8–16"}, {"Large", "Large 16–64"}, {"", "Custom"},
}

// Entity is one served entity as the form holds it: text, as typed. It can be compared.
type Entity struct {
	Model   string
	Version int
	Name    string // what the person typed; "" is the default
	Compute string // workload_type
	Size    string // "" is custom
	Low     string // custom concurrency
	High    string
	Zero    bool
	Traffic string
	Env     string // KEY=VALUE lines

	was *endpoint.ServedEntity // what it is in the configuration that is changed; nil for a new one
}

// NewEntity is a further entity as the form proposes it.
func NewEntity(model string, version int) Entity {
	return Entity{Model: model, Version: version, Compute: "CPU", Size: "Small", Low: "4", High: "8", Zero: true}
}

// entityOf is an entity of a configuration as the form shows it.
func entityOf(s *endpoint.ServedEntity, percent int) Entity {
	e := NewEntity(s.ModelName, s.ModelVersion)
	e.Compute, e.Size, e.Zero, e.Traffic, e.was = s.WorkloadType, s.WorkloadSize, s.ScaleToZero, strconv.Itoa(percent), s
	if s.Name != e.defaultName() {
		e.Name = s.Name
	}
	if s.WorkloadSize == "" {
		e.Low, e.High = strconv.Itoa(s.MinConcurrency), strconv.Itoa(s.MaxConcurrency)
	}
	e.Env = writeEnv(s.EnvironmentVars)
	return e
}

// defaultName is what the engine calls a served entity that was given no name.
func (e Entity) defaultName() string {
	return endpoint.DefaultEntityName(e.Model, strconv.Itoa(e.Version))
}

func (e Entity) servedName() string {
	if e.Name != "" {
		return e.Name
	}
	return e.defaultName()
}

// concurrency is how many requests run at once at rest and at most: the product's sizes,
// or what was typed. What is no number counts as 0.
func (e Entity) concurrency() (low, high int) {
	low, high = number(e.Low), number(e.High)
	for _, s := range endpoint.Sizes {
		if s.Name == e.Size {
			low, high = s.Min, s.Max
		}
	}
	if e.Zero {
		low = 0
	}
	return low, high
}

// variables are the environment variables. Those that nobody touched are given as they
// were: a value of several lines has no form as KEY=VALUE.
func (e Entity) variables() (map[string]string, error) {
	if e.was != nil && e.Env == writeEnv(e.was.EnvironmentVars) {
		return maps.Clone(e.was.EnvironmentVars), nil
	}
	return readEnv(e.Env)
}

// Form is what a page holds of a configuration between two keystrokes. It is a value: no
// widget.
type Form struct {
	Entities    []Entity
	autoCapture *endpoint.InferenceTable // goes through unchanged
}

// FormOf is the form that stands for a configuration: its Spec asks for the same.
func FormOf(c endpoint.Config) Form {
	f := Form{autoCapture: c.AutoCapture}
	for i := range c.Entities {
		percent := 0
		for _, r := range c.Routes {
			if r.EntityName == c.Entities[i].Name {
				percent = r.Percent
			}
		}
		f.Entities = append(f.Entities, entityOf(&c.Entities[i], percent))
	}
	return f
}

// Add appends an entity and gives it no traffic, so that adding one changes nothing until
// the person moves traffic to it; the first one gets all.
func (f *Form) Add(e Entity) {
	e.Traffic = "0"
	if len(f.Entities) == 0 {
		e.Traffic = "100"
	}
	f.Entities = append(f.Entities, e)
}

// Remove takes an entity away; its traffic goes to the first of the rest.
func (f *Form) Remove(i int) {
	gone, err := strconv.Atoi(strings.TrimSpace(f.Entities[i].Traffic))
	f.Entities = append(f.Entities[:i:i], f.Entities[i+1:]...)
	if err == nil && len(f.Entities) > 0 {
		if n, err := strconv.Atoi(strings.TrimSpace(f.Entities[0].Traffic)); err == nil {
			f.Entities[0].Traffic = strconv.Itoa(n + gone)
		}
	}
}

// Total is the sum of the traffic in percent; what is no number counts as 0.
func (f *Form) Total() int {
	sum := 0
	for _, e := range f.Entities {
		sum += number(e.Traffic)
	}
	return sum
}

// Spec makes the configuration that the form stands for. Text that is no number, where a
// number is due, is a problem at its field, by the path that the engine uses too;
// everything else is for the engine to judge.
func (f *Form) Spec() (endpoint.ConfigSpec, []endpoint.FieldError) {
	var problems []endpoint.FieldError
	c := endpoint.ConfigSpec{AutoCapture: f.autoCapture}
	for i, e := range f.Entities {
		path := fmt.Sprintf("config.served_entities[%d]", i)
		zero := e.Zero
		out := endpoint.EntitySpec{
			Name: e.servedName(), ModelName: e.Model, ModelVersion: strconv.Itoa(e.Version),
			WorkloadType: e.Compute, WorkloadSize: e.Size, ScaleToZero: &zero,
		}
		if e.was != nil {
			out.InstanceProfileARN = e.was.InstanceProfileARN
		}
		if e.Size == "" {
			out.MinConcurrency = wholeNumber(e.Low, path+".min_provisioned_concurrency", &problems)
			out.MaxConcurrency = wholeNumber(e.High, path+".max_provisioned_concurrency", &problems)
		}
		var err error
		if out.EnvironmentVars, err = e.variables(); err != nil {
			problems = append(problems, endpoint.FieldError{Field: path + ".environment_vars", Message: err.Error() + "."})
		}
		c.Entities = append(c.Entities, out)
		if len(f.Entities) > 1 {
			if n := wholeNumber(e.Traffic, fmt.Sprintf("config.traffic_config.routes[%d].traffic_percentage", i), &problems); n != nil {
				c.Routes = append(c.Routes, endpoint.Route{EntityName: out.Name, Percent: *n})
			}
		}
	}
	return c, problems
}

// Config is the configuration that the form stands for, to compare with others. What is no
// number counts as 0.
func (f *Form) Config() *endpoint.Config {
	c := &endpoint.Config{AutoCapture: f.autoCapture}
	for _, e := range f.Entities {
		s := endpoint.ServedEntity{Name: e.servedName(), ModelName: e.Model, ModelVersion: e.Version, WorkloadType: e.Compute, WorkloadSize: e.Size, ScaleToZero: e.Zero}
		if e.was != nil {
			s.InstanceProfileARN = e.was.InstanceProfileARN
		}
		if e.Size == "" {
			s.MinConcurrency, s.MaxConcurrency = number(e.Low), number(e.High)
		}
		s.EnvironmentVars, _ = e.variables()
		c.Entities = append(c.Entities, s)
		share := number(e.Traffic)
		if len(f.Entities) == 1 {
			share = 100 // as the engine gives it
		}
		c.Routes = append(c.Routes, endpoint.Route{EntityName: s.Name, Percent: share})
	}
	return c
}

// number is a typed number, 0 for what is none.
func number(text string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(text))
	return n
}

func wholeNumber(text, field string, problems *[]endpoint.FieldError) *int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		*problems = append(*problems, endpoint.FieldError{Field: field, Message: fmt.Sprintf("%q is not a whole number.", text)})
		return nil
	}
	return &n
}

// readEnv reads KEY=VALUE lines; empty lines are skipped.
func readEnv(text string) (map[string]string, error) {
	vars := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); !found || key == "" {
			return nil, fmt.Errorf("%q is not a variable: write KEY=VALUE, one a line", line)
		}
		if _, twice := vars[key]; twice {
			return nil, fmt.Errorf("%s is set twice", key)
		}
		vars[key] = value
	}
	if len(vars) == 0 {
		return nil, nil
	}
	return vars, nil
}

// writeEnv writes what readEnv reads, by key.
func writeEnv(vars map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(vars)) {
		b.WriteString(key + "=" + vars[key] + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
