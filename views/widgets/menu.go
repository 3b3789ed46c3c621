package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// ShowMenu opens a menu under an object, moved left where the window ends.
func ShowMenu(under fyne.CanvasObject, m *fyne.Menu) {
	d := fyne.CurrentApp().Driver()
	c := d.CanvasForObject(under)
	if c == nil || m == nil || len(m.Items) == 0 {
		return
	}
	p := d.AbsolutePositionForObject(under)
	showMenuAt(c, m, p.AddXY(0, under.Size().Height+2), under.Size().Width)
}

func showMenuAt(c fyne.Canvas, m *fyne.Menu, at fyne.Position, atLeast float32) {
	pop := widget.NewPopUpMenu(m, c)
	size := pop.MinSize()
	size.Width = max(size.Width, atLeast)
	if over := at.X + size.Width + 8 - c.Size().Width; over > 0 {
		at.X -= over
	}
	pop.ShowAtPosition(fyne.NewPos(max(0, at.X), at.Y))
	pop.Resize(size)
}
