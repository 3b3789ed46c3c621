package endpoint

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"servery/engine/registry"
)

// Models is where the versions of registered models are found.
type Models interface {
	// Model returns a model by its full name, or *registry.NotFoundError.
	Model(fullName string) (registry.Model, error)
}

// Places is what Models may be beside: where catalogs and schemas are found. A registry is.
type Places interface {
	// Catalog returns a catalog by its name, or *registry.NotFoundError.
	Catalog(name string) (registry.Catalog, error)
	// Schema returns a schema by its full name, or *registry.NotFoundError.
	Schema(fullName string) (registry.Schema, error)
}

// The product's limits (documentation, "Model Serving limits", and the REST reference).
const (
	maxName     = 63
	maxEntities = 10
)

const scaleToZeroMissing = "scaleToZeroEnabled is undefined. Please set it to either true or false."

// reserved are the words that stand where an endpoint's name stands in the paths of the
// REST API.
var reserved = []string{"pt", "chat", "completions", "embeddings", "responses", "external"}

// check holds a request against the product's rules and collects all that breaks them,
// in the order of the fields. Where nothing does, the configuration is complete: names,
// sizes and routes are filled in.
type check struct {
	models Models
	fields []FieldError
}

// validate checks spec; config is nil where spec has none, and meaningless where fields
// is not empty.
func validate(models Models, spec Spec) (config *Config, fields []FieldError) {
	c := &check{models: models}
	c.name("name", "An endpoint's name", spec.Name)
	if strings.HasPrefix(strings.ToLower(spec.Name), "databricks-") {
		c.add("name", "'%s' begins with databricks-, which is kept for the product's own endpoints: choose another name.", spec.Name)
	}
	if slices.Contains(reserved, strings.ToLower(spec.Name)) {
		c.add("name", "'%s' is a word of the REST API's paths: choose another name.", spec.Name)
	}
	if spec.Config != nil {
		config = c.config(*spec.Config, &Endpoint{Name: spec.Name})
		config.Version = 1
	}
	c.settings(spec)
	return config, c.fields
}

// validateConfig checks a configuration for an endpoint that exists.
func validateConfig(models Models, e *Endpoint, spec ConfigSpec) (config *Config, fields []FieldError) {
	c := &check{models: models}
	config = c.config(spec, e)
	return config, c.fields
}

// config checks a configuration for e, and completes it.
func (c *check) config(spec ConfigSpec, e *Endpoint) *Config {
	config := &Config{Entities: c.entities(spec.Entities)}
	config.Routes = c.routes(spec.Routes, config.Entities)
	var before *InferenceTable
	if e.Active != nil {
		before = e.Active.AutoCapture
	}
	config.AutoCapture = c.inferenceTable("config.auto_capture_config.", spec.AutoCapture, before, e.Name)
	return config
}

func (c *check) add(field, format string, args ...any) {
	c.fields = append(c.fields, FieldError{field, fmt.Sprintf(format, args...)})
}

func (c *check) name(field, what, name string) {
	switch {
	case name == "":
		c.add(field, "%s is missing: give 1 to %d letters, digits, dashes and underscores.", what, maxName)
	case len(name) > maxName:
		c.add(field, "%s has at most %d characters, this has %d.", what, maxName, len([]rune(name)))
	case strings.TrimSpace(name) != name && !strings.ContainsFunc(strings.TrimSpace(name), notInName):
		c.add(field, "%s may not begin or end with a space.", what)
	case strings.ContainsFunc(name, notInName):
		c.add(field, "%s takes letters (A to Z, a to z), digits, dashes and underscores, not %s.", what, firstNot(name))
	}
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}

// firstNot is the first character that a name may not hold, as a sentence ends in it.
func firstNot(name string) string {
	i := strings.IndexFunc(name, notInName)
	r, _ := utf8.DecodeRuneInString(name[i:])
	if unicode.IsSpace(r) {
		return "spaces"
	}
	return strconv.Quote(string(r))
}

func (c *check) entities(specs []EntitySpec) []ServedEntity {
	if n := len(specs); n == 0 || n > maxEntities {
		c.add("config.served_entities", "A configuration has 1 to %d served entities, this has %d.", maxEntities, n)
	}
	var entities []ServedEntity
	names := map[string]bool{}
	for i, spec := range specs[:min(len(specs), 4*maxEntities)] {
		at := fmt.Sprintf("config.served_entities[%d].", i)
		e := c.entity(at, spec)
		if names[e.Name] {
			c.add(at+"name", "Two served entities are named '%s': give one of them another name.", e.Name)
		}
		names[e.Name] = true
		entities = append(entities, e)
	}
	return entities
}

