//go:build cuda && linux && (amd64 || arm64)

package executor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"servery/engine/onnx"
	"servery/engine/onnx/conformance"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

// The ONNX project's cases, computed by the PTX that ships, exactly. Every case that is planned
// gives the recorded outputs; the others are refused for a reason, by which they are counted.
func TestONNXCases(t *testing.T) {
	cases, root, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Skipf("the cases are absent: apt install libonnx-testdata, or set %s (looked in %s)", conformance.Variable, root)
	}
	bind(t)
	d, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	refused, passed := map[string]int{}, 0
	for _, c := range cases {
		why, err := d.runCase(c)
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.Name, err)
			var lost *LostError
			if errors.As(err, &lost) {
				t.FailNow()
			}
		case why != "":
			refused[why]++
		default:
			passed++
		}
	}
	for _, why := range slices.Sorted(maps.Keys(refused)) {
		t.Logf("%4d refused: %s", refused[why], why)
	}
	t.Logf("%d of %d cases pass on the GPU's code", passed, len(cases))
}

// knowing is a planner that knows the content of all short inputs where the model needs it, floats
// too: the scales of a Resize are a constant in models, an input in the cases.
type knowing struct {
	*plan.Planner
	inputs []tensor.Named
}

func (k knowing) Plan(shapes map[string][]int64, values map[string]*tensor.Tensor) (*plan.Program, error) {
	p, err := k.Planner.Plan(shapes, values)
	var unsupported *graph.UnsupportedError
	if !errors.As(err, &unsupported) {
		return p, err
	}
	all := map[string]*tensor.Tensor{}
	for _, in := range k.inputs {
		if len(in.Tensor.Shape) <= 1 {
			all[in.Name] = in.Tensor
		}
	}
	if known, again := k.Planner.Plan(shapes, all); again == nil && len(known.Launches) > 0 {
		return known, nil
	}
	return p, err
}

// runCase gives the reason for which a case is not for a GPU, or an error.
func (d *Device) runCase(c conformance.Case) (why string, err error) {
	model, err := graph.Open(c.Model)
	var beyond *onnx.UnsupportedError
	if errors.As(err, &beyond) {
		return "the file", nil
	}
	if err != nil {
		return "", err
	}
	defer model.Close()
	inputs, ok := values(model.Inputs(), c.Input)
	want, all := values(model.Outputs(), c.Output)
	if !ok || !all {
		return "not of tensors, or contradicting itself", nil
	}
	if slices.ContainsFunc(want, func(v tensor.Named) bool { return v.Tensor.Type == tensor.BFloat16 }) {
		return "bfloat16 outputs, which the package records cut off, not rounded", nil
	}
	planner := plan.New(model, plan.Options{Precision: plan.Float32, Capability: d.info.Capability, Processors: d.info.Processors})
	m, err := d.NewModel(knowing{planner, inputs}, Limits{})
	if err != nil {
		return "", err
	}
	defer m.Close()
	out, err := m.Run(context.Background(), inputs)
	var unsupported *graph.UnsupportedError
	if errors.As(err, &unsupported) {
		return unsupported.Op + ": " + unsupported.Reason, nil
	}
	if err != nil {
		return "", err
	}
	defer out.Release()
	if len(out.Values) != len(want) {
		return "", fmt.Errorf("%d outputs, want %d", len(out.Values), len(want))
	}
	for i, v := range out.Values {
		if text := conformance.Differ(v.Value, want[i].Value); text != "" || v.Name != want[i].Name {
			return "", fmt.Errorf("the output %q: %s", v.Name, text)
		}
	}
	return "", nil
}

// values reads a case's inputs or outputs; ok is false where not all are tensors of numbers.
func values(ports []tensor.Port, read func(int, tensor.Port) (tensor.Value, error)) (named []tensor.Named, ok bool) {
	for i, p := range ports {
		if p.Kind != tensor.KindTensor || p.Optional || p.Type == tensor.String {
			return nil, false
		}
		v, err := read(i, p)
		if err != nil || v.Tensor == nil || contradicts(p, v.Tensor.Shape) {
			return nil, false
		}
		if p.Type == tensor.BFloat16 { // the package of Debian writes it as uint16
			v.Tensor.Type = p.Type
		}
		named = append(named, tensor.Named{Name: p.Name, Value: v})
	}
	return named, true
}

// contradicts tells whether a shape is not that of the port: two cases have such values.
func contradicts(p tensor.Port, shape []int64) bool {
	return !p.Unranked && !slices.EqualFunc(p.Shape, shape, func(stated, n int64) bool { return stated < 0 || stated == n })
}
