package config

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

// SideConfig is what the panel beside a form shows.
type SideConfig struct {
	Above      fyne.CanvasObject // over the code; nil for nothing
	Snippets   func() []Snippet  // the request as it stands, the same titles each time
	Cancel, Do *widgets.Button   // at the bottom
}

// Side is the panel beside a form: the request as code, whether it fits the machine, and
// the buttons.
type Side struct {
	Content fyne.CanvasObject

	editor  *Editor
	c       SideConfig
	tabs    *widgets.Tabs
	code    *widgets.CodeBox
	facts   *widgets.KeyValues
	warning *widgets.Paragraph
	fits    *fyne.Container
	all     *fyne.Container
}

// NewSide makes the panel for a form that an editor holds.
func NewSide(host shell.Host, editor *Editor, c SideConfig) *Side {
	s := &Side{editor: editor, c: c, code: widgets.NewCodeBox("", nil).Wrap(), facts: widgets.NewKeyValues(104), warning: widgets.SmallParagraph("")}
	var tabs []widgets.TabItem
	for _, t := range c.Snippets() {
		tabs = append(tabs, widgets.TabItem{Title: t.Title})
	}
	s.tabs = widgets.NewTabs(tabs, func(int) { s.Show() })
	s.warning.Hide()
	s.fits = widgets.VStack(8, widgets.Heading("Fits this machine"), s.facts, s.warning)
	above := c.Above
	if above == nil {
		above = widgets.Spacer(0, 0)
		above.Hide()
	}
	s.all = container.New(sideLayout{}, above, widgets.VStack(4, widgets.Heading("The same, as code"), s.tabs), s.code,
		widgets.HStack(0, widgets.CopyButton(s.code.Text, host.Copy)), s.fits, widgets.Spread(widgets.HStack(0, c.Cancel), c.Do))
	s.Content = widgets.Inset(s.all, 24, 24, 24, 24)
	return s
}

// Show sets what follows from the form and the machine.
func (s *Side) Show() {
	s.code.SetText(s.c.Snippets()[s.tabs.Selected()].Text)
	s.showFits()
	s.all.Refresh()
}

// SetBusy shows that the request is on its way: do is the button's text meanwhile.
func (s *Side) SetBusy(on bool, do string) {
	s.c.Do.SetText(do)
	if on {
		s.c.Cancel.Disable()
	} else {
		s.c.Cancel.Enable()
	}
	s.c.Do.SetBusy(on)
	s.all.Refresh()
}

// load is what the form asks of the machine.
type load struct {
	files     int64 // bytes of all models' files
	low, high int   // requests at once
}

func (s *Editor) load() (l load) {
	for _, e := range s.Form.Entities {
		if v, ok := s.version(e.Model, e.Version); ok {
			l.files += v.Size
		}
		low, high := e.concurrency()
		l.low, l.high = l.low+low, l.high+high
	}
	return l
}

func (s *Side) showFits() {
	h, l := s.editor.engine.Hardware(), s.editor.load()
	free := max(0, h.MemoryTotal-h.MemoryUsed)
	s.fits.Hidden = len(s.editor.Form.Entities) == 0
	s.facts.Set([]widgets.KeyValue{
		{Key: "Model files", Value: fmt.Sprintf("%s of %s free memory", widgets.Bytes(l.files), widgets.Bytes(free))},
		{Key: "At once", Value: fmt.Sprintf("%s requests", span(l.low, l.high))},
		{Key: "Processors", Value: widgets.Count(h.Cores, "core", "cores")},
	})
	text := ""
	switch {
	case l.files > free:
		text = "The models may not fit: a loaded model takes at least the size of its files."
	case h.Cores > 0 && l.high > h.Cores:
		text = "With more requests at once than cores, requests share the processors and each takes longer."
	}
	s.warning.SetText(text)
	s.warning.Hidden = text == ""
	s.fits.Refresh()
}

func span(low, high int) string {
	if low == high {
		return fmt.Sprint(low)
	}
	return fmt.Sprintf("%d–%d", low, high)
}

// sideLayout stacks what stands above, head, code, copy button and facts from the top and
// puts the buttons to the bottom. The code gets the height it needs as far as there is
// room; where there is none for it, the facts go.
type sideLayout struct{}

func (sideLayout) Layout(o []fyne.CanvasObject, s fyne.Size) {
	const gap, leastCode = 12, 80
	height := func(i int) float32 {
		if !o[i].Visible() {
			return 0
		}
		o[i].Resize(fyne.NewSize(s.Width, o[i].MinSize().Height))
		h := o[i].MinSize().Height
		o[i].Resize(fyne.NewSize(s.Width, h))
		return h
	}
	above, head, copied, facts, buttons := height(0), height(1), height(3), height(4), height(5)
	room := s.Height - head - copied - facts - buttons - 5*gap - 12
	if above > 0 {
		above += 12 // a section ends
		room -= above + gap
	}
	if room < leastCode {
		o[4].Move(fyne.NewPos(0, 100*s.Height)) // out of sight
		room += facts + gap
		facts = 0
	}
	o[2].Resize(fyne.NewSize(s.Width, max(leastCode, room)))
	code := min(max(leastCode, room), o[2].MinSize().Height)
	y := float32(0)
	for i, h := range []float32{above, head, code, copied, facts} {
		if h == 0 {
			continue
		}
		o[i].Resize(fyne.NewSize(s.Width, h))
		o[i].Move(fyne.NewPos(0, y))
		y += h + gap
		if i == 3 {
			y += 12
		}
	}
	o[5].Move(fyne.NewPos(0, s.Height-buttons))
}

func (sideLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(300, 400) }

// Beside puts a form at the left and, parted by a line, a panel on its own ground at the
// right.
func Beside(form, side fyne.CanvasObject) fyne.CanvasObject {
	return container.New(beside{}, form, widgets.Fill(theme.Border), widgets.Fill(theme.Surface), side)
}

type beside struct{}

const (
	sideWidth   = 392
	sideNarrow  = 320 // in a window that is narrower than the form and sideWidth need
	comfortable = 1140
	// narrow is the width under which a form's columns go under each other.
	narrow = 700
)

func (beside) Layout(o []fyne.CanvasObject, s fyne.Size) {
	sideWidth := float32(sideWidth)
	if s.Width < comfortable {
		sideWidth = sideNarrow
	}
	left := max(0, s.Width-sideWidth)
	put := func(i int, x, w float32) {
		o[i].Move(fyne.NewPos(x, 0))
		o[i].Resize(fyne.NewSize(w, s.Height))
	}
	put(0, 0, left-1)
	put(1, left-1, 1)
	put(2, left, sideWidth)
	put(3, left, sideWidth)
}

func (beside) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(sideNarrow+420, 480) }

// Pair puts two fields beside each other, or under each other where that is too narrow.
func Pair(a, b fyne.CanvasObject) fyne.CanvasObject {
	return widgets.StackUnder(narrow, 20, []float32{1, 1}, a, b)
}
