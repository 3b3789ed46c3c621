//go:build linux && cgo

package worker

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"servery/engine/batch"
	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime"
	"servery/engine/tensor"
)

// shared is a model of ../shared/models.
func sharedModel(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "models", filepath.FromSlash(name)))
	if err != nil {
		t.Skip("the shared models are not here: ", err)
	}
	return b
}

// declared is a model with the input x float32[-1,3], or inputs of its own, whose last node
// gives y.
func declared(output tensor.Port, initializers []onnxtest.Initializer, nodes ...onnxtest.Node) []byte {
	return onnxtest.Model(onnxtest.Graph{Nodes: nodes, Initializers: initializers,
		Inputs: []tensor.Port{onnxtest.Port("x", tensor.Float32, -1, 3)}, Outputs: []tensor.Port{output}})
}

func node(op string, inputs, outputs string, attributes ...onnxtest.Attribute) onnxtest.Node {
	return onnxtest.Node{Op: op, Inputs: strings.Fields(inputs), Outputs: strings.Fields(outputs), Attributes: attributes}
}

// Whatever speaks against joint runs is found at the load, also where everything else is
// allowed.
func TestWhatSpeaksAgainstJointRunsIsFound(t *testing.T) {
	y := onnxtest.Port("y", tensor.Float32, -1, 3)
	for name, c := range map[string]struct {
		model []byte
		env   map[string]string
		want  string
	}{
		"fixed rows": {onnxtest.Identity(tensor.Float32, []int64{1, 3}), nil, `off: the batch axis of the input "x" is fixed to 1`},
		"less the mean of all rows": {declared(y, nil, node("ReduceMean", "x", "m", onnxtest.Attribute{Name: "axes", Value: []int64{0}}), node("Sub", "x m", "y")), nil,
			`off: what the output "y" holds for a row depends on the rows beside it`},
		"shares of all rows": {declared(y, nil, node("Softmax", "x", "y", onnxtest.Attribute{Name: "axis", Value: 0})), nil,
			`off: what the output "y" holds for a row depends on the rows beside it`},
		"sorted rows": {declared(onnxtest.Port("y", tensor.Float32, -1, 3), []onnxtest.Initializer{{Name: "k", Tensor: onnxtest.Int64Tensor([]int64{1}, 1)}},
			node("TopK", "x k", "y i", onnxtest.Attribute{Name: "axis", Value: 0})), nil, `off: the output "y" has not one entry a row`},
		"a sum": {declared(onnxtest.Port("y", tensor.Float32, -1, 1), nil, node("ReduceSum", "x", "y")), nil,
			`off: the batch axis of the output "y" is fixed to 1`},
		"a common range": {declared(y, nil, node("DynamicQuantizeLinear", "x", "q s z"), node("DequantizeLinear", "q s z", "y")), nil,
			"off: the graph has the operator DynamicQuantizeLinear: it quantises all rows by their common range"},
		"no trial run":   {onnxtest.Loop(), nil, "off"},
		"switched off":   {onnxtest.Add(3), map[string]string{batch.ModeVariable: "off"}, "off: SERVERY_BATCHING is off"},
		"one row a run":  {onnxtest.Add(3), map[string]string{batch.RowsVariable: "1"}, "off: SERVERY_MAX_BATCH is 1"},
		"switched on":    {onnxtest.Add(3), nil, "on, "},
		"left to itself": {onnxtest.Add(3), map[string]string{batch.ModeVariable: "auto"}, "off: a run of "},
	} {
		t.Run(name, func(t *testing.T) {
			spec := model(t, c.model)
			spec.Environment = map[string]string{batch.ModeVariable: "on"}
			for k, v := range c.env {
				spec.Environment[k] = v
			}
			r, _ := launch(t, onnxLauncher(t), spec)
			if got := r.Loaded().Batching.String(); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestAWrongSettingOfBatchingIsALoadError(t *testing.T) {
	for name, value := range map[string]string{batch.ModeVariable: "sometimes", batch.RowsVariable: "many", batch.DelayVariable: "5s"} {
		spec := model(t, onnxtest.Add(2))
		spec.Environment = map[string]string{name: value}
		_, err := onnxLauncher(t).Launch(t.Context(), spec, nil)
		if load, ok := err.(*runtime.LoadError); !ok || !strings.Contains(load.Message, name+" of the served entity is \""+value+`": it takes`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The decision survives a restart of the process, which does not try again.
func TestADecisionSurvivesARestart(t *testing.T) {
	spec := model(t, onnxtest.DivInt64())
	spec.Environment = map[string]string{batch.ModeVariable: "on"}
	spec.Example = []byte(`{"inputs":{"a":[6],"b":[3]}}`)
	r, n := launch(t, onnxLauncher(t), spec)
	if got := r.Loaded().Batching; !got.On || got.Gain <= 0 || got.Rows != trialRows || got.MaxRows != batch.DefaultRows {
		t.Fatalf("got %+v", got)
	}
	var fatal sync.WaitGroup
	fatal.Go(func() {
		// The smallest integer, divided by -1, ends the process and whatever shares the run.
		if _, err := r.Invoke(t.Context(), runtime.Request{Body: []byte(`{"inputs":{"a":[-9223372036854775808],"b":[-1]}}`)}); err == nil {
			t.Error("the fatal request was answered")
		}
	})
	for range 4 {
		fatal.Go(func() { ask(t, r, `{"inputs":{"a":[6],"b":[3]}}`, 200) })
	}
	fatal.Wait()
	n.wait(t, runtime.Restarted, "was restarted")
	for range 8 {
		fatal.Go(func() {
			if got := compact(t, ask(t, r, `{"inputs":{"a":[6],"b":[3]}}`, 200)); got != `{"predictions":{"c":[2]}}` {
				t.Errorf("got %s", got)
			}
		})
	}
	fatal.Wait()
}

// number is how answers hold numbers.
var number = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?`)

// alike tells whether two answers are the same, byte by byte but for the digits that
// rounding changes.
func alike(a, b string) error {
	if x, y := number.ReplaceAllString(a, "#"), number.ReplaceAllString(b, "#"); x != y {
		return fmt.Errorf("the form %.200s, want %.200s", x, y)
	}
	as, bs := number.FindAllString(a, -1), number.FindAllString(b, -1)
	for i := range as {
		var x, y float64
		json.Unmarshal([]byte(as[i]), &x)
		json.Unmarshal([]byte(bs[i]), &y)
		if math.Abs(x-y) > 1e-4*max(math.Abs(x), math.Abs(y), 0.1) {
			return fmt.Errorf("%s, want %s", as[i], bs[i])
		}
	}
	return nil
}

// A dense model, trees with a map a row, a CNN, an encoder and a pipeline of texts and
// numbers: what sixteen clients get at the same time is what each gets alone.
func TestJointRunsAnswerAsSingleOnes(t *testing.T) {
	text := []string{"london", "paris", "tokyo", "nyc"}
	for name, c := range map[string]struct {
		model []byte
		body  func(i int) string
	}{
		"dense":   {onnxtest.Dense(20, 512, 512, 3), func(i int) string { return fmt.Sprintf(`{"inputs":[[%s]]}`, floats(20, i)) }},
		"table":   {onnxtest.Dense(2, 64, 3), func(i int) string { return fmt.Sprintf(`{"dataframe_split":{"data":[[%d,1],[2,%d]]}}`, i, i) }},
		"trees":   {onnxtest.Forest(20, 100, 6), func(i int) string { return fmt.Sprintf(`{"inputs":[[%s],[%s]]}`, floats(20, i), floats(20, -i)) }},
		"encoder": {onnxtest.Encoder(2, 64, 100), encoderBody},
		"CNN": {sharedModel(t, "vision/ch_ppocr_mobile_v2.0_cls_infer.onnx"), func(i int) string {
			return fmt.Sprintf(`{"inputs":[%s]}`, image(i, 48, 64))
		}},
		"texts": {sharedModel(t, "tabular/tab_strings_zipmap.onnx"), func(i int) string {
			return fmt.Sprintf(`{"dataframe_records":[{"age":%d,"income":%d,"city":%q,"plan":"pro"}]}`, 20+i, 1000*i, text[i%4])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := model(t, c.model)
			spec.Concurrency, spec.Example = 16, []byte(c.body(1))
			spec.Environment = map[string]string{batch.ModeVariable: "off"}
			single, _ := launch(t, onnxLauncher(t), spec)
			spec.Environment = map[string]string{batch.ModeVariable: "on", batch.DelayVariable: "100"}
			joint, _ := launch(t, onnxLauncher(t), spec)
			t.Log(joint.Loaded().Batching)
			if !joint.Loaded().Batching.On {
				t.Fatal("its runs cannot be shared")
			}
			var mu sync.Mutex
			runs := map[time.Duration]int{} // requests of one run have its time in common
			var work sync.WaitGroup
			for i := range 16 {
				want := ask(t, single, c.body(i), 200)
				work.Go(func() {
					for range 5 {
						a, err := joint.Invoke(t.Context(), runtime.Request{Body: []byte(c.body(i))})
						if err != nil || a.Status != 200 {
							t.Errorf("request %d: %v %d %.200s", i, err, a.Status, a.Body)
							return
						}
						if err := alike(string(a.Body), want); err != nil {
							t.Errorf("request %d: %v", i, err)
						}
						a.Release()
						mu.Lock()
						runs[a.Timing.Run]++
						mu.Unlock()
					}
				})
			}
			work.Wait()
			together := 0
			for _, n := range runs {
				if n > 1 {
					together += n
				}
			}
			if t.Logf("%d runs, in which %d of 80 requests were not alone", len(runs), together); together < 10 {
				t.Errorf("only %d of 80 requests shared a run", together)
			}
		})
	}
}
