//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"fmt"
	"slices"
	"testing"

	"servery/engine/tensor"
)

// drawRecurrent is LSTM, GRU or RNN, of so many gates.
func drawRecurrent(s *sample, op string, gates int64) {
	length, batch, width, hidden := s.between(1, 12), s.between(1, 4), s.between(1, 40), s.between(1, 40)
	functional := s.coin()
	if functional { // gates that are not between 0 and 1 make errors grow from step to step
		length = s.between(1, 3)
	}
	direction := []string{"forward", "reverse", "bidirectional"}[s.IntN(3)]
	directions := int64(1)
	if direction == "bidirectional" {
		directions = 2
	}
	small := func(shape ...int64) string {
		t := s.floats(shape)
		for i := range tensor.View[float32](t) {
			tensor.View[float32](t)[i] *= 0.3
		}
		return s.keep(t)
	}
	inputs := []string{s.input(length, batch, width), small(directions, gates*hidden, width), small(directions, gates*hidden, hidden), "", "", ""}
	attributes := at{"hidden_size": hidden, "direction": direction}
	if op == "GRU" {
		attributes["linear_before_reset"] = s.IntN(2)
	}
	if s.coin() {
		inputs[3] = small(directions, 2*gates*hidden)
	}
	if s.coin() {
		lengths := make([]int32, batch)
		for i := range lengths {
			lengths[i] = int32(s.between(1, length))
		}
		inputs[4] = s.give(int32s(lengths...))
	}
	if s.coin() {
		inputs[5] = s.input(directions, batch, hidden)
	}
	outputs := 2
	functions := map[string]int64{"LSTM": 3, "GRU": 2, "RNN": 1}[op] * directions
	if op == "LSTM" {
		outputs = 3
		if s.coin() {
			inputs = append(inputs, s.input(directions, batch, hidden), small(directions, 3*hidden))
		}
	}
	if s.coin() {
		attributes["clip"] = float32(0.4)
	}
	if functional {
		var names []string
		for range functions {
			names = append(names, []string{"Tanh", "Sigmoid", "HardSigmoid", "LeakyRelu", "Softsign", "Affine"}[s.IntN(6)])
		}
		attributes["activations"] = names
		attributes["activation_alpha"] = slices.Repeat([]float32{0.3}, int(functions))
		attributes["activation_beta"] = slices.Repeat([]float32{0.2}, int(functions))
	}
	s.output(s.nodes(op, outputs, attributes, inputs...)...)
}

// ONNX Runtime knows only the layout that has the steps first. The other one is verified by a model
// that transposes what goes in and comes out.
func TestRecurrentLayersWithTheBatchFirst(t *testing.T) {
	d, library := open(t), onnxRuntime(t)
	const length, batch, width, hidden = 5, 3, 7, 6
	build := func(op string, gates, directions int64, batchFirst bool) *sample {
		s := newSample(1)
		swapped := func(name string, perm ...int64) string {
			if batchFirst {
				return name
			}
			return s.node("Transpose", at{"perm": perm}, name)
		}
		attributes := at{"hidden_size": int64(hidden), "direction": map[int64]string{1: "reverse", 2: "bidirectional"}[directions]}
		if batchFirst {
			attributes["layout"] = 1
		}
		inputs := []string{swapped(s.input(batch, length, width), 1, 0, 2), s.weight(directions, gates*hidden, width),
			s.weight(directions, gates*hidden, hidden), s.weight(directions, 2*gates*hidden), s.give(int32s(5, 2, 4))}
		inputs = append(inputs, swapped(s.input(batch, directions, hidden), 1, 0, 2))
		outputs := 2
		if op == "LSTM" {
			outputs = 3
			inputs = append(inputs, swapped(s.input(batch, directions, hidden), 1, 0, 2))
		}
		for i, name := range s.nodes(op, outputs, attributes, inputs...) {
			perm := []int64{2, 0, 1, 3}
			if i > 0 {
				perm = []int64{1, 0, 2}
			}
			name = swapped(name, perm...)
			s.output(s.node("Identity", nil, name))
			s.graph.Nodes[len(s.graph.Nodes)-1].Outputs[0] = fmt.Sprint("out", i)
			s.graph.Outputs[i].Name = fmt.Sprint("out", i)
		}
		return s
	}
	for op, gates := range map[string]int64{"LSTM": 4, "GRU": 3, "RNN": 1} {
		for directions := range int64(2) {
			cpu, gpu := build(op, gates, directions+1, false), build(op, gates, directions+1, true)
			want := onCPU(t, library, cpu.file(t), cpu.inputs)
			found, err := onGPU(t, d, gpu.file(t), gpu.inputs, want)
			if err != nil {
				t.Errorf("%s: %v", op, err)
			}
			for p, o := range found {
				if o.why != "" {
					t.Errorf("%v: %s, of %s", p, o.why, gpu.describe())
				}
			}
		}
	}
}
