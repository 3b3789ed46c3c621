// Package chart draws time series: lines, areas and stacks with axes, a legend and a
// crosshair. It knows no endpoint: the page hands it values. The plot is one image, drawn
// anew when the data change; texts and grid are canvas objects.
package chart

import (
	"image/color"

	"math"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
	"servery/views/chart/plot"
)

// none is no colour: Fyne's painters do not take nil.
var none = color.Transparent

// Kind is how the values are drawn.
type Kind int

// The kinds. Stacked puts each line on those before it.
const (
	Lines Kind = iota
	Area
	Stacked
)

// Config is what does not change in a chart.
type Config struct {
	Title  string
	Kind   Kind
	Unit   string  // of the values, shown beside the crosshair: "ms", "/s", "%", or "B" for bytes
	Floor  float64 // the axis reaches at least this far up
	Height float32 // in units of the canvas; 0 is 178
}

// Line is a named series.
type Line struct {
	Name   string
	Color  fyne.ThemeColorName
	Values []float64 // oldest first; NaN is a gap
}

// Data is what a chart shows: lines of equal length, evenly spaced by Step, the last
// value at End.
type Data struct {
	End   time.Time
	Step  time.Duration
	Lines []Line
}

func (d Data) len() int {
	n := 0
	for _, l := range d.Lines {
		n = max(n, len(l.Values))
	}
	return n
}

// at is the time of a value.
func (d Data) at(i int) time.Time {
	return d.End.Add(-time.Duration(d.len()-1-i) * d.Step)
}

// Chart is the widget.
type Chart struct {
	widget.BaseWidget
	// OnHover hears the index under the pointer, -1 when it left.
	OnHover func(index int)

	c     Config
	data  Data
	axis  axis
	cross int
	left  float32 // where the plot begins
	peers []*Chart

	plot    plot.Canvas
	raster  *canvas.Raster
	points  []plot.Point
	below   []plot.Point
	title   *canvas.Text
	value   *canvas.Text
	unit    *canvas.Text
	empty   *canvas.Text
	keys    []legendKey
	grid    []*canvas.Rectangle
	ylabels []*canvas.Text
	xlabels []*canvas.Text
	xat     []float64 // places of the labels, 0 to 1
	needle  *canvas.Rectangle
	card    *tip
	objects []fyne.CanvasObject
}

type legendKey struct {
	mark *canvas.Rectangle
	name *canvas.Text
}

// New makes an empty chart.
func New(c Config) *Chart {
	if c.Height == 0 {
		c.Height = 178
	}
	ch := &Chart{c: c, cross: -1, title: canvas.NewText(c.Title, nil), value: canvas.NewText("", nil), unit: canvas.NewText("", none),
		empty: canvas.NewText("No data yet", none), needle: canvas.NewRectangle(none), card: newTip()}
	ch.raster = canvas.NewRaster(ch.draw)
	ch.ExtendBaseWidget(ch)
	return ch
}

// Set shows other data. It keeps the slices until the next Set.
func (c *Chart) Set(d Data) {
	c.data = d
	if c.cross >= d.len() {
		c.cross = -1
	}
	c.Refresh()
}

// SetHeadline shows the figure of now at the right of the title: "11.8", "ms p99".
func (c *Chart) SetHeadline(value, unit string) {
	if c.value.Text != value || c.unit.Text != unit {
		c.value.Text, c.unit.Text = value, unit
		c.Refresh()
	}
}

// SetCrosshair puts the crosshair to an index, -1 takes it away. OnHover does not hear.
func (c *Chart) SetCrosshair(index int) {
	if index >= c.data.len() {
		index = -1
	}
	if index == c.cross {
		return
	}
	c.cross = index
	c.placeCross()
}

// Link makes charts of the same times share their crosshair.
func Link(charts ...*Chart) {
	for _, c := range charts {
		c.peers = charts
	}
}

// MouseIn is for Fyne.
func (c *Chart) MouseIn(e *desktop.MouseEvent) { c.MouseMoved(e) }

// MouseMoved is for Fyne.
func (c *Chart) MouseMoved(e *desktop.MouseEvent) { c.hover(c.indexAt(e.Position.X)) }

// MouseOut is for Fyne.
func (c *Chart) MouseOut() { c.hover(-1) }

