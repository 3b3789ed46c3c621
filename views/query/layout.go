package query

import (
	"cmp"

	"fyne.io/fyne/v2"
)

// leastPanes has room for a picture over some lines of a request, and for ten scores over
// some lines of an answer; a window that is lower scrolls.
const leastPanes = 490

// stretch puts objects under each other; the one at an index takes the height that the
// others leave, whatever it asks for, but never less than a least height.
type stretch struct {
	gap   float32
	at    int
	least float32 // 0 is 60
}

func (l stretch) floor() float32 { return cmp.Or(l.least, 60) }

func (l stretch) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	heights := make([]float32, len(objects))
	left := size.Height
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		if i != l.at {
			o.Resize(fyne.NewSize(size.Width, o.MinSize().Height))
			heights[i] = o.MinSize().Height // wrapped text knows its height by its width
		}
		left -= heights[i] + l.gap
	}
	y := float32(0)
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		if i == l.at {
			heights[i] = max(l.floor(), left+l.gap)
		}
		o.Move(fyne.NewPos(0, y))
		o.Resize(fyne.NewSize(size.Width, heights[i]))
		y += heights[i] + l.gap
	}
}

func (l stretch) MinSize(objects []fyne.CanvasObject) fyne.Size {
	s := fyne.NewSize(0, -l.gap)
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		if i == l.at {
			m.Height = l.floor()
		}
		s.Width = max(s.Width, m.Width)
		s.Height += m.Height + l.gap
	}
	return s
}

// halves puts two objects beside each other, as high as their place.
type halves struct{ gap float32 }

func (l halves) Layout(o []fyne.CanvasObject, size fyne.Size) {
	w := (size.Width - l.gap) / 2
	for i, x := range o {
		x.Move(fyne.NewPos(float32(i)*(w+l.gap), 0))
		x.Resize(fyne.NewSize(w, size.Height))
	}
}

func (l halves) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(640, leastPanes) }
