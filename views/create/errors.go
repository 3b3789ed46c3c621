package create

import (
	"errors"
	"strings"

	"servery/engine/endpoint"
	"servery/views/config"
	"servery/views/widgets"
)

// places lists where errors are shown, as they stand on the page, from the top.
func (p *Page) places() []config.Place {
	all := []config.Place{
		{Path: "name", Show: p.nameField.SetError, Focus: p.nameEntry, At: p.nameField, Typed: p.form.name != ""},
		{Path: "description", Show: p.descField.SetError, Focus: p.description, At: p.descField, Typed: true},
	}
	all = append(all, p.editor.Places()...)
	return append(all, config.Place{Path: "tags", Show: p.tags.SetError, Focus: p.tags.Key, At: p.tagSection, Typed: true})
}

// problems gives what is wrong with the form, the page's own findings first.
func (p *Page) problems() []endpoint.FieldError {
	if p.refused != nil {
		return p.refused
	}
	p.form.config = p.editor.Form
	spec, own := p.form.spec()
	return append(own, p.engine.CheckEndpoint(spec)...)
}

// showErrors puts every error at its place and tells whether there is one.
func (p *Page) showErrors() bool {
	problems := p.problems()
	p.editor.ClearNote()
	homeless := config.ShowProblems(p.places(), problems, p.tried)
	if p.tried && len(homeless) > 0 {
		p.say(widgets.Error, "The endpoint cannot be created", strings.Join(homeless, "\n"))
	}
	p.column.Refresh()
	return len(problems) > 0
}

func (p *Page) focusFirst() {
	at, ok := config.First(p.places(), p.problems())
	if !ok {
		p.scroll.ScrollToTop()
		return
	}
	p.scroll.Reveal(at.At)
	if at.Focus != nil {
		p.host.Focus(at.Focus)
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
