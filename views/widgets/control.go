package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// control is the part of a widget that pointer and keyboard act on: hover, press, focus
// and the disabled state. A widget that embeds it looks at the flags in its refresh.
type control struct {
	widget.BaseWidget
	hovered, pressed, focused, byPointer, disabled bool
}

// MouseIn is for Fyne.
func (c *control) MouseIn(*desktop.MouseEvent) { c.hovered = true; c.Refresh() }

// MouseMoved is for Fyne.
func (c *control) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is for Fyne.
func (c *control) MouseOut() { c.hovered, c.pressed = false, false; c.Refresh() }

// MouseDown is for Fyne.
func (c *control) MouseDown(*desktop.MouseEvent) { c.pressed, c.byPointer = true, true; c.Refresh() }

// MouseUp is for Fyne.
func (c *control) MouseUp(*desktop.MouseEvent) { c.pressed = false; c.Refresh() }

// FocusGained is for Fyne.
func (c *control) FocusGained() { c.focused = true; c.Refresh() }

// FocusLost is for Fyne.
func (c *control) FocusLost() { c.focused, c.byPointer = false, false; c.Refresh() }

// TypedRune is for Fyne.
func (c *control) TypedRune(r rune) { PassRune(r) }

// PassRune gives a character to the window: Fyne sends it to the focused object only, and
// what takes no text must not keep "/" from the page.
func PassRune(r rune) {
	for _, w := range fyne.CurrentApp().Driver().AllWindows() {
		if typed := w.Canvas().OnTypedRune(); typed != nil && w.Canvas().Focused() != nil {
			typed(r)
			return
		}
	}
}

// Cursor is for Fyne.
func (c *control) Cursor() desktop.Cursor {
	if c.disabled {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// Disable greys the widget out.
func (c *control) Disable() {
	if !c.disabled {
		c.disabled = true
		c.Refresh()
	}
}

// Enable undoes Disable.
func (c *control) Enable() {
	if c.disabled {
		c.disabled = false
		c.Refresh()
	}
}

// Disabled tells whether the widget is greyed out.
func (c *control) Disabled() bool { return c.disabled }

// ringed tells whether to draw the focus ring: focus that came by the keyboard.
func (c *control) ringed() bool { return c.focused && !c.byPointer && !c.disabled }

// isPress tells whether a key stands for a click.
func isPress(k fyne.KeyName) bool {
	return k == fyne.KeyReturn || k == fyne.KeyEnter || k == fyne.KeySpace
}

// ring draws the focus ring of two pixels on a rectangle, or its plain border.
func ring(r *canvas.Rectangle, on bool, border fyne.ThemeColorName) {
	switch {
	case on:
		r.StrokeColor, r.StrokeWidth = theme.Color(theme.Primary), 2
	case border == "":
		r.StrokeColor, r.StrokeWidth = none, 0
	default:
		r.StrokeColor, r.StrokeWidth = theme.Color(border), 1
	}
}

// escape closes the topmost dialog over the canvas of o; where there is none Escape is the
// page's, as if nothing had the focus.
func escape(o fyne.CanvasObject) {
	c := fyne.CurrentApp().Driver().CanvasForObject(o)
	if c == nil || CloseTop(c) {
		return
	}
	if typed := c.OnTypedKey(); typed != nil {
		typed(&fyne.KeyEvent{Name: fyne.KeyEscape})
	}
}
