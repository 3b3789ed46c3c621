package tensor

import (
	"encoding/binary"
	"math"
	"reflect"
	"testing"
)

func TestTypesHaveNumpysNamesAndSizes(t *testing.T) {
	// name and bytes by onnx.proto's number.
	want := []struct {
		name string
		size int
	}{
		1: {"float32", 4}, 2: {"uint8", 1}, 3: {"int8", 1}, 4: {"uint16", 2}, 5: {"int16", 2}, 6: {"int32", 4},
		7: {"int64", 8}, 8: {"str", 0}, 9: {"bool", 1}, 10: {"float16", 2}, 11: {"float64", 8}, 12: {"uint32", 4},
		13: {"uint64", 8}, 14: {"complex64", 8}, 15: {"complex128", 16}, 16: {"bfloat16", 2},
	}
	for n, w := range want {
		if n == 0 {
			continue
		}
		typ := Type(n)
		if typ.String() != w.name || typ.Size() != w.size {
			t.Errorf("type %d: %s of %d bytes, want %s of %d", n, typ, typ.Size(), w.name, w.size)
		}
		if back, ok := ParseType(w.name); !ok || back != typ {
			t.Errorf("ParseType(%q) = %s, %v", w.name, back, ok)
		}
	}
	if Type(99).String() != "type 99" || Type(99).Size() != 0 {
		t.Errorf("an unknown type: %s of %d bytes", Type(99), Type(99).Size())
	}
}

func TestParsesOtherNamesOfTypes(t *testing.T) {
	for name, want := range map[string]Type{"object": String, "string": String, "float": Float32, "single": Float32,
		"double": Float64, "boolean": Bool} {
		if got, ok := ParseType(name); !ok || got != want {
			t.Errorf("ParseType(%q) = %s, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "undefined", "float8", "Float32", "int"} {
		if got, ok := ParseType(name); ok {
			t.Errorf("ParseType(%q) = %s", name, got)
		}
	}
}

func TestCountsElements(t *testing.T) {
	for _, c := range []struct {
		shape []int64
		want  int64
	}{{nil, 1}, {[]int64{}, 1}, {[]int64{3}, 3}, {[]int64{2, 3, 4}, 24}, {[]int64{5, 0}, 0}} {
		if got := (&Tensor{Shape: c.shape}).Elements(); got != c.want {
			t.Errorf("%v has %d elements, want %d", c.shape, got, c.want)
		}
	}
}

func TestViewSharesMemory(t *testing.T) {
	floats := &Tensor{Type: Float32, Shape: []int64{2}, Data: make([]byte, 8)}
	binary.LittleEndian.PutUint32(floats.Data[4:], math.Float32bits(1.5))
	view := View[float32](floats)
	if !reflect.DeepEqual(view, []float32{0, 1.5}) {
		t.Fatalf("got %v", view)
	}
	view[0] = -2
	if math.Float32frombits(binary.LittleEndian.Uint32(floats.Data)) != -2 {
		t.Error("a change of the view did not change the tensor")
	}
	if bits := View[uint16](&Tensor{Type: Float16, Shape: []int64{1}, Data: []byte{0x00, 0x3c}}); len(bits) != 1 || bits[0] != 0x3c00 {
		t.Errorf("half bits %x", bits)
	}
	if empty := View[int64](&Tensor{Type: Int64, Shape: []int64{0}}); len(empty) != 0 {
		t.Errorf("an empty tensor has the view %v", empty)
	}
}

func TestPortsAsText(t *testing.T) {
	for want, p := range map[string]Port{
		"x float32[-1,64]":                  {Name: "x", Type: Float32, Shape: []int64{-1, 64}},
		"s str[]":                           {Name: "s", Type: String},
		"u int8[?]":                         {Name: "u", Type: Int8, Unranked: true},
		"q sequence(int64)":                 {Name: "q", Kind: KindSequence, Type: Int64},
		"m map(str,float64)":                {Name: "m", Kind: KindMap, Key: String, Type: Float64},
		"z sequence(map(int64,float32))":    {Name: "z", Kind: KindSequence, OfMaps: true, Key: Int64, Type: Float32},
		"b bfloat16[2,-1,3]":                {Name: "b", Type: BFloat16, Shape: []int64{2, -1, 3}, Dims: []string{"", "n", ""}},
		"name with spaces uint8[1,1,28,28]": {Name: "name with spaces", Type: Uint8, Shape: []int64{1, 1, 28, 28}},
	} {
		if p.String() != want {
			t.Errorf("got %q, want %q", p.String(), want)
		}
	}
}
