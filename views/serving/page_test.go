package serving_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"servery/engine/endpoint"
	"servery/engine/telemetry"
	"servery/theme"
	"servery/views/serving"
	"servery/views/shell"
	"servery/views/viewtest"
	"servery/views/widgets"
)

// engine is what the page sees of one.
type engine struct {
	all       []endpoint.Endpoint
	figures   map[string]telemetry.Summary
	asked     map[string]int // summaries read, by endpoint
	deleted   []string
	retried   []string
	refuse    error
	listenErr error
	runtime   error
	address   string
}

func (e *engine) Endpoints() []endpoint.Endpoint { return e.all }
func (e *engine) Summary(name string) telemetry.Summary {
	e.asked[name]++
	if s, ok := e.figures[name]; ok {
		return s
	}
	return telemetry.Summary{P50: math.NaN(), P99: math.NaN(), Recent: make([]float32, 60)}
}
func (e *engine) DeleteEndpoint(_ context.Context, name string) error {
	if e.refuse != nil {
		return e.refuse
	}
	e.deleted = append(e.deleted, name)
	e.all = slices.DeleteFunc(slices.Clone(e.all), func(x endpoint.Endpoint) bool { return x.Name == name })
	return nil
}
func (e *engine) RetryEndpoint(_ context.Context, name string) error {
	e.retried = append(e.retried, name)
	return nil
}
func (e *engine) Address() string                { return e.address }
func (e *engine) ListenError() error             { return e.listenErr }
func (e *engine) RuntimeStatus() (string, error) { return "ONNX Runtime", e.runtime }

var now = time.Date(2026, 11, 20, 12, 52, 0, 0, time.UTC)

func served(model string, version int, size string, workers int) endpoint.ServedEntity {
	s := endpoint.ServedEntity{
		Name: fmt.Sprintf("%s-%d", model[strings.LastIndexByte(model, '.')+1:], version), ModelName: model, ModelVersion: version,
		WorkloadType: "CPU", WorkloadSize: size, MinConcurrency: 4, MaxConcurrency: 12, ScaleToZero: true,
		Deployment: endpoint.DeploymentReady, Live: endpoint.Live{Provisioned: workers},
	}
	if workers > 0 {
		s.Live.PID = 4711
	}
	return s
}

func ready(name string, age time.Duration, entities ...endpoint.ServedEntity) endpoint.Endpoint {
	c := &endpoint.Config{Version: 1, Entities: entities}
	for i, s := range entities {
		percent := 100
		if len(entities) > 1 {
			percent = []int{90, 10}[i]
		}
		c.Routes = append(c.Routes, endpoint.Route{EntityName: s.Name, Percent: percent})
	}
	return endpoint.Endpoint{ID: name, Name: name, UpdatedAt: now.Add(-age), Ready: endpoint.Ready, Update: endpoint.NotUpdating, Active: c}
}

func traffic(rate, p50, p99 float64, seed int) telemetry.Summary {
	s := telemetry.Summary{RequestsPerSecond: rate, P50: p50, P99: p99, Recent: make([]float32, 60)}
	for i := range s.Recent {
		s.Recent[i] = float32(rate * (0.75 + 0.2*math.Sin(float64(i*seed)/7) + 0.05*math.Sin(float64(i*i))))
	}
	return s
}

// mockUp is the list of the design.
func mockUp() *engine {
	churn := ready("churn-classifier", 2*time.Minute, served("main.crm.churn", 7, "Small", 4), served("main.crm.churn", 8, "Small", 0))
	churn.Tags = []endpoint.Tag{{Key: "team", Value: "growth"}}
	ocr := ready("ocr-recognizer", 5*time.Second, served("main.vision.ppocr_rec", 3, "Small", 4))
	ocr.Update, ocr.Tags = endpoint.InProgress, []endpoint.Tag{{Key: "demo"}, {Key: "team", Value: "vision"}}
	vad := ready("speech-vad", 3*time.Hour, served("main.audio.silero_vad", 5, "", 8))
	vad.Tags = []endpoint.Tag{{Key: "audio"}}
	fraud := ready("fraud-gbt", time.Hour, served("main.risk.fraud_gbt", 4, "Small", 4))
	fraud.Update, fraud.Tags = endpoint.UpdateFailed, []endpoint.Tag{{Key: "team", Value: "risk-and-compliance"}}
	starting := endpoint.Endpoint{ID: "minilm", Name: "minilm-embed", UpdatedAt: now.Add(-30 * time.Second), Ready: endpoint.NotReady, Update: endpoint.InProgress,
		Pending: &endpoint.Config{Version: 1, Entities: []endpoint.ServedEntity{served("main.text.all_minilm_l6", 1, "Small", 0)}}}
	all := []endpoint.Endpoint{ready("ads-ranking", 30*time.Hour, served("main.ads.ads_ranker", 2, "Medium", 0)), churn, fraud, starting, ocr, vad}
	return &engine{all: all, asked: map[string]int{}, address: "http://127.0.0.1:8642", figures: map[string]telemetry.Summary{
		"churn-classifier": traffic(182, 1.9, 4.2, 3), "ocr-recognizer": traffic(38, 7.4, 11.8, 5),
		"speech-vad": traffic(611, 0.6, 1.1, 2), "fraud-gbt": traffic(24, 2.2, 6, 4),
	}}
}

