package models

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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
		widgets.Columns(8, []float32{1, -82, -96}, d.path, d.choose[0], d.choose[1])).Required()
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

// run starts the import, or shows what is missing for it.
func (d *importDialog) run() {
	if d.running || d.made != "" {
		return
	}
	in := registry.Import{Source: strings.TrimSpace(d.path.Text), Name: strings.TrimSpace(d.name.Text),
		Alias: strings.TrimSpace(d.alias.Text), Comment: strings.TrimSpace(d.comment.Text)}
	switch {
	case in.Source == "":
		d.fail(d.source, d.path, "Choose a file or a folder.")
		return
	case !filepath.IsAbs(in.Source):
		d.fail(d.source, d.path, "Give the whole path, from the root of the file system.")
		return
	case in.Name == "":
		d.fail(d.nameAs, d.name, "Give the model a name.")
		return
	case d.nameAs.Error() != "":
		d.host.Focus(d.name)
		return
	case d.aliasAs.Error() != "":
		d.host.Focus(d.alias)
		return
	}
	d.setRunning(true)
	d.cancel = shell.ProgressTask(d.host,
		func(ctx context.Context, report func(registry.Progress)) (registry.Version, error) {
			return d.engine.ImportModel(ctx, in, report)
		},
		d.tell,
		func(v registry.Version, err error) { d.finish(in, v, err) })
}

func (d *importDialog) fail(f *widgets.Field, focus fyne.Focusable, text string) {
	f.SetError(text)
	d.refresh()
	d.host.Focus(focus)
}

func (d *importDialog) setRunning(on bool) {
	d.running = on
	d.banner.Hide()
	d.progress.Hidden = !on
	d.stage.SetText("Starting")
	d.amount.SetText("")
	d.meter.Set(0)
	d.start.SetBusy(on)
	d.start.SetText("Import")
	if on {
		d.start.SetText("Importing")
	}
	for _, e := range []fyne.Disableable{d.path, d.name, d.alias, d.comment, d.choose[0], d.choose[1]} {
		if on {
			e.Disable()
		} else {
			e.Enable()
		}
	}
	d.close.Enable()
	if on && !d.gone {
		d.host.Focus(d.close)
	}
	d.refresh()
}

// tell shows how far the import is.
func (d *importDialog) tell(p registry.Progress) {
	d.stage.SetText(p.Stage)
	if p.Total > 0 {
		d.amount.SetText(widgets.Bytes(p.Done) + " of " + widgets.Bytes(p.Total))
		d.meter.Set(float64(p.Done) / float64(p.Total))
	}
	d.refresh()
}

func (d *importDialog) finish(in registry.Import, v registry.Version, err error) {
	d.setRunning(false)
	if d.gone && err != nil {
		if !errors.Is(err, context.Canceled) {
			d.host.Toast(widgets.Error, err.Error())
		}
		return
	}
	var name *registry.NameError
	var source *registry.SourceError
	switch {
	case errors.Is(err, context.Canceled):
		d.modal.Hide()
	case errors.As(err, &source):
		d.fail(d.source, d.path, err.Error())
	case errors.As(err, &name) && name.Part == "alias":
		d.fail(d.aliasAs, d.alias, err.Error())
	case errors.As(err, &name):
		d.fail(d.nameAs, d.name, err.Error())
	case err != nil:
		d.say("The model was not imported", err.Error())
	default:
		d.succeed(in, v)
	}
}

func (d *importDialog) succeed(in registry.Import, v registry.Version) {
	d.made, d.version = in.Name, v
	if name, err := registry.ParseName(in.Name); err == nil {
		d.made = name.String()
	}
	switch {
	case v.Status == registry.Ready:
		d.host.Toast(widgets.Success, fmt.Sprintf("%s version %d was imported.", d.made, v.Number))
	case d.gone:
		d.host.Toast(widgets.Error, fmt.Sprintf("%s version %d cannot be served: %s", d.made, v.Number, v.Reason))
	}
	if d.gone { // closed while the last files were stored: too late to give up
		d.tellDone()
		return
	}
	if v.Status == registry.Ready {
		d.modal.Hide()
		return
	}
	for _, e := range []fyne.Disableable{d.path, d.name, d.alias, d.comment, d.choose[0], d.choose[1]} {
		e.Disable()
	}
	d.start.Hide()
	d.close.SetText("Close")
	d.say(fmt.Sprintf("Version %d was registered, but it cannot be served", v.Number), v.Reason)
	d.host.Focus(d.close)
}

func (d *importDialog) say(title, text string) {
	d.banner.SetText(title, text)
	d.banner.Show()
	d.refresh()
}

// stop gives up a running import, or closes the dialog.
func (d *importDialog) stop() {
	if !d.running {
		d.modal.Hide()
		return
	}
	d.stage.SetText("Cancelling")
	d.close.Disable()
	d.cancel()
	d.refresh()
}

// closed hears that the dialog is gone, by Escape too: what runs ends.
func (d *importDialog) closed() {
	d.gone = true
	if d.running {
		d.cancel()
		return
	}
	d.tellDone()
}

func (d *importDialog) tellDone() {
	if d.made != "" && d.done != nil {
		d.done(d.made, d.version.Number)
	}
}
