// Package edit is the page on which an endpoint's configuration is changed: the form of
// its served entities, beside it what becomes of the active configuration and the same
// request as code. It checks nothing by itself that the engine checks.
package edit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/telemetry"
	"servery/resources"
	"servery/views/config"
	"servery/views/shell"
	"servery/views/widgets"
)

// Engine is what the page asks of the engine. CheckUpdate and the readers return at once;
// UpdateConfig returns when the configuration is accepted and stored, or with
// *endpoint.ValidationError, *endpoint.ConflictError or *endpoint.StateError.
type Engine interface {
	Models() []registry.Model
	Endpoint(name string) (endpoint.Endpoint, error)
	CheckUpdate(name string, spec endpoint.ConfigSpec) []endpoint.FieldError
	UpdateConfig(ctx context.Context, name string, spec endpoint.ConfigSpec) (endpoint.Endpoint, error)
	Hardware() hardware.Snapshot
	Address() string
}

// Page is the form.
type Page struct {
	host   shell.Host
	engine Engine
	name   string

	now     endpoint.Endpoint     // as it was read last
	gone    bool                  // deleted meanwhile
	began   config.Form           // as the form was filled
	from    int                   // the version of the configuration that it was filled with
	tried   bool                  // Update was pressed: errors are shown as they stand
	refused []endpoint.FieldError // what the last update was refused for, until something changes
	sending bool
	sent    bool

	state   *widgets.Banner // what the endpoint's state means for the form
	said    *widgets.Banner // why an update was not accepted
	editor  *config.Editor
	effect  *widgets.Paragraph
	changes *config.ChangeList
	update  *widgets.Button
	side    *config.Side
	column  *fyne.Container
	scroll  *widgets.ScrollArea
	form    fyne.CanvasObject
	absent  fyne.CanvasObject
	content *fyne.Container
}

// New makes the page for the endpoint of a route.
func New(h shell.Host, r shell.Route, e Engine) *Page {
	p := &Page{host: h, engine: e, name: r.Name}
	p.build()
	p.read()
	p.fill(p.now.Active)
	if p.now.Active == nil {
		p.fill(p.now.Pending)
	}
	for _, key := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEnter} {
		h.Shortcut(key, fyne.KeyModifierShortcutDefault, p.send)
	}
	return p
}

func (p *Page) build() {
	p.state, p.said = widgets.NewBanner(widgets.Info, "", ""), widgets.NewBanner(widgets.Error, "", "")
	p.state.Hide()
	p.said.Hide()
	p.editor = config.NewEditor(p.host, p.engine, config.EditorConfig{Changed: p.changed, Chosen: func() {}, Resized: func() { p.column.Refresh() }, Send: p.send})
	p.effect = widgets.SmallParagraph("")
	p.changes = config.NewChangeList("Nothing yet.")
	above := widgets.VStack(10, widgets.Heading("What changes"), widgets.ScrollBeyond(mostChanges, p.changes), p.effect)
	p.update = widgets.PrimaryButton("Update", p.send).WithHint("Ctrl ↵")
	p.side = config.NewSide(p.host, p.editor, config.SideConfig{Above: above, Cancel: widgets.SecondaryButton("Cancel", p.host.Back), Do: p.update,
		Snippets: func() []config.Snippet {
			spec, _ := p.editor.Form.Spec()
			return config.UpdateSnippets(p.name, spec, p.engine.Address())
		}})
	p.column = widgets.VStack(20, widgets.Title("Edit "+p.name).Truncate(), p.state, p.said, p.editor.Content)
	p.scroll = widgets.Scroll(widgets.Inset(p.column, 20, 24, 28, 24))
	p.form = config.Beside(p.scroll, p.side.Content)
	p.absent = widgets.NewEmptyState(resources.IconServing, "There is no endpoint "+p.name,
		"It was deleted, or never made.", widgets.PrimaryButton("Go to the endpoints", func() { p.host.Go(shell.ServingRoute()) }))
	p.absent.Hide()
	p.content = container.NewStack(p.form, p.absent)
}

// mostChanges is how high the list of changes gets before it scrolls: the code keeps its
// place under it.
const mostChanges = 250

