// Package onnxtest builds small ONNX files for tests, so that a test states its model
// in ten lines of Go and needs neither Python nor a file. It writes protobuf by hand
// (field numbers: onnx/onnx.proto) and checks nothing: hostile files are built with it
// too. Only tests may import it.
package onnxtest

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/tensor"
)

// IRVersion and Opset are what Model writes: ONNX 1.13, old enough for every runtime.
const (
	IRVersion = 8
	Opset     = 17
)

// Graph is a GraphProto.
type Graph struct {
	Name            string
	Nodes           []Node
	Inputs, Outputs []tensor.Port
	Initializers    []Initializer
	// Sparse are sparse initializers: only their values are written, with one index.
	Sparse []Initializer
}

// Node is a NodeProto. Domain "" is ONNX's own.
type Node struct {
	Op, Domain, Name string
	Inputs, Outputs  []string
	Attributes       []Attribute
}

// Attribute is an AttributeProto. Value is an int, int64, float32, string, []int64,
// []float32, []string, *tensor.Tensor, Initializer, []Initializer, Graph or Reference;
// anything else panics.
type Attribute struct {
	Name  string
	Value any
}

// Reference is the value of an attribute inside a function: the name of the call's attribute
// that is taken, an integer.
type Reference string

// Initializer is a named TensorProto. With External set its Data is not written: the
// file says that the bytes are in another one.
type Initializer struct {
	Name     string
	Tensor   *tensor.Tensor
	External *External
}

// External says where a tensor's bytes lie. A negative Offset or Length is not written.
type External struct {
	Location       string
	Offset, Length int64
}

// Function is a FunctionProto, a model's local function.
type Function struct {
	Name, Domain    string
	Inputs, Outputs []string
	Nodes           []Node
}

// Options are what a ModelProto holds beside its graph. Zero values: IRVersion, Opset
// and no domains beside ONNX's.
type Options struct {
	IRVersion int64
	Opset     int64
	Producer  string
	Domains   map[string]int64
	Functions []Function
}

// Model is the file of a graph with IRVersion, Opset and the ai.onnx.ml domain.
func Model(g Graph) []byte {
	return ModelWith(g, Options{Producer: "onnxtest", Domains: map[string]int64{"ai.onnx.ml": 3}})
}

// ModelWith is the file of a graph with the given options.
func ModelWith(g Graph, o Options) []byte {
	if o.IRVersion == 0 {
		o.IRVersion = IRVersion
	}
	if o.Opset == 0 {
		o.Opset = Opset
	}
	var b []byte
	b = number(b, 1, o.IRVersion)
	b = text(b, 2, o.Producer)
	b = message(b, 7, g.encode())
	b = message(b, 8, opset("", o.Opset))
	for domain, version := range o.Domains {
		b = message(b, 8, opset(domain, version))
	}
	for _, f := range o.Functions {
		b = message(b, 25, f.encode(o.Opset))
	}
	return b
}

// FloatTensor is a float32 constant.
func FloatTensor(shape []int64, values ...float32) *tensor.Tensor {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = protowire.AppendFixed32(data, math.Float32bits(v))
	}
	return &tensor.Tensor{Type: tensor.Float32, Shape: shape, Data: data}
}

// Int64Tensor is an int64 constant.
func Int64Tensor(shape []int64, values ...int64) *tensor.Tensor {
	data := make([]byte, 0, 8*len(values))
	for _, v := range values {
		data = protowire.AppendFixed64(data, uint64(v))
	}
	return &tensor.Tensor{Type: tensor.Int64, Shape: shape, Data: data}
}

// Port is a tensor port; a dimension of -1 is written without a value.
func Port(name string, t tensor.Type, shape ...int64) tensor.Port {
	return tensor.Port{Name: name, Type: t, Shape: shape}
}

func opset(domain string, version int64) []byte {
	return number(text(nil, 1, domain), 2, version)
}

func (g Graph) encode() []byte {
	var b []byte
	for _, n := range g.Nodes {
		b = message(b, 1, n.encode())
	}
	name := g.Name
	if name == "" {
		name = "graph"
	}
	b = text(b, 2, name)
	for _, i := range g.Initializers {
		b = message(b, 5, i.encode())
	}
	for _, p := range g.Inputs {
		b = message(b, 11, encodePort(p))
	}
	for _, p := range g.Outputs {
		b = message(b, 12, encodePort(p))
	}
	for _, i := range g.Sparse {
		s := message(nil, 1, i.encode())
		s = message(s, 2, Initializer{Tensor: Int64Tensor([]int64{1}, 0)}.encode())
		b = message(b, 15, number(s, 3, 1))
	}
	return b
}

