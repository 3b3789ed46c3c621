package shell_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"fyne.io/fyne/v2"

	"servery/engine/telemetry"
	"servery/theme"
	"servery/views/shell"
	"servery/views/viewtest"
	"servery/views/widgets"
)

// taskHost is a host that only has tasks; what is posted waits for turn.
type taskHost struct {
	shell.Host
	tasks  *shell.Tasks
	posted []func()
}

func newTaskHost() *taskHost {
	h := &taskHost{}
	h.tasks = shell.NewTasks(shell.Dispatcher{Run: func(f func()) { f() }, Post: func(f func()) { h.posted = append(h.posted, f) }})
	return h
}

func (h *taskHost) Tasks() *shell.Tasks { return h.tasks }

func (h *taskHost) turn() {
	for _, f := range h.posted {
		f()
	}
	h.posted = nil
}

func TestProgressIsToldWithTheNewestValueAndThenDone(t *testing.T) {
	h := newTaskHost()
	var got []int
	shell.ProgressTask(h, func(_ context.Context, report func(int)) (int, error) {
		for i := range 1000 {
			report(i)
		}
		return 7, nil
	}, func(n int) { got = append(got, n) }, func(n int, err error) { got = append(got, n) })
	if len(h.posted) != 2 {
		t.Errorf("%d functions wait for the UI, want one for the progress and one for the end", len(h.posted))
	}
	h.turn()
	if want := []int{999, 7}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

func TestWorkThatIsGivenUpComesBackWithItsError(t *testing.T) {
	h := newTaskHost()
	var start func()
	h.tasks = shell.NewTasks(shell.Dispatcher{Run: func(f func()) { start = f }, Post: func(f func()) { f() }})
	var got error
	cancel := shell.ProgressTask(h, func(ctx context.Context, _ func(int)) (int, error) { return 0, ctx.Err() },
		func(int) {}, func(_ int, err error) { got = err })
	cancel()
	start()
	if !errors.Is(got, context.Canceled) {
		t.Errorf("done got %v", got)
	}
}

func TestNothingIsToldToAClosedPage(t *testing.T) {
	h := newTaskHost()
	told := 0
	shell.ProgressTask(h, func(_ context.Context, report func(int)) (int, error) { report(1); return 0, nil },
		func(int) { told++ }, func(int, error) { told++ })
	h.tasks.Close()
	h.turn()
	if told != 0 {
		t.Errorf("told %d times", told)
	}
}

func TestAPageAsksTheProgramToImport(t *testing.T) {
	w := viewtest.New(t, theme.Light)
	var page shell.Host
	factory := func(h shell.Host, _ shell.Route) shell.Page { page = h; return &quietPage{} }
	var asked string
	s := shell.New(shell.Config{Window: w.Window(), Pages: map[string]shell.Factory{shell.PageServing: factory, shell.PageModels: factory},
		ImportModel: func(h shell.Host, path string, done func(string, int)) {
			asked = path
			done("main.default.a", 1)
		}})
	s.Go(shell.ServingRoute())
	got := ""
	page.ImportModel("/tmp/a.onnx", func(full string, _ int) { got = full })
	if asked != "/tmp/a.onnx" || got != "main.default.a" {
		t.Errorf("asked with %q, told %q", asked, got)
	}
}

type quietPage struct{ fakePage }

func (p *quietPage) Breadcrumb() []shell.Crumb  { return []shell.Crumb{{Title: "Page"}} }
func (p *quietPage) Content() fyne.CanvasObject { return widgets.Body("page") }
func (p *quietPage) Refresh([]telemetry.Change) {}
func (p *quietPage) Shown()                     {}
func (p *quietPage) Hidden()                    {}
