package onnx

import (
	"fmt"
	"math"

	"servery/engine/tensor"
)

// valueKind is which of TypeProto's kinds a value has.
type valueKind uint8

const (
	noKind valueKind = iota
	tensorKind
	sequenceKind
	mapKind
	optionalKind
	sparseKind
	opaqueKind
)

// valueType is a TypeProto.
type valueType struct {
	kind     valueKind
	element  int64 // tensors: the type of the elements
	unranked bool
	shape    []int64
	dims     []string
	key      int64      // maps
	inner    *valueType // sequences and optionals: what they hold; maps: their values
}

// port reads a ValueInfoProto of the main graph and appends it.
func (p *parser) port(ports []tensor.Port, side string, f field) []tensor.Port {
	if len(ports) == maxPorts {
		p.fail("its graph has more than %d %ss", maxPorts, side)
		return ports
	}
	var name string
	var t valueType
	p.message(f, func(f field) {
		switch f.number {
		case 1:
			name = p.text(f)
		case 2:
			t = p.valueType(f)
		}
	})
	if p.err != nil {
		return ports
	}
	if name == "" {
		p.fail("an %s of its graph has no name", side)
		return ports
	}
	port, err := t.port(name)
	if err != nil {
		if t.kind == noKind && side == "output" {
			// Runtimes infer the types of outputs, so that files without them exist.
			return append(ports, tensor.Port{Name: name, Unranked: true})
		}
		p.err = &UnsupportedError{Message: fmt.Sprintf("its %s %q %s", side, name, err)}
		return ports
	}
	return append(ports, port)
}

// valueType reads a TypeProto.
func (p *parser) valueType(f field) valueType {
	t := valueType{unranked: true}
	p.message(f, func(f field) {
		switch f.number {
		case 1:
			t.kind = tensorKind
			p.tensorType(f, &t)
		case 4, 9: // sequence_type, optional_type
			t.kind = sequenceKind
			if f.number == 9 {
				t.kind = optionalKind
			}
			p.message(f, func(f field) {
				if f.number == 1 {
					inner := p.valueType(f)
					t.inner = &inner
				}
			})
		case 5:
			t.kind = mapKind
			p.message(f, func(f field) {
				switch f.number {
				case 1:
					t.key = p.int64(f)
				case 2:
					inner := p.valueType(f)
					t.inner = &inner
				}
			})
		case 7:
			t.kind = opaqueKind
		case 8:
			t.kind = sparseKind
		}
	})
	return t
}

// tensorType reads a TypeProto.Tensor: an element type and perhaps a shape.
func (p *parser) tensorType(f field, t *valueType) {
	p.message(f, func(f field) {
		switch f.number {
		case 1:
			t.element = p.int64(f)
		case 2:
			t.unranked, t.shape, t.dims = false, nil, nil
			p.message(f, func(f field) {
				if f.number == 1 {
					p.dimension(f, t)
				}
			})
		}
	})
}

// dimension reads one dimension: a number, a name, or neither. Some exporters write free
// dimensions as negative numbers.
func (p *parser) dimension(f field, t *valueType) {
	if len(t.shape) == maxRank {
		p.fail("a value of its graph has more than %d dimensions", maxRank)
		return
	}
	size, name := int64(-1), ""
	p.message(f, func(f field) {
		switch f.number {
		case 1:
			size, name = max(p.int64(f), -1), ""
		case 2:
			size, name = -1, p.text(f)
		}
	})
	t.shape = append(t.shape, size)
	t.dims = append(t.dims, name)
}

// port describes the type as a port. The error is the end of a sentence that begins with
// the port's name.
func (t valueType) port(name string) (tensor.Port, error) {
	switch t.kind {
	case tensorKind:
		element, err := elementType(t.element)
		return tensor.Port{Name: name, Type: element, Shape: t.shape, Dims: t.dims, Unranked: t.unranked}, err
	case sequenceKind:
		if t.inner == nil {
			return tensor.Port{}, fmt.Errorf("is a sequence that does not say of what")
		}
		inner, err := t.inner.port(name)
		if err != nil {
			return inner, err
		}
		if inner.Kind == tensor.KindSequence {
			return inner, fmt.Errorf("is a sequence of sequences, which cannot be sent")
		}
		inner.OfMaps = inner.Kind == tensor.KindMap
		inner.Kind = tensor.KindSequence
		return inner, nil
	case mapKind:
		return t.mapPort(name)
	case optionalKind:
		if t.inner == nil {
			return tensor.Port{}, fmt.Errorf("is an optional value that does not say of what")
		}
		return t.inner.port(name)
	case sparseKind:
		return tensor.Port{}, fmt.Errorf("is a sparse tensor, which cannot be sent; export the model with dense ones")
	case opaqueKind:
		return tensor.Port{}, fmt.Errorf("is of an opaque type, which cannot be sent")
	}
	return tensor.Port{}, fmt.Errorf("has no type")
}

func (t valueType) mapPort(name string) (tensor.Port, error) {
	if t.inner == nil || t.inner.kind != tensorKind {
		return tensor.Port{}, fmt.Errorf("is a map whose values are not tensors, which cannot be sent")
	}
	key, err := elementType(t.key)
	if err != nil || (key != tensor.Int64 && key != tensor.String) {
		return tensor.Port{}, fmt.Errorf("is a map whose keys are neither int64 nor texts, which cannot be sent")
	}
	value, err := elementType(t.inner.element)
	return tensor.Port{Name: name, Kind: tensor.KindMap, Key: key, Type: value}, err
}

// elementType is the tensor type of onnx.proto's number.
func elementType(n int64) (tensor.Type, error) {
	if n <= 0 || n > math.MaxUint8 {
		return tensor.Undefined, fmt.Errorf("has elements of no known type (%d)", n)
	}
	if t := tensor.Type(n); t == tensor.String || t.Size() > 0 {
		return t, nil
	}
	if n >= float8First && n <= int2 {
		return tensor.Undefined, fmt.Errorf("has elements of fewer than 16 bits in a float or 8 in an integer " +
			"(float8, int4 and the like), which cannot be sent; use a wider type for inputs and outputs")
	}
	return tensor.Undefined, fmt.Errorf("has elements of no known type (%d)", n)
}