func (f Function) encode(version int64) []byte {
	b := text(nil, 1, f.Name)
	for _, s := range f.Inputs {
		b = text(b, 4, s)
	}
	for _, s := range f.Outputs {
		b = text(b, 5, s)
	}
	for _, n := range f.Nodes {
		b = message(b, 7, n.encode())
	}
	b = message(b, 9, opset("", version))
	return text(b, 10, f.Domain)
}

func (n Node) encode() []byte {
	var b []byte
	for _, s := range n.Inputs {
		b = emptyText(b, 1, s)
	}
	for _, s := range n.Outputs {
		b = emptyText(b, 2, s)
	}
	b = text(b, 3, n.Name)
	b = text(b, 4, n.Op)
	for _, a := range n.Attributes {
		b = message(b, 5, a.encode())
	}
	return text(b, 7, n.Domain)
}

func (a Attribute) encode() []byte {
	b := text(nil, 1, a.Name)
	kind := func(n int64) { b = number(b, 20, n) }
	switch v := a.Value.(type) {
	case int:
		b = number(b, 3, int64(v))
		kind(2)
	case int64:
		b = number(b, 3, v)
		kind(2)
	case float32:
		b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
		b = protowire.AppendFixed32(b, math.Float32bits(v))
		kind(1)
	case string:
		b = emptyText(b, 4, v)
		kind(3)
	case *tensor.Tensor:
		b = message(b, 5, Initializer{Tensor: v}.encode())
		kind(4)
	case Initializer:
		b = message(b, 5, v.encode())
		kind(4)
	case Graph:
		b = message(b, 6, v.encode())
		kind(5)
	case []float32:
		for _, x := range v {
			b = protowire.AppendTag(b, 7, protowire.Fixed32Type)
			b = protowire.AppendFixed32(b, math.Float32bits(x))
		}
		kind(6)
	case []int64:
		for _, x := range v {
			b = number(b, 8, x)
		}
		kind(7)
	case []string:
		for _, x := range v {
			b = emptyText(b, 9, x)
		}
		kind(8)
	case []Initializer:
		for _, x := range v {
			b = message(b, 10, x.encode())
		}
		kind(9)
	case Reference:
		b = text(b, 21, string(v))
		kind(2)
	default:
		panic("onnxtest: attribute " + a.Name + " has a value of a type that is not written")
	}
	return b
}

func (i Initializer) encode() []byte {
	var b []byte
	for _, d := range i.Tensor.Shape {
		b = number(b, 1, d)
	}
	b = number(b, 2, int64(i.Tensor.Type))
	for _, s := range i.Tensor.Strings {
		b = emptyText(b, 6, s)
	}
	b = text(b, 8, i.Name)
	if i.External == nil {
		if i.Tensor.Type != tensor.String {
			b = message(b, 9, i.Tensor.Data)
		}
		return b
	}
	entry := func(key, value string) { b = message(b, 13, text(text(nil, 1, key), 2, value)) }
	entry("location", i.External.Location)
	if i.External.Offset >= 0 {
		entry("offset", strconv.FormatInt(i.External.Offset, 10))
	}
	if i.External.Length >= 0 {
		entry("length", strconv.FormatInt(i.External.Length, 10))
	}
	return number(b, 14, 1)
}

func encodePort(p tensor.Port) []byte {
	return message(text(nil, 1, p.Name), 2, encodeType(p))
}

// encodeType is the port's TypeProto.
func encodeType(p tensor.Port) []byte {
	switch p.Kind {
	case tensor.KindSequence:
		inner := p
		inner.Kind, inner.OfMaps, inner.Unranked = tensor.KindTensor, false, p.Shape == nil
		if p.OfMaps {
			inner.Kind = tensor.KindMap
		}
		return message(nil, 4, message(nil, 1, encodeType(inner)))
	case tensor.KindMap:
		value := tensor.Port{Type: p.Type, Unranked: true}
		return message(nil, 5, message(number(nil, 1, int64(p.Key)), 2, encodeType(value)))
	}
	t := number(nil, 1, int64(p.Type))
	if p.Unranked {
		return message(nil, 1, t)
	}
	var shape []byte
	for i, d := range p.Shape {
		var dim []byte
		switch {
		case i < len(p.Dims) && p.Dims[i] != "":
			dim = text(nil, 2, p.Dims[i])
		case d >= 0:
			dim = number(nil, 1, d)
		}
		shape = message(shape, 1, dim)
	}
	return message(nil, 1, message(t, 2, shape))
}

func number(b []byte, field protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

func message(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func text(b []byte, field protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return emptyText(b, field, v)
}

// emptyText writes the text even where it is empty: an empty name among a node's inputs
// holds the place of an input left out.
func emptyText(b []byte, field protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
}
