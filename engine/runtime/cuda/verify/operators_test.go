//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"slices"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// drawn are the kinds of samples, by the operator that must have a kernel for them to be run.
var drawn = []struct {
	name, operator string
	draw           func(s *sample)
}{
	{"Gemm", "Gemm", drawGemm},
	{"MatMul", "MatMul", drawMatMul},
	{"Attention", "Softmax", drawAttention},
	{"Conv", "Conv", drawConv},
	{"ConvTranspose", "ConvTranspose", drawConvTranspose},
	{"MaxPool", "MaxPool", func(s *sample) { drawPool(s, "MaxPool") }},
	{"AveragePool", "AveragePool", func(s *sample) { drawPool(s, "AveragePool") }},
	{"GlobalAveragePool", "GlobalAveragePool", func(s *sample) {
		s.output(s.node("GlobalAveragePool", nil, s.input(s.shape(4, 12)...)))
	}},
	{"Softmax", "Softmax", func(s *sample) { drawAxis(s, "Softmax") }},
	{"LogSoftmax", "LogSoftmax", func(s *sample) { drawAxis(s, "LogSoftmax") }},
	{"LayerNormalization", "LayerNormalization", drawLayerNorm},
	{"InstanceNormalization", "InstanceNormalization", func(s *sample) {
		x := s.shape(4, 9)
		x[3]++ // of a single element nothing is left
		s.output(s.node("InstanceNormalization", nil, s.input(x...), s.weight(x[1]), s.weight(x[1])))
	}},
	{"BatchNormalization", "BatchNormalization", drawBatchNorm},
	{"Reduce", "ReduceMean", drawReduce},
	{"ReduceOf", "ReduceSum", drawReduceOf},
	{"Empty", "ReduceSum", drawEmpty},
	{"Half", "Softmax", drawHalf},
	{"ArgMax", "ArgMax", several(drawArgMax)},
	{"Transpose", "Transpose", several(drawTranspose)},
	{"ElementWise", "Add", drawElementWise},
	{"Gather", "Gather", several(drawGather)},
	{"GatherElements", "GatherElements", several(drawGatherElements)},
	{"Concat", "Concat", several(drawConcat)},
	{"Split", "Split", several(drawSplit)},
	{"Slice", "Slice", several(drawSlice)},
	{"Pad", "Pad", several(drawPad)},
	{"Nearest", "Resize", several(drawNearest)},
	{"Hardmax", "Hardmax", func(s *sample) { drawAxis(s, "Hardmax") }},
	{"LpPool", "LpPool", drawLpPool},
	{"GlobalMaxPool", "GlobalMaxPool", func(s *sample) {
		s.output(s.node("GlobalMaxPool", nil, s.input(s.shape(3+s.IntN(3), 12)...)))
	}},
	{"GlobalLpPool", "GlobalLpPool", func(s *sample) {
		s.output(s.node("GlobalLpPool", at{"p": 1 + s.IntN(2)}, s.input(s.shape(3+s.IntN(3), 12)...)))
	}},
	{"LpNormalization", "LpNormalization", func(s *sample) {
		x := s.shape(1+s.IntN(4), 30)
		s.output(s.node("LpNormalization", at{"axis": s.IntN(len(x)), "p": 1 + s.IntN(2)}, s.input(x...)))
	}},
	{"LRN", "LRN", func(s *sample) {
		s.output(s.node("LRN", at{"size": 1 + 2*s.IntN(4), "alpha": float32(0.5), "bias": float32(1.5)}, s.input(s.shape(4, 12)...)))
	}},
	{"MeanVarianceNormalization", "MeanVarianceNormalization", func(s *sample) {
		x := s.shape(4, 9)
		x[3] += 2
		axes := [][]int64{{0, 2, 3}, {2, 3}, {3}, {0, 1, 2, 3}}[s.IntN(4)]
		s.output(s.node("MeanVarianceNormalization", at{"axes": axes}, s.input(x...)))
	}},
	{"LSTM", "LSTM", func(s *sample) { drawRecurrent(s, "LSTM", 4) }},
	{"GRU", "GRU", func(s *sample) { drawRecurrent(s, "GRU", 3) }},
	{"RNN", "RNN", func(s *sample) { drawRecurrent(s, "RNN", 1) }},
	{"Linear", "Resize", several(drawLinear)},
	{"Cubic", "Resize", several(drawCubic)},
	{"Tile", "Tile", several(drawTile)},
	{"Trilu", "Trilu", several(drawTrilu)},
	{"DepthToSpace", "DepthToSpace", several(drawDepthToSpace)},
	{"GatherND", "GatherND", several(drawGatherND)},
	{"ScatterElements", "ScatterElements", several(drawScatterElements)},
	{"ScatterND", "ScatterND", several(drawScatterND)},
	{"OneHot", "OneHot", several(drawOneHot)},
	{"TopK", "TopK", several(drawTopK)},
	{"CumSum", "CumSum", several(drawCumSum)},
	{"GroupNormalization", "GroupNormalization", func(s *sample) {
		s.opset = 21
		x, groups := s.shape(4, 6), s.between(1, 4)
		x[1] = groups * s.between(2, 4)
		s.output(s.node("GroupNormalization", at{"num_groups": groups}, s.input(x...), s.weight(x[1]), s.weight(x[1])))
	}},
	{"RMSNormalization", "RMSNormalization", func(s *sample) {
		s.opset = 23
		x := s.shape(1+s.IntN(4), 40)
		axis := s.IntN(len(x))
		s.output(s.node("RMSNormalization", at{"axis": axis}, s.input(x...), s.weight(x[axis:]...)))
	}},
	{"Gelu", "Gelu", func(s *sample) {
		s.opset = 20
		s.output(s.node("Gelu", at{"approximate": []string{"none", "tanh"}[s.IntN(2)]}, s.input(s.shape(2, 40)...)))
	}},
	{"Mish", "Mish", func(s *sample) {
		s.opset = 18
		s.output(s.node("Mish", nil, s.input(s.shape(2, 40)...)))
	}},
	{"Bitwise", "BitwiseAnd", func(s *sample) {
		s.opset = 18
		x := s.shape(2, 20)
		a, b := s.give(s.indices(x, 1<<40)), s.give(s.indices(s.broadcast(x), 1<<40))
		made := s.node([]string{"BitwiseAnd", "BitwiseOr", "BitwiseXor"}[s.IntN(3)], nil, a, b)
		s.outputOf(s.node("BitwiseNot", nil, made), tensor.Int64)
	}},
}

