package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
)

// Icon is one of the product's icons in a theme colour.
type Icon struct {
	widget.BaseWidget
	icon  fyne.Resource
	color fyne.ThemeColorName
	size  float32
	image *canvas.Image
}

// NewIcon makes an icon of a size in units of the canvas.
func NewIcon(r fyne.Resource, c fyne.ThemeColorName, size float32) *Icon {
	i := &Icon{icon: r, color: c, size: size, image: &canvas.Image{FillMode: canvas.ImageFillContain}}
	i.ExtendBaseWidget(i)
	return i
}

// Set changes shape and colour.
func (i *Icon) Set(r fyne.Resource, c fyne.ThemeColorName) {
	if r == i.icon && c == i.color {
		return
	}
	i.icon, i.color = r, c
	i.Refresh()
}

// CreateRenderer is for Fyne.
func (i *Icon) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) { place(i.image, (s.Width-i.size)/2, (s.Height-i.size)/2, i.size, i.size) },
		func() fyne.Size { return fyne.NewSize(i.size, i.size) },
		func() {
			if i.icon == nil {
				i.image.Resource = nil
				return
			}
			tinted := resources.Tint(i.icon, theme.Color(i.color))
			if i.image.Resource == nil || i.image.Resource.Name() != tinted.Name() {
				i.image.Resource = tinted
				i.image.Refresh()
			}
		},
		i.image,
	)
}

// Dot is a small filled circle.
type Dot struct {
	widget.BaseWidget
	color  fyne.ThemeColorName
	circle *canvas.Circle
}

// NewDot makes a dot of 8 px.
func NewDot(c fyne.ThemeColorName) *Dot {
	d := &Dot{color: c, circle: canvas.NewCircle(none)}
	d.ExtendBaseWidget(d)
	return d
}

// SetColor changes the colour.
func (d *Dot) SetColor(c fyne.ThemeColorName) {
	if d.color != c {
		d.color = c
		d.Refresh()
	}
}

// CreateRenderer is for Fyne.
func (d *Dot) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) { place(d.circle, (s.Width-8)/2, (s.Height-8)/2, 8, 8) },
		func() fyne.Size { return fyne.NewSize(8, 8) },
		func() { d.circle.FillColor = theme.Color(d.color) },
		d.circle,
	)
}
