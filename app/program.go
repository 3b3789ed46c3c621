package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/engine"
	"servery/engine/store"
	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

const (
	firstWidth, firstHeight = 1440, 900

	prefTheme  = "theme"
	prefWidth  = "window.width"
	prefHeight = "window.height"
)

// program is the open window with, once it is open, the engine behind it.
type program struct {
	app    fyne.App
	window fyne.Window
	ui     *uiThread
	idle   *idle
	o      options

	// On the UI goroutine only, until close.
	engine *engine.Engine
	shell  *shell.Shell
	status statusBar
	looks  int // how often look ran

	pumps sync.WaitGroup
	stop  context.CancelFunc // of the pumps
}

// newProgram makes the window, empty until open.
func newProgram(a fyne.App, ui *uiThread, sleeper *idle, o options) *program {
	p := &program{app: a, ui: ui, idle: sleeper, o: o, window: a.NewWindow("Servery"), stop: func() {}}
	sleeper.blinking = func() bool { return p.window.Canvas().Focused() != nil }
	a.Settings().SetTheme(theme.New(p.mode()))
	p.window.SetMaster()
	p.window.SetPadded(false)
	p.window.SetContent(container.NewStack(widgets.Fill(theme.Background), widgets.Centered(widgets.Muted("Opening…"))))
	pref := a.Preferences()
	p.window.Resize(fyne.NewSize(
		float32(pref.FloatWithFallback(prefWidth, firstWidth)), float32(pref.FloatWithFallback(prefHeight, firstHeight))))
	p.window.SetOnClosed(p.remember)
	return p
}

func (p *program) mode() theme.Mode { return theme.ParseMode(p.app.Preferences().String(prefTheme)) }

func (p *program) setMode(m theme.Mode) {
	p.app.Preferences().SetString(prefTheme, m.String())
	p.app.Settings().SetTheme(theme.New(m))
}

// remember keeps the window's size for the next start.
func (p *program) remember() {
	if s := p.window.Canvas().Size(); s.Width >= 640 && s.Height >= 400 {
		p.app.Preferences().SetFloat(prefWidth, float64(s.Width))
		p.app.Preferences().SetFloat(prefHeight, float64(s.Height))
	}
}

// open opens the engine off the UI goroutine and then shows the first page, or why it
// cannot be opened.
func (p *program) open() {
	p.ui.run(func() {
		e, err := engine.Open(context.Background(), p.o.engine)
		if p.ui.over.Err() != nil && e != nil { // closed meanwhile: nobody else will
			e.Close(context.Background())
			return
		}
		p.ui.post(func() {
			if err != nil {
				p.showFailure(err)
				return
			}
			p.start(e)
		})
	})
}

// showFailure says why the data folder cannot be opened. Nothing was changed; a person
// can mend it and try again.
func (p *program) showFailure(err error) {
	title := "Servery cannot open its data folder"
	var (
		taken   *store.InUseError
		newer   *store.NewerSchemaError
		corrupt *store.CorruptError
	)
	switch {
	case errors.As(err, &taken):
		title = "Servery is already running"
	case errors.As(err, &newer):
		title = "A newer Servery wrote this data folder"
	case errors.As(err, &corrupt):
		title = "The data folder is damaged"
	}
	text := widgets.NewParagraph(widgets.Sentence(err.Error()))
	again := widgets.PrimaryButton("Try again", nil)
	again.OnTapped = func() { again.SetBusy(true); p.open() }
	copied := widgets.SecondaryButton("Copy the message", func() { p.app.Clipboard().SetContent(title + "\n" + err.Error()) })
	quit := widgets.SecondaryButton("Quit", p.app.Quit)
	column := widgets.VStack(16, widgets.Heading(title), text, widgets.HStack(8, again, copied, quit))
	p.window.SetContent(container.NewStack(widgets.Fill(theme.Background),
		widgets.Centered(widgets.Fixed(widgets.NewPanel(column), 560, 0))))
	p.window.Canvas().Focus(again)
}

// start builds the window's parts around an open engine.
func (p *program) start(e *engine.Engine) {
	p.engine = e
	p.shell = shell.New(shell.Config{
		Window:      p.window,
		Dispatcher:  p.ui.dispatcher(),
		Pages:       p.pages(),
		Mode:        p.mode(),
		SetMode:     p.setMode,
		Import:      func() { p.importModel(p.shell.Host(), "", nil) },
		ImportModel: p.importModel,
		Dropped:     p.dropped,
		Listen:      p.listen,
	})
	p.window.SetContent(p.shell.Content())
	p.window.SetCloseIntercept(func() { p.shell.MayClose(p.window.Close) })
	p.window.SetOnDropped(func(_ fyne.Position, uris []fyne.URI) { p.shell.Dropped(paths(uris)) })
	p.showStatus()
	p.shell.Go(shell.ServingRoute())

	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	sub := e.Changes().Subscribe()
	p.pumps.Go(func() {
		defer sub.Close()
		(&pump{changes: sub, post: p.ui.post, deliver: p.deliver}).run(ctx)
	})
	p.pumps.Go(func() { lookAgain(ctx, p.ui.post, p.look) })
	p.pumps.Go(func() { p.idle.run(ctx) })
	if p.o.path != "" {
		p.importModel(p.shell.Host(), p.o.path, nil)
	}
}

// close ends the window's work and then the engine, letting requests in flight finish
// until ctx ends.
func (p *program) close(ctx context.Context) error {
	p.stop()
	p.ui.close(ctx)
	p.pumps.Wait()
	if p.shell != nil {
		p.shell.Close()
	}
	if p.engine == nil {
		return nil
	}
	if err := p.engine.Close(ctx); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}

// paths gives the files' places on this machine.
func paths(uris []fyne.URI) []string {
	var all []string
	for _, u := range uris {
		if u.Scheme() == "file" {
			all = append(all, u.Path())
		}
	}
	return all
}