// fill puts a configuration into the form; nil empties it.
func (p *Page) fill(c *endpoint.Config) {
	p.began, p.from = config.Form{}, 0
	if c != nil {
		p.began, p.from = config.FormOf(*c), c.Version
	}
	p.tried = false
	p.said.Hide()
	p.editor.Set(copied(p.began))
}

// copied is the form with entities of its own.
func copied(f config.Form) config.Form {
	f.Entities = slices.Clone(f.Entities)
	return f
}

func (p *Page) read() {
	e, err := p.engine.Endpoint(p.name)
	p.gone = err != nil
	if err == nil {
		p.now = e
	}
}

// changed shows everything that follows from the form.
func (p *Page) changed() {
	p.refused = nil
	p.show()
}

func (p *Page) show() {
	p.form.Show()
	p.absent.Hide()
	if p.gone {
		p.form.Hide()
		p.absent.Show()
		return
	}
	p.editor.Show()
	p.showState()
	p.showChanges()
	p.side.Show()
	p.showErrors()
}

// showState tells what of the endpoint's state a person who changes it must know.
func (p *Page) showState() {
	e := p.now
	say := func(k widgets.Kind, title, text, action string, do func()) {
		p.state.SetKind(k)
		p.state.SetText(title, text)
		p.state.SetAction(action, do)
		p.state.Show()
	}
	p.state.Hide()
	switch {
	case e.Update == endpoint.InProgress:
		say(widgets.Warning, "An update is in progress", "One runs at a time: wait for it to complete, or cancel it on the endpoint's page. What you change here stays.",
			"Open the endpoint", func() { p.host.Go(shell.EndpointRoute(p.name)) })
	case e.Active != nil && e.Active.Version != p.from && (e.Pending == nil || e.Pending.Version != p.from):
		say(widgets.Warning, fmt.Sprintf("Configuration %d is active now", e.Active.Version),
			fmt.Sprintf("This form began with configuration %d. What changes is told against the active one.", p.from),
			"Begin again", func() { p.fill(p.now.Active) })
	case e.Active != nil && e.Pending != nil && e.Pending.Version != p.from:
		say(widgets.Info, fmt.Sprintf("Configuration %d did not come into effect", e.Pending.Version), "This form shows the active configuration.",
			"Edit that one", func() { p.fill(p.now.Pending) })
	case e.Suspended:
		say(widgets.Info, "This endpoint is stopped", "The update starts it.", "", nil)
	}
	p.column.Refresh()
}

// showChanges lists what differs from the active configuration, and what that means.
func (p *Page) showChanges() {
	all := config.Changes(p.now.Active, p.editor.Form.Config())
	p.changes.Set(all)
	p.effect.SetText(p.effectOf(all, len(p.editor.Form.Entities)))
	p.effect.Hidden = p.effect.Text() == ""
	if why := p.whyNot(all); why != "" {
		p.update.Disable()
		p.effect.SetText(why)
		p.effect.Hidden = false
	} else if !p.sending {
		p.update.Enable()
	}
}

// whyNot is why the form cannot be sent now, "" where it can.
func (p *Page) whyNot(changes []config.Change) string {
	again := p.now.Active == nil || p.now.Suspended || p.now.Update == endpoint.UpdateFailed || p.now.Ready != endpoint.Ready
	switch {
	case p.now.Update == endpoint.InProgress:
		return "Update is possible once the one that runs has ended."
	case len(changes) == 0 && !again:
		return "Change something of the configuration to update it."
	default:
		return ""
	}
}

// effectOf says what an update with these changes would do.
func (p *Page) effectOf(changes []config.Change, entities int) string {
	loads := config.Reloads(changes)
	switch {
	case p.now.Active == nil || p.now.Suspended:
		return "All models are loaded; requests are answered once they are ready."
	case len(changes) == 0:
		return ""
	case loads == 0:
		return "No model is loaded again: it takes effect at once."
	default:
		kept := ""
		if n := entities - loads; n > 0 {
			kept = fmt.Sprintf(", %s running", widgets.Count(n, "goes on", "go on"))
		}
		return fmt.Sprintf("%s loaded%s. Configuration %d keeps serving until then.", widgets.Count(loads, "served entity is", "served entities are"), kept, p.now.Active.Version)
	}
}

