package plan

import (
	"testing"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

// sketch makes graphs of float32 values of one shape.
type sketch struct{ g graph.Graph }

func (s *sketch) value(name string) *graph.Value {
	return &graph.Value{Name: name, Type: tensor.Float32, Shape: []int64{1, 2, 3, 3}}
}

func (s *sketch) number(x float32) *graph.Value {
	t := &tensor.Tensor{Type: tensor.Float32, Data: make([]byte, 4)}
	tensor.View[float32](t)[0] = x
	return &graph.Value{Type: tensor.Float32, Constant: t}
}

func (s *sketch) node(op string, inputs ...*graph.Value) *graph.Value {
	out := s.value(op)
	s.g.Nodes = append(s.g.Nodes, &graph.Node{Name: op, Op: op, Inputs: inputs, Outputs: []*graph.Value{out}})
	return out
}

func (s *sketch) operators(outputs ...*graph.Value) string {
	s.g.Outputs = outputs
	rewrite(&s.g)
	text := ""
	for _, n := range s.g.Nodes {
		text += n.Op + " "
	}
	return text
}

func TestActivationsThatAreSpelledOutGetTheirName(t *testing.T) {
	swish := func(s *sketch, x *graph.Value, top float32) *graph.Value {
		return s.node("Clip", s.node("Add", x, s.number(3)), s.number(0), s.number(top))
	}
	for _, c := range []struct {
		what, want string
		build      func(s *sketch, x *graph.Value) []*graph.Value
	}{
		{"x * sigmoid(x)", "Silu ", func(s *sketch, x *graph.Value) []*graph.Value {
			return []*graph.Value{s.node("Mul", x, s.node("Sigmoid", x))}
		}},
		{"sigmoid(x) * x", "Silu ", func(s *sketch, x *graph.Value) []*graph.Value {
			return []*graph.Value{s.node("Mul", s.node("Sigmoid", x), x)}
		}},
		{"the sigmoid of another value", "Sigmoid Mul ", func(s *sketch, x *graph.Value) []*graph.Value {
			return []*graph.Value{s.node("Mul", x, s.node("Sigmoid", s.value("other")))}
		}},
		{"a sigmoid that is an output too", "Sigmoid Mul ", func(s *sketch, x *graph.Value) []*graph.Value {
			v := s.node("Sigmoid", x)
			return []*graph.Value{s.node("Mul", x, v), v}
		}},
		{"x * clip(x + 3, 0, 6) / 6", "HardSwish ", func(s *sketch, x *graph.Value) []*graph.Value {
			return []*graph.Value{s.node("Div", s.node("Mul", x, swish(s, x, 6)), s.number(6))}
		}},
		{"x * (clip(x + 3, 0, 6) / 6)", "HardSwish ", func(s *sketch, x *graph.Value) []*graph.Value {
			return []*graph.Value{s.node("Mul", x, s.node("Div", swish(s, x, 6), s.number(6)))}
		}},
		{"another bound", "Add Clip Mul Div ", func(s *sketch, x *graph.Value) []*graph.Value {
			return []*graph.Value{s.node("Div", s.node("Mul", x, swish(s, x, 5)), s.number(6))}
		}},
		{"two in a row", "Silu HardSwish ", func(s *sketch, x *graph.Value) []*graph.Value {
			y := s.node("Mul", x, s.node("Sigmoid", x))
			return []*graph.Value{s.node("Div", s.node("Mul", y, swish(s, y, 6)), s.number(6))}
		}},
	} {
		s := &sketch{}
		outputs := c.build(s, s.value("x"))
		if got := s.operators(outputs...); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}
