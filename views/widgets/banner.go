package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
)

// Kind is the weight of a message.
type Kind int

// The kinds.
const (
	Info Kind = iota
	Success
	Warning
	Error
)

func (k Kind) look() (back, ink fyne.ThemeColorName, icon fyne.Resource) {
	switch k {
	case Success:
		return theme.SuccessBackground, theme.Success, resources.IconSuccess
	case Warning:
		return theme.WarningBackground, theme.Warning, resources.IconWarning
	case Error:
		return theme.DangerBackground, theme.Danger, resources.IconError
	default:
		return theme.InfoBackground, theme.Primary, resources.IconInfo
	}
}

// Banner is a message across a page or a dialog, with an action where there is one.
type Banner struct {
	widget.BaseWidget
	kind   Kind
	back   *canvas.Rectangle
	icon   *Icon
	title  *Paragraph
	text   *Paragraph
	action *Button
	other  *Button
	both   *fyne.Container
	row    *fyne.Container
}

// NewBanner makes a banner; title or text may be empty.
func NewBanner(k Kind, title, text string) *Banner {
	_, ink, icon := k.look()
	b := &Banner{kind: k, back: canvas.NewRectangle(none), icon: NewIcon(icon, ink, 18),
		title: newParagraph(title, TextStyle{Bold: true}), text: newParagraph(text, TextStyle{}), action: SecondaryButton("", nil).Small(), other: GhostButton("", nil).Small()}
	b.back.CornerRadius = theme.Size(theme.CardRadius)
	b.action.Hide()
	b.other.Hide()
	b.both = HStack(8, b.other, b.action)
	b.both.Hide()
	b.row = Spread(VStack(2, b.title, b.text), b.both)
	b.hideEmpty()
	b.ExtendBaseWidget(b)
	return b
}

// SetText changes title and text.
func (b *Banner) SetText(title, text string) {
	b.title.SetText(title)
	b.text.SetText(text)
	b.hideEmpty()
	b.Refresh()
}

// SetKind changes the weight.
func (b *Banner) SetKind(k Kind) {
	b.kind = k
	b.Refresh()
}

func (b *Banner) hideEmpty() {
	b.title.Hidden = b.title.text == ""
	b.text.Hidden = b.text.text == ""
}

// SetAction shows a button at the right; "" takes it away.
func (b *Banner) SetAction(label string, tapped func()) { b.set(b.action, label, tapped) }

// SetOther shows a second, lighter button before that of SetAction; "" takes it away.
func (b *Banner) SetOther(label string, tapped func()) { b.set(b.other, label, tapped) }

// SetBusy disables the buttons while what one of them started runs.
func (b *Banner) SetBusy(on bool) {
	b.action.SetBusy(on)
	b.other.SetBusy(on)
	b.both.Refresh()
}

func (b *Banner) set(button *Button, label string, tapped func()) {
	button.SetText(label)
	button.OnTapped = tapped
	button.Hidden = label == ""
	b.both.Hidden = b.other.Hidden && b.action.Hidden
	b.Refresh()
}

func (b *Banner) lay(s fyne.Size) {
	place(b.back, 0, 0, s.Width, s.Height)
	place(b.icon, 14, 13, 18, 18)
	place(b.row, 42, 12, max(0, s.Width-42-14), max(0, s.Height-24))
}

// CreateRenderer is for Fyne.
func (b *Banner) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(b.lay,
		func() fyne.Size { return b.row.MinSize().AddWidthHeight(56, 24) },
		func() {
			back, ink, icon := b.kind.look()
			b.back.FillColor = theme.Color(back)
			b.icon.Set(icon, ink)
			if b.Size().Width > 0 {
				b.row.Layout.Layout(b.row.Objects, b.row.Size())
			}
		},
		b.back, b.icon, b.row)
}
