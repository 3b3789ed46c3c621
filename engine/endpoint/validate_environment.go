package endpoint

import (
	"maps"
	"slices"
	"strings"
)

const (
	maxVariables = 50 // the product's limit for one served entity
	// maxVariable bounds one variable: a process takes no more than 128 KiB on Linux.
	maxVariable = 64 << 10
)

func (c *check) variables(at string, vars map[string]string) {
	field := at + "environment_vars"
	if len(vars) > maxVariables {
		c.add(field, "A served entity takes at most %d environment variables, this has %d.", maxVariables, len(vars))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		value := vars[name]
		switch {
		case !variableName(name):
			c.add(field, "%q is no name of an environment variable: it takes letters, digits and underscores, and begins with no digit.", name)
		case strings.Contains(value, "\x00"):
			c.add(field, "The value of %s has a NUL character, which no environment variable can carry.", name)
		case len(name)+len(value) > maxVariable:
			c.add(field, "The value of %s is %d bytes long: an environment variable takes at most %d.", name, len(value), maxVariable)
		}
	}
}

func variableName(name string) bool {
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r == '-' || notInName(r) })
}

// secret tells a value that is exactly {{secrets/<scope>/<key>}}; all else is literal.
func secret(value string) bool {
	inner, ok := strings.CutPrefix(value, "{{secrets/")
	if !ok {
		return false
	}
	inner, ok = strings.CutSuffix(inner, "}}")
	scope, key, two := strings.Cut(inner, "/")
	return ok && two && scope != "" && key != "" && !strings.ContainsAny(inner, "{}")
}
