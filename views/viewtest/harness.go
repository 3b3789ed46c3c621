// Package viewtest tests pages without a window system: a test app in the product's
// theme, a host that records what a page asks for, finding and tapping by the words a
// person reads, and pictures to compare with. For tests only.
package viewtest

import (
	"image/png"
	"os"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

// Harness is a test app with one window.
type Harness struct {
	t      testing.TB
	mode   theme.Mode
	window fyne.Window
	host   *Host
}

// New makes a test app in a look; it goes with the test.
func New(t testing.TB, m theme.Mode) *Harness {
	t.Helper()
	t.Setenv("LANG", "en_US.UTF-8")
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(m))
	h := &Harness{t: t, mode: m, window: test.NewTempWindow(t, container.NewStack())}
	h.window.SetPadded(false)
	h.host = newHost(h)
	return h
}

// Host is the host to give to a page.
func (h *Harness) Host() *Host { return h.host }

// Window is the test window.
func (h *Harness) Window() fyne.Window { return h.window }

// Show puts an object into the window.
func (h *Harness) Show(o fyne.CanvasObject, width, height float32) {
	h.window.SetContent(container.NewStack(widgets.Fill(theme.Background), o))
	h.window.Resize(fyne.NewSize(width, height))
	h.Settle()
}

// ShowPage shows a page as the shell does.
func (h *Harness) ShowPage(p shell.Page, width, height float32) {
	p.Refresh(nil)
	h.Show(p.Content(), width, height)
	p.Shown()
	h.Settle()
}

// Settle lays everything out again, as the real window does before each frame.
func (h *Harness) Settle() {
	c := h.window.Canvas()
	roots := append([]fyne.CanvasObject{c.Content()}, c.Overlays().List()...)
	for range 2 { // wrapped text takes its height after its width
		for _, r := range roots {
			relayout(r)
		}
	}
}

func relayout(o fyne.CanvasObject) {
	if !o.Visible() {
		return
	}
	switch o := o.(type) {
	case *fyne.Container:
		if o.Layout != nil {
			o.Layout.Layout(o.Objects, o.Size())
		}
	case fyne.Widget:
		test.WidgetRenderer(o).Layout(o.Size())
	}
	for _, c := range children(o) {
		relayout(c)
	}
}

func children(o fyne.CanvasObject) []fyne.CanvasObject {
	switch o := o.(type) {
	case *fyne.Container:
		return o.Objects
	case fyne.Widget:
		return test.WidgetRenderer(o).Objects()
	}
	return nil
}

// found is an object with its place in the window and the objects around it.
type found struct {
	object  fyne.CanvasObject
	at      fyne.Position
	parents []found
}

// walk visits what can be seen, from the top dialog or menu where there is one. Where
// visit gives false its parts are skipped.
func (h *Harness) walk(visit func(found) bool) {
	h.Settle()
	c := h.window.Canvas()
	root := c.Overlays().Top()
	if root == nil {
		root = c.Content()
	}
	walk(found{object: root, at: root.Position()}, visit)
}

func walk(f found, visit func(found) bool) {
	if !f.object.Visible() || !visit(f) {
		return
	}
	parents := append(f.parents[:len(f.parents):len(f.parents)], f)
	for _, c := range children(f.object) {
		walk(found{c, f.at.Add(c.Position()), parents}, visit)
	}
}

// textOf gives what a person reads on an object, and whether it is one that bears text.
func textOf(o fyne.CanvasObject) (string, bool) {
	switch o := o.(type) {
	case *canvas.Text:
		return o.Text, true
	case *widget.Label:
		return o.Text, true
	case *widgets.Entry:
		return o.Text, true
	case *widgets.CodeEditor:
		return o.Text, true
	case *widget.Entry:
		return o.Text, true
	case *widgets.Toast, *widgets.SearchEntry, *widgets.CodeBox, *widgets.CopyText:
		return "", false // their parts bear the text
	case interface{ Text() string }:
		return o.Text(), true
	}
	return "", false
}

// Texts gives everything that can be read, in the order of the tree. Texts that are cut
// are given whole.
func (h *Harness) Texts() []string {
	var out []string
	h.walk(func(f found) bool {
		s, ok := textOf(f.object)
		if ok && s != "" {
			out = append(out, s)
		}
		return !ok
	})
	return out
}

// HasText tells whether a text with that part can be read.
func (h *Harness) HasText(part string) bool {
	for _, s := range h.Texts() {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// MustText fails the test where one of the parts cannot be read.
func (h *Harness) MustText(parts ...string) {
	h.t.Helper()
	for _, p := range parts {
		if !h.HasText(p) {
			h.t.Errorf("%q is not shown; there is:\n  %s", p, strings.Join(h.Texts(), "\n  "))
		}
	}
}

// NoText fails the test where one of the parts can be read.
func (h *Harness) NoText(parts ...string) {
	h.t.Helper()
	for _, p := range parts {
		if h.HasText(p) {
			h.t.Errorf("%q is shown", p)
		}
	}
}

// Find gives the first object of a type in the tree that ok accepts, nil for none. A nil
// ok accepts each.
func Find[T fyne.CanvasObject](h *Harness, ok func(T) bool) (out T) {
	done := false
	h.walk(func(f found) bool {
		if o, is := f.object.(T); is && !done && (ok == nil || ok(o)) {
			out, done = o, true
		}
		return !done
	})
	return out
}

// All gives every object of a type that can be seen.
func All[T fyne.CanvasObject](h *Harness) (out []T) {
	h.walk(func(f found) bool {
		if o, is := f.object.(T); is {
			out = append(out, o)
		}
		return true
	})
	return out
}

// Save writes the window to a file, to look at.
func (h *Harness) Save(path string) {
	h.t.Helper()
	h.Settle()
	f, err := os.Create(path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, h.window.Canvas().Capture()); err != nil {
		h.t.Fatal(err)
	}
}
