package plan

import (
	"strings"
	"testing"

	"servery/engine/onnx"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

func TestRefusals(t *testing.T) {
	type attributes = map[string]onnx.Attribute
	window := func(dims int) attributes {
		one, none := make([]int64, dims), make([]int64, 2*dims)
		for i := range one {
			one[i] = 1
		}
		return attributes{"kernel_shape": ints(one...), "strides": ints(one...), "dilations": ints(one...), "pads": ints(none...)}
	}
	far := window(1)
	far["pads"] = ints(1<<30, 1<<30)
	recurrent := func(steps int64, more attributes) *graph.Node {
		n := &graph.Node{Op: "RNN", Attributes: attributes{"hidden_size": integer(4)}, Outputs: []*graph.Value{value(tensor.Float32, steps, 1, 2, 4)},
			Inputs: []*graph.Value{value(tensor.Float32, steps, 2, 3), value(tensor.Float32, 1, 4, 3), value(tensor.Float32, 1, 4, 4)}}
		for name, a := range more {
			n.Attributes[name] = a
		}
		return n
	}
	same := func(op string, v *graph.Value, a attributes) *graph.Node {
		return &graph.Node{Op: op, Attributes: a, Inputs: []*graph.Value{v}, Outputs: []*graph.Value{value(v.Type, v.Shape...)}}
	}
	for _, c := range []struct {
		want string
		node *graph.Node
	}{
		{"its data is of type float64", same("Softmax", value(tensor.Float64, 2), nil)},
		{"it finds the largest of 16777217 elements", same("Hardmax", value(tensor.Float32, 1<<24+1), attributes{"length": integer(1<<24 + 1)})},
		{"its data is of type uint64", same("ReduceSum", value(tensor.Uint64, 2), nil)},
		{"its data is of type int32", same("ReduceLogSum", value(tensor.Int32, 2), nil)},
		{"it is the mean of no elements", &graph.Node{Op: "ReduceMean", Attributes: attributes{"axes": ints(0)},
			Inputs: []*graph.Value{value(tensor.Int64, 0, 2)}, Outputs: []*graph.Value{value(tensor.Int64, 2)}}},
		{"its axes alternate", &graph.Node{Op: "ReduceSum", Attributes: attributes{"axes": ints(0, 2, 4, 6, 8, 10)},
			Inputs:  []*graph.Value{value(tensor.Float32, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2)},
			Outputs: []*graph.Value{value(tensor.Float32, 2, 2, 2, 2, 2, 2)}}},
		{"its norm is of order 3", same("LpNormalization", value(tensor.Float32, 2), attributes{"p": integer(3)})},
		{"its size is 0", same("LRN", value(tensor.Float32, 1, 2, 3), nil)},
		{"its axis 4 is none of 3 dimensions", same("MeanVarianceNormalization", value(tensor.Float32, 1, 2, 3), attributes{"axes": ints(4)})},
		{"its norm is of order 3", same("GlobalLpPool", value(tensor.Float32, 1, 2, 3), attributes{"p": integer(3)})},
		{"it has 4 spatial dimensions", same("MaxPool", value(tensor.Float32, 1, 2, 3, 3, 3, 3), window(4))},
		{"its window reaches over", same("MaxPool", value(tensor.Float32, 1, 2, 3), far)},
		{"its data is of type int8", same("AveragePool", value(tensor.Int8, 1, 2, 3), window(1))},
		{"it has 0 steps", recurrent(0, nil)},
		{"it has 70000 steps", recurrent(70000, nil)},
		{"its activation is ScaledTanh", recurrent(2, attributes{"activations": {Kind: onnx.AttributeTexts, Texts: []string{"ScaledTanh"}}})},
		{"it has 2 activations in place of 1", recurrent(2, attributes{"activations": {Kind: onnx.AttributeTexts, Texts: []string{"Tanh", "Tanh"}}})},
	} {
		if _, err := lowered(c.node); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.node.Op, err, c.want)
		}
	}
	if _, err := lowered(recurrent(2, nil)); err != nil {
		t.Error(err)
	}
}
