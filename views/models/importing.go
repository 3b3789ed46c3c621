package models

import (
	"context"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/registry"
	"servery/resources"
	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

// Importer is what the import dialog asks of the engine. ImportModel may take as long as
// copying a large model takes, and refuses with *registry.NameError and
// *registry.SourceError; a model that cannot be served is a version with the status
// Failed and no error.
type Importer interface {
	Models() []registry.Model
	ImportModel(ctx context.Context, in registry.Import, progress func(registry.Progress)) (registry.Version, error)
}

// ShowImport opens the dialog that imports a model, with a path filled in unless it is "".
// done hears, once the dialog is closed, of the version that was made, be it Ready or
// Failed; it hears nothing where none was made. done may be nil.
func ShowImport(h shell.Host, e Importer, path string, done func(fullName string, version int)) {
	showImport(h, e, path, "", done)
}

// importDialog is the open dialog.
type importDialog struct {
	host   shell.Host
	engine Importer
	done   func(string, int)
	named  bool // the name was typed or is that of a model; else it follows the path

	made     string // the full name under which a version was made
	version  registry.Version
	running  bool
	gone     bool   // the dialog is closed
	cancel   func() // of the import that runs
	path     *widgets.Entry
	name     *widgets.Entry
	alias    *widgets.Entry
	comment  *widgets.Entry
	choose   []*widgets.Button
	source   *widgets.Field
	nameAs   *widgets.Field
	aliasAs  *widgets.Field
	stage    *widgets.Text
	amount   *widgets.Text
	meter    *widgets.Meter
	progress *fyne.Container
	banner   *widgets.Banner
	start    *widgets.Button
	close    *widgets.Button
	modal    *widgets.Modal
}

func showImport(h shell.Host, e Importer, path, name string, done func(string, int)) *importDialog {
	d := &importDialog{host: h, engine: e, done: done, named: name != ""}
	content := d.build()
	title := "Import a model"
	if name != "" {
		title = "Import a new version"
		d.name.Text = name
	}
	d.path.SetText(path)
	d.nameChanged()
	focus := fyne.Focusable(d.path)
	if path != "" {
		focus = d.name
	}
	d.modal = h.Modal(widgets.ModalConfig{Title: title, Content: content, Width: 580,
		Buttons: []*widgets.Button{d.close, d.start}, Focus: focus, Closed: d.closed})
	return d
}

func (d *importDialog) build() fyne.CanvasObject {
	submit := func(string) { d.run() }
	entry := func(placeholder string, changed func()) *widgets.Entry {
		e := widgets.NewEntry(placeholder)
		e.OnChanged, e.OnSubmitted = func(string) { changed() }, submit
		return e
	}
	d.path = entry("/path/to/model.onnx", d.pathChanged)
	d.name = entry("main.default.my_model", func() { d.named = d.name.Text != ""; d.nameChanged() })
	d.alias = entry("such as champion", d.aliasChanged)
	d.comment = entry("", func() {})
	chosen := func(path string) {
		d.path.SetText(path)
		d.host.Focus(d.name)
	}
	d.choose = []*widgets.Button{
		widgets.SecondaryButton("File", func() { d.host.OpenFile("Choose an ONNX file", []string{".onnx"}, chosen) }).WithIcon(resources.IconFile),
		widgets.SecondaryButton("Folder", func() { d.host.OpenFolder("Choose an MLflow model folder", chosen) }).WithIcon(resources.IconFolder),
	}
	d.source = widgets.NewField("File or folder", "An .onnx file, or a folder in the MLflow model format. Its files are copied.",
		widgets.Columns(8, []float32{1, -82, -96}, d.path, d.choose[0], d.choose[1])).Frames(d.path).Required()
	d.nameAs = widgets.NewField("Register as", "", d.name).Required()
	d.aliasAs = widgets.NewField("Alias", "Optional. Points at the new version.", d.alias)
	d.stage, d.amount, d.meter = widgets.Body(""), widgets.Muted(""), widgets.NewMeter(theme.ChartBlue)
	d.progress = widgets.VStack(6, widgets.Spread(d.stage, d.amount), d.meter)
	d.progress.Hide()
	d.banner = widgets.NewBanner(widgets.Error, "", "")
	d.banner.Hide()
	d.start = widgets.PrimaryButton("Import", d.run)
	d.close = widgets.SecondaryButton("Cancel", d.stop)
	return widgets.VStack(16, d.source, d.nameAs,
		widgets.Columns(16, []float32{1, 1}, d.aliasAs, widgets.NewField("Comment", "Optional.", d.comment)), d.progress, d.banner)
}

func (d *importDialog) refresh() {
	if d.modal != nil && !d.gone {
		d.modal.Content().Refresh()
		d.modal.Refresh()
	}
}

// pathChanged proposes a name while none was typed.
func (d *importDialog) pathChanged() {
	d.source.SetError("")
	if path := strings.TrimSpace(d.path.Text); !d.named {
		name := ""
		if path != "" {
			name = registry.SuggestName(path)
		}
		d.name.Text = name
		d.name.Refresh()
	}
	d.nameChanged()
}

// nameChanged says what the name stands for, or what is wrong with it.
func (d *importDialog) nameChanged() {
	d.nameAs.SetError("")
	text := strings.TrimSpace(d.name.Text)
	name, err := registry.ParseName(text)
	switch {
	case text == "":
		d.nameAs.SetHelp("catalog.schema.model: letters, digits, _ and -.")
	case err != nil:
		d.nameAs.SetError(err.Error())
	default:
		d.nameAs.SetHelp(d.becomes(name.String()))
	}
	d.refresh()
}

// becomes says what importing under a name makes.
func (d *importDialog) becomes(fullName string) string {
	for _, m := range d.engine.Models() {
		if m.FullName() == fullName && len(m.Versions) > 0 {
			return fmt.Sprintf("A new version of a model that has %s.", widgets.Count(len(m.Versions), "version", "versions"))
		}
	}
	return "A new model, " + fullName + "."
}

func (d *importDialog) aliasChanged() {
	d.aliasAs.SetError("")
	if text := strings.TrimSpace(d.alias.Text); text != "" {
		if _, err := registry.ParseAlias(text); err != nil {
			d.aliasAs.SetError(err.Error())
		}
	}
	d.refresh()
}
