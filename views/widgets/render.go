// Package widgets holds the product's controls: small, each with its own file, coloured
// by names of package theme so that they follow the light/dark toggle. A widget knows no
// page and no engine; it is used on the UI goroutine only and starts none.
package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// none is no colour: Fyne's painters do not take nil.
var none = color.Transparent

// renderer is the renderer of every widget here: functions over a fixed set of objects.
// refresh must set every colour again, for a theme change arrives as a Refresh.
type renderer struct {
	objects []fyne.CanvasObject
	layout  func(fyne.Size)
	min     func() fyne.Size
	refresh func()
}

func newRenderer(layout func(fyne.Size), min func() fyne.Size, refresh func(), objects ...fyne.CanvasObject) *renderer {
	refresh()
	return &renderer{objects: objects, layout: layout, min: min, refresh: refresh}
}

func (r *renderer) Layout(s fyne.Size)           { r.layout(s) }
func (r *renderer) MinSize() fyne.Size           { return r.min() }
func (r *renderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *renderer) Destroy()                     {}

func (r *renderer) Refresh() {
	r.refresh()
	for _, o := range r.objects {
		canvas.Refresh(o)
	}
}

// place moves and resizes in one go.
func place(o fyne.CanvasObject, x, y, w, h float32) {
	o.Move(fyne.NewPos(x, y))
	o.Resize(fyne.NewSize(w, h))
}
