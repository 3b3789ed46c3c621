package endpoint

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/engine/telemetry"
	"servery/resources"
	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

// about is the column at the right: facts, tags, the latest events.
type about struct {
	p       *Page
	content *fyne.Container
	facts   *widgets.KeyValues
	tags    *fyne.Container
	tagged  *widgets.Panel
	latest  *fyne.Container
	recent  *widgets.Panel

	shown  endpoint.Endpoint
	url    string
	events []telemetry.Event
}

func newAbout(p *Page) *about {
	a := &about{p: p, facts: widgets.NewKeyValues(96), tags: widgets.Flow(6), latest: widgets.VStack(6)}
	a.tagged = widgets.NewTitledPanel("Tags", widgets.IconButton(resources.IconEdit, "Edit tags", p.editTags).Small(), a.tags)
	a.recent = widgets.NewTitledPanel("Latest events",
		widgets.NewLink("All", func() { p.host.Go(shell.EndpointTabRoute(p.name, tabEvents)) }), a.latest)
	a.content = widgets.VStack(14, widgets.NewTitledPanel("About", nil, a.facts), a.tagged, a.recent)
	a.recent.Hide()
	return a
}

func (a *about) set(e endpoint.Endpoint, latest []telemetry.Event) {
	url := a.p.invocationURL()
	if e.ID != a.shown.ID || url != a.url || !e.UpdatedAt.Equal(a.shown.UpdatedAt) {
		a.shown, a.url = e, url
		a.setFacts(e, url)
		a.setTags(e.Tags)
	}
	if !slices.Equal(latest, a.events) {
		a.events = latest
		a.setEvents(latest)
	}
}

func (a *about) setFacts(e endpoint.Endpoint, url string) {
	copied := func(s string) { a.p.host.Copy(s) }
	rows := []widgets.KeyValue{}
	if url != "" {
		rows = append(rows, widgets.KeyValue{Key: "Invocation URL", Value: url, Mono: true, Copy: copied})
	}
	if e.Description != "" {
		rows = append(rows, widgets.KeyValue{Key: "Description", Value: e.Description})
	}
	rows = append(rows,
		widgets.KeyValue{Key: "Created by", Value: e.Creator},
		widgets.KeyValue{Key: "Created", Value: a.p.local(e.CreatedAt).Format("Jan 2, 15:04")},
		widgets.KeyValue{Key: "Permission", Value: strings.ReplaceAll(a.p.engine.Permission(a.p.engine.Owner(), e).String(), "_", " ")})
	if e.RouteOptimized {
		rows = append(rows, widgets.KeyValue{Key: "Route opt.", Value: "On"})
	}
	short := widgets.Mono(e.ID[:min(8, len(e.ID))] + "…")
	rows = append(rows, widgets.KeyValue{Key: "ID", Object: widgets.HStack(2, short,
		widgets.IconButton(resources.IconCopy, "Copy the ID", func() { copied(e.ID) }).Small())})
	a.facts.Set(rows)
	a.content.Refresh()
}

func (a *about) setTags(tags []endpoint.Tag) {
	a.tags.RemoveAll()
	for _, t := range tags {
		a.tags.Add(widgets.NewChip(widgets.TagText(t)))
	}
	if len(tags) == 0 {
		a.tags.Add(widgets.Muted("None"))
	}
	a.content.Refresh()
}

// mostEventLetters is about four lines of the column: a long message, read whole in the
// tab of events, must not push the others out of sight.
const mostEventLetters = 110

// shorten cuts a text after a word, to at most n letters with the ellipsis.
func shorten(s string, n int) string {
	letters := []rune(s)
	if len(letters) <= n {
		return s
	}
	cut := string(letters[:n-1])
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,.:;") + "…"
}

func (a *about) setEvents(latest []telemetry.Event) {
	a.latest.RemoveAll()
	for _, v := range latest {
		clock := widgets.NewText(a.p.local(v.At).Format("15:04:05"), widgets.TextStyle{Mono: true, Color: theme.TextSecondary})
		a.latest.Add(widgets.Columns(8, []float32{-58, 1}, widgets.VStack(0, clock), widgets.SmallParagraph(shorten(widgets.Sentence(v.Message), mostEventLetters))))
	}
	a.recent.Hidden = len(latest) == 0
	a.content.Refresh()
}
