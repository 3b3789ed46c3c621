package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"servery/resources"
	"servery/theme"
)

type buttonKind int

const (
	primary buttonKind = iota
	secondary
	danger
	dangerLine
	ghost
	iconOnly
)

// Button is a push button: by pointer, Enter or Space.
type Button struct {
	control
	OnTapped func()

	kind     buttonKind
	text     string
	hint     string // a shortcut, at the right
	icon     fyne.Resource
	trailing fyne.Resource
	height   float32
	wide     bool // text at the left, hint at the right edge
	busy     bool
	left     func() // pointer or focus left

	back             *canvas.Rectangle
	label, hintLabel *canvas.Text
	iconView, tail   *Icon
}

func newButton(kind buttonKind, text string, tapped func()) *Button {
	b := &Button{OnTapped: tapped, kind: kind, text: text, height: theme.Size(theme.ControlHeight),
		back: canvas.NewRectangle(none), label: canvas.NewText("", nil), hintLabel: canvas.NewText("", none),
		iconView: NewIcon(nil, theme.Text, 16), tail: NewIcon(nil, theme.Text, 16)}
	b.back.CornerRadius = theme.Size(theme.Radius)
	b.ExtendBaseWidget(b)
	return b
}

// PrimaryButton is the one action a page is for.
func PrimaryButton(text string, tapped func()) *Button { return newButton(primary, text, tapped) }

// SecondaryButton has a border and no fill.
func SecondaryButton(text string, tapped func()) *Button { return newButton(secondary, text, tapped) }

// DangerButton is for what cannot be undone.
func DangerButton(text string, tapped func()) *Button { return newButton(danger, text, tapped) }

// DangerLineButton is SecondaryButton in the colour of danger: it breaks off what goes on
// and takes nothing away.
func DangerLineButton(text string, tapped func()) *Button { return newButton(dangerLine, text, tapped) }

// GhostButton has neither border nor fill until the pointer is over it.
func GhostButton(text string, tapped func()) *Button { return newButton(ghost, text, tapped) }

// IconButton shows an icon only; label is its name for tests and assistive programs.
func IconButton(icon fyne.Resource, label string, tapped func()) *Button {
	b := newButton(iconOnly, label, tapped)
	b.icon = icon
	return b
}

// SetText changes the text.
func (b *Button) SetText(s string) {
	if b.text != s {
		b.text = s
		b.Refresh()
	}
}

// Text is the button's text, or the name of an icon button.
func (b *Button) Text() string { return b.text }

// SetIcon changes the icon; nil takes it away.
func (b *Button) SetIcon(r fyne.Resource) {
	b.icon = r
	b.Refresh()
}

// WithIcon sets the icon and returns the button.
func (b *Button) WithIcon(r fyne.Resource) *Button { b.SetIcon(r); return b }

// WithHint shows a shortcut beside the text.
func (b *Button) WithHint(hint string) *Button { b.hint = hint; b.Refresh(); return b }

// Wide puts the text at the left and the hint at the right edge.
func (b *Button) Wide() *Button { b.wide = true; b.Refresh(); return b }

// Small makes the button 26 px high.
func (b *Button) Small() *Button { b.height = 26; b.Refresh(); return b }

// SetBusy disables the button while what it started runs.
func (b *Button) SetBusy(busy bool) {
	b.busy, b.disabled = busy, busy
	b.Refresh()
}

// MouseOut is for Fyne.
func (b *Button) MouseOut() {
	if b.left != nil {
		b.left()
	}
	b.control.MouseOut()
}

// FocusLost is for Fyne.
func (b *Button) FocusLost() {
	if b.left != nil {
		b.left()
	}
	b.control.FocusLost()
}

// Tapped is for Fyne.
func (b *Button) Tapped(*fyne.PointEvent) {
	if !b.disabled && b.OnTapped != nil {
		b.OnTapped()
	}
}

// TypedKey is for Fyne.
func (b *Button) TypedKey(e *fyne.KeyEvent) {
	switch {
	case isPress(e.Name):
		b.Tapped(nil)
	case e.Name == fyne.KeyEscape:
		escape(b)
	}
}

