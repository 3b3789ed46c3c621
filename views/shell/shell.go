// Package shell is the window around the pages: sidebar, top bar, the stack of open
// pages, messages, keys and the task runner. It makes pages through factories and knows
// none of them; it reads nothing from the engine, the program tells it.
package shell

import (
	"net/url"
	"time"

	"fyne.io/fyne/v2"

	"servery/engine/telemetry"
	"servery/theme"
	"servery/views/widgets"
)

// Config is what the program gives the shell.
type Config struct {
	Window     fyne.Window
	Dispatcher Dispatcher
	Pages      map[string]Factory
	Mode       theme.Mode
	SetMode    func(theme.Mode) // applies and keeps a look
	Import     func()           // the top bar's button; nil hides it
	// ImportModel asks over a page for a model to register; nil leads to the list of models.
	ImportModel func(h Host, path string, done func(fullName string, version int))
	Dropped     func(paths []string) // files dropped on a page that takes none
	// Listen tries again to open the REST server, on any free port or on the port that it
	// was to have; nil: the card that says it is closed offers neither.
	Listen func(free bool)
	Files  FilePicker       // nil: dialogs inside the window
	Now    func() time.Time // nil: the clock
}

// Shell is the window's content.
type Shell struct {
	c      Config
	frame  *frame
	toasts *toasts
	stack  []*open
	global map[chord]func()
	heard  map[chord]bool
	own    *pageHost
	asked  *widgets.Modal // the last question whether to discard changes; may be closed
	mode   theme.Mode
}

// open is a page on the stack.
type open struct {
	route Route
	page  Page
	host  *pageHost
	shown bool
}

// New makes the shell and opens no page: call Go.
func New(c Config) *Shell {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Files == nil {
		c.Files = &fyneFiles{window: c.Window}
	}
	s := &Shell{c: c, heard: map[chord]bool{}, mode: c.Mode}
	s.own = newPageHost(s)
	s.toasts = newToasts(c.Dispatcher)
	s.frame = newFrame(s)
	s.bindGlobal()
	return s
}

// Content is what the window shows.
func (s *Shell) Content() fyne.CanvasObject { return s.frame.root }

// Host is a host that no page owns, for the program's own dialogs.
func (s *Shell) Host() Host { return s.own }

// Toast shows a message over the page.
func (s *Shell) Toast(k widgets.Kind, text string) { s.toasts.add(k, text, "", nil) }

// Route is the page that is shown.
func (s *Shell) Route() Route {
	if e := s.current(); e != nil {
		return e.route
	}
	return Route{}
}

func (s *Shell) current() *open {
	if len(s.stack) == 0 {
		return nil
	}
	return s.stack[len(s.stack)-1]
}

// deepest is how many pages stay open: the oldest beyond it are closed.
const deepest = 12

// Go opens a page on top of the current one, or goes back to it where it is open. Pages
// of the sidebar close the ones above them; a form to create or change something never
// stays behind.
func (s *Shell) Go(r Route) {
	cur := s.current()
	if cur != nil && cur.route == r {
		return
	}
	if cur != nil && cur.route.Page == r.Page && cur.route.Name == r.Name {
		if p, ok := cur.page.(Router); ok && p.SetRoute(r) {
			cur.route = r
			s.show()
			return
		}
	}
	for i, e := range s.stack {
		if e.route == r {
			s.leave(func() { s.cut(i + 1); s.show() })
			return
		}
	}
	if s.c.Pages[r.Page] == nil {
		return
	}
	root := r == ServingRoute() || r.Page == PageModels
	discard := root || (cur != nil && (cur.route.Page == PageCreate || cur.route.Page == PageEdit))
	push := func() {
		if cur != nil && !discard {
			s.hide(cur)
		}
		switch {
		case root:
			s.cut(0)
		case discard:
			s.cut(len(s.stack) - 1)
		}
		if len(s.stack) >= deepest {
			s.close(s.stack[0])
			s.stack = s.stack[1:]
		}
		host := newPageHost(s)
		s.stack = append(s.stack, &open{route: r, page: s.c.Pages[r.Page](host, r), host: host})
		s.show()
	}
	if discard {
		s.leave(push)
		return
	}
	push()
}

