package create

import (
	"fmt"
	"strconv"
	"strings"

	"servery/engine/endpoint"
)

// maxEntities is how many served entities one configuration may have (spec E).
const maxEntities = 10

// scaleOut is one choice of the compute scale-out control.
type scaleOut struct {
	size  string // workload_size; "" is custom
	title string
}

// scaleOuts are the product's sizes with the concurrency they provision.
var scaleOuts = []scaleOut{
	{"Small", "Small 0–4"}, {"Medium", "Medium 8–16"}, {"Large", "Large 16–64"}, {"", "Custom"},
}

// entity is one served entity as the form holds it: text, as typed.
type entity struct {
	model   string
	version int
	name    string // what the person typed; "" is the default
	size    string // "" is custom
	low     string // custom concurrency
	high    string
	zero    bool
	traffic string
	env     string // KEY=VALUE lines
}

func newEntity(model string, version int) entity {
	return entity{model: model, version: version, size: "Small", low: "4", high: "8", zero: true}
}

// defaultName is what the engine calls a served entity that was given no name: the last
// part of the model's name and the version.
func (e entity) defaultName() string {
	return fmt.Sprintf("%s-%d", e.model[strings.LastIndexByte(e.model, '.')+1:], e.version)
}

func (e entity) servedName() string {
	if e.name != "" {
		return e.name
	}
	return e.defaultName()
}

// concurrency is how many requests run at once at rest and at most: the product's sizes,
// or what was typed. What is no number counts as 0.
func (e entity) concurrency() (low, high int) {
	switch e.size {
	case "Small":
		low, high = 4, 4
	case "Medium":
		low, high = 8, 16
	case "Large":
		low, high = 16, 64
	default:
		low, _ = strconv.Atoi(strings.TrimSpace(e.low))
		high, _ = strconv.Atoi(strings.TrimSpace(e.high))
	}
	if e.zero {
		low = 0
	}
	return low, high
}

// form is what the page holds between two keystrokes. It is a value: no widget.
type form struct {
	name        string
	description string
	entities    []entity
	tags        []endpoint.Tag
}

// add appends an entity and gives it no traffic, so that adding one changes nothing until
// the person moves traffic to it; the first one gets all.
func (f *form) add(e entity) {
	e.traffic = "0"
	if len(f.entities) == 0 {
		e.traffic = "100"
	}
	f.entities = append(f.entities, e)
}

// remove takes an entity away; its traffic goes to the first of the rest.
func (f *form) remove(i int) {
	gone, err := strconv.Atoi(strings.TrimSpace(f.entities[i].traffic))
	f.entities = append(f.entities[:i:i], f.entities[i+1:]...)
	if err == nil && len(f.entities) > 0 {
		if n, err := strconv.Atoi(strings.TrimSpace(f.entities[0].traffic)); err == nil {
			f.entities[0].traffic = strconv.Itoa(n + gone)
		}
	}
}

// total is the sum of the traffic in percent; what is no number counts as 0.
func (f *form) total() int {
	sum := 0
	for _, e := range f.entities {
		n, _ := strconv.Atoi(strings.TrimSpace(e.traffic))
		sum += n
	}
	return sum
}

// problem is an error at a field, by the JSON path that the engine uses too.
type problem struct{ field, message string }

// spec makes the request that the form stands for. Text that is no number, where a number
// is due, is a problem at its field; everything else is for the engine to judge.
func (f *form) spec() (endpoint.Spec, []problem) {
	s := endpoint.Spec{Name: strings.TrimSpace(f.name), Description: strings.TrimSpace(f.description), Tags: f.tags}
	var problems []problem
	c := &endpoint.ConfigSpec{}
	for i, e := range f.entities {
		path := fmt.Sprintf("config.served_entities[%d]", i)
		zero := e.zero
		out := endpoint.EntitySpec{
			Name: e.servedName(), ModelName: e.model, ModelVersion: strconv.Itoa(e.version),
			WorkloadType: "CPU", WorkloadSize: e.size, ScaleToZero: &zero,
		}
		if e.size == "" {
			out.MinConcurrency = wholeNumber(e.low, path+".min_provisioned_concurrency", &problems)
			out.MaxConcurrency = wholeNumber(e.high, path+".max_provisioned_concurrency", &problems)
		}
		var err error
		if out.EnvironmentVars, err = readEnv(e.env); err != nil {
			problems = append(problems, problem{path + ".environment_vars", err.Error() + "."})
		}
		c.Entities = append(c.Entities, out)
		if len(f.entities) > 1 {
			if n := wholeNumber(e.traffic, fmt.Sprintf("config.traffic_config.routes[%d].traffic_percentage", i), &problems); n != nil {
				c.Routes = append(c.Routes, endpoint.Route{EntityName: out.Name, Percent: *n})
			}
		}
	}
	s.Config = c
	return s, problems
}

func wholeNumber(text, field string, problems *[]problem) *int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		*problems = append(*problems, problem{field, fmt.Sprintf("%q is not a whole number.", text)})
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

// suggestName makes an endpoint name out of a model's: its last part, with what the rule
// does not allow replaced by a hyphen, and a number behind it where it is taken.
func suggestName(model string, taken func(string) bool) string {
	base := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, model[strings.LastIndexByte(model, '.')+1:])
	if len(base) > 58 {
		base = base[:58]
	}
	if base == "" {
		base = "endpoint"
	}
	name := base
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}
