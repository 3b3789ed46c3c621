package models

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"servery/engine/registry"
	"servery/views/shell"
	"servery/views/widgets"
)

// serve opens the form for an endpoint with a version of the chosen model.
func (p *Page) serve(version int) {
	p.host.Go(shell.CreateRoute(p.chosen, strconv.Itoa(version)))
}

// change runs a change of the registry and says how it went.
func (p *Page) change(work func(ctx context.Context) error, done string) {
	shell.Task(p.host, func(ctx context.Context) (struct{}, error) { return struct{}{}, work(ctx) },
		func(_ struct{}, err error) {
			var busy *registry.InUseError
			switch {
			case errors.As(err, &busy) && len(busy.Endpoints) > 0:
				p.tellInUse(fmt.Sprintf("Version %d of %s", busy.Version, busy.Name), busy.Endpoints)
			case err != nil:
				p.host.Toast(widgets.Error, err.Error())
			default:
				p.host.Toast(widgets.Success, done)
			}
			p.Refresh(nil)
		})
}

// setAlias asks for an alias that is to point at a version.
func (p *Page) setAlias(m registry.Model, version int) {
	entry := widgets.NewEntry("champion")
	field := widgets.NewField("Alias", aliasHelp(m, "", version), entry)
	var modal *widgets.Modal
	set := widgets.PrimaryButton("Set alias", nil)
	set.OnTapped = func() {
		alias, err := registry.ParseAlias(strings.TrimSpace(entry.Text))
		if err != nil {
			field.SetError(err.Error())
			modal.Refresh()
			p.host.Focus(entry)
			return
		}
		modal.Hide()
		p.change(func(ctx context.Context) error { return p.engine.SetAlias(ctx, m.FullName(), alias, version) },
			fmt.Sprintf("%s points at version %d now.", alias, version))
	}
	entry.OnSubmitted = func(string) { set.Tapped(nil) }
	entry.OnChanged = func(s string) {
		field.SetError("")
		field.SetHelp(aliasHelp(m, strings.ToLower(strings.TrimSpace(s)), version))
		modal.Refresh()
	}
	modal = p.host.Modal(widgets.ModalConfig{Title: fmt.Sprintf("Set an alias of version %d", version), Content: field, Width: 460,
		Buttons: []*widgets.Button{widgets.SecondaryButton("Cancel", func() { modal.Hide() }), set}, Focus: entry})
}

// aliasHelp says what setting an alias would do.
func aliasHelp(m registry.Model, alias string, version int) string {
	for _, a := range m.Aliases {
		if a.Name == alias && a.Version != version {
			return fmt.Sprintf("It points at version %d and will move to version %d.", a.Version, version)
		}
	}
	return "A name that clients can use in place of the number. Endpoints keep the version they were given."
}

func (p *Page) removeAlias(m registry.Model, alias string) {
	p.change(func(ctx context.Context) error { return p.engine.DeleteAlias(ctx, m.FullName(), alias) },
		fmt.Sprintf("Alias %s was removed.", alias))
}

func (p *Page) deleteVersion(m registry.Model, n int) {
	if uses := p.uses[versionKey{m.FullName(), n}]; len(uses) > 0 {
		p.tellInUse(fmt.Sprintf("Version %d of %s", n, m.FullName()), names(uses))
		return
	}
	text := "The version and its files in Servery's data folder will be gone. The file it was imported from stays."
	if aliases := m.AliasesOf(n); len(aliases) > 0 {
		text += " With it go its aliases: " + strings.Join(aliases, ", ") + "."
	}
	p.host.Confirm(widgets.Confirm{Title: fmt.Sprintf("Delete version %d?", n), Text: text, Verb: "Delete version", Danger: true,
		Confirmed: func() {
			p.change(func(ctx context.Context) error { return p.engine.DeleteVersion(ctx, m.FullName(), n) },
				fmt.Sprintf("Version %d of %s was deleted.", n, m.FullName()))
		}})
}

func (p *Page) deleteModel(m registry.Model) {
	var uses []use
	for _, v := range m.Versions {
		uses = append(uses, p.uses[versionKey{m.FullName(), v.Number}]...)
	}
	if len(uses) > 0 {
		p.tellInUse(m.FullName(), names(uses))
		return
	}
	p.host.Confirm(widgets.Confirm{Title: "Delete " + m.FullName() + "?",
		Text: fmt.Sprintf("The model, %s and their files in Servery's data folder will be gone.", widgets.Count(len(m.Versions), "version", "versions")),
		Verb: "Delete model", Danger: true, TypedName: m.Name,
		Confirmed: func() {
			p.change(func(ctx context.Context) error { return p.engine.DeleteModel(ctx, m.FullName()) }, m.FullName()+" was deleted.")
		}})
}

// tellInUse says which endpoints keep something from being deleted, and leads there.
func (p *Page) tellInUse(what string, endpoints []string) {
	why := fmt.Sprintf("%s cannot be deleted: %d endpoints serve it. Delete them first.", what, len(endpoints))
	if len(endpoints) == 1 {
		why = what + " cannot be deleted: an endpoint serves it. Delete the endpoint first."
	}
	links := widgets.Flow(12)
	var modal *widgets.Modal
	for _, name := range endpoints {
		links.Add(widgets.NewLink(name, func() {
			modal.Hide()
			p.host.Go(shell.EndpointRoute(name))
		}))
	}
	content := widgets.VStack(10, widgets.NewParagraph(why), links)
	modal = p.host.Modal(widgets.ModalConfig{Title: "In use", Content: content, Width: 460,
		Buttons: []*widgets.Button{widgets.SecondaryButton("Close", func() { modal.Hide() })}})
}
