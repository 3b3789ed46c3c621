package onnxtest

import "servery/engine/tensor"

// Add is y = x + 1 with x and y float32[-1,n].
func Add(n int) []byte {
	return Model(Graph{
		Name:         "add",
		Nodes:        []Node{{Op: "Add", Inputs: []string{"x", "one"}, Outputs: []string{"y"}}},
		Inputs:       []tensor.Port{batch("x", tensor.Float32, int64(n))},
		Outputs:      []tensor.Port{batch("y", tensor.Float32, int64(n))},
		Initializers: []Initializer{{Name: "one", Tensor: FloatTensor([]int64{1}, 1)}},
	})
}

// Identity is y = x of any type and shape; a dimension of -1 is free.
func Identity(t tensor.Type, shape []int64) []byte {
	return Model(Graph{
		Name:    "identity",
		Nodes:   []Node{{Op: "Identity", Inputs: []string{"x"}, Outputs: []string{"y"}}},
		Inputs:  []tensor.Port{Port("x", t, shape...)},
		Outputs: []tensor.Port{Port("y", t, shape...)},
	})
}

// DivInt64 is c = a / b with a, b and c int64[-1]. The smallest int64 divided by -1
// traps in hardware and kills the process that runs it (SIGFPE on amd64), as does a
// division by 0.
func DivInt64() []byte {
	return Model(Graph{
		Name:    "div",
		Nodes:   []Node{{Op: "Div", Inputs: []string{"a", "b"}, Outputs: []string{"c"}}},
		Inputs:  []tensor.Port{batch("a", tensor.Int64), batch("b", tensor.Int64)},
		Outputs: []tensor.Port{batch("c", tensor.Int64)},
	})
}

// HugeElements is the input that makes Huge ask for 12 GiB.
const HugeElements = 3 << 30

// Huge fills as many float32 as its input n, int64[1], says and returns their sum y,
// float32[] (always 0). With n = HugeElements it asks for 12 GiB; with 0 for nothing.
func Huge() []byte {
	return Model(Graph{
		Name: "huge",
		Nodes: []Node{
			{Op: "ConstantOfShape", Inputs: []string{"n"}, Outputs: []string{"filled"}},
			{Op: "ReduceSum", Inputs: []string{"filled"}, Outputs: []string{"y"},
				Attributes: []Attribute{{"keepdims", 0}}},
		},
		Inputs:  []tensor.Port{Port("n", tensor.Int64, 1)},
		Outputs: []tensor.Port{Port("y", tensor.Float32)},
	})
}

// HugeAtLoad is Huge with n a constant: a runtime that folds constants asks for the
// 12 GiB while it loads the model. Input x float32[-1], output y = x + 0.
func HugeAtLoad() []byte {
	return Model(Graph{
		Name: "huge_at_load",
		Nodes: []Node{
			{Op: "ConstantOfShape", Inputs: []string{"n"}, Outputs: []string{"filled"}},
			{Op: "ReduceSum", Inputs: []string{"filled"}, Outputs: []string{"sum"},
				Attributes: []Attribute{{"keepdims", 0}}},
			{Op: "Add", Inputs: []string{"x", "sum"}, Outputs: []string{"y"}},
		},
		Inputs:       []tensor.Port{batch("x", tensor.Float32)},
		Outputs:      []tensor.Port{batch("y", tensor.Float32)},
		Initializers: []Initializer{{Name: "n", Tensor: Int64Tensor([]int64{1}, HugeElements)}},
	})
}

// loopSize is the edge of the matrix that Loop multiplies: small, so that a run that is
// told to stop looks often.
const loopSize = 32

