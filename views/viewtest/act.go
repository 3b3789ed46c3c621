package viewtest

import (
	"strings"

	"fyne.io/fyne/v2"

	"servery/views/widgets"
)

// Button gives the button with a text, or an icon button with that name; the test fails
// where there is none.
func (h *Harness) Button(text string) *widgets.Button {
	h.t.Helper()
	b := Find(h, func(b *widgets.Button) bool { return b.Text() == text })
	if b == nil {
		h.t.Fatalf("no button %q; there is:\n  %s", text, strings.Join(h.Texts(), "\n  "))
	}
	return b
}

// HasButton tells whether there is a button with a text.
func (h *Harness) HasButton(text string) bool {
	return Find(h, func(b *widgets.Button) bool { return b.Text() == text }) != nil
}

// Tap clicks on what bears the text: a button, a link, a tab, a segment, an entry of a
// menu, a row of a table. The test fails where nothing does or it is disabled.
func (h *Harness) Tap(text string) {
	h.t.Helper()
	var hit *found
	h.walk(func(f found) bool {
		s, ok := textOf(f.object)
		if hit == nil && ok && s == text && tappable(f) != nil {
			hit = &f
		}
		return hit == nil
	})
	if hit == nil {
		h.t.Fatalf("nothing to click bears %q; there is:\n  %s", text, strings.Join(h.Texts(), "\n  "))
	}
	target := tappable(*hit)
	if d, ok := target.object.(interface{ Disabled() bool }); ok && d.Disabled() {
		h.t.Fatalf("%q is disabled", text)
	}
	s := hit.object.Size()
	at := hit.at.Subtract(target.at).AddXY(s.Width/2, s.Height/2)
	if c, ok := target.object.(fyne.Focusable); ok {
		h.window.Canvas().Focus(c)
	}
	target.object.(fyne.Tappable).Tapped(&fyne.PointEvent{Position: at, AbsolutePosition: target.at.Add(at)})
	h.Settle()
}

// tappable is the object itself or the nearest around it that takes clicks; a dialog's
// ground takes them for nothing.
func tappable(f found) *found {
	is := func(o fyne.CanvasObject) bool {
		switch o.(type) {
		case *widgets.Modal, *widgets.Menu:
			return false
		}
		_, ok := o.(fyne.Tappable)
		return ok
	}
	if is(f.object) {
		return &f
	}
	for i := len(f.parents) - 1; i >= 0; i-- {
		if is(f.parents[i].object) {
			return &f.parents[i]
		}
	}
	return nil
}

// Field gives the field with a label; the test fails where there is none.
func (h *Harness) Field(label string) *widgets.Field {
	h.t.Helper()
	f := Find(h, func(f *widgets.Field) bool { return f.Label() == label })
	if f == nil {
		h.t.Fatalf("no field %q; there is:\n  %s", label, strings.Join(h.Texts(), "\n  "))
	}
	return f
}

// typed is an input for text.
type typed interface {
	fyne.Focusable
	SetText(string)
}

// Type puts a text into the field with a label, or into the entry with that text as its
// placeholder, in place of what stood there.
func (h *Harness) Type(label, text string) {
	h.t.Helper()
	if s := Find(h, func(s *widgets.SearchEntry) bool { return s.PlaceHolder() == label }); s != nil {
		s.SetText(text)
		h.Settle()
		return
	}
	e := Find(h, func(e *widgets.Entry) bool { return e.PlaceHolder == label })
	var into typed
	if e != nil {
		into = e
	} else {
		into = inputOf[typed](h.Field(label).Input())
	}
	if into == nil {
		h.t.Fatalf("field %q takes no text", label)
	}
	if d, ok := into.(fyne.Disableable); ok && d.Disabled() {
		h.t.Fatalf("field %q is disabled", label)
	}
	h.window.Canvas().Focus(into)
	into.SetText(text)
	h.Settle()
}

// inputOf finds an input of a kind in an object.
func inputOf[T any](o fyne.CanvasObject) (out T) {
	done := false
	walk(found{object: o}, func(f found) bool {
		if i, ok := f.object.(T); ok && !done {
			out, done = i, true
		}
		return !done
	})
	return out
}

// chooser is an input with options.
type chooser interface {
	Options() []widgets.Option
	Choose(value string)
}

// Choose chooses, by its label, an option of the field with a label.
func (h *Harness) Choose(field, option string) {
	h.t.Helper()
	c := inputOf[chooser](h.Field(field).Input())
	if c == nil {
		h.t.Fatalf("field %q has no options", field)
	}
	var labels []string
	for _, o := range c.Options() {
		if o.Label == option {
			c.Choose(o.Value)
			h.Settle()
			return
		}
		labels = append(labels, o.Label)
	}
	h.t.Fatalf("field %q has no option %q but %q", field, option, labels)
}

// Key presses a key where the focus is. As in the real window, what the key prints
// follows it and goes to what has the focus by then.
func (h *Harness) Key(name fyne.KeyName) {
	c := h.window.Canvas()
	e := &fyne.KeyEvent{Name: name}
	if f := c.Focused(); f != nil {
		f.TypedKey(e)
	} else if on := c.OnTypedKey(); on != nil {
		on(e)
	}
	if r := []rune(strings.ToLower(string(name))); len(r) == 1 {
		if f := c.Focused(); f != nil {
			f.TypedRune(r[0])
		} else if on := c.OnTypedRune(); on != nil {
			on(r[0])
		}
	}
	h.Settle()
}

// Tab moves the focus to the next object.
func (h *Harness) Tab() { h.window.Canvas().FocusNext() }

// Focused is what has the focus.
func (h *Harness) Focused() fyne.Focusable { return h.window.Canvas().Focused() }
