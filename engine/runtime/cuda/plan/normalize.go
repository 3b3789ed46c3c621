package plan

import (
	"fmt"
	"slices"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
)

func init() {
	for op, l := range map[string]lowering{
		"LayerNormalization": layerNormalization, "RMSNormalization": layerNormalization,
		"InstanceNormalization": channelNormalization, "GroupNormalization": channelNormalization,
		"MeanVarianceNormalization": meanVarianceNormalization, "LpNormalization": lpNormalization,
		"LRN": responseNormalization,
	} {
		lowerings[op] = l
	}
}

// normalize launches normalize_f32, whose result is y's; a block has a row.
func (b *builder) normalize(p *kernels.Normalize, y *graph.Value, x, scale, bias place, more ...binding) {
	to, done := b.float32Result(y)
	b.rows(p, to, x, append(more, bind(&p.Scale, scale), bind(&p.Bias, bias))...)
	done()
}

func (b *builder) rows(p *kernels.Normalize, to, from place, more ...binding) {
	if p.Lines == 0 {
		return
	}
	grid := [3]uint32{uint32(min(p.Lines, maxBlocks)), 1, 1}
	launch(b, "normalize_f32", grid, line(p.Size), p, append(more, bind(&p.Out, to), bind(&p.In, from))...)
}

// layerNormalization normalizes the dimensions from axis on; RMSNormalization leaves the mean in.
func layerNormalization(b *builder, n *graph.Node) error {
	x, y := n.Inputs[0], output(n, 0)
	axis := n.Int("axis", 0)
	inner := x.Shape[axis:]
	p := &kernels.Normalize{Lines: elements(x.Shape[:axis]), Size: elements(inner), Epsilon: n.Float("epsilon", 1e-5),
		Rows: kernels.NewDivisor(1), Each: kernels.NewDivisor(1)}
	if n.Op == "RMSNormalization" {
		p.RootMeanSquare = 1
	}
	data, err := b.float32Operand(x)
	if err != nil {
		return err
	}
	scale, err := b.extended(n, 1, inner)
	if err != nil {
		return err
	}
	bias, err := b.extended(n, 2, inner)
	if err != nil {
		return err
	}
	var more []binding
	for i, field := range []*kernels.Pointer{&p.Mean, &p.Deviation} {
		if v := output(n, i+1); v != nil {
			if !isFloat(v.Type) {
				return fmt.Errorf("it computes in %s", v.Type)
			}
			at, done := b.float32Result(v)
			defer done()
			more = append(more, bind(field, at))
		}
	}
	if y == nil { // only the mean or the deviation is used
		b.rows(p, b.scratch(4*x.Elements()), data, more...)
		return nil
	}
	b.normalize(p, y, data, scale, bias, more...)
	return nil
}

// output is the output i of a node, nil where nobody asks for it.
func output(n *graph.Node, i int) *graph.Value {
	if i < len(n.Outputs) {
		return n.Outputs[i]
	}
	return nil
}

// extended is where the input i lies as float32 and in that shape, to which it is broadcast; no place
// where it is left out.
func (b *builder) extended(n *graph.Node, i int, shape []int64) (place, error) {
	v := n.Input(i)
	if v == nil {
		return place{}, nil
	}
	from, err := b.float32Operand(v)
	if err != nil || v.Elements() == elements(shape) {
		return from, err
	}
	to := b.scratch(4 * elements(shape))
	return to, b.move(to, from, shape, contiguous(shape), walk{strides: view(n, v, shape).strides}, 4)
}

// channelNormalization normalizes each group of channels of each image, or each channel. Scale and bias
// have an element a channel.
func channelNormalization(b *builder, n *graph.Node) error {
	x := n.Inputs[0]
	images, channels, inner := x.Shape[0], x.Shape[1], elements(x.Shape[2:])
	if x.Elements() == 0 {
		b.result(n.Outputs[0])
		return nil
	}
	groups := channels
	if n.Op == "GroupNormalization" {
		groups = n.Int("num_groups", 0)
	}
	var places [3]place
	for i := range places {
		var err error
		if places[i], err = b.float32Operand(n.Inputs[i]); err != nil {
			return err
		}
	}
	p := &kernels.Normalize{Lines: images * groups, Size: channels / groups * inner, Epsilon: n.Float("epsilon", 1e-5),
		Rows: kernels.NewDivisor(groups), RowStep: int32(channels / groups), Each: kernels.NewDivisor(inner)}
	b.normalize(p, n.Outputs[0], places[0], places[1], places[2])
	return nil
}

