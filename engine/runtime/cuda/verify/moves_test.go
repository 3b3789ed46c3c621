//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"slices"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// What moves elements, in the types and with the attributes that the ONNX project's cases of 1.12
// leave out: they have neither a Resize against aliasing nor a scatter that takes the larger value.

// several draws some nodes for one model.
func several(draw func(s *sample)) func(s *sample) {
	return func(s *sample) {
		s.opset = 19
		for range 4 {
			draw(s)
		}
	}
}

// moved are types of every size.
var moved = []tensor.Type{tensor.Float32, tensor.Float64, tensor.Int64, tensor.Int32, tensor.Uint8, tensor.Bool, tensor.Float16}

// added are those that ONNX Runtime adds up.
var added = []tensor.Type{tensor.Float32, tensor.Float64, tensor.Int64, tensor.Int32}

func (s *sample) kind(of ...tensor.Type) tensor.Type { return of[s.IntN(len(of))] }

func (s *sample) pick(of ...string) string { return of[s.IntN(len(of))] }

// sparse gives from low to high sizes, of which some are 0.
func (s *sample) sparse(low, high int64) []int64 {
	shape := s.shape(int(s.between(low, high)), 5)
	for i := range shape {
		if s.IntN(12) == 0 {
			shape[i] = 0
		}
	}
	return shape
}

// full gives from low to high sizes of 2 and more.
func (s *sample) full(low, high int64) []int64 {
	shape := s.shape(int(s.between(low, high)), 4)
	for i := range shape {
		shape[i]++
	}
	return shape
}

// tensor has small numbers, of which some are equal.
func (s *sample) tensor(kind tensor.Type, shape ...int64) *tensor.Tensor {
	n := int(elements(shape))
	t := &tensor.Tensor{Type: kind, Shape: shape, Data: make([]byte, n*kind.Size())}
	for i := range n {
		v := s.between(-9, 9)
		switch kind {
		case tensor.Float32:
			tensor.View[float32](t)[i] = float32(v) / 4
		case tensor.Float64:
			tensor.View[float64](t)[i] = float64(v) / 4
		case tensor.Int64:
			tensor.View[int64](t)[i] = v
		case tensor.Int32:
			tensor.View[int32](t)[i] = int32(v)
		case tensor.Float16: // from 1 on, in steps of the last bit
			t.Data[2*i+1], t.Data[2*i] = 0x3c, byte(v+9)
		case tensor.Bool:
			t.Data[i] = byte(v & 1)
		default:
			t.Data[i] = byte(v + 9)
		}
	}
	return t
}

func (s *sample) some(kind tensor.Type, shape ...int64) string {
	return s.give(s.tensor(kind, shape...))
}

// positions is an input of indices of one type or the other.
func (s *sample) positions(shape []int64, size int64) string {
	t := s.indices(shape, size)
	if s.coin() {
		return s.give(t)
	}
	narrow := s.tensor(tensor.Int32, shape...)
	for i, v := range tensor.View[int64](t) {
		tensor.View[int32](narrow)[i] = int32(v)
	}
	return s.give(narrow)
}

func (s *sample) scalar(n int64) string { return s.keep(onnxtest.Int64Tensor(nil, n)) }

func drawTranspose(s *sample) {
	x, kind, order := s.sparse(0, 6), s.kind(moved...), []int64{}
	for _, d := range s.Perm(len(x)) {
		order = append(order, int64(d))
	}
	s.outputOf(s.node("Transpose", at{"perm": order}, s.some(kind, x...)), kind)
}

func drawSlice(s *sample) {
	x, kind := s.sparse(1, 5), s.kind(moved...)
	var starts, ends, axes, steps []int64
	for _, d := range s.Perm(len(x))[:s.between(1, int64(len(x)))] {
		axes, starts, ends = append(axes, int64(d)), append(starts, s.between(-6, 6)), append(ends, s.between(-6, 6))
		steps = append(steps, []int64{-3, -2, -1, 1, 1, 1, 2}[s.IntN(7)])
	}
	s.outputOf(s.node("Slice", nil, s.some(kind, x...), s.whole(starts...), s.whole(ends...), s.whole(axes...), s.whole(steps...)), kind)
}

func drawSplit(s *sample) {
	x, kind := s.sparse(1, 5), s.kind(moved...)
	axis, sizes := s.IntN(len(x)), []int64{s.between(0, 3), s.between(0, 3), s.between(0, 16)}
	x[axis] = sizes[0] + sizes[1] + sizes[2]
	for _, part := range s.nodes("Split", len(sizes), at{"axis": axis}, s.some(kind, x...), s.whole(sizes...)) {
		s.outputOf(part, kind)
	}
}

