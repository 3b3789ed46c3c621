package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
)

// newCopyButton copies a text and says so until pointer or focus leaves it: a clock would
// need a goroutine and repaint the window for nothing.
func newCopyButton(text func() string, copy func(string)) *Button {
	b := IconButton(resources.IconCopy, "Copy", nil)
	b.height = 24
	b.OnTapped = func() {
		copy(text())
		b.icon, b.text = resources.IconCheck, "Copied"
		b.Refresh()
	}
	b.left = func() { b.icon, b.text = resources.IconCopy, "Copy" }
	return b
}

// newLabelledCopyButton is the same with its word shown.
func newLabelledCopyButton(text func() string, copy func(string)) *Button {
	b := SecondaryButton("Copy", nil).Small().WithIcon(resources.IconCopy)
	b.OnTapped = func() {
		copy(text())
		b.icon, b.text = resources.IconCheck, "Copied"
		b.Refresh()
	}
	b.left = func() { b.icon, b.text = resources.IconCopy, "Copy" }
	return b
}

// CopyButton copies what text gives when it is pressed, and says so.
func CopyButton(text func() string, copy func(string)) *Button {
	return newLabelledCopyButton(text, copy)
}

// CopyText is a line in the monospace font with a copy button.
type CopyText struct {
	widget.BaseWidget
	text *Text
	row  *fyne.Container
}

// NewCopyText makes the line; copy gets the text when the button is pressed.
func NewCopyText(text string, copy func(string)) *CopyText {
	c := &CopyText{text: Mono(text)}
	c.row = HStack(2, c.text, newCopyButton(c.text.Text, copy))
	c.ExtendBaseWidget(c)
	return c
}

// SetText changes the text.
func (c *CopyText) SetText(s string) {
	if s == c.text.Text() {
		return
	}
	c.text.SetText(s)
	c.row.Refresh()
}

// Text is the text.
func (c *CopyText) Text() string { return c.text.Text() }

// CreateRenderer is for Fyne.
func (c *CopyText) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(c.row) }
