package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"unsafe"

	"servery/engine/runtime/ort"
	"servery/engine/runtime/ortlib"
	"servery/engine/tensor"
	"servery/resources"
)

// A person brings a model to an empty Servery, serves it by the form and queries it, all
// in the window: what the page shows is what ONNX Runtime itself answers. After a kill -9
// everything is there and serving.
func TestAPersonServesAModelInTheWindow(t *testing.T) {
	s := newScreen(t)
	data := filepath.Join(t.TempDir(), "data")
	model := shared(t, "vision/mnist.onnx")
	w := openWindow(t, s, data, "light")

	w.find("No endpoints yet", head)
	w.click("Import a model")
	w.find("such as champion")
	w.write(model)
	w.press("Tab")
	w.find("main.default.mnist")
	w.click("Import", button)
	w.click("Serve version 1")
	w.find("Create serving endpoint", title)
	w.press("ctrl+Return")
	w.find("Active configuration", head)
	w.find("Ready", badge)
	w.click("Query endpoint")
	w.find("Query mnist", title)
	w.find("Ready", badge)
	w.press("ctrl+Return")
	w.find("200 OK", badge)
	for _, v := range mnistScores(t, model, make([]float32, 28*28)) {
		w.find(fmt.Sprintf("%.3f", v), mono)
	}

	w.kill()
	w = openWindow(t, s, data, "light")
	w.find("mnist", button)
	w.awaitReady("mnist")
	w.find("Scaled to zero", badge) // as the form proposes it; the first request wakes it
	var answer string
	status, err := w.call("POST", "/serving-endpoints/mnist/invocations", zeros28, &answer)
	if err != nil || status != http.StatusOK {
		t.Fatalf("after kill -9: %d %v %s", status, err, answer)
	}
	w.find("Ready", badge)
	// The window ends in order when it is told to.
	w.stop()
}

// One click serves a bundled sample and leads to its query, which answers rightly.
func TestASampleIsOneClickFromItsAnswer(t *testing.T) {
	s := newScreen(t)
	w := openWindow(t, s, filepath.Join(t.TempDir(), "data"), "dark")
	w.click("Serve handwritten digits")
	w.find("Query digits", title)
	w.find("Ready", badge)
	w.press("ctrl+Return")
	w.find("200 OK", badge)
	sample := resources.Samples()[0]
	var request struct {
		Inputs map[string][][][][]float32 `json:"inputs"`
	}
	if err := json.Unmarshal(sample.Example, &request); err != nil {
		t.Fatal(err)
	}
	var picture []float32
	for _, row := range request.Inputs["Input3"][0][0] {
		picture = append(picture, row...)
	}
	for _, v := range mnistScores(t, shared(t, "vision/mnist.onnx"), picture) {
		w.find(fmt.Sprintf("%.3f", v), mono)
	}
}

// mnistScores is ONNX Runtime's own answer, without Servery between.
func mnistScores(t *testing.T, model string, picture []float32) []float32 {
	t.Helper()
	path, err := ortlib.Find("", "")
	if err != nil {
		path, err = ortlib.Find(filepath.Join("..", "..", ".onnxruntime"), "")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ORT_DISABLE_TELEMETRY", "1")
	library, err := ort.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer library.Close()
	session, err := library.NewSession(model, ort.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	input := &tensor.Tensor{Type: tensor.Float32, Shape: []int64{1, 1, 28, 28},
		Data: unsafe.Slice((*byte)(unsafe.Pointer(&picture[0])), 4*len(picture))}
	out, err := session.Run([]tensor.Named{{Name: session.Inputs()[0].Name, Value: tensor.Value{Tensor: input}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	scores := append([]float32(nil), tensor.View[float32](out.Values[0].Tensor)...)
	if len(scores) != 10 {
		t.Fatalf("%d scores", len(scores))
	}
	return scores
}