func drawConcat(s *sample) {
	x, kind := s.sparse(1, 5), s.kind(moved...)
	axis, names := s.IntN(len(x)), []string{}
	for i := range s.between(1, 4) {
		part := slices.Clone(x)
		part[axis] = s.between(0, 4)
		if i == 1 {
			names = append(names, s.keep(s.tensor(kind, part...)))
			continue
		}
		names = append(names, s.some(kind, part...))
	}
	s.outputOf(s.node("Concat", at{"axis": axis - len(x)*s.IntN(2)}, names...), kind)
}

func drawTile(s *sample) {
	x, kind, repeats := s.sparse(1, 4), s.kind(moved...), []int64{}
	for range x {
		repeats = append(repeats, s.between(0, 3))
	}
	s.outputOf(s.node("Tile", nil, s.some(kind, x...), s.whole(repeats...)), kind)
}

// drawPad also takes elements away.
func drawPad(s *sample) {
	x, mode := s.full(1, 5), s.pick("constant", "constant", "reflect", "edge", "wrap")
	kind := s.kind(tensor.Float32, tensor.Float64, tensor.Int64, tensor.Int32, tensor.Uint8, tensor.Bool)
	pads := make([]int64, 2*len(x))
	for i, n := range x {
		least := int64(-1)
		if mode == "reflect" && n == 2 {
			least = 0 // it takes two elements
		}
		if s.coin() {
			pads[i], pads[i+len(x)] = s.between(least, n-2), s.between(0, n-2)
		}
		if mode == "constant" {
			pads[i+len(x)] = s.between(-1, 3)
		}
	}
	inputs := []string{s.some(kind, x...), s.whole(pads...)}
	if mode == "constant" && s.coin() {
		inputs = append(inputs, s.some(kind))
	}
	s.outputOf(s.node("Pad", at{"mode": mode}, inputs...), kind)
}

func drawTrilu(s *sample) {
	kind := s.kind(tensor.Float32, tensor.Float64, tensor.Int64)
	s.outputOf(s.node("Trilu", at{"upper": s.IntN(2)}, s.some(kind, s.sparse(2, 4)...), s.scalar(s.between(-6, 6))), kind)
}

func drawDepthToSpace(s *sample) {
	b := s.between(1, 3)
	s.output(s.node("DepthToSpace", at{"blocksize": b, "mode": s.pick("DCR", "CRD")}, s.input(s.between(1, 2), b*b*s.between(1, 3), s.between(1, 4), s.between(1, 4))))
	s.output(s.node("SpaceToDepth", at{"blocksize": b}, s.input(s.between(1, 2), s.between(1, 3), b*s.between(1, 4), b*s.between(1, 4))))
}

func drawGather(s *sample) {
	x, kind := s.full(1, 4), s.kind(moved...)
	axis := s.IntN(len(x))
	s.outputOf(s.node("Gather", at{"axis": axis - len(x)*s.IntN(2)}, s.some(kind, x...), s.positions(s.sparse(0, 3), x[axis])), kind)
}

// part is a shape for indices of which each replaces the coordinate along the axis.
func (s *sample) part(x []int64, axis int) []int64 {
	part := slices.Clone(x)
	for i, n := range x {
		if s.coin() {
			part[i] = s.between(1, n)
		}
	}
	part[axis] = s.between(0, 6)
	return part
}

func drawGatherElements(s *sample) {
	x, kind := s.full(1, 5), s.kind(moved...)
	axis := s.IntN(len(x))
	s.outputOf(s.node("GatherElements", at{"axis": axis}, s.some(kind, x...), s.positions(s.part(x, axis), x[axis])), kind)
}

// drawGatherND has equal sizes, so that one bound is that of all indices.
func drawGatherND(s *sample) {
	kind, batch := s.kind(tensor.Float32, tensor.Float64, tensor.Int64, tensor.Uint8), s.IntN(2)
	x := slices.Repeat([]int64{s.between(2, 4)}, int(s.between(2, 5)))
	indices := slices.Concat(x[:batch], s.sparse(0, 2), []int64{s.between(1, int64(len(x)-batch))})
	s.outputOf(s.node("GatherND", at{"batch_dims": batch}, s.some(kind, x...), s.give(s.indices(indices, x[0]))), kind)
}

// drawScatterElements lets places meet only where a reduction joins them.
func drawScatterElements(s *sample) {
	x, kind, reduction := s.full(1, 5), s.kind(added...), s.pick("none", "add", "mul", "max", "min")
	axis := s.IntN(len(x))
	part := s.part(x, axis)
	if reduction == "none" {
		part[axis] = 1
	}
	s.outputOf(s.node("ScatterElements", at{"axis": axis, "reduction": reduction},
		s.some(kind, x...), s.positions(part, x[axis]), s.some(kind, part...)), kind)
}

