// Package models is the page of registered models: their list, and of the one that is
// chosen its versions, signature, operators and facts. It also has the dialog that
// imports a model, which the program opens from anywhere. It knows no file format: what a
// version is, the registry says.
package models

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/telemetry"
	"servery/resources"
	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

// Engine is what the page asks of the engine. Models and Endpoints return at once; what
// they give is shared and read only.
type Engine interface {
	Importer
	Endpoints() []endpoint.Endpoint
	Hardware() hardware.Snapshot
	SetAlias(ctx context.Context, fullName, alias string, version int) error
	DeleteAlias(ctx context.Context, fullName, alias string) error
	// DeleteVersion and DeleteModel refuse with *registry.InUseError.
	DeleteVersion(ctx context.Context, fullName string, version int) error
	DeleteModel(ctx context.Context, fullName string) error
}

// Page is the list of models beside the chosen model.
type Page struct {
	host   shell.Host
	engine Engine

	models  []registry.Model // all
	listed  []registry.Model // those that the filter leaves
	uses    map[versionKey][]use
	chosen  string // full name
	version int    // of the chosen model

	search       *widgets.SearchEntry
	list         *widgets.Table
	none         *widgets.Paragraph // the filter leaves none
	detail       *detail
	body         *fyne.Container
	empty        *fyne.Container
	importButton *widgets.Button
	content      fyne.CanvasObject
}

// New makes the page of a route, which may name a model to choose.
func New(h shell.Host, r shell.Route, e Engine) *Page {
	p := &Page{host: h, engine: e, chosen: r.Name}
	p.build()
	h.Shortcut(fyne.KeySlash, 0, func() { h.Focus(p.search.Line()) })
	p.Refresh(nil)
	return p
}

func (p *Page) build() {
	importing := func() *widgets.Button {
		return widgets.PrimaryButton("Import a model", func() { p.importModel("", "") }).WithIcon(resources.IconUpload)
	}
	p.importButton = importing()
	header := widgets.PageHeader("Models", "Registered models in the local Unity Catalog. Drop an .onnx file or an MLflow model folder anywhere on this page.",
		p.importButton)
	p.search = widgets.NewSearchEntry("Filter models", func(string) { p.filter() })
	p.search.OnLeave = func() { p.host.Focus(p.list) }
	p.list = widgets.NewTable(widgets.TableConfig{
		Columns:    []widgets.Column{{Title: "Model", Flex: 1}},
		RowHeight:  46,
		NoHeader:   true,
		Selectable: true,
		Len:        func() int { return len(p.listed) },
		NewCell:    func(int) fyne.CanvasObject { return widgets.NewTwoLineCell() },
		UpdateCell: func(row, _ int, cell fyne.CanvasObject) {
			m := p.listed[row]
			cell.(*widgets.TwoLineCell).Set(m.Name, m.Catalog+"."+m.Schema+" · "+widgets.Count(len(m.Versions), "version", "versions"))
		},
		Opened: func(i int) { p.choose(p.listed[i].FullName()) },
		Moved:  func(i int) { p.choose(p.listed[i].FullName()) },
	})
	p.none = widgets.MutedParagraph("No model matches the filter.")
	p.detail = newDetail(p)
	left := container.New(listLayout{}, p.search, p.list, p.none)
	p.body = container.New(twoPanes{}, left, widgets.Fill(theme.Border), p.detail.content)
	p.empty = container.NewStack(widgets.NewEmptyState(resources.IconModels, "No models yet", "Import an .onnx file or an MLflow model folder, or drop one here.", importing()))
	p.content = widgets.FillPage(header, container.NewStack(p.body, p.empty))
}

// Breadcrumb is for the shell.
func (p *Page) Breadcrumb() []shell.Crumb { return []shell.Crumb{{Title: "Models"}} }

// Content is for the shell.
func (p *Page) Content() fyne.CanvasObject { return p.content }

// Refresh is for the shell.
func (p *Page) Refresh(changes []telemetry.Change) {
	kind := func(k telemetry.ChangeKind) bool {
		return changes == nil || slices.ContainsFunc(changes, func(c telemetry.Change) bool { return c.Kind == k })
	}
	// The machine's GPUs may have been found.
	models, endpoints := kind(telemetry.ModelChanged) || kind(telemetry.EngineChanged), kind(telemetry.EndpointChanged)
	if !models && !endpoints {
		return
	}
	uses := usesOf(p.engine.Endpoints())
	if !models && maps.EqualFunc(uses, p.uses, slices.Equal) {
		return // an endpoint changed in what is not shown here
	}
	p.models, p.uses = p.engine.Models(), uses
	if _, ok := p.model(); !ok {
		p.chosen, p.version = "", 0
	}
	some := len(p.models) > 0
	p.body.Hidden, p.empty.Hidden, p.importButton.Hidden = !some, some, !some
	p.content.Refresh()
	p.filter()
}

