// Package create is the page on which a serving endpoint is made: a form, the same
// request as code beside it, and the dialog to choose what to serve. It checks nothing by
// itself that the engine checks: it shows what the engine says under the field it is
// about.
package create

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/telemetry"
	"servery/views/config"
	"servery/views/shell"
	"servery/views/widgets"
)

// Engine is what the page asks of the engine. CheckEndpoint and the readers return at
// once; CreateEndpoint returns when the endpoint is accepted and stored, or with
// *endpoint.ValidationError or *endpoint.ExistsError.
type Engine interface {
	Models() []registry.Model
	Endpoints() []endpoint.Endpoint
	CheckEndpoint(spec endpoint.Spec) []endpoint.FieldError
	CreateEndpoint(ctx context.Context, spec endpoint.Spec) (endpoint.Endpoint, error)
	Hardware() hardware.Snapshot
	Address() string
}

const nameRule = "Letters, digits, - and _, up to 63. The prefix databricks- is reserved."

// Page is the form.
type Page struct {
	host   shell.Host
	engine Engine

	form     form
	named    bool                  // the person typed the name; else it follows the first model
	tried    bool                  // Create was pressed: errors are shown as they stand
	refused  []endpoint.FieldError // what the last create was refused for, until something changes
	creating bool
	created  bool

	banner      *widgets.Banner
	nameEntry   *widgets.Entry
	nameField   *widgets.Field
	description *widgets.Entry
	descField   *widgets.Field
	editor      *config.Editor
	tags        *config.Tags
	tagSection  *fyne.Container
	side        *config.Side
	cancel, do  *widgets.Button
	column      *fyne.Container
	scroll      *widgets.ScrollArea
	content     fyne.CanvasObject
}

// New makes the page of a route; a model and a version in it are chosen already.
func New(h shell.Host, r shell.Route, e Engine) *Page {
	p := &Page{host: h, engine: e}
	p.build()
	p.preselect(r)
	for _, key := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEnter} {
		h.Shortcut(key, fyne.KeyModifierShortcutDefault, p.create)
	}
	p.changed()
	return p
}

func (p *Page) build() {
	p.banner = widgets.NewBanner(widgets.Error, "", "")
	p.banner.Hide()
	p.nameEntry = widgets.NewEntry("")
	p.nameEntry.OnChanged = p.typeName
	p.nameField = widgets.NewField("Name", nameRule, p.nameEntry).Required()
	p.description = widgets.NewEntry("")
	p.description.OnChanged = func(s string) {
		p.form.description = s
		p.changed()
	}
	p.descField = widgets.NewField("Description", "Optional. Neither it nor the name can be changed later.", p.description)
	p.editor = config.NewEditor(p.host, p.engine, config.EditorConfig{Changed: p.changed, Chosen: p.suggest, Resized: func() { p.column.Refresh() }, Send: p.create})
	p.tags = config.NewTags(p.host, nil, func(tags []endpoint.Tag) {
		p.form.tags = tags
		p.changed()
	})
	p.tagSection = widgets.VStack(10, widgets.Heading("Tags"), p.tags.Content)
	p.cancel = widgets.SecondaryButton("Cancel", p.host.Back)
	p.do = widgets.PrimaryButton("Create", p.create).WithHint("Ctrl ↵")
	p.side = config.NewSide(p.host, p.editor, config.SideConfig{Cancel: p.cancel, Do: p.do, Snippets: func() []config.Snippet {
		return config.CreateSnippets(p.spec(), p.engine.Address())
	}})
	p.column = widgets.VStack(20, widgets.Title("Create serving endpoint"), p.banner,
		config.Pair(p.nameField, p.descField), p.editor.Content, p.tagSection)
	p.scroll = widgets.Scroll(widgets.Inset(p.column, 20, 24, 28, 24))
	p.content = config.Beside(p.scroll, p.side.Content)
}

// preselect adds the version that the route names, if it can be served.
func (p *Page) preselect(r shell.Route) {
	if r.Name == "" {
		return
	}
	for _, m := range p.engine.Models() {
		if m.FullName() != r.Name {
			continue
		}
		v, ok := m.Latest()
		if n, err := strconv.Atoi(r.Arg); err == nil {
			v, ok = m.Version(n)
			ok = ok && v.Status == registry.Ready
		}
		if ok {
			p.editor.Add(m.FullName(), v.Number)
			return
		}
	}
	p.say(widgets.Warning, "Choose another version", strings.TrimSpace(r.Name+" "+r.Arg)+" is not registered or not ready, so it cannot be served.")
}

