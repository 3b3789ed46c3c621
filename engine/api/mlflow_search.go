package api

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"servery/engine/registry"
)

// condition is one part of a filter: name = 'main.default.digits'.
var condition = regexp.MustCompile(`^\s*([A-Za-z_` + "`" + `"]+)\s*=\s*(?:'([^']*)'|"([^"]*)")\s*$`)

// and parts a filter's conditions.
var and = regexp.MustCompile(`(?i)\sAND\s`)

const maxFilter = 2000

// filter are the values that versions must have, by name and run_id; "" for any.
type filter struct{ name, runID string }

// parseFilter reads a filter of model versions.
func parseFilter(text string) (f filter, err error) {
	if strings.TrimSpace(text) == "" {
		return f, nil
	}
	if len(text) > maxFilter {
		return f, invalid("'filter' has %d bytes and may have %d.", len(text), maxFilter)
	}
	for _, part := range and.Split(text, -1) {
		found := condition.FindStringSubmatch(part)
		if found == nil {
			return f, invalid("'filter' has %q: it takes name = 'main.default.digits' and run_id = '…', with AND between them.", cut(part, 80))
		}
		value := found[2] + found[3]
		switch key := strings.ToLower(strings.Trim(found[1], "`\"")); key {
		case "name":
			f.name = strings.ToLower(value)
		case "run_id":
			f.runID = value
		default:
			return f, invalid("'filter' asks for %q: it takes name and run_id.", cut(key, 40))
		}
	}
	return f, nil
}

func (s *Server) mlflowSearchVersions(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	text := o.text("filter")
	if err := o.failed(); err != nil {
		return err
	}
	f, err := parseFilter(text)
	if err != nil {
		return err
	}
	type found struct {
		key     string
		model   registry.Model
		version registry.Version
	}
	var all []found
	for _, m := range s.services.Models() {
		if f.name != "" && m.FullName() != f.name {
			continue
		}
		for _, v := range m.Versions {
			if f.runID == "" || v.RunID == f.runID {
				all = append(all, found{fmt.Sprintf("%s/%s", m.FullName(), newestFirst(v)), m, v})
			}
		}
	}
	list, next, err := page(o, all, func(f found) string { return f.key })
	if err != nil {
		return err
	}
	answer := struct {
		Versions []wireMLVersion `json:"model_versions"`
		Next     string          `json:"next_page_token,omitempty"`
	}{make([]wireMLVersion, len(list)), next}
	for i, f := range list {
		answer.Versions[i] = mlVersionWire(f.model, f.version)
	}
	return sendJSON(w, answer)
}
