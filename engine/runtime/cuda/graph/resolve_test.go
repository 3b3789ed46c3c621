package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// node is a model of one node: its inputs are those of the model in order, a shape, or
// constants, a tensor; nil is left out.
type node struct {
	op         string
	opset      int64
	inputs     []any
	outputs    int
	attributes map[string]any
}

// float is an input of float32.
type float []int64

// kindOf is an input of another type.
type kindOf struct {
	kind  tensor.Type
	shape []int64
}

// vector is a constant input of int64.
func vector(n ...int64) *tensor.Tensor { return onnxtest.Int64Tensor([]int64{int64(len(n))}, n...) }

func number(n int64) *tensor.Tensor { return onnxtest.Int64Tensor(nil, n) }

func floats(f ...float32) *tensor.Tensor {
	return onnxtest.FloatTensor([]int64{int64(len(f))}, f...)
}

// resolve makes a model of the node and resolves it.
func (n node) resolve() (*Graph, error) {
	g, shapes := onnxtest.Graph{}, map[string][]int64{}
	one := onnxtest.Node{Op: n.op, Name: "it"}
	input := func(name string, t tensor.Type, shape []int64) {
		g.Inputs = append(g.Inputs, tensor.Port{Name: name, Type: t, Unranked: true})
		shapes[name] = shape
	}
	for i, in := range n.inputs {
		name := fmt.Sprintf("in%d", i)
		switch in := in.(type) {
		case nil:
			name = ""
		case float:
			input(name, tensor.Float32, in)
		case kindOf:
			input(name, in.kind, in.shape)
		case *tensor.Tensor:
			g.Initializers = append(g.Initializers, onnxtest.Initializer{Name: name, Tensor: in})
		}
		one.Inputs = append(one.Inputs, name)
	}
	for i := range max(n.outputs, 1) {
		name := fmt.Sprintf("out%d", i)
		one.Outputs = append(one.Outputs, name)
		g.Outputs = append(g.Outputs, tensor.Port{Name: name, Type: tensor.Float32, Unranked: true})
	}
	for _, name := range slices.Sorted(maps.Keys(n.attributes)) {
		one.Attributes = append(one.Attributes, onnxtest.Attribute{Name: name, Value: n.attributes[name]})
	}
	g.Nodes = []onnxtest.Node{one}
	m, err := Decode(onnxtest.ModelWith(g, onnxtest.Options{Opset: n.opset}))
	if err != nil {
		return nil, err
	}
	return m.Resolve(shapes, nil)
}

type at = map[string]any