func drawGemm(s *sample) {
	m, n, k := s.between(1, 80), s.between(1, 80), s.between(1, 150)
	a, b, attributes := []int64{m, k}, []int64{k, n}, at{"alpha": float32(s.between(1, 3))}
	if s.coin() {
		slices.Reverse(a)
		attributes["transA"] = 1
	}
	if s.coin() {
		slices.Reverse(b)
		attributes["transB"] = 1
	}
	second := s.weight
	if s.coin() {
		second = s.input
	}
	inputs := []string{s.input(a...), second(b...)}
	if s.coin() {
		inputs = append(inputs, s.weight(s.broadcast([]int64{m, n})...))
		attributes["beta"] = float32(0.5)
	}
	s.output(s.follow(s.node("Gemm", attributes, inputs...)))
}

// follow adds what may be computed together with a product.
func (s *sample) follow(name string) string {
	switch s.IntN(6) {
	case 0:
		return s.node("Relu", nil, name)
	case 1:
		return s.node("Clip", nil, name, s.keep(onnxtest.FloatTensor(nil, -1)), s.keep(onnxtest.FloatTensor(nil, 6)))
	case 2:
		return s.node("Mul", nil, name, s.node("Sigmoid", nil, name))
	case 3:
		return s.node("Relu", nil, s.node("Add", nil, name, s.node("Tanh", nil, name)))
	}
	return name
}

func drawMatMul(s *sample) {
	m, n, k := s.between(1, 70), s.between(1, 70), s.between(1, 130)
	batch := s.shape(s.IntN(3), 4)
	a, b := append(s.broadcast(batch), m, k), append(s.broadcast(batch), k, n)
	switch s.IntN(6) {
	case 0:
		a = []int64{k}
	case 1:
		b = []int64{k}
	case 2:
		s.output(s.follow(s.node("Add", nil, s.node("MatMul", nil, s.input(a...), s.weight(k, n)), s.weight(n))))
		return
	}
	s.output(s.node("MatMul", nil, s.input(a...), s.input(b...)))
}

