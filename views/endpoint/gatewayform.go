package endpoint

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/resources"
	"servery/views/widgets"
)

// The keys of rate limits in the REST API, and one more for a user that is named.
const (
	limitEndpoint  = "endpoint"
	limitEach      = "user"
	limitUser      = "user:named"
	limitGroup     = "user_group"
	limitPrincipal = "service_principal"
)

var limitKinds = []widgets.Option{{Value: limitEndpoint, Label: "Endpoint"}, {Value: limitEach, Label: "Each user"}, {Value: limitUser, Label: "User"},
	{Value: limitGroup, Label: "User group"}, {Value: limitPrincipal, Label: "Service principal"}}

// mostLimits is the product's limit of rate limits of an endpoint (spec A12).
const mostLimits = 20

// limitRow is a rate limit as the form holds it.
type limitRow struct {
	kind  string
	whom  string // a name; "" where the kind needs none
	calls string // as typed
	was   endpoint.RateLimit
}

// gatewayForm is the dialog that changes the gateway.
type gatewayForm struct {
	*form
	before endpoint.AIGateway
	limits []*limitRow
	rows   *fyne.Container
	add    *widgets.Button
	usage  *widgets.Switch
	logged *widgets.Switch
	fields *fyne.Container
	names  [3]*widgets.Entry // catalog, schema and prefix of the inference table
}

func (p *Page) editGateway() {
	g := &gatewayForm{before: settings(p.now.AIGateway), rows: widgets.VStack(8)}
	g.form = newForm(p, "Save", g.send)
	for _, l := range g.before.RateLimits {
		row := &limitRow{kind: l.Key, whom: l.Principal, was: l}
		if l.Key == limitEach && l.Principal != "" {
			row.kind = limitUser
		}
		if l.Calls != nil {
			row.calls = strconv.Itoa(*l.Calls)
		}
		g.limits = append(g.limits, row)
	}
	g.add = widgets.SecondaryButton("Add rate limit", g.another).Small().WithIcon(resources.IconPlus)
	g.usage = widgets.NewSwitch("Usage tracking", "Keeps of each request who sent it, when, which served entity answered and with what status.", nil)
	g.usage.SetChecked(isOn(g.before.UsageTracking))
	g.inferenceTable()
	g.show()
	limits := widgets.VStack(10, widgets.Spread(widgets.Strong("Rate limits"), g.add),
		widgets.SmallParagraph("Over a limit a request is answered with status 429 and the time after which there is room. A user's own limit goes before a group's, that before each user's; the endpoint's is a maximum for all."),
		widgets.ScrollBeyond(226, widgets.Inset(g.rows, 3, 3, 3, 3))) // room for the focus ring
	g.open("Edit AI Gateway", 680, g.add, limits, widgets.Divider(), g.usage, widgets.VStack(10, g.logged, g.fields))
}

// inferenceTable makes the switch and the names of the inference table.
func (g *gatewayForm) inferenceTable() {
	t := endpoint.InferenceTable{Catalog: "main", Schema: "default", TablePrefix: g.p.name}
	if g.before.InferenceTable != nil {
		t = *g.before.InferenceTable
	}
	g.logged = widgets.NewSwitch("Inference table", "Keeps requests and responses, up to 1 MiB each, for search and export.", func(bool) { g.show() })
	g.logged.SetChecked(t.Enabled)
	written := g.before.InferenceTable != nil && g.before.InferenceTable.Enabled
	columns := []fyne.CanvasObject{}
	for i, n := range []struct{ label, value string }{{"Catalog", t.Catalog}, {"Schema", t.Schema}, {"Table prefix", t.TablePrefix}} {
		g.names[i] = widgets.NewEntry("")
		g.names[i].Text = n.value
		g.names[i].OnSubmitted = func(string) { g.send() }
		if written {
			g.names[i].Disable() // what is written would be left behind
		}
		columns = append(columns, widgets.NewField(n.label, "", g.names[i]))
	}
	g.fields = widgets.VStack(6, widgets.Columns(12, []float32{1, 1, 1}, columns...))
	if written {
		g.fields.Add(widgets.SmallParagraph("The names stay while the table is written: switch it off and save to change them."))
	}
}

