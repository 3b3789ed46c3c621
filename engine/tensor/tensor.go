// Package tensor holds the values that pass between a request, a model and a
// response: dense tensors of every ONNX element type, and the sequences and maps
// that classical models return (ZipMap). It is pure data: it knows nothing of JSON,
// of a runtime or of HTTP.
package tensor

import (
	"fmt"
	"strings"
	"unsafe"
)

// Type is an element type. The numbers are those of ONNX's TensorProto.DataType
// (onnx/onnx.proto), which ONNX Runtime's ONNXTensorElementDataType shares, so that
// neither side needs a table.
type Type uint8

// The element types, numbered as in onnx.proto.
const (
	Undefined  Type = 0
	Float32    Type = 1
	Uint8      Type = 2
	Int8       Type = 3
	Uint16     Type = 4
	Int16      Type = 5
	Int32      Type = 6
	Int64      Type = 7
	String     Type = 8
	Bool       Type = 9
	Float16    Type = 10
	Float64    Type = 11
	Uint32     Type = 12
	Uint64     Type = 13
	Complex64  Type = 14
	Complex128 Type = 15
	BFloat16   Type = 16
)

// names are numpy's, as MLflow writes them in a tensor signature.
var names = [...]string{"undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64",
	"str", "bool", "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16"}

var sizes = [...]int{0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 8, 16, 2}

// String returns numpy's name of the type ("float32"), "str" for strings.
func (t Type) String() string {
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Size is the bytes of one element: 1 to 16, or 0 for strings and unknown types.
func (t Type) Size() int {
	if int(t) < len(sizes) {
		return sizes[t]
	}
	return 0
}

// ParseType reads numpy's name of a type. "object" and "string" are strings, as in
// MLflow's signatures. ok is false for a name that is none.
func ParseType(name string) (t Type, ok bool) {
	switch name {
	case "object", "string":
		return String, true
	case "float", "single":
		return Float32, true
	case "double":
		return Float64, true
	case "boolean":
		return Bool, true
	}
	for i, n := range names {
		if i != 0 && n == name {
			return Type(i), true
		}
	}
	return Undefined, false
}

// Tensor is a dense row-major tensor. Numbers are in Data, little-endian, Elements()
// × Type.Size() bytes; strings are in Strings and Data is nil. A tensor with an empty
// Shape is a scalar and has one element.
type Tensor struct {
	Type    Type
	Shape   []int64
	Data    []byte
	Strings []string
}

// Elements is the product of the shape: 1 for a scalar, 0 where a dimension is 0.
func (t *Tensor) Elements() int64 {
	n := int64(1)
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// View returns a tensor's numbers as a slice of T over the same memory, without a
// copy. T must have the size of the tensor's type: View[uint16] shows float16 bits.
// Data must be aligned for T, as every slice made by Go for whole elements is.
func View[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32 | float64 | bool](t *Tensor) []T {
	if len(t.Data) == 0 {
		return nil
	}
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(t.Data))), len(t.Data)/int(unsafe.Sizeof(zero)))
}

// Value is what a model returns under one name: exactly one of the fields is set.
type Value struct {
	Tensor   *Tensor
	Sequence []Value
	Map      *Map
}

// Map is a one-dimensional map of n entries: Keys holds n int64 or strings, Values n
// numbers or strings. ZipMap returns a sequence of them, one a row.
type Map struct {
	Keys, Values *Tensor
}

// Named is a value with the name of the graph's input or output.
type Named struct {
	Name string
	Value
}

// Kind tells the three kinds of value apart.
type Kind uint8

// The kinds of value a graph can take or give.
const (
	KindTensor Kind = iota
	KindSequence
	KindMap
)

// Port describes an input or output of a model. A dimension of -1 is free; its name in
// the graph, where it has one ("batch"), is in Dims at the same index.
type Port struct {
	Name  string
	Kind  Kind
	Type  Type // of the elements; for a map, of its values
	Shape []int64
	Dims  []string
	// Key is the type of a map's keys (Int64 or String), also for a sequence of maps.
	Key Type
	// OfMaps tells that a sequence holds maps.
	OfMaps bool
	// Unranked tells that the graph states no shape, not even a number of dimensions.
	Unranked bool
	// Optional tells that an input may be left out: it has a default.
	Optional bool
}

// String is the port as the window shows it: "x float32[-1,64]".
func (p Port) String() string { return p.Name + " " + p.TypeString() }

// TypeString is the port's type and shape: "float32[-1,64]", "float32[?]" where the
// shape is unknown, "sequence(map(int64,float32))".
func (p Port) TypeString() string {
	switch {
	case p.Kind == KindSequence && p.OfMaps:
		return fmt.Sprintf("sequence(map(%s,%s))", p.Key, p.Type)
	case p.Kind == KindSequence:
		return fmt.Sprintf("sequence(%s)", p.Type)
	case p.Kind == KindMap:
		return fmt.Sprintf("map(%s,%s)", p.Key, p.Type)
	case p.Unranked:
		return p.Type.String() + "[?]"
	}
	var b strings.Builder
	b.WriteString(p.Type.String())
	b.WriteByte('[')
	for i, d := range p.Shape {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, d)
	}
	b.WriteByte(']')
	return b.String()
}
