package shell_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"servery/engine/telemetry"
	"servery/resources"
	"servery/theme"
	"servery/views/shell"
	"servery/views/viewtest"
	"servery/views/widgets"
)

// fakePage writes down what the shell does to it.
type fakePage struct {
	host     shell.Host
	route    shell.Route
	log      *[]string
	content  fyne.CanvasObject
	question string
	dropped  []string
}

func (p *fakePage) note(what string) {
	*p.log = append(*p.log, what+" "+strings.Trim(p.route.Page+"/"+p.route.Name, "/"))
}

func (p *fakePage) Breadcrumb() []shell.Crumb {
	if p.route.Name == "" {
		return []shell.Crumb{{Title: strings.ToUpper(p.route.Page[:1]) + p.route.Page[1:]}}
	}
	return []shell.Crumb{{Title: "Serving", Route: shell.ServingRoute()}, {Title: p.route.Name}}
}
func (p *fakePage) Content() fyne.CanvasObject { return p.content }
func (p *fakePage) Refresh(changes []telemetry.Change) {
	p.note(fmt.Sprintf("refresh%d", len(changes)))
}
func (p *fakePage) Shown()                 { p.note("shown") }
func (p *fakePage) Hidden()                { p.note("hidden") }
func (p *fakePage) MayLeave() string       { return p.question }
func (p *fakePage) Dropped(paths []string) { p.dropped = paths }

type world struct {
	*viewtest.Harness
	shell *shell.Shell
	log   []string
	pages []*fakePage
	held  []func()
	hold  bool
	modes []theme.Mode
	timer []func()
}

func newWorld(t *testing.T, m theme.Mode) *world {
	w := &world{Harness: viewtest.New(t, m)}
	factory := func(h shell.Host, r shell.Route) shell.Page {
		p := &fakePage{host: h, route: r, log: &w.log, content: widgets.NewEmptyState(resources.IconServing, "Page "+r.Page, r.Name)}
		w.pages = append(w.pages, p)
		return p
	}
	pages := map[string]shell.Factory{}
	for _, name := range []string{shell.PageServing, shell.PageCreate, shell.PageEndpoint, shell.PageQuery, shell.PageModels} {
		pages[name] = factory
	}
	w.shell = shell.New(shell.Config{Window: w.Window(), Mode: m, Pages: pages, Import: func() { w.log = append(w.log, "import") },
		SetMode: func(m theme.Mode) { w.modes = append(w.modes, m) },
		Listen:  func(free bool) { w.log = append(w.log, fmt.Sprint("listen ", free)) },
		Dispatcher: shell.Dispatcher{
			Run: func(f func()) {
				if w.hold {
					w.held = append(w.held, f)
				} else {
					f()
				}
			},
			Post:  func(f func()) { f() },
			After: func(_ float64, f func()) func() { w.timer = append(w.timer, f); return func() {} },
		}})
	w.Show(w.shell.Content(), 1440, 900)
	w.shell.Go(shell.ServingRoute())
	w.shell.SetStatus(shell.Status{Endpoints: 6, Models: 12, Running: true, Address: "http://127.0.0.1:8642", CPUName: "AMD EPYC 7B13", Cores: 16, CPUFraction: 0.34, MemoryFraction: 0.21})
	w.Settle()
	return w
}

func (w *world) last() *fakePage { return w.pages[len(w.pages)-1] }

func TestFrame(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			w := newWorld(t, m)
			w.shell.Go(shell.EndpointRoute("ocr-recognizer"))
			w.shell.Toast(widgets.Success, "Endpoint ocr-recognizer is ready.")
			w.shell.Toast(widgets.Error, "Could not import broken.onnx: the file ends in the middle of a tensor.")
			w.Golden("frame")
		})
	}
}

func TestPagesStayOpenUnderOthersAndRefreshWhenTheyComeBack(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.log = nil
	w.shell.Go(shell.EndpointRoute("a"))
	w.shell.Go(shell.QueryRoute("a"))
	w.shell.Back()
	w.shell.Back()
	want := []string{"hidden serving", "refresh0 endpoint/a", "shown endpoint/a", "hidden endpoint/a", "refresh0 query/a", "shown query/a",
		"hidden query/a", "refresh0 endpoint/a", "shown endpoint/a", "hidden endpoint/a", "refresh0 serving", "shown serving"}
	if !slices.Equal(w.log, want) {
		t.Errorf("got  %q\nwant %q", w.log, want)
	}
	if len(w.pages) != 3 {
		t.Errorf("%d pages were made, want 3", len(w.pages))
	}
	if w.last().host.Tasks() == w.pages[0].host.Tasks() {
		t.Error("two pages share their tasks")
	}
}

