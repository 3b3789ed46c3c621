package create

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/engine/endpoint"
	"servery/views/widgets"
)

// side is the right panel: the request as code, whether it fits the machine, and the
// buttons.
type side struct {
	p       *Page
	tabs    *widgets.Tabs
	code    *widgets.CodeBox
	facts   *widgets.KeyValues
	warning *widgets.Paragraph
	cancel  *widgets.Button
	create  *widgets.Button
	fits    *fyne.Container
	content fyne.CanvasObject
}

func newSide(p *Page) *side {
	s := &side{p: p, code: widgets.NewCodeBox("", nil).Wrap(), facts: widgets.NewKeyValues(104), warning: widgets.SmallParagraph("")}
	var tabs []widgets.TabItem
	for _, t := range snippets(endpoint.Spec{}, "") {
		tabs = append(tabs, widgets.TabItem{Title: t.title})
	}
	s.tabs = widgets.NewTabs(tabs, func(int) { s.show() })
	s.cancel = widgets.SecondaryButton("Cancel", p.host.Back)
	s.create = widgets.PrimaryButton("Create", p.create).WithHint("Ctrl ↵")
	s.warning.Hide()
	s.fits = widgets.VStack(8, widgets.Heading("Fits this machine"), s.facts, s.warning)
	s.content = widgets.Inset(container.New(sideLayout{}, widgets.VStack(4, widgets.Heading("The same, as code"), s.tabs), s.code,
		widgets.HStack(0, widgets.CopyButton(s.code.Text, p.host.Copy)), s.fits, widgets.Spread(widgets.HStack(0, s.cancel), s.create)), 24, 24, 24, 24)
	return s
}

func (s *side) show() {
	spec, _ := s.p.form.spec()
	s.code.SetText(snippets(spec, s.p.engine.Address())[s.tabs.Selected()].text)
	s.showFits()
}

func (s *side) setCreating(on bool) {
	s.create.SetText("Create")
	if on {
		s.create.SetText("Creating")
		s.cancel.Disable()
	} else {
		s.cancel.Enable()
	}
	s.create.SetBusy(on)
	s.fits.Refresh()
}

// load is what the form asks of the machine.
type load struct {
	files     int64 // bytes of all models' files
	low, high int   // requests at once
}

func (p *Page) load() (l load) {
	for _, e := range p.form.entities {
		if v, ok := p.version(e.model, e.version); ok {
			l.files += v.Size
		}
		low, high := e.concurrency()
		l.low, l.high = l.low+low, l.high+high
	}
	return l
}

func (s *side) showFits() {
	h, l := s.p.engine.Hardware(), s.p.load()
	free := max(0, h.MemoryTotal-h.MemoryUsed)
	s.fits.Hidden = len(s.p.form.entities) == 0
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

// sideLayout stacks head, code, copy button and facts from the top and puts the buttons to
// the bottom. The code gets the height it needs as far as there is room.
type sideLayout struct{}

func (sideLayout) Layout(o []fyne.CanvasObject, s fyne.Size) {
	const gap = 12
	height := func(i int) float32 {
		if !o[i].Visible() {
			return 0
		}
		o[i].Resize(fyne.NewSize(s.Width, o[i].MinSize().Height))
		h := o[i].MinSize().Height
		o[i].Resize(fyne.NewSize(s.Width, h))
		return h
	}
	head, copied, facts, buttons := height(0), height(2), height(3), height(4)
	room := s.Height - head - copied - facts - buttons - 5*gap - 12
	o[1].Resize(fyne.NewSize(s.Width, max(80, room)))
	code := min(max(80, room), o[1].MinSize().Height)
	y := float32(0)
	for i, h := range []float32{head, code, copied, facts} {
		o[i].Resize(fyne.NewSize(s.Width, h))
		o[i].Move(fyne.NewPos(0, y))
		y += h + gap
		if i == 2 {
			y += 12
		}
	}
	o[4].Move(fyne.NewPos(0, s.Height-buttons))
}

func (sideLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(300, 400) }
