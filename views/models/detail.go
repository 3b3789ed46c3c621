package models

import (
	"fmt"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/registry"
	"servery/resources"
	"servery/views/shell"
	"servery/views/widgets"
)

// detail is the chosen model: its name and actions, its versions, and the facts of the
// version that is marked.
type detail struct {
	p       *Page
	model   registry.Model
	version registry.Version
	facts   factsKey // what the panels under the table show

	title    *widgets.Text
	more     *widgets.Button
	serve    *widgets.Button
	chips    *fyne.Container
	comment  *widgets.Paragraph
	versions *widgets.Table
	failed   *widgets.Banner
	panels   *fyne.Container
	column   *fyne.Container
	scroll   *widgets.ScrollArea
	content  fyne.CanvasObject
}

func newDetail(p *Page) *detail {
	d := &detail{p: p, title: widgets.Heading("").Truncate(), chips: widgets.Flow(6), comment: widgets.MutedParagraph(""),
		failed: widgets.NewBanner(widgets.Error, "", ""), panels: widgets.VStack(16)}
	d.more = widgets.MoreButton("More", func() *fyne.Menu {
		return fyne.NewMenu("", fyne.NewMenuItem("Delete model…", func() { p.deleteModel(d.model) }))
	})
	next := widgets.SecondaryButton("New version", func() { p.importModel("", d.model.FullName()) })
	d.serve = widgets.PrimaryButton("", func() { p.serve(d.version.Number) })
	d.versions = d.table()
	head := widgets.Spread(d.title, widgets.HStack(8, d.more, next, d.serve))
	d.column = widgets.VStack(12, head, d.comment, d.chips, d.versions, d.failed, widgets.Spacer(1, 0), d.panels)
	d.scroll = widgets.Scroll(widgets.Inset(d.column, edge, 12, 8, edge))
	d.content = d.scroll
	return d
}

// edge keeps borders and focus rings off the edge of what scrolls, which would cut them.
const edge = 4

// columns of the table of versions.
const (
	colVersion = iota
	colStatus
	colAliases
	colSource
	colSize
	colParameters
	colServing
	colCreated
	colMenu
)

func (d *detail) table() *widgets.Table {
	return widgets.NewTable(widgets.TableConfig{
		Columns: []widgets.Column{
			{Title: "Version", Width: 70}, {Title: "Status", Width: 104}, {Title: "Aliases", Width: 40, Flex: 0.7}, {Title: "Source", Flex: 1.7, HideUnder: 640},
			{Title: "Size", Width: 72, Align: fyne.TextAlignTrailing, HideUnder: 480}, {Title: "Parameters", Width: 94, Align: fyne.TextAlignTrailing, HideUnder: 740},
			{Title: "Serving", Width: 60, Flex: 1}, {Title: "Created", Width: 118, HideUnder: 560}, {Title: "", Width: 40},
		},
		RowHeight:  40,
		FitRows:    true,
		Selectable: true,
		Len:        func() int { return len(d.model.Versions) },
		NewCell: func(col int) fyne.CanvasObject {
			switch col {
			case colVersion:
				return widgets.NewText("", widgets.TextStyle{Bold: true}).Truncate()
			case colStatus:
				return widgets.NewBadge(widgets.StateReady, "")
			case colServing:
				return widgets.NewLink("", nil).Truncate()
			case colMenu:
				return widgets.IconButton(resources.IconMore, "Actions", nil).Small()
			case colSize, colParameters:
				return widgets.TextCell()
			}
			return widgets.MutedCell()
		},
		UpdateCell: d.cell,
		Opened:     func(i int) { d.p.chooseVersion(d.model.Versions[i].Number) },
		Moved:      func(i int) { d.p.chooseVersion(d.model.Versions[i].Number) },
		Menu:       d.menu,
	})
}

func (d *detail) cell(row, col int, cell fyne.CanvasObject) {
	v := d.model.Versions[row]
	switch col {
	case colVersion:
		widgets.SetCell(cell, strconv.Itoa(v.Number))
	case colStatus:
		cell.(*widgets.Badge).Set(widgets.VersionBadge(v.Status))
	case colAliases:
		widgets.SetCell(cell, strings.Join(d.model.AliasesOf(v.Number), ", "))
	case colSource:
		widgets.SetCell(cell, v.Source)
	case colSize:
		widgets.SetCell(cell, dashed(v.Size > 0, widgets.Bytes(v.Size)))
	case colParameters:
		text := "—"
		if v.Graph != nil {
			text = widgets.Amount(v.Graph.Parameters)
		}
		widgets.SetCell(cell, text)
	case colServing:
		d.showUses(cell.(*widgets.Link), d.p.uses[versionKey{d.model.FullName(), v.Number}])
	case colCreated:
		widgets.SetCell(cell, widgets.Ago(d.p.host.Now(), v.CreatedAt))
	case colMenu:
		b := cell.(*widgets.Button)
		b.OnTapped = func() { widgets.ShowMenu(b, d.menu(row)) }
	}
}

