package endpoint

import (
	"fmt"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"servery/engine/endpoint"
	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

// The columns of a configuration's table.
const (
	colEntity = iota
	colState
	colCompute
	colScale
	colWorkers
	colFlight
	colTraffic
)

// configuration is the table of the served entities of one configuration.
type configuration struct {
	p       *Page
	content *fyne.Container
	number  *widgets.Chip
	head    *fyne.Container
	actions *fyne.Container // at the right of the title
	table   *widgets.Table
	rows    []endpoint.ServedEntity
	traffic map[string]int
	version int
}

func newConfiguration(p *Page, title string) *configuration {
	c := &configuration{p: p, number: widgets.NewChip("")}
	c.table = widgets.NewTable(widgets.TableConfig{
		Columns: []widgets.Column{
			{Title: "Served entity", Flex: 2.4, Width: 190},
			{Title: "State", Width: 140},
			{Title: "Compute", Width: 112},
			{Title: "Scale-out", Width: 110},
			{Title: "Workers", Flex: 1, Width: 120},
			{Title: "In flight", Width: 78, Align: fyne.TextAlignTrailing},
			{Title: "Traffic", Width: 74, Align: fyne.TextAlignTrailing},
		},
		RowHeight: 46, FitRows: true,
		Len:        func() int { return len(c.rows) },
		NewCell:    newEntityCell,
		UpdateCell: c.update,
		Opened:     func(row int) { p.host.Go(shell.ModelRoute(c.rows[row].ModelName)) },
		Menu:       func(row int) *fyne.Menu { return p.entityMenu(c.rows[row]) },
	})
	c.head = widgets.HStack(8, widgets.Heading(title), c.number)
	c.actions = widgets.HStack(16)
	c.content = widgets.VStack(4, widgets.Spread(c.head, c.actions), c.table)
	c.content.Hide()
	return c
}

// set shows a configuration; nil hides the table.
func (c *configuration) set(next *endpoint.Config) {
	shown := next != nil
	resized := c.content.Visible() != shown
	c.content.Hidden = !shown
	if shown {
		resized = resized || len(next.Entities) != len(c.rows)
		c.rows = next.Entities
		c.traffic = map[string]int{}
		for _, r := range next.Routes {
			c.traffic[r.EntityName] = r.Percent
		}
		if c.version != next.Version {
			c.version = next.Version
			c.number.SetText(strconv.Itoa(next.Version))
			c.head.Refresh()
		}
		c.table.Refresh()
	}
	if resized {
		c.p.scroll.Refresh()
	}
}

// workersCell is a meter beside its figures.
type workersCell struct {
	widget.BaseWidget
	row   fyne.CanvasObject
	meter *widgets.Meter
	text  *widgets.Text
}

func newWorkersCell() *workersCell {
	c := &workersCell{meter: widgets.NewMeter(theme.ChartTeal), text: widgets.Body("")}
	c.row = widgets.Columns(8, []float32{1, -54}, c.meter, c.text)
	c.ExtendBaseWidget(c)
	return c
}

// CreateRenderer is for Fyne.
func (c *workersCell) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(c.row) }

// entityCell is the model's name with its version, over the served entity's name.
type entityCell struct {
	widget.BaseWidget
	rows    fyne.CanvasObject
	line    *fyne.Container
	model   *widgets.Text
	version *widgets.Chip
	name    *widgets.Text
}

func newEntity() *entityCell {
	c := &entityCell{model: widgets.NewText("", widgets.TextStyle{Color: theme.Link, Medium: true}), version: widgets.NewChip(""), name: widgets.Small("").Truncate()}
	c.line = widgets.Lead(4, c.model, c.version)
	c.rows = widgets.VStack(0, c.line, c.name)
	c.ExtendBaseWidget(c)
	return c
}

// CreateRenderer is for Fyne.
func (c *entityCell) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(c.rows) }

func newEntityCell(col int) fyne.CanvasObject {
	switch col {
	case colEntity:
		return newEntity()
	case colState:
		return widgets.NewBadge(widgets.StateStopped, "")
	case colCompute:
		return newComputeCell()
	case colWorkers:
		return newWorkersCell()
	}
	return widgets.TextCell()
}

func (c *configuration) update(row, col int, cell fyne.CanvasObject) {
	s := c.rows[row]
	switch col {
	case colEntity:
		cell := cell.(*entityCell)
		cell.model.SetText(s.ModelName)
		cell.version.SetText("v" + strconv.Itoa(s.ModelVersion))
		cell.name.SetText(s.Name)
		cell.line.Refresh()
	case colState:
		cell.(*widgets.Badge).Set(widgets.EntityBadge(s))
	case colCompute:
		cell.(*computeCell).set(s)
	case colScale:
		widgets.SetCell(cell, scaleOut(s))
	case colWorkers:
		cell := cell.(*workersCell)
		cell.text.SetText(fmt.Sprintf("%d / %d", s.Live.Provisioned, s.MaxConcurrency))
		cell.meter.Set(float64(s.Live.Provisioned) / float64(max(1, s.MaxConcurrency)))
	case colFlight:
		widgets.SetCell(cell, inFlight(s.Live))
	case colTraffic:
		widgets.SetCell(cell, fmt.Sprintf("%d %%", c.traffic[s.Name]))
	}
}

// inFlight is what runs, and what waits where something does: "4 + 12".
func inFlight(l endpoint.Live) string {
	if l.Queued > 0 {
		return fmt.Sprintf("%d + %d", l.InFlight, l.Queued)
	}
	return strconv.Itoa(l.InFlight)
}

// scaleOut is the size as the form shows it: "Small 0–4", "4–12".
func scaleOut(s endpoint.ServedEntity) string {
	span := fmt.Sprintf("%d–%d", s.MinConcurrency, s.MaxConcurrency)
	if s.MinConcurrency == s.MaxConcurrency {
		span = strconv.Itoa(s.MaxConcurrency)
	}
	if s.WorkloadSize == "" {
		return span
	}
	return s.WorkloadSize + " " + span
}

// entityMenu is the menu of a served entity's row.
func (p *Page) entityMenu(s endpoint.ServedEntity) *fyne.Menu {
	items := []*fyne.MenuItem{fyne.NewMenuItem("Open the model", func() { p.host.Go(shell.ModelRoute(s.ModelName)) }),
		fyne.NewMenuItem("Copy the name", func() { p.host.Copy(s.Name) })}
	if a := p.engine.Address(); a != "" {
		items = append(items, fyne.NewMenuItem("Copy the direct URL", func() {
			p.host.Copy(a + "/serving-endpoints/" + p.name + "/served-models/" + s.Name + "/invocations")
			p.host.Toast(widgets.Success, "Copied the URL that reaches "+s.Name+" whatever the traffic split.")
		}))
	}
	return fyne.NewMenu("", items...)
}