func (c *Chart) hover(i int) {
	if i == c.cross {
		return
	}
	c.SetCrosshair(i)
	for _, p := range c.peers {
		if p != c {
			p.SetCrosshair(i)
		}
	}
	if c.OnHover != nil {
		c.OnHover(i)
	}
}

// indexAt gives the value nearest to a place, -1 outside the plot.
func (c *Chart) indexAt(x float32) int {
	p, s := c.plotPlace()
	n := c.data.len()
	if n == 0 || x < p.X-4 || x > p.X+s.Width+4 {
		return -1
	}
	i := int(math.Round(float64((x - p.X) / s.Width * float32(max(1, n-1)))))
	return min(n-1, max(0, i))
}

const (
	headHeight = 28
	axisHeight = 20
	leastLeft  = 30 // room for the figures of the axis
)

// plotPlace is where the plot lies in the widget.
func (c *Chart) plotPlace() (fyne.Position, fyne.Size) {
	s := c.Size()
	return fyne.NewPos(c.left, headHeight+4),
		fyne.NewSize(max(1, s.Width-c.left-4), max(1, s.Height-headHeight-axisHeight-8))
}

// empties tells whether there is no value at all.
func (c *Chart) empties() bool {
	for _, l := range c.data.Lines {
		for _, v := range l.Values {
			if !math.IsNaN(v) {
				return false
			}
		}
	}
	return true
}

// top is the highest place of a line, stacks summed.
func (c *Chart) top() float64 {
	top := c.c.Floor
	if c.c.Kind == Stacked {
		for i := range c.data.len() {
			if s := c.sum(len(c.data.Lines), i); s > top {
				top = s
			}
		}
		return top
	}
	for _, l := range c.data.Lines {
		for _, v := range l.Values {
			if v > top && !math.IsInf(v, 0) {
				top = v
			}
		}
	}
	return top
}

// sum is the height of the first k lines at an index; gaps count as nothing.
func (c *Chart) sum(k, i int) float64 {
	s := 0.0
	for _, l := range c.data.Lines[:k] {
		if i < len(l.Values) && !math.IsNaN(l.Values[i]) {
			s += l.Values[i]
		}
	}
	return s
}

func (c *Chart) valueAt(line, i int) float64 {
	l := c.data.Lines[line]
	if i >= len(l.Values) {
		return math.NaN()
	}
	return l.Values[i]
}

// CreateRenderer is for Fyne.
func (c *Chart) CreateRenderer() fyne.WidgetRenderer {
	r := &chartRenderer{c}
	c.update()
	return r
}

type chartRenderer struct{ c *Chart }

func (r *chartRenderer) Layout(fyne.Size)             { r.c.update() }
func (r *chartRenderer) MinSize() fyne.Size           { return fyne.NewSize(220, r.c.c.Height) }
func (r *chartRenderer) Objects() []fyne.CanvasObject { return r.c.objects }
func (r *chartRenderer) Destroy()                     {}

func (r *chartRenderer) Refresh() {
	r.c.update()
	canvas.Refresh(r.c)
}

// update sets texts, colours and places from the data.
func (c *Chart) update() {
	c.axis = niceAxis(c.axis, c.top(), c.c.Unit)
	c.head()
	c.yAxis()
	c.xAxis()
	p, s := c.plotPlace()
	c.raster.Move(p)
	c.raster.Resize(s)
	c.raster.Refresh()
	c.style(c.empty, theme.TextSecondary, theme.TextSmall, false)
	c.empty.Hidden = !c.empties()
	c.empty.Alignment = fyne.TextAlignCenter
	c.empty.Move(p.SubtractXY(0, 14)) // off the line in the middle
	c.empty.Resize(s)
	c.collect()
	c.placeCross()
}

func (c *Chart) collect() {
	o := c.objects[:0]
	for _, g := range c.grid {
		o = append(o, g)
	}
	o = append(o, c.raster, c.title, c.value, c.unit, c.empty)
	for _, k := range c.keys {
		o = append(o, k.mark, k.name)
	}
	for _, t := range slices.Concat(c.ylabels, c.xlabels) {
		o = append(o, t)
	}
	c.objects = append(o, c.needle, c.card)
}

