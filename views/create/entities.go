package create

import (
	"fmt"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/registry"
	"servery/resources"
	"servery/theme"
	"servery/views/widgets"
)

// shareColors tell the served entities' shares of the traffic apart.
var shareColors = []fyne.ThemeColorName{theme.ChartBlue, theme.ChartOrange, theme.ChartTeal, theme.ChartPurple, theme.ChartGreen, theme.ChartRed}

// entitySection is the list of served entities with the traffic that they share.
type entitySection struct {
	p       *Page
	count   *widgets.Text
	bar     *widgets.SharesBar
	sum     *widgets.Text
	traffic *fyne.Container // around the bar
	add     *widgets.Button
	note    *widgets.Paragraph // what is wrong with all of them, or with the traffic
	empty   fyne.CanvasObject  // nothing is chosen yet
	choose  *widgets.Button
	none    fyne.CanvasObject // there is nothing to choose from
	cards   []*card
	list    *fyne.Container
	content *fyne.Container
}

func newEntitySection(p *Page) *entitySection {
	s := &entitySection{p: p, count: widgets.Muted(""), bar: widgets.NewSharesBar(6), sum: widgets.Body(""),
		note: widgets.SmallParagraph(""), list: widgets.VStack(16)}
	s.add = widgets.SecondaryButton("Add served entity", func() { s.p.selectFor(nil) }).WithIcon(resources.IconPlus)
	s.choose = widgets.PrimaryButton("Select a model", func() { s.p.selectFor(nil) })
	s.empty = invitation("Choose what the endpoint serves", "A version of a registered model.", s.choose,
		widgets.SecondaryButton("Import a model", func() { s.p.importModel() }).WithIcon(resources.IconUpload))
	s.none = invitation("No models yet", "Import an .onnx file or an MLflow model folder, then serve it here.",
		widgets.PrimaryButton("Import a model", func() { s.p.importModel() }).WithIcon(resources.IconUpload))
	s.note.SetColor(theme.Danger)
	s.note.Hide()
	s.traffic = widgets.Fixed(s.bar, 160, 0)
	title := widgets.Fixed(widgets.HStack(8, widgets.Heading("Served entities"), s.count), 0, 32)
	head := widgets.Spread(widgets.Flow(12, title, s.traffic, s.sum), s.add)
	s.content = widgets.VStack(12, head, s.note, s.none, s.empty, s.list)
	return s
}

// invitation is a panel that says what is missing and offers it.
func invitation(title, text string, actions ...fyne.CanvasObject) fyne.CanvasObject {
	p := widgets.NewPanel(widgets.Inset(widgets.NewEmptyState(resources.IconCube, title, text, actions...), 12, 0, 12, 0))
	p.SetFill(theme.Surface)
	return p
}

// rebuild makes the cards anew after one came or went.
func (s *entitySection) rebuild() {
	s.cards = s.cards[:0]
	s.list.Objects = s.list.Objects[:0]
	for i := range s.p.form.entities {
		c := newCard(s.p, i)
		s.cards = append(s.cards, c)
		s.list.Add(c.content)
	}
}

// show sets what follows from the form.
func (s *entitySection) show() {
	n := len(s.p.form.entities)
	some := len(s.p.engine.Models()) > 0
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
	if n >= maxEntities {
		s.add.Disable()
	} else {
		s.add.Enable()
	}
	s.count.SetText(fmt.Sprintf("%d of %d", n, maxEntities))
	s.count.Hidden = n == 0
	s.traffic.Hidden, s.sum.Hidden = n < 2, n < 2
	s.showTraffic()
	for _, c := range s.cards {
		c.show()
	}
	s.content.Refresh()
}

func (s *entitySection) showTraffic() {
	total := s.p.form.total()
	var shares []widgets.Share
	for i, e := range s.p.form.entities {
		n, _ := strconv.Atoi(strings.TrimSpace(e.traffic))
		shares = append(shares, widgets.Share{Fraction: float64(n) / float64(max(100, total)), Color: shareColors[i%len(shareColors)]})
	}
	s.bar.Set(shares)
	if total == 100 {
		s.sum.SetText("100 % of traffic")
		s.sum.SetColor(theme.Success)
		return
	}
	s.sum.SetText(fmt.Sprintf("%d %% of traffic, must be 100 %%", total))
	s.sum.SetColor(theme.Danger)
}

// setNote adds to the line under the title; "" adds nothing: several places tell there.
func (s *entitySection) setNote(text string) {
	if text != "" {
		s.note.SetText(strings.TrimPrefix(s.note.Text()+"\n"+text, "\n"))
		s.note.Hidden = false
	}
}

func (s *entitySection) clearNote() {
	s.note.SetText("")
	s.note.Hidden = true
}

// places are where errors of the entities go. The sum of the traffic is told beside the
// bar already, so the engine's word on it is not told twice.
func (s *entitySection) places() []place {
	var first fyne.Focusable = s.choose
	if len(s.cards) > 0 {
		first = s.cards[0].entity
	}
	all := []place{{"config", s.setNote, first, s.content, false}, {"config.served_entities", s.setNote, first, s.content, false}}
	if len(s.cards) > 1 {
		all = append(all, place{"config.traffic_config", func(string) {}, s.cards[0].traffic, s.content, true})
	}
	for i, c := range s.cards {
		all = append(all, c.places(i)...)
	}
	return all
}

// version finds a registered version.
func (p *Page) version(model string, n int) (registry.Version, bool) {
	for _, m := range p.engine.Models() {
		if m.FullName() == model {
			return m.Version(n)
		}
	}
	return registry.Version{}, false
}

// importModel registers a model and serves it here at once.
func (p *Page) importModel() {
	p.host.ImportModel("", func(model string, n int) {
		if v, ok := p.version(model, n); ok && v.Status == registry.Ready && len(p.form.entities) < maxEntities {
			p.add(model, n)
			return
		}
		p.changed()
	})
}

// selectFor opens the dialog for a card, or for a further entity with nil.
func (p *Page) selectFor(c *card) {
	if c == nil {
		p.showSelect("", 0, p.add)
		return
	}
	e := &p.form.entities[c.index]
	p.showSelect(e.model, e.version, func(model string, version int) {
		e.model, e.version = model, version
		p.suggest()
		p.changed()
	})
}
