package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"servery/resources"
	"servery/theme"
)

// Picker looks like a Select and opens what the page says: a dialog to choose in.
type Picker struct {
	control
	OnTapped    func()
	Placeholder string // shown while nothing is chosen

	text  string
	back  *canvas.Rectangle
	label *canvas.Text
	arrow *Icon
}

// NewPicker makes a picker with nothing chosen.
func NewPicker(placeholder string, tapped func()) *Picker {
	p := &Picker{OnTapped: tapped, Placeholder: placeholder, back: canvas.NewRectangle(none), label: canvas.NewText("", none),
		arrow: NewIcon(resources.IconChevronDown, theme.TextSecondary, 16)}
	p.back.CornerRadius = theme.Size(theme.Radius)
	p.ExtendBaseWidget(p)
	return p
}

// SetText shows what is chosen, "" for nothing.
func (p *Picker) SetText(s string) {
	if p.text != s {
		p.text = s
		p.Refresh()
	}
}

// Text is what is shown.
func (p *Picker) Text() string {
	if p.text == "" {
		return p.Placeholder
	}
	return p.text
}

// Tapped is for Fyne.
func (p *Picker) Tapped(*fyne.PointEvent) {
	if !p.disabled && p.OnTapped != nil {
		p.OnTapped()
	}
}

// TypedKey is for Fyne.
func (p *Picker) TypedKey(e *fyne.KeyEvent) {
	switch {
	case isPress(e.Name) || e.Name == fyne.KeyDown:
		p.Tapped(nil)
	case e.Name == fyne.KeyEscape:
		escape(p)
	}
}

func (p *Picker) lay(s fyne.Size) {
	place(p.back, 0, 0, s.Width, s.Height)
	room := max(0, s.Width-9-30)
	place(p.label, 9, 0, room, s.Height)
	p.label.Text = ellipsis(p.Text(), max(1, room), p.label)
	place(p.arrow, s.Width-26, 0, 16, s.Height)
}

// CreateRenderer is for Fyne.
func (p *Picker) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(p.lay,
		func() fyne.Size { return fyne.NewSize(120, theme.Size(theme.ControlHeight)) },
		func() {
			ink := theme.Text
			switch {
			case p.disabled:
				ink = theme.TextDisabled
			case p.text == "":
				ink = theme.TextSecondary
			}
			TextStyle{Color: ink}.set(p.label)
			p.back.FillColor = theme.Color(theme.Card)
			if p.hovered && !p.disabled {
				p.back.FillColor = theme.Color(theme.HoverWash)
			}
			ring(p.back, p.ringed(), theme.InputBorder)
			p.lay(p.Size())
		},
		p.back, p.label, p.arrow)
}
