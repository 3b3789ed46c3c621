package chart

import (
	"image"
	"image/color"
	"math"

	"fyne.io/fyne/v2"

	"servery/theme"
	"servery/views/chart/plot"
)

// draw makes the plot's image of w by h device pixels.
func (c *Chart) draw(w, h int) image.Image {
	c.plot.Reset(max(1, w), max(1, h))
	_, size := c.plotPlace()
	scale := float32(w) / size.Width
	for k := range c.data.Lines {
		c.eachRun(k, float32(w), float32(h), func() { c.fill(k, float32(h)) })
	}
	for k, l := range c.data.Lines {
		c.eachRun(k, float32(w), float32(h), func() { c.plot.Line(c.points, thickness(c.points)*scale, theme.Color(l.Color)) })
	}
	return c.plot.Image
}

// thickness is the width of a line. A value alone between gaps, such as the latency of
// the only request, has no line: it is a dot that can be seen.
func thickness(points []plot.Point) float32 {
	if len(points) == 1 {
		return 5
	}
	return 1.6
}

// fill paints the ground under the run that eachRun gathered.
func (c *Chart) fill(k int, h float32) {
	var alpha uint8
	switch c.c.Kind {
	case Area:
		alpha = 30
	case Stacked:
		alpha = 80
	default:
		return
	}
	ink := color.NRGBAModel.Convert(theme.Color(c.data.Lines[k].Color)).(color.NRGBA)
	ink.A = alpha
	if c.c.Kind == Area && len(c.points) > 0 {
		c.below = append(c.below[:0], plot.Point{X: c.points[0].X, Y: h}, plot.Point{X: c.points[len(c.points)-1].X, Y: h})
	}
	c.plot.Area(c.points, c.below, ink)
}

// eachRun gathers a line's points between gaps into c.points, and into c.below the edge
// of the stack under it, and calls f for each run.
func (c *Chart) eachRun(k int, w, h float32, f func()) {
	n := c.data.len()
	c.points, c.below = c.points[:0], c.below[:0]
	for i := range n {
		v := c.valueAt(k, i)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			if len(c.points) > 0 {
				f()
			}
			c.points, c.below = c.points[:0], c.below[:0]
			continue
		}
		x := w * float32(i) / float32(max(1, n-1))
		under := 0.0
		if c.c.Kind == Stacked {
			under = c.sum(k, i)
			c.below = append(c.below, plot.Point{X: x, Y: c.y(under, h)})
		}
		c.points = append(c.points, plot.Point{X: x, Y: c.y(under+v, h)})
	}
	if len(c.points) > 0 {
		f()
	}
}

// y is the pixel of a value; a pixel is left at both ends so that a line at 0 or at the
// top is not cut in half.
func (c *Chart) y(v float64, h float32) float32 {
	return 1 + (h-2)*float32(1-math.Min(1, math.Max(0, v/c.axis.top)))
}

// placeCross puts needle and card to the crosshair's index.
func (c *Chart) placeCross() {
	on := c.cross >= 0 && c.cross < c.data.len() && !c.empties()
	c.needle.Hidden, c.card.Hidden = !on, !on
	if !on {
		c.needle.Refresh()
		c.card.Refresh()
		return
	}
	p, s := c.plotPlace()
	x := p.X + s.Width*float32(c.cross)/float32(max(1, c.data.len()-1))
	c.needle.FillColor = theme.Color(theme.ChartAxis)
	c.needle.Move(fyne.NewPos(x, p.Y))
	c.needle.Resize(fyne.NewSize(1, s.Height))
	form := "15:04:05"
	if c.data.Step >= 60*1e9 {
		form = "Jan 2 15:04"
	}
	rows := make([]tipRow, 0, len(c.data.Lines))
	for k, l := range c.data.Lines {
		rows = append(rows, tipRow{l.Color, l.Name, figure(c.valueAt(k, c.cross), c.c.Unit)})
	}
	c.card.set(c.data.at(c.cross).Format(form), rows)
	m := c.card.MinSize()
	left := x + 10
	if left+m.Width > c.Size().Width {
		left = x - 10 - m.Width
	}
	c.card.Move(fyne.NewPos(max(0, left), p.Y+4))
	c.card.Resize(m)
	c.needle.Refresh()
	c.card.Refresh()
}
