package create

import (
	"fmt"
	"strings"

	"servery/engine/endpoint"
	"servery/views/config"
)

// form is what the page holds between two keystrokes. It is a value: no widget.
type form struct {
	name        string
	description string
	config      config.Form
	tags        []endpoint.Tag
}

// spec makes the request that the form stands for, and tells what is no number where one
// is due.
func (f *form) spec() (endpoint.Spec, []endpoint.FieldError) {
	c, problems := f.config.Spec()
	return endpoint.Spec{Name: strings.TrimSpace(f.name), Description: strings.TrimSpace(f.description), Tags: f.tags, Config: &c}, problems
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
