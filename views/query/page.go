// Package query is where a person sends requests to an endpoint and reads the answers: a
// request made ready from the model's example, the answer with its scores and where its
// time went, what was sent before, and the same request as code. It asks the engine
// through a narrow interface and knows no HTTP.
package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/engine/endpoint"
	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/telemetry"
	"servery/resources"
	"servery/views/shell"
	"servery/views/widgets"
)

// Engine is what the page reads and does.
type Engine interface {
	Endpoint(name string) (endpoint.Endpoint, error)
	Model(fullName string) (registry.Model, error)
	Invoke(ctx context.Context, name, entity string, request runtime.Request) (endpoint.Answer, error)
	Address() string
}

// Page sends requests to one endpoint.
type Page struct {
	host   shell.Host
	engine Engine
	name   string
	past   *History

	endpoint endpoint.Endpoint
	blocked  string             // why nothing can be sent; "" where it can
	cancel   context.CancelFunc // of the request that runs, nil for none

	root     *fyne.Container
	scroll   fyne.CanvasObject
	badge    *widgets.Badge
	route    *widgets.Select
	sendIt   *widgets.Button
	stopIt   *widgets.Button
	bar      *fyne.Container
	notice   *widgets.Banner
	request  *requestPane
	response *responsePane
	history  *historyPane
}

var _ shell.Page = (*Page)(nil)

// New makes the page of the endpoint that r names. past keeps the requests of the session
// for all endpoints; nil keeps them as long as the page.
func New(h shell.Host, r shell.Route, e Engine, past *History) *Page {
	if past == nil {
		past = NewHistory()
	}
	p := &Page{host: h, engine: e, name: r.Name, past: past, badge: widgets.NewBadge(widgets.StateStopped, "")}
	p.route = widgets.NewSelect(nil, func(string) { p.request.follow(); p.request.showCode() })
	p.sendIt = widgets.PrimaryButton("Send", p.send).WithIcon(resources.IconPlay).WithHint("Ctrl ↵")
	p.stopIt = widgets.SecondaryButton("Cancel", p.stop)
	p.stopIt.Hide()
	p.notice = widgets.NewBanner(widgets.Warning, "", "")
	p.notice.Hide()
	p.request, p.response, p.history = newRequestPane(p), newResponsePane(p), newHistoryPane(p)

	p.bar = widgets.Spread(widgets.Lead(10, widgets.Title("Query "+p.name), p.badge), widgets.HStack(8, p.route, p.sendIt, p.stopIt))
	panes := container.New(halves{16}, p.request.panel, p.response.panel)
	p.root = widgets.FillPage(widgets.VStack(16, p.bar, p.notice), container.New(stretch{gap: 16, at: 0, least: leastPanes}, panes, p.history.panel)).(*fyne.Container)
	p.scroll = widgets.Scroll(p.root)

	for _, key := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEnter} {
		h.Shortcut(key, fyne.KeyModifierShortcutDefault, p.send)
	}
	h.Shortcut(fyne.KeyEscape, 0, p.stop)
	return p
}

// Breadcrumb is for the shell.
func (p *Page) Breadcrumb() []shell.Crumb {
	return []shell.Crumb{{Title: "Serving", Route: shell.ServingRoute()}, {Title: p.name, Route: shell.EndpointRoute(p.name)}, {Title: "Query"}}
}

// Content is for the shell.
func (p *Page) Content() fyne.CanvasObject { return p.scroll }

// Shown is for the shell.
func (p *Page) Shown() {}

// Hidden is for the shell.
func (p *Page) Hidden() {}

// Refresh reads the endpoint again where it changed.
func (p *Page) Refresh(changes []telemetry.Change) {
	concerned := changes == nil || slices.ContainsFunc(changes, func(c telemetry.Change) bool {
		return (c.Kind == telemetry.EndpointChanged && c.Name == p.name) || c.Kind == telemetry.EngineChanged
	})
	if !concerned {
		return
	}
	e, err := p.engine.Endpoint(p.name)
	p.endpoint = e
	p.showState(err)
	p.showRoutes()
	p.request.follow()
	p.request.showCode()
	p.showSend()
	p.root.Refresh()
}

