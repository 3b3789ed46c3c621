package plan

import (
	"encoding/binary"
	"math"
	"testing"

	"servery/engine/onnx"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

// lowered makes the launches of a node whose inputs are given.
func lowered(n *graph.Node) (*builder, error) {
	b := &builder{planner: New(nil, Options{}), places: map[*graph.Value]place{}}
	for _, v := range n.Inputs {
		b.result(v)
	}
	return b, lowerings[n.Op](b, n)
}

func value(t tensor.Type, shape ...int64) *graph.Value { return &graph.Value{Type: t, Shape: shape} }

func ints(list ...int64) onnx.Attribute {
	return onnx.Attribute{Kind: onnx.AttributeInts, Ints: list}
}

func integer(i int64) onnx.Attribute { return onnx.Attribute{Kind: onnx.AttributeInt, Int: i} }

func TestABlockHasAnOutputOfManyElements(t *testing.T) {
	for _, c := range []struct {
		what, want string
		in, out    *graph.Value
		axes       []int64
	}{
		{"few elements each", "reduce_f32", value(tensor.Float32, 100, 8), value(tensor.Float32, 100), []int64{1}},
		{"many that lie side by side", "reduce_block_f32", value(tensor.Float32, 9000, 64), value(tensor.Float32, 9000), []int64{1}},
		{"many apart, for many outputs", "reduce_f32", value(tensor.Float32, 64, 9000), value(tensor.Float32, 9000), []int64{0}},
		{"many apart, for few outputs", "reduce_block_f32", value(tensor.Float16, 640, 9), value(tensor.Float16, 9), []int64{0}},
		{"many of float64", "reduce_f64", value(tensor.Float64, 2, 640), value(tensor.Float64, 2), []int64{1}},
		{"many whole numbers", "reduce_i64", value(tensor.Uint8, 2, 640), value(tensor.Uint8, 2), []int64{1}},
		{"the largest of none", "move_4", value(tensor.Float32, 2, 0), value(tensor.Float32, 2), []int64{1}},
	} {
		b, err := lowered(&graph.Node{Op: "ReduceMax", Inputs: []*graph.Value{c.in}, Outputs: []*graph.Value{c.out},
			Attributes: map[string]onnx.Attribute{"axes": ints(c.axes...)}})
		if err != nil || len(b.launches) != 1 || b.launches[0].Kernel != c.want {
			t.Errorf("%s: %v, %d launches, want %s", c.what, err, len(b.launches), c.want)
		}
	}
}

func TestExtremesOfTypes(t *testing.T) {
	whole := map[tensor.Type][2]int64{ // as two's complement in the type's width
		tensor.Int8: {math.MinInt8, math.MaxInt8}, tensor.Uint8: {0, math.MaxUint8}, tensor.Int16: {math.MinInt16, math.MaxInt16},
		tensor.Uint16: {0, math.MaxUint16}, tensor.Int32: {math.MinInt32, math.MaxInt32}, tensor.Uint32: {0, math.MaxUint32},
		tensor.Int64: {math.MinInt64, math.MaxInt64}, tensor.Bool: {0, 1},
		tensor.Float32: {0xff800000, 0x7f800000}, tensor.Float16: {0xfc00, 0x7c00}, tensor.BFloat16: {0xff80, 0x7f80},
		tensor.Float64: {-0x10000000000000, 0x7ff0000000000000},
	}
	for typ, want := range whole {
		for i, largest := range []bool{false, true} {
			got := extreme(typ, largest)
			wide := binary.LittleEndian.AppendUint64(nil, uint64(want[i]))
			if string(got) != string(wide[:typ.Size()]) {
				t.Errorf("%v, largest %v: %x, want %x", typ, largest, got, wide[:typ.Size()])
			}
		}
	}
}
