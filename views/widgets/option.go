package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"

	"servery/resources"
	"servery/theme"
)

// Option is a value to choose with the words for it.
type Option struct{ Value, Label string }

// Select chooses one of several options from a menu; Up and Down step through them.
type Select struct {
	control
	Placeholder string // shown while nothing is chosen
	Prefix      string // before the chosen label: "State: "

	options []Option
	value   string
	changed func(string)
	back    *canvas.Rectangle
	label   *canvas.Text
	arrow   *Icon
}

// NewSelect makes a choice with nothing chosen; changed hears of choices by a person.
func NewSelect(options []Option, changed func(value string)) *Select {
	s := &Select{options: options, changed: changed, Placeholder: "Select…",
		back: canvas.NewRectangle(none), label: canvas.NewText("", none), arrow: NewIcon(resources.IconChevronDown, theme.TextSecondary, 16)}
	s.back.CornerRadius = theme.Size(theme.Radius)
	s.ExtendBaseWidget(s)
	return s
}

// SetOptions changes what can be chosen. A value that is no longer among them stays.
func (s *Select) SetOptions(o []Option) {
	s.options = o
	s.Refresh()
}

// Options are what can be chosen.
func (s *Select) Options() []Option { return s.options }

// SetSelected chooses without telling changed.
func (s *Select) SetSelected(value string) {
	if s.value != value {
		s.value = value
		s.Refresh()
	}
}

// Selected is the chosen value, "" for none.
func (s *Select) Selected() string { return s.value }

// Choose chooses as a person does: changed hears of it.
func (s *Select) Choose(value string) {
	if s.disabled || s.value == value {
		return
	}
	s.SetSelected(value)
	if s.changed != nil {
		s.changed(value)
	}
}

// Tapped is for Fyne.
func (s *Select) Tapped(*fyne.PointEvent) {
	if s.disabled || len(s.options) == 0 {
		return
	}
	items := make([]*fyne.MenuItem, len(s.options))
	for i, o := range s.options {
		items[i] = fyne.NewMenuItem(o.Label, func() { s.Choose(o.Value) })
		items[i].Checked = o.Value == s.value
	}
	ShowMenu(s, fyne.NewMenu("", items...))
}

// TypedKey is for Fyne.
func (s *Select) TypedKey(e *fyne.KeyEvent) {
	switch {
	case isPress(e.Name):
		s.Tapped(nil)
	case e.Name == fyne.KeyUp:
		s.step(-1)
	case e.Name == fyne.KeyDown:
		s.step(1)
	case e.Name == fyne.KeyEscape:
		escape(s)
	}
}

func (s *Select) step(by int) {
	at := -1
	for i, o := range s.options {
		if o.Value == s.value {
			at = i
		}
	}
	if at += by; at >= 0 && at < len(s.options) {
		s.Choose(s.options[at].Value)
	}
}

func (s *Select) shown() (string, bool) {
	for _, o := range s.options {
		if o.Value == s.value {
			return s.Prefix + o.Label, true
		}
	}
	if s.value != "" {
		return s.Prefix + s.value, true
	}
	return s.Placeholder, false
}

func (s *Select) lay(size fyne.Size) {
	place(s.back, 0, 0, size.Width, size.Height)
	room := max(0, size.Width-9-30)
	place(s.label, 9, 0, room, size.Height)
	text, _ := s.shown()
	s.label.Text = ellipsis(text, max(1, room), s.label)
	place(s.arrow, size.Width-26, 0, 16, size.Height)
}

// CreateRenderer is for Fyne.
func (s *Select) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(s.lay,
		func() fyne.Size {
			text, _ := s.shown()
			return fyne.NewSize(min(260, 9+textWidth(text, s.label)+7+30), theme.Size(theme.ControlHeight))
		},
		func() {
			text, chosen := s.shown()
			ink := theme.Text
			if !chosen {
				ink = theme.TextSecondary
			}
			if s.disabled {
				ink = theme.TextDisabled
			}
			TextStyle{Color: ink}.set(s.label)
			s.label.Text = text
			s.back.FillColor = theme.Color(theme.Card)
			if s.hovered && !s.disabled {
				s.back.FillColor = theme.Color(theme.HoverWash)
			}
			ring(s.back, s.ringed(), theme.InputBorder)
			if s.Size().Width > 0 {
				s.lay(s.Size())
			}
		},
		s.back, s.label, s.arrow)
}

// Segmented chooses one of a few options that are all in sight; Left and Right move.
type Segmented struct {
	control
	options []Option
	value   string
	changed func(string)
	over    int
	back    *canvas.Rectangle
	mark    *canvas.Rectangle
	frame   *canvas.Rectangle
	labels  []*canvas.Text
	lines   []*canvas.Rectangle
}