// spec is the request that the form stands for, as far as it is one.
func (p *Page) spec() endpoint.Spec {
	p.form.config = p.editor.Form
	spec, _ := p.form.spec()
	return spec
}

// suggest names the endpoint after what it serves, where no name was typed.
func (p *Page) suggest() {
	if p.named || len(p.editor.Form.Entities) == 0 {
		return
	}
	taken := map[string]bool{}
	for _, e := range p.engine.Endpoints() {
		taken[e.Name] = true
	}
	p.form.name = suggestName(p.editor.Form.Entities[0].Model, func(n string) bool { return taken[n] })
	p.nameEntry.OnChanged = nil // it was not typed
	p.nameEntry.SetText(p.form.name)
	p.nameEntry.OnChanged = p.typeName
}

func (p *Page) typeName(s string) {
	p.form.name, p.named = s, s != ""
	p.changed()
}

// changed shows everything that follows from the form.
func (p *Page) changed() {
	p.refused = nil
	p.editor.Show()
	p.side.Show()
	p.showErrors()
}

// Breadcrumb is for the shell.
func (p *Page) Breadcrumb() []shell.Crumb {
	return []shell.Crumb{{Title: "Serving", Route: shell.ServingRoute()}, {Title: "Create serving endpoint"}}
}

// Content is for the shell.
func (p *Page) Content() fyne.CanvasObject { return p.content }

// Refresh is for the shell. Figures of endpoints that run change all the time and nothing
// here.
func (p *Page) Refresh(changes []telemetry.Change) {
	concerns := func(c telemetry.Change) bool {
		return c.Kind == telemetry.ModelChanged || c.Kind == telemetry.EngineChanged
	}
	if changes != nil && !slices.ContainsFunc(changes, concerns) {
		return
	}
	p.editor.Show()
	p.side.Show()
}

// Shown is for the shell.
func (p *Page) Shown() {
	if p.form.name == "" {
		p.host.Focus(p.nameEntry)
	}
}

// Hidden is for the shell.
func (p *Page) Hidden() {}

// MayLeave is for the shell.
func (p *Page) MayLeave() string {
	if p.created || !p.dirty() {
		return ""
	}
	return "The endpoint has not been created. What you entered will be lost."
}

// dirty tells whether there is something that a person would miss: a chosen model alone
// is a click away.
func (p *Page) dirty() bool {
	f, entities := &p.form, p.editor.Form.Entities
	if p.named || f.description != "" || len(f.tags) > 0 || p.tags.Key.Text != "" || len(entities) > 1 {
		return true
	}
	for _, e := range entities {
		fresh := config.NewEntity(e.Model, e.Version)
		fresh.Traffic = e.Traffic
		if e != fresh {
			return true
		}
	}
	return false
}

func (p *Page) say(k widgets.Kind, title, text string) {
	p.banner.SetKind(k)
	p.banner.SetText(title, text)
	p.banner.Show()
	p.column.Refresh()
}

func (p *Page) create() {
	if p.creating {
		return
	}
	p.tags.Take()
	p.tried, p.refused = true, nil
	p.banner.Hide()
	if p.showErrors() {
		p.focusFirst()
		return
	}
	spec := p.spec()
	p.setCreating(true)
	shell.Task(p.host, func(ctx context.Context) (endpoint.Endpoint, error) { return p.engine.CreateEndpoint(ctx, spec) },
		func(made endpoint.Endpoint, err error) {
			p.setCreating(false)
			if err != nil {
				p.refuse(err)
				return
			}
			p.created = true
			p.host.Toast(widgets.Success, fmt.Sprintf("Endpoint %s was created. Its model loads now.", made.Name))
			p.host.Go(shell.EndpointRoute(made.Name))
		})
}

func (p *Page) setCreating(on bool) {
	p.creating = on
	text := "Create"
	if on {
		text = "Creating"
	}
	p.side.SetBusy(on, text)
	p.column.Refresh()
}

var (
	_ shell.Page   = (*Page)(nil)
	_ shell.Leaver = (*Page)(nil)
)
