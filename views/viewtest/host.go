package viewtest

import (
	"time"

	"fyne.io/fyne/v2"

	"servery/views/shell"
	"servery/views/widgets"
)

// Host is a shell.Host that records. Tasks run at once on the calling goroutine, or with
// Hold when RunHeld is called.
type Host struct {
	Routes   []shell.Route
	Backs    int
	Toasts   []string
	Copied   []string
	Confirms []widgets.Confirm // shown too: Tap their buttons
	URLs     []string
	Imports  []string                           // paths that ImportModel was asked with
	Imported func(fullName string, version int) // what the last ImportModel waits for
	NextPath string                             // what the file dialogs answer; "" cancels
	Hold     bool
	Clock    time.Time // what Now gives; zero is 20 November 2026, 12:52 UTC

	h     *Harness
	tasks *shell.Tasks
	held  []func()
	keys  map[keyPress]func()
}

type keyPress struct {
	key fyne.KeyName
	mod fyne.KeyModifier
}

var _ shell.Host = (*Host)(nil)

func newHost(h *Harness) *Host {
	host := &Host{h: h, keys: map[keyPress]func(){}}
	host.tasks = shell.NewTasks(host.dispatcher())
	return host
}

func (h *Host) dispatcher() shell.Dispatcher {
	return shell.Dispatcher{
		Run: func(work func()) {
			if h.Hold {
				h.held = append(h.held, work)
				return
			}
			work()
		},
		Post: func(fn func()) { fn() },
	}
}

// RunHeld runs the tasks that Hold kept back.
func (h *Host) RunHeld() {
	held := h.held
	h.held = nil
	for _, f := range held {
		f()
	}
	h.h.Settle()
}

// Held is how many tasks Hold kept back.
func (h *Host) Held() int { return len(h.held) }

// CloseTasks does what closing the page does to its tasks.
func (h *Host) CloseTasks() { h.tasks.Close() }

// LastRoute is where the page went last.
func (h *Host) LastRoute() shell.Route {
	if len(h.Routes) == 0 {
		return shell.Route{}
	}
	return h.Routes[len(h.Routes)-1]
}

// Press runs the shortcut that the page set for a key and tells whether there is one.
func (h *Host) Press(key fyne.KeyName, mod fyne.KeyModifier) bool {
	fn := h.keys[keyPress{key, mod}]
	if fn != nil {
		fn()
		h.h.Settle()
	}
	return fn != nil
}

// Go is for the page.
func (h *Host) Go(r shell.Route) { h.Routes = append(h.Routes, r) }

// Back is for the page.
func (h *Host) Back() { h.Backs++ }

// Toast is for the page.
func (h *Host) Toast(_ widgets.Kind, text string) { h.Toasts = append(h.Toasts, text) }

// ToastAction is for the page.
func (h *Host) ToastAction(_ widgets.Kind, text, _ string, _ func()) {
	h.Toasts = append(h.Toasts, text)
}

// Copy is for the page.
func (h *Host) Copy(text string) { h.Copied = append(h.Copied, text) }

// Confirm is for the page.
func (h *Host) Confirm(o widgets.Confirm) {
	h.Confirms = append(h.Confirms, o)
	widgets.ShowConfirm(h.Canvas(), o)
}

// Modal is for the page.
func (h *Host) Modal(o widgets.ModalConfig) *widgets.Modal { return widgets.ShowModal(h.Canvas(), o) }

func (h *Host) answer(chosen func(string)) {
	if h.NextPath != "" {
		chosen(h.NextPath)
	}
}

// OpenFile is for the page.
func (h *Host) OpenFile(_ string, _ []string, chosen func(string)) { h.answer(chosen) }

// OpenFolder is for the page.
func (h *Host) OpenFolder(_ string, chosen func(string)) { h.answer(chosen) }

// SaveFile is for the page.
func (h *Host) SaveFile(_, _ string, chosen func(string)) { h.answer(chosen) }

// ImportModel is for the page.
func (h *Host) ImportModel(path string, done func(fullName string, version int)) {
	h.Imports, h.Imported = append(h.Imports, path), done
}

// OpenURL is for the page.
func (h *Host) OpenURL(u string) { h.URLs = append(h.URLs, u) }

// Canvas is for the page.
func (h *Host) Canvas() fyne.Canvas { return h.h.window.Canvas() }

// Focus is for the page.
func (h *Host) Focus(o fyne.Focusable) { h.Canvas().Focus(o) }

// Shortcut is for the page.
func (h *Host) Shortcut(key fyne.KeyName, mod fyne.KeyModifier, fn func()) {
	h.keys[keyPress{key, mod}] = fn
}

// Now is for the page.
func (h *Host) Now() time.Time {
	if h.Clock.IsZero() {
		return time.Date(2026, 11, 20, 12, 52, 0, 0, time.UTC)
	}
	return h.Clock
}

// Tasks is for the page.
func (h *Host) Tasks() *shell.Tasks { return h.tasks }