// Shown is for the shell.
func (p *Page) Shown() {}

// Hidden is for the shell.
func (p *Page) Hidden() {}

// SetRoute is for the shell.
func (p *Page) SetRoute(r shell.Route) bool {
	p.Refresh(nil)
	if r.Name != "" {
		p.search.SetText("")
		p.choose(r.Name)
	}
	return true
}

// Dropped is for the shell: the models are imported one after the other.
func (p *Page) Dropped(paths []string) { p.importAll(modelsAmong(paths)) }

func (p *Page) importAll(paths []string) {
	if len(paths) == 0 {
		return
	}
	ShowImport(p.host, p.engine, paths[0], func(fullName string, version int) {
		p.reveal(fullName, version)
		p.importAll(paths[1:])
	})
}

// modelsAmong leaves out what was dropped with .onnx files because they name it, such as
// their weights: w.onnx.data. A folder has no extension as a rule.
func modelsAmong(paths []string) []string {
	isONNX := func(path string) bool { return strings.EqualFold(filepath.Ext(path), ".onnx") }
	if !slices.ContainsFunc(paths, isONNX) {
		return paths
	}
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return !isONNX(path) && filepath.Ext(path) != "" })
}

// importModel opens the import dialog, for a further version of a model where name is
// not "".
func (p *Page) importModel(path, name string) { showImport(p.host, p.engine, path, name, p.reveal) }

// reveal shows a version that was just made.
func (p *Page) reveal(fullName string, version int) {
	p.chosen, p.version = fullName, version
	p.search.SetText("")
	p.Refresh(nil)
}

// model is the chosen model.
func (p *Page) model() (registry.Model, bool) {
	for _, m := range p.models {
		if m.FullName() == p.chosen {
			return m, true
		}
	}
	return registry.Model{}, false
}

// filter lists the models whose full names have every word of the filter, and chooses one
// where none is.
func (p *Page) filter() {
	words := strings.Fields(strings.ToLower(p.search.Text()))
	p.listed = p.listed[:0:0]
	for _, m := range p.models {
		has := func(w string) bool { return strings.Contains(m.FullName(), w) }
		if !slices.ContainsFunc(words, func(w string) bool { return !has(w) }) {
			p.listed = append(p.listed, m)
		}
	}
	p.none.Hidden = len(p.listed) > 0
	p.list.Refresh()
	if p.chosen == "" && len(p.listed) > 0 {
		p.chosen = p.listed[0].FullName()
	}
	p.list.Mark(slices.IndexFunc(p.listed, func(m registry.Model) bool { return m.FullName() == p.chosen }))
	p.show()
}

// choose shows a model with its newest version.
func (p *Page) choose(fullName string) {
	if fullName != p.chosen {
		p.chosen, p.version = fullName, 0
		p.detail.scroll.ScrollToTop()
	}
	p.list.Select(slices.IndexFunc(p.listed, func(m registry.Model) bool { return m.FullName() == p.chosen }))
	p.show()
}

// chooseVersion shows a version of the chosen model.
func (p *Page) chooseVersion(n int) {
	p.version = n
	p.show()
}

// show shows the chosen model and version.
func (p *Page) show() {
	m, ok := p.model()
	if !ok {
		p.detail.content.Hide()
		return
	}
	p.detail.content.Show()
	v, ok := m.Version(p.version)
	if !ok && len(m.Versions) > 0 {
		v = m.Versions[0]
		p.version = v.Number
	}
	p.detail.show(m, v)
}

// listLayout puts the filter over the list, and over the list's place what is said where
// it is empty.
type listLayout struct{}

func (listLayout) Layout(o []fyne.CanvasObject, s fyne.Size) {
	h := o[0].MinSize().Height
	for i, c := range o {
		c.Move(fyne.NewPos(0, 0))
		c.Resize(fyne.NewSize(s.Width, h))
		if i > 0 {
			c.Move(fyne.NewPos(0, h+10))
			c.Resize(fyne.NewSize(s.Width, max(0, s.Height-h-10)))
		}
	}
}

func (listLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(listWidth, 200) }

const listWidth = 232

// twoPanes puts the list at the left, a line, and the detail in what is left.
type twoPanes struct{}

func (twoPanes) Layout(o []fyne.CanvasObject, s fyne.Size) {
	put := func(i int, x, y, w float32) {
		o[i].Move(fyne.NewPos(x, y))
		o[i].Resize(fyne.NewSize(max(0, w), s.Height-y))
	}
	put(0, 0, 0, listWidth)
	put(1, listWidth+16, 0, 1)
	put(2, listWidth+33-edge, -edge, s.Width-listWidth-33+edge)
}

func (twoPanes) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(listWidth+400, 300) }

var (
	_ shell.Page    = (*Page)(nil)
	_ shell.Dropper = (*Page)(nil)
	_ shell.Router  = (*Page)(nil)
)
