package config

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/resources"
	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

// Engine is what the controls ask of the engine. All of it returns at once.
type Engine interface {
	Models() []registry.Model
	Hardware() hardware.Snapshot
}

// EditorConfig is what an editor asks of its page.
type EditorConfig struct {
	Changed func() // something of the form changed: show what follows
	Chosen  func() // which models are served changed; Changed follows
	Resized func() // the editor takes another height
	Send    func() // Ctrl+Enter in a control that takes Enter itself
}

// Editor is the list of served entities with the traffic that they share.
type Editor struct {
	Form    Form
	Content *fyne.Container
	Cards   []*Card

	host   shell.Host
	engine Engine
	c      EditorConfig
	count  *widgets.Text
	split  *Split
	add    *widgets.Button
	note   *widgets.Paragraph // what is wrong with all of them, or with the traffic
	empty  fyne.CanvasObject  // nothing is chosen yet
	choose *widgets.Button
	none   fyne.CanvasObject // there is nothing to choose from
	list   *fyne.Container
}

// NewEditor makes an editor of an empty form.
func NewEditor(host shell.Host, engine Engine, c EditorConfig) *Editor {
	s := &Editor{host: host, engine: engine, c: c, count: widgets.Muted(""), split: NewSplit(),
		note: widgets.SmallParagraph(""), list: widgets.VStack(16)}
	s.add = widgets.SecondaryButton("Add served entity", func() { s.selectFor(nil) }).WithIcon(resources.IconPlus)
	s.choose = widgets.PrimaryButton("Select a model", func() { s.selectFor(nil) })
	s.empty = invitation("Choose what the endpoint serves", "A version of a registered model.", s.choose,
		widgets.SecondaryButton("Import a model", func() { s.importModel() }).WithIcon(resources.IconUpload))
	s.none = invitation("No models yet", "Import an .onnx file or an MLflow model folder, then serve it here.",
		widgets.PrimaryButton("Import a model", func() { s.importModel() }).WithIcon(resources.IconUpload))
	s.note.SetColor(theme.Danger)
	s.note.Hide()
	title := widgets.Fixed(widgets.HStack(8, widgets.Heading("Served entities"), s.count), 0, 32)
	head := widgets.Spread(widgets.Flow(12, title, s.split.bar, s.split.sum), s.add)
	s.Content = widgets.VStack(12, head, s.note, s.none, s.empty, s.list)
	return s
}

// invitation is a panel that says what is missing and offers it.
func invitation(title, text string, actions ...fyne.CanvasObject) fyne.CanvasObject {
	p := widgets.NewPanel(widgets.Inset(widgets.NewEmptyState(resources.IconCube, title, text, actions...), 12, 0, 12, 0))
	p.SetFill(theme.Surface)
	return p
}

// Rebuild makes the cards anew after one came or went, and tells the page.
func (s *Editor) Rebuild() {
	s.Cards = s.Cards[:0]
	s.list.Objects = s.list.Objects[:0]
	for i := range s.Form.Entities {
		c := newCard(s, i)
		s.Cards = append(s.Cards, c)
		s.list.Add(c.content)
	}
	s.c.Chosen()
}

// Add appends a served entity.
func (s *Editor) Add(model string, version int) {
	s.Form.Add(NewEntity(model, version))
	s.Rebuild()
	s.changed()
}

// Set puts another form in.
func (s *Editor) Set(f Form) {
	s.Form = f
	s.Rebuild()
	s.changed()
}

func (s *Editor) changed() { s.c.Changed() }

// Show sets what follows from the form and the machine.
func (s *Editor) Show() {
	n := len(s.Form.Entities)
	some := len(s.engine.Models()) > 0
	s.none.Hide()
	s.empty.Hide()
	switch {
	case n > 0:
	case some:
		s.empty.Show()
	default:
		s.none.Show()
	}
	s.add.Hidden = n == 0
	if n >= MaxEntities {
		s.add.Disable()
	} else {
		s.add.Enable()
	}
	s.count.SetText(fmt.Sprintf("%d of %d", n, MaxEntities))
	s.count.Hidden = n == 0
	s.split.bar.Hidden, s.split.sum.Hidden = n < 2, n < 2
	s.showTraffic()
	for _, c := range s.Cards {
		c.show()
	}
	s.Content.Refresh()
}

func (s *Editor) showTraffic() { s.split.Set(s.Form) }

// setNote adds to the line under the title; "" adds nothing: several places tell there.
func (s *Editor) setNote(text string) {
	if text != "" {
		s.note.SetText(strings.TrimPrefix(s.note.Text()+"\n"+text, "\n"))
		s.note.Hidden = false
	}
}

// ClearNote takes away what is told under the title, before it is told anew.
func (s *Editor) ClearNote() {
	s.note.SetText("")
	s.note.Hidden = true
}

// Places are where errors of the entities go. The sum of the traffic is told beside the
// bar already, so the engine's word on it is not told twice.
func (s *Editor) Places() []Place {
	var first fyne.Focusable = s.choose
	if len(s.Cards) > 0 {
		first = s.Cards[0].entity
	}
	all := []Place{{"config", s.setNote, first, s.Content, false}, {"config.served_entities", s.setNote, first, s.Content, false}}
	if len(s.Cards) > 1 {
		all = append(all, Place{"config.traffic_config", func(string) {}, s.Cards[0].Traffic, s.Content, true})
	}
	for i, c := range s.Cards {
		all = append(all, c.places(i)...)
	}
	return all
}

// version finds a registered version.
func (s *Editor) version(model string, n int) (registry.Version, bool) {
	for _, m := range s.engine.Models() {
		if m.FullName() == model {
			return m.Version(n)
		}
	}
	return registry.Version{}, false
}

// importModel registers a model and serves it here at once.
func (s *Editor) importModel() {
	s.host.ImportModel("", func(model string, n int) {
		if v, ok := s.version(model, n); ok && v.Status == registry.Ready && len(s.Form.Entities) < MaxEntities {
			s.Add(model, n)
			return
		}
		s.changed()
	})
}

// selectFor opens the dialog for a card, or for a further entity with nil.
func (s *Editor) selectFor(c *Card) {
	if c == nil {
		s.showSelect("", 0, s.Add)
		return
	}
	e := &s.Form.Entities[c.index]
	s.showSelect(e.Model, e.Version, func(model string, version int) {
		e.Model, e.Version = model, version
		s.c.Chosen()
		s.changed()
	})
}
