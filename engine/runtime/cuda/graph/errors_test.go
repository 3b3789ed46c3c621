package graph

import (
	"errors"
	"math"
	"strings"
	"testing"

	"servery/engine/onnx"
	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// What does not fit is told with the node, its operator, and the shapes.
func TestErrorsOfNodes(t *testing.T) {
	x := float{2, 3, 8, 8}
	const fits, lacks = "the model cannot run with these inputs: at ", "the model cannot be resolved: the operator "
	unknown := kindOf{tensor.Int64, []int64{2}}
	for _, c := range []struct {
		node node
		want string
	}{
		{node{"Add", 13, []any{float{2, 3}, float{4}}, 1, nil}, fits + `Add "it", which is given float32[2,3], float32[4]: 3 and 4 cannot be broadcast to each other`},
		{node{"Add", 13, []any{float{2}, kindOf{tensor.Int32, []int64{2}}}, 1, nil}, fits + `Add "it", which is given float32[2], int32[2]: its inputs have different types`},
		{node{"Add", 13, []any{float{2}, nil}, 1, nil}, fits + `Add "it", which is given float32[2]: its input 1 is missing`},
		{node{"MatMul", 13, []any{float{2, 3}, float{4, 5}}, 1, nil}, fits + `MatMul "it", which is given float32[2,3], float32[4,5]: the inner dimensions 3 and 4 differ`},
		{node{"Conv", 13, []any{x, float{4, 2, 3, 3}}, 1, nil}, fits + `Conv "it", which is given float32[2,3,8,8], float32[4,2,3,3]: the weights do not fit the input in 1 groups`},
		{node{"Conv", 13, []any{float{1, 1, 2}, float{1, 1, 3}}, 1, nil}, fits + `Conv "it", which is given float32[1,1,2], float32[1,1,3]: its kernel reaches over 3 elements of axis 2, which has 2 with its padding`},
		{node{"Conv", 13, []any{float{1, 1, 2}, float{1, 1, 1}}, 1, at{"strides": []int64{0}}}, "its kernel [1], strides [0] or dilations [1] are out of range"},
		{node{"Conv", 13, []any{float{1, 1, 2}, float{1, 1, 1}}, 1, at{"pads": []int64{0}}}, "its pads has 1 elements in place of 2"},
		{node{"MaxPool", 12, []any{x}, 2, at{"kernel_shape": []int64{2, 2}}}, lacks + `MaxPool of the node "it" is not supported: its output Indices is used`},
		{node{"AveragePool", 11, []any{float{1, 1, 3}}, 1, at{"kernel_shape": []int64{1}, "pads": []int64{0, 2}}}, "its pads [0], [2] are not smaller than its kernel [1]"},
		{node{"MaxPool", 12, []any{x}, 1, at{"kernel_shape": []int64{2, 2}, "dilations": []int64{1, 2}, "auto_pad": "SAME_UPPER"}}, "it pads by auto_pad a kernel with dilations"},
		{node{"Split", 18, []any{float{5}}, 4, at{"num_outputs": 4}}, "5 elements cannot be split into 4 parts of 2, of which the last is smaller"},
		{node{"Reshape", 13, []any{float{2, 3}, vector(4)}, 1, nil}, fits + `Reshape "it", which is given float32[2,3], int64[1]: 6 elements cannot have the shape [4]`},
		{node{"Reshape", 13, []any{float{2, 3}, vector(-1, -1)}, 1, nil}, "its shape is [-1 -1]"},
		{node{"Reshape", 13, []any{float{2, 3}, vector(-1, 4)}, 1, nil}, "6 elements cannot have the shape [-1 4]"},
		{node{"Reshape", 13, []any{float{2, 3}, vector(6, 1, 0)}, 1, nil}, "takes dimension 2 from the input, which has none"},
		{node{"Reshape", 13, []any{float{0, 3}, vector(math.MaxInt64, 4)}, 1, nil}, "is larger than memory can be"},
		{node{"Reshape", 13, []any{float{2, 3}, unknown}, 1, nil}, lacks + `Reshape of the node "it" is not supported: its shape is known only while the model runs`},
		{node{"Transpose", 13, []any{float{2, 3}}, 1, at{"perm": []int64{0, 0}}}, "its axis 0 is given twice"},
		{node{"Concat", 13, []any{float{2, 3}, float{2, 4}}, 1, at{"axis": 0}}, "its inputs differ in axis 1, and are joined along axis 0"},
		{node{"Gather", 13, []any{float{2}, float{2}}, 1, nil}, "its indices are no integers"},
		{node{"Split", 13, []any{float{5}}, 2, nil}, "5 elements cannot be split into 2 equal parts"},
		{node{"Squeeze", 13, []any{float{2, 3}, vector(1)}, 1, nil}, "axis 1, which is to go, has 3 elements"},
		{node{"Softmax", 13, []any{float{2, 3}}, 1, at{"axis": 2}}, "its axis 2 is none of 2 dimensions"},
		{node{"Expand", 13, []any{float{1}, vector(math.MaxInt64/2, 3)}, 1, nil}, "larger than memory can be"},
		{node{"ConstantOfShape", 13, []any{vector(-3)}, 1, nil}, "its output 0 has the negative dimension -3"},
		{node{"ConstantOfShape", 13, []any{onnxtest.Int64Tensor([]int64{65}, make([]int64, 65)...)}, 1, nil}, "its output 0 has 65 dimensions, more than 64"},
		{node{"Tile", 13, []any{float{2}, vector(math.MaxInt64)}, 1, nil}, "its repeats are [9223372036854775807]"},
		{node{"Pad", 13, []any{float{3}, vector(3, 0)}, 1, at{"mode": "reflect"}}, "it pads axis 0 by more than there is to reflect"},
		{node{"Range", 13, []any{number(0), number(5), number(0)}, 1, nil}, "its delta is 0"},
		{node{"Dropout", 13, []any{x, nil, kindOf{tensor.Bool, nil}}, 1, nil}, "it is, or may be, in training mode"},
		{node{"BatchNormalization", 15, []any{x, float{3}, float{3}, float{3}, float{2}}, 1, nil}, "its input 4 is to have the shape [3]"},
		{node{"NonZero", 13, []any{float{2}}, 1, nil}, lacks + `NonZero of the node "it" is not supported: the shape of its output is known only while the model runs`},
		{node{"Einsum", 13, []any{float{2, 3}}, 1, at{"equation": "ij->k"}}, `its equation's output names 'k', which no input has`},
		{node{"Einsum", 13, []any{float{2, 3}}, 1, at{"equation": "ijk"}}, `the term "ijk" does not fit [2 3]`},
		{node{"LSTM", 14, []any{float{7, 2, 3}, float{1, 20, 3}, float{1, 16, 5}}, 1, nil}, "its weights do not fit 3 values, a state of 5 and 1 directions"},
		{node{"Cast", 13, []any{x}, 1, at{"to": 21}}, "it gives type 21 of onnx.proto, which cannot be computed with here"},
		{node{"EyeLike", 13, []any{float{2, 2}}, 1, at{"dtype": 257}}, "it gives type 257 of onnx.proto, which cannot be computed with here"},
		{node{"Relu", 13, []any{x, x}, 1, nil}, "it has 2 inputs and takes 1"},
		{node{"Unheard", 13, []any{x}, 1, nil}, lacks + `Unheard of the node "it" is not supported: nothing is known of its shapes here`},
	} {
		_, err := c.node.resolve()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.node.op, err, c.want)
			continue
		}
		var shape *ShapeError
		var unsupported *UnsupportedError
		if !errors.As(err, &shape) && !errors.As(err, &unsupported) {
			t.Errorf("%s: an error of no kind: %T", c.node.op, err)
		}
	}
}

