//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime/cuda/executor"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

// An index that the data does not have is an error that names the node, whatever it is, and the
// run after it is as good as the one before.
func TestIndicesOutOfRange(t *testing.T) {
	d := open(t)
	x, updates := []int64{3, 4}, []int64{2, 4}
	for op, draw := range map[string]func(s *sample, data string) string{
		"Gather":         func(s *sample, data string) string { return s.node("Gather", nil, data, s.indexed(2)) },
		"GatherElements": func(s *sample, data string) string { return s.node("GatherElements", nil, data, s.indexed(2, 4)) },
		"GatherND":       func(s *sample, data string) string { return s.node("GatherND", nil, data, s.indexed(2, 1)) },
		"ScatterND": func(s *sample, data string) string {
			return s.node("ScatterND", nil, data, s.indexed(2, 1), s.weight(updates...))
		},
		"ScatterElements": func(s *sample, data string) string {
			return s.node("ScatterElements", at{"reduction": "add"}, data, s.indexed(2, 4), s.weight(updates...))
		},
	} {
		t.Run(op, func(t *testing.T) {
			s := newSample(1)
			s.opset = 18
			s.output(s.node("Relu", nil, draw(s, s.node("Neg", nil, s.input(x...)))))
			model, err := graph.Open(s.file(t))
			if err != nil {
				t.Fatal(err)
			}
			defer model.Close()
			m, err := d.NewModel(planner(d, model, plan.Float32), executor.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			good, err := outputOf(m, s.inputs)
			if err != nil {
				t.Fatal(err)
			}
			for _, index := range []int64{x[0], -x[0] - 1, math.MaxInt64, math.MinInt64} {
				indices := tensor.View[int64](s.inputs[1].Tensor)
				was := indices[1]
				indices[1] = index
				_, err := outputOf(m, s.inputs)
				var found *executor.IndexError
				if !errors.As(err, &found) || found.Nodes != op+"1" {
					t.Errorf("the index %d gives %v, want an error of %s1", index, err, op)
				}
				indices[1] = was
				if again, err := outputOf(m, s.inputs); err != nil || !bytes.Equal(again, good) {
					t.Errorf("after the index %d a run gives other values, or %v", index, err)
				}
			}
		})
	}
}

// indexed is an input of indices of which each is there.
func (s *sample) indexed(shape ...int64) string {
	return s.give(onnxtest.Int64Tensor(shape, make([]int64, elements(shape))...))
}

func outputOf(m *executor.Model, inputs []tensor.Named) ([]byte, error) {
	out, err := m.Run(context.Background(), inputs)
	if err != nil {
		return nil, err
	}
	defer out.Release()
	return bytes.Clone(out.Values[0].Tensor.Data), nil
}

// What is too large to be known before a run is filled by one.
func TestConstantOfShape(t *testing.T) {
	const n = 17 << 20 // of 4 bytes, more than the 64 MiB that are folded
	s := newSample(1)
	filled := s.node("ConstantOfShape", at{"value": onnxtest.FloatTensor([]int64{1}, 2.5)}, s.whole(n))
	s.output(s.node("Gather", nil, filled, s.give(onnxtest.Int64Tensor([]int64{3}, 0, n/2, -1))))
	model, err := graph.Open(s.file(t))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	d := open(t)
	p := planner(d, model, plan.Float32)
	made, _, err := program(p, s.inputs)
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(d, p, made, s.inputs)
	if err != nil {
		t.Fatal(err)
	}
	want := onnxtest.FloatTensor([]int64{3}, 2.5, 2.5, 2.5)
	if o := compare(out[0].Tensor, want, tolerance{}); o.why != "" {
		t.Errorf("%s, by %s", o.why, launched(made))
	}
}