// colors gives fill, border and text colour of the state the button is in.
func (b *Button) colors() (fill, border, text fyne.ThemeColorName) {
	over := b.hovered && !b.disabled
	switch b.kind {
	case primary:
		fill, text = theme.PrimaryFill, theme.OnPrimary
		if over {
			fill = theme.PrimaryHover
		}
		if b.disabled {
			fill, text = theme.Track, theme.TextDisabled
		}
		return fill, "", text
	case danger:
		fill, text = theme.DangerFill, theme.OnPrimary
		if b.disabled {
			fill, text = theme.Track, theme.TextDisabled
		}
		return fill, "", text
	case secondary:
		fill, border, text = theme.Card, theme.InputBorder, theme.Text
	case dangerLine:
		fill, border, text = theme.Card, theme.InputBorder, theme.Danger
	case iconOnly:
		text = theme.TextSecondary
		if over {
			text = theme.Text
		}
	default:
		text = theme.Link
	}
	if b.disabled {
		return fill, border, theme.TextDisabled
	}
	if b.pressed {
		fill = theme.PressWash
	} else if over {
		fill = theme.HoverWash
	}
	return fill, border, text
}

func (b *Button) shown() string {
	if b.kind == iconOnly {
		return ""
	}
	if b.busy {
		return b.text + "…"
	}
	return b.text
}

func (b *Button) update() {
	fill, border, text := b.colors()
	b.back.FillColor = none
	if fill != "" {
		b.back.FillColor = theme.Color(fill)
	}
	ring(b.back, b.ringed(), border)
	if b.ringed() && (b.kind == primary || b.kind == danger) {
		b.back.StrokeColor = theme.Color(theme.SelectedText) // a blue ring is lost on a blue fill
	}
	TextStyle{Color: text, Medium: true}.set(b.label)
	b.label.Text = b.shown()
	hint := theme.TextSecondary
	if b.kind == primary {
		hint = text
	}
	TextStyle{Color: hint, Size: theme.TextSmall}.set(b.hintLabel)
	b.hintLabel.Text = b.hint
	b.iconView.Set(b.icon, text)
	b.iconView.Hidden = b.icon == nil
	b.tail.Set(b.trailing, text)
	b.tail.Hidden = b.trailing == nil
}

// content is the width of what stands in the button.
func (b *Button) content() float32 {
	w := float32(0)
	for _, part := range []float32{b.iconWidth(b.icon), textWidth(b.label.Text, b.label), textWidth(b.hintLabel.Text, b.hintLabel), b.iconWidth(b.trailing)} {
		if part > 0 && w > 0 {
			w += 7
		}
		w += part
	}
	return w
}

func (b *Button) iconWidth(r fyne.Resource) float32 {
	if r == nil {
		return 0
	}
	return 16
}

func (b *Button) lay(s fyne.Size) {
	place(b.back, 0, 0, s.Width, s.Height)
	x := (s.Width - b.content()) / 2
	if b.wide {
		x = 12
	}
	put := func(o fyne.CanvasObject, w float32) {
		if w <= 0 {
			return
		}
		place(o, x, 0, w, s.Height)
		x += w + 7
	}
	put(b.iconView, b.iconWidth(b.icon))
	put(b.label, textWidth(b.label.Text, b.label))
	hint := textWidth(b.hintLabel.Text, b.hintLabel)
	if b.wide {
		x = s.Width - 12 - hint
	}
	put(b.hintLabel, hint)
	put(b.tail, b.iconWidth(b.trailing))
}

// CreateRenderer is for Fyne.
func (b *Button) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(b.lay,
		func() fyne.Size {
			if b.kind == iconOnly {
				return fyne.NewSize(b.height, b.height)
			}
			side := float32(13)
			if b.height < 32 {
				side = 9
			}
			return fyne.NewSize(b.content()+2*side, b.height)
		},
		func() {
			b.update()
			if b.Size().Width > 0 {
				b.lay(b.Size())
			}
		},
		b.back, b.iconView, b.label, b.hintLabel, b.tail)
}

// MenuButton opens a menu under itself.
func MenuButton(text string, menu func() *fyne.Menu) *Button {
	b := SecondaryButton(text, nil)
	b.trailing = resources.IconChevronDown
	b.OnTapped = func() { ShowMenu(b, menu()) }
	b.Refresh()
	return b
}

// MoreButton is the three dots that open a row's or a page's further actions.
func MoreButton(label string, menu func() *fyne.Menu) *Button {
	b := IconButton(resources.IconMore, label, nil)
	b.OnTapped = func() { ShowMenu(b, menu()) }
	return b
}