func drawScatterND(s *sample) {
	kind, reduction := s.kind(added...), s.pick("none", "add", "mul", "max", "min")
	x := slices.Repeat([]int64{s.between(2, 4)}, int(s.between(1, 4)))
	depth, rows := s.between(1, int64(len(x))), s.between(0, 5)
	if reduction == "none" {
		rows = 1
	}
	updates := slices.Concat([]int64{rows}, x[depth:])
	s.outputOf(s.node("ScatterND", at{"reduction": reduction},
		s.some(kind, x...), s.give(s.indices([]int64{rows, depth}, x[0])), s.some(kind, updates...)), kind)
}

// drawOneHot has indices beyond the depth too.
func drawOneHot(s *sample) {
	x, kind := s.sparse(1, 4), s.kind(tensor.Float32, tensor.Int64)
	s.outputOf(s.node("OneHot", at{"axis": s.between(-1, int64(len(x)))}, s.some(tensor.Int64, x...), s.scalar(s.between(1, 7)), s.some(kind, 2)), kind)
}

func drawTopK(s *sample) {
	x, kind := s.full(1, 4), s.kind(added...)
	axis := s.IntN(len(x))
	found := s.nodes("TopK", 2, at{"axis": axis, "largest": s.IntN(2)}, s.some(kind, x...), s.whole(s.between(0, x[axis])))
	s.outputOf(found[0], kind)
	s.outputOf(found[1], tensor.Int64)
}

func drawArgMax(s *sample) {
	x := s.full(1, 4)
	attributes := at{"axis": s.IntN(len(x)), "keepdims": s.IntN(2), "select_last_index": s.IntN(2)}
	s.outputOf(s.node(s.pick("ArgMax", "ArgMin"), attributes, s.some(s.kind(append(added, tensor.Uint8)...), x...)), tensor.Int64)
}

func drawCumSum(s *sample) {
	x, kind := s.sparse(1, 4), s.kind(added...)
	s.outputOf(s.node("CumSum", at{"exclusive": s.IntN(2), "reverse": s.IntN(2)}, s.some(kind, x...), s.scalar(int64(s.IntN(len(x))))), kind)
}

// coordinates are the modes of a Resize that both compute alike for every mode.
func (s *sample) coordinates() string {
	return s.pick("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
}

func drawNearest(s *sample) {
	kind := s.kind(tensor.Float32, tensor.Int32, tensor.Uint8)
	s.resize(kind, s.full(1, 5), at{"mode": "nearest", "coordinate_transformation_mode": s.coordinates(),
		"nearest_mode": s.pick("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")})
}

func drawLinear(s *sample) {
	attributes := at{"mode": "linear", "coordinate_transformation_mode": s.coordinates()}
	if s.coin() {
		attributes["antialias"] = 1
	} else if s.coin() {
		attributes["coordinate_transformation_mode"] = "half_pixel_symmetric"
	}
	s.resize(tensor.Float32, []int64{2, 3, s.between(2, 9), s.between(2, 9)}, attributes)
}

func drawCubic(s *sample) {
	attributes := at{"mode": "cubic", "exclude_outside": s.IntN(2), "cubic_coeff_a": []float32{-0.75, -0.5}[s.IntN(2)],
		"coordinate_transformation_mode": s.pick("half_pixel", "asymmetric", "half_pixel_symmetric")}
	if s.coin() {
		attributes["antialias"], attributes["cubic_coeff_a"] = 1, float32(-0.75)
	}
	s.resize(tensor.Float32, []int64{2, 1, s.between(2, 9), s.between(2, 9)}, attributes)
}

// resize changes the last two dimensions, to sizes or by scales.
func (s *sample) resize(kind tensor.Type, x []int64, attributes at) {
	sizes, scales := slices.Clone(x), slices.Repeat([]float32{1}, len(x))
	for i := max(len(x)-2, 0); i < len(x); i++ {
		sizes[i] = s.between(1, 12)
		scale := []float32{0.3, 0.5, 0.6, 0.8, 1.5, 2, 2.3, 3}[s.IntN(8)]
		if scale*float32(x[i]) >= 1 {
			scales[i] = scale
		}
	}
	// Corners are aligned in two ways where a scale does not lead to a whole number of elements.
	if s.coin() || attributes["coordinate_transformation_mode"] == "align_corners" {
		s.outputOf(s.node("Resize", attributes, s.some(kind, x...), "", "", s.whole(sizes...)), kind)
		return
	}
	s.outputOf(s.node("Resize", attributes, s.some(kind, x...), "", s.keep(onnxtest.FloatTensor([]int64{int64(len(scales))}, scales...))), kind)
}
