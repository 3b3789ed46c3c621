package plan

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"servery/engine/onnx"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

func resizing(mode, coordinates string) *graph.Node {
	text := func(s string) onnx.Attribute { return onnx.Attribute{Kind: onnx.AttributeText, Text: s} }
	return &graph.Node{Op: "Resize", Attributes: map[string]onnx.Attribute{"mode": text(mode),
		"coordinate_transformation_mode": text(coordinates), "nearest_mode": text("floor")}}
}

// The tables of axes by the formulas of ONNX's specification, worked out by hand.
func TestTablesOfResize(t *testing.T) {
	for _, c := range []struct {
		what   string
		node   *graph.Node
		s      sampling
		index  []int32
		weight []float32
	}{
		{"nearest, twice", resizing("nearest", "asymmetric"), sampling{2, 4, 2}, []int32{0, 0, 1, 1}, nil},
		{"linear, twice: -0.25, 0.25, 0.75, 1.25", resizing("linear", "half_pixel"), sampling{2, 4, 2},
			[]int32{0, 0, 0, 1, 0, 1, 1, 1}, []float32{0.25, 0.75, 0.75, 0.25, 0.25, 0.75, 0.75, 0.25}},
		{"linear, corners: 0, 1.5, 3", resizing("linear", "align_corners"), sampling{4, 3, 0.75},
			[]int32{0, 0, 1, 2, 2, 3}, []float32{0, 1, 0.5, 0.5, 0, 1}},
		{"cubic at 0.5", resizing("cubic", "half_pixel"), sampling{2, 1, 0.5},
			[]int32{0, 0, 1, 1}, []float32{-0.09375, 0.59375, 0.59375, -0.09375}},
		{"of one element", resizing("linear", "pytorch_half_pixel"), sampling{3, 1, 1. / 3}, []int32{0, 0}, []float32{0, 1}},
	} {
		got, err := c.s.table(c.node)
		if err != nil || !same(got.index, c.index) || !same(got.weight, c.weight) {
			t.Errorf("%s: %v, %v; want %v, %v", c.what, got, err, c.index, c.weight)
		}
	}
}

func same[T int32 | float32](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Abs(float64(a[i])-float64(b[i])) > 1e-6 {
			return false
		}
	}
	return true
}

// Whatever the scale, a table leads to elements that are there, with weights that are one together.
func TestTablesOfResizeStayWithinTheInput(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tables := 0
	for range 5000 {
		n := resizing([]string{"nearest", "linear", "cubic"}[r.IntN(3)],
			[]string{"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn"}[r.IntN(6)])
		n.Attributes["antialias"], n.Attributes["exclude_outside"] = integer(r.Int64N(2)), integer(r.Int64N(2))
		s := sampling{1 + r.Int64N(20), 1 + r.Int64N(20), 0}
		if s.scale = float32(s.out) / float32(s.in); r.IntN(3) == 0 {
			s.scale = float32(math.Exp(3 * r.NormFloat64()))
		}
		table, err := s.table(n)
		if err != nil {
			continue
		}
		tables++
		if int64(len(table.index)) != table.each*s.out || table.weight != nil && len(table.weight) != len(table.index) {
			t.Fatalf("%v %v: %d elements and %d weights of %d each", n.Attributes, s, len(table.index), len(table.weight), table.each)
		}
		for _, i := range table.index {
			if i < 0 || int64(i) >= s.in {
				t.Fatalf("%v %+v: element %d", n.Attributes, s, i)
			}
		}
		for i := 0; i < len(table.weight); i += int(table.each) {
			sum := 0.0
			for _, w := range table.weight[i:][:table.each] {
				sum += float64(w)
			}
			if !(math.Abs(sum-1) < 1e-3) {
				t.Fatalf("%v %+v: the weights of %d add up to %g", n.Attributes, s, i, sum)
			}
		}
	}
	if tables < 2500 {
		t.Errorf("only %d of 5000 have a table", tables)
	}
}

func TestRefusedResizes(t *testing.T) {
	resized := func(n *graph.Node, in, out *graph.Value, scales ...float32) *graph.Node {
		n.Inputs, n.Outputs = []*graph.Value{in}, []*graph.Value{out}
		n.Attributes["scales"] = onnx.Attribute{Kind: onnx.AttributeFloats, Floats: scales}
		return n
	}
	f := func(shape ...int64) *graph.Value { return value(tensor.Float32, shape...) }
	for _, c := range []struct {
		want string
		node *graph.Node
	}{
		{"its corners are to be aligned", resized(resizing("linear", "align_corners"), f(4), f(2), 0.6)},
		{"tf_crop_and_resize", resized(resizing("linear", "tf_crop_and_resize"), f(4), f(2), 0.5)},
		{"half_pixel_symmetric", resized(resizing("nearest", "half_pixel_symmetric"), f(4), f(2), 0.5)},
		{"more than three", resized(resizing("linear", "half_pixel"), f(2, 2, 2, 2), f(4, 4, 4, 4), 2, 2, 2, 2)},
		{"its input is empty", resized(resizing("linear", "half_pixel"), f(0), f(4), 1)},
		{"its data is of type uint8", resized(resizing("linear", "half_pixel"), value(tensor.Uint8, 2), value(tensor.Uint8, 4), 2)},
		{"it takes a table", resized(resizing("nearest", "half_pixel"), f(1), f(1<<25), 1<<25)},
		{"leads to no element", resized(resizing("linear", "half_pixel"), f(2), f(4), float32(math.NaN()))},
	} {
		if _, err := lowered(c.node); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
