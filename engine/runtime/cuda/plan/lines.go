package plan

import (
	"fmt"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

func init() {
	for op, l := range map[string]lowering{"ArgMax": argument, "ArgMin": argument, "CumSum": cumSum, "TopK": topK} {
		lowerings[op] = l
	}
}

// along sees an array as [outer, length, inner] with length along an axis; lines is outer * inner.
func along(shape []int64, axis int64) (lines, length, inner int64) {
	inner = elements(shape[axis+1:])
	return elements(shape[:axis]) * inner, shape[axis], inner
}

// ordered refuses types whose values the kernels do not compare.
func ordered(v *graph.Value) error {
	if v.Type == tensor.Uint64 {
		return fmt.Errorf("its data is of type %s", v.Type)
	}
	return nil
}

// argument finds the place of the largest or smallest element of each line.
func argument(b *builder, n *graph.Node) error {
	x, out := n.Inputs[0], n.Outputs[0]
	if err := ordered(x); err != nil {
		return err
	}
	p := &kernels.Lines{Type: uint8(x.Type), Operation: kernels.ArgMax}
	p.Lines, p.Axis, p.Inner = along(x.Shape, n.Int("axis", 0))
	if n.Op == "ArgMin" {
		p.Operation = kernels.ArgMin
	}
	if n.Int("select_last_index", 0) != 0 {
		p.Last = 1
	}
	b.lines(n, "arg", p, b.result(out), b.operand(x))
	return nil
}

// lines launches a kernel whose threads have a line each.
func (b *builder) lines(n *graph.Node, kernel string, p *kernels.Lines, out, in place) {
	if p.Lines*p.Axis == 0 {
		return
	}
	grid, block := spread(p.Lines, 128)
	launch(b, kernel+"_"+classOf(n).suffix(), grid, block, p, bind(&p.Out, out), bind(&p.In, in))
}

func cumSum(b *builder, n *graph.Node) error {
	x, out := n.Inputs[0], n.Outputs[0]
	p := &kernels.Lines{Type: uint8(x.Type)}
	p.Lines, p.Axis, p.Inner = along(x.Shape, n.Int("axis", 0))
	if n.Int("exclusive", 0) != 0 {
		p.Last |= kernels.RunningExclusive
	}
	if n.Int("reverse", 0) != 0 {
		p.Last |= kernels.RunningReversed
	}
	b.lines(n, "running_sum", p, b.result(out), b.operand(x))
	return nil
}

// topK finds the k largest or smallest of each line, in order. A thread has a line.
func topK(b *builder, n *graph.Node) error {
	x := n.Inputs[0]
	if err := ordered(x); err != nil {
		return err
	}
	p := &kernels.TopK{K: n.Int("k", 0), Type: int32(x.Type)}
	p.Lines, p.Axis, p.Inner = along(x.Shape, n.Int("axis", 0))
	if n.Int("largest", 1) != 0 {
		p.Largest = 1
	}
	count := p.Lines * p.K
	// The kernel writes both outputs, of which one may be used by nobody.
	to := [2]place{b.scratch(count * int64(x.Type.Size())), b.scratch(count * 8)}
	for i, v := range n.Outputs {
		if v != nil {
			to[i] = b.result(v)
		}
	}
	if count == 0 {
		return nil
	}
	grid, block := spread(p.Lines, 128)
	launch(b, "top_"+classOf(n).suffix(), grid, block, p, bind(&p.Values, to[0]), bind(&p.Indices, to[1]), bind(&p.Data, b.operand(x)))
	return nil
}
