package endpoint

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/views/widgets"
)

// gateway is the tab of what stands before the endpoint: its rate limits, and what is kept
// of its requests.
type gateway struct {
	p       *Page
	content *fyne.Container
	facts   *widgets.KeyValues
	shown   *endpoint.AIGateway
	older   int // how many limits of the older form are shown
	drawn   bool
}

func newGateway(p *Page) *gateway {
	g := &gateway{p: p, facts: widgets.NewKeyValues(140)}
	edit := widgets.SecondaryButton("Edit AI Gateway", p.editGateway)
	head := widgets.Spread(widgets.VStack(0, widgets.Muted("Rate limits, usage tracking and the inference table take effect at once: nothing is deployed.").Truncate()), edit)
	g.content = widgets.VStack(14, head, widgets.MaxWidth(g.facts, 620))
	return g
}

// show sets what follows from the endpoint.
func (g *gateway) show() {
	e := g.p.now
	if g.drawn && g.shown == e.AIGateway && g.older == len(e.RateLimits) {
		return
	}
	g.drawn, g.shown, g.older = true, e.AIGateway, len(e.RateLimits)
	set := settings(e.AIGateway)
	rows := []widgets.KeyValue{{Key: "Rate limits", Value: limitsText(append(append([]endpoint.RateLimit(nil), set.RateLimits...), e.RateLimits...))}}
	usage := "Off"
	if isOn(set.UsageTracking) {
		usage = "On: each request is kept with who sent it and which served entity answered"
	}
	rows = append(rows, widgets.KeyValue{Key: "Usage tracking", Value: usage})
	table := widgets.KeyValue{Key: "Inference table", Value: "Off"}
	if t := set.InferenceTable; t != nil && t.Enabled {
		table.Value, table.Mono, table.Copy = tableName(t), true, g.p.host.Copy
	}
	g.facts.Set(append(rows, table))
	g.p.scroll.Refresh()
}

// settings is a gateway that can be read where there is none.
func settings(g *endpoint.AIGateway) endpoint.AIGateway {
	if g == nil {
		return endpoint.AIGateway{}
	}
	return *g
}

func isOn(b *bool) bool { return b != nil && *b }

func tableName(t *endpoint.InferenceTable) string {
	return t.Catalog + "." + t.Schema + "." + t.TablePrefix + "_payload"
}

// limitsText lists rate limits, one a line.
func limitsText(limits []endpoint.RateLimit) string {
	if len(limits) == 0 {
		return "None: only the served entities' concurrency bounds requests"
	}
	var lines []string
	for _, l := range limits {
		var most []string
		if l.Calls != nil {
			most = append(most, widgets.Count(*l.Calls, "request", "requests"))
		}
		if l.Tokens != nil {
			most = append(most, widgets.Count(*l.Tokens, "token", "tokens"))
		}
		lines = append(lines, fmt.Sprintf("%s: %s a minute", whomWords(l), strings.Join(most, " and ")))
	}
	return strings.Join(lines, "\n")
}

// whomWords says whom a rate limit counts.
func whomWords(l endpoint.RateLimit) string {
	switch {
	case l.Key == "user_group":
		return "Members of " + l.Principal + " together"
	case l.Key == "endpoint":
		return "All together"
	case l.Principal == "":
		return "Each user"
	default:
		return l.Principal
	}
}
