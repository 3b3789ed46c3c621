// Package serving is the list of endpoints: what each is, does and serves, to find, sort,
// open and delete, and the first steps where there is none yet. It reads the engine
// through a narrow interface and knows neither HTTP nor how endpoints come about.
package serving

import (
	"context"
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/engine/endpoint"
	"servery/engine/telemetry"
	"servery/resources"
	"servery/views/shell"
	"servery/views/widgets"
)

// Engine is what the page reads and does.
type Engine interface {
	Endpoints() []endpoint.Endpoint
	Summary(name string) telemetry.Summary
	DeleteEndpoint(ctx context.Context, name string) error
	RetryEndpoint(ctx context.Context, name string) error
	Address() string
	ListenError() error
	RuntimeStatus() (string, error)
}

// Actions is what the page can start that belongs to the whole program. A nil action has
// no button.
type Actions struct {
	ServeSample func(name string) // resources.Sample.Name
	Import      func()            // asks for a model to import
	Listen      func(free bool)   // tries to open the REST server again, on its port or on a free one
}

// Page is the list of endpoints.
type Page struct {
	host    shell.Host
	engine  Engine
	actions Actions

	rows    []row          // by name, as the engine lists them
	at      map[string]int // name -> index in rows
	shown   []*row         // what the filter leaves, sorted
	filter  filter
	order   order
	buttons map[*widgets.Button]string // a row's menu button -> its endpoint

	root        *fyne.Container
	listen      *widgets.Banner
	runtime     *widgets.Banner
	search      *widgets.SearchEntry
	state       *widgets.Select
	toolbar     *fyne.Container
	count       *widgets.Text
	table       *widgets.Table
	empty       fyne.CanvasObject
	noMatch     fyne.CanvasObject
	copyAddress *widgets.Button
}

var _ shell.Page = (*Page)(nil)

// New makes the page.
func New(h shell.Host, _ shell.Route, e Engine, a Actions) *Page {
	p := &Page{host: h, engine: e, actions: a, at: map[string]int{}, buttons: map[*widgets.Button]string{}}
	p.listen, p.runtime = widgets.NewBanner(widgets.Error, "", ""), widgets.NewBanner(widgets.Warning, "", "")
	p.listen.Hide()
	if a.Listen != nil {
		p.listen.SetAction("Try again", func() { a.Listen(false) })
		p.listen.SetOther("Use a free port", func() { a.Listen(true) })
	}
	p.runtime.Hide()
	p.copyAddress = widgets.SecondaryButton("Copy the workspace URL", func() {
		h.Copy(e.Address())
		h.Toast(widgets.Success, "Copied "+e.Address())
	})
	p.table = widgets.NewTable(widgets.TableConfig{
		Columns: columns(), Len: func() int { return len(p.shown) },
		NewCell: p.newCell, UpdateCell: p.updateCell,
		Opened: func(i int) { h.Go(shell.EndpointRoute(p.shown[i].endpoint.Name)) },
		Menu:   func(i int) *fyne.Menu { return p.menu(p.shown[i].endpoint.Name) },
		Sorted: func(col int, descending bool) { p.order = order{col, descending}; p.arrange() },
	})
	p.table.SetSort(colName, false)
	p.search = widgets.NewSearchEntry("Filter by name, model or tag", func(s string) { p.filter.text = s; p.filtered() })
	p.search.OnLeave = func() { h.Focus(p.table) }
	p.state = widgets.NewSelect(nil, func(v string) { p.filter.state = v; p.filtered() })
	p.state.Prefix = "State: "
	p.count = widgets.Muted("")
	p.toolbar = widgets.Spread(widgets.HStack(8, widgets.Fixed(p.search, 300, 0), p.state), p.count)
	p.empty = p.welcome()
	p.noMatch = widgets.NewEmptyState(resources.IconSearch, "No endpoint matches", "No endpoint has these words in its name, models or tags and is in this state.",
		widgets.SecondaryButton("Clear the filter", p.clear))
	head := widgets.PageHeader("Serving endpoints", "Serve registered models on this machine behind the Databricks Model Serving API.",
		widgets.PrimaryButton("Create serving endpoint", func() { h.Go(shell.CreateRoute("", "")) }))
	p.root = widgets.FillPage(widgets.VStack(16, head, p.listen, p.runtime, p.toolbar),
		container.NewStack(p.table, p.empty, p.noMatch)).(*fyne.Container)
	h.Shortcut(fyne.KeySlash, 0, p.find)
	h.Shortcut(fyne.KeyDown, 0, func() { h.Focus(p.table) })
	h.Shortcut(fyne.KeyF, fyne.KeyModifierShortcutDefault, p.find)
	return p
}

// Breadcrumb is for the shell.
func (p *Page) Breadcrumb() []shell.Crumb { return []shell.Crumb{{Title: "Serving"}} }

// Content is for the shell.
func (p *Page) Content() fyne.CanvasObject { return p.root }

// Shown is for the shell.
func (p *Page) Shown() { p.readRuntime() }

// Hidden is for the shell.
func (p *Page) Hidden() {}

