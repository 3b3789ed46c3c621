package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/theme"
)

// NewEmptyState tells why a place is empty and what to do about it.
func NewEmptyState(icon fyne.Resource, title, text string, actions ...fyne.CanvasObject) fyne.CanvasObject {
	body := container.New(middle{8},
		NewIcon(icon, theme.Primary, 40),
		Spacer(1, 4),
		Heading(title),
	)
	if text != "" {
		body.Add(Muted(text))
	}
	if len(actions) > 0 {
		body.Add(Spacer(1, 4))
		body.Add(HStack(8, actions...))
	}
	return Centered(body)
}

// middle puts objects under each other, each in the middle.
type middle struct{ gap float32 }

func (m middle) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	y := float32(0)
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		s := o.MinSize()
		place(o, (size.Width-s.Width)/2, y, s.Width, s.Height)
		y += s.Height + m.gap
	}
}

func (m middle) MinSize(objects []fyne.CanvasObject) fyne.Size { return vstack(m).MinSize(objects) }