// meanVarianceNormalization normalizes along axes: where those are not the last, of a copy that has them
// there. ONNX divides by the deviation plus 1e-9, which matters only where all elements are equal.
func meanVarianceNormalization(b *builder, n *graph.Node) error {
	x, y := n.Inputs[0], n.Outputs[0]
	axes := n.Ints("axes")
	if !n.Has("axes") {
		axes = []int64{0, 2, 3}
	}
	axes = slices.Clone(axes)
	for i, a := range axes {
		if a < -int64(len(x.Shape)) || a >= int64(len(x.Shape)) {
			return fmt.Errorf("its axis %d is none of %d dimensions", a, len(x.Shape))
		}
		axes[i] = (a + int64(len(x.Shape))) % int64(len(x.Shape))
	}
	own := contiguous(x.Shape).strides
	var shape, strides []int64
	p := &kernels.Normalize{Lines: 1, Size: 1, Epsilon: 1e-18, Rows: kernels.NewDivisor(1), Each: kernels.NewDivisor(1)}
	for _, last := range []bool{false, true} {
		for d, size := range x.Shape {
			if slices.Contains(axes, int64(d)) != last {
				continue
			}
			shape, strides = append(shape, size), append(strides, own[d])
			if last {
				p.Size *= size
			} else {
				p.Lines *= size
			}
		}
	}
	data, err := b.float32Operand(x)
	if err != nil {
		return err
	}
	there := walk{strides: strides}
	if inOrder(shape, there) {
		b.normalize(p, y, data, place{}, place{})
		return nil
	}
	moved, normalized := b.scratch(4*x.Elements()), b.scratch(4*x.Elements())
	if err := b.move(moved, data, shape, contiguous(shape), there, 4); err != nil {
		return err
	}
	b.rows(p, normalized, moved)
	to, done := b.float32Result(y)
	if err := b.move(to, normalized, shape, there, contiguous(shape), 4); err != nil {
		return err
	}
	done()
	return nil
}

// lpNormalization divides lines by their norm.
func lpNormalization(b *builder, n *graph.Node) error {
	x := n.Inputs[0]
	p := &kernels.Lines{Type: uint8(x.Type), Operation: int32(n.Int("p", 2))}
	switch {
	case !isFloat(x.Type):
		return fmt.Errorf("its data is of type %s", x.Type)
	case p.Operation != 1 && p.Operation != 2:
		return fmt.Errorf("its norm is of order %d", p.Operation)
	}
	p.Lines, p.Axis, p.Inner = along(x.Shape, n.Int("axis", 0))
	b.lines(n, "lp_normalize", p, b.result(n.Outputs[0]), b.operand(x))
	return nil
}

// responseNormalization divides by a function of the neighbouring channels. Of an even number of them
// one more lies behind.
func responseNormalization(b *builder, n *graph.Node) error {
	x := n.Inputs[0]
	if len(x.Shape) < 2 {
		return fmt.Errorf("its data has %d dimensions", len(x.Shape))
	}
	size := n.Int("size", 0)
	if size < 1 || size >= 1<<31 {
		return fmt.Errorf("its size is %d", size)
	}
	from, err := b.float32Operand(x)
	if err != nil {
		return err
	}
	p := &kernels.Response{N: x.Elements(), Channels: x.Shape[1], Inner: elements(x.Shape[2:]), Before: int32((size - 1) / 2), Behind: int32(size / 2),
		Alpha: n.Float("alpha", 1e-4) / float32(size), Beta: n.Float("beta", 0.75), Bias: n.Float("bias", 1)}
	to, done := b.float32Result(n.Outputs[0])
	if p.N > 0 {
		grid, block := spread(p.N, 256)
		launch(b, "response_f32", grid, block, p, bind(&p.Out, to), bind(&p.In, from))
	}
	done()
	return nil
}
