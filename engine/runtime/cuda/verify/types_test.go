//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// cast converts a value.
func (s *sample) cast(name string, to tensor.Type) string {
	return s.node("Cast", at{"to": int(to)}, name)
}

// drawHalf is an operator on values of float16.
func drawHalf(s *sample) {
	half := func(shape ...int64) string {
		t := &tensor.Tensor{Type: tensor.Float16, Shape: shape, Data: make([]byte, 2*elements(shape))}
		for i := range tensor.View[uint16](t) {
			tensor.View[uint16](t)[i] = tensor.Float16Bits(s.NormFloat64())
		}
		return s.give(t)
	}
	x := s.shape(3, 9)
	x[2] += 4
	var made string
	switch s.IntN(9) {
	case 0:
		made = s.node([]string{"Softmax", "LogSoftmax", "Hardmax"}[s.IntN(3)], at{"axis": s.IntN(3)}, half(x...))
	case 1:
		made = s.node("LayerNormalization", nil, half(x...), half(x[2]), half(x[2]))
	case 2:
		made = s.node("InstanceNormalization", nil, half(x...), half(x[1]), half(x[1]))
	case 3:
		made = s.node([]string{"ReduceMean", "ReduceMax", "ReduceL2"}[s.IntN(3)], at{"axes": []int64{s.between(0, 2)}}, half(x...))
	case 4:
		made = s.node("MaxPool", at{"kernel_shape": []int64{3}, "pads": []int64{1, 1}}, half(x...))
	case 5:
		made = s.node("AveragePool", at{"kernel_shape": []int64{3}, "strides": []int64{2}}, half(x...))
	case 6:
		made = s.node("GlobalAveragePool", nil, half(x...))
	case 7:
		made = s.node("ConvTranspose", at{"strides": []int64{2}}, half(x...), half(x[1], 3, 2), half(3))
	case 8:
		hidden := s.between(1, 9)
		made = s.node("GRU", at{"hidden_size": hidden}, half(x...), half(1, 3*hidden, x[2]), half(1, 3*hidden, hidden), half(1, 6*hidden))
	}
	s.outputOf(made, tensor.Float16)
}

// drawReduceOf is a reduction of whole numbers or of float64.
func drawReduceOf(s *sample) {
	x := s.shape(3, 5)
	t := []tensor.Type{tensor.Int32, tensor.Int64, tensor.Float64}[s.IntN(3)]
	op := []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"}[s.IntN(4)]
	axis := s.between(0, 2)
	inputs, attributes := []string{s.cast(s.give(s.indices(x, 1000)), t)}, at{"keepdims": s.IntN(2)}
	if op == "ReduceSum" {
		inputs = append(inputs, s.whole(axis))
	} else {
		attributes["axes"] = []int64{axis}
	}
	s.outputOf(s.node(op, attributes, inputs...), t)
}

// drawEmpty reduces, or keeps, an axis of size 0.
func drawEmpty(s *sample) {
	x := s.shape(3, 5)
	x[s.IntN(3)] = 0
	data := s.give(onnxtest.FloatTensor(x))
	switch s.IntN(4) {
	case 0:
		s.output(s.node("ReduceSum", nil, data, s.whole(s.between(0, 2))))
	case 1:
		s.output(s.node("ReduceProd", at{"axes": []int64{s.between(0, 2)}}, data))
	case 2:
		s.output(s.node("Softmax", at{"axis": 2}, data))
	case 3:
		s.output(s.node("LpNormalization", nil, data))
	}
}
