package query

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"servery/engine/endpoint"
	"servery/engine/mlmodel"
	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/telemetry"
	"servery/engine/tensor"
	"servery/resources"
	"servery/theme"
	"servery/views/shell"
	"servery/views/viewtest"
	"servery/views/widgets"
)

// engine is what the page sees of one.
type engine struct {
	host     *viewtest.Host
	endpoint endpoint.Endpoint
	models   map[string]registry.Model
	gone     error
	address  string
	answer   func(ctx context.Context, entity string, r runtime.Request) (endpoint.Answer, error)
	asked    []string // entity and body of each request
	released int
}

func (e *engine) Endpoint(string) (endpoint.Endpoint, error) { return e.endpoint, e.gone }
func (e *engine) Model(name string) (registry.Model, error) {
	m, ok := e.models[name]
	if !ok {
		return m, errors.New("no such model")
	}
	return m, nil
}
func (e *engine) Invoke(ctx context.Context, _, entity string, r runtime.Request) (endpoint.Answer, error) {
	e.asked = append(e.asked, entity+" "+string(r.Body))
	return e.answer(ctx, entity, r)
}
func (e *engine) Address() string { return e.address }

// answers gives one body with the design's timings.
func (e *engine) answers(status int, body string) {
	e.answer = func(context.Context, string, runtime.Request) (endpoint.Answer, error) {
		e.host.Clock = e.host.Now().Add(1_410 * time.Microsecond)
		ms := func(f float64) time.Duration { return time.Duration(f * float64(time.Millisecond)) }
		buffer := []byte(body)
		all := e.endpoint.Active.Entities
		return endpoint.Answer{Entity: all[len(all)-1].Name, Queue: ms(0.01), Response: runtime.Response{
			Status: status, ContentType: "application/json", Body: buffer,
			Timing:  runtime.Timing{Decode: ms(0.08), Run: ms(1.12), Encode: ms(0.10)},
			Release: func() { e.released++; clear(buffer) },
		}}, nil
	}
}

const digitsAnswer = `{"predictions":{"Plus214_Output_0":[[-1.2044,-3.3171,2.1032,9.4415,-4.8,0.71,-6.2,1.1,0.93,-2.6]]}}`

func served(model string, version int) endpoint.ServedEntity {
	return endpoint.ServedEntity{Name: fmt.Sprintf("%s-%d", model[strings.LastIndexByte(model, '.')+1:], version), ModelName: model, ModelVersion: version,
		WorkloadSize: "Small", Deployment: endpoint.DeploymentReady, Live: endpoint.Live{Provisioned: 4, PID: 1}}
}

func digits() *engine {
	v := registry.Version{Number: 2, Status: registry.Ready, InputExample: resources.Samples()[0].Example,
		Graph: &registry.Graph{Outputs: []tensor.Port{{Name: "Plus214_Output_0", Type: tensor.Float32, Shape: []int64{1, 10}}}}}
	v1 := v
	v1.Number = 1
	e := &engine{address: "http://127.0.0.1:8642", models: map[string]registry.Model{"samples.vision.digits": {Catalog: "samples", Schema: "vision", Name: "digits", Versions: []registry.Version{v, v1}}}}
	e.endpoint = endpoint.Endpoint{Name: "digits", Ready: endpoint.Ready, Update: endpoint.NotUpdating, Active: &endpoint.Config{Version: 3,
		Entities: []endpoint.ServedEntity{served("samples.vision.digits", 1), served("samples.vision.digits", 2)},
		Routes:   []endpoint.Route{{EntityName: "digits-1", Percent: 20}, {EntityName: "digits-2", Percent: 80}}}}
	return e
}

