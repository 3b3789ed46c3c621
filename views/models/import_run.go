package models

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/registry"
	"servery/views/shell"
	"servery/views/widgets"
)

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
