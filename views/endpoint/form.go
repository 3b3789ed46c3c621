package endpoint

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

// form is a dialog that changes something of the endpoint: it closes once that was taken,
// and tells what kept it from that.
type form struct {
	p     *Page
	modal *widgets.Modal
	save  *widgets.Button
	wrong *widgets.Paragraph
}

// newForm makes a dialog whose button of that name calls send.
func newForm(p *Page, verb string, send func()) *form {
	f := &form{p: p, wrong: widgets.SmallParagraph("")}
	f.save = widgets.PrimaryButton(verb, send)
	f.wrong.SetColor(theme.Danger)
	f.wrong.Hide()
	return f
}

func (f *form) open(title string, width float32, focus fyne.Focusable, body ...fyne.CanvasObject) {
	f.modal = f.p.host.Modal(widgets.ModalConfig{Title: title, Content: widgets.VStack(14, append(body, f.wrong)...), Width: width,
		Buttons: []*widgets.Button{widgets.SecondaryButton("Cancel", func() { f.modal.Hide() }), f.save}, Focus: focus})
}

// say shows what is wrong; "" takes it away.
func (f *form) say(text string) {
	f.wrong.SetText(text)
	f.wrong.Hidden = text == ""
	f.resized()
}

// resized lays the dialog out again after its content took another height.
func (f *form) resized() {
	if f.modal != nil {
		f.modal.Refresh()
	}
}

// run does the work off the UI goroutine, then closes the dialog or says what went wrong.
func (f *form) run(work func(ctx context.Context) error) {
	f.save.SetBusy(true)
	shell.Task(f.p.host, func(ctx context.Context) (struct{}, error) { return struct{}{}, work(ctx) },
		func(_ struct{}, err error) {
			f.save.SetBusy(false)
			if err != nil {
				f.say(widgets.Sentence(words(err)))
				return
			}
			f.modal.Hide()
			f.p.Refresh(nil)
		})
}

// words are an error's without the paths of the fields that it is about: a dialog has them
// in sight.
func words(err error) string {
	var invalid *endpoint.ValidationError
	if !errors.As(err, &invalid) {
		return err.Error()
	}
	text := ""
	for i, f := range invalid.Fields {
		if i > 0 {
			text += "\n"
		}
		text += f.Message
	}
	return text
}