// Loop multiplies a matrix of ones with the identity as often as its input trips,
// int64[1], says, and returns the sum y, float32[] (1024). With the largest int64 it
// never ends; with 0, as a trial run gives it, it ends at once.
func Loop() []byte {
	square := []int64{loopSize, loopSize}
	ones, identity := make([]float32, loopSize*loopSize), make([]float32, loopSize*loopSize)
	for i := range ones {
		ones[i] = 1
		if i%(loopSize+1) == 0 {
			identity[i] = 1
		}
	}
	body := Graph{
		Name: "body",
		Nodes: []Node{
			{Op: "Identity", Inputs: []string{"go_in"}, Outputs: []string{"go_out"}},
			{Op: "MatMul", Inputs: []string{"m_in", "identity"}, Outputs: []string{"m_out"}},
		},
		Inputs: []tensor.Port{Port("i", tensor.Int64), Port("go_in", tensor.Bool),
			Port("m_in", tensor.Float32, square...)},
		Outputs: []tensor.Port{Port("go_out", tensor.Bool), Port("m_out", tensor.Float32, square...)},
	}
	return Model(Graph{
		Name: "loop",
		Nodes: []Node{
			{Op: "Loop", Inputs: []string{"trips", "", "ones"}, Outputs: []string{"m"},
				Attributes: []Attribute{{"body", body}}},
			{Op: "ReduceSum", Inputs: []string{"m"}, Outputs: []string{"y"},
				Attributes: []Attribute{{"keepdims", 0}}},
		},
		Inputs:  []tensor.Port{Port("trips", tensor.Int64, 1)},
		Outputs: []tensor.Port{Port("y", tensor.Float32)},
		Initializers: []Initializer{
			{Name: "ones", Tensor: FloatTensor(square, ones...)},
			{Name: "identity", Tensor: FloatTensor(square, identity...)},
		},
	})
}

// ManyInputs hands eight inputs of eight types through: f32 float32[-1,3], f64
// float64[-1], i64 int64[-1], i8 int8[-1], u8 uint8[-1,2,2], flag bool[-1], text
// string[-1], half float16[-1,2]. The outputs are the same with "_out" behind the name.
func ManyInputs() []byte {
	g := Graph{Name: "many", Inputs: []tensor.Port{
		batch("f32", tensor.Float32, 3), batch("f64", tensor.Float64), batch("i64", tensor.Int64),
		batch("i8", tensor.Int8), batch("u8", tensor.Uint8, 2, 2), batch("flag", tensor.Bool),
		batch("text", tensor.String), batch("half", tensor.Float16, 2),
	}}
	for _, in := range g.Inputs {
		out := in
		out.Name += "_out"
		g.Outputs = append(g.Outputs, out)
		g.Nodes = append(g.Nodes, Node{Op: "Identity", Inputs: []string{in.Name}, Outputs: []string{out.Name}})
	}
	return Model(g)
}

// ZipMap classifies x, float32[-1,2], by its first column: label int64[-1] and
// probabilities, a sequence of map(int64,float32), as scikit-learn's exporter writes it.
func ZipMap() []byte {
	return Model(Graph{
		Name: "zipmap",
		Nodes: []Node{
			{Op: "ArgMax", Inputs: []string{"x"}, Outputs: []string{"label"},
				Attributes: []Attribute{{"axis", 1}, {"keepdims", 0}}},
			{Op: "ZipMap", Domain: "ai.onnx.ml", Inputs: []string{"x"}, Outputs: []string{"probabilities"},
				Attributes: []Attribute{{"classlabels_int64s", []int64{0, 1}}}},
		},
		Inputs: []tensor.Port{batch("x", tensor.Float32, 2)},
		Outputs: []tensor.Port{batch("label", tensor.Int64),
			{Name: "probabilities", Kind: tensor.KindSequence, OfMaps: true, Key: tensor.Int64, Type: tensor.Float32}},
	})
}

// WithExternal is y = x + w with x and y float32[-1,n], and w's 4n bytes from offset 0
// of the file location.
func WithExternal(n int, location string) []byte {
	w := FloatTensor([]int64{int64(n)}, make([]float32, n)...)
	return Model(Graph{
		Name:    "external",
		Nodes:   []Node{{Op: "Add", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Inputs:  []tensor.Port{batch("x", tensor.Float32, int64(n))},
		Outputs: []tensor.Port{batch("y", tensor.Float32, int64(n))},
		Initializers: []Initializer{{Name: "w", Tensor: w,
			External: &External{Location: location, Length: int64(4 * n)}}},
	})
}

// batch is a port whose first dimension is free and named "batch".
func batch(name string, t tensor.Type, rest ...int64) tensor.Port {
	return tensor.Port{Name: name, Type: t, Shape: append([]int64{-1}, rest...), Dims: []string{"batch"}}
}
