package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// TabItem is a tab: a title and what shows under the strip, or nil where the page shows
// that itself.
type TabItem struct {
	Title   string
	Content fyne.CanvasObject
}

// Tabs is a strip of titles, the chosen one underlined, over the chosen content. Arrows
// move while the strip has the focus.
type Tabs struct {
	widget.BaseWidget
	items   []TabItem
	chosen  int
	changed func(int)
	strip   *tabStrip
}

// NewTabs makes tabs with the first chosen; changed hears of choices by a person.
func NewTabs(items []TabItem, changed func(index int)) *Tabs {
	t := &Tabs{items: items, changed: changed}
	t.strip = newTabStrip(t)
	t.ExtendBaseWidget(t)
	t.show()
	return t
}

// Select chooses a tab without telling changed.
func (t *Tabs) Select(i int) {
	if i < 0 || i >= len(t.items) || i == t.chosen {
		return
	}
	t.chosen = i
	t.show()
	t.Refresh()
}

// Selected is the chosen tab.
func (t *Tabs) Selected() int { return t.chosen }

// SetTitle changes a tab's title.
func (t *Tabs) SetTitle(i int, s string) {
	t.items[i].Title = s
	t.Refresh()
}

func (t *Tabs) show() {
	for i, it := range t.items {
		if it.Content == nil {
			continue
		}
		if i == t.chosen {
			it.Content.Show()
		} else {
			it.Content.Hide()
		}
	}
}

func (t *Tabs) choose(i int) {
	if i < 0 || i >= len(t.items) || i == t.chosen {
		return
	}
	t.Select(i)
	if t.changed != nil {
		t.changed(i)
	}
}

func (t *Tabs) content() fyne.CanvasObject {
	if len(t.items) == 0 {
		return nil
	}
	return t.items[t.chosen].Content
}

const tabGap = 14 // between strip and content

func (t *Tabs) lay(s fyne.Size) {
	h := t.strip.MinSize().Height
	place(t.strip, 0, 0, s.Width, h)
	if c := t.content(); c != nil {
		place(c, 0, h+tabGap, s.Width, max(0, s.Height-h-tabGap))
	}
}

// CreateRenderer is for Fyne.
func (t *Tabs) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{t.strip}
	for _, it := range t.items {
		if it.Content != nil {
			objects = append(objects, it.Content)
		}
	}
	return newRenderer(t.lay,
		func() fyne.Size {
			s := t.strip.MinSize()
			if c := t.content(); c != nil {
				m := c.MinSize()
				s = fyne.NewSize(max(s.Width, m.Width), s.Height+tabGap+m.Height)
			}
			return s
		},
		func() {
			t.strip.Refresh() // another title may be the chosen one
			if t.Size().Width > 0 {
				t.lay(t.Size())
			}
		},
		objects...)
}

// tabStrip draws the titles.
type tabStrip struct {
	control
	tabs     *Tabs
	over     int
	labels   []*canvas.Text
	under    *canvas.Rectangle
	baseline *canvas.Rectangle
	frame    *canvas.Rectangle
}

func newTabStrip(t *Tabs) *tabStrip {
	s := &tabStrip{tabs: t, over: -1, under: canvas.NewRectangle(none), baseline: canvas.NewRectangle(none), frame: canvas.NewRectangle(none)}
	for range t.items {
		l := canvas.NewText("", none)
		TextStyle{Medium: true}.set(l)
		s.labels = append(s.labels, l)
	}
	s.frame.CornerRadius = 4
	s.ExtendBaseWidget(s)
	return s
}

const tabSpace = 24

// span gives the place of a title.
func (s *tabStrip) span(i int) (x, w float32) {
	for k := 0; k < i; k++ {
		x += textWidth(s.tabs.items[k].Title, s.labels[k]) + tabSpace
	}
	return x, textWidth(s.tabs.items[i].Title, s.labels[i])
}

func (s *tabStrip) at(x float32) int {
	for i := range s.labels {
		if l, w := s.span(i); x >= l-tabSpace/2 && x < l+w+tabSpace/2 {
			return i
		}
	}
	return -1
}

// Tapped is for Fyne.
func (s *tabStrip) Tapped(e *fyne.PointEvent) { s.tabs.choose(s.at(e.Position.X)) }

// MouseMoved is for Fyne.
func (s *tabStrip) MouseMoved(e *desktop.MouseEvent) {
	if i := s.at(e.Position.X); i != s.over {
		s.over = i
		s.Refresh()
	}
}

// MouseOut is for Fyne.
func (s *tabStrip) MouseOut() { s.over = -1; s.control.MouseOut() }

// TypedKey is for Fyne.
func (s *tabStrip) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyLeft:
		s.tabs.choose(s.tabs.chosen - 1)
	case fyne.KeyRight:
		s.tabs.choose(s.tabs.chosen + 1)
	case fyne.KeyHome:
		s.tabs.choose(0)
	case fyne.KeyEnd:
		s.tabs.choose(len(s.labels) - 1)
	case fyne.KeyEscape:
		escape(s)
	}
}

func (s *tabStrip) lay(size fyne.Size) {
	place(s.baseline, 0, size.Height-1, size.Width, 1)
	for i, l := range s.labels {
		x, w := s.span(i)
		place(l, x, 0, w, size.Height-2)
		if i == s.tabs.chosen {
			place(s.under, x, size.Height-2, w, 2)
			place(s.frame, x-6, 3, w+12, size.Height-8)
		}
	}
}

// CreateRenderer is for Fyne.
func (s *tabStrip) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{s.baseline, s.under, s.frame}
	for _, l := range s.labels {
		objects = append(objects, l)
	}
	return newRenderer(s.lay,
		func() fyne.Size {
			if len(s.labels) == 0 {
				return fyne.NewSize(0, 36)
			}
			x, w := s.span(len(s.labels) - 1)
			return fyne.NewSize(x+w, 36)
		},
		func() {
			s.baseline.FillColor, s.under.FillColor = theme.Color(theme.Border), theme.Color(theme.Primary)
			ring(s.frame, s.ringed(), "")
			for i, l := range s.labels {
				c := theme.TextSecondary
				if i == s.tabs.chosen || i == s.over {
					c = theme.Text
				}
				TextStyle{Color: c, Medium: true}.set(l)
				l.Text = s.tabs.items[i].Title
			}
			s.lay(s.Size())
		},
		objects...)
}
