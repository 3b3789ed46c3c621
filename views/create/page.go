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
	"fyne.io/fyne/v2/container"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/telemetry"
	"servery/theme"
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
	entities    *entitySection
	tags        *tagSection
	side        *side
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
	p.entities = newEntitySection(p)
	p.tags = newTagSection(p)
	p.side = newSide(p)
	p.column = widgets.VStack(20, widgets.Title("Create serving endpoint"), p.banner,
		widgets.StackUnder(narrow, 20, []float32{1, 1}, p.nameField, p.descField), p.entities.content, p.tags.content)
	p.scroll = widgets.Scroll(widgets.Inset(p.column, 20, 24, 28, 24))
	p.content = container.New(beside{}, p.scroll, widgets.Fill(theme.Border), widgets.Fill(theme.Surface), p.side.content)
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
			p.add(m.FullName(), v.Number)
			return
		}
	}
	p.say(widgets.Warning, "Choose another version", strings.TrimSpace(r.Name+" "+r.Arg)+" is not registered or not ready, so it cannot be served.")
}

// add appends a served entity and, where no name was typed, names the endpoint after it.
func (p *Page) add(model string, version int) {
	p.form.add(newEntity(model, version))
	p.suggest()
	p.entities.rebuild()
	p.changed()
}

func (p *Page) suggest() {
	if p.named || len(p.form.entities) == 0 {
		return
	}
	taken := map[string]bool{}
	for _, e := range p.engine.Endpoints() {
		taken[e.Name] = true
	}
	p.form.name = suggestName(p.form.entities[0].model, func(n string) bool { return taken[n] })
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
	p.entities.show()
	p.side.show()
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
	p.entities.show()
	p.side.show()
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
	f := &p.form
	if p.named || f.description != "" || len(f.tags) > 0 || p.tags.key.Text != "" || len(f.entities) > 1 {
		return true
	}
	for _, e := range f.entities {
		fresh := newEntity(e.model, e.version)
		fresh.traffic = e.traffic
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
	p.tags.take()
	p.tried, p.refused = true, nil
	p.banner.Hide()
	if p.showErrors() {
		p.focusFirst()
		return
	}
	spec, _ := p.form.spec()
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
	p.side.setCreating(on)
	p.column.Refresh()
}

// beside puts the form at the left, a line, and ground and content of the side at the
// right.
type beside struct{}

const (
	sideWidth   = 392
	sideNarrow  = 320 // in a window that is narrower than the form and sideWidth need
	narrow      = 700 // under it the form's columns go under each other
	comfortable = 1140
)

func (beside) Layout(o []fyne.CanvasObject, s fyne.Size) {
	sideWidth := float32(sideWidth)
	if s.Width < comfortable {
		sideWidth = sideNarrow
	}
	left := max(0, s.Width-sideWidth)
	put := func(i int, x, w float32) {
		o[i].Move(fyne.NewPos(x, 0))
		o[i].Resize(fyne.NewSize(w, s.Height))
	}
	put(0, 0, left-1)
	put(1, left-1, 1)
	put(2, left, sideWidth)
	put(3, left, sideWidth)
}

func (beside) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(sideNarrow+420, 480) }

var (
	_ shell.Page   = (*Page)(nil)
	_ shell.Leaver = (*Page)(nil)
)
