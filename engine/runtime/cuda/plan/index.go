package plan

import (
	"fmt"
	"slices"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

func init() {
	for op, l := range map[string]lowering{"Gather": gather, "GatherElements": gatherElements, "GatherND": gatherND,
		"ScatterElements": scatterElements, "ScatterND": scatterND, "OneHot": oneHot} {
		lowerings[op] = l
	}
}

// reports makes the next launch one that may meet an index out of range.
func (b *builder) reports(f *kernels.Fault) binding {
	if b.fault.buffer == nil {
		b.fault = b.scratch(4)
	}
	f.Launch = int32(len(b.launches) + 1)
	return bind(&f.Word, b.fault)
}

// wide tells whether indices are of 64 bits.
func wide(indices *graph.Value) int32 {
	if indices.Type == tensor.Int64 {
		return 1
	}
	return 0
}

// elements is the product of sizes.
func elements(shape []int64) int64 { return (&graph.Value{Shape: shape}).Elements() }

func gather(b *builder, n *graph.Node) error {
	x, indices, out, axis := n.Inputs[0], n.Inputs[1], n.Outputs[0], n.Int("axis", 0)
	to, count := b.result(out), out.Elements()
	if count == 0 {
		return nil
	}
	p := &kernels.Gather{N: count, Axis: x.Shape[axis], Count: indices.Elements(), Inner: elements(x.Shape[axis+1:]), Wide: wide(indices)}
	grid, block := spread(count, 256)
	launch(b, fmt.Sprintf("gather_%d", x.Type.Size()), grid, block, p, b.reports(&p.Fault),
		bind(&p.Out, to), bind(&p.Data, b.operand(x)), bind(&p.Indices, b.operand(indices)))
	return nil
}

// lattice is a walk over indices of which each replaces one coordinate: sizes of the indices and
// strides of the data, from the innermost.
type lattice struct {
	dims, axis int32
	size       [kernels.IndexDims]kernels.Divisor
	stride     [kernels.IndexDims]int64
}

// newLattice leaves the axis alone and merges the dimensions on either side of it.
func newLattice(indices, data []int64, axis int64) (l lattice, err error) {
	strides := contiguous(data).strides
	sizes, walks := merge(indices[axis+1:], [][]int64{strides[axis+1:]})
	before, walksBefore := merge(indices[:axis], [][]int64{strides[:axis]})
	l.axis = int32(len(sizes))
	sizes = slices.Concat(sizes, indices[axis:axis+1], before)
	steps := slices.Concat(walks[0], strides[axis:axis+1], walksBefore[0])
	if len(sizes) > kernels.IndexDims {
		return l, fmt.Errorf("its indices have %d dimensions, more than %d", len(sizes), kernels.IndexDims)
	}
	l.dims = int32(len(sizes))
	for d, size := range sizes {
		l.size[d], l.stride[d] = kernels.NewDivisor(size), steps[d]
	}
	return l, nil
}

func gatherElements(b *builder, n *graph.Node) error {
	x, indices, out, axis := n.Inputs[0], n.Inputs[1], n.Outputs[0], n.Int("axis", 0)
	to, count := b.result(out), out.Elements()
	if count == 0 {
		return nil
	}
	l, err := newLattice(indices.Shape, x.Shape, axis)
	if err != nil {
		return err
	}
	p := &kernels.GatherElements{N: uint32(count), Dims: l.dims, Axis: l.axis, Wide: wide(indices), Size: l.size, Stride: l.stride, Length: x.Shape[axis]}
	grid, block := spread(count, 256)
	launch(b, fmt.Sprintf("gather_elements_%d", x.Type.Size()), grid, block, p, b.reports(&p.Fault),
		bind(&p.Out, to), bind(&p.Data, b.operand(x)), bind(&p.Indices, b.operand(indices)))
	return nil
}

// tuples are the indices of GatherND and ScatterND, which name slices of the data behind its first batch
// dimensions.
func tuples(data, indices *graph.Value, batch int) (*kernels.Tuples, error) {
	if indices.Type != tensor.Int64 {
		return nil, fmt.Errorf("its indices are of type %s", indices.Type)
	}
	last := len(indices.Shape) - 1
	depth := int(indices.Shape[last])
	if depth > kernels.IndexDims {
		return nil, fmt.Errorf("its indices name %d dimensions, more than %d", depth, kernels.IndexDims)
	}
	p := &kernels.Tuples{Inner: elements(data.Shape[batch+depth:]), PerBatch: elements(indices.Shape[batch:last]),
		BatchStride: elements(data.Shape[batch:]), Depth: int32(depth)}
	strides := contiguous(data.Shape).strides
	for d := range depth {
		p.Length[d], p.Stride[d] = data.Shape[batch+d], strides[batch+d]
	}
	return p, nil
}

func gatherND(b *builder, n *graph.Node) error {
	x, indices, out := n.Inputs[0], n.Inputs[1], n.Outputs[0]
	to := b.result(out)
	p, err := tuples(x, indices, int(n.Int("batch_dims", 0)))
	if p == nil || out.Elements() == 0 {
		return err
	}
	p.N = out.Elements()
	grid, block := spread(p.N, 256)
	launch(b, fmt.Sprintf("gather_nd_%d", x.Type.Size()), grid, block, p, b.reports(&p.Fault),
		bind(&p.Out, to), bind(&p.Data, b.operand(x)), bind(&p.Indices, b.operand(indices)))
	return nil
}

// reduction is how a scatter joins what meets at one place. With one, a single thread does all.
func reduction(n *graph.Node, count int64) (operation int32, grid, block [3]uint32, err error) {
	operations := map[string]int32{"none": kernels.ScatterReplace, "add": kernels.ScatterAdd, "mul": kernels.ScatterMul,
		"max": kernels.ScatterMax, "min": kernels.ScatterMin}
	name := n.Text("reduction", "none")
	operation, ok := operations[name]
	switch {
	case !ok:
		return 0, grid, block, fmt.Errorf("its reduction is %q", name)
	case operation == kernels.ScatterReplace:
		grid, block = spread(count, 256)
	case n.Inputs[0].Type == tensor.Uint64 && operation >= kernels.ScatterMax:
		return 0, grid, block, fmt.Errorf("its data is of type %s and its reduction %s", tensor.Uint64, name)
	default:
		grid, block = [3]uint32{1, 1, 1}, [3]uint32{1, 1, 1}
	}
	return operation, grid, block, nil
}

// scattered is the output of a scatter, as a copy of the data.
func (b *builder) scattered(n *graph.Node) (place, error) {
	x, to := n.Inputs[0], b.result(n.Outputs[0])
	return to, b.move(to, b.operand(x), x.Shape, contiguous(x.Shape), contiguous(x.Shape), x.Type.Size())
}

func scatterElements(b *builder, n *graph.Node) error {
	x, indices, updates, axis := n.Inputs[0], n.Inputs[1], n.Inputs[2], n.Int("axis", 0)
	to, err := b.scattered(n)
	count := updates.Elements()
	if err != nil || count == 0 {
		return err
	}
	operation, grid, block, err := reduction(n, count)
	if err != nil {
		return err
	}
	l, err := newLattice(indices.Shape, x.Shape, axis)
	if err != nil {
		return err
	}
	p := &kernels.ScatterElements{N: uint32(count), Dims: l.dims, Axis: l.axis, Wide: wide(indices), Operation: operation, Type: int32(x.Type),
		Size: l.size, Stride: l.stride, Length: x.Shape[axis]}
	launch(b, "scatter_elements", grid, block, p, b.reports(&p.Fault),
		bind(&p.Out, to), bind(&p.Indices, b.operand(indices)), bind(&p.Updates, b.operand(updates)))
	return nil
}

func scatterND(b *builder, n *graph.Node) error {
	x, indices, updates := n.Inputs[0], n.Inputs[1], n.Inputs[2]
	p, err := tuples(x, indices, 0)
	if err != nil {
		return err
	}
	to, err := b.scattered(n)
	if p.N = updates.Elements(); err != nil || p.N == 0 {
		return err
	}
	operation, grid, block, err := reduction(n, p.N)
	if err != nil {
		return err
	}
	p.Operation, p.Type = operation, int32(x.Type)
	launch(b, "scatter_nd", grid, block, p, b.reports(&p.Fault),
		bind(&p.Out, to), bind(&p.Data, b.operand(updates)), bind(&p.Indices, b.operand(indices)))
	return nil
}

// oneHot copies values, whatever they are: as whole numbers of their size.
func oneHot(b *builder, n *graph.Node) error {
	indices, values, out, axis := n.Inputs[0], n.Inputs[1], n.Outputs[0], n.Int("axis", 0)
	to, count := b.result(out), out.Elements()
	if count == 0 {
		return nil
	}
	bits := map[int]tensor.Type{1: tensor.Uint8, 2: tensor.Uint16, 4: tensor.Uint32, 8: tensor.Int64}[out.Type.Size()]
	p := &kernels.OneHot{N: count, Depth: n.Int("depth", 0), Inner: elements(indices.Shape[axis:]), IndexType: int32(indices.Type), Type: int32(bits)}
	grid, block := spread(count, 256)
	launch(b, "one_hot", grid, block, p, bind(&p.Out, to), bind(&p.Indices, b.operand(indices)), bind(&p.Values, b.operand(values)))
	return nil
}
