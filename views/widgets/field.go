package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// Field is an input with a label over it and a line under it: help, or in red what is
// wrong.
type Field struct {
	widget.BaseWidget
	label    *Text
	star     *Text
	input    fyne.CanvasObject
	note     *Paragraph
	help     string
	err      string
	required bool
	frame    *canvas.Rectangle
	framed   fyne.CanvasObject // what the red frame goes around; nil is the whole input
}

// NewField makes a field; help may be empty.
func NewField(label, help string, input fyne.CanvasObject) *Field {
	f := &Field{label: NewText(label, TextStyle{Bold: true}), star: NewText("*", TextStyle{Color: theme.Danger, Bold: true}),
		input: input, note: SmallParagraph(help), help: help, frame: canvas.NewRectangle(none)}
	f.frame.CornerRadius = theme.Size(theme.Radius)
	f.ExtendBaseWidget(f)
	return f
}

// Required puts a star after the label.
func (f *Field) Required() *Field {
	f.required = true
	f.Refresh()
	return f
}

// Frames names the part of the input that is marked red when it is wrong: a line without
// the buttons beside it.
func (f *Field) Frames(part fyne.CanvasObject) *Field {
	f.framed = part
	return f
}

// SetError shows in red what is wrong; "" shows the help again.
func (f *Field) SetError(text string) {
	if f.err != text {
		f.err = text
		f.Refresh()
	}
}

// Error is the error that is shown, or "".
func (f *Field) Error() string { return f.err }

// SetHelp changes the help.
func (f *Field) SetHelp(text string) {
	if f.help != text {
		f.help = text
		f.Refresh()
	}
}

// SetLabel changes the label.
func (f *Field) SetLabel(text string) { f.label.SetText(text) }

// Label is the label.
func (f *Field) Label() string { return f.label.Text() }

// Input is what the field holds.
func (f *Field) Input() fyne.CanvasObject { return f.input }

const fieldGap = 4

func (f *Field) labelHeight() float32 {
	if f.label.Text() == "" {
		return 0
	}
	return 20 + fieldGap
}

func (f *Field) lay(s fyne.Size) {
	top := f.labelHeight()
	w := f.label.MinSize().Width
	place(f.label, 0, 0, min(w, s.Width), 20)
	place(f.star, w+3, 0, 8, 20)
	h := heightFor(f.input, s.Width)
	f.input.Move(fyne.NewPos(0, top))
	place(f.frame, 0, top, s.Width, h)
	if p := f.framed; p != nil {
		place(f.frame, p.Position().X, top+p.Position().Y, p.Size().Width, p.Size().Height)
	}
	f.note.Resize(fyne.NewSize(s.Width, f.note.MinSize().Height))
	f.note.Move(fyne.NewPos(0, top+h+fieldGap))
}

// CreateRenderer is for Fyne.
func (f *Field) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(f.lay,
		func() fyne.Size {
			m := f.input.MinSize()
			s := fyne.NewSize(max(m.Width, f.label.MinSize().Width+12), f.labelHeight()+m.Height)
			if f.note.Visible() {
				s.Height += fieldGap + f.note.MinSize().Height
			}
			return s
		},
		func() {
			f.star.Hidden = !f.required
			f.frame.Hidden = f.err == ""
			f.frame.StrokeColor, f.frame.StrokeWidth = theme.Color(theme.Danger), 1.5
			if f.err != "" {
				f.note.style.Color = theme.Danger
				f.note.text = f.err
			} else {
				f.note.style.Color = theme.TextSecondary
				f.note.text = f.help
			}
			f.note.Hidden = f.note.text == ""
			f.note.Refresh()
			if f.Size().Width > 0 {
				f.lay(f.Size())
			}
		},
		f.label, f.star, f.input, f.frame, f.note)
}
