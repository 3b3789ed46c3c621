package plan

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"servery/engine/onnx"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

// What lies in its input in one piece is there already; what does not, or not where a value may
// begin, is moved.
func TestMovesThatShareMemory(t *testing.T) {
	type attributes = map[string]onnx.Attribute
	f := func(shape ...int64) *graph.Value { return value(tensor.Float32, shape...) }
	parts := func(axis int64, sizes ...int64) attributes {
		return attributes{"axis": integer(axis), "split": ints(sizes...)}
	}
	slice := func(starts, steps []int64) attributes {
		return attributes{"starts": ints(starts...), "steps": ints(steps...)}
	}
	for _, c := range []struct {
		what    string
		op      string
		a       attributes
		in      *graph.Value
		outputs []*graph.Value
		at      []int64 // where the outputs lie in the input, in bytes; -1 elsewhere
	}{
		{"rows", "Split", parts(0, 1, 2, 1), f(4, 8), []*graph.Value{f(1, 8), f(2, 8), f(1, 8)}, []int64{0, 32, 96}},
		{"rows of which one is not wanted", "Split", parts(0, 1, 3), f(4, 8), []*graph.Value{nil, f(3, 8)}, []int64{0, 32}},
		{"rows that begin between 16 bytes", "Split", parts(0, 1, 3), f(4, 3), []*graph.Value{f(1, 3), f(3, 3)}, []int64{0, -1}},
		{"columns", "Split", parts(1, 4, 4), f(4, 8), []*graph.Value{f(4, 4), f(4, 4)}, []int64{-1, -1}},
		{"columns of one row", "Split", parts(1, 4, 4), f(1, 8), []*graph.Value{f(1, 4), f(1, 4)}, []int64{0, 16}},
		{"a row", "Slice", slice([]int64{2, 0}, []int64{1, 1}), f(4, 8), []*graph.Value{f(1, 8)}, []int64{64}},
		{"a row backwards", "Slice", slice([]int64{2, 7}, []int64{1, -1}), f(4, 8), []*graph.Value{f(1, 8)}, []int64{-1}},
		{"sizes of 1 change places", "Transpose", attributes{"perm": ints(2, 0, 3, 1)}, f(4, 1, 1, 8), []*graph.Value{f(1, 4, 8, 1)}, []int64{0}},
		{"a matrix", "Transpose", attributes{"perm": ints(1, 0)}, f(4, 8), []*graph.Value{f(8, 4)}, []int64{-1}},
		{"another rank", "Expand", nil, f(4, 8), []*graph.Value{f(1, 4, 8)}, []int64{0}},
		{"once", "Tile", attributes{"repeats": ints(1, 1)}, f(4, 8), []*graph.Value{f(4, 8)}, []int64{0}},
		{"twice", "Tile", attributes{"repeats": ints(2, 1)}, f(4, 8), []*graph.Value{f(8, 8)}, []int64{-1}},
		{"of nothing", "Transpose", attributes{"perm": ints(1, 0)}, f(4, 0), []*graph.Value{f(0, 4)}, []int64{-1}},
	} {
		b, err := lowered(&graph.Node{Op: c.op, Attributes: c.a, Inputs: []*graph.Value{c.in}, Outputs: c.outputs})
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		moves := 0
		for i, out := range c.outputs {
			if out == nil {
				continue
			}
			p, own := b.places[out], c.at[i] < 0
			if own && out.Elements() > 0 {
				moves++
			}
			if (p.buffer == b.places[c.in].buffer) == own || !own && p.at != c.at[i] {
				t.Errorf("%s: the output %d lies at %d, in the input's memory: %v; want %d", c.what, i, p.at, p.buffer == b.places[c.in].buffer, c.at[i])
			}
		}
		if len(b.launches) != moves {
			t.Errorf("%s: %d launches, want %d", c.what, len(b.launches), moves)
		}
	}
}