func iris() *engine {
	v := registry.Version{Number: 1, Status: registry.Ready, InputExample: []byte(`{"dataframe_split":{"columns":["sepal_length","sepal_width","petal_length","petal_width"],"data":[[5.1,3.5,1.4,0.2],[6.2,2.9,4.3,1.3]]}}`)}
	e := &engine{address: "http://127.0.0.1:8642", models: map[string]registry.Model{"main.default.iris": {Catalog: "main", Schema: "default", Name: "iris", Versions: []registry.Version{v}}}}
	e.endpoint = endpoint.Endpoint{Name: "iris", Ready: endpoint.Ready, Update: endpoint.NotUpdating, Active: &endpoint.Config{Version: 1, Entities: []endpoint.ServedEntity{served("main.default.iris", 1)}}}
	return e
}

type world struct {
	*viewtest.Harness
	engine *engine
	page   *Page
}

func open(t testing.TB, m theme.Mode, e *engine) *world {
	w := &world{Harness: viewtest.New(t, m), engine: e}
	e.host = w.Host()
	w.page = New(w.Host(), shell.QueryRoute(e.endpoint.Name), e, nil)
	w.ShowPage(w.page, 1232, 852)
	return w
}

func (w *world) editor() *widgets.CodeEditor { return w.page.request.editor }

func (w *world) edit(body string) {
	w.editor().SetText(body)
	w.Settle()
}

func TestThePageLooksLikeTheDesign(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			w := open(t, m, digits())
			w.Golden("fresh")
			w.engine.answers(400, `{"error_code":"BAD_REQUEST","message":"Input3: expected float32[1,1,28,28], got [1,784]"}`)
			w.Tap("Send")
			w.Golden("error")
			w.engine.answers(200, digitsAnswer)
			w.Tap("Send")
			w.Golden("response")
			w.Tap("curl")
			w.Golden("code")
			w.Tap("App")
			w.Host().Hold = true
			w.edit("{\n  \"inputs\": {\n    \"Input3\": [[1,, 2]]\n  }\n}")
			w.Golden("broken")
			w.Tap("Use input example")
			w.Tap("Send")
			w.Golden("loading")
		})
	}
}

func TestATableLooksRight(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			w := open(t, m, iris())
			w.engine.answers(200, `{"predictions":{"label":["setosa","versicolor"],"probabilities":[{"setosa":0.97,"versicolor":0.02,"virginica":0.01},{"setosa":0.01,"versicolor":0.93,"virginica":0.06}]}}`)
			w.Tap("Send")
			w.Golden("table")
		})
	}
}

func TestASmallWindowShowsEverything(t *testing.T) {
	w := open(t, theme.Light, digits())
	w.engine.answers(200, digitsAnswer)
	w.Tap("Send")
	w.ShowPage(w.page, 816, 592)
	w.Golden("small")
}

func TestAnEndpointThatIsNotReadySaysWhy(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			e := digits()
			e.endpoint.Ready, e.endpoint.Update = endpoint.NotReady, endpoint.InProgress
			e.endpoint.Pending, e.endpoint.Active = e.endpoint.Active, nil
			e.endpoint.Progress = &endpoint.Progress{Stage: endpoint.StageLoad, Detail: "digits-1: loading 26 kB"}
			w := open(t, m, e)
			w.Golden("notready")
			w.MustText("not ready yet", "digits-1: loading 26 kB")
			if !w.Button("Send").Disabled() || w.Host().Press(fyne.KeyReturn, fyne.KeyModifierShortcutDefault) && len(e.asked) != 0 {
				t.Error("a request can be sent")
			}
			e.endpoint.Ready, e.endpoint.Active, e.endpoint.Pending = endpoint.Ready, e.endpoint.Pending, nil
			e.endpoint.Update = endpoint.NotUpdating
			w.page.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "digits"}})
			if w.NoText("not ready yet"); w.Button("Send").Disabled() {
				t.Error("Send stays disabled")
			}
		})
	}
}

