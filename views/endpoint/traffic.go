package endpoint

import (
	"context"
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/views/config"
	"servery/views/widgets"
)

// traffic is the dialog that shares the traffic among the served entities of the active
// configuration anew: an update that loads nothing.
type traffic struct {
	*form
	shares  config.Form
	began   config.Form
	split   *config.Split
	entries []*widgets.Entry
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
	t := &traffic{shares: config.FormOf(*p.now.Active), began: config.FormOf(*p.now.Active), split: config.NewSplit()}
	t.form = newForm(p, "Update", t.send)
	rows := widgets.VStack(8)
	for i := range t.shares.Entities {
		rows.Add(t.row(i))
	}
	t.show()
	t.open("Edit traffic", 480, t.entries[0], t.split.Content(), rows,
		widgets.SmallParagraph("Takes effect at once: no model is loaded again, and no request is lost."))
	t.entries[0].SelectAll()
}

// row is a served entity with its share.
func (t *traffic) row(i int) fyne.CanvasObject {
	s := t.p.now.Active.Entities[i]
	entry := widgets.NewEntry("")
	entry.Text = t.shares.Entities[i].Traffic
	entry.OnChanged = func(text string) {
		t.shares.Entities[i].Traffic = text
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
	t.split.Set(t.shares)
	spec, problems := t.shares.Spec()
	if t.shares.Total() == 100 { // else the sum says it already
		problems = append(problems, t.p.engine.CheckUpdate(t.p.name, spec)...)
	}
	var lines []string
	for _, f := range problems {
		lines = append(lines, f.Message)
	}
	t.say(strings.Join(lines, "\n"))
	if len(problems) > 0 || t.shares.Total() != 100 || slices.Equal(t.shares.Entities, t.began.Entities) {
		t.save.Disable()
	} else {
		t.save.Enable()
	}
}

func (t *traffic) send() {
	if t.save.Disabled() {
		return
	}
	spec, _ := t.shares.Spec()
	t.run(func(ctx context.Context) error {
		_, err := t.p.engine.UpdateConfig(ctx, t.p.name, spec)
		return err
	})
}
