package plan

import (
	"fmt"
	"maps"
	"slices"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

// lowering makes launches of a node. Its error ends a sentence: "its data is of type float64".
type lowering func(b *builder, n *graph.Node) error

// Operators are those of ONNX's own domain that run on a GPU or that package graph settles, by name;
// each may still be refused for its types or form.
func Operators() []string {
	all := maps.Clone(lowerings)
	for _, op := range settled {
		all[op] = nil
	}
	return slices.Sorted(maps.Keys(all))
}

// settled are operators that package graph gives another name, or computes wherever it can.
var settled = []string{"Constant", "ConstantOfShape", "Shape", "Size", "Range", "EyeLike", "If", "Dropout", "Flatten",
	"Squeeze", "Unsqueeze", "CastLike", "Upsample", "Scatter"}

// lower makes the launches of a graph.
func (b *builder) lower(g *graph.Graph) error {
	for _, n := range g.Nodes {
		if lowerings[n.Op] == nil || n.Domain != "" {
			return unsupported(n, "it has no kernel for the GPU")
		}
		if err := addressable(n); err != nil {
			return unsupported(n, err.Error())
		}
	}
	rewrite(g)
	f, err := newFusion(g)
	if err != nil {
		return err
	}
	for _, n := range g.Nodes {
		if f.absorbed[n] {
			continue
		}
		b.nodes = f.names(n)
		if err := b.lowerNode(f, n); err != nil {
			return unsupported(n, err.Error())
		}
	}
	return nil
}

func (b *builder) lowerNode(f *fusion, n *graph.Node) error {
	c := f.chains[n]
	if n.Op == "Identity" && (c == nil || len(c.members) == 1) {
		return alias(b, n)
	}
	if c != nil {
		return b.mapChain(c)
	}
	if p := f.products[n]; p != nil {
		return b.lowerProduct(p)
	}
	return lowerings[n.Op](b, n)
}

func unsupported(n *graph.Node, reason string) error {
	op := n.Op
	if n.Domain != "" {
		op = n.Domain + "." + op
	}
	return &graph.UnsupportedError{Node: n.Name, Op: op, Reason: reason}
}

// addressable refuses values that a kernel's 32-bit indices do not reach, and text.
func addressable(n *graph.Node) error {
	for _, v := range slices.Concat(n.Inputs, n.Outputs) {
		if v == nil {
			continue
		}
		if v.Type.Size() == 0 || v.Type == tensor.Complex64 || v.Type == tensor.Complex128 {
			return fmt.Errorf("%q is of type %s", v.Name, v.Type)
		}
		if v.Elements() >= 1<<31 {
			return fmt.Errorf("%q has %d elements, a GPU takes 2,147,483,647 at most", v.Name, v.Elements())
		}
	}
	return nil
}

// alias lets the output share the memory of the input.
func alias(b *builder, n *graph.Node) error {
	b.places[n.Outputs[0]] = b.operand(n.Inputs[0])
	return nil
}

// lowerings are the operators by name. Element-wise ones have none of their own: see termOf.
var lowerings = map[string]lowering{}

func elementWise(_ *builder, n *graph.Node) error {
	_, err := termOf(n)
	return err
}

func init() {
	for op := range unaryOps {
		lowerings[op] = elementWise
	}
	for op := range binaryOps {
		lowerings[op] = elementWise
	}
	for op := range parameters {
		lowerings[op] = elementWise
	}
	for _, op := range []string{"Gelu", "IsInf", "Identity", "Cast", "Clip", "Mod", "BitShift", "Where", "BatchNormalization", "QuantizeLinear", "DequantizeLinear"} {
		lowerings[op] = elementWise
	}
	for _, op := range []string{"Gemm", "MatMul", "Conv"} {
		lowerings[op] = elementWise // by lowerProduct
	}
	delete(lowerings, "Silu") // a name of our own, for what Sigmoid and Mul make
}
