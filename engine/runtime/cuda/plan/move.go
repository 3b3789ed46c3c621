package plan

import (
	"fmt"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
)

func init() {
	for op, l := range map[string]lowering{"Reshape": alias, "Expand": expand} {
		lowerings[op] = l
	}
}

// walk is one side of a copy: where element 0 lies, and how far apart the elements are along each
// dimension.
type walk struct {
	at      int64
	strides []int64
}

// contiguous is the walk over a whole array.
func contiguous(shape []int64) walk {
	w := walk{strides: make([]int64, len(shape))}
	step := int64(1)
	for d := len(shape) - 1; d >= 0; d-- {
		w.strides[d] = step
		step *= shape[d]
	}
	return w
}

// move copies an array of that shape, of elements of size bytes, from one place to another.
func (b *builder) move(to, from place, shape []int64, out, in walk, size int) error {
	sizes, walks := merge(shape, [][]int64{out.strides, in.strides})
	if len(sizes) > kernels.MoveDims {
		return fmt.Errorf("it moves data along %d dimensions, more than %d", len(sizes), kernels.MoveDims)
	}
	n := int64(1)
	p := &kernels.Move{InAt: in.at, OutAt: out.at, Dims: int32(len(sizes))}
	for d, s := range sizes {
		n *= s
		p.Size[d] = kernels.NewDivisor(max(s, 1))
		p.OutStride[d], p.InStride[d] = walks[0][d], walks[1][d]
	}
	if n == 0 {
		return nil
	}
	p.N = uint32(n)
	grid, block := spread(n, 256)
	launch(b, fmt.Sprintf("move_%d", size), grid, block, p, bind(&p.Out, to), bind(&p.In, from))
	return nil
}

// copyOf gives a value memory of its own in the arena.
func (b *builder) copyOf(v *graph.Value) error {
	from := b.operand(v)
	to := b.result(v)
	return b.move(to, from, v.Shape, contiguous(v.Shape), contiguous(v.Shape), v.Type.Size())
}

// expand repeats what has size 1.
func expand(b *builder, n *graph.Node) error {
	out := n.Outputs[0]
	in := view(n, n.Inputs[0], out.Shape)
	from := b.operand(n.Inputs[0])
	return b.move(b.result(out), from, out.Shape, contiguous(out.Shape), walk{strides: in.strides}, out.Type.Size())
}