func TestErrorsOfInputs(t *testing.T) {
	g := onnxtest.Graph{
		Inputs:  []tensor.Port{onnxtest.Port("x", tensor.Float32, -1, 3)},
		Outputs: []tensor.Port{onnxtest.Port("y", tensor.Float32, -1, 3)},
		Nodes:   []onnxtest.Node{{Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"y"}}},
	}
	m, err := Decode(onnxtest.Model(g))
	if err != nil {
		t.Fatal(err)
	}
	const begins = "the model cannot run with these inputs: "
	for _, c := range []struct {
		shapes map[string][]int64
		values map[string]*tensor.Tensor
		want   string
	}{
		{nil, nil, `the shape of the input "x" is not given`},
		{map[string][]int64{"x": {2, 4}}, nil, `the input "x" is to be float32[-1,3] and is given as [2 4]`},
		{map[string][]int64{"x": {3}}, nil, `the input "x" is to be float32[-1,3] and is given as [3]`},
		{map[string][]int64{"x": {-1, 3}}, nil, `the input "x" has the negative dimension -1`},
		{map[string][]int64{"x": {math.MaxInt64, 3}}, nil, `the input "x" has the shape [9223372036854775807 3], which is larger than memory can be`},
		{map[string][]int64{"x": {1, 3}, "z": {1}}, nil, `it has no input "z"`},
		{map[string][]int64{"x": {1, 3}}, map[string]*tensor.Tensor{"z": vector(1)}, `it has no input "z"`},
		{map[string][]int64{"x": {1, 3}}, map[string]*tensor.Tensor{"x": onnxtest.FloatTensor([]int64{2, 3}, 1, 2, 3, 4, 5, 6)}, `the input "x" has the shape [1 3] and a value of the shape [2 3]`},
		{nil, map[string]*tensor.Tensor{"x": onnxtest.Int64Tensor([]int64{1, 3}, 1, 2, 3)}, `the value of the input "x" is not one of float32[1,3]`},
		{nil, map[string]*tensor.Tensor{"x": onnxtest.FloatTensor([]int64{1, 3}, 1, 2)}, `the value of the input "x" is not one of float32[1,3]`},
	} {
		if _, err := m.Resolve(c.shapes, c.values); err == nil || err.Error() != begins+c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestErrorsOfGraphs(t *testing.T) {
	port := []tensor.Port{{Name: "x", Type: tensor.Float32, Unranked: true}}
	out := func(name string) []tensor.Port {
		return []tensor.Port{{Name: name, Type: tensor.Float32, Unranked: true}}
	}
	relu := func(from, to string) onnxtest.Node {
		return onnxtest.Node{Op: "Relu", Inputs: []string{from}, Outputs: []string{to}}
	}
	for _, c := range []struct {
		name  string
		graph onnxtest.Graph
		want  string
	}{
		{"undefined", onnxtest.Graph{Inputs: port, Outputs: out("y"), Nodes: []onnxtest.Node{relu("z", "y")}},
			`the node "Relu of y" takes the value "z", which no node before it gives`},
		{"cycle", onnxtest.Graph{Inputs: port, Outputs: out("y"), Nodes: []onnxtest.Node{relu("y", "z"), relu("z", "y")}},
			`the nodes form a cycle or are out of order`},
		{"no output", onnxtest.Graph{Inputs: port, Outputs: out("y"), Nodes: []onnxtest.Node{relu("x", "z")}}, `no node gives its output "y"`},
		{"given twice", onnxtest.Graph{Inputs: port, Outputs: out("y"), Nodes: []onnxtest.Node{relu("x", "y"), relu("x", "y")}},
			`two nodes of its graph give the value "y"`},
		{"an input given again", onnxtest.Graph{Inputs: port, Outputs: out("x"), Nodes: []onnxtest.Node{relu("x", "x")}},
			`two nodes of its graph give the value "x"`},
	} {
		m, err := Decode(onnxtest.Model(c.graph))
		if err != nil {
			t.Fatal(err)
		}
		var format *onnx.FormatError
		if _, err := m.Resolve(map[string][]int64{"x": {1}}, nil); !errors.As(err, &format) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	m, err := Decode(onnxtest.Model(onnxtest.Graph{
		Inputs:  []tensor.Port{{Name: "s", Kind: tensor.KindSequence, Type: tensor.Float32}},
		Outputs: out("y"), Nodes: []onnxtest.Node{relu("s", "y")}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Resolve(nil, nil); err == nil || err.Error() != `the model cannot be resolved: its input "s" is no tensor but a sequence(float32)` {
		t.Errorf("a sequence: %v", err)
	}
}
