package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
)

// Chip is a short text on a grey ground: a tag, a version, an alias. It takes no clicks:
// in a table they belong to the row.
type Chip struct {
	widget.BaseWidget
	text  string
	back  *canvas.Rectangle
	label *canvas.Text
}

// NewChip makes a chip.
func NewChip(text string) *Chip {
	c := &Chip{text: text, back: canvas.NewRectangle(none), label: canvas.NewText(text, none)}
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

func (c *Chip) width() float32 { return 16 + textWidth(c.text, c.label) }

func (c *Chip) lay(s fyne.Size) {
	w, h := min(c.width(), s.Width), float32(22)
	y := (s.Height - h) / 2
	place(c.back, 0, y, w, h)
	place(c.label, 8, y, max(0, w-16), h)
	c.label.Text = ellipsis(c.text, max(1, w-16), c.label)
}

// CreateRenderer is for Fyne.
func (c *Chip) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(c.lay,
		func() fyne.Size { return fyne.NewSize(c.width(), 22) },
		func() {
			c.back.FillColor = theme.Color(theme.Chip)
			TextStyle{Color: theme.ChipText, Size: theme.TextSmall}.set(c.label)
			c.label.Text = c.text
			if c.Size().Width > 0 {
				c.lay(c.Size())
			}
		},
		c.back, c.label)
}

// RemovableChip is a chip with a cross; a click, Enter or Delete removes it.
type RemovableChip struct {
	control
	removed func()
	chip    *Chip
	cross   *Icon
	frame   *canvas.Rectangle
}

// NewRemovableChip makes a chip that tells when it is to go.
func NewRemovableChip(text string, removed func()) *RemovableChip {
	r := &RemovableChip{removed: removed, chip: NewChip(text), cross: NewIcon(resources.IconClose, theme.ChipText, 12), frame: canvas.NewRectangle(none)}
	r.frame.CornerRadius = theme.Size(theme.Radius)
	r.ExtendBaseWidget(r)
	return r
}

// Text is the chip's text.
func (r *RemovableChip) Text() string { return r.chip.text }

// Tapped is for Fyne.
func (r *RemovableChip) Tapped(*fyne.PointEvent) {
	if !r.disabled {
		r.removed()
	}
}

// TypedKey is for Fyne.
func (r *RemovableChip) TypedKey(e *fyne.KeyEvent) {
	if isPress(e.Name) || e.Name == fyne.KeyDelete || e.Name == fyne.KeyBackspace {
		r.Tapped(nil)
	}
}

// CreateRenderer is for Fyne.
func (r *RemovableChip) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) {
			place(r.frame, 0, 0, s.Width, s.Height)
			place(r.chip, 0, 0, s.Width-16, s.Height)
			place(r.cross, s.Width-19, 0, 12, s.Height)
		},
		func() fyne.Size { return fyne.NewSize(r.chip.width()+16, 22) },
		func() {
			r.frame.FillColor = theme.Color(theme.Chip)
			ring(r.frame, r.ringed(), "")
			tone := theme.ChipText
			if r.hovered {
				tone = theme.Text
			}
			r.cross.Set(resources.IconClose, tone)
		},
		r.frame, r.chip, r.cross)
}