// showState tells whether requests can be sent now, and why not.
func (p *Page) showState(err error) {
	kind, title, text := widgets.Warning, "", ""
	switch {
	case err != nil:
		p.badge.Set(widgets.StateFailed, "Gone")
		kind, title, text = widgets.Error, "This endpoint cannot be queried", err.Error()
	default:
		p.badge.Set(widgets.EndpointStateBadge(p.endpoint))
		if p.endpoint.Ready != endpoint.Ready || p.endpoint.Active == nil {
			title, text = "This endpoint is not ready yet", whyNotReady(p.endpoint)
			if p.endpoint.Update == endpoint.UpdateFailed {
				kind, title = widgets.Error, "The deployment failed"
			}
		}
	}
	p.blocked = title
	p.notice.SetKind(kind)
	p.notice.SetText(title, text)
	if kind == widgets.Error && err == nil {
		p.notice.SetAction("See the endpoint", func() { p.host.Go(shell.EndpointRoute(p.name)) })
	} else {
		p.notice.SetAction("", nil)
	}
	show(p.notice, title != "")
}

// whyNotReady is what the deployment says of itself.
func whyNotReady(e endpoint.Endpoint) string {
	if e.Pending == nil {
		return "It has no configuration that could answer. Give it a served entity first."
	}
	for _, s := range e.Pending.Entities {
		if s.Deployment == endpoint.DeploymentFailed || e.Update == endpoint.UpdateFailed {
			return cmp.Or(s.Message, "Its deployment failed. The endpoint's page says why.")
		}
	}
	if e.Progress != nil {
		return fmt.Sprintf("%s. Requests can be sent as soon as it is ready.", cmp.Or(e.Progress.Detail, string(e.Progress.Stage)))
	}
	return "Requests can be sent as soon as its deployment is done."
}

// showRoutes offers the ways into the endpoint where there are several.
func (p *Page) showRoutes() {
	options := []widgets.Option{{Value: "", Label: "Route by traffic split"}}
	if c := p.endpoint.Active; c != nil {
		for _, s := range c.Entities {
			options = append(options, widgets.Option{Value: s.Name, Label: "Only " + s.Name})
		}
	}
	p.route.SetOptions(options)
	if !slices.ContainsFunc(options, func(o widgets.Option) bool { return o.Value == p.route.Selected() }) {
		p.route.SetSelected("")
	}
	show(p.route, len(options) > 2)
}

// entity is the served entity whose example is shown: the chosen one, else the one with
// the most traffic.
func (p *Page) entity() (best endpoint.ServedEntity, ok bool) {
	c := cmp.Or(p.endpoint.Active, p.endpoint.Pending)
	if c == nil {
		return best, false
	}
	most := -1
	for _, s := range c.Entities {
		percent := 0
		for _, r := range c.Routes {
			if r.EntityName == s.Name {
				percent = r.Percent
			}
		}
		if s.Name == p.route.Selected() {
			return s, true
		}
		if percent > most {
			best, most, ok = s, percent, true
		}
	}
	return best, ok
}

// version is the model version behind a served entity.
func (p *Page) version(s endpoint.ServedEntity) (registry.Version, bool) {
	m, err := p.engine.Model(s.ModelName)
	if err != nil {
		return registry.Version{}, false
	}
	return m.Version(s.ModelVersion)
}

// showSend swaps Send and Cancel.
func (p *Page) showSend() {
	running := p.cancel != nil
	if c := p.host.Canvas(); running && c.Focused() == p.sendIt {
		c.Unfocus() // a hidden button must not take Enter
	}
	show(p.sendIt, !running)
	show(p.stopIt, running)
	if p.blocked != "" || p.request.broken {
		p.sendIt.Disable()
	} else {
		p.sendIt.Enable()
	}
	p.bar.Refresh()
}