func (g *gatewayForm) another() {
	g.limits = append(g.limits, &limitRow{kind: limitEndpoint})
	g.show()
}

// show makes the rows anew and shows what the switches open.
func (g *gatewayForm) show() {
	g.rows.Objects = g.rows.Objects[:0]
	for i, l := range g.limits {
		g.rows.Add(g.row(i, l))
	}
	if len(g.limits) == 0 {
		g.rows.Add(widgets.Muted("None."))
	}
	if len(g.limits) >= mostLimits {
		g.add.Disable()
	} else {
		g.add.Enable()
	}
	g.fields.Hidden = !g.logged.Checked()
	g.rows.Refresh()
	g.say("")
}

func (g *gatewayForm) row(i int, l *limitRow) fyne.CanvasObject {
	kind := widgets.NewSelect(limitKinds, func(v string) {
		l.kind, l.whom = v, ""
		g.show()
	})
	kind.SetSelected(l.kind)
	whom := fyne.CanvasObject(widgets.Spacer(1, 1))
	if options := g.whom(l.kind); options != nil {
		choice := widgets.NewSelect(options, func(v string) { l.whom = v })
		choice.SetSelected(l.whom)
		whom = choice
	}
	calls := widgets.NewEntry("Requests")
	calls.Text = l.calls
	calls.OnChanged = func(s string) { l.calls = s }
	calls.OnSubmitted = func(string) { g.send() }
	remove := widgets.IconButton(resources.IconClose, fmt.Sprintf("Remove limit %d", i+1), func() {
		g.limits = slices.Delete(g.limits, i, i+1)
		g.show()
	}).Small()
	return widgets.Columns(8, []float32{-150, 1, -110, -72, -26}, kind, whom, calls, widgets.Muted("a minute"), widgets.HStack(0, remove))
}

// whom are those that a limit of a kind can name; nil where it names nobody.
func (g *gatewayForm) whom(kind string) []widgets.Option {
	of, names := map[string]access.Kind{limitUser: access.KindUser, limitGroup: access.KindGroup, limitPrincipal: access.KindServicePrincipal}[kind]
	if !names {
		return nil
	}
	options := []widgets.Option{}
	for _, who := range g.p.engine.Principals(of) {
		options = append(options, widgets.Option{Value: who.Name, Label: named(who)})
	}
	return options
}

// gateway is what the form stands for; wrong says what of it is no number or missing.
func (g *gatewayForm) gateway() (next endpoint.AIGateway, wrong string) {
	next = g.before
	next.RateLimits = nil
	for i, l := range g.limits {
		limit := endpoint.RateLimit{Key: strings.TrimSuffix(l.kind, ":named"), Principal: l.whom, Tokens: l.was.Tokens, RenewalPeriod: "minute"}
		if calls, err := strconv.Atoi(strings.TrimSpace(l.calls)); err == nil {
			limit.Calls = &calls
		} else if l.calls != "" || limit.Tokens == nil {
			return next, fmt.Sprintf("Rate limit %d: %q is not a whole number of requests.", i+1, l.calls)
		}
		if l.whom == "" && g.whom(l.kind) != nil {
			return next, fmt.Sprintf("Rate limit %d: choose whom it counts.", i+1)
		}
		next.RateLimits = append(next.RateLimits, limit)
	}
	if on := g.usage.Checked(); on || g.before.UsageTracking != nil {
		next.UsageTracking = &on
	}
	if on := g.logged.Checked(); on || g.before.InferenceTable != nil {
		next.InferenceTable = &endpoint.InferenceTable{Enabled: on, Catalog: strings.TrimSpace(g.names[0].Text),
			Schema: strings.TrimSpace(g.names[1].Text), TablePrefix: strings.TrimSpace(g.names[2].Text)}
	}
	return next, ""
}

func (g *gatewayForm) send() {
	if g.save.Disabled() {
		return
	}
	next, wrong := g.gateway()
	if wrong != "" {
		g.say(wrong)
		return
	}
	g.run(func(ctx context.Context) error {
		_, err := g.p.engine.SetAIGateway(ctx, g.p.name, &next)
		return err
	})
}
