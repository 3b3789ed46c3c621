package config

import (
	"fmt"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/engine/registry"
	"servery/resources"
	"servery/views/widgets"
)

// selection is the dialog in which a model and one of its versions are chosen.
type selection struct {
	editor  *Editor
	chosen  func(model string, version int)
	modal   *widgets.Modal
	confirm *widgets.Button

	all, shown []registry.Model
	model      registry.Model
	version    registry.Version // Number 0: none is chosen

	search   *widgets.SearchEntry
	count    *widgets.Text
	models   *widgets.Table
	nothing  fyne.CanvasObject
	title    *widgets.Text
	versions *widgets.Table
	facts    *widgets.KeyValues
	reason   *widgets.Banner
	right    *fyne.Container
}

const (
	selectWidth  = 980
	selectHeight = 620
	versionRow   = 38
)

// showSelect opens the dialog with a version marked, or with the newest of the first
// model.
func (e *Editor) showSelect(model string, version int, chosen func(model string, version int)) {
	s := &selection{editor: e, chosen: chosen, all: e.engine.Models(), count: widgets.Small("")}
	s.confirm = widgets.PrimaryButton("Confirm", s.done)
	cancel := widgets.SecondaryButton("Cancel", func() { s.modal.Hide() })
	content := s.build()
	s.filter("")
	for i, m := range s.shown {
		if m.FullName() == model {
			s.choose(i)
			s.models.Select(i)
			if v, ok := m.Version(version); ok {
				s.chooseVersion(v)
			}
		}
	}
	s.modal = e.host.Modal(widgets.ModalConfig{Title: "Select served entity", Content: content, Width: selectWidth, Height: selectHeight,
		Buttons: []*widgets.Button{cancel, s.confirm}, Focus: s.search.Line()})
}

func (s *selection) build() fyne.CanvasObject {
	s.search = widgets.NewSearchEntry("Search models", s.filter)
	s.search.OnLeave = func() { s.editor.host.Focus(s.models) }
	imported := widgets.SecondaryButton("Import a model", func() {
		s.modal.Hide()
		s.editor.importModel()
	}).WithIcon(resources.IconUpload)
	s.models = widgets.NewTable(widgets.TableConfig{
		Columns:    []widgets.Column{{Title: "Model", Flex: 1}, {Title: "Latest", Width: 76}, {Title: "Updated", Width: 116}},
		RowHeight:  48,
		Selectable: true,
		Len:        func() int { return len(s.shown) },
		NewCell: func(col int) fyne.CanvasObject {
			if col == 0 {
				return widgets.NewTwoLineCell()
			}
			return widgets.MutedCell()
		},
		UpdateCell: s.modelCell,
		Opened:     s.choose,
		Entered:    func(i int) { s.choose(i); s.confirm.Tapped(nil) },
		Moved:      s.choose,
	})
	s.nothing = widgets.NewEmptyState(resources.IconSearch, "No model matches", "Search by catalog, schema or name.")
	s.title = widgets.Heading("").Truncate()
	s.versions = widgets.NewTable(widgets.TableConfig{
		Columns:    []widgets.Column{{Title: "Version", Width: 72}, {Title: "Status", Width: 116}, {Title: "Aliases", Flex: 1}, {Title: "Created", Width: 112}},
		RowHeight:  versionRow,
		Selectable: true,
		Len:        func() int { return len(s.model.Versions) },
		NewCell: func(col int) fyne.CanvasObject {
			switch col {
			case 1:
				return widgets.NewBadge(widgets.StateReady, "")
			case 0:
				return widgets.TextCell()
			}
			return widgets.MutedCell()
		},
		UpdateCell: s.versionCell,
		Opened:     func(i int) { s.chooseVersion(s.model.Versions[i]) },
		Entered:    func(i int) { s.chooseVersion(s.model.Versions[i]); s.confirm.Tapped(nil) },
		Moved:      func(i int) { s.chooseVersion(s.model.Versions[i]) },
	})
	s.facts = widgets.NewKeyValues(76)
	s.reason = widgets.NewBanner(widgets.Error, "This version cannot be served", "")
	left := container.New(stacked{flexible: 1}, widgets.Spread(s.search, imported), container.NewStack(s.models, s.nothing), s.count)
	s.right = container.New(stacked{1, func() float32 { return 36 + float32(len(s.model.Versions))*versionRow }},
		s.title, s.versions, widgets.Spacer(1, 1), s.facts, s.reason)
	return widgets.Columns(24, []float32{1, 1}, left, s.right)
}

