package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"servery/theme"
)

// framed draws the border of Fyne's entry on its ground. Fyne draws it on a transparent
// rectangle half a pixel off, which the GL painter blends to a thick grey line.
type framed struct {
	fyne.WidgetRenderer
	box, border *canvas.Rectangle
}

func newFramed(inner fyne.WidgetRenderer) fyne.WidgetRenderer {
	o := inner.Objects()
	if len(o) < 2 {
		return inner
	}
	box, ok := o[0].(*canvas.Rectangle)
	border, ok2 := o[1].(*canvas.Rectangle)
	if !ok || !ok2 {
		return inner
	}
	f := &framed{inner, box, border}
	f.frame()
	return f
}

// Layout is for Fyne.
func (f *framed) Layout(s fyne.Size) {
	f.WidgetRenderer.Layout(s)
	place(f.box, 0, 0, s.Width, s.Height)
	f.frame()
}

// Refresh is for Fyne.
func (f *framed) Refresh() {
	f.WidgetRenderer.Refresh()
	f.frame()
	canvas.Refresh(f.box)
}

func (f *framed) frame() {
	f.border.Hidden = true
	f.box.StrokeColor, f.box.StrokeWidth = f.border.StrokeColor, 1
	if f.border.StrokeColor == theme.Color(theme.Primary) { // what Fyne sets with the focus
		f.box.StrokeWidth = 2
	}
}

// CreateRenderer is for Fyne.
func (e *Entry) CreateRenderer() fyne.WidgetRenderer { return newFramed(e.Entry.CreateRenderer()) }

// CreateRenderer is for Fyne.
func (e *CodeEditor) CreateRenderer() fyne.WidgetRenderer { return newFramed(e.Entry.CreateRenderer()) }

// CreateRenderer is for Fyne.
func (s *searchLine) CreateRenderer() fyne.WidgetRenderer { return newFramed(s.Entry.CreateRenderer()) }
