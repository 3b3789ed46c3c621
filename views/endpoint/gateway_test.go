package endpoint

import (
	"fmt"
	"testing"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/theme"
	"servery/views/viewtest"
	"servery/views/widgets"
)

// limited is ready with a gateway of every kind.
func limited() *fake {
	f := ready()
	number := func(n int) *int { return &n }
	on := true
	f.endpoint.AIGateway = &endpoint.AIGateway{UsageTracking: &on,
		InferenceTable: &endpoint.InferenceTable{Enabled: true, Catalog: "main", Schema: "default", TablePrefix: "ocr-recognizer"},
		RateLimits: []endpoint.RateLimit{{Key: "endpoint", Calls: number(6000), RenewalPeriod: "minute"}, {Key: "user", Calls: number(600), RenewalPeriod: "minute"},
			{Key: "user", Principal: "ada@example.com", Calls: number(1200), RenewalPeriod: "minute"}, {Key: "user_group", Principal: "vision", Calls: number(3000), RenewalPeriod: "minute"}}}
	return f
}

func limits(g *endpoint.AIGateway) (all []string) {
	for _, l := range g.RateLimits {
		all = append(all, fmt.Sprint(l.Key, " ", l.Principal, " ", *l.Calls, " ", l.RenewalPeriod))
	}
	return all
}

func TestTheGatewayIsToldAndEdited(t *testing.T) {
	f := limited()
	h, _ := open(t, theme.Light, f)
	h.Tap("AI Gateway")
	h.MustText("All together: 6000 requests a minute", "Each user: 600 requests", "ada@example.com: 1200", "Members of vision together: 3000", "On: each request", "main.default.ocr-recognizer_payload")
	h.Tap("Edit AI Gateway")
	if e := viewtest.Find(h, func(e *widgets.Entry) bool { return e.Text == "main" }); e == nil || !e.Disabled() {
		t.Error("the names of a table that is written can be changed")
	}
	h.Tap("Remove limit 2")
	h.Tap("Add rate limit")
	h.Tap("Save")
	h.MustText(`Rate limit 4: "" is not a whole number of requests.`)
	entries := viewtest.All[*widgets.Entry](h)
	entries[3].SetText("30")
	selects := viewtest.All[*widgets.Select](h)
	selects[len(selects)-1].Choose("service_principal")
	h.Tap("Save")
	h.MustText("Rate limit 4: choose whom it counts.")
	selects = viewtest.All[*widgets.Select](h)
	selects[len(selects)-1].Choose("0b2c6f3e-9a57-4d5c-8e0a-1f2b3c4d5e6f")
	h.Tap("Usage tracking")
	h.Tap("Inference table")
	h.Tap("Save")
	want := "[endpoint  6000 minute user ada@example.com 1200 minute user_group vision 3000 minute service_principal 0b2c6f3e-9a57-4d5c-8e0a-1f2b3c4d5e6f 30 minute]"
	g := f.endpoint.AIGateway
	if got := fmt.Sprint(limits(g)); got != want || *g.UsageTracking || g.InferenceTable.Enabled {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	h.MustText("0b2c6f3e-9a57-4d5c-8e0a-1f2b3c4d5e6f: 30 requests a minute", "Off")
	h.NoText("payload")
}

func TestAFirstGatewayNamesItsTable(t *testing.T) {
	f := ready()
	h, _ := open(t, theme.Light, f)
	h.Tap("AI Gateway")
	h.MustText("None: only the served entities' concurrency bounds requests")
	h.Tap("Edit AI Gateway")
	h.NoText("Catalog")
	h.Tap("Inference table")
	h.Type("Schema", "logs")
	f.fails = &endpoint.ValidationError{Fields: []endpoint.FieldError{{Field: "ai_gateway.inference_table_config.schema_name", Message: "There is no schema main.logs."}}}
	h.Tap("Save")
	h.MustText("There is no schema main.logs.")
	f.fails = nil
	h.Key(fyne.KeyReturn) // the focus is on the button
	g := f.endpoint.AIGateway
	if g == nil || *g.InferenceTable != (endpoint.InferenceTable{Enabled: true, Catalog: "main", Schema: "logs", TablePrefix: "ocr-recognizer"}) || g.UsageTracking != nil {
		t.Errorf("set %+v", g)
	}
}

func TestLookOfTheGateway(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			h, _ := open(t, m, limited())
			h.Tap("AI Gateway")
			h.Golden("gateway")
			h.Tap("Edit AI Gateway")
			h.Golden("gateway-edit")
		})
	}
}
