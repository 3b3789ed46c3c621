package scoring

import (
	"encoding/binary"
	"math"

	"servery/engine/tensor"
)

// cast says how one JSON value becomes one element: first the type that the signature
// declares, as numpy casts to it, then the type that the graph takes.
type cast struct {
	as     tensor.Type // Undefined where nothing is enforced
	to     tensor.Type
	kind   castKind
	format textFormat
}

type castKind uint8

const (
	anyCast castKind = iota // by way of a scalar
	toFloat32
	toFloat64
	toInteger
)

// textFormat is what the texts of a column hold.
type textFormat uint8

const (
	plainText textFormat = iota
	base64Text
	timeText
)

// A fault is why a value does not become an element. The text for people is made where
// the place is known: see valueError.
type fault uint8

const (
	fine fault = iota
	malformed
	fractional
	outOfRange
	notFinite
	isText
	isNull
	isList
	isObject
	badBase64
	badTime
	notText
)

func newCast(as, to tensor.Type) cast {
	c := cast{as: as, to: to}
	switch {
	case to == tensor.Float32 && (as == tensor.Undefined || as == tensor.Float32 || as == tensor.Float64):
		c.kind = toFloat32
	case to == tensor.Float64 && (as == tensor.Undefined || as == tensor.Float64):
		c.kind = toFloat64
	case isInteger(to) && (as == tensor.Undefined || as == to):
		c.kind = toInteger
	}
	return c
}

func isInteger(t tensor.Type) bool {
	switch t {
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		return true
	}
	return false
}

func isFloat(t tensor.Type) bool {
	switch t {
	case tensor.Float16, tensor.BFloat16, tensor.Float32, tensor.Float64:
		return true
	}
	return false
}

func isSigned(t tensor.Type) bool {
	return t == tensor.Int8 || t == tensor.Int16 || t == tensor.Int32 || t == tensor.Int64
}

// sink is the memory of one tensor while it is filled. Elements are written by index,
// after room has made place for them.
type sink struct {
	to      tensor.Type
	size    int
	data    []byte // as long as there is memory
	strings []string
}

func (k *sink) reset(to tensor.Type) { k.to, k.size = to, to.Size() }

// room makes place for n elements.
func (k *sink) room(n int) {
	if k.to == tensor.String {
		if n > len(k.strings) {
			grown := make([]string, max(16, n, 2*len(k.strings)))
			copy(grown, k.strings)
			k.strings = grown
		}
		return
	}
	if need := n * k.size; need > len(k.data) {
		grown := make([]byte, max(64, need, 2*len(k.data)))
		copy(grown, k.data)
		k.data = grown
	}
}

// take hands the first n elements over to t.
func (k *sink) take(t *tensor.Tensor, n int) {
	t.Type, t.Data, t.Strings = k.to, nil, nil
	k.room(n)
	if k.to == tensor.String {
		t.Strings = k.strings[:n]
		return
	}
	t.Data = k.data[: n*k.size : n*k.size]
}

// number writes the number n, written as text, to element i.
func (c *cast) number(k *sink, i int, n number, text []byte) fault {
	if n.mantissa == 0 && n.negative() && len(text) == 2 {
		n.marks = 0 // -0 is an integer in Python, which has no sign
	}
	switch c.kind {
	case toFloat32:
		binary.LittleEndian.PutUint32(k.data[i*4:], math.Float32bits(float32(n.float(text))))
		return fine
	case toFloat64:
		binary.LittleEndian.PutUint64(k.data[i*8:], math.Float64bits(n.float(text)))
		return fine
	case toInteger:
		m, f := n.integer(text)
		if f == fine {
			return k.putInteger(i, m, n.negative())
		}
	}
	return c.scalar(k, i, scalarOf(n, text))
}

// putInteger writes ±m.
func (k *sink) putInteger(i int, m uint64, negative bool) fault {
	if !fits(k.to, m, negative) {
		return outOfRange
	}
	if negative {
		m = -m
	}
	switch k.size {
	case 1:
		k.data[i] = byte(m)
	case 2:
		binary.LittleEndian.PutUint16(k.data[i*2:], uint16(m))
	case 4:
		binary.LittleEndian.PutUint32(k.data[i*4:], uint32(m))
	default:
		binary.LittleEndian.PutUint64(k.data[i*8:], m)
	}
	return fine
}

// fits tells whether ±m is in the range of an integer type.
func fits(t tensor.Type, m uint64, negative bool) bool {
	width := t.Size() * 8
	if !isSigned(t) {
		return (!negative || m == 0) && (width == 64 || m>>width == 0)
	}
	limit := uint64(1) << (width - 1)
	return m < limit || (negative && m == limit)
}

func (k *sink) putFloat(i int, f float64) {
	switch k.to {
	case tensor.Float32:
		binary.LittleEndian.PutUint32(k.data[i*4:], math.Float32bits(float32(f)))
	case tensor.Float64:
		binary.LittleEndian.PutUint64(k.data[i*8:], math.Float64bits(f))
	case tensor.Float16:
		binary.LittleEndian.PutUint16(k.data[i*2:], tensor.Float16Bits(f))
	case tensor.BFloat16:
		binary.LittleEndian.PutUint16(k.data[i*2:], tensor.BFloat16Bits(f))
	}
}