// A launch that may meet an index out of range knows its number in the program.
func TestFaultsNameTheirLaunch(t *testing.T) {
	b, err := lowered(&graph.Node{Op: "ScatterElements", Attributes: map[string]onnx.Attribute{"axis": integer(0)},
		Inputs:  []*graph.Value{value(tensor.Float32, 4, 2), value(tensor.Int64, 2, 2), value(tensor.Float32, 2, 2)},
		Outputs: []*graph.Value{value(tensor.Float32, 4, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range b.launches {
		names = append(names, l.Kernel)
	}
	if got := strings.Join(names, " "); got != "move_4 scatter_elements" {
		t.Fatalf("launches are %s", got)
	}
	var p kernels.ScatterElements
	at := unsafe.Offsetof(p.Fault) + unsafe.Offsetof(p.Fault.Launch)
	if got := binary.NativeEndian.Uint32(b.launches[1].Params[at:]); got != 2 {
		t.Errorf("the scatter is launch 2 and reports %d", got)
	}
	if b.fault.buffer == nil {
		t.Error("the program has no word for faults")
	}
}

func TestRefusedMoves(t *testing.T) {
	type attributes = map[string]onnx.Attribute
	text := func(s string) onnx.Attribute { return onnx.Attribute{Kind: onnx.AttributeText, Text: s} }
	deep := []int64{2, 2, 2, 2, 2, 2, 2, 2, 2}
	deepOrder := []int64{8, 7, 6, 5, 4, 3, 2, 1, 0}
	node := func(op string, a attributes, out *graph.Value, inputs ...*graph.Value) *graph.Node {
		return &graph.Node{Op: op, Attributes: a, Inputs: inputs, Outputs: []*graph.Value{out}}
	}
	large := value(tensor.Uint64, 4)
	for _, c := range []struct {
		want string
		node *graph.Node
	}{
		{"it moves data along 9 dimensions, more than 8", node("Transpose", attributes{"perm": ints(deepOrder...)}, value(tensor.Float32, deep...), value(tensor.Float32, deep...))},
		{"its indices name 7 dimensions, more than 6", node("GatherND", nil, value(tensor.Float32, 1, 2, 2), value(tensor.Float32, deep...), value(tensor.Int64, 1, 7))},
		{"its indices are of type int32", node("ScatterND", nil, value(tensor.Float32, 4), value(tensor.Float32, 4), value(tensor.Int32, 1, 1), value(tensor.Float32, 1))},
		{"its data is of type uint64 and its reduction max", node("ScatterND", attributes{"reduction": text("max")}, large, large, value(tensor.Int64, 1, 1), value(tensor.Uint64, 1))},
		{`its reduction is "median"`, node("ScatterND", attributes{"reduction": text("median")}, value(tensor.Float32, 4), value(tensor.Float32, 4), value(tensor.Int64, 1, 1), value(tensor.Float32, 1))},
		{"its data is of type uint64", node("ArgMax", attributes{"axis": integer(0)}, value(tensor.Int64), large)},
		{"its data is of type uint64", node("TopK", attributes{"axis": integer(0), "k": integer(1)}, value(tensor.Uint64, 1), large)},
		{"its pads are", node("Pad", attributes{"pads": ints(-1<<40, 1<<40+1)}, value(tensor.Float32, 5), value(tensor.Float32, 4))},
		{"nothing is left of its input", node("Pad", attributes{"mode": text("edge"), "pads": ints(-4, 5)}, value(tensor.Float32, 5), value(tensor.Float32, 4))},
	} {
		if _, err := lowered(c.node); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.node.Op, err, c.want)
		}
	}
}

// The lattice of indices leads to the same elements, in the same order, as the indices' coordinates do.
func TestLatticesMergeWhatTheAxisLeavesAlone(t *testing.T) {
	for _, c := range []struct {
		indices, data []int64
		axis          int64
		dims          int32
	}{
		{[]int64{2, 3, 4}, []int64{2, 3, 4}, 1, 3},
		{[]int64{2, 3, 4}, []int64{2, 3, 4}, 0, 2},
		{[]int64{2, 3, 4}, []int64{2, 3, 4}, 2, 2},
		{[]int64{2, 2, 4}, []int64{2, 3, 4}, 2, 3},
		{[]int64{1, 3, 1}, []int64{5, 3, 4}, 1, 1},
		{[]int64{7}, []int64{3}, 0, 1},
	} {
		l, err := newLattice(c.indices, c.data, c.axis)
		if err != nil || l.dims != c.dims {
			t.Errorf("%v of %v: %d dimensions, %v, want %d", c.indices, c.data, l.dims, err, c.dims)
			continue
		}
		strides := contiguous(c.data).strides
		for i := range elements(c.indices) {
			want, rest := int64(0), i
			for d := len(c.indices) - 1; d >= 0; d-- {
				if at := rest % c.indices[d]; int64(d) != c.axis {
					want += at * strides[d]
				}
				rest /= c.indices[d]
			}
			got, left := int64(0), i
			for d := range l.dims {
				size := int64(l.size[d].Divisor)
				if d != l.axis {
					got += left % size * l.stride[d]
				}
				left /= size
			}
			if got != want || l.stride[l.axis] != strides[c.axis] {
				t.Fatalf("%s: element %d at %d, want %d", fmt.Sprint(c.indices, c.data, c.axis), i, got, want)
			}
		}
	}
}