// Back closes the current page, or goes to the list of endpoints from a page of the
// sidebar.
func (s *Shell) Back() {
	if len(s.stack) < 2 {
		s.Go(ServingRoute())
		return
	}
	s.leave(func() { s.cut(len(s.stack) - 1); s.show() })
}

// MayClose calls proceed where no work would be lost with the window, else once the
// person agreed.
func (s *Shell) MayClose(proceed func()) { s.leave(proceed) }

// leave asks the current page whether it may be closed, then goes on.
func (s *Shell) leave(proceed func()) {
	cur := s.current()
	if cur == nil {
		proceed()
		return
	}
	if l, ok := cur.page.(Leaver); ok {
		if q := l.MayLeave(); q != "" {
			if s.asked != nil {
				s.asked.Hide() // asked twice, such as by the window's button: the last one counts
			}
			s.asked = widgets.ShowConfirm(s.own.Canvas(), widgets.Confirm{Title: "Discard changes?", Text: q, Verb: "Discard", Danger: true, Confirmed: proceed})
			return
		}
	}
	proceed()
}

// cut closes the pages from index n on.
func (s *Shell) cut(n int) {
	for i := len(s.stack) - 1; i >= n; i-- {
		s.close(s.stack[i])
		s.stack = s.stack[:i]
	}
}

func (s *Shell) close(e *open) {
	s.hide(e)
	e.host.tasks.Close()
}

// hide tells a page once that it is out of sight.
func (s *Shell) hide(e *open) {
	if e.shown {
		e.shown = false
		e.page.Hidden()
	}
}

// show puts the top page into the frame.
func (s *Shell) show() {
	e := s.current()
	if e == nil {
		return
	}
	s.crumbs()
	s.unfocus()
	s.frame.setPage(e.page.Content())
	s.frame.selectNav(e.route.root())
	e.page.Refresh(nil)
	e.shown = true
	e.page.Shown()
	s.crumbs()
}

// unfocus takes the focus from the page that goes out of sight: it would keep the keys,
// and Enter would press what nobody sees. The sidebar keeps it.
func (s *Shell) unfocus() {
	canvas := s.c.Window.Canvas()
	if _, stays := canvas.Focused().(*navItem); !stays && canvas.Overlays().Top() == nil {
		canvas.Unfocus()
	}
}

func (s *Shell) crumbs() {
	e := s.current()
	var out []widgets.Crumb
	for _, c := range e.page.Breadcrumb() {
		w := widgets.Crumb{Title: c.Title}
		if c.Route != (Route{}) {
			w.Tapped = func() { s.Go(c.Route) }
		}
		out = append(out, w)
	}
	s.frame.crumbs.Set(out)
}

// Refresh passes changes to the page that is shown; those that are hidden read all again
// when they are shown.
func (s *Shell) Refresh(changes []telemetry.Change) {
	if e := s.current(); e != nil {
		e.page.Refresh(changes)
	}
}

// Dropped takes files dropped on the window: not over an open dialog, which another would
// cover, or which holds what was typed.
func (s *Shell) Dropped(paths []string) {
	if len(paths) == 0 {
		return
	}
	if s.c.Window.Canvas().Overlays().Top() != nil {
		s.Toast(widgets.Info, "Close the dialog first, then drop the model again.")
		return
	}
	if e := s.current(); e != nil {
		if d, ok := e.page.(Dropper); ok {
			d.Dropped(paths)
			return
		}
	}
	if s.c.Dropped != nil {
		s.c.Dropped(paths)
	}
}

// Close closes every page and cancels its tasks.
func (s *Shell) Close() {
	s.cut(0)
	s.own.tasks.Close()
}

func (s *Shell) copy(text string) { fyne.CurrentApp().Clipboard().SetContent(text) }

func (s *Shell) openURL(raw string) {
	u, err := url.Parse(raw)
	if err == nil {
		err = fyne.CurrentApp().OpenURL(u)
	}
	if err != nil {
		s.Toast(widgets.Error, "Could not open "+raw+": "+err.Error())
	}
}

// setMode changes the look.
func (s *Shell) setMode(m theme.Mode) {
	s.mode = m
	if s.c.SetMode != nil {
		s.c.SetMode(m)
	}
	s.frame.showMode(m)
}

func (s *Shell) toggleMode() {
	next := map[theme.Mode]theme.Mode{theme.System: theme.Light, theme.Light: theme.Dark, theme.Dark: theme.System}
	s.setMode(next[s.mode])
}
