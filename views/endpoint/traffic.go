package endpoint

import (
	"context"
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/theme"
	"servery/views/config"
	"servery/views/shell"
	"servery/views/widgets"
)

// traffic is the dialog that shares the traffic among the served entities of the active
// configuration anew: an update that loads nothing.
type traffic struct {
	p       *Page
	form    config.Form
	began   config.Form
	split   *config.Split
	entries []*widgets.Entry
	wrong   *widgets.Paragraph
	update  *widgets.Button
	rows    *fyne.Container
	modal   *widgets.Modal
}

// showSplit shows the way to the dialog where there is something to share.
func (p *Page) showSplit() {
	possible := p.now.Active != nil && len(p.now.Active.Entities) > 1 && p.now.Update != endpoint.InProgress
	if p.split.Visible() != possible {
		p.split.Hidden = !possible
		p.active.content.Refresh()
	}
}

func (p *Page) editTraffic() {
	if p.now.Active == nil {
		return
	}
	t := &traffic{p: p, form: config.FormOf(*p.now.Active), began: config.FormOf(*p.now.Active), split: config.NewSplit(),
		wrong: widgets.SmallParagraph(""), rows: widgets.VStack(8)}
	t.wrong.SetColor(theme.Danger)
	t.update = widgets.PrimaryButton("Update", t.send)
	for i := range t.form.Entities {
		t.rows.Add(t.row(i))
	}
	note := widgets.SmallParagraph("Takes effect at once: no model is loaded again, and no request is lost.")
	content := widgets.VStack(14, t.split.Content(), t.rows, t.wrong, note)
	t.show()
	t.modal = p.host.Modal(widgets.ModalConfig{Title: "Edit traffic", Content: content, Width: 480,
		Buttons: []*widgets.Button{widgets.SecondaryButton("Cancel", func() { t.modal.Hide() }), t.update}, Focus: t.entries[0]})
	t.entries[0].SelectAll()
}

// row is a served entity with its share.
func (t *traffic) row(i int) fyne.CanvasObject {
	s := t.p.now.Active.Entities[i]
	entry := widgets.NewEntry("")
	entry.Text = t.form.Entities[i].Traffic
	entry.OnChanged = func(text string) {
		t.form.Entities[i].Traffic = text
		t.show()
	}
	entry.OnSubmitted = func(string) { t.send() }
	t.entries = append(t.entries, entry)
	name := widgets.NewTwoLineCell()
	name.Set(s.Name, s.ModelName)
	dot := widgets.NewDot(config.ShareColor(i))
	return widgets.Columns(10, []float32{-10, 1, -84}, widgets.Fixed(dot, 0, 36), name, widgets.HStack(6, widgets.Fixed(entry, 60, 0), widgets.Muted("%")))
}

// show sets what follows from what is typed.
func (t *traffic) show() {
	t.split.Set(t.form)
	spec, problems := t.form.Spec()
	if t.form.Total() == 100 { // else the sum says it already
		problems = append(problems, t.p.engine.CheckUpdate(t.p.name, spec)...)
	}
	var lines []string
	for _, f := range problems {
		lines = append(lines, f.Message)
	}
	t.say(strings.Join(lines, "\n"))
	if len(problems) > 0 || t.form.Total() != 100 || slices.Equal(t.form.Entities, t.began.Entities) {
		t.update.Disable()
	} else {
		t.update.Enable()
	}
}

func (t *traffic) say(text string) {
	t.wrong.SetText(text)
	t.wrong.Hidden = text == ""
	if t.modal != nil {
		t.modal.Refresh()
	}
}

func (t *traffic) send() {
	if t.update.Disabled() {
		return
	}
	spec, _ := t.form.Spec()
	t.update.SetBusy(true)
	shell.Task(t.p.host, func(ctx context.Context) (endpoint.Endpoint, error) {
		return t.p.engine.UpdateConfig(ctx, t.p.name, spec)
	}, func(_ endpoint.Endpoint, err error) {
		t.update.SetBusy(false)
		if err != nil {
			t.say(widgets.Sentence(err.Error()))
			return
		}
		t.modal.Hide()
		t.p.Refresh(nil)
	})
}
