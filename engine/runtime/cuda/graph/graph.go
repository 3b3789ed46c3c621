// Package graph reads an ONNX file with its weights and resolves it for concrete input
// shapes: nodes in the order of execution, each value with its element type and shape, and
// as a constant whatever can be known before a run. It knows no driver, no kernel and no
// plan.
//
// # One form
//
// The operator sets of ONNX state the same thing in different ways. A resolved node has one
// of them, whatever the model's operator set. Axes count from the front, and the attributes
// listed here are always there. Others are as the model states them, so that who reads one
// gives ONNX's default:
//
//	Reshape           x; for Reshape, Flatten, Squeeze and Unsqueeze. The output's shape says how
//	Identity          x; for Identity and Dropout
//	Expand            x; the output's shape says how
//	Cast              x; to. Also for CastLike
//	Conv, ConvInteger, QLinearConv: kernel_shape, strides, dilations, pads, group; no auto_pad
//	ConvTranspose     the same, with output_padding; pads are those that output_shape leads to
//	MaxPool, AveragePool, LpPool: kernel_shape, strides, dilations, pads; pads as stated even
//	                  where ceil_mode makes the last window reach beyond them
//	Reduce*           x; axes (sorted; empty: nothing is reduced), keepdims
//	ArgMax, ArgMin    axis, keepdims
//	Softmax, LogSoftmax, Hardmax: outer, length, inner: the input is [outer, length, inner] and
//	                  rows lie along length, which before operator set 13 spans several axes
//	Transpose         perm
//	Concat, Gather, GatherElements, LayerNormalization, RMSNormalization, LpNormalization: axis
//	Slice             x; starts and steps, one an axis; the output's shape says how many
//	Split             x; axis, split (the sizes)
//	Pad               x, value or nil; pads (begins, then ends, one an axis), mode
//	Clip              x, min or nil, max or nil
//	ScatterElements   axis, reduction. Also for Scatter
//	TopK              x; axis, k
//	Tile              x; repeats
//	Trilu             x; k, upper
//	CumSum            x; axis
//	OneHot            indices, values; axis, depth
//	Resize            x; scales, one an axis, and for tf_crop_and_resize roi, begins, then ends; mode,
//	                  coordinate_transformation_mode, nearest_mode. Also for Upsample
//	GridSample        mode: linear, nearest or cubic
//	GroupNormalization: x, scale and bias with one element a channel
//	ConstantOfShape   no input; value. Only where it is too large to be folded
//	Einsum            equation with its arrow, without spaces; dimensions that dots stood for are
//	                  named by digits
package graph

import (
	"fmt"
	"strings"

	"servery/engine/onnx"
	"servery/engine/tensor"
)

// Graph is a model resolved for concrete input shapes.
type Graph struct {
	// Inputs and Outputs are in the order of the model. An input whose value was given to
	// Resolve has it as its Constant. An output may be an input or a constant, and one value
	// may be several outputs: OutputNames tells them apart.
	Inputs, Outputs []*Value
	OutputNames     []string
	// Nodes are in an order in which they can be computed, and each leads to an output. Nodes
	// that could be computed on the host are not among them.
	Nodes []*Node
}

// Value is a tensor that passes between nodes.
type Value struct {
	Name  string
	Type  tensor.Type
	Shape []int64 // no dimension is negative, and the bytes of all elements fit an int64
	// Constant is what the value holds, nil where only a run knows. Nobody may change it. A
	// value that depends on no input's shape has the same Constant each time the model is
	// resolved, and its Data may lie in a mapped file until Model.Close.
	Constant *tensor.Tensor
}

// Elements is the product of the shape.
func (v *Value) Elements() int64 {
	n := int64(1)
	for _, d := range v.Shape {
		n *= d
	}
	return n
}

// String is the value's type and shape: "float32[1,3]".
func (v *Value) String() string {
	if v == nil {
		return "none"
	}
	return tensor.Port{Type: v.Type, Shape: v.Shape}.TypeString()
}

// Node is one operator at work.
type Node struct {
	// Name is the node's in the file, or made of its operator and first output where it has
	// none there.
	Name       string
	Op, Domain string   // Domain "" is ONNX's own
	Opset      int64    // of Domain, which the model states
	Inputs     []*Value // nil is an optional input left out; a nil at the end is left away
	// Outputs are nil where nobody asks for them. One that is a Constant needs no computing.
	Outputs    []*Value
	Attributes map[string]Attribute
}

// Attribute is a parameter of a node.
type Attribute = onnx.Attribute

// Input is the input i, nil where it is left out.
func (n *Node) Input(i int) *Value {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return nil
}

// Has tells whether the node states an attribute.
func (n *Node) Has(name string) bool {
	_, ok := n.Attributes[name]
	return ok
}

// Int is an integer attribute; byDefault where it is left out or of another kind.
func (n *Node) Int(name string, byDefault int64) int64 {
	if a, ok := n.Attributes[name]; ok && a.Kind == onnx.AttributeInt {
		return a.Int
	}
	return byDefault
}

// Ints is a list of integers; nil where it is left out or of another kind.
func (n *Node) Ints(name string) []int64 {
	return n.Attributes[name].Ints
}

// Float is a float attribute; byDefault where it is left out or of another kind.
func (n *Node) Float(name string, byDefault float32) float32 {
	if a, ok := n.Attributes[name]; ok && a.Kind == onnx.AttributeFloat {
		return a.Float
	}
	return byDefault
}

// Floats is a list of floats; nil where it is left out or of another kind.
func (n *Node) Floats(name string) []float32 {
	return n.Attributes[name].Floats
}

// Text is a text attribute; byDefault where it is left out or of another kind.
func (n *Node) Text(name, byDefault string) string {
	if a, ok := n.Attributes[name]; ok && a.Kind == onnx.AttributeText {
		return a.Text
	}
	return byDefault
}

// Texts is a list of texts; nil where it is left out or of another kind.
func (n *Node) Texts(name string) []string {
	return n.Attributes[name].Texts
}

// Tensor is a tensor attribute; nil where it is left out or of another kind.
func (n *Node) Tensor(name string) *tensor.Tensor {
	return n.Attributes[name].Tensor
}

// String is the node for errors and logs: `Conv "stem": float32[1,3,8,8], float32[4,3,3,3]`.
func (n *Node) String() string {
	return fmt.Sprintf("%s %q: %s", n.Op, n.Name, describe(n.Inputs))
}

// describe lists types and shapes.
func describe(values []*Value) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = v.String()
	}
	return strings.Join(parts, ", ")
}
