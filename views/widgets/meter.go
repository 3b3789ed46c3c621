package widgets

import (
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// Meter is a bar that is filled to a fraction.
type Meter struct {
	widget.BaseWidget
	color       fyne.ThemeColorName
	fraction    float64
	height      float32
	track, fill *canvas.Rectangle
}

// NewMeter makes an empty meter of 6 px height.
func NewMeter(c fyne.ThemeColorName) *Meter {
	m := &Meter{color: c, height: 6, track: canvas.NewRectangle(none), fill: canvas.NewRectangle(none)}
	m.track.CornerRadius, m.fill.CornerRadius = 3, 3
	m.ExtendBaseWidget(m)
	return m
}

// Thick makes the meter 10 px high.
func (m *Meter) Thick() *Meter { m.height = 10; m.Refresh(); return m }

// Set fills the meter to a fraction from 0 to 1; what lies outside is cut.
func (m *Meter) Set(fraction float64) {
	if !(fraction > 0) {
		fraction = 0
	}
	fraction = math.Min(fraction, 1)
	if math.Abs(fraction-m.fraction) < 0.001 && (fraction == 0) == (m.fraction == 0) {
		return
	}
	m.fraction = fraction
	m.Refresh()
}

// SetColor changes the colour of the fill.
func (m *Meter) SetColor(c fyne.ThemeColorName) {
	if m.color != c {
		m.color = c
		m.Refresh()
	}
}

func (m *Meter) lay(s fyne.Size) {
	y := (s.Height - m.height) / 2
	place(m.track, 0, y, s.Width, m.height)
	w := s.Width * float32(m.fraction)
	if m.fraction > 0 {
		w = max(w, 3)
	}
	place(m.fill, 0, y, w, m.height)
}

// CreateRenderer is for Fyne.
func (m *Meter) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(m.lay,
		func() fyne.Size { return fyne.NewSize(24, m.height) },
		func() {
			m.track.FillColor, m.fill.FillColor = theme.Color(theme.Track), theme.Color(m.color)
			m.lay(m.Size())
		},
		m.track, m.fill)
}

// Share is a part of a SharesBar.
type Share struct {
	Fraction float64 // of the whole bar
	Color    fyne.ThemeColorName
}

// SharesBar is a bar cut into shares: a traffic split, the phases of a request.
type SharesBar struct {
	widget.BaseWidget
	height float32
	shares []Share
	track  *canvas.Rectangle
	parts  []*canvas.Rectangle
	r      *renderer
}

// NewSharesBar makes an empty bar.
func NewSharesBar(height float32) *SharesBar {
	b := &SharesBar{height: height, track: canvas.NewRectangle(none)}
	b.track.CornerRadius = height / 2
	b.ExtendBaseWidget(b)
	return b
}

// Set shows the shares from the left. A share above zero is at least a pixel wide.
func (b *SharesBar) Set(shares []Share) {
	b.shares = append(b.shares[:0], shares...)
	b.Refresh()
}

func (b *SharesBar) lay(s fyne.Size) {
	y := (s.Height - b.height) / 2
	place(b.track, 0, y, s.Width, b.height)
	x := float32(0)
	for i, p := range b.parts {
		w := s.Width * float32(math.Max(0, b.shares[i].Fraction))
		if b.shares[i].Fraction > 0 {
			w = max(w, 1)
		}
		w = min(w, s.Width-x)
		place(p, x, y, w, b.height)
		x += w
	}
}

func (b *SharesBar) update() {
	b.track.FillColor = theme.Color(theme.Track)
	for len(b.parts) < len(b.shares) {
		b.parts = append(b.parts, canvas.NewRectangle(none))
	}
	b.parts = b.parts[:len(b.shares)]
	objects := []fyne.CanvasObject{b.track}
	for i, p := range b.parts {
		p.FillColor = theme.Color(b.shares[i].Color)
		// Only the outer ends are round, or gaps show between the shares.
		first, last := i == 0, i == len(b.parts)-1
		p.TopLeftCornerRadius, p.BottomLeftCornerRadius = round(first, b.height), round(first, b.height)
		p.TopRightCornerRadius, p.BottomRightCornerRadius = round(last, b.height), round(last, b.height)
		objects = append(objects, p)
	}
	if b.r != nil {
		b.r.objects = objects
	}
	b.lay(b.Size())
}

func round(on bool, height float32) float32 {
	if on {
		return height / 2
	}
	return 0
}

// CreateRenderer is for Fyne.
func (b *SharesBar) CreateRenderer() fyne.WidgetRenderer {
	b.r = newRenderer(b.lay, func() fyne.Size { return fyne.NewSize(40, b.height) }, b.update, b.track)
	b.update()
	return b.r
}
