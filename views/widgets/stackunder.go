package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// StackUnder is Columns that stand under each other where the container is narrower than
// width. Its height follows its width, so it belongs into the containers of this package.
func StackUnder(width, gap float32, weights []float32, o ...fyne.CanvasObject) *fyne.Container {
	return container.New(&stackUnder{under: width, wide: columns{gap, weights}, narrow: vstack{gap}}, o...)
}

// SpreadUnder is Spread whose parts stand under each other where the container is narrower
// than width.
func SpreadUnder(width float32, left, right fyne.CanvasObject) *fyne.Container {
	return container.New(&stackUnder{under: width, wide: spread{}, narrow: vstack{10}}, left, right)
}

type stackUnder struct {
	under  float32
	wide   fyne.Layout
	narrow vstack
	width  float32 // of the last layout; 0 before the first
}

func (s *stackUnder) now() fyne.Layout {
	if s.width > 0 && s.width < s.under {
		return s.narrow
	}
	return s.wide
}

func (s *stackUnder) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	s.width = size.Width
	s.now().Layout(objects, size)
}

func (s *stackUnder) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(s.narrow.MinSize(objects).Width, s.now().MinSize(objects).Height)
}