func TestTheBreadcrumbAndTheSidebarLead(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.shell.Go(shell.EndpointRoute("a"))
	w.MustText("a", "Page endpoint", "127.0.0.1:8642", "AMD EPYC 7B13 · 16 cores", "6", "12")
	w.MustText("Import a model")
	w.Tap("Models")
	if w.shell.Route() != shell.ModelsRoute() {
		t.Errorf("the sidebar led to %v", w.shell.Route())
	}
	w.NoText("Import a model") // the page of models has one in its head
	w.shell.Go(shell.EndpointRoute("a"))
	w.Tap("Serving")
	if w.shell.Route() != shell.ServingRoute() {
		t.Errorf("Serving led to %v", w.shell.Route())
	}
	w.Tap("New")
	if w.shell.Route().Page != shell.PageCreate {
		t.Errorf("New led to %v", w.shell.Route())
	}
}

func TestOnlyTheShownPageHearsChanges(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.shell.Go(shell.EndpointRoute("a"))
	w.log = nil
	w.shell.Refresh([]telemetry.Change{{Name: "a"}, {Name: "b"}})
	if want := []string{"refresh2 endpoint/a"}; !slices.Equal(w.log, want) {
		t.Errorf("got %q, want %q", w.log, want)
	}
}

func TestUnsavedWorkIsAskedAbout(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.shell.Go(shell.CreateRoute("", ""))
	form := w.last()
	form.question = "The form is filled in."
	w.shell.Go(shell.ModelsRoute())
	w.MustText("Discard changes?", "The form is filled in.")
	w.Tap("Cancel")
	if w.shell.Route().Page != shell.PageCreate {
		t.Fatal("the form closed without a yes")
	}
	w.shell.Go(shell.ModelsRoute())
	w.Tap("Discard")
	if w.shell.Route().Page != shell.PageModels {
		t.Errorf("after yes the page is %v", w.shell.Route())
	}
}

func TestTheWindowAsksBeforeItClosesOverUnsavedWork(t *testing.T) {
	w := newWorld(t, theme.Light)
	closed := 0
	w.shell.Go(shell.CreateRoute("", ""))
	w.shell.MayClose(func() { closed++ })
	if closed != 1 {
		t.Fatal("an empty form held the window")
	}
	w.last().question = "The form is filled in."
	w.shell.MayClose(func() { closed++ })
	w.shell.MayClose(func() { closed++ })
	w.MustText("Discard changes?")
	w.Tap("Discard")
	w.NoText("Discard changes?")
	if closed != 2 {
		t.Errorf("closed %d times, want once more", closed-1)
	}
}

func TestAFormDoesNotStayBehindWhatItMade(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.shell.Go(shell.CreateRoute("", ""))
	w.shell.Go(shell.EndpointRoute("made"))
	w.shell.Back()
	if w.shell.Route() != shell.ServingRoute() {
		t.Errorf("Back led to %v", w.shell.Route())
	}
}

func TestATaskEndsWithItsPage(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.shell.Go(shell.EndpointRoute("a"))
	w.hold = true
	var got string
	var inside error
	run := func() {
		shell.Task(w.last().host, func(ctx context.Context) (string, error) { inside = ctx.Err(); return "answer", nil },
			func(s string, err error) { got = s })
	}
	run()
	w.held[0]()
	if got != "answer" || inside != nil {
		t.Fatalf("done got %q, the context %v", got, inside)
	}
	got = ""
	run()
	w.shell.Back()
	w.held[1]()
	if got != "" {
		t.Error("done ran after its page had closed")
	}
	if !errors.Is(inside, context.Canceled) {
		t.Errorf("work's context has %v after the page closed", inside)
	}
}

func TestADefectInATaskBecomesAnError(t *testing.T) {
	w := newWorld(t, theme.Light)
	var got error
	shell.Task(w.last().host, func(context.Context) (int, error) { panic("index out of range") }, func(_ int, err error) { got = err })
	if got == nil || !strings.Contains(got.Error(), "index out of range") {
		t.Errorf("done got the error %v", got)
	}
}

func TestMessagesGoByThemselvesExceptErrors(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.shell.Toast(widgets.Success, "imported")
	w.shell.Toast(widgets.Error, "went wrong")
	w.MustText("imported", "went wrong")
	for _, f := range w.timer {
		f()
	}
	w.NoText("imported")
	w.MustText("went wrong")
	w.Tap("Dismiss")
	w.NoText("went wrong")
}