// NewSegmented makes a choice with the first option chosen; changed hears of choices by
// a person.
func NewSegmented(options []Option, changed func(value string)) *Segmented {
	s := &Segmented{options: options, changed: changed, over: -1, back: canvas.NewRectangle(none), mark: canvas.NewRectangle(none), frame: canvas.NewRectangle(none)}
	for i := range options {
		l := canvas.NewText("", none)
		TextStyle{Medium: true}.set(l)
		s.labels = append(s.labels, l)
		if i > 0 {
			s.lines = append(s.lines, canvas.NewRectangle(none))
		}
	}
	if len(options) > 0 {
		s.value = options[0].Value
	}
	s.back.CornerRadius, s.frame.CornerRadius = 4, 4
	s.ExtendBaseWidget(s)
	return s
}

// SetSelected chooses without telling changed.
func (s *Segmented) SetSelected(value string) {
	if s.value != value {
		s.value = value
		s.Refresh()
	}
}

// Selected is the chosen value.
func (s *Segmented) Selected() string { return s.value }

// Choose chooses as a person does: changed hears of it.
func (s *Segmented) Choose(value string) {
	if s.disabled || s.value == value {
		return
	}
	s.SetSelected(value)
	if s.changed != nil {
		s.changed(value)
	}
}

// Options are what can be chosen.
func (s *Segmented) Options() []Option { return s.options }

func (s *Segmented) index() int {
	for i, o := range s.options {
		if o.Value == s.value {
			return i
		}
	}
	return -1
}

func (s *Segmented) at(x float32) int {
	for i := range s.options {
		if l, w := s.span(i); x >= l && x < l+w {
			return i
		}
	}
	return -1
}

func (s *Segmented) span(i int) (x, w float32) {
	for k := 0; k < i; k++ {
		x += textWidth(s.options[k].Label, s.labels[k]) + 26
	}
	return x, textWidth(s.options[i].Label, s.labels[i]) + 26
}

func (s *Segmented) width() float32 {
	if len(s.options) == 0 {
		return 0
	}
	x, w := s.span(len(s.options) - 1)
	return x + w
}

// Tapped is for Fyne.
func (s *Segmented) Tapped(e *fyne.PointEvent) {
	if i := s.at(e.Position.X); i >= 0 {
		s.Choose(s.options[i].Value)
	}
}

// MouseMoved is for Fyne.
func (s *Segmented) MouseMoved(e *desktop.MouseEvent) {
	if i := s.at(e.Position.X); i != s.over {
		s.over = i
		s.Refresh()
	}
}

// MouseOut is for Fyne.
func (s *Segmented) MouseOut() { s.over = -1; s.control.MouseOut() }

// TypedKey is for Fyne.
func (s *Segmented) TypedKey(e *fyne.KeyEvent) {
	i := s.index()
	switch e.Name {
	case fyne.KeyLeft, fyne.KeyUp:
		i--
	case fyne.KeyRight, fyne.KeyDown:
		i++
	case fyne.KeyEscape:
		escape(s)
		return
	default:
		return
	}
	if i >= 0 && i < len(s.options) {
		s.Choose(s.options[i].Value)
	}
}

func (s *Segmented) lay(size fyne.Size) {
	w := s.width()
	place(s.back, 0, 0, w, size.Height)
	place(s.frame, 0, 0, w, size.Height)
	chosen := s.index()
	s.mark.Hidden = chosen < 0
	for i, l := range s.labels {
		x, w := s.span(i)
		place(l, x, 0, w, size.Height)
		if i > 0 {
			place(s.lines[i-1], x, 1, 1, size.Height-2)
		}
		if i == chosen {
			place(s.mark, x+1, 1, w-1, size.Height-2)
			first, last := round(i == 0, 6), round(i == len(s.labels)-1, 6)
			s.mark.TopLeftCornerRadius, s.mark.BottomLeftCornerRadius = first, first
			s.mark.TopRightCornerRadius, s.mark.BottomRightCornerRadius = last, last
		}
	}
}

// CreateRenderer is for Fyne.
func (s *Segmented) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{s.back, s.mark}
	for _, l := range s.lines {
		objects = append(objects, l)
	}
	for _, l := range s.labels {
		objects = append(objects, l)
	}
	objects = append(objects, s.frame)
	return newRenderer(s.lay,
		func() fyne.Size { return fyne.NewSize(s.width(), theme.Size(theme.ControlHeight)) },
		func() {
			s.back.FillColor, s.mark.FillColor = theme.Color(theme.Card), theme.Color(theme.PressWash)
			// On a ground that is transparent the GL painter makes the line two pixels thick, so
			// the border belongs to the ground and only the focus ring lies over it.
			s.back.StrokeColor, s.back.StrokeWidth = theme.Color(theme.InputBorder), 1
			ring(s.frame, s.ringed(), "")
			for _, l := range s.lines {
				l.FillColor = theme.Color(theme.InputBorder)
			}
			chosen := s.index()
			for i, l := range s.labels {
				st := TextStyle{Color: theme.Text, Medium: true}
				switch {
				case s.disabled:
					st.Color = theme.TextDisabled
				case i == chosen:
					st.Color = theme.SelectedText
				case i == s.over:
					st.Color = theme.Link
				}
				st.set(l)
				l.Text, l.Alignment = s.options[i].Label, fyne.TextAlignCenter
			}
			s.lay(s.Size())
		},
		objects...)
}