func (c *Chart) style(t *canvas.Text, ink fyne.ThemeColorName, size fyne.ThemeSizeName, bold bool) {
	t.Color, t.TextSize, t.TextStyle = theme.Color(ink), theme.Size(size), fyne.TextStyle{Bold: bold}
}

// head lays out title, legend and the figure of now.
func (c *Chart) head() {
	c.style(c.title, theme.Text, theme.TextBody, true)
	c.style(c.value, theme.Text, theme.TextBody, true)
	c.style(c.unit, theme.TextSecondary, theme.TextBody, false)
	x := float32(0)
	put := func(o fyne.CanvasObject, w float32) {
		o.Move(fyne.NewPos(x, 0))
		o.Resize(fyne.NewSize(w, 20))
		x += w
	}
	u, v := c.unit.MinSize().Width, c.value.MinSize().Width
	end := c.Size().Width
	gap := float32(4)
	if c.unit.Text == "" {
		gap = 0
	}
	figure := end - u - gap - v
	put(c.title, c.title.MinSize().Width)
	for len(c.keys) < len(c.data.Lines) {
		c.keys = append(c.keys, legendKey{canvas.NewRectangle(none), canvas.NewText("", none)})
	}
	c.keys = c.keys[:len(c.data.Lines)]
	for i, l := range c.data.Lines {
		k := c.keys[i]
		k.mark.FillColor, k.mark.CornerRadius = theme.Color(l.Color), 1.5
		c.style(k.name, theme.TextSecondary, theme.TextSmall, false)
		k.name.Text = l.Name
		// Where the chart is too narrow for all names, those at the right give way to the figure:
		// under the pointer the chart names its lines.
		k.mark.Hidden = end > 0 && x+12+16+k.name.MinSize().Width > figure-4
		k.name.Hidden = k.mark.Hidden
		if k.name.Hidden {
			continue
		}
		x += 12
		k.mark.Move(fyne.NewPos(x, 8.5))
		k.mark.Resize(fyne.NewSize(11, 3))
		x += 16
		put(k.name, k.name.MinSize().Width)
	}
	x = figure
	put(c.value, v)
	x += gap
	put(c.unit, u)
}

// yAxis lays out the grid and its figures.
func (c *Chart) yAxis() {
	ticks := c.axis.ticks()
	for len(c.grid) < len(ticks) {
		c.grid = append(c.grid, canvas.NewRectangle(none))
		c.ylabels = append(c.ylabels, canvas.NewText("", none))
	}
	c.grid, c.ylabels = c.grid[:len(ticks)], c.ylabels[:len(ticks)]
	c.left = leastLeft
	for i, v := range ticks {
		c.style(c.ylabels[i], theme.ChartAxis, theme.TextAxis, false)
		c.ylabels[i].Text, c.ylabels[i].Alignment = c.axis.label(v), fyne.TextAlignTrailing
		c.left = max(c.left, c.ylabels[i].MinSize().Width+10)
	}
	p, s := c.plotPlace()
	for i, v := range ticks {
		y := p.Y + s.Height*float32(1-v/c.axis.top)
		c.grid[i].FillColor = theme.Color(theme.ChartGrid)
		c.grid[i].Move(fyne.NewPos(p.X, float32(math.Round(float64(y)))))
		c.grid[i].Resize(fyne.NewSize(s.Width, 1))
		c.ylabels[i].Move(fyne.NewPos(0, y-8))
		c.ylabels[i].Resize(fyne.NewSize(c.left-8, 16))
	}
}

// xAxis lays out the times.
func (c *Chart) xAxis() {
	p, s := c.plotPlace()
	texts := []string(nil)
	texts, c.xat = timeTicks(c.data, int(s.Width/84))
	for len(c.xlabels) < len(texts) {
		c.xlabels = append(c.xlabels, canvas.NewText("", none))
	}
	c.xlabels = c.xlabels[:len(texts)]
	for i, text := range texts {
		t := c.xlabels[i]
		c.style(t, theme.ChartAxis, theme.TextAxis, false)
		t.Text, t.Alignment = text, fyne.TextAlignCenter
		w := t.MinSize().Width
		x := p.X + s.Width*float32(c.xat[i]) - w/2
		x = min(max(x, p.X-w/2), p.X+s.Width-w)
		t.Move(fyne.NewPos(x, p.Y+s.Height+5))
		t.Resize(fyne.NewSize(w, 16))
	}
}
