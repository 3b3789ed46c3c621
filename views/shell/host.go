package shell

import (
	"time"

	"fyne.io/fyne/v2"

	"servery/views/widgets"
)

// Host is what a page may ask of the window. Each page has its own: its tasks and
// shortcuts end with the page.
type Host interface {
	Navigator
	Toast(k widgets.Kind, text string)
	ToastAction(k widgets.Kind, text, action string, tapped func())
	Copy(text string)
	Confirm(o widgets.Confirm)
	Modal(o widgets.ModalConfig) *widgets.Modal
	OpenFile(title string, extensions []string, chosen func(path string))
	OpenFolder(title string, chosen func(path string))
	SaveFile(title, name string, chosen func(path string))
	// ImportModel asks for a model and registers it; path prefills the question, "" does
	// not. done hears of the version that was made, be it Ready or Failed.
	ImportModel(path string, done func(fullName string, version int))
	OpenURL(u string)
	Canvas() fyne.Canvas
	Focus(o fyne.Focusable)
	// Shortcut runs fn for a key while the page is shown; without a modifier only while
	// nothing is being typed into.
	Shortcut(key fyne.KeyName, mod fyne.KeyModifier, fn func())
	Now() time.Time
	Tasks() *Tasks
}

// pageHost is the Host of one page.
type pageHost struct {
	s     *Shell
	tasks *Tasks
	keys  map[chord]func()
}

func newPageHost(s *Shell) *pageHost {
	return &pageHost{s: s, tasks: NewTasks(s.c.Dispatcher), keys: map[chord]func(){}}
}

func (h *pageHost) Go(r Route)                        { h.s.Go(r) }
func (h *pageHost) Back()                             { h.s.Back() }
func (h *pageHost) Toast(k widgets.Kind, text string) { h.s.toasts.add(k, text, "", nil) }
func (h *pageHost) ToastAction(k widgets.Kind, text, action string, tapped func()) {
	h.s.toasts.add(k, text, action, tapped)
}
func (h *pageHost) Copy(text string)          { h.s.copy(text) }
func (h *pageHost) Confirm(o widgets.Confirm) { widgets.ShowConfirm(h.Canvas(), o) }
func (h *pageHost) Modal(o widgets.ModalConfig) *widgets.Modal {
	return widgets.ShowModal(h.Canvas(), o)
}
func (h *pageHost) OpenFile(title string, extensions []string, chosen func(string)) {
	h.s.c.Files.OpenFile(title, extensions, h.whileOpen(chosen))
}
func (h *pageHost) OpenFolder(title string, chosen func(string)) {
	h.s.c.Files.OpenFolder(title, h.whileOpen(chosen))
}
func (h *pageHost) SaveFile(title, name string, chosen func(string)) {
	h.s.c.Files.SaveFile(title, name, h.whileOpen(chosen))
}
func (h *pageHost) ImportModel(path string, done func(string, int)) {
	if h.s.c.ImportModel == nil {
		h.Go(ModelsRoute())
		return
	}
	h.s.c.ImportModel(h, path, done)
}
func (h *pageHost) OpenURL(u string)       { h.s.openURL(u) }
func (h *pageHost) Canvas() fyne.Canvas    { return h.s.c.Window.Canvas() }
func (h *pageHost) Focus(o fyne.Focusable) { h.Canvas().Focus(o) }
func (h *pageHost) Now() time.Time         { return h.s.c.Now() }
func (h *pageHost) Tasks() *Tasks          { return h.tasks }

func (h *pageHost) Shortcut(key fyne.KeyName, mod fyne.KeyModifier, fn func()) {
	c := chord{key, mod}
	h.keys[c] = fn
	h.s.listen(c)
}

// whileOpen drops the answer of a dialog whose page has closed.
func (h *pageHost) whileOpen(chosen func(string)) func(string) {
	return func(path string) {
		if !h.tasks.closed {
			chosen(path)
		}
	}
}
