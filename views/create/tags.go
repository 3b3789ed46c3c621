package create

import (
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/resources"
	"servery/views/widgets"
)

// tagSection is where tags are typed and taken away.
type tagSection struct {
	p          *Page
	key, value *widgets.Entry
	note       *widgets.Field
	chips      *fyne.Container
	content    *fyne.Container
}

func newTagSection(p *Page) *tagSection {
	t := &tagSection{p: p, key: widgets.NewEntry("Key"), value: widgets.NewEntry("Value (optional)"), chips: widgets.Flow(6)}
	add := func(string) { t.add() }
	t.key.OnSubmitted, t.value.OnSubmitted = add, add
	row := widgets.Columns(8, []float32{1, 1, -96}, t.key, t.value, widgets.SecondaryButton("Add tag", t.add).WithIcon(resources.IconPlus))
	t.note = widgets.NewField("", "", row).Frames(t.key)
	t.chips.Hide()
	t.content = widgets.VStack(10, widgets.Heading("Tags"), t.chips, t.note)
	return t
}

// add takes what is typed and goes on to the next tag.
func (t *tagSection) add() {
	t.take()
	t.p.host.Focus(t.key)
}

// take takes what is typed. A key that is there already gets the new value.
func (t *tagSection) take() {
	tag := endpoint.Tag{Key: strings.TrimSpace(t.key.Text), Value: strings.TrimSpace(t.value.Text)}
	if tag.Key == "" {
		return
	}
	tags := t.p.form.tags
	t.p.form.tags = nil
	for _, old := range tags {
		if old.Key != tag.Key {
			t.p.form.tags = append(t.p.form.tags, old)
		}
	}
	t.p.form.tags = append(t.p.form.tags, tag)
	t.key.SetText("")
	t.value.SetText("")
	t.show()
	t.p.changed()
}

func (t *tagSection) show() {
	t.chips.Objects = t.chips.Objects[:0]
	for i, tag := range t.p.form.tags {
		text := tag.Key
		if tag.Value != "" {
			text += ": " + tag.Value
		}
		t.chips.Add(widgets.NewRemovableChip(text, func() {
			t.p.form.tags = append(t.p.form.tags[:i:i], t.p.form.tags[i+1:]...)
			t.show()
			t.p.changed()
		}))
	}
	t.chips.Hidden = len(t.p.form.tags) == 0
	t.content.Refresh()
}

func (t *tagSection) setError(text string) { t.note.SetError(text) }
