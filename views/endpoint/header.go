package endpoint

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/engine/endpoint"
	"servery/resources"
	"servery/views/widgets"
)

// stack puts objects over each other.
func stack(o ...fyne.CanvasObject) *fyne.Container { return container.NewStack(o...) }

// header is the endpoint's name, state and actions.
type header struct {
	content fyne.CanvasObject
	badge   *widgets.Badge
	row     *fyne.Container
}

func newHeader(p *Page) *header {
	h := &header{badge: widgets.NewBadge(widgets.StateUpdating, "")}
	more := widgets.SecondaryButton("", nil).WithIcon(resources.IconMore)
	more.OnTapped = func() { widgets.ShowMenu(more, p.menu()) }
	query := widgets.PrimaryButton("Query endpoint", p.query).WithIcon(resources.IconPlay)
	h.row = widgets.Lead(10, widgets.Title(p.name), h.badge)
	h.content = widgets.Spread(h.row, widgets.HStack(8, more, query))
	return h
}

func (h *header) set(e endpoint.Endpoint) {
	before := h.badge.MinSize()
	h.badge.Set(widgets.EndpointBadge(e))
	if h.badge.MinSize() != before {
		h.row.Refresh()
	}
}

// menu holds the actions that are seldom wanted.
func (p *Page) menu() *fyne.Menu {
	m := fyne.NewMenu("")
	if url := p.invocationURL(); url != "" {
		copyURL := fyne.NewMenuItem("Copy invocation URL", func() { p.host.Copy(url); p.host.Toast(widgets.Success, "Copied the invocation URL.") })
		copyURL.Icon = resources.IconCopy
		m.Items = append(m.Items, copyURL)
	}
	if p.now.Update == endpoint.UpdateFailed {
		again := fyne.NewMenuItem("Deploy again", p.retry)
		again.Icon = resources.IconRefresh
		m.Items = append(m.Items, again)
	}
	remove := fyne.NewMenuItem("Delete endpoint…", p.remove)
	remove.Icon = resources.IconTrash
	m.Items = append(m.Items, fyne.NewMenuItemSeparator(), remove)
	if len(m.Items) == 2 {
		m.Items = m.Items[1:]
	}
	return m
}
