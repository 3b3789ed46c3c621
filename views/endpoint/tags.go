package endpoint

import (
	"context"
	"slices"

	"servery/engine/endpoint"
	"servery/views/config"
)

// editTags opens the dialog in which tags are given and taken away.
func (p *Page) editTags() {
	before := p.now.Tags
	now := slices.Clone(before)
	var f *form
	tags := config.NewTags(p.host, before, func(t []endpoint.Tag) {
		now = t
		f.say("")
	})
	f = newForm(p, "Save", func() {
		tags.Take() // what is typed and not added
		add, remove := tagChanges(before, now)
		f.run(func(ctx context.Context) error {
			if len(add)+len(remove) == 0 {
				return nil
			}
			_, err := p.engine.PatchTags(ctx, p.name, add, remove)
			return err
		})
	})
	f.open("Edit tags", 560, tags.Key, tags.Content)
}

// tagChanges are the tags to add, or to give another value, and the keys to delete.
func tagChanges(before, after []endpoint.Tag) (add []endpoint.Tag, remove []string) {
	for _, t := range after {
		if !slices.Contains(before, t) {
			add = append(add, t)
		}
	}
	for _, t := range before {
		if !slices.ContainsFunc(after, func(a endpoint.Tag) bool { return a.Key == t.Key }) {
			remove = append(remove, t.Key)
		}
	}
	return add, remove
}
