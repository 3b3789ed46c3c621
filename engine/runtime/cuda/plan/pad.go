package plan

import (
	"fmt"
	"math"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
)

func init() {
	lowerings["Pad"] = pad
	lowerings["Trilu"] = trilu
}

// margin is one dimension of a padded array; a negative pad takes elements away.
type margin struct{ in, out, begin, stride int64 }

func pad(b *builder, n *graph.Node) error {
	x, out := n.Inputs[0], n.Outputs[0]
	modes := map[string]int32{"constant": kernels.PadConstant, "reflect": kernels.PadReflect, "edge": kernels.PadEdge, "wrap": kernels.PadWrap}
	mode, ok := modes[n.Text("mode", "constant")]
	if !ok {
		return fmt.Errorf("its mode is %q", n.Text("mode", ""))
	}
	to, count := b.result(out), out.Elements()
	if count == 0 {
		return nil
	}
	all, at := margins(x.Shape, out.Shape, n.Ints("pads"), mode != kernels.PadConstant)
	if len(all) > kernels.MoveDims {
		return fmt.Errorf("it pads along %d dimensions, more than %d", len(all), kernels.MoveDims)
	}
	p := &kernels.Pad{N: uint32(count), Dims: int32(len(all)), Mode: mode}
	for d, m := range all {
		if max(m.begin, -m.begin) > math.MaxInt32 {
			return fmt.Errorf("its pads are %v", n.Ints("pads"))
		}
		if m.in <= 0 && mode != kernels.PadConstant {
			return fmt.Errorf("nothing is left of its input that could fill the margin")
		}
		p.Size[d], p.Begin[d], p.InSize[d], p.InStride[d] = kernels.NewDivisor(m.out), int32(m.begin), int32(m.in), m.stride
	}
	bindings := []binding{bind(&p.Out, to), bind(&p.In, b.operand(x).after(at*int64(x.Type.Size())))}
	if v := n.Input(1); v != nil {
		bindings = append(bindings, bind(&p.Value, b.operand(v)))
	}
	grid, block := spread(count, 256)
	launch(b, fmt.Sprintf("pad_%d", x.Type.Size()), grid, block, p, bindings...)
	return nil
}

// margins lists the dimensions from the innermost, with neighbours that have no pads as one. Where the
// margin is filled from the array, it is from what negative pads leave of it, which begins at
// element at.
func margins(in, out, pads []int64, crop bool) (all []margin, at int64) {
	strides := contiguous(in).strides
	plain := false // whether the last one has no pads
	for d := len(in) - 1; d >= 0; d-- {
		begin, end := pads[d], pads[d+len(in)]
		if begin == 0 && end == 0 && plain {
			last := &all[len(all)-1]
			last.in, last.out = last.in*in[d], last.out*out[d]
			continue
		}
		plain = begin == 0 && end == 0
		m := margin{in[d], out[d], begin, strides[d]}
		if crop {
			m.in += min(begin, 0) + min(end, 0)
			m.begin = max(begin, 0)
			at -= min(begin, 0) * strides[d]
		}
		all = append(all, m)
	}
	return all, at
}

// trilu keeps the upper or lower triangles of matrices.
func trilu(b *builder, n *graph.Node) error {
	x, out := n.Inputs[0], n.Outputs[0]
	to, count := b.result(out), out.Elements()
	if count == 0 {
		return nil
	}
	rank := len(x.Shape)
	rows, columns := x.Shape[rank-2], x.Shape[rank-1]
	p := &kernels.Triangle{N: uint32(count), K: min(max(n.Int("k", 0), -rows), columns),
		Rows: kernels.NewDivisor(rows), Columns: kernels.NewDivisor(columns)}
	if n.Int("upper", 1) != 0 {
		p.Upper = 1
	}
	grid, block := spread(count, 256)
	launch(b, fmt.Sprintf("triangle_%d", x.Type.Size()), grid, block, p, bind(&p.Out, to), bind(&p.In, b.operand(x)))
	return nil
}
