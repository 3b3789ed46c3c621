//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"servery/engine/runtime/cuda/executor"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/runtime/ort"
	"servery/engine/runtime/ortlib"
	"servery/engine/tensor"
)

// samplesOfEach is how many samples each kind is tried with.
const samplesOfEach = 16

// TestRandomShapesAgainstONNXRuntime computes models of chance, the same ones each time, and
// compares with ONNX Runtime. One of them is run by
//
//	-run 'TestRandomShapesAgainstONNXRuntime/Conv/7$'
func TestRandomShapesAgainstONNXRuntime(t *testing.T) {
	d, library := open(t), onnxRuntime(t)
	operators := plan.Operators()
	for k, kind := range drawn {
		worst, ran, refused := map[plan.Precision]float64{}, 0, ""
		t.Run(kind.name, func(t *testing.T) {
			if !slices.Contains(operators, kind.operator) {
				t.Skipf("refused: %s has no kernel", kind.operator)
			}
			for i := range samplesOfEach {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					s := newSample(uint64(1000*k + i))
					kind.draw(s)
					path := s.file(t)
					want := onCPU(t, library, path, s.inputs)
					found, err := onGPU(t, d, path, s.inputs, want)
					if err != nil {
						refused = err.Error()
						t.Skip("refused: " + refused)
					}
					ran++
					for p, o := range found {
						worst[p] = max(worst[p], o.worst)
						if o.why != "" {
							t.Errorf("%v: %s, of %s", p, o.why, s.describe())
						}
					}
				})
			}
			if ran == 0 && refused != "" {
				t.Errorf("every sample is refused, the last with: %s", refused)
			}
			t.Logf("%s: %d of %d samples computed; largest error, as a share of the output's largest value:%s%s",
				kind.name, ran, samplesOfEach, listed(worst), last(refused))
		})
	}
}

func listed(worst map[plan.Precision]float64) (text string) {
	for _, p := range precisions {
		if w, ok := worst[p]; ok {
			text += fmt.Sprintf(" %v %.1e", p, w)
		}
	}
	return text
}

func last(refused string) string {
	if refused == "" {
		return ""
	}
	return "; refused at last: " + refused
}

// describe writes the sample's nodes and inputs.
func (s *sample) describe() string {
	var parts []string
	for _, in := range s.inputs {
		parts = append(parts, fmt.Sprintf("%s %v", in.Name, in.Tensor.Shape))
	}
	for _, w := range s.graph.Initializers {
		parts = append(parts, fmt.Sprintf("%s %v", w.Name, w.Tensor.Shape))
	}
	for _, n := range s.graph.Nodes {
		text := fmt.Sprintf("%s(%s", n.Op, strings.Join(n.Inputs, ", "))
		for _, a := range n.Attributes {
			text += fmt.Sprintf(" %s=%v", a.Name, a.Value)
		}
		parts = append(parts, text+")")
	}
	return strings.Join(parts, "; ")
}

// onnxRuntime is ONNX Runtime in the source tree, or what SERVERY_ONNXRUNTIME names; nil where its
// answers are stored.
func onnxRuntime(t *testing.T) *ort.Library {
	t.Helper()
	if answers.bundle != nil {
		return nil
	}
	explicit := ""
	if os.Getenv(ortlib.Variable) == "" {
		explicit = filepath.Join("..", "..", "..", "..", ".onnxruntime")
	}
	path, err := ortlib.Find(explicit, "")
	if err != nil {
		t.Fatal(err)
	}
	library, err := ort.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(library.Close)
	return library
}

// onCPU gives ONNX Runtime's outputs.
func onCPU(t *testing.T, library *ort.Library, path string, inputs []tensor.Named) []tensor.Named {
	t.Helper()
	if library == nil {
		return storedAnswer(t)
	}
	session, err := library.NewSession(path, ort.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out, err := session.Run(inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	if answers.writing {
		keepAnswer(t, out.Values)
	}
	return copied(out.Values)
}

// copied are values in memory of their own.
func copied(values []tensor.Named) (all []tensor.Named) {
	for _, v := range values {
		own := *v.Tensor
		own.Data, own.Shape = slices.Clone(v.Tensor.Data), slices.Clone(v.Tensor.Shape)
		all = append(all, tensor.Named{Name: v.Name, Value: tensor.Value{Tensor: &own}})
	}
	return all
}

// onGPU computes a model in float32 and in each other precision that makes a difference to it, and
// compares. The error is that of a model that is refused.
func onGPU(t *testing.T, d *executor.Device, path string, inputs, want []tensor.Named) (map[plan.Precision]off, error) {
	t.Helper()
	model, err := graph.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	found := map[plan.Precision]off{}
	for _, precision := range precisions {
		p := planner(d, model, precision)
		made, _, err := program(p, inputs)
		if isUnsupported(err) {
			return nil, err
		}
		if err != nil {
			t.Fatal(err)
		}
		if precision != plan.Float32 && !uses(made, precision) {
			continue
		}
		out, err := run(d, p, made, inputs)
		var lost *executor.LostError
		if errors.As(err, &lost) {
			panic(fmt.Sprintf("%s: %v: %v", t.Name(), precision, err)) // nothing can be run after it
		}
		if err != nil {
			t.Fatalf("%v: %v", precision, err)
		}
		found[precision] = compareAll(out, want, tolerances[precision])
	}
	return found, nil
}

// compareAll gives the worst of the outputs, by name.
func compareAll(got, want []tensor.Named, by tolerance) (all off) {
	for _, w := range want {
		i := slices.IndexFunc(got, func(g tensor.Named) bool { return g.Name == w.Name })
		if i < 0 {
			return off{why: fmt.Sprintf("there is no output %q", w.Name)}
		}
		o := compare(got[i].Tensor, w.Tensor, by)
		all.worst = max(all.worst, o.worst)
		if o.why != "" && all.why == "" {
			all.why = fmt.Sprintf("output %q: %s", w.Name, o.why)
		}
	}
	return all
}
