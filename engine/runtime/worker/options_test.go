//go:build linux && cgo

package worker

import (
	"errors"
	"strings"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime"
	"servery/engine/scoring"
)

func TestAServedEntitysEnvironmentChoosesHowAnswersAreWritten(t *testing.T) {
	spec := model(t, onnxtest.Add(2))
	spec.Environment = map[string]string{scoring.NaNVariable: "faithful", scoring.WrapVariable: "list"}
	r, _ := launch(t, onnxLauncher(t), spec)
	if got, want := ask(t, r, `{"inputs":[[1,NaN]]}`, 200), `{"predictions": [{"y": [[2.0, NaN]]}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	spec.Environment[scoring.WrapVariable] = "maybe"
	_, err := onnxLauncher(t).Launch(t.Context(), spec, func(runtime.Notice) {})
	var e *runtime.LoadError
	if !errors.As(err, &e) || !strings.Contains(e.Message, `SERVERY_WRAP_OUTPUTS of the served entity is "maybe": it takes "none", which is the default, or "list"`) {
		t.Errorf("got %v", err)
	}
}

func TestKServesProtocolReachesTheWorkerByContentType(t *testing.T) {
	r, _ := launch(t, onnxLauncher(t), model(t, onnxtest.Add(2)))
	header := `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}}`
	body := append([]byte(header), 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40) // 1 and 2
	a, err := r.Invoke(t.Context(), runtime.Request{ContentType: scoring.KServeContentType("sums", "sums-1", len(header)), Body: body})
	if err != nil || a.Status != 200 {
		t.Fatalf("%v %d %s", err, a.Status, a.Body)
	}
	n, ok := scoring.KServeHeader(a.ContentType)
	const want = `{"model_name":"sums","model_version":"sums-1","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]}`
	if !ok || n != len(want) || string(a.Body[:n]) != want || string(a.Body[n:]) != "\x00\x00\x00\x40\x00\x00\x40\x40" {
		t.Errorf("%s %q", a.ContentType, a.Body)
	}
}
