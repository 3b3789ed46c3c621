package onnx

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/tensor"
)

// DecodeTensor reads a TensorProto, whose data must be within it. The tensor may keep parts
// of b. Errors: *FormatError, and *UnsupportedError for element types that package tensor
// does not have.
func DecodeTensor(b []byte) (*tensor.Tensor, error) {
	d := decoder{open: func(location string) ([]byte, error) {
		return nil, &FormatError{Offset: -1, Message: fmt.Sprintf("a tensor's data lies in the file %q", location)}
	}}
	_, t := d.tensor(b)
	return t, d.err
}

// stored is a TensorProto as it lies in the file.
type stored struct {
	name     string
	kind     int64
	shape    []int64
	raw      []byte
	hasRaw   bool
	typed    []part // the fields of numbers or texts
	external bool
	at       place
}

// tensor reads a TensorProto and its name. Its Data is aligned for its type: what is not so
// in the file is copied.
func (d *decoder) tensor(b []byte) (string, *tensor.Tensor) {
	s := d.stored(b)
	t := &tensor.Tensor{Shape: s.shape}
	if d.err != nil {
		return s.name, t
	}
	n, problem := countElements(s.shape)
	if problem != "" {
		d.fail("the tensor %q %s", s.name, problem)
		return s.name, t
	}
	kind, err := elementType(s.kind)
	if err != nil {
		d.unsupported("the tensor %q has elements of a type (%d in onnx.proto) that cannot be computed with here; "+
			"export the model with wider types", s.name, s.kind)
		return s.name, t
	}
	t.Type = kind
	if kind == tensor.String {
		d.texts(s, n, t)
		return s.name, t
	}
	bytes := tensorBytes(s.kind, n)
	switch {
	case bytes < 0 || bytes > math.MaxInt:
		d.fail("the tensor %q is larger than a file can be", s.name)
	case s.external:
		t.Data = d.outside(s, bytes)
	case s.hasRaw:
		t.Data = s.raw
	default:
		t.Data = d.typedData(s, kind, bytes)
	}
	if d.err == nil && int64(len(t.Data)) != bytes {
		d.fail("the tensor %q should have %d bytes and has %d", s.name, bytes, len(t.Data))
	}
	t.Data = aligned(t.Data, kind)
	return s.name, t
}

func (d *decoder) stored(b []byte) stored {
	s := stored{at: place{length: -1}}
	d.fields(b, func(f part) {
		switch f.number {
		case 1:
			d.numbers(f, protowire.VarintType, func(v uint64) {
				if len(s.shape) == maxRank {
					d.fail("a tensor in it has more than %d dimensions", maxRank)
					return
				}
				s.shape = append(s.shape, int64(v))
			})
		case 2:
			s.kind = int64(f.value)
		case 4, 5, 6, 7, 10, 11:
			s.typed = append(s.typed, f)
		case 8:
			s.name = string(f.content)
		case 9:
			s.raw, s.hasRaw = f.content, true
		case 13:
			s.external = true
			d.placeEntry(f.content, &s.at)
		case 14:
			s.external = s.external || f.value == 1
		}
	})
	return s
}

// placeEntry reads one key and value of a tensor's external_data.
func (d *decoder) placeEntry(b []byte, at *place) {
	var key, value string
	d.fields(b, func(f part) {
		switch f.number {
		case 1:
			key = string(f.content)
		case 2:
			value = string(f.content)
		}
	})
	var err error
	switch key {
	case "location":
		at.location, err = value, safeLocation(value)
	case "offset":
		at.offset, err = strconv.ParseInt(value, 10, 64)
	case "length":
		at.length, err = strconv.ParseInt(value, 10, 64)
	}
	if err != nil && d.err == nil {
		d.err = err
	}
}

// outside is the data of a tensor that lies in another file.
func (d *decoder) outside(s stored, bytes int64) []byte {
	b, err := d.open(s.at.location)
	if err != nil {
		if d.err == nil {
			d.err = err
		}
		return nil
	}
	if s.at.offset < 0 || s.at.offset > int64(len(b)) || bytes > int64(len(b))-s.at.offset {
		d.fail("the file %q with the weights of the tensor %q is too short", s.at.location, s.name)
		return nil
	}
	return b[s.at.offset : s.at.offset+bytes]
}

// texts fills a tensor of n strings.
func (d *decoder) texts(s stored, n int64, t *tensor.Tensor) {
	for _, f := range s.typed {
		if f.number == 6 {
			t.Strings = append(t.Strings, string(f.content))
		}
	}
	if int64(len(t.Strings)) != n {
		d.fail("the tensor %q should have %d texts and has %d", s.name, n, len(t.Strings))
	}
}

// typedData is the data of a tensor written as numbers: which list holds a type, and in how
// many bits, is said in onnx.proto.
func (d *decoder) typedData(s stored, kind tensor.Type, bytes int64) []byte {
	number, wireKind, width := protowire.Number(5), protowire.VarintType, kind.Size()
	switch kind {
	case tensor.Float32, tensor.Complex64:
		number, wireKind, width = 4, protowire.Fixed32Type, 4
	case tensor.Float64, tensor.Complex128:
		number, wireKind, width = 10, protowire.Fixed64Type, 8
	case tensor.Int64:
		number = 7
	case tensor.Uint32, tensor.Uint64:
		number = 11
	}
	var data []byte
	for _, f := range s.typed {
		if f.number != number {
			continue
		}
		d.numbers(f, wireKind, func(v uint64) {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], v)
			if int64(len(data)) < bytes {
				data = append(data, b[:width]...)
			} else {
				d.fail("the tensor %q holds more elements than its shape says", s.name)
			}
		})
	}
	return data
}

// aligned is b, or a copy of it where b does not begin at a multiple of the type's size.
func aligned(b []byte, kind tensor.Type) []byte {
	size := uintptr(min(kind.Size(), 8))
	if len(b) == 0 || size == 0 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%size == 0 {
		return b
	}
	return bytes.Clone(b)
}

// countElements is the product of dimensions; problem is the end of a sentence about what
// is wrong with them.
func countElements(dims []int64) (n int64, problem string) {
	n = 1
	for _, d := range dims {
		if d < 0 {
			return 0, fmt.Sprintf("has the dimension %d", d)
		}
		if d != 0 && n > math.MaxInt64/d {
			return 0, "has more elements than can be counted"
		}
		n *= d
	}
	return n, ""
}