func nothing() *engine { return &engine{asked: map[string]int{}, address: "http://127.0.0.1:8642"} }

type world struct {
	*viewtest.Harness
	engine  *engine
	page    *serving.Page
	sampled []string
	imports int

	listened []bool
}

func open(t testing.TB, m theme.Mode, e *engine) *world {
	w := &world{Harness: viewtest.New(t, m), engine: e}
	w.page = serving.New(w.Host(), shell.ServingRoute(), e, serving.Actions{
		ServeSample: func(name string) { w.sampled = append(w.sampled, name) },
		Import:      func() { w.imports++ },
		Listen:      func(free bool) { w.listened = append(w.listened, free) },
	})
	w.ShowPage(w.page, 1232, 852)
	return w
}

// names lists the endpoints from the top.
func (w *world) names() []string {
	var out []string
	for _, s := range w.Texts() {
		if slices.ContainsFunc(w.engine.all, func(e endpoint.Endpoint) bool { return e.Name == s }) {
			out = append(out, s)
		}
	}
	return out
}

func (w *world) more(row int) {
	dots := viewtest.All[*widgets.Button](w.Harness)
	dots = slices.DeleteFunc(dots, func(b *widgets.Button) bool { return b.Text() != "Actions" })
	test.Tap(dots[row])
}

func TestTheListLooksLikeTheDesign(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			w := open(t, m, mockUp())
			w.Golden("list")
			w.Type("Filter by name, model or tag", "team")
			w.Golden("filtered")
			w.Type("Filter by name, model or tag", "nothing like this")
			w.Golden("nomatch")
			w.Tap("Clear the filter")
			w.engine.listenErr = errors.New("port 8642 is in use by another program")
			w.engine.runtime = errors.New("ONNX Runtime 1.30.0 was not found. Run scripts/fetch-onnxruntime.sh, or set SERVERY_ONNXRUNTIME to the library.")
			w.page.Refresh([]telemetry.Change{{Kind: telemetry.EngineChanged}})
			w.more(0)
			w.Golden("problems")
		})
	}
}

func TestAPortThatIsTakenCanBeTriedAgainOrLeft(t *testing.T) {
	e := mockUp()
	e.listenErr = errors.New("port 8642 is in use by another program")
	w := open(t, theme.Light, e)
	w.MustText("Port 8642 is in use by another program. Inside this window everything works.")
	w.Tap("Try again")
	w.Tap("Use a free port")
	if !slices.Equal(w.listened, []bool{false, true}) {
		t.Errorf("asked for %v", w.listened)
	}
	e.listenErr = nil
	w.page.Refresh([]telemetry.Change{{Kind: telemetry.EngineChanged}})
	w.NoText("Try again")
}

func TestTheEmptyPageLooksLikeTheDesign(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) { open(t, m, nothing()).Golden("empty") })
	}
}

func TestTheNarrowListKeepsWhatMatters(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	w.ShowPage(w.page, 816, 592)
	w.Golden("narrow")
	w.MustText("Name", "State", "p50 / p99 ms")
	w.NoText("Workers", "team: growth")
}

func TestTheFirstStepsLeadSomewhere(t *testing.T) {
	w := open(t, theme.Light, nothing())
	w.Tap("Serve handwritten digits")
	w.Tap("Serve iris")
	w.Tap("Import a model")
	w.Tap("Copy the workspace URL")
	w.Tap("Create endpoint")
	if !slices.Equal(w.sampled, []string{"digits", "iris"}) || w.imports != 1 {
		t.Errorf("sampled %q, imported %d times", w.sampled, w.imports)
	}
	if !slices.Equal(w.Host().Copied, []string{"http://127.0.0.1:8642"}) || w.Host().LastRoute() != shell.CreateRoute("", "") {
		t.Errorf("copied %q, went to %v", w.Host().Copied, w.Host().LastRoute())
	}
}

