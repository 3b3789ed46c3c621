package endpoint

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Difference is what has to be done to one configuration to get another. Served entities
// belong together by their names.
type Difference struct {
	Added   []ServedEntity     // in the order of the later one
	Removed []ServedEntity     // in the order of the earlier one
	Changed []EntityDifference // in the order of the later one
	Routes  []RouteDifference  // those that differ: the later one's, then those that went
	// AutoCapture are the fields of the inference table of the older form that differ.
	AutoCapture []FieldDifference
}

// EntityDifference is what differs in a served entity that both configurations have. At
// least one field does.
type EntityDifference struct {
	Name   string
	Fields []FieldDifference
}

// FieldDifference is a field of the REST API whose value differs: "entity_version",
// "environment_vars.THREADS". "" is a field that is not there.
type FieldDifference struct{ Field, From, To string }

// NoRoute is the share of a served entity that has no route.
const NoRoute = -1

// RouteDifference is a share of the traffic that differs, in percent, or NoRoute.
type RouteDifference struct {
	Entity   string
	From, To int
}

// Same tells that nothing differs.
func (d Difference) Same() bool {
	return len(d.Added)+len(d.Removed)+len(d.Changed)+len(d.Routes)+len(d.AutoCapture) == 0
}

// Compare tells what differs between two configurations, nil being one without anything.
// What was asked for counts: not who did or when, not how it stands, and not the order of
// served entities and routes.
func Compare(from, to *Config) Difference {
	if from == nil {
		from = &Config{}
	}
	if to == nil {
		to = &Config{}
	}
	var d Difference
	for i := range to.Entities {
		after := &to.Entities[i]
		before := from.entity(after.Name)
		if before == nil {
			d.Added = append(d.Added, *after)
		} else if fields := compareFields(before.asked(), after.asked()); len(fields) > 0 {
			d.Changed = append(d.Changed, EntityDifference{after.Name, fields})
		}
	}
	for i := range from.Entities {
		if before := &from.Entities[i]; to.entity(before.Name) == nil {
			d.Removed = append(d.Removed, *before)
		}
	}
	for _, r := range to.Routes {
		if before := from.share(r.EntityName); before != r.Percent {
			d.Routes = append(d.Routes, RouteDifference{r.EntityName, before, r.Percent})
		}
	}
	for _, r := range from.Routes {
		if to.share(r.EntityName) == NoRoute {
			d.Routes = append(d.Routes, RouteDifference{r.EntityName, r.Percent, NoRoute})
		}
	}
	d.AutoCapture = compareFields(from.AutoCapture.asked(), to.AutoCapture.asked())
	return d
}

func (c *Config) entity(name string) *ServedEntity {
	for i := range c.Entities {
		if c.Entities[i].Name == name {
			return &c.Entities[i]
		}
	}
	return nil
}

func (c *Config) share(name string) int {
	for _, r := range c.Routes {
		if r.EntityName == name {
			return r.Percent
		}
	}
	return NoRoute
}

// asked is a served entity as the REST API has it: a size or numbers, not both.
func (e *ServedEntity) asked() [][2]string {
	fields := [][2]string{
		{"entity_name", e.ModelName}, {"entity_version", strconv.Itoa(e.ModelVersion)},
		{"workload_type", e.WorkloadType}, {"workload_size", e.WorkloadSize},
	}
	if e.WorkloadSize == "" {
		fields = append(fields,
			[2]string{"min_provisioned_concurrency", strconv.Itoa(e.MinConcurrency)},
			[2]string{"max_provisioned_concurrency", strconv.Itoa(e.MaxConcurrency)})
	}
	fields = append(fields,
		[2]string{"scale_to_zero_enabled", strconv.FormatBool(e.ScaleToZero)},
		[2]string{"instance_profile_arn", e.InstanceProfileARN})
	for _, name := range slices.Sorted(maps.Keys(e.EnvironmentVars)) {
		fields = append(fields, [2]string{variables + name, e.EnvironmentVars[name]})
	}
	return fields
}

func (t *InferenceTable) asked() [][2]string {
	if t == nil {
		return nil
	}
	return [][2]string{
		{"auto_capture_config.enabled", strconv.FormatBool(t.Enabled)},
		{"auto_capture_config.catalog_name", t.Catalog},
		{"auto_capture_config.schema_name", t.Schema},
		{"auto_capture_config.table_name_prefix", t.TablePrefix},
	}
}

// compareFields finds what differs: the fields of after in their order, then those that
// before has and after has not. An empty field is one that is not there, but for a variable
// of the environment. Unity Catalog's names are one whatever their case.
func compareFields(before, after [][2]string) (found []FieldDifference) {
	for _, f := range after {
		was, had := value(before, f[0])
		switch {
		case was != f[1] && !(f[0] == "entity_name" && strings.EqualFold(was, f[1])),
			!had && strings.HasPrefix(f[0], variables):
			found = append(found, FieldDifference{f[0], was, f[1]})
		}
	}
	for _, f := range before {
		if _, has := value(after, f[0]); !has && (f[1] != "" || strings.HasPrefix(f[0], variables)) {
			found = append(found, FieldDifference{f[0], f[1], ""})
		}
	}
	return found
}

const variables = "environment_vars."

func value(fields [][2]string, name string) (string, bool) {
	i := slices.IndexFunc(fields, func(f [2]string) bool { return f[0] == name })
	if i < 0 {
		return "", false
	}
	return fields[i][1], true
}