func (s *selection) modelCell(row, col int, cell fyne.CanvasObject) {
	m := s.shown[row]
	latest, ok := m.Latest()
	switch col {
	case 0:
		text := "no version that is ready"
		if ok {
			text = widgets.SignatureSummary(latest)
		}
		cell.(*widgets.TwoLineCell).Set(m.FullName(), text)
	case 1:
		text := "—"
		if ok {
			text = "v" + strconv.Itoa(latest.Number)
		}
		widgets.SetCell(cell, text)
	case 2:
		widgets.SetCell(cell, widgets.Ago(s.editor.host.Now(), m.UpdatedAt))
	}
}

func (s *selection) versionCell(row, col int, cell fyne.CanvasObject) {
	v := s.model.Versions[row]
	switch col {
	case 0:
		widgets.SetCell(cell, strconv.Itoa(v.Number))
	case 1:
		cell.(*widgets.Badge).Set(widgets.VersionBadge(v.Status))
	case 2:
		widgets.SetCell(cell, strings.Join(s.model.AliasesOf(v.Number), ", "))
	case 3:
		widgets.SetCell(cell, widgets.Ago(s.editor.host.Now(), v.CreatedAt))
	}
}

// filter shows the models whose full names have every word of the text.
func (s *selection) filter(text string) {
	before := s.model.FullName()
	s.shown = s.shown[:0]
	for _, m := range s.all {
		if hasWords(m.FullName(), text) {
			s.shown = append(s.shown, m)
		}
	}
	s.count.SetText(widgets.Count(len(s.shown), "model", "models"))
	s.nothing.Hide()
	if len(s.shown) == 0 {
		s.nothing.Show()
	}
	s.models.Refresh()
	s.models.ScrollToTop()
	for i, m := range s.shown {
		if m.FullName() == before {
			s.models.Select(i)
			return
		}
	}
	s.choose(0)
	if len(s.shown) > 0 {
		s.models.Select(0)
	}
}

func hasWords(name, text string) bool {
	name = strings.ToLower(name)
	for _, w := range strings.Fields(strings.ToLower(text)) {
		if !strings.Contains(name, w) {
			return false
		}
	}
	return true
}

// choose shows a model of the list and marks its newest version that can be served.
func (s *selection) choose(i int) {
	if i >= len(s.shown) {
		s.model = registry.Model{}
		s.chooseVersion(registry.Version{})
		return
	}
	if s.model.FullName() == s.shown[i].FullName() && s.version.Number > 0 {
		return
	}
	s.model = s.shown[i]
	v, ok := s.model.Latest()
	if !ok && len(s.model.Versions) > 0 {
		v = s.model.Versions[0]
	}
	s.chooseVersion(v)
}

func (s *selection) chooseVersion(v registry.Version) {
	s.version = v
	if s.model.Name == "" {
		s.right.Hide()
		s.confirm.Disable()
		return
	}
	s.right.Show()
	s.title.SetText(s.model.FullName())
	s.versions.Refresh()
	for i := range s.model.Versions {
		if s.model.Versions[i].Number == v.Number {
			s.versions.Select(i)
		}
	}
	s.showFacts(v)
	if v.Status == registry.Ready {
		s.confirm.Enable()
	} else {
		s.confirm.Disable()
	}
	s.right.Refresh()
}

func (s *selection) showFacts(v registry.Version) {
	s.facts.Hidden = v.Status != registry.Ready
	s.reason.Hidden = v.Status == registry.Ready
	if v.Status != registry.Ready {
		text := v.Reason
		if v.Status == registry.Pending {
			text = "Its registration is not finished."
		}
		s.reason.SetText(fmt.Sprintf("Version %d cannot be served", v.Number), text)
		return
	}
	var rows []widgets.KeyValue
	for _, direction := range []string{"input", "output"} {
		rows = append(rows, widgets.KeyValue{Key: title(direction) + "s", Value: ports(v, direction), Mono: true})
	}
	rows = append(rows, widgets.KeyValue{Key: "Model", Value: modelWords(v)})
	s.facts.Set(rows)
}

func (s *selection) done() {
	if s.version.Status != registry.Ready {
		return
	}
	s.modal.Hide()
	s.chosen(s.model.FullName(), s.version.Number)
}