func TestWithoutAServerThereIsNoURLToCopy(t *testing.T) {
	e := nothing()
	e.address = ""
	if w := open(t, theme.Light, e); w.HasButton("Copy the workspace URL") {
		t.Error("a URL is offered that does not exist")
	}
	e = mockUp()
	e.address = ""
	w := open(t, theme.Light, e)
	w.more(0)
	w.NoText("Copy invocation URL")
}

func TestTheFilterFindsNamesModelsAndTags(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	for text, want := range map[string][]string{
		"OCR": {"ocr-recognizer"}, "silero": {"speech-vad"}, "growth": {"churn-classifier"}, "team main.risk": {"fraud-gbt"},
	} {
		w.Type("Filter by name, model or tag", text)
		if got := w.names(); !slices.Equal(got, want) {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}
	w.MustText("1 of 6 endpoints")
}

func TestTheStateFilterOffersTheStatesThereAre(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	w.Tap("State: Any")
	w.MustText("Any", "Ready", "Scaled to zero", "Starting", "Update failed", "Updating")
	w.NoText("Not ready")
	w.Tap("Update failed")
	if got := w.names(); !slices.Equal(got, []string{"fraud-gbt"}) {
		t.Errorf("shown: %q", got)
	}
}

func TestTitlesSortTheList(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	for _, c := range []struct{ title, first string }{{"QPS", "ads-ranking"}, {"Last modified", "ocr-recognizer"}, {"State", "churn-classifier"}} {
		w.Tap(c.title)
		if got := w.names(); got[0] != c.first {
			t.Errorf("by %s the first is %s, want %s", c.title, got[0], c.first)
		}
	}
	w.Tap("QPS")
	w.Tap("QPS")
	if got := w.names(); got[0] != "speech-vad" {
		t.Errorf("most traffic: %s", got[0])
	}
}

func TestFiguresDoNotMoveRows(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	w.Tap("QPS")
	w.Tap("QPS")
	before := w.names()
	w.engine.figures["ads-ranking"] = traffic(5000, 1, 2, 3)
	w.page.Refresh([]telemetry.Change{{Kind: telemetry.MetricsChanged, Name: "ads-ranking"}})
	w.MustText("5000")
	if got := w.names(); !slices.Equal(got, before) {
		t.Errorf("rows moved from %q to %q", before, got)
	}
}

func TestTheEndOfTrafficIsNoticed(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	delete(w.engine.figures, "speech-vad")
	w.page.Refresh([]telemetry.Change{{Kind: telemetry.MetricsChanged, Name: "fraud-gbt"}})
	w.NoText("611")
}

func TestOnlyFiguresThatChangedAreRead(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	before := w.engine.asked["ads-ranking"]
	w.page.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "fraud-gbt"}, {Kind: telemetry.MetricsChanged, Name: "ocr-recognizer"}})
	if n := w.engine.asked["ads-ranking"]; n != before {
		t.Errorf("an idle endpoint's figures were read %d times more", n-before)
	}
}

func TestARowOpensItsEndpoint(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	w.Tap("speech-vad")
	if got := w.Host().LastRoute(); got != shell.EndpointRoute("speech-vad") {
		t.Errorf("went to %v", got)
	}
}

func TestTheListIsUsedByKeyboard(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	if !w.Host().Press(fyne.KeySlash, 0) {
		t.Fatal("/ does nothing")
	}
	w.Type("Filter by name, model or tag", "team")
	w.Key(fyne.KeyReturn) // on to the list
	w.Key(fyne.KeyDown)
	w.Key(fyne.KeyReturn)
	if got := w.Host().LastRoute(); got != shell.EndpointRoute("fraud-gbt") {
		t.Errorf("went to %v", got)
	}
}

func TestTheMarkStaysWithItsEndpoint(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	w.Host().Press(fyne.KeyDown, 0)
	w.Key(fyne.KeyDown) // churn-classifier
	w.engine.all = w.engine.all[1:]
	w.page.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "ads-ranking"}})
	w.Key(fyne.KeyReturn)
	if got := w.Host().LastRoute(); got != shell.EndpointRoute("churn-classifier") {
		t.Errorf("went to %v", got)
	}
}

