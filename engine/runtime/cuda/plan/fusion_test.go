package plan

import (
	"testing"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

// conv is a 1 x 1 convolution of two channels with weights of its own.
func (s *sketch) conv(x *graph.Value) *graph.Value {
	shape := []int64{2, 2, 1, 1}
	w := &graph.Value{Type: tensor.Float32, Shape: shape,
		Constant: &tensor.Tensor{Type: tensor.Float32, Shape: shape, Data: make([]byte, 16)}}
	return s.node("Conv", x, w)
}

func kernelsOf(t *testing.T, s *sketch, x *graph.Value, outputs ...*graph.Value) string {
	t.Helper()
	s.g.Inputs, s.g.Outputs, s.g.OutputNames = []*graph.Value{x}, outputs, make([]string, len(outputs))
	b := &builder{planner: New(nil, Options{Capability: 90, Processors: 1}), places: map[*graph.Value]place{}}
	b.result(x)
	if err := b.lower(&s.g); err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, l := range b.launches {
		text += l.Kernel + " "
	}
	return text
}

func TestWhatFollowsAConvolutionIsComputedOnItsSums(t *testing.T) {
	const conv, chain = "conv_tf32_32 ", "map_f32 "
	for _, c := range []struct {
		what, want string
		build      func(s *sketch, x *graph.Value) []*graph.Value
	}{
		{"an activation", conv, func(s *sketch, x *graph.Value) []*graph.Value {
			return []*graph.Value{s.node("Relu", s.conv(x))}
		}},
		{"factor, summand, shortcut, activation", conv, func(s *sketch, x *graph.Value) []*graph.Value {
			return []*graph.Value{s.node("Relu", s.node("Add", s.node("Add", s.node("Mul", s.conv(x), s.number(2)), s.number(3)), x))}
		}},
		{"two activations", conv + chain, func(s *sketch, x *graph.Value) []*graph.Value {
			return []*graph.Value{s.node("Tanh", s.node("Relu", s.conv(x)))}
		}},
		{"the sum of two convolutions belongs to one", conv + conv, func(s *sketch, x *graph.Value) []*graph.Value {
			return []*graph.Value{s.node("Relu", s.node("Sum", s.conv(x), s.conv(x)))}
		}},
		{"a sum that is an output too", conv + chain, func(s *sketch, x *graph.Value) []*graph.Value {
			y := s.conv(x)
			return []*graph.Value{y, s.node("Relu", y)}
		}},
		{"a convolution that is added to itself", conv + chain, func(s *sketch, x *graph.Value) []*graph.Value {
			y := s.conv(x)
			return []*graph.Value{s.node("Add", y, y)}
		}},
		{"element-wise operators are one launch", chain, func(s *sketch, x *graph.Value) []*graph.Value {
			y := s.node("Exp", x)
			return []*graph.Value{s.node("Mul", s.node("Add", y, s.number(1)), s.node("Sqrt", y))}
		}},
	} {
		s := &sketch{}
		x := s.value("x")
		if got := kernelsOf(t, s, x, c.build(s, x)...); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}
