package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"servery/resources"
	"servery/theme"
)

// Check is a box to tick, with a label and a line of help under it.
type Check struct {
	toggle
	box  *canvas.Rectangle
	tick *Icon
}

// Switch is a Check drawn as a switch, for what takes effect as a whole.
type Switch struct {
	toggle
	track *canvas.Rectangle
	knob  *canvas.Circle
}

// toggle is what both share.
type toggle struct {
	control
	on      bool
	changed func(bool)
	label   *Text
	help    *Paragraph
}

func (t *toggle) init(label, help string, changed func(bool)) {
	t.changed, t.label, t.help = changed, Body(label), SmallParagraph(help)
	t.help.Hidden = help == ""
}

// NewCheck makes an unticked box; changed hears of clicks by a person.
func NewCheck(label, help string, changed func(bool)) *Check {
	c := &Check{box: canvas.NewRectangle(none), tick: NewIcon(resources.IconCheck, theme.OnPrimary, 12)}
	c.init(label, help, changed)
	c.box.CornerRadius = 3
	c.ExtendBaseWidget(c)
	return c
}

// NewSwitch makes a switch that is off; changed hears of clicks by a person.
func NewSwitch(label, help string, changed func(bool)) *Switch {
	s := &Switch{track: canvas.NewRectangle(none), knob: canvas.NewCircle(none)}
	s.init(label, help, changed)
	s.track.CornerRadius = 8
	s.ExtendBaseWidget(s)
	return s
}

// SetChecked ticks or unticks without telling changed.
func (t *toggle) SetChecked(on bool) {
	if t.on != on {
		t.on = on
		t.Refresh()
	}
}

// Checked tells whether it is ticked.
func (t *toggle) Checked() bool { return t.on }

// Label is the words beside it.
func (t *toggle) Label() string { return t.label.Text() }

// SetHelp changes the line under the label.
func (t *toggle) SetHelp(s string) {
	t.help.SetText(s)
	t.help.Hidden = s == ""
	t.Refresh()
}

// Tapped is for Fyne.
func (t *toggle) Tapped(*fyne.PointEvent) {
	if t.disabled {
		return
	}
	t.SetChecked(!t.on)
	if t.changed != nil {
		t.changed(t.on)
	}
}

// TypedKey is for Fyne.
func (t *toggle) TypedKey(e *fyne.KeyEvent) {
	switch {
	case e.Name == fyne.KeySpace:
		t.Tapped(nil)
	case e.Name == fyne.KeyEscape:
		escape(t.label)
	}
}

// texts lays label and help right of a mark of the given width.
func (t *toggle) texts(mark float32, s fyne.Size) {
	x := mark + 9
	place(t.label, x, 0, max(0, s.Width-x), 20)
	t.help.Resize(fyne.NewSize(max(0, s.Width-x), t.help.MinSize().Height))
	t.help.Move(fyne.NewPos(x, 20))
}

func (t *toggle) size(mark float32) fyne.Size {
	s := fyne.NewSize(mark+9+t.label.MinSize().Width, 20)
	if t.help.Visible() {
		s.Height += t.help.MinSize().Height
	}
	return s
}

func (t *toggle) ink() {
	if t.disabled {
		t.label.SetColor(theme.TextDisabled)
	} else {
		t.label.SetColor(theme.Text)
	}
}

// CreateRenderer is for Fyne.
func (c *Check) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) {
			place(c.box, 0, 2, 16, 16)
			place(c.tick, 2, 4, 12, 12)
			c.texts(16, s)
		},
		func() fyne.Size { return c.size(16) },
		func() {
			c.ink()
			c.box.FillColor = theme.Color(theme.Card)
			border := theme.TextSecondary
			if c.on {
				c.box.FillColor, border = theme.Color(theme.PrimaryFill), theme.PrimaryFill
			}
			if c.disabled {
				c.box.FillColor, border = theme.Color(theme.Track), theme.InputBorder
			}
			ring(c.box, c.ringed(), border)
			if c.ringed() && c.on {
				c.box.StrokeColor = theme.Color(theme.SelectedText)
			}
			c.tick.Hidden = !c.on
		},
		c.box, c.tick, c.label, c.help)
}

// CreateRenderer is for Fyne.
func (s *Switch) CreateRenderer() fyne.WidgetRenderer {
	knob := func() {
		x := float32(2)
		if s.on {
			x = 14
		}
		place(s.knob, x, 4, 12, 12)
	}
	return newRenderer(
		func(size fyne.Size) {
			place(s.track, 0, 2, 28, 16)
			knob()
			s.texts(28, size)
		},
		func() fyne.Size { return s.size(28) },
		func() {
			s.ink()
			s.track.FillColor = theme.Color(theme.TextDisabled)
			if s.on {
				s.track.FillColor = theme.Color(theme.PrimaryFill)
			}
			if s.disabled {
				s.track.FillColor = theme.Color(theme.Track)
			}
			ring(s.track, s.ringed(), "")
			s.knob.FillColor = theme.Color(theme.OnPrimary)
			knob()
		},
		s.track, s.knob, s.label, s.help)
}
