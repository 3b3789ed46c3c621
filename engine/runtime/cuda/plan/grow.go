package plan

import (
	"encoding/binary"
	"math"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

// product is a matrix product or convolution with what is computed on its sums: per channel a factor
// and a summand, then another value of the same shape, then an activation.
type product struct {
	node   *graph.Node  // the product itself
	output *graph.Value // of the last node
	// scale and shift have an element a channel, nil where there is none: an output channel of a
	// convolution, a column of a matrix. A matrix has one factor for all: alpha.
	scale, shift []float64
	alpha        float64
	residual     *graph.Value
	activation   activation
	// before are the transpositions of a MatMul's inputs, behind is that of its output.
	before [2]*graph.Node
	behind *graph.Node
}

func startProduct(n *graph.Node) *product {
	switch n.Op {
	case "Gemm", "MatMul", "Conv":
		if n.Domain == "" {
			return &product{node: n, output: n.Outputs[0], alpha: 1}
		}
	}
	return nil
}

// growProduct takes in the nodes around a product: those that follow, each of which alone uses the value
// before it, and transpositions.
func (f *fusion) growProduct(p *product) {
	last := p.node
	absorb := func(next *graph.Node) {
		f.absorbed[last] = true
		f.parts[next] = append(append(f.parts[next], f.parts[last]...), last)
		delete(f.parts, last)
		p.output, last = next.Outputs[0], next
	}
	if p.node.Op == "MatMul" {
		for i, v := range p.node.Inputs {
			if t := f.producers[v]; t != nil && f.transposes(t) && f.only(v) == p.node {
				f.absorbed[t], p.before[i] = true, t
				f.parts[p.node] = append(f.parts[p.node], t)
			}
		}
	}
	for p.output.Type == tensor.Float32 {
		next := f.only(p.output)
		// The sum of two products belongs to the first of them.
		if next == nil || f.absorbed[next] || f.products[next] != nil || len(next.Outputs) != 1 || !p.take(next) {
			break
		}
		absorb(next)
	}
	// Columns stay side by side where the last axis stays the last.
	if next := f.only(p.output); next != nil && p.node.Op == "MatMul" && p.residual == nil && f.transposes(next) && len(p.node.Inputs[0].Shape) > 1 && len(p.node.Inputs[1].Shape) > 1 {
		if perm := next.Ints("perm"); perm[len(perm)-1] == int64(len(perm)-1) {
			p.behind = next
			absorb(next)
		}
	}
	f.products[last] = p
}

// transposes tells whether a node is a transposition that a product can take in.
func (f *fusion) transposes(n *graph.Node) bool {
	return n.Op == "Transpose" && n.Domain == "" && !f.absorbed[n] && n.Inputs[0].Type == tensor.Float32 && len(n.Inputs[0].Shape) > 1
}

// take tells whether a node can be computed on the product's sums, and does it.
func (p *product) take(n *graph.Node) bool {
	if !equal(n.Outputs[0].Shape, p.output.Shape) || n.Outputs[0].Type != tensor.Float32 || p.activation.op != 0 {
		return false
	}
	if p.residual == nil && p.takeChannels(n) {
		return true
	}
	if (n.Op == "Add" || n.Op == "Sum") && len(n.Inputs) == 2 && p.residual == nil && !p.direct() {
		other := n.Inputs[0]
		if other == p.output {
			other = n.Inputs[1]
		}
		if other != p.output && other.Type == tensor.Float32 && equal(other.Shape, p.output.Shape) {
			p.residual = other
			return true
		}
		return false
	}
	t, err := termOf(n)
	if err != nil || len(t.steps) != 1 || t.steps[0].input >= 0 || t.steps[0].whole || n.Inputs[0] != p.output {
		return false
	}
	p.activation = activation{t.steps[0].op, float32(t.steps[0].a), float32(t.steps[0].b)}
	return true
}

// channels is how many factors and summands the product takes, and along which axis of the output.
func (p *product) channels() (count int64, axis int) {
	if p.node.Op == "Conv" {
		return p.output.Shape[1], 1
	}
	if rank := len(p.output.Shape); rank > 0 {
		return p.output.Shape[rank-1], rank - 1
	}
	return 1, 0
}

// takeChannels takes in a batch normalisation or an operation with constants, one a channel or one
// for all.
func (p *product) takeChannels(n *graph.Node) bool {
	count, axis := p.channels()
	if n.Op == "BatchNormalization" {
		scale, shift, ok := affine(n)
		return ok && n.Inputs[0] == p.output && axis == 1 && p.apply(scale, shift)
	}
	if len(n.Inputs) != 2 {
		return false
	}
	other, reversed := n.Inputs[1], false
	if other == p.output {
		other, reversed = n.Inputs[0], true
	}
	if other == p.output || !alongAxis(other, axis-len(p.output.Shape), count) {
		return false
	}
	values, ok := floats(other)
	if !ok || len(values) == 0 {
		return false
	}
	scale, shift := make([]float64, len(values)), make([]float64, len(values))
	for i, v := range values {
		switch {
		case n.Op == "Add":
			scale[i], shift[i] = 1, v
		case n.Op == "Sub" && reversed:
			scale[i], shift[i] = -1, v
		case n.Op == "Sub":
			scale[i], shift[i] = 1, -v
		case n.Op == "Mul":
			scale[i] = v
		case n.Op == "Div" && !reversed && v != 0:
			scale[i] = 1 / v
		default:
			return false
		}
	}
	return p.apply(scale, shift)
}

// alongAxis tells whether a value has one element, or count along the axis, which is counted from the end.
func alongAxis(v *graph.Value, axis int, count int64) bool {
	if v.Elements() == 1 {
		return true
	}
	at := len(v.Shape) + axis
	return at >= 0 && v.Shape[at] == count && v.Elements() == count
}

// apply puts x * scale + shift behind what there is. Vectors have an element a channel, or one.
func (p *product) apply(scale, shift []float64) bool {
	count, _ := p.channels()
	uniform, plain := true, true
	for _, s := range scale {
		uniform, plain = uniform && s == scale[0], plain && s == 1
	}
	conv := p.node.Op == "Conv"
	switch {
	case conv && !plain && (p.node.Inputs[1].Constant == nil || p.node.Inputs[1].Type != tensor.Float32):
		return false
	case !conv && !uniform:
		return false // the weights would have to be stored another time
	case p.node.Op == "Gemm" && (!plain || p.node.Input(2) != nil && !constantRow(p.node.Inputs[2])):
		return false
	}
	if conv && p.node.Input(2) != nil {
		if _, ok := floats(p.node.Inputs[2]); !ok {
			return false
		}
	}
	if conv && p.scale == nil {
		p.scale = filled(count, 1)
	}
	if p.shift == nil {
		p.shift = filled(count, 0)
	}
	for i := range p.shift {
		s := scale[i%len(scale)]
		if conv {
			p.scale[i] *= s
		}
		p.shift[i] = p.shift[i]*s + shift[i%len(shift)]
	}
	if !conv {
		p.alpha *= scale[0]
	}
	return true
}

// constantRow tells whether C of a Gemm is known and the same for all rows.
func constantRow(c *graph.Value) bool {
	_, ok := floats(c)
	return ok && (len(c.Shape) < 2 || c.Shape[len(c.Shape)-2] == 1)
}

func filled(n int64, v float64) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// affine is a batch normalisation as x * scale + shift.
func affine(n *graph.Node) (scale, shift []float64, ok bool) {
	if n.Int("training_mode", 0) != 0 || len(n.Outputs) > 1 {
		return nil, nil, false
	}
	var v [4][]float64 // scale, bias, mean, variance
	for i := range v {
		if v[i], ok = floats(n.Inputs[i+1]); !ok {
			return nil, nil, false
		}
	}
	epsilon := float64(n.Float("epsilon", 1e-5))
	scale, shift = make([]float64, len(v[0])), make([]float64, len(v[0]))
	for i := range scale {
		scale[i] = v[0][i] / math.Sqrt(v[3][i]+epsilon)
		shift[i] = v[1][i] - v[2][i]*scale[i]
	}
	return scale, shift, true
}

// floats are the elements of a constant of float32.
func floats(v *graph.Value) ([]float64, bool) {
	if v == nil || v.Constant == nil || v.Type != tensor.Float32 {
		return nil, false
	}
	from := tensor.View[float32](v.Constant)
	to := make([]float64, len(from))
	for i, x := range from {
		to[i] = float64(x)
	}
	return to, true
}

// vector is the place of numbers as float32.
func (p *Planner) vector(name string, v []float64) place {
	data := make([]byte, 0, 4*len(v))
	for _, x := range v {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(x)))
	}
	return p.table(name, data)
}