// Breadcrumb is for the shell.
func (p *Page) Breadcrumb() []shell.Crumb {
	return []shell.Crumb{{Title: "Serving", Route: shell.ServingRoute()}, {Title: p.name, Route: shell.EndpointRoute(p.name)}, {Title: "Edit"}}
}

// Content is for the shell.
func (p *Page) Content() fyne.CanvasObject { return p.content }

// Refresh is for the shell. Figures change all the time and nothing here.
func (p *Page) Refresh(changes []telemetry.Change) {
	concerns := func(c telemetry.Change) bool {
		return c.Kind == telemetry.ModelChanged || c.Kind == telemetry.EngineChanged || c.Kind == telemetry.EndpointChanged && c.Name == p.name
	}
	if p.sent || changes != nil && !slices.ContainsFunc(changes, concerns) {
		return
	}
	p.read()
	p.show()
}

// Shown is for the shell.
func (p *Page) Shown() {
	if cards := p.editor.Cards; len(cards) > 1 && !p.dirty() {
		p.host.Focus(cards[0].Traffic)
		cards[0].Traffic.SelectAll() // typing replaces it
	}
}

// Hidden is for the shell.
func (p *Page) Hidden() {}

// MayLeave is for the shell.
func (p *Page) MayLeave() string {
	if p.sent || p.gone || !p.dirty() {
		return ""
	}
	return "The endpoint has not been updated. What you changed will be lost."
}

func (p *Page) dirty() bool { return !slices.Equal(p.began.Entities, p.editor.Form.Entities) }

// problems gives what is wrong with the form, the page's own findings first.
func (p *Page) problems() []endpoint.FieldError {
	if p.refused != nil {
		return p.refused
	}
	spec, own := p.editor.Form.Spec()
	return append(own, p.engine.CheckUpdate(p.name, spec)...)
}

// showErrors puts every error at its place and tells whether there is one.
func (p *Page) showErrors() bool {
	problems := p.problems()
	p.editor.ClearNote()
	homeless := config.ShowProblems(p.editor.Places(), problems, p.tried)
	if p.tried && len(homeless) > 0 {
		p.say("The endpoint cannot be updated", strings.Join(homeless, "\n"))
	}
	p.column.Refresh()
	return len(problems) > 0
}

func (p *Page) say(title, text string) {
	p.said.SetText(title, text)
	p.said.Show()
	p.column.Refresh()
}

func (p *Page) focusFirst() {
	at, ok := config.First(p.editor.Places(), p.problems())
	if !ok {
		p.scroll.ScrollToTop()
		return
	}
	p.scroll.Reveal(at.At)
	if at.Focus != nil {
		p.host.Focus(at.Focus)
	}
}

func (p *Page) send() {
	if p.sending || p.gone || p.update.Disabled() {
		return
	}
	p.tried, p.refused = true, nil
	p.said.Hide()
	if p.showErrors() {
		p.focusFirst()
		return
	}
	spec, _ := p.editor.Form.Spec()
	p.setSending(true)
	shell.Task(p.host, func(ctx context.Context) (endpoint.Endpoint, error) { return p.engine.UpdateConfig(ctx, p.name, spec) },
		func(_ endpoint.Endpoint, err error) {
			p.setSending(false)
			if err != nil {
				p.refuse(err)
				return
			}
			p.sent = true
			p.host.Go(shell.EndpointRoute(p.name))
		})
}

func (p *Page) setSending(on bool) {
	p.sending = on
	text := "Update"
	if on {
		text = "Updating"
	}
	p.side.SetBusy(on, text)
}

// refuse shows why the engine did not take the configuration.
func (p *Page) refuse(err error) {
	var invalid *endpoint.ValidationError
	if errors.As(err, &invalid) && len(invalid.Fields) > 0 {
		p.refused = invalid.Fields
		p.showErrors()
		p.focusFirst()
		return
	}
	p.say("The endpoint was not updated", err.Error())
	p.scroll.ScrollToTop()
	p.read()
	p.show()
}

var (
	_ shell.Page   = (*Page)(nil)
	_ shell.Leaver = (*Page)(nil)
)
