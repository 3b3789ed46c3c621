package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"servery/engine/endpoint"
)

// ChangeKind is what becomes of a served entity.
type ChangeKind int

// The kinds of changes.
const (
	EntityAdded ChangeKind = iota
	EntityRemoved
	EntityChanged
	EntityReplaced // by another name for the same model
	TrafficChanged // and nothing else: it goes on running
	TableChanged   // of no served entity: the inference table of the older form
)

// Change is what becomes of one served entity from one configuration to another.
type Change struct {
	Kind  ChangeKind
	Name  string // of the served entity, of the new one where it is replaced
	Lines []Line
}

// Line is one property that is another. From or To is "" where there is none.
type Line struct{ What, From, To string }

// Changes says in words what endpoint.Compare finds: what changed, is replaced or is new in
// the order of the later configuration, then what goes. Nil where nothing differs.
func Changes(before, after *endpoint.Config) []Change {
	if before == nil {
		before = &endpoint.Config{}
	}
	d := endpoint.Compare(before, after)
	traffic := map[string][]Line{}
	for _, r := range d.Routes {
		traffic[r.Entity] = []Line{{"Traffic", percent(r.From), percent(r.To)}}
	}
	var all []Change
	removed := slices.Clone(d.Removed)
	for i := range after.Entities {
		a := &after.Entities[i]
		c := Change{Kind: EntityChanged, Name: a.Name}
		if b := entityNamed(before, a.Name); b != nil {
			if c.Lines = differences(b, a); len(c.Lines) == 0 {
				c.Kind = TrafficChanged
			}
			c.Lines = append(c.Lines, traffic[a.Name]...)
		} else if i := slices.IndexFunc(removed, func(r endpoint.ServedEntity) bool { return strings.EqualFold(r.ModelName, a.ModelName) }); i >= 0 {
			b := removed[i]
			removed = slices.Delete(removed, i, i+1)
			c.Kind = EntityReplaced
			c.Lines = append([]Line{{"Replaces", "", b.Name}}, differences(&b, a)...)
			if from, to := percentOf(before, b.Name), percentOf(after, a.Name); from != to {
				c.Lines = append(c.Lines, Line{"Traffic", from, to})
			}
		} else {
			c.Kind, c.Lines = EntityAdded, facts(a, percentOf(after, a.Name))
		}
		if len(c.Lines) > 0 {
			all = append(all, c)
		}
	}
	for _, r := range removed {
		all = append(all, Change{EntityRemoved, r.Name, []Line{{"Traffic", percentOf(before, r.Name), ""}}})
	}
	if len(d.AutoCapture) > 0 {
		var lines []Line
		for _, f := range d.AutoCapture {
			lines = append(lines, Line{strings.TrimPrefix(f.Field, "auto_capture_config."), f.From, f.To})
		}
		all = append(all, Change{TableChanged, "Inference table", lines})
	}
	return all
}

// Reloads counts the served entities of a configuration that are loaded for changes: those
// that are new or not the same.
func Reloads(changes []Change) int {
	n := 0
	for _, c := range changes {
		if c.Kind == EntityAdded || c.Kind == EntityChanged || c.Kind == EntityReplaced {
			n++
		}
	}
	return n
}

func entityNamed(c *endpoint.Config, name string) *endpoint.ServedEntity {
	i := slices.IndexFunc(c.Entities, func(e endpoint.ServedEntity) bool { return e.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Entities[i]
}

func percentOf(c *endpoint.Config, name string) string {
	for _, r := range c.Routes {
		if r.EntityName == name {
			return percent(r.Percent)
		}
	}
	return percent(endpoint.NoRoute)
}

func percent(share int) string { return strconv.Itoa(max(0, share)) + " %" }

// facts are the properties of a served entity that is new.
func facts(e *endpoint.ServedEntity, traffic string) []Line {
	lines := []Line{{"Model", "", e.ModelName + " version " + strconv.Itoa(e.ModelVersion)}, {"Scale-out", "", scaleWords(e)}}
	if e.WorkloadType != "CPU" {
		lines = append(lines, Line{"Compute", "", e.WorkloadType})
	}
	return append(lines, Line{"Traffic", "", traffic})
}

// differences says what differs between two served entities, whatever their names.
func differences(b, a *endpoint.ServedEntity) (lines []Line) {
	named := *b
	named.Name = a.Name
	d := endpoint.Compare(&endpoint.Config{Entities: []endpoint.ServedEntity{named}}, &endpoint.Config{Entities: []endpoint.ServedEntity{*a}})
	if len(d.Changed) == 0 {
		return nil
	}
	scaled := false
	for _, f := range d.Changed[0].Fields {
		variable, isVariable := strings.CutPrefix(f.Field, "environment_vars.")
		switch {
		case isVariable:
			lines = append(lines, Line{"Variable", "", variable + variableWords(variable, b, a)})
		case f.Field == "entity_name":
			lines = append(lines, Line{"Model", f.From, f.To})
		case f.Field == "entity_version":
			lines = append(lines, Line{"Version", f.From, f.To})
		case f.Field == "workload_type":
			lines = append(lines, Line{"Compute", f.From, f.To})
		case f.Field == "scale_to_zero_enabled":
			lines = append(lines, Line{"Scale to zero", onOff(b.ScaleToZero), onOff(a.ScaleToZero)})
		case f.Field == "instance_profile_arn":
			lines = append(lines, Line{"Instance profile", f.From, f.To})
		case !scaled: // size and numbers are one choice
			scaled = true
			lines = append(lines, Line{"Scale-out", scaleWords(b), scaleWords(a)})
		}
	}
	return lines
}

// variableWords says what becomes of an environment variable, without its value: that may
// be somebody's secret.
func variableWords(name string, b, a *endpoint.ServedEntity) string {
	_, was := b.EnvironmentVars[name]
	_, is := a.EnvironmentVars[name]
	switch {
	case !was:
		return " is new"
	case !is:
		return " goes"
	default:
		return " has another value"
	}
}

func scaleWords(e *endpoint.ServedEntity) string {
	if e.WorkloadSize != "" {
		return e.WorkloadSize
	}
	return fmt.Sprintf("%d–%d", e.MinConcurrency, e.MaxConcurrency)
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