func TestTheMenuActsOnItsRow(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	w.more(1)
	w.Tap("Query")
	if got := w.Host().LastRoute(); got != shell.QueryRoute("churn-classifier") {
		t.Errorf("went to %v", got)
	}
	w.more(1)
	w.NoText("Retry the update")
	w.Tap("Copy invocation URL")
	if want := "http://127.0.0.1:8642/serving-endpoints/churn-classifier/invocations"; w.Host().Copied[0] != want {
		t.Errorf("copied %q, want %q", w.Host().Copied[0], want)
	}
	w.more(2)
	w.Tap("Retry the update")
	if !slices.Equal(w.engine.retried, []string{"fraud-gbt"}) {
		t.Errorf("retried %q", w.engine.retried)
	}
}

func TestDeletingAsksFirst(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	w.more(1)
	w.Tap("Delete…")
	w.MustText("Delete churn-classifier?")
	w.Tap("Cancel")
	if len(w.engine.deleted) != 0 {
		t.Fatal("deleted without consent")
	}
	w.more(1)
	w.Tap("Delete…")
	w.Tap("Delete endpoint")
	w.NoText("churn-classifier")
	if !slices.Equal(w.Host().Toasts, []string{"Deleted churn-classifier"}) {
		t.Errorf("told %q", w.Host().Toasts)
	}
}

func TestAFailedDeleteSaysWhy(t *testing.T) {
	w := open(t, theme.Light, mockUp())
	w.engine.refuse = errors.New("the disk is full")
	w.more(1)
	w.Tap("Delete…")
	w.Tap("Delete endpoint")
	if len(w.Host().Toasts) != 1 || !strings.Contains(w.Host().Toasts[0], "the disk is full") {
		t.Errorf("told %q", w.Host().Toasts)
	}
	w.MustText("churn-classifier")
}

func TestTheFirstEndpointTakesThePlaceOfTheFirstSteps(t *testing.T) {
	w := open(t, theme.Light, nothing())
	w.MustText("No endpoints yet")
	w.engine.all = mockUp().all[:1]
	w.page.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "ads-ranking"}})
	w.MustText("ads-ranking", "1 endpoint · 0 requests/s")
	w.NoText("No endpoints yet")
}

func thousand() *engine {
	e := nothing()
	e.figures = map[string]telemetry.Summary{}
	for i := range 1000 {
		name := fmt.Sprintf("endpoint-%04d", i)
		x := ready(name, time.Duration(i)*time.Minute, served("main.demo.model_"+fmt.Sprint(i%50), i%9+1, "Small", i%5))
		x.Tags = []endpoint.Tag{{Key: "team", Value: fmt.Sprint(i % 12)}}
		e.all = append(e.all, x)
		if i%2 == 0 {
			e.figures[name] = traffic(float64(i), 1.5, 4, i%7)
		}
	}
	return e
}

// A frame at 40 per second has 25 ms; what the page does of it must leave room for the
// painter.
func BenchmarkScrollAThousandEndpoints(b *testing.B) {
	w := open(b, theme.Light, thousand())
	canvas, at, i := w.Window().Canvas(), fyne.NewPos(300, 400), 0
	for b.Loop() {
		dy := float32(-88)
		if i++; i%800 >= 400 {
			dy = 88
		}
		test.Scroll(canvas, at, 0, dy)
	}
}

func BenchmarkRefreshAThousandEndpoints(b *testing.B) {
	w := open(b, theme.Light, thousand())
	for b.Loop() {
		w.page.Refresh(nil)
	}
}

func BenchmarkRefreshFiguresOfAThousandEndpoints(b *testing.B) {
	w := open(b, theme.Light, thousand())
	var changes []telemetry.Change
	for _, e := range w.engine.all[:500] {
		changes = append(changes, telemetry.Change{Kind: telemetry.MetricsChanged, Name: e.Name})
	}
	for b.Loop() {
		w.page.Refresh(changes)
	}
}

func BenchmarkFilterAThousandEndpoints(b *testing.B) {
	w := open(b, theme.Light, thousand())
	search := viewtest.Find[*widgets.SearchEntry](w.Harness, nil)
	for i := 0; b.Loop(); i++ {
		search.SetText([]string{"model_7", "team 3"}[i%2])
	}
}
