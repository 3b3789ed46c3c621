package config

import (
	"fmt"
	"maps"
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
)

// Change is what becomes of one served entity from one configuration to another.
type Change struct {
	Kind  ChangeKind
	Name  string // of the served entity, of the new one where it is replaced
	Lines []Difference
}

// Difference is one property that is another. From or To is "" where there is none.
type Difference struct{ What, From, To string }

// Changes lists what differs, in the order of the configuration after: first what stays
// under its name, what is replaced and what is new, then what goes. Nil where nothing does.
func Changes(before, after endpoint.ConfigSpec) []Change {
	var all []Change
	gone := slices.DeleteFunc(slices.Clone(before.Entities), func(b endpoint.EntitySpec) bool { return indexOf(after, b.Name) >= 0 })
	for _, a := range after.Entities {
		kind, b := EntityChanged, endpoint.EntitySpec{}
		if i := indexOf(before, a.Name); i >= 0 {
			b = before.Entities[i]
		} else if i := slices.IndexFunc(gone, func(g endpoint.EntitySpec) bool { return strings.EqualFold(g.ModelName, a.ModelName) }); i >= 0 {
			kind, b = EntityReplaced, gone[i]
			gone = slices.Delete(gone, i, i+1)
		} else {
			all = append(all, Change{EntityAdded, a.Name, facts(a, percentOf(after, a.Name))})
			continue
		}
		lines := differences(b, a)
		if kind == EntityReplaced {
			lines = append([]Difference{{"Replaces", "", b.Name}}, lines...)
		}
		traffic := difference("Traffic", percentOf(before, b.Name), percentOf(after, a.Name))
		if kind == EntityChanged && len(lines) == 0 && traffic != nil {
			kind = TrafficChanged
		}
		if lines = append(lines, traffic...); len(lines) > 0 {
			all = append(all, Change{kind, a.Name, lines})
		}
	}
	for _, g := range gone {
		all = append(all, Change{EntityRemoved, g.Name, []Difference{{"Traffic", percentOf(before, g.Name), ""}}})
	}
	return all
}

// Reloads counts the served entities of a configuration that are loaded for changes: those
// that are new or not the same.
func Reloads(changes []Change) int {
	n := 0
	for _, c := range changes {
		if c.Kind != EntityRemoved && c.Kind != TrafficChanged {
			n++
		}
	}
	return n
}

func indexOf(c endpoint.ConfigSpec, name string) int {
	return slices.IndexFunc(c.Entities, func(e endpoint.EntitySpec) bool { return e.Name == name })
}

// percentOf is a served entity's share of the traffic: all of it where it is alone and no
// route says otherwise.
func percentOf(c endpoint.ConfigSpec, name string) string {
	percent := 0
	if len(c.Routes) == 0 && len(c.Entities) == 1 {
		percent = 100
	}
	for _, r := range c.Routes {
		if r.EntityName == name {
			percent = r.Percent
		}
	}
	return strconv.Itoa(percent) + " %"
}

// facts are the properties of a served entity that is new.
func facts(e endpoint.EntitySpec, traffic string) []Difference {
	lines := []Difference{{"Model", "", e.ModelName + " version " + e.ModelVersion}, {"Scale-out", "", scaleWords(e)}}
	if e.WorkloadType != "CPU" && e.WorkloadType != "" {
		lines = append(lines, Difference{"Compute", "", e.WorkloadType})
	}
	return append(lines, Difference{"Traffic", "", traffic})
}

func differences(b, a endpoint.EntitySpec) []Difference {
	var lines []Difference
	if !strings.EqualFold(b.ModelName, a.ModelName) {
		lines = append(lines, Difference{"Model", b.ModelName + " version " + b.ModelVersion, a.ModelName + " version " + a.ModelVersion})
	} else {
		lines = append(lines, difference("Version", b.ModelVersion, a.ModelVersion)...)
	}
	lines = append(lines, difference("Compute", b.WorkloadType, a.WorkloadType)...)
	lines = append(lines, difference("Scale-out", scaleWords(b), scaleWords(a))...)
	lines = append(lines, difference("Scale to zero", onOff(b.ScaleToZero), onOff(a.ScaleToZero))...)
	lines = append(lines, variableDifferences(b.EnvironmentVars, a.EnvironmentVars)...)
	return append(lines, difference("Instance profile", b.InstanceProfileARN, a.InstanceProfileARN)...)
}

func difference(what, from, to string) []Difference {
	if from == to {
		return nil
	}
	return []Difference{{what, from, to}}
}

// variableDifferences names environment variables without their values, which may be
// somebody's secrets.
func variableDifferences(before, after map[string]string) []Difference {
	var lines []Difference
	keys := maps.Clone(before)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, after)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		b, was := before[key]
		a, is := after[key]
		switch {
		case !was:
			lines = append(lines, Difference{"Variable", "", key + " is new"})
		case !is:
			lines = append(lines, Difference{"Variable", "", key + " goes"})
		case a != b:
			lines = append(lines, Difference{"Variable", "", key + " has another value"})
		}
	}
	return lines
}

func scaleWords(e endpoint.EntitySpec) string {
	if e.WorkloadSize != "" {
		return e.WorkloadSize
	}
	number := func(n *int) string {
		if n == nil {
			return "?"
		}
		return strconv.Itoa(*n)
	}
	return fmt.Sprintf("%s–%s", number(e.MinConcurrency), number(e.MaxConcurrency))
}

func onOff(b *bool) string {
	if b != nil && *b {
		return "on"
	}
	return "off"
}