func (c *check) entity(at string, spec EntitySpec) ServedEntity {
	e := ServedEntity{
		Name:               spec.Name,
		ModelName:          spec.ModelName,
		WorkloadType:       spec.WorkloadType,
		WorkloadSize:       spec.WorkloadSize,
		EnvironmentVars:    maps.Clone(spec.EnvironmentVars),
		InstanceProfileARN: spec.InstanceProfileARN,
	}
	c.model(at, spec, &e)
	if e.Name == "" {
		if spec.ModelName != "" && spec.ModelVersion != "" {
			e.Name = DefaultEntityName(spec.ModelName, spec.ModelVersion)
		}
	} else {
		c.name(at+"name", "A served entity's name", e.Name)
	}
	if e.WorkloadType == "" {
		e.WorkloadType = "CPU"
	} else if _, ok := workloadByName(e.WorkloadType); !ok {
		c.add(at+"workload_type", "'%s' is no workload type: there are %s.", e.WorkloadType, workloadNames())
	}
	if spec.ScaleToZero == nil {
		c.add(at+"scale_to_zero_enabled", scaleToZeroMissing)
	} else {
		e.ScaleToZero = *spec.ScaleToZero
	}
	c.concurrency(at, spec, &e)
	c.variables(at, spec.EnvironmentVars)
	return e
}

// concurrency takes a size or numbers, and Small where there is neither.
func (c *check) concurrency(at string, spec EntitySpec, e *ServedEntity) {
	low, high := spec.MinConcurrency, spec.MaxConcurrency
	if spec.WorkloadSize != "" || low == nil && high == nil {
		if low != nil || high != nil {
			c.add(at+"workload_size", "workload_size cannot be given together with min_provisioned_concurrency and max_provisioned_concurrency: give one or the other.")
		}
		if e.WorkloadSize == "" {
			e.WorkloadSize = Sizes[0].Name
		}
		size, ok := sizeByName(e.WorkloadSize)
		if !ok {
			c.add(at+"workload_size", "'%s' is no workload size: there are Small, Medium and Large.", e.WorkloadSize)
		}
		e.MinConcurrency, e.MaxConcurrency = size.Min, size.Max
		if e.ScaleToZero {
			e.MinConcurrency = 0
		}
		return
	}
	before := len(c.fields)
	e.MinConcurrency = c.units(at+"min_provisioned_concurrency", low, 0)
	e.MaxConcurrency = c.units(at+"max_provisioned_concurrency", high, 4)
	switch {
	case len(c.fields) > before:
	case e.MinConcurrency > e.MaxConcurrency:
		c.add(at+"min_provisioned_concurrency", "min_provisioned_concurrency %d is above max_provisioned_concurrency %d.", e.MinConcurrency, e.MaxConcurrency)
	case e.MinConcurrency == 0 && spec.ScaleToZero != nil && !e.ScaleToZero:
		c.add(at+"min_provisioned_concurrency", "min_provisioned_concurrency 0 needs scale_to_zero_enabled: give at least 4, or set it to true.")
	}
}

func (c *check) units(field string, n *int, least int) int {
	name := field[strings.LastIndexByte(field, '.')+1:]
	switch {
	case n == nil:
		c.add(field, "%s is missing: give both min_provisioned_concurrency and max_provisioned_concurrency, or a workload_size.", name)
		return 0
	case *n%4 != 0 || *n < least || *n > MaxConcurrency:
		c.add(field, "%s is %d: it takes a multiple of 4 from %d to %d.", name, *n, least, MaxConcurrency)
	}
	return *n
}

// routes checks the traffic split; one entity without a route gets all of it.
func (c *check) routes(routes []Route, entities []ServedEntity) []Route {
	const at = "config.traffic_config.routes"
	if len(routes) == 0 {
		if len(entities) == 1 {
			return []Route{{entities[0].Name, 100}}
		}
		if len(entities) > 1 {
			c.add(at, "With %d served entities the traffic must be split: give routes whose traffic_percentage sums to 100.", len(entities))
		}
		return nil
	}
	seen, sum, before := map[string]bool{}, 0, len(c.fields)
	for i, r := range routes {
		at := fmt.Sprintf("%s[%d].", at, i)
		known := slices.ContainsFunc(entities, func(e ServedEntity) bool { return e.Name == r.EntityName })
		switch {
		case r.EntityName == "":
			c.add(at+"served_entity_name", "served_entity_name is missing: name a served entity of this configuration.")
		case !known:
			c.add(at+"served_entity_name", "served_entity_name '%s' is no served entity of this configuration: it has %s.", r.EntityName, entityNames(entities))
		case seen[r.EntityName]:
			c.add(at+"served_entity_name", "served_entity_name '%s' has two routes: give one.", r.EntityName)
		}
		seen[r.EntityName] = true
		if r.Percent < 0 || r.Percent > 100 {
			c.add(at+"traffic_percentage", "traffic_percentage is %d: it takes a whole number from 0 to 100.", r.Percent)
		}
		sum += r.Percent
	}
	if sum != 100 && len(c.fields) == before {
		c.add(at, "The routes' traffic_percentage sums to %d: it must sum to 100.", sum)
	}
	return slices.Clone(routes)
}

func entityNames(entities []ServedEntity) string {
	names := make([]string, len(entities))
	for i, e := range entities {
		names[i] = e.Name
	}
	return strings.Join(names, ", ")
}

// begin makes a checked configuration one whose deployment starts at now.
func (c *Config) begin(how Origin, creator string, now time.Time) {
	c.StartedAt, c.AcceptedAt, c.ActiveFrom, c.EndedAt = now, now, time.Time{}, time.Time{}
	c.Creator, c.Origin, c.RestoredFrom = creator, how, 0
	for i := range c.Entities {
		e := &c.Entities[i]
		e.Creator, e.CreatedAt = creator, now
		e.Deployment, e.Message = DeploymentCreating, messageCreating
	}
}
