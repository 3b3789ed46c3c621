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
		body.Add(MutedParagraph(text).Center())
	}
	if len(actions) > 0 {
		body.Add(Spacer(1, 4))
		body.Add(HStack(8, actions...))
	}
	return body
}

// middle puts objects under each other, each and all of them in the middle. A paragraph
// gets the width there is, the others theirs.
type middle struct{ gap float32 }

func (m middle) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		if p, ok := o.(*Paragraph); ok {
			heightFor(p, size.Width)
		}
	}
	y := max(0, (size.Height-m.MinSize(objects).Height)/2)
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		s := o.MinSize()
		if _, ok := o.(*Paragraph); ok {
			s.Width = size.Width
		}
		place(o, (size.Width-s.Width)/2, y, s.Width, s.Height)
		y += s.Height + m.gap
	}
}

func (m middle) MinSize(objects []fyne.CanvasObject) fyne.Size { return vstack(m).MinSize(objects) }