// Refresh reads what changed. Figures are put into the rows where they stand: rows that
// jump twice a second cannot be read, so only other changes sort them again.
func (p *Page) Refresh(changes []telemetry.Change) {
	whole := changes == nil
	figures := map[string]bool{}
	for _, c := range changes {
		switch c.Kind {
		case telemetry.EndpointChanged:
			whole = true
		case telemetry.MetricsChanged:
			figures[c.Name] = true
		case telemetry.EngineChanged:
			p.showListen()
			p.readRuntime()
		}
	}
	if whole {
		p.read(changes)
		return
	}
	p.readFigures(figures)
}

// read lists the endpoints. Figures are read for new ones, or all where changes is nil.
func (p *Page) read(changes []telemetry.Change) {
	changed := map[string]bool{}
	for _, c := range changes {
		changed[c.Name] = true
	}
	all := p.engine.Endpoints()
	rows, at := make([]row, len(all)), make(map[string]int, len(all))
	for i, e := range all {
		var s telemetry.Summary
		if k, known := p.at[e.Name]; known && changes != nil && p.rows[k].endpoint.ID == e.ID && !changed[e.Name] {
			s = p.rows[k].summary
		} else {
			s = p.engine.Summary(e.Name)
		}
		rows[i], at[e.Name] = newRow(e, s), i
	}
	p.rows, p.at = rows, at
	p.showListen()
	p.showStates()
	p.arrange()
}

// readFigures reads the named endpoints' figures again, and those of all that had traffic:
// nothing tells when it ends.
func (p *Page) readFigures(names map[string]bool) {
	for i := range p.rows {
		r := &p.rows[i]
		if r.summary.RequestsPerSecond > 0 || names[r.endpoint.Name] {
			r.summary = p.engine.Summary(r.endpoint.Name)
		}
	}
	p.showCount()
	p.table.Refresh()
}

// arrange filters and sorts; the marked endpoint stays marked.
func (p *Page) arrange() {
	marked := ""
	if i := p.table.Selected(); i >= 0 && i < len(p.shown) {
		marked = p.shown[i].endpoint.Name
	}
	p.shown = p.shown[:0]
	for i := range p.rows {
		if p.filter.match(&p.rows[i]) {
			p.shown = append(p.shown, &p.rows[i])
		}
	}
	p.order.sort(p.shown)
	p.table.Mark(slices.IndexFunc(p.shown, func(r *row) bool { return r.endpoint.Name == marked }))
	show(p.toolbar, len(p.rows) > 0)
	show(p.empty, len(p.rows) == 0)
	show(p.noMatch, len(p.rows) > 0 && len(p.shown) == 0)
	show(p.table, len(p.shown) > 0)
	show(p.copyAddress, p.engine.Address() != "")
	p.showCount()
	p.table.Refresh()
}

func show(o fyne.CanvasObject, on bool) {
	switch {
	case on && !o.Visible():
		o.Show()
	case !on && o.Visible():
		o.Hide()
	}
}

// filtered follows a change of the filter.
func (p *Page) filtered() {
	p.arrange()
	p.table.ScrollToTop()
}

// clear takes the filter away.
func (p *Page) clear() {
	p.filter = filter{}
	p.search.SetText("")
	p.state.SetSelected("")
	p.filtered()
}

func (p *Page) showCount() {
	rate := 0.0
	for i := range p.rows {
		rate += p.rows[i].summary.RequestsPerSecond
	}
	text := widgets.Count(len(p.rows), "endpoint", "endpoints")
	if !p.filter.none() {
		text = fmt.Sprintf("%d of %s", len(p.shown), text)
	}
	text += " · " + widgets.Number(rate) + " requests/s"
	if text != p.count.Text() {
		p.count.SetText(text)
		p.toolbar.Refresh()
	}
}

// showStates offers the states that endpoints are in, and the chosen one.
func (p *Page) showStates() {
	options := []widgets.Option{{Value: "", Label: "Any"}}
	for _, s := range states(p.rows) {
		options = append(options, widgets.Option{Value: s, Label: s})
	}
	if !slices.Equal(options, p.state.Options()) {
		p.state.SetOptions(options)
		p.toolbar.Refresh()
	}
}

func (p *Page) showListen() {
	err := p.engine.ListenError()
	if err != nil {
		p.listen.SetText("Other programs cannot reach the endpoints",
			widgets.Sentence(err.Error())+" Inside this window everything works.")
	}
	p.showBanner(p.listen, err != nil)
}

// readRuntime finds out what is missing to run models. It may read a library from disk.
func (p *Page) readRuntime() {
	shell.Task(p.host, func(context.Context) (string, error) { return p.engine.RuntimeStatus() }, func(_ string, err error) {
		if err != nil {
			p.runtime.SetText("Models cannot run yet", widgets.Sentence(err.Error()))
		}
		p.showBanner(p.runtime, err != nil)
	})
}

func (p *Page) showBanner(b *widgets.Banner, on bool) {
	if b.Visible() != on {
		show(b, on)
		p.root.Refresh()
	}
}

// find goes to the filter.
func (p *Page) find() { p.host.Focus(p.search.Line()) }