// Each operator has one form, whatever the operator set.
func TestOneForm(t *testing.T) {
	x := float{2, 3, 8, 8}
	for _, c := range []struct {
		node node
		want string // the node as text
	}{
		{node{"Squeeze", 11, []any{float{1, 3, 1}}, 1, at{"axes": []int64{-1}}}, "Reshape(float32[1,3,1]) -> float32[1,3]"},
		{node{"Squeeze", 13, []any{float{1, 3, 1}, vector(0, 2)}, 1, nil}, "Reshape(float32[1,3,1]) -> float32[3]"},
		{node{"Squeeze", 13, []any{float{1, 3, 1}}, 1, nil}, "Reshape(float32[1,3,1]) -> float32[3]"},
		{node{"Unsqueeze", 11, []any{float{3}, nil}, 1, at{"axes": []int64{0, 2}}}, "Reshape(float32[3]) -> float32[1,3,1]"},
		{node{"Unsqueeze", 13, []any{float{3}, vector(-1, 0)}, 1, nil}, "Reshape(float32[3]) -> float32[1,3,1]"},
		{node{"Reshape", 1, []any{float{4, 3}}, 1, at{"shape": []int64{2, -1}}}, "Reshape(float32[4,3]) -> float32[2,6]"},
		{node{"Reshape", 14, []any{float{0, 3}, vector(3, 0)}, 1, at{"allowzero": 1}}, "Reshape(float32[0,3]) -> float32[3,0]"},
		{node{"Flatten", 13, []any{x}, 1, at{"axis": -1}}, "Reshape(float32[2,3,8,8]) -> float32[48,8]"},
		{node{"Dropout", 6, []any{x}, 1, at{"ratio": float32(0.5)}}, "Identity(float32[2,3,8,8]) -> float32[2,3,8,8]"},
		{node{"CastLike", 15, []any{x, kindOf{tensor.Float16, []int64{1}}}, 1, nil}, "Cast(float32[2,3,8,8]) to=10 -> float16[2,3,8,8]"},
		{node{"Cast", 1, []any{x}, 1, at{"to": "INT64"}}, "Cast(float32[2,3,8,8]) to=7 -> int64[2,3,8,8]"},
		{node{"Clip", 6, []any{x}, 1, at{"max": float32(6)}}, "Clip(float32[2,3,8,8], none, float32[]) -> float32[2,3,8,8]"},
		{node{"Clip", 13, []any{x, nil, onnxtest.FloatTensor(nil, 6)}, 1, nil}, "Clip(float32[2,3,8,8], none, float32[]) -> float32[2,3,8,8]"},
		{node{"Softmax", 11, []any{x}, 1, nil}, "Softmax(float32[2,3,8,8]) inner=1 length=192 outer=2 -> float32[2,3,8,8]"},
		{node{"Softmax", 13, []any{x}, 1, at{"axis": 1}}, "Softmax(float32[2,3,8,8]) inner=64 length=3 outer=2 -> float32[2,3,8,8]"},
		{node{"Softmax", 13, []any{float{}}, 1, nil}, "Softmax(float32[]) inner=1 length=1 outer=1 -> float32[]"},
		{node{"ReduceMean", 13, []any{x}, 1, at{"axes": []int64{-1, 2}, "keepdims": 0}}, "ReduceMean(float32[2,3,8,8]) axes=[2 3] keepdims=0 -> float32[2,3]"},
		{node{"ReduceMean", 18, []any{x, vector(1)}, 1, nil}, "ReduceMean(float32[2,3,8,8]) axes=[1] keepdims=1 -> float32[2,1,8,8]"},
		{node{"ReduceSum", 13, []any{x}, 1, at{"noop_with_empty_axes": 1}}, "ReduceSum(float32[2,3,8,8]) axes=[] keepdims=1 -> float32[2,3,8,8]"},
		{node{"ReduceMax", 12, []any{float{2, 3}}, 1, nil}, "ReduceMax(float32[2,3]) axes=[0 1] keepdims=1 -> float32[1,1]"},
		{node{"Slice", 9, []any{x}, 1, at{"starts": []int64{1}, "ends": []int64{100}, "axes": []int64{2}}},
			"Slice(float32[2,3,8,8]) starts=[0 0 1 0] steps=[1 1 1 1] -> float32[2,3,7,8]"},
		{node{"Slice", 13, []any{x, vector(-1), vector(-100), vector(3), vector(-2)}, 1, nil},
			"Slice(float32[2,3,8,8]) starts=[0 0 0 7] steps=[1 1 1 -2] -> float32[2,3,8,4]"},
		{node{"Split", 18, []any{float{7}}, 3, at{"num_outputs": 3}}, "Split(float32[7]) axis=0 split=[3 3 1] -> float32[3], float32[3], float32[1]"},
		{node{"Split", 11, []any{float{2, 4}}, 2, at{"axis": -1}}, "Split(float32[2,4]) axis=1 split=[2 2] -> float32[2,2], float32[2,2]"},
		{node{"Split", 13, []any{float{4}, vector(1, 3)}, 2, nil}, "Split(float32[4]) axis=0 split=[1 3] -> float32[1], float32[3]"},
		{node{"Pad", 2, []any{float{3}}, 1, at{"pads": []int64{1, 2}, "value": float32(7)}}, "Pad(float32[3], float32[]) mode=constant pads=[1 2] -> float32[6]"},
		{node{"Pad", 18, []any{float{2, 3}, vector(1, -1), nil, vector(-1)}, 1, at{"mode": "edge"}},
			"Pad(float32[2,3]) mode=edge pads=[0 1 0 -1] -> float32[2,3]"},
		{node{"TopK", 1, []any{float{2, 5}}, 2, at{"k": 3}}, "TopK(float32[2,5]) axis=1 k=3 -> float32[2,3], int64[2,3]"},
		{node{"TopK", 11, []any{float{2, 5}, vector(3)}, 2, at{"axis": 1}}, "TopK(float32[2,5]) axis=1 k=3 -> float32[2,3], int64[2,3]"},
		{node{"Upsample", 7, []any{x}, 1, at{"scales": []float32{1, 1, 2, 2}, "mode": "bilinear"}},
			"Resize(float32[2,3,8,8]) coordinate_transformation_mode=asymmetric mode=linear nearest_mode=floor scales=[1 1 2 2] -> float32[2,3,16,16]"},
		{node{"Upsample", 9, []any{x, floats(1, 1, 2, 2)}, 1, nil},
			"Resize(float32[2,3,8,8]) coordinate_transformation_mode=asymmetric mode=nearest nearest_mode=floor scales=[1 1 2 2] -> float32[2,3,16,16]"},
		{node{"Resize", 13, []any{x, nil, nil, vector(2, 3, 4, 16)}, 1, nil}, "Resize(float32[2,3,8,8]) coordinate_transformation_mode=half_pixel mode=nearest nearest_mode=round_prefer_floor scales=[1 1 0.5 2] -> float32[2,3,4,16]"},
		{node{"Resize", 18, []any{x, nil, nil, vector(4, 12)}, 1, at{"axes": []int64{2, 3}, "keep_aspect_ratio_policy": "not_larger"}},
			"Resize(float32[2,3,8,8]) coordinate_transformation_mode=half_pixel mode=nearest nearest_mode=round_prefer_floor scales=[1 1 0.5 0.5] -> float32[2,3,4,4]"},
		{node{"Resize", 18, []any{x, nil, nil, vector(4, 12)}, 1, at{"axes": []int64{2, 3}, "keep_aspect_ratio_policy": "not_smaller"}},
			"Resize(float32[2,3,8,8]) coordinate_transformation_mode=half_pixel mode=nearest nearest_mode=round_prefer_floor scales=[1 1 1.5 1.5] -> float32[2,3,12,12]"},
		{node{"Conv", 11, []any{x, float{4, 3, 3, 3}}, 1, at{"auto_pad": "SAME_LOWER", "strides": []int64{2, 3}}},
			"Conv(float32[2,3,8,8], float32[4,3,3,3]) dilations=[1 1] group=1 kernel_shape=[3 3] pads=[1 1 0 0] strides=[2 3] -> float32[2,4,4,3]"},
		{node{"Conv", 11, []any{x, float{6, 1, 3, 3}, float{6}}, 1, at{"group": 3, "dilations": []int64{2, 1}, "pads": []int64{2, 0, 0, 1}}},
			"Conv(float32[2,3,8,8], float32[6,1,3,3], float32[6]) dilations=[2 1] group=3 kernel_shape=[3 3] pads=[2 0 0 1] strides=[1 1] -> float32[2,6,6,7]"},
		{node{"ConvTranspose", 11, []any{float{1, 2, 3, 3}, float{2, 2, 3, 3}}, 1, at{"strides": []int64{2, 2}, "output_shape": []int64{6, 6}, "group": 2}},
			"ConvTranspose(float32[1,2,3,3], float32[2,2,3,3]) dilations=[1 1] group=2 kernel_shape=[3 3] output_padding=[0 0] pads=[1 1 0 0] strides=[2 2] -> float32[1,4,6,6]"},
		{node{"MaxPool", 12, []any{x}, 1, at{"kernel_shape": []int64{3, 3}, "strides": []int64{2, 2}, "ceil_mode": 1}},
			"MaxPool(float32[2,3,8,8]) ceil_mode=1 dilations=[1 1] kernel_shape=[3 3] pads=[0 0 0 0] strides=[2 2] -> float32[2,3,4,4]"},
		{node{"AveragePool", 11, []any{float{1, 1, 6}}, 1, at{"kernel_shape": []int64{3}, "strides": []int64{2}, "auto_pad": "VALID", "ceil_mode": 1}},
			"AveragePool(float32[1,1,6]) ceil_mode=1 dilations=[1] kernel_shape=[3] pads=[0 0] strides=[2] -> float32[1,1,3]"},
		{node{"AveragePool", 11, []any{float{1, 1, 2}}, 1, at{"kernel_shape": []int64{2}, "strides": []int64{3}, "pads": []int64{0, 1}, "ceil_mode": 1}},
			"AveragePool(float32[1,1,2]) ceil_mode=1 dilations=[1] kernel_shape=[2] pads=[0 1] strides=[3] -> float32[1,1,1]"},
		{node{"LpPool", 18, []any{x}, 1, at{"kernel_shape": []int64{2, 2}, "dilations": []int64{3, 3}}},
			"LpPool(float32[2,3,8,8]) dilations=[3 3] kernel_shape=[2 2] pads=[0 0 0 0] strides=[1 1] -> float32[2,3,5,5]"},
		{node{"Add", 6, []any{x, float{3}}, 1, at{"axis": 1, "broadcast": 1}}, "Add(float32[2,3,8,8], float32[3,1,1]) -> float32[2,3,8,8]"},
		{node{"PRelu", 6, []any{x, float{3}}, 1, nil}, "PRelu(float32[2,3,8,8], float32[3,1,1]) -> float32[2,3,8,8]"},
		{node{"GroupNormalization", 18, []any{float{1, 4, 2}, floats(1, 2), floats(3, 4)}, 1, at{"num_groups": 2}},
			"GroupNormalization(float32[1,4,2], float32[4], float32[4]) num_groups=2 -> float32[1,4,2]"},
		{node{"GroupNormalization", 21, []any{float{1, 4, 2}, float{4}, float{4}}, 1, at{"num_groups": 2}},
			"GroupNormalization(float32[1,4,2], float32[4], float32[4]) num_groups=2 -> float32[1,4,2]"},
		{node{"RMSNormalization", 23, []any{float{1, 4, 2}, float{2}}, 1, nil}, "RMSNormalization(float32[1,4,2], float32[2]) axis=2 -> float32[1,4,2]"},
		{node{"LayerNormalization", 17, []any{float{1, 4, 2}, float{4, 2}}, 3, at{"axis": -2}},
			"LayerNormalization(float32[1,4,2], float32[4,2]) axis=1 -> float32[1,4,2], float32[1,1,1], float32[1,1,1]"},
		{node{"Tile", 5, []any{float{2, 3}, number(2), number(1)}, 1, nil}, "Tile(float32[2,3]) repeats=[1 2] -> float32[2,6]"},
		{node{"Expand", 13, []any{float{3, 1}, vector(2, 1, 4)}, 1, nil}, "Expand(float32[3,1]) -> float32[2,3,4]"},
		{node{"CumSum", 14, []any{float{3, 1}, number(-1)}, 1, nil}, "CumSum(float32[3,1]) axis=1 -> float32[3,1]"},
		{node{"Trilu", 14, []any{float{3, 3}, number(1)}, 1, at{"upper": 0}}, "Trilu(float32[3,3]) k=1 upper=0 -> float32[3,3]"},
		{node{"OneHot", 11, []any{kindOf{tensor.Int32, []int64{2}}, number(5), floats(0, 1)}, 1, at{"axis": 0}},
			"OneHot(int32[2], float32[2]) axis=0 depth=5 -> float32[5,2]"},
		{node{"GridSample", 16, []any{x, float{2, 5, 6, 2}}, 1, at{"mode": "bicubic"}}, "GridSample(float32[2,3,8,8], float32[2,5,6,2]) mode=cubic -> float32[2,3,5,6]"},
		{node{"GridSample", 20, []any{float{1, 2, 3, 3, 3}, float{1, 4, 5, 6, 3}}, 1, nil},
			"GridSample(float32[1,2,3,3,3], float32[1,4,5,6,3]) mode=linear -> float32[1,2,4,5,6]"},
		{node{"Einsum", 12, []any{float{2, 3, 4}, float{4, 5}}, 1, at{"equation": "... i j, jk"}}, "Einsum(float32[2,3,4], float32[4,5]) equation=0ij,jk->0ik -> float32[2,3,5]"},
		{node{"LSTM", 14, []any{float{7, 2, 3}, float{2, 20, 3}, float{2, 20, 5}}, 3, at{"hidden_size": 5, "direction": "bidirectional", "layout": 1}},
			"LSTM(float32[7,2,3], float32[2,20,3], float32[2,20,5]) direction=bidirectional hidden_size=5 layout=1 -> float32[7,2,2,5], float32[7,2,5], float32[7,2,5]"},
		{node{"GatherND", 12, []any{float{2, 3, 4}, kindOf{tensor.Int64, []int64{2, 5, 1}}}, 1, at{"batch_dims": 1}},
			"GatherND(float32[2,3,4], int64[2,5,1]) batch_dims=1 -> float32[2,5,4]"},
		{node{"Scatter", 9, []any{float{4}, kindOf{tensor.Int32, []int64{2}}, float{2}}, 1, nil}, "ScatterElements(float32[4], int32[2], float32[2]) axis=0 reduction=none -> float32[4]"},
		{node{"QuantizeLinear", 13, []any{x, float{3}, kindOf{tensor.Int8, []int64{3}}}, 1, nil}, "QuantizeLinear(float32[2,3,8,8], float32[3], int8[3]) axis=1 -> int8[2,3,8,8]"},
		{node{"BitwiseAnd", 18, []any{kindOf{tensor.Int32, []int64{2, 1}}, kindOf{tensor.Int32, []int64{3}}}, 1, nil}, "BitwiseAnd(int32[2,1], int32[3]) -> int32[2,3]"},
		{node{"Gelu", 20, []any{x}, 1, at{"approximate": "tanh"}}, "Gelu(float32[2,3,8,8]) approximate=tanh -> float32[2,3,8,8]"},
		{node{"MatMul", 13, []any{float{3}, float{2, 3, 4}}, 1, nil}, "MatMul(float32[3], float32[2,3,4]) -> float32[2,4]"},
	} {
		g, err := c.node.resolve()
		if err != nil {
			t.Errorf("%s of operator set %d: %v", c.node.op, c.node.opset, err)
			continue
		}
		if got := asText(g.Nodes[len(g.Nodes)-1]); got != c.want {
			t.Errorf("%s of operator set %d:\n got %s\nwant %s", c.node.op, c.node.opset, got, c.want)
		}
		checkGraph(t, c.node.op, g)
	}
}

