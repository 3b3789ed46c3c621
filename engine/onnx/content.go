package onnx

import "servery/engine/tensor"

// Graph is a GraphProto with its weights: what a runtime computes.
type Graph struct {
	Nodes []*Node // as in the file, which is to have them in an order that can be computed
	// Initializers are the weights by their names.
	Initializers map[string]*tensor.Tensor
	// Inputs and Outputs are the names. Inputs lists an initializer too where the file does.
	Inputs, Outputs []string
}

// Node is a NodeProto. Domain "" is ONNX's own, an input or output "" is left out.
type Node struct {
	Name, Op, Domain string
	Inputs, Outputs  []string
	Attributes       map[string]Attribute
}

// Function is a FunctionProto, an operator that the model itself defines.
type Function struct {
	Name, Domain    string
	Inputs, Outputs []string
	Nodes           []*Node
	Defaults        map[string]Attribute // of the attributes that have one
	Opsets          map[string]int64     // as in Model
}

// AttributeKind says which of an Attribute's fields counts. The numbers are those of
// AttributeProto.AttributeType.
type AttributeKind uint8

// The kinds of attribute.
const (
	AttributeFloat   AttributeKind = 1
	AttributeInt     AttributeKind = 2
	AttributeText    AttributeKind = 3
	AttributeTensor  AttributeKind = 4
	AttributeGraph   AttributeKind = 5
	AttributeFloats  AttributeKind = 6
	AttributeInts    AttributeKind = 7
	AttributeTexts   AttributeKind = 8
	AttributeTensors AttributeKind = 9
	AttributeGraphs  AttributeKind = 10
	// AttributeSparse and above are sparse tensors and types, which are not kept.
	AttributeSparse AttributeKind = 11
)

// Attribute is an AttributeProto: a parameter of a node.
type Attribute struct {
	Kind   AttributeKind
	Float  float32
	Int    int64
	Text   string
	Tensor *tensor.Tensor
	Graph  *Graph
	Floats []float32
	Ints   []int64
	Texts  []string
	// Reference names the attribute of the function's call whose value counts; "" where the
	// value is here.
	Reference string
}
