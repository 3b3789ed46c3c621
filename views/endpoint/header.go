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
	content *fyne.Container
	badge   *widgets.Badge
	row     *fyne.Container
	edit    *widgets.Button
}

// headerInARow is the least width at which name, state and all actions stand in one line.
const headerInARow = 860

func newHeader(p *Page) *header {
	h := &header{badge: widgets.NewBadge(widgets.StateUpdating, "")}
	more := widgets.SecondaryButton("", nil).WithIcon(resources.IconMore)
	more.OnTapped = func() { widgets.ShowMenu(more, p.menu()) }
	h.edit = widgets.SecondaryButton("Edit endpoint", p.edit)
	query := widgets.PrimaryButton("Query endpoint", p.query).WithIcon(resources.IconPlay)
	h.row = widgets.Lead(10, widgets.Title(p.name), h.badge)
	h.content = widgets.SpreadUnder(headerInARow, h.row, widgets.HStack(8, h.edit, widgets.SecondaryButton("Permissions", p.editPermissions), more, query))
	return h
}

func (h *header) set(e endpoint.Endpoint) {
	before := h.badge.MinSize()
	h.badge.Set(widgets.EndpointStateBadge(e))
	if e.Update == endpoint.InProgress {
		h.edit.Disable()
	} else {
		h.edit.Enable()
	}
	if h.badge.MinSize() != before {
		h.row.Refresh()
	}
}

// menu holds the actions that are seldom wanted.
func (p *Page) menu() *fyne.Menu {
	m := fyne.NewMenu("")
	add := func(label string, do func()) { m.Items = append(m.Items, fyne.NewMenuItem(label, do)) }
	if url := p.invocationURL(); url != "" {
		add("Copy invocation URL", func() { p.host.Copy(url); p.host.Toast(widgets.Success, "Copied the invocation URL.") })
	}
	running := p.now.Update == endpoint.InProgress
	switch {
	case running:
		add("Cancel update", p.cancel)
	case p.now.Update == endpoint.UpdateFailed || p.now.Update == endpoint.UpdateCanceled:
		add("Deploy again", p.retry)
	}
	switch {
	case p.now.Suspended && !running:
		add("Start endpoint", p.start)
	case p.now.Active != nil && !p.now.Suspended:
		add("Stop endpoint…", p.stop)
		m.Items[len(m.Items)-1].Disabled = running // an update has to end first
	}
	if len(m.Items) > 0 {
		m.Items = append(m.Items, fyne.NewMenuItemSeparator())
	}
	add("Delete endpoint…", p.remove)
	return m
}
