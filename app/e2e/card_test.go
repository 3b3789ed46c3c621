package e2e

import (
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// onStandIn is an endpoint whose worker computes on the stand-in's card, by the device code that ships.
func onStandIn(t *testing.T, name string, more ...string) map[string]any {
	t.Helper()
	code := os.Getenv("SERVERY_CUDA_KERNELS")
	if code == "" {
		t.Fatal("SERVERY_CUDA_KERNELS does not name the translated device code: run make e2e, which builds it")
	}
	body := gpuEndpoint(name)
	variables := map[string]any{"SERVERY_CUDA_KERNELS": code}
	for _, v := range more {
		key, value, _ := strings.Cut(v, "=")
		variables[key] = value
	}
	entityOf(body)["environment_vars"] = variables
	return body
}

// digitScores asks an endpoint on mnist for the scores of a picture of zeros.
func digitScores(t *testing.T, p *program, name string) []float32 {
	t.Helper()
	var answer struct{ Predictions map[string][][]float32 }
	if status, err := p.call("POST", "/serving-endpoints/"+name+"/invocations", zeros28, &answer); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %v", name, status, err)
	}
	for _, rows := range answer.Predictions {
		if len(rows) == 1 {
			return rows[0]
		}
	}
	t.Fatalf("%s answers %v", name, answer)
	return nil
}

func mustBeNear(t *testing.T, got, want []float32, share float64) {
	t.Helper()
	scale := 0.0
	for _, w := range want {
		scale = math.Max(scale, math.Abs(float64(w)))
	}
	if len(got) != len(want) {
		t.Fatalf("%d scores, not %d", len(got), len(want))
	}
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > share*scale {
			t.Errorf("score %d is %v, not %v", i, got[i], want[i])
		}
	}
}

// messages are what the events of a type say.
func messages(p *program, endpoint, kind string) []string {
	var happened struct {
		Events []struct {
			Type    string `json:"event_type"`
			Message string
		}
	}
	p.must("GET", "/api/2.0/servery/endpoints/"+endpoint+"/events", nil, &happened)
	var said []string
	for _, e := range happened.Events {
		if e.Type == kind {
			said = append(said, e.Message)
		}
	}
	return said
}

// With a card a GPU type runs on it, and answers as the CPU does.
func TestAModelIsServedOnTheCard(t *testing.T) {
	p := serveIn(t, withStandIn(t), filepath.Join(t.TempDir(), "data"))
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.mnist")
	want := mnistScores(t, shared(t, "vision/mnist.onnx"), make([]float32, 28*28))
	for precision, share := range map[string]float64{"tf32": 2e-3, "fp32": 1e-5, "fp16": 2e-3} {
		name := "digits-" + precision
		p.must("POST", "/api/2.0/serving-endpoints", onStandIn(t, name, "SERVERY_GPU_PRECISION="+precision), nil)
		p.awaitReady(name)
		mustBeNear(t, digitScores(t, p, name), want, share)
		if said := strings.Join(messages(p, name, "SERVED_ENTITY_READY"), "\n"); !strings.Contains(said, "CUDA · Stand-in 0 · "+precision) {
			t.Errorf("%s: the events say %q", name, said)
		}
	}
}

// A kernel that faults takes the card from its process: the process is started again and the request is sent
// again. A card that goes on faulting is left for the CPU, which an event tells. No request fails.
func TestAFaultOfTheCardFailsNoRequest(t *testing.T) {
	p := serveIn(t, withStandIn(t), filepath.Join(t.TempDir(), "data"))
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.mnist")
	want := mnistScores(t, shared(t, "vision/mnist.onnx"), make([]float32, 28*28))
	p.must("POST", "/api/2.0/serving-endpoints", onStandIn(t, "digits", "STANDIN_FAIL=kernel:pool_f32 60 700"), nil)
	p.awaitReady("digits")
	for start, left := time.Now(), false; !left; {
		if time.Since(start) > 2*time.Minute {
			t.Fatal("the card faults at each 60th pooling, and no event tells that the model has left it")
		}
		mustBeNear(t, digitScores(t, p, "digits"), want, 2e-3)
		left = len(messages(p, "digits", "GPU_LEFT")) > 0
	}
	if said := messages(p, "digits", "GPU_LEFT"); !strings.Contains(said[0], "lost 3 times") {
		t.Errorf("the event says %q", said)
	}
	mustBeNear(t, digitScores(t, p, "digits"), want, 1e-5)
}

// What the way to a GPU adds to the run: the engine's own time, and a client's. The stand-in's card adds its
// threads to the run, which is left out.
func TestFiguresRequestPathToTheCard(t *testing.T) {
	wantFigures(t)
	p := serveIn(t, withStandIn(t), filepath.Join(t.TempDir(), "data"))
	p.upload(tenModel(t), "main.default.ten")
	for _, c := range []struct {
		what string
		body map[string]any
	}{{"card", onStandIn(t, "card")}, {"processor", createBody("processor", "main.default.ten")}} {
		entityOf(c.body)["entity_name"] = "main.default.ten"
		p.must("POST", "/api/2.0/serving-endpoints", c.body, nil)
		p.awaitReady(c.what)
		if said := strings.Join(messages(p, c.what, "SERVED_ENTITY_READY"), "\n"); (c.what == "card") != strings.Contains(said, "CUDA · Stand-in 0") {
			t.Fatalf("%s: the events say %q", c.what, said)
		}
		var conns []*wire
		for range 8 {
			conns = append(conns, dial(t, strings.TrimPrefix(p.url, "http://"), "/serving-endpoints/"+c.what+"/invocations", p.token, tenColumns))
		}
		openLoop(t, conns, 1000, 2*time.Second) // warm
		_, overhead, inside := openLoop(t, conns, 1000, 10*time.Second)
		report(t, c.what+", 1,000 requests/s: less the model's run", overhead)
		report(t, c.what+", 1,000 requests/s: inside the engine, less the run", inside)
	}
}

// The window shows what runs on the card.
func TestTheWindowShowsWhatRunsOnTheCard(t *testing.T) {
	s, data := newScreen(t), filepath.Join(t.TempDir(), "data")
	w := showWindowIn(t, s, withStandIn(t), data, "light")
	w.awaitEngine()
	w.upload(shared(t, "vision/mnist.onnx"), "main.default.mnist")
	w.must("POST", "/api/2.0/serving-endpoints", onStandIn(t, "digits"), nil)
	w.awaitReady("digits")
	for range 20 {
		digitScores(t, w.program, "digits")
	}
	w.click("digits")
	w.find("Active configuration", head)
	w.find("on GPU 0", small)
	picture(w, "on-card")
	w.press("ctrl+2")
	w.find("CPU or GPU 0, Stand-in 0", body)
	picture(w, "model-on-card")
	w.stop()
}