func TestKeysReachTheShownPageOnly(t *testing.T) {
	w := newWorld(t, theme.Light)
	pressed := ""
	w.pages[0].host.Shortcut(fyne.KeySlash, 0, func() { pressed += "list " })
	w.Key(fyne.KeySlash)
	w.shell.Go(shell.EndpointRoute("a"))
	w.Key(fyne.KeySlash)
	if pressed != "list " {
		t.Errorf("pressed %q, want once", pressed)
	}
	w.shell.Back()
	w.shell.Go(shell.ServingRoute())
	for range 4 { // New, the sidebar's entries, a button
		w.Window().Canvas().FocusNext()
		w.Window().Canvas().Focused().TypedRune('/')
	}
	if want := "list list list list list "; pressed != want {
		t.Errorf("pressed %q, want %q: what has the focus kept it", pressed, want)
	}
	w.last().host.Confirm(widgets.Confirm{Title: "Sure?", Verb: "Yes"})
	w.MustText("Sure?")
	w.Key(fyne.KeyEscape)
	w.NoText("Sure?")
}

func TestAHiddenPageHasNoFocus(t *testing.T) {
	w := newWorld(t, theme.Light)
	opened, stopped := 0, 0
	list := widgets.NewTable(widgets.TableConfig{Columns: []widgets.Column{{Title: "Name", Flex: 1}}, Len: func() int { return 1 },
		NewCell: func(int) fyne.CanvasObject { return widgets.TextCell() }, UpdateCell: func(int, int, fyne.CanvasObject) {},
		Opened: func(int) { opened++ }})
	w.shell.Go(shell.ModelsRoute())
	page := w.last()
	page.content = list
	w.shell.Go(shell.EndpointRoute("a"))
	w.shell.Back()
	canvas := w.Window().Canvas()
	canvas.Focus(list)
	page.host.Shortcut(fyne.KeyEscape, 0, func() { stopped++ })
	canvas.Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if stopped != 1 {
		t.Error("a table with the focus kept Escape from its page")
	}
	w.shell.Go(shell.EndpointRoute("b"))
	if f := canvas.Focused(); f != nil || opened != 0 {
		t.Errorf("%T of the hidden page has the focus; opened %d", f, opened)
	}
}

func TestTheLookIsChosenFromTheTopBar(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.Tap("Theme")
	w.Tap("Dark")
	if len(w.modes) != 1 || w.modes[0] != theme.Dark {
		t.Errorf("modes asked for: %v", w.modes)
	}
}

func TestTheEngineCardTellsWhyItDoesNotListen(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.shell.SetStatus(shell.Status{Problem: "Port 8642 is in use by another program.", CPUName: "AMD EPYC 7B13", Cores: 16})
	w.MustText("Not listening", "Port 8642 is in use by another program.")
	w.NoText("127.0.0.1")
	w.Golden("notlistening")
	w.log = nil
	w.Tap("Try again")
	w.Tap("Use a free port")
	if want := []string{"listen false", "listen true"}; !slices.Equal(w.log, want) {
		t.Errorf("asked for %q, want %q", w.log, want)
	}
	w.shell.SetStatus(shell.Status{Running: true, Address: "http://127.0.0.1:40123"})
	w.MustText("127.0.0.1:40123")
	w.NoText("Try again", "Use a free port")
}

func TestTheEngineCardShowsTheGPU(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			w := newWorld(t, m)
			w.NoText("GPU")
			st := shell.Status{Endpoints: 6, Models: 12, Running: true, Address: "http://127.0.0.1:8642", CPUName: "AMD EPYC 7B13", Cores: 16,
				CPUFraction: 0.34, MemoryFraction: 0.21, GPUName: "NVIDIA L4 · 22 GiB", GPUFraction: 0.57}
			w.shell.SetStatus(st)
			w.MustText("NVIDIA L4 · 22 GiB", "GPU")
			w.NoText("AMD EPYC")
			w.Golden("gpu")
			st.GPUFraction = -1
			w.shell.SetStatus(st)
			w.Settle()
			w.MustText("NVIDIA L4 · 22 GiB")
			for _, text := range w.Texts() {
				if text == "GPU" {
					t.Error("a meter of what is not measured")
				}
			}
		})
	}
}

func TestFilesDroppedOverADialogWait(t *testing.T) {
	w := newWorld(t, theme.Light)
	m := w.last().host.Modal(widgets.ModalConfig{Title: "Import a model", Content: widgets.Body("")})
	w.shell.Dropped([]string{"a.onnx"})
	if len(w.last().dropped) != 0 {
		t.Errorf("the page got %q", w.last().dropped)
	}
	m.Hide()
	w.MustText("Close the dialog first, then drop the model again.")
	w.shell.Dropped([]string{"a.onnx"})
	if !slices.Equal(w.last().dropped, []string{"a.onnx"}) {
		t.Errorf("the page got %q", w.last().dropped)
	}
}

func TestDroppedFilesGoToThePage(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.shell.Dropped([]string{"a.onnx"})
	if !slices.Equal(w.last().dropped, []string{"a.onnx"}) {
		t.Errorf("the page got %q", w.last().dropped)
	}
}