func TestAFailedDeploymentLeadsToTheEndpoint(t *testing.T) {
	e := digits()
	e.endpoint.Ready, e.endpoint.Update = endpoint.NotReady, endpoint.UpdateFailed
	e.endpoint.Pending, e.endpoint.Active = e.endpoint.Active, nil
	e.endpoint.Pending.Entities[0].Message = "ONNX Runtime is missing."
	w := open(t, theme.Light, e)
	w.MustText("The deployment failed", "ONNX Runtime is missing.")
	w.Tap("See the endpoint")
	if got := w.Host().LastRoute(); got != shell.EndpointRoute("digits") {
		t.Errorf("went to %v", got)
	}
}

func TestAMissingEndpointCannotBeQueried(t *testing.T) {
	e := digits()
	e.gone = &endpoint.NotFoundError{Name: "digits"}
	e.endpoint = endpoint.Endpoint{Name: "digits"}
	w := open(t, theme.Light, e)
	w.MustText("cannot be queried", "Endpoint with name 'digits' does not exist.")
	if !w.Button("Send").Disabled() {
		t.Error("Send is enabled")
	}
}

func TestTheExampleIsReadyToSend(t *testing.T) {
	e := digits()
	w := open(t, theme.Light, e)
	e.answers(200, digitsAnswer)
	w.Host().Press(fyne.KeyReturn, fyne.KeyModifierShortcutDefault)
	if want := " " + pretty(resources.Samples()[0].Example); !slices.Equal(e.asked, []string{want}) {
		t.Errorf("sent %q", e.asked)
	}
	w.MustText("200 OK", "1.41 ms · served by digits-2", "float32[1,10]", "9.441", "Queue 0.01", "Model 1.12", "Overhead 0.10", `"predictions"`)
	if e.released != 1 {
		t.Errorf("the answer's memory was given back %d times", e.released)
	}
}

func TestAModelWithoutAnExampleGetsOneFromItsSignature(t *testing.T) {
	e := iris()
	m := e.models["main.default.iris"]
	m.Versions[0].InputExample = nil
	m.Versions[0].Signature = &mlmodel.Signature{Inputs: &mlmodel.Schema{Columns: []mlmodel.Column{{Name: "age", Type: mlmodel.Long, Required: true}}}}
	m.Versions[0].Graph = &registry.Graph{}
	w := open(t, theme.Light, e)
	if got := w.editor().Text; !strings.Contains(got, "age") {
		t.Errorf("offered %s", got)
	}
}

func TestADirectEntityCanBeAsked(t *testing.T) {
	e := digits()
	w := open(t, theme.Light, e)
	e.answers(200, digitsAnswer)
	w.Tap("Route by traffic split")
	w.Tap("Only digits-1")
	w.Tap("Send")
	if len(e.asked) != 1 || !strings.HasPrefix(e.asked[0], "digits-1 {") {
		t.Errorf("asked %q", e.asked)
	}
	w.Tap("curl")
	w.MustText("/serving-endpoints/digits/served-models/digits-1/invocations")
}

func TestOneEntityNeedsNoChoice(t *testing.T) {
	open(t, theme.Light, iris()).NoText("Route by traffic split")
}

func TestWhatIsTypedIsNotReplaced(t *testing.T) {
	e := digits()
	w := open(t, theme.Light, e)
	w.edit(`{"inputs": [1]}`)
	w.page.Refresh(nil)
	if got := w.editor().Text; got != `{"inputs": [1]}` {
		t.Errorf("the text became %s", got)
	}
	w.Tap("Use input example")
	if got := w.editor().Text; got != pretty(resources.Samples()[0].Example) {
		t.Errorf("the example is %s", got)
	}
}

func TestBrokenJSONIsNotSent(t *testing.T) {
	e := digits()
	w := open(t, theme.Light, e)
	w.edit("{\n  \"inputs\": [1,, 2]\n}")
	w.MustText("Line 2, column 16")
	if !w.Button("Send").Disabled() {
		t.Error("Send is enabled")
	}
	w.Host().Press(fyne.KeyReturn, fyne.KeyModifierShortcutDefault)
	w.edit(`{"inputs": [1]}`)
	w.MustText("Valid JSON")
	if w.Button("Send").Disabled() || len(e.asked) != 0 {
		t.Errorf("asked %q", e.asked)
	}
}

