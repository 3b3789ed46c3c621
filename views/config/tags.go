package config

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/resources"
	"servery/views/shell"
	"servery/views/widgets"
)

// Tags is where tags are typed and taken away.
type Tags struct {
	Content *fyne.Container
	Key     *widgets.Entry

	host    shell.Host
	changed func([]endpoint.Tag)
	tags    []endpoint.Tag
	value   *widgets.Entry
	note    *widgets.Field
	chips   *fyne.Container
}

// NewTags makes the editor with the tags that there are; changed hears of each change.
func NewTags(host shell.Host, tags []endpoint.Tag, changed func([]endpoint.Tag)) *Tags {
	t := &Tags{host: host, tags: slices.Clone(tags), changed: changed, Key: widgets.NewEntry("Key"), value: widgets.NewEntry("Value (optional)"), chips: widgets.Flow(6)}
	add := func(string) { t.add() }
	t.Key.OnSubmitted, t.value.OnSubmitted = add, add
	row := widgets.Columns(8, []float32{1, 1, -96}, t.Key, t.value, widgets.SecondaryButton("Add tag", t.add).WithIcon(resources.IconPlus))
	t.note = widgets.NewField("", "", row).Frames(t.Key)
	t.Content = widgets.VStack(10, t.chips, t.note)
	t.show()
	return t
}

// add takes what is typed and goes on to the next tag.
func (t *Tags) add() {
	t.Take()
	t.host.Focus(t.Key)
}

// Take takes what is typed and not added yet. A key that is there already gets the new
// value.
func (t *Tags) Take() {
	tag := endpoint.Tag{Key: strings.TrimSpace(t.Key.Text), Value: strings.TrimSpace(t.value.Text)}
	if tag.Key == "" {
		return
	}
	t.set(append(slices.DeleteFunc(slices.Clone(t.tags), func(old endpoint.Tag) bool { return old.Key == tag.Key }), tag))
	t.Key.SetText("")
	t.value.SetText("")
}

func (t *Tags) set(tags []endpoint.Tag) {
	t.tags = tags
	t.show()
	t.changed(tags)
}

func (t *Tags) show() {
	t.chips.Objects = t.chips.Objects[:0]
	for i, tag := range t.tags {
		t.chips.Add(widgets.NewRemovableChip(widgets.TagText(tag), func() { t.set(slices.Delete(slices.Clone(t.tags), i, i+1)) }))
	}
	t.chips.Hidden = len(t.tags) == 0
	t.Content.Refresh()
}

// SetError shows what is wrong with the tags; "" takes it away.
func (t *Tags) SetError(text string) { t.note.SetError(text) }
