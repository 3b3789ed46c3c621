package widgets

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// Paragraph is text that wraps to its width. Its height follows its width, so it belongs
// into the containers of this package.
type Paragraph struct {
	widget.BaseWidget
	style TextStyle
	text  string
	align fyne.TextAlign
	width float32
	lines []*canvas.Text
	r     *renderer
}

// NewParagraph is body text.
func NewParagraph(s string) *Paragraph { return newParagraph(s, TextStyle{}) }

// MutedParagraph is text of second rank.
func MutedParagraph(s string) *Paragraph {
	return newParagraph(s, TextStyle{Color: theme.TextSecondary})
}

// SmallParagraph is muted text a size smaller.
func SmallParagraph(s string) *Paragraph {
	return newParagraph(s, TextStyle{Color: theme.TextSecondary, Size: theme.TextSmall})
}

// MonoParagraph is monospace text, for addresses and paths.
func MonoParagraph(s string) *Paragraph { return newParagraph(s, TextStyle{Mono: true}) }

// Center puts the lines in the middle.
func (p *Paragraph) Center() *Paragraph { p.align = fyne.TextAlignCenter; return p }

func newParagraph(s string, style TextStyle) *Paragraph {
	p := &Paragraph{style: style, text: s}
	p.ExtendBaseWidget(p)
	return p
}

// SetText changes the text.
func (p *Paragraph) SetText(s string) {
	if s == p.text {
		return
	}
	p.text = s
	p.Refresh()
}

// Text is the whole text.
func (p *Paragraph) Text() string { return p.text }

// SetColor changes the colour.
func (p *Paragraph) SetColor(c fyne.ThemeColorName) {
	p.style.Color = c
	p.Refresh()
}

func (p *Paragraph) wrap() {
	like := canvas.NewText("", none)
	p.style.set(like)
	var lines []string
	for _, l := range strings.Split(p.text, "\n") {
		lines = append(lines, wrapLine(l, p.width, like)...)
	}
	for len(p.lines) < len(lines) {
		p.lines = append(p.lines, canvas.NewText("", none))
	}
	p.lines = p.lines[:len(lines)]
	h := lineHeight(like.TextSize)
	if p.r != nil {
		p.r.objects = p.r.objects[:0]
	}
	for i, t := range p.lines {
		p.style.set(t)
		t.Text, t.Alignment = lines[i], p.align
		place(t, 0, float32(i)*h, p.width, h)
		if p.r != nil {
			p.r.objects = append(p.r.objects, t)
		}
	}
}

// wrapLine breaks one line at spaces, and inside a word that is wider than the line.
func wrapLine(s string, width float32, like *canvas.Text) []string {
	if width <= 0 || textWidth(s, like) <= width {
		return []string{s}
	}
	var out []string
	line := ""
	for _, word := range strings.SplitAfter(s, " ") {
		if textWidth(strings.TrimRight(line+word, " "), like) <= width {
			line += word
			continue
		}
		if line != "" {
			out = append(out, strings.TrimRight(line, " "))
		}
		line = word
		for textWidth(strings.TrimRight(line, " "), like) > width {
			n := prefix(line, width, like)
			out = append(out, line[:n])
			line = line[n:]
		}
	}
	return append(out, strings.TrimRight(line, " "))
}

// prefix is the length in bytes of the longest beginning of s, at least a character,
// that is no wider than width.
func prefix(s string, width float32, like *canvas.Text) int {
	last := 0
	for i := range s {
		if i == 0 {
			continue
		}
		if last > 0 && textWidth(s[:i], like) > width {
			return last
		}
		last = i
	}
	if last == 0 {
		return len(s)
	}
	return last
}

// CreateRenderer is for Fyne.
func (p *Paragraph) CreateRenderer() fyne.WidgetRenderer {
	p.r = newRenderer(
		func(s fyne.Size) {
			if s.Width != p.width {
				p.width = s.Width
				p.wrap()
			}
		},
		func() fyne.Size {
			like := canvas.NewText("", none)
			p.style.set(like)
			h := lineHeight(like.TextSize)
			return fyne.NewSize(24, h*float32(max(1, len(p.lines))))
		},
		p.wrap,
	)
	p.wrap()
	return p.r
}