// showUses makes a link of the endpoints that serve a version: to the only one, or to a
// list of them.
func (d *detail) showUses(l *widgets.Link, uses []use) {
	l.SetText(joined(uses))
	if len(uses) == 0 {
		l.Hide() // a click there marks the row
		return
	}
	l.Show()
	l.OnTapped = func() {
		if len(uses) == 1 {
			d.p.host.Go(shell.EndpointRoute(uses[0].endpoint))
			return
		}
		m := fyne.NewMenu("")
		for _, u := range uses {
			m.Items = append(m.Items, fyne.NewMenuItem(u.String(), func() { d.p.host.Go(shell.EndpointRoute(u.endpoint)) }))
		}
		widgets.ShowMenu(l, m)
	}
}

func dashed(known bool, text string) string {
	if !known {
		return "—"
	}
	return text
}

// menu is what can be done with a version.
func (d *detail) menu(row int) *fyne.Menu {
	m, v := d.model, d.model.Versions[row]
	serve := fyne.NewMenuItem("Serve this version", func() { d.p.serve(v.Number) })
	alias := fyne.NewMenuItem("Set alias…", func() { d.p.setAlias(m, v.Number) })
	serve.Disabled, alias.Disabled = v.Status != registry.Ready, v.Status != registry.Ready
	items := []*fyne.MenuItem{serve, alias}
	for _, a := range m.AliasesOf(v.Number) {
		items = append(items, fyne.NewMenuItem("Remove alias "+a, func() { d.p.removeAlias(m, a) }))
	}
	for _, name := range names(d.p.uses[versionKey{m.FullName(), v.Number}]) {
		items = append(items, fyne.NewMenuItem("Go to endpoint "+name, func() { d.p.host.Go(shell.EndpointRoute(name)) }))
	}
	remove := fyne.NewMenuItem("Delete version…", func() { d.p.deleteVersion(m, v.Number) })
	remove.Disabled = v.Status == registry.Pending
	return fyne.NewMenu("", append(items, fyne.NewMenuItemSeparator(), remove)...)
}

// show shows a model with a version marked.
func (d *detail) show(m registry.Model, v registry.Version) {
	d.model, d.version = m, v
	d.title.SetText(m.FullName())
	d.comment.SetText(m.Comment)
	d.comment.Hidden = m.Comment == ""
	d.serve.SetText("Serve " + versionWords(v.Number))
	if v.Status == registry.Ready {
		d.serve.Enable()
	} else {
		d.serve.Disable()
	}
	d.showChips()
	d.versions.Refresh()
	for i := range m.Versions {
		if m.Versions[i].Number == v.Number {
			d.versions.Mark(i)
		}
	}
	d.failed.Hidden = v.Status != registry.Failed
	if v.Status == registry.Failed {
		d.failed.SetText(fmt.Sprintf("Version %d cannot be served", v.Number), v.Reason)
	}
	d.showPanels()
	d.column.Refresh()
	d.scroll.Refresh()
}

func (d *detail) showChips() {
	d.chips.Objects = d.chips.Objects[:0]
	if d.version.Flavor != "" {
		d.chips.Add(widgets.NewChip(d.version.Flavor))
	}
	for _, a := range d.model.Aliases {
		d.chips.Add(widgets.NewRemovableChip(fmt.Sprintf("%s → v%d", a.Name, a.Version), func() { d.p.removeAlias(d.model, a.Name) }))
	}
	set := widgets.GhostButton("Set alias", func() { d.p.setAlias(d.model, d.version.Number) }).WithIcon(resources.IconPlus).Small()
	if d.version.Status != registry.Ready {
		set.Disable()
	}
	d.chips.Add(set)
}

// factsKey tells when the panels have to be made anew: a version's own facts never change.
type factsKey struct {
	versionKey
	status registry.Status
	uses   string
	runsOn string
}

func (d *detail) showPanels() {
	k := versionKey{d.model.FullName(), d.version.Number}
	key := factsKey{k, d.version.Status, joined(d.p.uses[k]), runsOn(d.version, d.p.engine.Hardware().GPUs)}
	if key == d.facts {
		return
	}
	d.facts = key
	d.panels.Objects = nil
	v := d.version
	wide := []float32{1.4, 1}
	switch v.Status {
	case registry.Ready:
		d.panels.Add(widgets.StackUnder(700, 16, wide, signaturePanel(v), operatorsPanel(v)))
		d.panels.Add(widgets.StackUnder(700, 16, wide, d.detailsPanel(v), d.examplePanel(v)))
	case registry.Failed:
		d.panels.Add(d.detailsPanel(v))
	case registry.Pending:
		d.panels.Add(widgets.MutedParagraph(fmt.Sprintf("Version %d is being imported.", v.Number)))
	}
	d.panels.Refresh()
}
