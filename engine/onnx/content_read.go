package onnx

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/tensor"
)

// maxParts limits the nodes, inputs, outputs and attributes of a model: each takes far more
// memory than its bytes in the file.
const maxParts = 10_000_000

// decoder reads messages that lie in memory. The first error stays in err and stops every
// walk.
type decoder struct {
	open  func(location string) ([]byte, error)
	parts int
	depth int
	err   error
}

// part is one field of a message: a number's bits, or bytes.
type part struct {
	number  protowire.Number
	kind    protowire.Type
	value   uint64
	content []byte
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = &FormatError{Offset: -1, Message: fmt.Sprintf(format, args...)}
	}
}

// fields calls fn with each field of a message.
func (d *decoder) fields(b []byte, fn func(f part)) {
	if d.depth++; d.depth > maxDepth {
		d.fail("its messages are nested more than %d deep", maxDepth)
	}
	for d.err == nil && len(b) > 0 {
		f := part{}
		var n int
		f.number, f.kind, n = protowire.ConsumeTag(b)
		if n < 0 {
			d.fail("it is cut off or damaged")
			break
		}
		b = b[n:]
		switch f.kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			f.value = uint64(v)
		case protowire.Fixed64Type:
			f.value, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			f.content, n = protowire.ConsumeBytes(b)
		default:
			n = -1
		}
		if n < 0 {
			d.fail("it is cut off or damaged")
			break
		}
		b = b[n:]
		fn(f)
	}
	d.depth--
}

// count notes one more part of the model.
func (d *decoder) count() {
	if d.parts++; d.parts > maxParts {
		d.fail("it has more than %d nodes, inputs, outputs and attributes", maxParts)
	}
}

// graph reads a GraphProto.
func (d *decoder) graph(b []byte) *Graph {
	g := &Graph{Initializers: map[string]*tensor.Tensor{}}
	d.fields(b, func(f part) {
		switch f.number {
		case 1:
			g.Nodes = append(g.Nodes, d.node(f.content))
		case 5:
			name, t := d.tensor(f.content)
			g.Initializers[name] = t
		case 11:
			g.Inputs = append(g.Inputs, d.valueName(f.content))
		case 12:
			g.Outputs = append(g.Outputs, d.valueName(f.content))
		case 15:
			d.unsupported("it has weights that are sparse tensors; export the model with dense ones")
		}
	})
	return g
}

func (d *decoder) unsupported(format string, args ...any) {
	if d.err == nil {
		d.err = &UnsupportedError{Message: fmt.Sprintf(format, args...)}
	}
}

// valueName reads the name of a ValueInfoProto.
func (d *decoder) valueName(b []byte) (name string) {
	d.count()
	d.fields(b, func(f part) {
		if f.number == 1 {
			name = string(f.content)
		}
	})
	return name
}

// node reads a NodeProto.
func (d *decoder) node(b []byte) *Node {
	d.count()
	n := &Node{}
	d.fields(b, func(f part) {
		switch f.number {
		case 1:
			d.count()
			n.Inputs = append(n.Inputs, string(f.content))
		case 2:
			d.count()
			n.Outputs = append(n.Outputs, string(f.content))
		case 3:
			n.Name = string(f.content)
		case 4:
			n.Op = string(f.content)
		case 5:
			if n.Attributes == nil {
				n.Attributes = map[string]Attribute{}
			}
			name, a := d.attribute(f.content)
			n.Attributes[name] = a
		case 7:
			n.Domain = plainDomain(string(f.content))
		}
	})
	return n
}

// function reads a FunctionProto.
func (d *decoder) function(b []byte) *Function {
	fn := &Function{Defaults: map[string]Attribute{}, Opsets: map[string]int64{}}
	d.fields(b, func(f part) {
		switch f.number {
		case 1:
			fn.Name = string(f.content)
		case 4:
			d.count()
			fn.Inputs = append(fn.Inputs, string(f.content))
		case 5:
			d.count()
			fn.Outputs = append(fn.Outputs, string(f.content))
		case 7:
			fn.Nodes = append(fn.Nodes, d.node(f.content))
		case 9:
			d.opset(f.content, fn.Opsets)
		case 10:
			fn.Domain = plainDomain(string(f.content))
		case 11:
			name, a := d.attribute(f.content)
			fn.Defaults[name] = a
		}
	})
	return fn
}

// opset reads an OperatorSetIdProto.
func (d *decoder) opset(b []byte, into map[string]int64) {
	var domain string
	var version int64
	d.fields(b, func(f part) {
		switch f.number {
		case 1:
			domain = string(f.content)
		case 2:
			version = int64(f.value)
		}
	})
	into[plainDomain(domain)] = version
}

// attribute reads an AttributeProto. Files of the first version of the format state no kind:
// what is there says it.
func (d *decoder) attribute(b []byte) (name string, a Attribute) {
	d.count()
	kind := AttributeKind(0)
	d.fields(b, func(f part) {
		found := AttributeKind(0)
		switch f.number {
		case 1:
			name = string(f.content)
		case 2:
			a.Float, found = math.Float32frombits(uint32(f.value)), AttributeFloat
		case 3:
			a.Int, found = int64(f.value), AttributeInt
		case 4:
			a.Text, found = string(f.content), AttributeText
		case 5:
			_, a.Tensor = d.tensor(f.content)
			found = AttributeTensor
		case 6:
			a.Graph, found = d.graph(f.content), AttributeGraph
		case 7:
			d.numbers(f, protowire.Fixed32Type, func(v uint64) { a.Floats = append(a.Floats, math.Float32frombits(uint32(v))) })
			found = AttributeFloats
		case 8:
			d.numbers(f, protowire.VarintType, func(v uint64) { a.Ints = append(a.Ints, int64(v)) })
			found = AttributeInts
		case 9:
			d.count()
			a.Texts, found = append(a.Texts, string(f.content)), AttributeTexts
		case 20:
			kind = AttributeKind(min(f.value, uint64(AttributeSparse)))
		case 21:
			a.Reference = string(f.content)
		}
		if found != 0 {
			a.Kind = found
		}
	})
	if kind != 0 {
		a.Kind = kind
	}
	if d.err == nil && (a.Kind == AttributeTensor && a.Tensor == nil || a.Kind == AttributeGraph && a.Graph == nil) && a.Reference == "" {
		d.fail("its attribute %q has no value", name)
	}
	return name, a
}

// numbers calls fn with the bits of each number of a repeated field, packed or not.
func (d *decoder) numbers(f part, kind protowire.Type, fn func(uint64)) {
	switch f.kind {
	case kind:
		fn(f.value)
	case protowire.BytesType:
		for b := f.content; len(b) > 0; {
			var v uint64
			var n int
			switch kind {
			case protowire.VarintType:
				v, n = protowire.ConsumeVarint(b)
			case protowire.Fixed32Type:
				var v32 uint32
				v32, n = protowire.ConsumeFixed32(b)
				v = uint64(v32)
			case protowire.Fixed64Type:
				v, n = protowire.ConsumeFixed64(b)
			}
			if n <= 0 {
				d.fail("it is cut off or damaged")
				return
			}
			fn(v)
			b = b[n:]
		}
	default:
		d.fail("a list of numbers in it is damaged")
	}
}
