package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"servery/resources"
	"servery/theme"
)

// Chip is a short text on a grey ground: a tag, a version, an alias.
type Chip struct {
	control
	text    string
	removed func()
	back    *canvas.Rectangle
	label   *canvas.Text
	cross   *Icon
}

// NewChip makes a chip.
func NewChip(text string) *Chip { return NewRemovableChip(text, nil) }

// NewRemovableChip makes a chip with a cross; a click, Enter or Delete removes it.
func NewRemovableChip(text string, removed func()) *Chip {
	c := &Chip{text: text, removed: removed, back: canvas.NewRectangle(none), label: canvas.NewText(text, none), cross: NewIcon(nil, theme.ChipText, 12)}
	c.disabled = removed == nil
	c.back.CornerRadius = theme.Size(theme.Radius)
	TextStyle{Size: theme.TextSmall}.set(c.label)
	c.ExtendBaseWidget(c)
	return c
}

// SetText changes the text.
func (c *Chip) SetText(s string) {
	if c.text != s {
		c.text = s
		c.Refresh()
	}
}

// Text is the chip's text.
func (c *Chip) Text() string { return c.text }

// Tapped is for Fyne.
func (c *Chip) Tapped(*fyne.PointEvent) {
	if c.removed != nil {
		c.removed()
	}
}

// TypedKey is for Fyne.
func (c *Chip) TypedKey(e *fyne.KeyEvent) {
	if isPress(e.Name) || e.Name == fyne.KeyDelete || e.Name == fyne.KeyBackspace {
		c.Tapped(nil)
	}
}

func (c *Chip) width() float32 {
	w := 16 + textWidth(c.text, c.label)
	if c.removed != nil {
		w += 16
	}
	return w
}

func (c *Chip) lay(s fyne.Size) {
	w, h := min(c.width(), s.Width), float32(22)
	y := (s.Height - h) / 2
	place(c.back, 0, y, w, h)
	room := w - 16
	if c.removed != nil {
		room -= 16
		place(c.cross, w-19, y, 12, h)
	}
	place(c.label, 8, y, max(0, room), h)
	c.label.Text = ellipsis(c.text, max(1, room), c.label)
}

// CreateRenderer is for Fyne.
func (c *Chip) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(c.lay,
		func() fyne.Size { return fyne.NewSize(c.width(), 22) },
		func() {
			c.back.FillColor = theme.Color(theme.Chip)
			ring(c.back, c.ringed(), "")
			TextStyle{Color: theme.ChipText, Size: theme.TextSmall}.set(c.label)
			c.cross.Hidden = c.removed == nil
			if c.removed != nil {
				tone := theme.ChipText
				if c.hovered {
					tone = theme.Text
				}
				c.cross.Set(resources.IconClose, tone)
			}
			c.label.Text = c.text
			if c.Size().Width > 0 {
				c.lay(c.Size())
			}
		},
		c.back, c.label, c.cross)
}