// exchange is a request with what came of it.
type exchange struct {
	at       time.Time
	asked    string // the served entity it was sent to, "" for the traffic split
	request  string
	entity   string // that answered
	status   int    // HTTP's; 0 where err says what happened
	took     time.Duration
	queue    time.Duration
	timing   runtime.Timing
	response []byte
	err      error
	view     view
}

// send asks the engine and shows what it answers.
func (p *Page) send() {
	if p.cancel != nil || p.blocked != "" || p.request.broken {
		return
	}
	x := &exchange{asked: p.route.Selected(), request: p.request.body()}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.showSend()
	p.response.wait(p.expect(x.asked))
	now, name := p.host.Now, p.name
	shell.Task(p.host, func(page context.Context) (*exchange, error) {
		stop := context.AfterFunc(page, cancel)
		defer stop()
		x.at = now()
		a, err := p.engine.Invoke(ctx, name, x.asked, runtime.Request{ContentType: "application/json", Body: []byte(x.request)})
		x.took = now().Sub(x.at)
		if err != nil {
			return x, err
		}
		x.entity, x.status, x.queue, x.timing = a.Entity, a.Status, a.Queue, a.Timing
		x.response = slices.Clone(a.Body) // its memory goes back for reuse
		if a.Release != nil {
			a.Release()
		}
		x.view = newView(x)
		return x, nil
	}, func(_ *exchange, err error) {
		cancel()
		p.cancel = nil
		x.err = err
		p.past.add(name, x)
		p.response.show(x)
		p.history.refresh()
		p.showSend()
	})
}

// expect says what a request waits for: a process that must start first takes longer.
func (p *Page) expect(asked string) string {
	asleep := false
	for _, s := range p.endpoint.Active.Entities {
		if asked == "" || s.Name == asked {
			asleep = s.ScaleToZero && s.Live.PID == 0 && s.Live.Provisioned == 0
			if !asleep {
				break
			}
		}
	}
	if asleep {
		return "Scaled to zero: the model is started first, then it answers…"
	}
	return "Waiting for the answer…"
}

// stop cancels the request that runs.
func (p *Page) stop() {
	if p.cancel != nil {
		p.cancel()
	}
}

// restore shows an earlier request with its answer.
func (p *Page) restore(x *exchange) {
	p.route.SetSelected(x.asked)
	p.showRoutes()
	p.request.set(x.request)
	if p.cancel == nil {
		p.response.show(x)
	}
	p.showSend()
}

// failure says what an error of the engine means: a word for it, and what to do.
func failure(err error) (state widgets.State, word, text string) {
	var (
		notReady *endpoint.NotReadyError
		full     *endpoint.OverloadedError
		gone     *endpoint.NotFoundError
		died     *runtime.DiedError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return widgets.StateStopped, "Cancelled", "The request was cancelled before its answer came."
	case errors.Is(err, context.DeadlineExceeded):
		return widgets.StateFailed, "Timed out", "The model did not answer in time."
	case errors.As(err, &notReady):
		return widgets.StateFailed, "Not ready", err.Error()
	case errors.As(err, &full):
		return widgets.StateFailed, "Overloaded", err.Error() + " Send fewer requests at once, or provision more concurrency."
	case errors.As(err, &gone):
		return widgets.StateFailed, "Not found", err.Error()
	case errors.As(err, &died):
		return widgets.StateFailed, "Process ended", err.Error() + " A new process has been started; other requests go on."
	default:
		return widgets.StateFailed, "Failed", err.Error()
	}
}

func show(o fyne.CanvasObject, on bool) {
	switch {
	case on && !o.Visible():
		o.Show()
	case !on && o.Visible():
		o.Hide()
	}
}
