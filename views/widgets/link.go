package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"servery/theme"
)

// Link is text that leads somewhere.
type Link struct {
	control
	OnTapped func()

	text     string
	style    TextStyle
	truncate bool
	fitted   fit
	label    *canvas.Text
	line     *canvas.Line
}

// NewLink makes a link.
func NewLink(s string, tapped func()) *Link {
	l := &Link{OnTapped: tapped, text: s, style: TextStyle{Color: theme.Link}, label: canvas.NewText(s, none), line: canvas.NewLine(none)}
	l.style.set(l.label)
	l.ExtendBaseWidget(l)
	return l
}

// SetText changes the text.
func (l *Link) SetText(s string) {
	if l.text != s {
		l.text = s
		l.Refresh()
	}
}

// Text is the whole text.
func (l *Link) Text() string { return l.text }

// Truncate makes the text end in an ellipsis where it is wider than its place.
func (l *Link) Truncate() *Link { l.truncate = true; return l }

// Tapped is for Fyne.
func (l *Link) Tapped(*fyne.PointEvent) {
	if l.OnTapped != nil && !l.disabled {
		l.OnTapped()
	}
}

// TypedKey is for Fyne.
func (l *Link) TypedKey(e *fyne.KeyEvent) {
	switch {
	case isPress(e.Name):
		l.Tapped(nil)
	case e.Name == fyne.KeyEscape:
		escape(l)
	}
}

func (l *Link) lay(s fyne.Size) {
	l.label.Text = l.text
	if l.truncate && s.Width > 0 {
		if l.fitted.text != l.text || l.fitted.width != s.Width {
			l.fitted = fit{l.text, s.Width, ellipsis(l.text, s.Width, l.label)}
		}
		l.label.Text = l.fitted.shown
	}
	place(l.label, 0, 0, s.Width, s.Height)
	y := s.Height/2 + l.label.TextSize*0.55
	w := min(s.Width, textWidth(l.label.Text, l.label))
	l.line.Position1, l.line.Position2 = fyne.NewPos(0, y), fyne.NewPos(w, y)
}

// CreateRenderer is for Fyne.
func (l *Link) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(l.lay,
		func() fyne.Size {
			h := lineHeight(l.label.TextSize)
			if l.truncate {
				return fyne.NewSize(24, h)
			}
			return fyne.NewSize(textWidth(l.text, l.label), h)
		},
		func() {
			l.style.set(l.label)
			l.line.StrokeColor = theme.Color(theme.Link)
			l.line.Hidden = !l.hovered && !l.ringed()
			l.lay(l.Size())
		},
		l.label, l.line)
}
