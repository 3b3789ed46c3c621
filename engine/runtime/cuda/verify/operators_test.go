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
	{"ArgMax", "ArgMax", drawArgMax},
	{"Transpose", "Transpose", func(s *sample) {
		x := s.shape(1+s.IntN(6), 7)
		var order []int64
		for _, d := range s.Perm(len(x)) {
			order = append(order, int64(d))
		}
		s.output(s.node("Transpose", at{"perm": order}, s.input(x...)))
	}},
	{"ElementWise", "Add", drawElementWise},
	{"Gather", "Gather", drawGather},
	{"GatherElements", "GatherElements", drawGatherElements},
	{"Concat", "Concat", drawConcat},
	{"Split", "Split", drawSplit},
	{"Slice", "Slice", drawSlice},
	{"Pad", "Pad", drawPad},
	{"Resize", "Resize", drawResize},
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

func drawArgMax(s *sample) {
	x := s.shape(1+s.IntN(4), 20)
	op := []string{"ArgMax", "ArgMin"}[s.IntN(2)]
	name := s.node(op, at{"axis": s.IntN(len(x)), "keepdims": s.IntN(2)}, s.input(x...))
	s.outputOf(name, tensor.Int64)
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

func drawGather(s *sample) {
	x := s.shape(1+s.IntN(4), 9)
	axis := s.IntN(len(x))
	s.output(s.node("Gather", at{"axis": axis - len(x)*s.IntN(2)}, s.input(x...), s.give(s.indices(s.shape(s.IntN(3), 6), x[axis]))))
}

func drawGatherElements(s *sample) {
	x := s.shape(1+s.IntN(4), 9)
	axis := s.IntN(len(x))
	taken := slices.Clone(x)
	taken[axis] = s.between(1, 12)
	s.output(s.node("GatherElements", at{"axis": axis}, s.input(x...), s.give(s.indices(taken, x[axis]))))
}

func drawConcat(s *sample) {
	x := s.shape(1+s.IntN(4), 9)
	axis, names := s.IntN(len(x)), []string{}
	for range s.between(1, 5) {
		part := slices.Clone(x)
		part[axis] = s.between(1, 9)
		names = append(names, s.input(part...))
	}
	s.output(s.node("Concat", at{"axis": axis - len(x)*s.IntN(2)}, names...))
}

func drawSplit(s *sample) {
	x := s.shape(1+s.IntN(4), 9)
	axis, sizes, sum := s.IntN(len(x)), []int64{}, int64(0)
	for range s.between(1, 4) {
		sizes = append(sizes, s.between(1, 6))
		sum += sizes[len(sizes)-1]
	}
	x[axis] = sum
	s.output(s.nodes("Split", len(sizes), at{"axis": axis}, s.input(x...), s.whole(sizes...))...)
}

func drawSlice(s *sample) {
	x := s.shape(1+s.IntN(4), 12)
	var starts, ends, axes, steps []int64
	for d, n := range x {
		from, to, step := s.between(0, n-1), s.between(1, n+3), s.between(1, 3)
		if to <= from {
			from, to = to-1, from+1
		}
		if s.coin() { // backwards, from the end
			from, to, step = to, from-1, -step
			if to < 0 {
				to = -100
			}
		}
		starts, ends, axes, steps = append(starts, from), append(ends, to), append(axes, int64(d)), append(steps, step)
	}
	s.output(s.node("Slice", nil, s.input(x...), s.whole(starts...), s.whole(ends...), s.whole(axes...), s.whole(steps...)))
}

func drawPad(s *sample) {
	x := s.shape(1+s.IntN(4), 9)
	pads := make([]int64, 2*len(x))
	mode := []string{"constant", "edge", "reflect"}[s.IntN(3)]
	for i := range pads {
		pads[i] = s.between(0, 4)
		if mode == "reflect" {
			pads[i] = min(pads[i], x[i%len(x)]-1)
		}
	}
	inputs := []string{s.input(x...), s.whole(pads...)}
	if mode == "constant" {
		inputs = append(inputs, s.weight())
	}
	s.output(s.node("Pad", at{"mode": mode}, inputs...))
}

func drawResize(s *sample) {
	x := s.shape(4, 9)
	x[2], x[3] = x[2]+1, x[3]+1
	mode := []string{"nearest", "linear"}[s.IntN(2)]
	attributes := at{"mode": mode, "coordinate_transformation_mode": []string{"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"}[s.IntN(4)]}
	if mode == "nearest" {
		attributes["nearest_mode"] = []string{"floor", "round_prefer_floor", "ceil", "round_prefer_ceil"}[s.IntN(4)]
	}
	if s.coin() {
		s.output(s.node("Resize", attributes, s.input(x...), "", "", s.whole(x[0], x[1], s.between(1, 20), s.between(1, 20))))
		return
	}
	scales := s.keep(onnxtest.FloatTensor([]int64{4}, 1, 1, float32(s.between(2, 8))/2, float32(s.between(2, 8))/2))
	s.output(s.node("Resize", attributes, s.input(x...), "", scales))
}
