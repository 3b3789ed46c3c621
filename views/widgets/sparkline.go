package widgets

import (
	"image"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
	"servery/views/chart/plot"
)

// Sparkline is a line without axes, for a cell of a table.
type Sparkline struct {
	widget.BaseWidget
	values []float32
	color  fyne.ThemeColorName
	raster *canvas.Raster
	plot   plot.Canvas
	points []plot.Point
}

// NewSparkline makes an empty line.
func NewSparkline() *Sparkline {
	s := &Sparkline{color: theme.ChartBlue}
	s.raster = canvas.NewRaster(s.draw)
	s.ExtendBaseWidget(s)
	return s
}

// Set shows values, oldest first. All zero or none shows a flat grey line.
func (s *Sparkline) Set(values []float32) {
	if slices.Equal(values, s.values) {
		return
	}
	s.values = append(s.values[:0], values...)
	s.Refresh()
}

// SetColor changes the colour.
func (s *Sparkline) SetColor(c fyne.ThemeColorName) {
	if s.color != c {
		s.color = c
		s.Refresh()
	}
}

func (s *Sparkline) draw(w, h int) image.Image {
	s.plot.Reset(max(1, w), max(1, h))
	if s.Size().Width <= 0 {
		return s.plot.Image
	}
	scale := float32(w) / s.Size().Width
	pen := 1.5 * scale
	top := float32(0)
	for _, v := range s.values {
		top = max(top, v)
	}
	ink := theme.Color(s.color)
	if top == 0 {
		ink = theme.Color(theme.Track)
	}
	s.points = s.points[:0]
	for i, v := range s.values {
		s.points = append(s.points, plot.Point{
			X: pen + (float32(w)-2*pen)*float32(i)/float32(max(1, len(s.values)-1)),
			Y: float32(h) - pen - (float32(h)-2*pen)*share(v, top),
		})
	}
	if len(s.points) < 2 {
		s.points = append(s.points[:0], plot.Point{X: pen, Y: float32(h) - pen}, plot.Point{X: float32(w) - pen, Y: float32(h) - pen})
		ink = theme.Color(theme.Track)
	}
	s.plot.Line(s.points, pen, ink)
	return s.plot.Image
}

func share(v, top float32) float32 {
	if top == 0 {
		return 0
	}
	return min(1, max(0, v/top))
}

// CreateRenderer is for Fyne.
func (s *Sparkline) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(size fyne.Size) { place(s.raster, 0, (size.Height-22)/2, size.Width, 22) },
		func() fyne.Size { return fyne.NewSize(40, 22) },
		func() { s.raster.Refresh() },
		s.raster)
}
