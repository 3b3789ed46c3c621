package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// Panel is a bordered box with round corners around a content.
type Panel struct {
	widget.BaseWidget
	content fyne.CanvasObject
	padding float32
	border  fyne.ThemeColorName
	fill    fyne.ThemeColorName
	back    *canvas.Rectangle
	r       *renderer
}

// NewPanel makes a panel with 16 px of padding.
func NewPanel(content fyne.CanvasObject) *Panel {
	p := &Panel{content: content, padding: 16, border: theme.Border, fill: theme.Card, back: canvas.NewRectangle(none)}
	p.back.CornerRadius = theme.Size(theme.CardRadius)
	p.ExtendBaseWidget(p)
	return p
}

// NewTitledPanel is a panel with a heading and, at the right, an action or nil.
func NewTitledPanel(title string, trailing, content fyne.CanvasObject) *Panel {
	head := fyne.CanvasObject(Heading(title))
	if trailing != nil {
		head = Spread(head, trailing)
	}
	return NewPanel(VStack(10, head, content))
}

// NewSectionPanel is a panel whose header is parted from its content by a line.
func NewSectionPanel(header, content fyne.CanvasObject) *Panel {
	p := NewPanel(VStack(0, Inset(header, 10, 16, 10, 16), Divider(), Inset(content, 14, 16, 16, 16)))
	p.padding = 0
	return p
}

// SetBorder changes the colour of the border; "" takes it away.
func (p *Panel) SetBorder(c fyne.ThemeColorName) { p.border = c; p.Refresh() }

// SetFill changes the ground.
func (p *Panel) SetFill(c fyne.ThemeColorName) { p.fill = c; p.Refresh() }

// SetPadding changes the room around the content.
func (p *Panel) SetPadding(v float32) { p.padding = v; p.Refresh() }

// SetContent puts another content in.
func (p *Panel) SetContent(o fyne.CanvasObject) {
	p.content = o
	if p.r != nil {
		p.r.objects = []fyne.CanvasObject{p.back, o}
	}
	p.Refresh()
}

func (p *Panel) lay(s fyne.Size) {
	place(p.back, 0, 0, s.Width, s.Height)
	place(p.content, p.padding, p.padding, max(0, s.Width-2*p.padding), max(0, s.Height-2*p.padding))
}

// CreateRenderer is for Fyne.
func (p *Panel) CreateRenderer() fyne.WidgetRenderer {
	p.r = newRenderer(p.lay,
		func() fyne.Size { return p.content.MinSize().AddWidthHeight(2*p.padding, 2*p.padding) },
		func() {
			p.back.FillColor = none
			if p.fill != "" {
				p.back.FillColor = theme.Color(p.fill)
			}
			p.back.StrokeWidth, p.back.StrokeColor = 0, none
			if p.border != "" {
				p.back.StrokeWidth, p.back.StrokeColor = 1, theme.Color(p.border)
			}
			if p.Size().Width > 0 {
				p.lay(p.Size())
			}
		},
		p.back, p.content)
	return p.r
}

// Divider is a line of one pixel across.
func Divider() fyne.CanvasObject {
	d := &rule{line: canvas.NewRectangle(none)}
	d.ExtendBaseWidget(d)
	return d
}

type rule struct {
	widget.BaseWidget
	line *canvas.Rectangle
}

// CreateRenderer is for Fyne.
func (d *rule) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) { place(d.line, 0, 0, s.Width, s.Height) },
		func() fyne.Size { return fyne.NewSize(1, 1) },
		func() { d.line.FillColor = theme.Color(theme.Border) },
		d.line)
}

// Spacer is empty room.
func Spacer(w, h float32) fyne.CanvasObject {
	r := canvas.NewRectangle(none)
	r.SetMinSize(fyne.NewSize(w, h))
	return r
}

// Fill is a plain ground of a theme colour, for the back of a container.
func Fill(c fyne.ThemeColorName) fyne.CanvasObject {
	g := &ground{color: c, back: canvas.NewRectangle(none)}
	g.ExtendBaseWidget(g)
	return g
}

// RoundFill is a ground with round corners.
func RoundFill(c fyne.ThemeColorName, radius float32) fyne.CanvasObject {
	g := &ground{color: c, back: canvas.NewRectangle(none)}
	g.back.CornerRadius = radius
	g.ExtendBaseWidget(g)
	return g
}

type ground struct {
	widget.BaseWidget
	color fyne.ThemeColorName
	back  *canvas.Rectangle
}

// CreateRenderer is for Fyne.
func (g *ground) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) { place(g.back, 0, 0, s.Width, s.Height) },
		func() fyne.Size { return fyne.NewSize(0, 0) },
		func() { g.back.FillColor = theme.Color(g.color) },
		g.back)
}

// NewSkeleton stands for rows that are being read: still, so that it costs no frames.
func NewSkeleton(rows int) fyne.CanvasObject {
	c := VStack(12)
	for i := range rows {
		bar := MaxWidth(Fixed(RoundFill(theme.Skeleton, 4), 0, 16), 520-float32(i%3)*90)
		c.Add(bar)
	}
	return c
}
