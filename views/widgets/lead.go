package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// Lead puts a line of text before objects that keep their width. Where there is no room
// for all of it the text ends in an ellipsis, so that a long name widens no page.
func Lead(gap float32, text *Text, rest ...fyne.CanvasObject) *fyne.Container {
	return container.New(lead{gap}, append([]fyne.CanvasObject{text.Truncate()}, rest...)...)
}

type lead struct{ gap float32 }

func (l lead) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	left := size.Width
	for _, o := range objects[1:] {
		if o.Visible() {
			left -= o.MinSize().Width + l.gap
		}
	}
	text := objects[0].(*Text)
	m := text.MinSize()
	w := max(min(text.wide(), left), 0)
	place(text, 0, (size.Height-m.Height)/2, w, m.Height)
	x := w + l.gap
	for _, o := range objects[1:] {
		if o.Visible() {
			m := o.MinSize()
			place(o, x, (size.Height-m.Height)/2, m.Width, m.Height)
			x += m.Width + l.gap
		}
	}
}

func (l lead) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return hstack(l).MinSize(objects)
}
