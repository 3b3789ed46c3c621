package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// TextStyle is how a text looks. Zero fields are body text.
type TextStyle struct {
	Color  fyne.ThemeColorName
	Size   fyne.ThemeSizeName
	Bold   bool
	Mono   bool
	Medium bool // weight 500, as on buttons
}

// lineHeight is the height of one line of a size: the design's 12/16, 13/20, 16/24, 22/28.
func lineHeight(size float32) float32 {
	switch {
	case size <= 12:
		return 16
	case size <= 13:
		return 20
	case size <= 16:
		return 24
	default:
		return size + 6
	}
}

// set puts the style on a canvas text.
func (s TextStyle) set(t *canvas.Text) {
	c, n := s.Color, s.Size
	if c == "" {
		c = theme.Text
	}
	if n == "" {
		n = theme.TextBody
		if s.Mono {
			n = theme.TextMono
		}
	}
	t.Color, t.TextSize = theme.Color(c), theme.Size(n)
	t.TextStyle = fyne.TextStyle{Bold: s.Bold, Monospace: s.Mono}
	t.FontSource = nil
	if s.Medium && !s.Bold && !s.Mono {
		t.FontSource = theme.Medium()
	}
}

// Text is one line of text.
type Text struct {
	widget.BaseWidget
	style    TextStyle
	text     string
	truncate bool
	align    fyne.TextAlign
	drawn    *canvas.Text
	fitted   fit
}

// fit remembers the last truncation, so that a row that is used again for the same text
// measures nothing.
type fit struct {
	text  string
	width float32
	shown string
}

// NewText makes a line in a style.
func NewText(s string, style TextStyle) *Text {
	t := &Text{style: style, text: s, drawn: canvas.NewText(s, none)}
	style.set(t.drawn)
	t.ExtendBaseWidget(t)
	return t
}

// Title is a page's title.
func Title(s string) *Text { return NewText(s, TextStyle{Size: theme.TextTitle, Bold: true}) }

// Heading is a panel's or section's title.
func Heading(s string) *Text { return NewText(s, TextStyle{Size: theme.TextHeading, Bold: true}) }

// Strong is body text in bold.
func Strong(s string) *Text { return NewText(s, TextStyle{Bold: true}) }

// Body is plain text.
func Body(s string) *Text { return NewText(s, TextStyle{}) }

// Muted is text of second rank.
func Muted(s string) *Text { return NewText(s, TextStyle{Color: theme.TextSecondary}) }

// Small is muted text a size smaller.
func Small(s string) *Text {
	return NewText(s, TextStyle{Color: theme.TextSecondary, Size: theme.TextSmall})
}

// Mono is text in the monospace font.
func Mono(s string) *Text { return NewText(s, TextStyle{Mono: true}) }

// SetText changes the text.
func (t *Text) SetText(s string) {
	if s == t.text {
		return
	}
	t.text = s
	t.Refresh()
}

// Text is the whole text, however much of it is shown.
func (t *Text) Text() string { return t.text }

// SetColor changes the colour.
func (t *Text) SetColor(c fyne.ThemeColorName) {
	if c == t.style.Color {
		return
	}
	t.style.Color = c
	t.Refresh()
}

// Truncate makes the text end in an ellipsis where it is wider than its place.
func (t *Text) Truncate() *Text {
	t.truncate = true
	return t
}

// Align sets where the text stands in its place.
func (t *Text) Align(a fyne.TextAlign) *Text {
	t.align = a
	t.Refresh()
	return t
}

func (t *Text) show(width float32) {
	if !t.truncate || width <= 0 {
		t.drawn.Text = t.text
		return
	}
	if t.fitted.text != t.text || t.fitted.width != width {
		t.fitted = fit{t.text, width, ellipsis(t.text, width, t.drawn)}
	}
	t.drawn.Text = t.fitted.shown
}

// CreateRenderer is for Fyne.
func (t *Text) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) {
			t.show(s.Width)
			place(t.drawn, 0, 0, s.Width, s.Height)
		},
		func() fyne.Size {
			h := lineHeight(t.drawn.TextSize)
			if t.truncate {
				return fyne.NewSize(24, h)
			}
			return fyne.NewSize(textWidth(t.text, t.drawn), h)
		},
		func() {
			t.style.set(t.drawn)
			t.drawn.Alignment = t.align
			t.show(t.Size().Width)
		},
		t.drawn,
	)
}

// wide is the width that the whole text takes.
func (t *Text) wide() float32 {
	t.style.set(t.drawn)
	return textWidth(t.text, t.drawn)
}

// textWidth measures a text as it would be drawn by the given object.
func textWidth(s string, like *canvas.Text) float32 {
	size, _ := fyne.CurrentApp().Driver().RenderedTextSize(s, like.TextSize, like.TextStyle, like.FontSource)
	return size.Width
}

// ellipsis shortens s to a width in units of the canvas.
func ellipsis(s string, width float32, like *canvas.Text) string {
	if textWidth(s, like) <= width+0.5 {
		return s
	}
	runes := []rune(s)
	low, high := 0, len(runes)
	for low < high { // the longest prefix that fits with the ellipsis
		mid := (low + high + 1) / 2
		if textWidth(string(runes[:mid])+"…", like) <= width {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return string(runes[:low]) + "…"
}
