package models

import (
	"fmt"
	"strconv"
	"strings"

	"servery/engine/endpoint"
)

// versionKey names a version of a model.
type versionKey struct {
	model   string
	version int
}

// use is an endpoint that serves a version.
type use struct {
	endpoint string
	percent  int  // of its traffic, in the active configuration
	pending  bool // only in a configuration that is not active yet
}

// String is "ocr-recognizer 80 %".
func (u use) String() string {
	if u.pending {
		return u.endpoint + " (updating)"
	}
	return fmt.Sprintf("%s %d %%", u.endpoint, u.percent)
}

// usesOf lists for each version the endpoints that serve it, by name.
func usesOf(all []endpoint.Endpoint) map[versionKey][]use {
	uses := map[versionKey][]use{}
	for _, e := range all {
		mine := map[versionKey]use{}
		add := func(c *endpoint.Config, pending bool) {
			if c == nil {
				return
			}
			for _, s := range c.Entities {
				k := versionKey{s.ModelName, s.ModelVersion}
				u, known := mine[k]
				if known && pending {
					continue
				}
				if !pending {
					u.percent += share(c, s.Name)
				}
				mine[k] = use{e.Name, u.percent, pending}
			}
		}
		add(e.Active, false)
		add(e.Pending, true)
		for k, u := range mine {
			uses[k] = append(uses[k], u)
		}
	}
	return uses
}

func share(c *endpoint.Config, entity string) int {
	for _, r := range c.Routes {
		if r.EntityName == entity {
			return r.Percent
		}
	}
	return 0
}

// names lists the endpoints of uses, each once.
func names(uses []use) (all []string) {
	seen := map[string]bool{}
	for _, u := range uses {
		if !seen[u.endpoint] {
			seen[u.endpoint] = true
			all = append(all, u.endpoint)
		}
	}
	return all
}

func joined(uses []use) string {
	all := make([]string, len(uses))
	for i, u := range uses {
		all[i] = u.String()
	}
	return strings.Join(all, ", ")
}

// versionWords is "version 3".
func versionWords(n int) string { return "version " + strconv.Itoa(n) }
