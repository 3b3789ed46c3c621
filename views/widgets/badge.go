package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
)

// State is what a badge tells; each has its own colours and its own mark, so that colour
// is never the only difference.
type State int

// The states.
const (
	StateReady State = iota
	StateUpdating
	StateStopped
	StateWarning
	StateFailed
	StateInfo
)

func (s State) look() (back, text fyne.ThemeColorName, mark fyne.Resource) {
	switch s {
	case StateReady:
		return theme.BadgeReady, theme.BadgeReadyText, nil
	case StateUpdating:
		return theme.BadgeUpdating, theme.BadgeUpdatingText, resources.IconProgress
	case StateWarning:
		return theme.BadgeWarning, theme.BadgeWarningText, resources.IconWarning
	case StateFailed:
		return theme.BadgeFailed, theme.BadgeFailedText, resources.IconClose
	case StateInfo:
		return theme.BadgeUpdating, theme.BadgeUpdatingText, nil
	default:
		return theme.BadgeStopped, theme.BadgeStoppedText, resources.IconMoon
	}
}

// Badge is a word for a state on a tinted ground.
type Badge struct {
	widget.BaseWidget
	state State
	text  string
	back  *canvas.Rectangle
	dot   *canvas.Circle
	icon  *Icon
	label *canvas.Text
}

// NewBadge makes a badge.
func NewBadge(s State, text string) *Badge {
	b := &Badge{state: s, text: text, back: canvas.NewRectangle(none), dot: canvas.NewCircle(none),
		icon: NewIcon(nil, theme.Text, 12), label: canvas.NewText(text, none)}
	b.back.CornerRadius = theme.Size(theme.Radius)
	TextStyle{Size: theme.TextSmall, Medium: true}.set(b.label)
	b.ExtendBaseWidget(b)
	return b
}

// Set changes state and text.
func (b *Badge) Set(s State, text string) {
	if b.state != s || b.text != text {
		b.state, b.text = s, text
		b.Refresh()
	}
}

// Text is the badge's text.
func (b *Badge) Text() string { return b.text }

// State is the badge's state.
func (b *Badge) State() State { return b.state }

func (b *Badge) width() float32 { return 8 + 12 + 5 + textWidth(b.text, b.label) + 8 }

func (b *Badge) lay(s fyne.Size) {
	w, h := min(b.width(), s.Width), float32(22)
	y := (s.Height - h) / 2
	place(b.back, 0, y, w, h)
	place(b.dot, 10, y+h/2-3.5, 7, 7)
	place(b.icon, 8, y, 12, h)
	place(b.label, 24, y, max(0, w-30), h)
	b.label.Text = ellipsis(b.text, max(1, s.Width-31), b.label)
}

// CreateRenderer is for Fyne.
func (b *Badge) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(b.lay,
		func() fyne.Size { return fyne.NewSize(b.width(), 22) },
		func() {
			back, text, mark := b.state.look()
			b.back.FillColor = theme.Color(back)
			b.dot.FillColor = theme.Color(text)
			b.dot.Hidden = mark != nil
			b.icon.Hidden = mark == nil
			b.icon.Set(mark, text)
			TextStyle{Color: text, Size: theme.TextSmall, Medium: true}.set(b.label)
			b.label.Text = b.text
			if b.Size().Width > 0 {
				b.lay(b.Size())
			}
		},
		b.back, b.dot, b.icon, b.label)
}