func TestTheFormatIsChangedFromTheList(t *testing.T) {
	w := open(t, theme.Light, iris())
	w.Tap("dataframe_split")
	w.NoText("instances")
	w.Tap("dataframe_records")
	if got := compact(w.editor().Text); !strings.HasPrefix(got, `{"dataframe_records":[{"sepal_length":5.1,`) {
		t.Errorf("the request is %s", got)
	}
}

func TestAnErrorIsExplained(t *testing.T) {
	e := digits()
	w := open(t, theme.Light, e)
	for _, c := range []struct {
		err  error
		want []string
	}{
		{&endpoint.OverloadedError{Entity: "digits-2", Permits: 4, InFlight: 4, Queued: 100}, []string{"Overloaded", "provision more concurrency"}},
		{&runtime.DiedError{Cause: "SIGFPE: arithmetic error"}, []string{"Process ended", "SIGFPE", "new process"}},
		{&endpoint.NotReadyError{Message: "digits-2 failed"}, []string{"Not ready", "digits-2 failed"}},
		{context.DeadlineExceeded, []string{"Timed out"}},
		{errors.New("anything"), []string{"Failed", "anything"}},
	} {
		e.answer = func(context.Context, string, runtime.Request) (endpoint.Answer, error) {
			return endpoint.Answer{}, c.err
		}
		w.Tap("Send")
		w.MustText(c.want...)
	}
	e.answers(400, `{"error_code":"BAD_REQUEST","message":"Input3 is missing."}`)
	w.Tap("Send")
	w.MustText("400 Bad Request", "BAD_REQUEST", "Input3 is missing.")
}

func TestARunningRequestCanBeCancelled(t *testing.T) {
	e := digits()
	w := open(t, theme.Light, e)
	w.Host().Hold = true
	e.answer = func(ctx context.Context, _ string, _ runtime.Request) (endpoint.Answer, error) {
		return endpoint.Answer{}, ctx.Err()
	}
	w.Tap("Send")
	w.MustText("Waiting for the answer…")
	if w.HasButton("Send") {
		t.Error("a second request can be sent")
	}
	w.Tap("Cancel")
	w.Host().RunHeld()
	w.MustText("Cancelled")
	if !w.HasButton("Send") {
		t.Error("Send did not come back")
	}
}

func TestAColdStartIsAnnounced(t *testing.T) {
	e := digits()
	for i := range e.endpoint.Active.Entities {
		e.endpoint.Active.Entities[i].ScaleToZero, e.endpoint.Active.Entities[i].Live = true, endpoint.Live{}
	}
	w := open(t, theme.Light, e)
	w.Host().Hold = true
	w.Tap("Send")
	w.MustText("Scaled to zero: the model is started first")
}

func TestClosingThePageCancelsItsRequest(t *testing.T) {
	e := digits()
	w := open(t, theme.Light, e)
	w.Host().Hold = true
	var got error
	e.answer = func(ctx context.Context, _ string, _ runtime.Request) (endpoint.Answer, error) {
		<-ctx.Done()
		got = ctx.Err()
		return endpoint.Answer{}, got
	}
	w.Tap("Send")
	w.Host().CloseTasks()
	w.Host().RunHeld()
	if !errors.Is(got, context.Canceled) {
		t.Errorf("the engine's context ended with %v", got)
	}
}

