package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
)

// ShowMenu opens a menu under an object, moved left or up where the window ends. A click
// beside it, Escape or a choice closes it; Up and Down move and Enter chooses.
func ShowMenu(under fyne.CanvasObject, m *fyne.Menu) {
	d := fyne.CurrentApp().Driver()
	c := d.CanvasForObject(under)
	if c == nil || m == nil || len(m.Items) == 0 {
		return
	}
	p := d.AbsolutePositionForObject(under)
	showMenuAt(c, m, p.AddXY(0, under.Size().Height+3), under.Size().Width)
}

func showMenuAt(over fyne.Canvas, m *fyne.Menu, at fyne.Position, atLeast float32) {
	p := &Menu{over: over, at: at, atLeast: atLeast, chosen: -1, before: over.Focused(),
		shadow: canvas.NewRectangle(none), card: canvas.NewRectangle(none)}
	box := VStack(0)
	for _, it := range m.Items {
		if it.IsSeparator {
			box.Add(Inset(Divider(), 4, 0, 4, 0))
			continue
		}
		line := newMenuLine(p, len(p.lines), it)
		p.lines = append(p.lines, line)
		box.Add(line)
		if it.Checked {
			p.chosen = line.index
		}
	}
	p.content = box
	p.scroll = container.NewVScroll(box)
	p.card.CornerRadius, p.shadow.CornerRadius = 6, 8
	p.ExtendBaseWidget(p)
	over.Overlays().Add(p)
	p.Resize(over.Size())
	over.Focus(p)
}

// Menu is an open menu.
type Menu struct {
	widget.BaseWidget
	over         fyne.Canvas
	before       fyne.Focusable // gets the focus back
	at           fyne.Position
	atLeast      float32
	lines        []*menuLine
	chosen       int
	shadow, card *canvas.Rectangle
	content      *fyne.Container
	scroll       *container.Scroll
}

// Hide closes the menu.
func (m *Menu) Hide() {
	m.over.Overlays().Remove(m)
	if m.before != nil {
		m.over.Focus(m.before)
	}
}

// Tapped is for Fyne: a click beside the menu closes it.
func (m *Menu) Tapped(*fyne.PointEvent) { m.Hide() }

// TappedSecondary is for Fyne.
func (m *Menu) TappedSecondary(*fyne.PointEvent) { m.Hide() }

// FocusGained is for Fyne.
func (m *Menu) FocusGained() {}

// FocusLost is for Fyne.
func (m *Menu) FocusLost() {}

// TypedRune is for Fyne.
func (m *Menu) TypedRune(rune) {}

// TypedKey is for Fyne.
func (m *Menu) TypedKey(e *fyne.KeyEvent) {
	switch {
	case e.Name == fyne.KeyEscape:
		m.Hide()
	case e.Name == fyne.KeyDown:
		m.step(1)
	case e.Name == fyne.KeyUp:
		m.step(-1)
	case isPress(e.Name) && m.chosen >= 0:
		m.lines[m.chosen].Tapped(nil)
	}
}

func (m *Menu) step(by int) {
	for i := m.chosen + by; i >= 0 && i < len(m.lines); i += by {
		if !m.lines[i].item.Disabled {
			m.choose(i)
			y := m.lines[i].Position().Y
			if top, h := m.scroll.Offset.Y, m.scroll.Size().Height; y < top || y+menuLineHeight > top+h {
				m.scroll.ScrollToOffset(fyne.NewPos(0, max(0, y-h/2)))
			}
			return
		}
	}
}

func (m *Menu) choose(i int) {
	if m.chosen != i {
		m.chosen = i
		for _, l := range m.lines {
			l.Refresh()
		}
	}
}

const menuLineHeight = 30

func (m *Menu) lay(s fyne.Size) {
	need := m.content.MinSize()
	w := max(need.Width, m.atLeast-8, 120) + 8
	h := min(need.Height+8, s.Height-16)
	x := max(8, min(m.at.X, s.Width-w-8))
	y := max(8, min(m.at.Y, s.Height-h-8))
	place(m.shadow, x-2, y-1, w+4, h+5)
	place(m.card, x, y, w, h)
	place(m.scroll, x+4, y+4, w-8, h-8)
}

// CreateRenderer is for Fyne.
func (m *Menu) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(m.lay,
		func() fyne.Size { return fyne.NewSize(1, 1) },
		func() {
			m.shadow.FillColor = theme.Color(theme.MenuShadow)
			m.card.FillColor = theme.Color(theme.Card)
			m.card.StrokeColor, m.card.StrokeWidth = theme.Color(theme.InputBorder), 1
		},
		m.shadow, m.card, m.scroll)
}

// menuLine is an entry of a menu.
type menuLine struct {
	widget.BaseWidget
	menu  *Menu
	index int
	item  *fyne.MenuItem
	back  *canvas.Rectangle
	label *canvas.Text
	mark  *Icon
}

func newMenuLine(m *Menu, index int, it *fyne.MenuItem) *menuLine {
	l := &menuLine{menu: m, index: index, item: it, back: canvas.NewRectangle(none), label: canvas.NewText(it.Label, none), mark: NewIcon(resources.IconCheck, theme.Primary, 14)}
	l.back.CornerRadius = 4
	TextStyle{}.set(l.label)
	l.ExtendBaseWidget(l)
	return l
}

// Text is the entry's text.
func (l *menuLine) Text() string { return l.item.Label }

// Disabled tells whether the entry cannot be chosen now.
func (l *menuLine) Disabled() bool { return l.item.Disabled }

// Tapped is for Fyne.
func (l *menuLine) Tapped(*fyne.PointEvent) {
	if l.item.Disabled {
		return
	}
	l.menu.Hide()
	if l.item.Action != nil {
		l.item.Action()
	}
}

// MouseIn is for Fyne.
func (l *menuLine) MouseIn(*desktop.MouseEvent) { l.menu.choose(l.index) }

// MouseMoved is for Fyne.
func (l *menuLine) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is for Fyne.
func (l *menuLine) MouseOut() {}

// CreateRenderer is for Fyne.
func (l *menuLine) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) {
			place(l.back, 0, 0, s.Width, s.Height)
			place(l.label, 10, 0, s.Width-20, s.Height)
			place(l.mark, s.Width-24, 0, 14, s.Height)
		},
		func() fyne.Size { return fyne.NewSize(textWidth(l.item.Label, l.label)+20+24, menuLineHeight) },
		func() {
			l.back.FillColor = none
			if l.menu.chosen == l.index && !l.item.Disabled {
				l.back.FillColor = theme.Color(theme.HoverWash)
			}
			ink := theme.Text
			if l.item.Disabled {
				ink = theme.TextDisabled
			}
			TextStyle{Color: ink}.set(l.label)
			l.mark.Hidden = !l.item.Checked
		},
		l.back, l.label, l.mark)
}
