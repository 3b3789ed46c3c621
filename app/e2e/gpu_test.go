package e2e

import (
	"fmt"
	"image"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const noDriverHere = "no NVIDIA driver is installed on this machine"

// withoutDriver is the environment of a machine without NVIDIA's driver, also on one with it.
func withoutDriver(t *testing.T) []string {
	return environment(t.TempDir(), "SERVERY_CUDA_LIBRARY="+filepath.Join(t.TempDir(), "libcuda.so.1"))
}

// withStandIn is the environment of a machine with one card: the stand-in for the driver.
func withStandIn(t *testing.T) []string {
	t.Helper()
	env := environment(t.TempDir(), "STANDIN_MEMORY=17179869184")
	for to, from := range map[string]string{"SERVERY_CUDA_LIBRARY": "SERVERY_CUDA_STANDIN", "SERVERY_NVML_LIBRARY": "SERVERY_NVML_STANDIN"} {
		path := os.Getenv(from)
		if path == "" {
			t.Fatalf("%s does not name the stand-in: run make e2e, which builds it", from)
		}
		env = append(env, to+"="+path)
	}
	return env
}

func gpuEndpoint(name string) map[string]any {
	body := createBody(name, "main.default.mnist")
	entityOf(body)["workload_type"] = "GPU_MEDIUM"
	return body
}

// On a machine without a driver GPU_MEDIUM is accepted and served on the CPU, and whoever looks
// anywhere reads why.
func TestAGPUTypeWithoutADriverIsServedOnTheCPUAndSaysSoEverywhere(t *testing.T) {
	const words = "GPU_MEDIUM is accepted, but this model runs on the CPU: " + noDriverHere + "."
	env, data := withoutDriver(t), filepath.Join(t.TempDir(), "data")
	doctor := func(says ...string) {
		t.Helper()
		out, status := run(t, env, "doctor", "--data-dir", data)
		for _, part := range says {
			if status != 0 || !strings.Contains(out, part) {
				t.Errorf("doctor: status %d, without %q:\n%s", status, part, out)
			}
		}
	}
	doctor("none: "+noDriverHere, "not there yet", "There is no model yet.")

	p := serveIn(t, env, data)
	importModel(t, data, shared(t, "vision/mnist.onnx"), "main.default.mnist")
	p.must("POST", "/api/2.0/serving-endpoints", gpuEndpoint("digits"), nil)
	p.awaitReady("digits")
	var e struct {
		Config struct {
			ServedEntities []struct {
				WorkloadType string `json:"workload_type"`
				State        struct {
					Deployment string `json:"deployment"`
					Message    string `json:"deployment_state_message"`
				} `json:"state"`
			} `json:"served_entities"`
		} `json:"config"`
	}
	p.must("GET", "/api/2.0/serving-endpoints/digits", nil, &e)
	if s := e.Config.ServedEntities[0]; s.WorkloadType != "GPU_MEDIUM" || s.State.Deployment != "DEPLOYMENT_READY" || s.State.Message != words {
		t.Errorf("%+v", s)
	}
	var answer struct{ Predictions map[string][][]float32 }
	if status, err := p.call("POST", "/serving-endpoints/digits/invocations", zeros28, &answer); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v", status, err)
	}
	want := fmt.Sprint(mnistScores(t, shared(t, "vision/mnist.onnx"), make([]float32, 28*28)))
	for name, rows := range answer.Predictions {
		if len(rows) != 1 || fmt.Sprint(rows[0]) != want {
			t.Errorf("%s is %v, not %s", name, rows, want)
		}
	}
	for _, log := range []string{"logs", "build-logs"} {
		var text struct{ Logs string }
		p.must("GET", "/api/2.0/serving-endpoints/digits/served-models/mnist-1/"+log, nil, &text)
		if !strings.Contains(text.Logs, words) {
			t.Errorf("%s:\n%s", log, text.Logs)
		}
	}
	var happened struct {
		Events []struct {
			Type    string `json:"event_type"`
			Message string
		}
	}
	p.must("GET", "/api/2.0/servery/endpoints/digits/events", nil, &happened)
	told := false
	for _, e := range happened.Events {
		told = told || e.Type == "SERVED_ENTITY_READY" && strings.Contains(e.Message, words)
	}
	if !told {
		t.Errorf("events: %+v", happened.Events)
	}
	var machine struct {
		GPUs struct {
			Known bool
			Cards []any
			None  struct{ Kind, Advice string }
		}
	}
	p.must("GET", "/api/2.0/servery/hardware", nil, &machine)
	if g := machine.GPUs; !g.Known || len(g.Cards) > 0 || g.None.Kind != "no_driver" || !strings.Contains(g.None.Advice, "install its driver") {
		t.Errorf("%+v", g)
	}
	doctor("none: "+noDriverHere, "An engine runs on it and listens on "+p.url, "main.default.mnist  1        yes  no GPU on this machine")
	p.stop()
	doctor("main.default.mnist  1        yes  no GPU on this machine")
}

// The same in the window: the form, the endpoint's page, its events and the model's page.
func TestTheWindowSaysWhyAGPUTypeRunsOnTheCPU(t *testing.T) {
	s := newScreen(t)
	data := filepath.Join(t.TempDir(), "data")
	importModel(t, data, shared(t, "vision/mnist.onnx"), "main.default.mnist")
	w := showWindowIn(t, s, withoutDriver(t), data, "light")
	w.awaitEngine()
	w.find("No endpoints yet", head)
	w.press("ctrl+2")
	w.find("CPU. Not on a GPU: "+noDriverHere+".", body)
	w.click("Serve version 1")
	w.find("Create serving endpoint", title)
	w.clickAt(w.find("Compute type").Add(image.Pt(20, 30)))
	w.click("GPU_MEDIUM · no GPU here: runs on the CPU", body)
	w.find("Runs on the CPU here: no NVIDIA driver is installed on this", small)
	picture(w, "form")
	w.press("ctrl+Return")
	w.find("A GPU type runs on the CPU here")
	w.find("mnist-1: "+noDriverHere+".", body)
	w.find("GPU_MEDIUM", body)
	w.find("on the CPU", small)
	picture(w, "endpoint")
	w.stop()
}

// With a driver the card is found: the sidebar, doctor and the REST server show it.
func TestACardIsShown(t *testing.T) {
	env, data := withStandIn(t), filepath.Join(t.TempDir(), "data")
	out, status := run(t, env, "doctor", "--data-dir", data)
	if status != 0 || !strings.Contains(out, "0: Stand-in 0, 16 GiB of memory, compute capability 9.0; 0.2 GiB in use, 40 % busy") {
		t.Errorf("doctor: status %d\n%s", status, out)
	}
	s := newScreen(t)
	w := showWindowIn(t, s, env, data, "dark")
	w.awaitEngine()
	w.find("Stand-in 0 · 16 GiB", small)
	w.find("GPU", small)
	picture(w, "card")
	w.stop()
}

// picture saves what is on the screen where somebody wants to look at it.
func picture(w *window, name string) {
	if dir := os.Getenv("SERVERY_E2E_PICTURES"); dir != "" {
		w.settle()
		w.save(filepath.Join(dir, "gpu-"+name+".png"))
	}
}