func TestHistoryBringsRequestsBack(t *testing.T) {
	e := digits()
	w := open(t, theme.Light, e)
	w.MustText("Requests you send are kept here")
	e.answers(200, digitsAnswer)
	w.edit(`{"inputs": ["first"]}`)
	w.Tap("Send")
	e.answers(400, `{"error_code":"BAD_REQUEST","message":"No second."}`)
	w.edit(`{"inputs": ["second"]}`)
	w.Tap("Send")
	w.MustText("No second.")
	w.edit(`{"inputs": ["third"]}`)
	row := viewtest.Find(w.Harness, func(x *widgets.Text) bool { return x.Text() == `{"inputs": ["first"]}` })
	if row == nil {
		t.Fatal("the first request is not listed")
	}
	w.Tap(`{"inputs": ["first"]}`)
	if w.editor().Text != `{"inputs": ["first"]}` {
		t.Errorf("restored %s", w.editor().Text)
	}
	w.MustText("200 OK", "9.441")

	dots := viewtest.All[*widgets.Button](w.Harness)
	dots = slices.DeleteFunc(dots, func(b *widgets.Button) bool { return b.Text() != "Actions of the request" })
	test.Tap(dots[0])
	w.Tap("Copy as curl")
	if len(w.Host().Copied) != 1 || !strings.Contains(w.Host().Copied[0], `-d '{"inputs":["second"]}'`) {
		t.Errorf("copied %q", w.Host().Copied)
	}
	w.Tap("Clear")
	w.MustText("Requests you send are kept here")
}

func TestHistoryOutlivesThePage(t *testing.T) {
	w := viewtest.New(t, theme.Light)
	e := digits()
	e.host = w.Host()
	past := NewHistory()
	first := New(w.Host(), shell.QueryRoute("digits"), e, past)
	w.ShowPage(first, 1232, 852)
	e.answers(200, digitsAnswer)
	w.Tap("Send")
	other := New(w.Host(), shell.QueryRoute("iris"), iris(), past)
	w.ShowPage(other, 1232, 852)
	w.MustText("Requests you send are kept here")
	w.ShowPage(New(w.Host(), shell.QueryRoute("digits"), e, past), 1232, 852)
	w.NoText("Requests you send are kept here")
}

func TestHistoryIsBounded(t *testing.T) {
	h := NewHistory()
	for i := range 3 * mostKept {
		h.add("a", &exchange{request: fmt.Sprint(i)})
	}
	if n := len(h.of["a"]); n != mostKept || h.of["a"][0].request != fmt.Sprint(3*mostKept-1) || len(h.order) != mostKept {
		t.Errorf("%d kept, newest %q, %d in order", n, h.of["a"][0].request, len(h.order))
	}
	for range 5 {
		h.add("b", &exchange{response: make([]byte, mostBytes/3)})
	}
	sum := 0
	for _, all := range h.of {
		for _, x := range all {
			sum += x.size()
		}
	}
	if sum != h.bytes || sum > mostBytes || len(h.of["b"]) == 0 {
		t.Errorf("%d bytes kept, counted %d, at most %d", sum, h.bytes, mostBytes)
	}
	h.clear("b")
	if h.bytes != 0 && len(h.of["a"]) == 0 {
		t.Errorf("%d bytes after clearing", h.bytes)
	}
}

func TestALargeResponseIsShownInPartAndSavedWhole(t *testing.T) {
	e := digits()
	w := open(t, theme.Light, e)
	body := `{"predictions":[` + strings.Repeat("0.125,", 40_000) + `1]}`
	e.answers(200, body)
	w.Tap("Send")
	w.MustText("The first 16 kB of 240 kB are shown")
	if n := len(w.page.response.text.Text()); n > readable+10 {
		t.Errorf("%d bytes are shown", n)
	}
	w.Tap("Copy")
	if len(w.Host().Copied) != 1 || w.Host().Copied[0] != body {
		t.Error("the copy is not the whole response")
	}
	path := filepath.Join(t.TempDir(), "out.json")
	w.Host().NextPath = path
	w.Tap("Save…")
	if got, err := os.ReadFile(path); err != nil || string(got) != body {
		t.Errorf("saved %d bytes: %v", len(got), err)
	}
}

