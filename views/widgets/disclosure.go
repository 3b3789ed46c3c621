package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"servery/resources"
	"servery/theme"
)

// Disclosure is a line with an arrow that shows and hides what stands under it.
type Disclosure struct {
	control
	open    bool
	changed func(open bool)
	text    string
	label   *canvas.Text
	arrow   *Icon
	frame   *canvas.Rectangle
}

// NewDisclosure makes a closed one; changed hears of clicks by a person.
func NewDisclosure(text string, changed func(open bool)) *Disclosure {
	d := &Disclosure{text: text, changed: changed, label: canvas.NewText(text, none),
		arrow: NewIcon(resources.IconChevronRight, theme.Link, 14), frame: canvas.NewRectangle(none)}
	d.frame.CornerRadius = theme.Size(theme.Radius)
	d.ExtendBaseWidget(d)
	return d
}

// Text is the line.
func (d *Disclosure) Text() string { return d.text }

// SetText changes the line.
func (d *Disclosure) SetText(s string) {
	if d.text != s {
		d.text = s
		d.Refresh()
	}
}

// Open tells whether what stands under it is shown.
func (d *Disclosure) Open() bool { return d.open }

// SetOpen opens or closes without telling changed.
func (d *Disclosure) SetOpen(open bool) {
	if d.open != open {
		d.open = open
		d.Refresh()
	}
}

// Tapped is for Fyne.
func (d *Disclosure) Tapped(*fyne.PointEvent) {
	if d.disabled {
		return
	}
	d.SetOpen(!d.open)
	if d.changed != nil {
		d.changed(d.open)
	}
}

// TypedKey is for Fyne.
func (d *Disclosure) TypedKey(e *fyne.KeyEvent) {
	switch {
	case isPress(e.Name), e.Name == fyne.KeyRight && !d.open, e.Name == fyne.KeyLeft && d.open:
		d.Tapped(nil)
	case e.Name == fyne.KeyEscape:
		escape(d)
	}
}

// CreateRenderer is for Fyne.
func (d *Disclosure) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) {
			place(d.arrow, 0, 0, 14, s.Height)
			w := textWidth(d.text, d.label)
			place(d.label, 19, 0, w, s.Height)
			place(d.frame, -4, -2, 19+w+8, s.Height+4)
		},
		func() fyne.Size { return fyne.NewSize(19+textWidth(d.text, d.label), 20) },
		func() {
			icon := resources.IconChevronRight
			if d.open {
				icon = resources.IconChevronDown
			}
			ink := theme.Link
			if d.hovered {
				ink = theme.SelectedText
			}
			d.arrow.Set(icon, ink)
			TextStyle{Color: ink}.set(d.label)
			d.label.Text = d.text
			ring(d.frame, d.ringed(), "")
		},
		d.frame, d.arrow, d.label)
}
