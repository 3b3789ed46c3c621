package create

import (
	"errors"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/views/widgets"
)

// place is where errors of a path of the request are shown.
type place struct {
	path  string
	show  func(text string) // "" takes the error away
	focus fyne.Focusable
	at    fyne.CanvasObject // what to bring into sight
	// typed tells that the person has been there, so that an error is no surprise before
	// Create was pressed.
	typed bool
}

// places lists them as they stand on the page, from the top.
func (p *Page) places() []place {
	all := []place{
		{"name", p.nameField.SetError, p.nameEntry, p.nameField, p.form.name != ""},
		{"description", p.descField.SetError, p.description, p.descField, true},
	}
	all = append(all, p.entities.places()...)
	return append(all, place{"tags", p.tags.setError, p.tags.key, p.tags.content, true})
}

// problems gives what is wrong with the form, the page's own findings first.
func (p *Page) problems() []endpoint.FieldError {
	if p.refused != nil {
		return p.refused
	}
	spec, own := p.form.spec()
	var all []endpoint.FieldError
	for _, o := range own {
		all = append(all, endpoint.FieldError{Field: o.field, Message: o.message})
	}
	return append(all, p.engine.CheckEndpoint(spec)...)
}

// showErrors puts every error at its place and tells whether there is one. Before Create
// was pressed, places where nothing was typed yet stay quiet.
func (p *Page) showErrors() bool {
	places := p.places()
	texts := make([]string, len(places))
	problems := p.problems()
	var homeless []string
	for _, f := range problems {
		i := find(places, f.Field)
		switch {
		case i < 0:
			homeless = append(homeless, strings.TrimPrefix(f.Field+": "+f.Message, ": "))
		case texts[i] == "":
			texts[i] = f.Message
		}
	}
	p.entities.clearNote()
	for i, at := range places {
		if !p.tried && !at.typed {
			texts[i] = ""
		}
		at.show(texts[i])
	}
	if p.tried && len(homeless) > 0 {
		p.say(widgets.Error, "The endpoint cannot be created", strings.Join(homeless, "\n"))
	}
	p.column.Refresh()
	return len(problems) > 0
}

// find gives the place of a path: the path itself or the nearest that it lies in.
// E.g. "config.served_entities[0].environment_vars.A" is shown where
// "config.served_entities[0].environment_vars" is.
func find(places []place, path string) int {
	for path != "" {
		for i, at := range places {
			if at.path == path {
				return i
			}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return -1
}

func (p *Page) focusFirst() {
	places := p.places()
	first := len(places)
	for _, f := range p.problems() {
		if i := find(places, f.Field); i >= 0 {
			first = min(first, i)
		}
	}
	if first == len(places) {
		p.scroll.ScrollToTop()
		return
	}
	p.scroll.Reveal(places[first].at)
	if f := places[first].focus; f != nil {
		p.host.Focus(f)
	}
}

// refuse shows why the engine did not take the endpoint.
func (p *Page) refuse(err error) {
	var invalid *endpoint.ValidationError
	var exists *endpoint.ExistsError
	switch {
	case errors.As(err, &invalid) && len(invalid.Fields) > 0:
		p.refused = invalid.Fields
	case errors.As(err, &exists):
		p.refused = []endpoint.FieldError{{Field: "name", Message: err.Error()}}
	default:
		p.say(widgets.Error, "The endpoint was not created", err.Error())
		p.scroll.ScrollToTop()
		return
	}
	p.showErrors()
	p.focusFirst()
}