func TestALargeRequestIsSentWholeWithoutBeingEdited(t *testing.T) {
	e := digits()
	w := open(t, theme.Light, e)
	body := `{"inputs":[` + strings.Repeat("0.125,", 60_000) + `1]}`
	w.page.request.set(body)
	w.Settle()
	w.MustText("Too large to edit here")
	e.answers(200, digitsAnswer)
	w.Tap("Send")
	if len(e.asked) != 1 || e.asked[0] != " "+body {
		t.Error("another request was sent")
	}
	w.Tap("Use input example")
	if w.editor().Disabled() || w.page.request.large != "" {
		t.Error("the editor stays closed")
	}
}

func TestCodeSaysTheSameRequest(t *testing.T) {
	e := iris()
	w := open(t, theme.Light, e)
	for tab, want := range map[string]string{"curl": "curl -X POST http://127.0.0.1:8642/serving-endpoints/iris/invocations", "Python (MLflow)": `client.predict(endpoint="iris"`, "Databricks SDK": "DataframeSplitInput.from_dict("} {
		w.Tap(tab)
		w.MustText(want)
		w.Tap("Copy")
		if c := w.Host().Copied; !strings.Contains(c[len(c)-1], want) {
			t.Errorf("%s copies %q", tab, c[len(c)-1])
		}
	}
	e.address = ""
	w.Tap("curl")
	w.page.Refresh([]telemetry.Change{{Kind: telemetry.EngineChanged}})
	w.MustText("$DATABRICKS_HOST/serving-endpoints")
}

func TestPicturesAreFoundInRequests(t *testing.T) {
	plane := "[" + strings.Repeat("[0,0,0,0,0,0,0,255],", 7) + "[0,0,0,0,0,0,0,0]]"
	pixel := "[" + strings.Repeat("[[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3]],", 7) + "[[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3],[9,9,9]]]"
	for body, want := range map[string]string{
		`{"inputs":{"X":[[` + plane + `]]}}`:      "X",
		`{"inputs":{"X":[` + pixel + `]}}`:        "X",
		`{"instances":[{"img":[` + plane + `]}]}`: "img",
		`{"inputs":[[` + plane + `]]}`:            "inputs",
		`{"inputs":{"X":[[[[1,2],[3,4]]]]}}`:      "", // too small to see
		`{"inputs":{"X":[[[[1,2],[3]]]]}}`:        "",
		`{"dataframe_split":{"data":[[1]]}}`:      "",
		`{"inputs":{"X":[[[]]]}}`:                 "",
		`broken`:                                  "",
	} {
		name, img := picture(body)
		if name != want || (img != nil) != (want != "") {
			t.Errorf("%.60s: %q %v", body, name, img != nil)
		}
		if img != nil && (img.Bounds().Dx() != 8 || img.Bounds().Dy() != 8) {
			t.Errorf("%.60s is %v", body, img.Bounds())
		}
	}
}

// A keystroke in the largest request that can be edited must not take a second.
func BenchmarkCheckALargeRequest(b *testing.B) {
	w := open(b, theme.Light, iris())
	row := "[" + strings.Repeat("0.25,", 223) + "1]"
	w.page.request.set(pretty([]byte(`{"inputs":{"X":[[` + strings.Repeat(row+",", 160) + row + `]]}}`)))
	for b.Loop() {
		w.page.request.check()
	}
}

func BenchmarkShowCodeOfALargeRequest(b *testing.B) {
	w := open(b, theme.Light, iris())
	w.page.request.set(`{"inputs":[` + strings.Repeat("0.125,", 30_000) + `1]}`)
	w.Tap("curl")
	for i := 0; b.Loop(); i++ {
		w.page.name = fmt.Sprint("iris", i)
		w.page.request.showCode()
		w.Settle()
	}
}

func BenchmarkShowALargeResponse(b *testing.B) {
	w := open(b, theme.Light, digits())
	x := &exchange{status: 200, response: []byte(`{"predictions":[[` + strings.Repeat("0.125,", 200_000) + `1]]}`)}
	for b.Loop() {
		x.view = newView(x)
		w.page.response.show(x)
		w.Settle()
	}
}
