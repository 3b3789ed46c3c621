package config

import "fyne.io/fyne/v2"

// stacked puts objects under each other; the one at the index gets the height that the
// others leave, but no more than it wants.
type stacked struct {
	flexible int
	wants    func() float32 // nil: all
}

const stackGap = 12

func (f stacked) Layout(o []fyne.CanvasObject, s fyne.Size) {
	heights, left := make([]float32, len(o)), s.Height+stackGap
	for i, c := range o {
		if !c.Visible() {
			continue
		}
		left -= stackGap
		if i != f.flexible {
			c.Resize(fyne.NewSize(s.Width, c.MinSize().Height))
			heights[i] = c.MinSize().Height
			left -= heights[i]
		}
	}
	heights[f.flexible] = max(0, left)
	if f.wants != nil {
		heights[f.flexible] = min(heights[f.flexible], f.wants())
	}
	y := float32(0)
	for i, c := range o {
		if c.Visible() {
			c.Resize(fyne.NewSize(s.Width, heights[i]))
			c.Move(fyne.NewPos(0, y))
			y += heights[i] + stackGap
		}
	}
}

func (f stacked) MinSize(o []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for _, c := range o {
		if c.Visible() {
			m := c.MinSize()
			s.Width, s.Height = max(s.Width, m.Width), s.Height+m.Height+stackGap
		}
	}
	return s
}
