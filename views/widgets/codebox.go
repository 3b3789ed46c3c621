package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// CodeBox shows text in the monospace font that can be selected and copied.
type CodeBox struct {
	widget.BaseWidget
	label  *widget.Label
	scroll *container.Scroll
	back   *canvas.Rectangle
	copy   *Button
	rows   int
}

// NewCodeBox makes a box; with copy nil it has no copy button.
func NewCodeBox(text string, copy func(string)) *CodeBox {
	c := &CodeBox{label: widget.NewLabel(text), back: canvas.NewRectangle(none), rows: 1}
	c.label.Selectable = true
	c.label.SizeName = theme.TextMono
	c.label.TextStyle = fyne.TextStyle{Monospace: true}
	c.scroll = container.NewScroll(c.label)
	c.back.CornerRadius = theme.Size(theme.Radius) + 2
	if copy != nil {
		c.copy = newLabelledCopyButton(c.Text, copy)
	}
	c.ExtendBaseWidget(c)
	return c
}

// SetText changes the text.
func (c *CodeBox) SetText(s string) {
	if s == c.label.Text {
		return
	}
	c.label.SetText(s)
	c.scroll.ScrollToTop()
	c.Refresh()
}

// Text is the whole text.
func (c *CodeBox) Text() string { return c.label.Text }

// SetMinRows makes the box at least that many lines high.
func (c *CodeBox) SetMinRows(n int) {
	c.rows = n
	c.Refresh()
}

// Wrap breaks long lines instead of scrolling sideways.
func (c *CodeBox) Wrap() *CodeBox {
	c.label.Wrapping = fyne.TextWrapBreak
	c.scroll.Direction = container.ScrollVerticalOnly
	c.label.Refresh()
	return c
}

// WrapWords is Wrap that breaks at spaces where it can, for text whose numbers and words
// must stay whole.
func (c *CodeBox) WrapWords() *CodeBox {
	c.Wrap()
	c.label.Wrapping = fyne.TextWrapWord
	c.label.Refresh()
	return c
}

const codePadding = 4 // around the label, which brings 8 of its own

func (c *CodeBox) lay(s fyne.Size) {
	place(c.back, 0, 0, s.Width, s.Height)
	place(c.scroll, codePadding, codePadding, max(0, s.Width-2*codePadding), max(0, s.Height-2*codePadding))
	if c.copy != nil {
		m := c.copy.MinSize()
		place(c.copy, s.Width-m.Width-8, 8, m.Width, m.Height)
	}
}

// CreateRenderer is for Fyne.
func (c *CodeBox) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{c.back, c.scroll}
	if c.copy != nil {
		objects = append(objects, c.copy)
	}
	return newRenderer(c.lay,
		func() fyne.Size {
			line := theme.Size(theme.TextMono) * 1.6
			h := max(float32(c.rows)*line+24, min(c.label.MinSize().Height+2*codePadding, 420))
			return fyne.NewSize(120, h)
		},
		func() {
			c.back.FillColor = theme.Color(theme.CodeBackground)
			c.back.StrokeColor, c.back.StrokeWidth = theme.Color(theme.Border), 1
		},
		objects...)
}