// asText is a node with its attributes.
func asText(n *Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s(%s)", n.Op, describe(n.Inputs))
	for _, name := range slices.Sorted(maps.Keys(n.Attributes)) {
		var value any
		switch a := n.Attributes[name]; {
		case a.Ints != nil:
			value = a.Ints
		case a.Floats != nil:
			value = a.Floats
		case a.Text != "":
			value = a.Text
		case a.Kind == 7:
			value = "[]"
		default:
			value = a.Int
		}
		fmt.Fprintf(&b, " %s=%v", name, value)
	}
	return b.String() + " -> " + describe(n.Outputs)
}

// chain is a model whose outputs are those of the last node.
func chain(t *testing.T, nodes []onnxtest.Node, o onnxtest.Options, weights ...onnxtest.Initializer) *Model {
	t.Helper()
	g := onnxtest.Graph{Nodes: nodes, Initializers: weights,
		Inputs: []tensor.Port{{Name: "x", Type: tensor.Float32, Unranked: true}, {Name: "flag", Type: tensor.Bool}}}
	for _, name := range nodes[len(nodes)-1].Outputs {
		g.Outputs = append(g.Outputs, tensor.Port{Name: name, Type: tensor.Float32, Unranked: true})
	}
	m, err := Decode(onnxtest.ModelWith(g, o))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// atShape are the shapes of chain's inputs.
func atShape(shape ...int64) map[string][]int64 { return map[string][]int64{"x": shape, "flag": {}} }

func TestConditions(t *testing.T) {
	branch := func(op string, result string) onnxtest.Graph {
		return onnxtest.Graph{Nodes: []onnxtest.Node{{Op: op, Inputs: []string{"x"}, Outputs: []string{result}}},
			Outputs: []tensor.Port{{Name: result, Type: tensor.Float32, Unranked: true}}}
	}
	m := chain(t, []onnxtest.Node{
		{Op: "If", Name: "choice", Inputs: []string{"flag"}, Outputs: []string{"y"}, Attributes: []onnxtest.Attribute{
			{Name: "then_branch", Value: branch("Relu", "r")}, {Name: "else_branch", Value: branch("Loop", "r")}}},
		{Op: "Neg", Inputs: []string{"y"}, Outputs: []string{"z"}},
	}, onnxtest.Options{})
	flag := func(b byte) map[string]*tensor.Tensor {
		return map[string]*tensor.Tensor{"flag": {Type: tensor.Bool, Shape: []int64{}, Data: []byte{b}}}
	}
	g, err := m.Resolve(atShape(2), flag(1))
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Nodes) != 2 || g.Nodes[0].Op != "Relu" || g.Nodes[1].Inputs[0] != g.Nodes[0].Outputs[0] {
		t.Errorf("nodes %v", g.Nodes)
	}
	for _, c := range []struct {
		values map[string]*tensor.Tensor
		want   string
	}{
		{nil, `the operator If of the node "choice" is not supported: its condition is known only while the model runs`},
		{flag(0), `the operator Loop of the node "Loop of r" is not supported: how often its body runs is known only while the model runs`},
	} {
		if _, err := m.Resolve(atShape(2), c.values); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestFunctions(t *testing.T) {
	double := onnxtest.Function{Name: "Softly", Domain: "mine", Inputs: []string{"a", "b"}, Outputs: []string{"c"}, Nodes: []onnxtest.Node{
		{Op: "Softmax", Inputs: []string{"a"}, Outputs: []string{"s"}, Attributes: []onnxtest.Attribute{{Name: "axis", Value: onnxtest.Reference("along")}}},
		{Op: "Clip", Inputs: []string{"s", "", "b"}, Outputs: []string{"c"}},
	}}
	endless := onnxtest.Function{Name: "Endless", Domain: "mine", Inputs: []string{"a"}, Outputs: []string{"c"}, Nodes: []onnxtest.Node{
		{Op: "Endless", Domain: "mine", Inputs: []string{"a"}, Outputs: []string{"c"}}}}
	o := onnxtest.Options{Domains: map[string]int64{"mine": 1}, Functions: []onnxtest.Function{double, endless}}
	m := chain(t, []onnxtest.Node{{Op: "Softly", Domain: "mine", Name: "one", Inputs: []string{"x"}, Outputs: []string{"m"}, Attributes: []onnxtest.Attribute{{Name: "along", Value: 0}}},
		{Op: "Softly", Domain: "mine", Name: "two", Inputs: []string{"m", "six"}, Outputs: []string{"y"}}}, o,
		onnxtest.Initializer{Name: "six", Tensor: onnxtest.FloatTensor(nil, 6)})
	g, err := m.Resolve(atShape(2, 3), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range g.Nodes {
		got = append(got, n.Outputs[0].Name+" = "+asText(n))
	}
	want := []string{
		"one/s = Softmax(float32[2,3]) inner=3 length=2 outer=1 -> float32[2,3]", "one/c = Clip(float32[2,3]) -> float32[2,3]",
		"two/s = Softmax(float32[2,3]) inner=1 length=3 outer=2 -> float32[2,3]", "two/c = Clip(float32[2,3], none, float32[]) -> float32[2,3]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	m = chain(t, []onnxtest.Node{{Op: "Endless", Domain: "mine", Name: "one", Inputs: []string{"x"}, Outputs: []string{"y"}}}, o)
	if _, err := m.Resolve(atShape(1), nil); err == nil || !strings.Contains(err.Error(), "nested more than 32 deep, or a function calls itself") {
		t.Errorf("a function that calls itself: %v", err)
	}
}

// What depends on no input is computed once, what depends on a shape each time, and what is
// too large stays a node.
func TestConstants(t *testing.T) {
	m := chain(t, []onnxtest.Node{
		{Op: "Transpose", Inputs: []string{"w"}, Outputs: []string{"wt"}},
		{Op: "Shape", Inputs: []string{"x"}, Outputs: []string{"s"}},
		{Op: "Expand", Inputs: []string{"wt", "s"}, Outputs: []string{"e"}},
		{Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"dead"}},
		{Op: "Identity", Inputs: []string{"wt"}, Outputs: []string{"wi"}},
		{Op: "Sum", Inputs: []string{"x", "wt", "e", "wi"}, Outputs: []string{"y"}},
	}, onnxtest.Options{}, onnxtest.Initializer{Name: "w", Tensor: onnxtest.FloatTensor([]int64{2, 1}, 1, 2)})
	resolve := func(rows int64) *Node {
		g, err := m.Resolve(atShape(rows, 2), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Nodes) != 1 {
			t.Fatalf("nodes %v", g.Nodes)
		}
		return g.Nodes[0]
	}
	a, b := resolve(2), resolve(3)
	for _, i := range []int{1, 3} {
		if c := a.Inputs[i].Constant; c == nil || c != b.Inputs[i].Constant {
			t.Errorf("input %d: %v and %v", i, c, b.Inputs[i].Constant)
		}
	}
	if got := tensor.View[float32](b.Inputs[2].Constant); !slices.Equal(got, []float32{1, 2, 1, 2, 1, 2}) {
		t.Errorf("expanded to %v", got)
	}
	large, err := m.Resolve(atShape(16<<20, 2), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(large.Nodes) != 2 || large.Nodes[0].Op != "Expand" {
		t.Errorf("nodes %v", large.Nodes)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for rows := range int64(20) {
				if _, err := m.Resolve(atShape(rows, 2), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
