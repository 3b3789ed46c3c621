//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"slices"

	"servery/engine/tensor"
)

// drawRecurrent is LSTM, GRU or RNN, of so many gates.
func drawRecurrent(s *sample, op string, gates int64) {
	length, batch, width, hidden := s.between(1, 12), s.between(1, 4), s.between(1, 40), s.between(1, 40)
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
	if s.coin() {
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
