// Package endpoint is the page of one endpoint: its state, what it serves and what is
// being rolled out, its figures as they happen, and its events. It reads the engine
// through a narrow interface and changes nothing but by its commands.
package endpoint

import (
	"context"
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/telemetry"
	"servery/resources"
	"servery/views/shell"
	"servery/views/widgets"
)

// Engine is what the page asks for.
type Engine interface {
	Endpoint(name string) (endpoint.Endpoint, error)
	Metrics(name string, window time.Duration, points int) telemetry.Series
	Events(name string, n int) []telemetry.Event
	Hardware() hardware.Snapshot
	Address() string
	DeleteEndpoint(ctx context.Context, name string) error
	ConfigVersions(name string) ([]endpoint.ConfigVersion, error)
	RestoreConfig(ctx context.Context, name string, version int) (endpoint.Endpoint, error)
	CheckUpdate(name string, spec endpoint.ConfigSpec) []endpoint.FieldError
	UpdateConfig(ctx context.Context, name string, spec endpoint.ConfigSpec) (endpoint.Endpoint, error)
	RetryEndpoint(ctx context.Context, name string) error
	StopEndpoint(ctx context.Context, name string) (endpoint.Endpoint, error)
	StartEndpoint(ctx context.Context, name string) (endpoint.Endpoint, error)
	PatchTags(ctx context.Context, name string, add []endpoint.Tag, remove []string) (endpoint.Endpoint, error)
	SetAIGateway(ctx context.Context, name string, gateway *endpoint.AIGateway) (endpoint.Endpoint, error)
	Owner() access.User
	Permission(user access.User, on endpoint.Endpoint) access.Level
	Principals(kind access.Kind) []access.Principal
	Grants(endpointID string) []access.Grant
	Grant(ctx context.Context, endpointID string, levels map[string]access.Level, replace bool) error
	CancelUpdate(ctx context.Context, name string) (endpoint.Endpoint, error)
}

// The tabs, by the words of a route's Arg.
const (
	tabMetrics  = "metrics"
	tabEvents   = "events"
	tabGateway  = "gateway"
	tabVersions = "configuration"
)

// Page shows one endpoint.
type Page struct {
	host   shell.Host
	engine Engine
	name   string
	now    endpoint.Endpoint
	gone   bool
	busy   bool // a command runs

	root    *fyne.Container
	body    fyne.CanvasObject
	absent  fyne.CanvasObject
	header  *header
	notice  *notice
	active  *configuration
	pending *configuration
	split   *widgets.Link // edits the traffic of the active configuration
	tabs    *widgets.Tabs
	words   []string // of the tabs, for routes
	metrics *metrics
	events  *events
	gateway *gateway
	history *versions
	about   *about
	scroll  *widgets.ScrollArea
}

// New makes the page of the endpoint that a route names.
func New(h shell.Host, r shell.Route, e Engine) *Page {
	p := &Page{host: h, engine: e, name: r.Name}
	p.header = newHeader(p)
	p.notice = newNotice(p)
	p.active = newConfiguration(p, "Active configuration")
	p.pending = newConfiguration(p, "Pending configuration")
	p.split = widgets.NewLink("Edit traffic", p.editTraffic)
	p.active.actions.Add(p.split)
	p.metrics = newMetrics(p)
	p.events = newEvents(p)
	p.gateway = newGateway(p)
	p.history = newVersions(p)
	p.about = newAbout(p)
	p.tabs = widgets.NewTabs([]widgets.TabItem{
		{Title: "Metrics", Content: p.metrics.content},
		{Title: "Events", Content: p.events.content},
		{Title: "AI Gateway", Content: p.gateway.content},
		{Title: "Configuration", Content: p.history.content},
	}, func(int) { p.showTab() })
	p.words = []string{tabMetrics, tabEvents, tabGateway, tabVersions}
	p.build()
	p.SetRoute(r)
	p.host.Shortcut(fyne.KeyQ, 0, p.query)
	p.host.Shortcut(fyne.KeyE, 0, p.edit)
	return p
}

// sideBySide is the least width at which the facts stand beside the charts: 294 for them,
// the rest for three charts in a row.
const sideBySide = 1000

func (p *Page) build() {
	left := widgets.VStack(16, p.active.content, p.pending.content, p.tabs)
	columns := widgets.StackUnder(sideBySide, 24, []float32{1, -270}, left, p.about.content)
	content := widgets.VStack(16, p.header.content, p.notice.content, columns)
	p.scroll = widgets.Scroll(widgets.Inset(content, 20, 24, 24, 24))
	p.body = p.scroll
	p.absent = widgets.NewEmptyState(resources.IconServing, "There is no endpoint "+p.name,
		"It was deleted, or never made.", widgets.PrimaryButton("Go to the endpoints", func() { p.host.Go(shell.ServingRoute()) }))
	p.absent.Hide()
	p.root = stack(p.body, p.absent)
}

// SetRoute shows another tab of the same endpoint.
func (p *Page) SetRoute(r shell.Route) bool {
	if r.Name != p.name {
		return false
	}
	p.tabs.Select(max(0, slices.Index(p.words, r.Arg)))
	p.showTab()
	return true
}

// Breadcrumb is for the shell.
func (p *Page) Breadcrumb() []shell.Crumb {
	return []shell.Crumb{{Title: "Serving", Route: shell.ServingRoute()}, {Title: p.name}}
}

// Content is for the shell.
func (p *Page) Content() fyne.CanvasObject { return p.root }

// Shown is for the shell.
func (p *Page) Shown() {}

// Hidden is for the shell.
func (p *Page) Hidden() {}

// Refresh reads again what changed.
func (p *Page) Refresh(changes []telemetry.Change) {
	state, figures := changes == nil, changes == nil
	for _, c := range changes {
		switch {
		case c.Kind == telemetry.EngineChanged:
			state = true
		case c.Kind == telemetry.EndpointChanged && c.Name == p.name:
			state = true
		case c.Kind == telemetry.MetricsChanged && (c.Name == p.name || c.Name == ""):
			figures = true
		}
	}
	if state || figures {
		p.readState() // the pools' figures change with the metrics
	}
	if figures || state && p.shownTab() != tabMetrics {
		p.showTab()
	}
}

func (p *Page) shownTab() string { return p.words[p.tabs.Selected()] }

func (p *Page) readState() {
	e, err := p.engine.Endpoint(p.name)
	gone := err != nil
	if gone != p.gone {
		p.gone = gone
		p.body.Hide()
		p.absent.Hide()
		if gone {
			p.absent.Show()
		} else {
			p.body.Show()
		}
		p.root.Refresh()
	}
	if gone {
		return
	}
	p.now = e
	p.header.set(e)
	p.notice.set(e)
	p.active.set(e.Active)
	p.showSplit()
	p.pending.set(e.Pending)
	p.about.set(e, p.engine.Events(p.name, latestEvents))
}

// showTab reads what the chosen tab shows.
func (p *Page) showTab() {
	if p.gone {
		return
	}
	switch p.shownTab() {
	case tabEvents:
		p.events.set(p.engine.Events(p.name, mostEvents))
	case tabGateway:
		p.gateway.show()
	case tabVersions:
		p.history.show()
	default:
		p.metrics.read()
	}
}

// invocationURL is where the endpoint answers; "" while the server does not listen.
func (p *Page) invocationURL() string {
	if a := p.engine.Address(); a != "" {
		return a + "/serving-endpoints/" + p.name + "/invocations"
	}
	return ""
}

// local is t in the time zone of the person's clock.
func (p *Page) local(t time.Time) time.Time { return t.In(p.host.Now().Location()) }
