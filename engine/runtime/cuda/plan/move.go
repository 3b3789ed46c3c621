package plan

import (
	"fmt"
	"slices"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
)

func init() {
	for op, l := range map[string]lowering{"Reshape": alias, "Expand": expand, "Transpose": transpose, "Slice": slice, "Split": split,
		"Concat": concat, "Tile": repeat, "DepthToSpace": depthToSpace, "SpaceToDepth": spaceToDepth, "ConstantOfShape": constantOfShape} {
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

// aligned is the least alignment in bytes of a value that shares another's memory.
const aligned = 16

// arrange makes a value of what a walk over x passes, seen as an array of that shape. It shares x's memory
// where the walk passes a piece of it in order.
func (b *builder) arrange(out, x *graph.Value, shape []int64, w walk) error {
	from, size := b.operand(x), out.Type.Size()
	if out.Elements() > 0 && w.at*int64(size)%aligned == 0 && inOrder(shape, w) {
		b.places[out] = from.after(w.at * int64(size))
		return nil
	}
	return b.move(b.result(out), from, shape, contiguous(shape), w, size)
}

// inOrder tells whether a walk passes elements one after the other.
func inOrder(shape []int64, w walk) bool {
	for d, step := range contiguous(shape).strides {
		if shape[d] != 1 && w.strides[d] != step {
			return false
		}
	}
	return true
}

// expand repeats what has size 1.
func expand(b *builder, n *graph.Node) error {
	out := n.Outputs[0]
	in := view(n, n.Inputs[0], out.Shape)
	return b.arrange(out, n.Inputs[0], out.Shape, walk{strides: in.strides})
}

// permute arranges x, seen as an array of that shape, with its dimensions in another order.
func (b *builder) permute(out, x *graph.Value, shape, perm []int64) error {
	strides := contiguous(shape).strides
	to, w := make([]int64, len(perm)), walk{strides: make([]int64, len(perm))}
	for d, from := range perm {
		to[d], w.strides[d] = shape[from], strides[from]
	}
	return b.arrange(out, x, to, w)
}

func transpose(b *builder, n *graph.Node) error {
	return b.permute(n.Outputs[0], n.Inputs[0], n.Inputs[0].Shape, n.Ints("perm"))
}

func depthToSpace(b *builder, n *graph.Node) error {
	x, s := n.Inputs[0], n.Int("blocksize", 1)
	channels, height, width := x.Shape[1]/(s*s), x.Shape[2], x.Shape[3]
	switch mode := n.Text("mode", "DCR"); mode {
	case "DCR":
		return b.permute(n.Outputs[0], x, []int64{x.Shape[0], s, s, channels, height, width}, []int64{0, 3, 4, 1, 5, 2})
	case "CRD":
		return b.permute(n.Outputs[0], x, []int64{x.Shape[0], channels, s, s, height, width}, []int64{0, 1, 4, 2, 5, 3})
	default:
		return fmt.Errorf("its mode is %q", mode)
	}
}

func spaceToDepth(b *builder, n *graph.Node) error {
	x, s := n.Inputs[0], n.Int("blocksize", 1)
	shape := []int64{x.Shape[0], x.Shape[1], x.Shape[2] / s, s, x.Shape[3] / s, s}
	return b.permute(n.Outputs[0], x, shape, []int64{0, 3, 5, 1, 2, 4})
}

func slice(b *builder, n *graph.Node) error {
	x, out := n.Inputs[0], n.Outputs[0]
	w, starts := contiguous(x.Shape), n.Ints("starts")
	for d, step := range n.Ints("steps") {
		w.at += starts[d] * w.strides[d]
		w.strides[d] *= step
	}
	return b.arrange(out, x, out.Shape, w)
}

func split(b *builder, n *graph.Node) error {
	x, axis := n.Inputs[0], n.Int("axis", 0)
	w := contiguous(x.Shape)
	for i, size := range n.Ints("split") {
		if out := n.Outputs[i]; out != nil {
			if err := b.arrange(out, x, out.Shape, w); err != nil {
				return err
			}
		}
		w.at += size * w.strides[axis]
	}
	return nil
}

func concat(b *builder, n *graph.Node) error {
	out, axis := n.Outputs[0], n.Int("axis", 0)
	to, w := b.result(out), contiguous(out.Shape)
	for _, x := range n.Inputs {
		if err := b.move(to, b.operand(x), x.Shape, w, contiguous(x.Shape), out.Type.Size()); err != nil {
			return err
		}
		w.at += x.Shape[axis] * w.strides[axis]
	}
	return nil
}

// repeat walks each dimension several times: of each two dimensions the outer one repeats the inner.
func repeat(b *builder, n *graph.Node) error {
	x := n.Inputs[0]
	var shape []int64
	var w walk
	once := contiguous(x.Shape).strides
	for d, times := range n.Ints("repeats") {
		shape = append(shape, times, x.Shape[d])
		w.strides = append(w.strides, 0, once[d])
	}
	return b.arrange(n.Outputs[0], x, shape, w)
}

func constantOfShape(b *builder, n *graph.Node) error {
	out := n.Outputs[0]
	return b.fill(b.result(out), out, slices.Clone(n.Tensor("value").Data))
}

// fill launches copies of one element to all of v's, which lie at to.
func (b *builder) fill(to place, v *graph.Value, element []byte) error {
	from := b.planner.table(v.Name, element)
	return b.move(to, from, v.Shape, contiguous(v.Shape), walk{strides: make([]int64, len(v.Shape))}, v.Type.Size())
}
