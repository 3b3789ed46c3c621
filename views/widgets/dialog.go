package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
)

// ModalConfig is a dialog.
type ModalConfig struct {
	Title         string
	Content       fyne.CanvasObject
	Width, Height float32   // of the whole dialog; 0 takes what the content needs
	Buttons       []*Button // at the lower right, in this order
	Focus         fyne.Focusable
	Closed        func() // however it was closed
}

// Modal is an open dialog: over a darkened page, closed by its cross, by Escape or by
// Hide.
type Modal struct {
	widget.BaseWidget
	c      ModalConfig
	over   fyne.Canvas
	shade  *canvas.Rectangle
	card   *canvas.Rectangle
	head   fyne.CanvasObject
	lines  [2]fyne.CanvasObject
	foot   *fyne.Container
	hidden bool
}

// ShowModal opens a dialog over a canvas.
func ShowModal(over fyne.Canvas, c ModalConfig) *Modal {
	m := &Modal{c: c, over: over, shade: canvas.NewRectangle(none), card: canvas.NewRectangle(none)}
	m.card.CornerRadius = theme.Size(theme.CardRadius)
	m.head = Spread(Heading(c.Title).Truncate(), IconButton(resources.IconClose, "Close", m.Hide))
	m.lines = [2]fyne.CanvasObject{Divider(), Divider()}
	m.foot = HStack(8)
	for _, b := range c.Buttons {
		m.foot.Add(b)
	}
	m.ExtendBaseWidget(m)
	over.Overlays().Add(m)
	m.Resize(over.Size())
	switch {
	case c.Focus != nil:
		over.Focus(c.Focus)
	case len(c.Buttons) > 0:
		over.Focus(c.Buttons[0])
	}
	return m
}

// Hide closes the dialog.
func (m *Modal) Hide() {
	if m.hidden {
		return
	}
	m.hidden = true
	m.over.Overlays().Remove(m)
	if m.c.Closed != nil {
		m.c.Closed()
	}
}

// Content is what the dialog holds.
func (m *Modal) Content() fyne.CanvasObject { return m.c.Content }

// Title is the dialog's title.
func (m *Modal) Title() string { return m.c.Title }

// Tapped is for Fyne: a click beside the dialog does nothing, for work may be in it.
func (m *Modal) Tapped(*fyne.PointEvent) {}

// CloseTop closes the topmost dialog or menu of a canvas and tells whether there was one.
func CloseTop(c fyne.Canvas) bool {
	switch top := c.Overlays().Top().(type) {
	case *Modal:
		top.Hide()
		return true
	case *Menu:
		top.Hide()
		return true
	case nil:
		return false
	default: // Fyne's own, such as the dialog to choose a file
		c.Overlays().Remove(top)
		return true
	}
}

const (
	modalPadding = 20
	modalHead    = 52
	modalFoot    = 60
)

func (m *Modal) footHeight() float32 {
	if len(m.c.Buttons) == 0 {
		return 0
	}
	return modalFoot
}

func (m *Modal) lay(s fyne.Size) {
	place(m.shade, 0, 0, s.Width, s.Height)
	w := m.c.Width
	if w == 0 {
		w = m.c.Content.MinSize().Width + 2*modalPadding
	}
	w = min(w, s.Width-32)
	inner := w - 2*modalPadding
	h := m.c.Height
	if h == 0 {
		h = heightFor(m.c.Content, inner) + 2*modalPadding + modalHead + m.footHeight()
	}
	h = min(h, s.Height-32)
	x, y := (s.Width-w)/2, max(16, (s.Height-h)/2)
	place(m.card, x, y, w, h)
	place(m.head, x+modalPadding, y+10, inner+8, 32)
	place(m.lines[0], x, y+modalHead, w, 1)
	place(m.c.Content, x+modalPadding, y+modalHead+modalPadding, inner, h-modalHead-2*modalPadding-m.footHeight())
	f := m.foot.MinSize()
	place(m.lines[1], x, y+h-modalFoot, w, 1)
	place(m.foot, x+w-modalPadding-f.Width, y+h-modalFoot+(modalFoot-f.Height)/2, f.Width, f.Height)
}

// CreateRenderer is for Fyne.
func (m *Modal) CreateRenderer() fyne.WidgetRenderer {
	m.lines[1].(*rule).Hidden = len(m.c.Buttons) == 0
	return newRenderer(m.lay,
		func() fyne.Size { return fyne.NewSize(200, 100) },
		func() {
			m.shade.FillColor = theme.Color(theme.Overlay)
			m.card.FillColor = theme.Color(theme.Card)
			m.card.StrokeColor, m.card.StrokeWidth = theme.Color(theme.Border), 1
			if m.Size().Width > 0 {
				m.lay(m.Size())
			}
		},
		m.shade, m.card, m.head, m.lines[0], m.c.Content, m.lines[1], m.foot)
}

// Confirm asks before something that cannot be undone.
type Confirm struct {
	Title, Text string
	Verb        string // on the button: "Delete endpoint"
	Danger      bool
	TypedName   string // must be typed before the button works; "" asks for nothing
	Confirmed   func()
}

// ShowConfirm asks over a canvas.
func ShowConfirm(over fyne.Canvas, o Confirm) *Modal {
	var m *Modal
	do := PrimaryButton(o.Verb, nil)
	if o.Danger {
		do = DangerButton(o.Verb, nil)
	}
	do.OnTapped = func() {
		m.Hide()
		if o.Confirmed != nil {
			o.Confirmed()
		}
	}
	cancel := SecondaryButton("Cancel", func() { m.Hide() })
	body := VStack(14, NewParagraph(o.Text))
	var focus fyne.Focusable = cancel
	if o.TypedName != "" {
		do.Disable()
		entry := NewEntry(o.TypedName)
		entry.OnChanged = func(s string) {
			if s == o.TypedName {
				do.Enable()
			} else {
				do.Disable()
			}
		}
		entry.OnSubmitted = func(string) { do.Tapped(nil) }
		body.Add(NewField("Type "+o.TypedName+" to confirm", "", entry))
		focus = entry
	}
	m = ShowModal(over, ModalConfig{Title: o.Title, Content: body, Width: 460, Buttons: []*Button{cancel, do}, Focus: focus})
	return m
}
