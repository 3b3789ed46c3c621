package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
)

// Toast is a message that stands over the page until it is closed.
type Toast struct {
	widget.BaseWidget
	kind Kind
	text string
	back *canvas.Rectangle
	edge *canvas.Rectangle
	icon *Icon
	row  *fyne.Container
}

// NewToast makes a message with an action, unless that is "", and a cross.
func NewToast(k Kind, text, action string, tapped, closed func()) *Toast {
	_, ink, icon := k.look()
	right := HStack(2)
	if action != "" {
		right.Add(NewLink(action, tapped))
		right.Add(Spacer(4, 1))
	}
	right.Add(IconButton(resources.IconClose, "Dismiss", closed).Small())
	t := &Toast{kind: k, text: text, back: canvas.NewRectangle(none), edge: canvas.NewRectangle(none),
		icon: NewIcon(icon, ink, 18), row: Spread(NewParagraph(text), right)}
	t.back.CornerRadius = theme.Size(theme.CardRadius)
	t.edge.CornerRadius = 2
	t.ExtendBaseWidget(t)
	return t
}

// Text is the message.
func (t *Toast) Text() string { return t.text }

// CreateRenderer is for Fyne.
func (t *Toast) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) {
			place(t.back, 0, 0, s.Width, s.Height)
			place(t.edge, 6, 8, 3, max(0, s.Height-16))
			place(t.icon, 18, 0, 18, s.Height)
			place(t.row, 46, 10, max(0, s.Width-46-10), max(0, s.Height-20))
		},
		func() fyne.Size { return t.row.MinSize().AddWidthHeight(56, 20) },
		func() {
			_, ink, icon := t.kind.look()
			t.back.FillColor = theme.Color(theme.Card)
			t.back.StrokeColor, t.back.StrokeWidth = theme.Color(theme.InputBorder), 1
			t.edge.FillColor = theme.Color(ink)
			t.icon.Set(icon, ink)
		},
		t.back, t.edge, t.icon, t.row)
}
