package serving

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/theme"
	"servery/views/widgets"
)

// The columns of the table.
const (
	colName = iota
	colState
	colEntities
	colCompute
	colWorkers
	colRate
	colRecent
	colLatency
	colTags
	colModified
	colMenu
)

// columns fill the 1184 px that a page has in a window of 1440. Narrower windows leave
// out, one after the other, what is the least missed.
func columns() []widgets.Column {
	end := fyne.TextAlignTrailing
	return []widgets.Column{
		colName:     {Title: "Name", Width: 142, Flex: 3, Sortable: true},
		colState:    {Title: "State", Width: 134, Sortable: true},
		colEntities: {Title: "Served entities", Width: 168, Flex: 3},
		colCompute:  {Title: "Compute", Width: 112, Flex: 1, Sortable: true, HideUnder: 960},
		colWorkers:  {Title: "Workers", Width: 72, Align: end, Sortable: true, HideUnder: 880},
		colRate:     {Title: "QPS", Width: 58, Align: end, Sortable: true},
		colRecent:   {Title: "Last 15 min", Width: 100, HideUnder: 800},
		colLatency:  {Title: "p50 / p99 ms", Width: 106, Align: end, Sortable: true},
		colTags:     {Title: "Tags", Width: 116, Flex: 1, HideUnder: 1080},
		colModified: {Title: "Last modified", Width: 124, Sortable: true},
		colMenu:     {Width: 40},
	}
}

func (p *Page) newCell(col int) fyne.CanvasObject {
	switch col {
	case colName:
		return widgets.LinkCell()
	case colState:
		return widgets.NewBadge(widgets.StateReady, "")
	case colEntities, colCompute:
		return widgets.NewTwoLineCell()
	case colRecent:
		return newRecentCell()
	case colTags:
		return newTagsCell()
	case colModified:
		return widgets.MutedCell()
	case colMenu:
		var b *widgets.Button
		b = widgets.MoreButton("Actions", func() *fyne.Menu { return p.menu(p.buttons[b]) })
		return b
	default:
		return widgets.TextCell()
	}
}

func (p *Page) updateCell(i, col int, cell fyne.CanvasObject) {
	r := p.shown[i]
	switch col {
	case colName:
		widgets.SetCell(cell, r.endpoint.Name)
	case colState:
		cell.(*widgets.Badge).Set(r.state, r.word)
	case colEntities:
		cell.(*widgets.TwoLineCell).Set(r.entities[0], r.entities[1])
	case colCompute:
		cell.(*widgets.TwoLineCell).Set(r.compute[0], r.compute[1])
	case colWorkers:
		widgets.SetCell(cell, strconv.Itoa(r.workers))
	case colRate:
		widgets.SetCell(cell, widgets.Number(r.summary.RequestsPerSecond))
	case colRecent:
		setRecent(cell, r)
	case colLatency:
		widgets.SetCell(cell, r.latency())
	case colTags:
		setTags(cell, r)
	case colModified:
		widgets.SetCell(cell, widgets.Ago(p.host.Now(), r.endpoint.UpdatedAt))
	case colMenu:
		p.buttons[cell.(*widgets.Button)] = r.endpoint.Name
	}
}

// newRecentCell is the line of the last 15 minutes, or words where nothing came.
func newRecentCell() fyne.CanvasObject {
	return container.NewStack(widgets.NewSparkline(), widgets.NewText("no traffic", widgets.TextStyle{Color: theme.TextSecondary}).Truncate())
}

func setRecent(cell fyne.CanvasObject, r *row) {
	parts := cell.(*fyne.Container).Objects
	line, words := parts[0].(*widgets.Sparkline), parts[1].(*widgets.Text)
	busy := r.busy()
	if busy {
		line.Set(r.summary.Recent)
	}
	if line.Visible() != busy || words.Visible() == busy {
		line.Hidden, words.Hidden = !busy, busy
		cell.Refresh()
	}
}

// newTagsCell is one tag and how many more there are.
func newTagsCell() fyne.CanvasObject {
	return container.New(tagsLayout{}, widgets.NewChip(""), widgets.Small(""))
}

func setTags(cell fyne.CanvasObject, r *row) {
	c := cell.(*fyne.Container)
	chip, more := c.Objects[0].(*widgets.Chip), c.Objects[1].(*widgets.Text)
	tags := r.endpoint.Tags
	text, rest := "", ""
	if len(tags) > 0 {
		text = tagText(tags[0])
	}
	if len(tags) > 1 {
		rest = "+" + strconv.Itoa(len(tags)-1)
	}
	if chip.Text() == text && more.Text() == rest && chip.Hidden == (text == "") {
		return
	}
	chip.SetText(text)
	more.SetText(rest)
	chip.Hidden, more.Hidden = text == "", rest == ""
	cell.Refresh()
}

// tagsLayout cuts the tag, not the number behind it.
type tagsLayout struct{}

func (tagsLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	chip, more := o[0].MinSize(), o[1].MinSize()
	room := size.Width
	if o[1].Visible() {
		room -= more.Width + 5
	}
	w := max(0, min(chip.Width, room))
	o[0].Move(fyne.NewPos(0, (size.Height-chip.Height)/2))
	o[0].Resize(fyne.NewSize(w, chip.Height))
	o[1].Move(fyne.NewPos(w+5, (size.Height-more.Height)/2))
	o[1].Resize(more)
}

func (tagsLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(24, 22) }