// drawAttention is the attention of transformers as exporters write it.
func drawAttention(s *sample) {
	batch, heads, length, size := s.between(1, 2), s.between(1, 4), s.between(1, 40), s.between(1, 36)
	whole := []int64{batch, heads, length, size}
	q, v := s.input(whole...), s.input(whole...)
	k := s.node("Transpose", at{"perm": []int64{0, 1, 3, 2}}, s.input(whole...))
	scores := s.node("Div", nil, s.node("MatMul", nil, q, k), s.keep(onnxtest.FloatTensor(nil, 6)))
	if s.coin() {
		scores = s.node("Add", nil, scores, s.input(batch, 1, 1, length))
	}
	mixed := s.node("MatMul", nil, s.node("Softmax", at{"axis": -1}, scores), v)
	turned := s.node("Transpose", at{"perm": []int64{0, 2, 1, 3}}, mixed)
	s.output(s.node("Reshape", nil, turned, s.whole(0, 0, -1)))
}

func drawLayerNorm(s *sample) {
	x := s.shape(1+s.IntN(4), 40)
	x[len(x)-1] += 8
	axis := s.IntN(len(x))
	inputs := []string{s.input(x...), s.weight(x[axis:]...)}
	if s.coin() {
		inputs = append(inputs, s.weight(x[axis:]...))
	}
	s.output(s.node("LayerNormalization", at{"axis": axis - len(x)*s.IntN(2), "epsilon": float32(1e-5)}, inputs...))
}

func drawBatchNorm(s *sample) {
	x := s.shape(2+s.IntN(3), 9)
	variance := s.floats([]int64{x[1]})
	for i, v := range tensor.View[float32](variance) {
		tensor.View[float32](variance)[i] = v*v + 0.1
	}
	s.output(s.node("BatchNormalization", nil, s.input(x...), s.weight(x[1]), s.weight(x[1]), s.weight(x[1]), s.keep(variance)))
}

func drawAxis(s *sample, op string) {
	x := s.shape(1+s.IntN(4), 30)
	s.output(s.node(op, at{"axis": s.IntN(len(x)) - len(x)*s.IntN(2)}, s.input(x...)))
}

func drawReduce(s *sample) {
	ops := []string{"ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceSum"}
	x := s.shape(1+s.IntN(4), 12)
	if s.IntN(3) == 0 { // long enough for blocks
		x[len(x)-1] = s.between(60, 600)
	}
	axes := []int64{}
	for _, d := range s.Perm(len(x))[:1+s.IntN(len(x))] {
		axes = append(axes, int64(d-len(x)*s.IntN(2)))
	}
	op, attributes := ops[s.IntN(len(ops))], at{"keepdims": s.IntN(2)}
	if op == "ReduceSum" {
		s.output(s.node(op, attributes, s.input(x...), s.whole(axes...)))
		return
	}
	attributes["axes"] = axes
	s.output(s.node(op, attributes, s.input(x...)))
}

// drawElementWise combines values by some ten nodes; what is divided by is not near zero, what
// goes into a power or a logarithm is positive.
func drawElementWise(s *sample) {
	x := s.shape(1+s.IntN(4), 9)
	values := []string{s.input(x...), s.input(s.broadcast(x)...), s.weight(s.broadcast(x)...)}
	any := func() string { return values[s.IntN(len(values))] }
	for range s.between(1, 14) {
		var made string
		switch s.IntN(5) {
		case 0, 1:
			made = s.node([]string{"Add", "Sub", "Mul", "Max", "Min"}[s.IntN(5)], nil, any(), any())
		case 2:
			divisor := s.node("Add", nil, s.node("Abs", nil, any()), s.keep(onnxtest.FloatTensor(nil, 1)))
			made = s.node("Div", nil, any(), divisor)
		case 3:
			made = s.node([]string{"Relu", "Tanh", "Sigmoid", "Erf", "Abs", "Neg", "Softplus", "LeakyRelu", "Elu", "HardSigmoid", "Sin", "Floor"}[s.IntN(12)], nil, any())
		case 4:
			positive := s.node("Add", nil, s.node("Sigmoid", nil, any()), s.keep(onnxtest.FloatTensor(nil, 0.5)))
			made = s.node([]string{"Log", "Sqrt", "Reciprocal", "Exp"}[s.IntN(4)], nil, positive)
		}
		values = append(values, made)
	}
	whole := s.node("Add", nil, values[len(values)-1], values[0])
	s.output(s.node("Tanh", nil, whole)) // nothing grows beyond what can be compared
	if s.coin() {
		s.output(values[len(values)-1])
	}
}
