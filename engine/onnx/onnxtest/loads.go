package onnxtest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"servery/engine/tensor"
)

// Models of the size of real ones with random weights, which are the same each time: what
// they answer means nothing, what they cost is true.

// weights are n numbers around 0 whose squares add up to about n/fan.
func weights(r *rand.Rand, name string, fan int64, shape ...int64) Initializer {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.NormFloat64() / math.Sqrt(float64(fan)))
	}
	return Initializer{Name: name, Tensor: FloatTensor(shape, values...)}
}

func constants(name string, value float32, n int64) Initializer {
	values := make([]float32, n)
	for i := range values {
		values[i] = value
	}
	return Initializer{Name: name, Tensor: FloatTensor([]int64{n}, values...)}
}

// Dense is a network of fully connected layers of the given widths with rectifiers between
// them: x float32[-1,widths[0]] to y float32[-1,last]. Dense(784, 2048, 2048, 10) has 23 MB
// of weights.
func Dense(widths ...int64) []byte {
	r := rand.New(rand.NewPCG(7, 1))
	g := Graph{Name: "dense",
		Inputs:  []tensor.Port{batch("x", tensor.Float32, widths[0])},
		Outputs: []tensor.Port{batch("y", tensor.Float32, widths[len(widths)-1])}}
	at := "x"
	for i := 1; i < len(widths); i++ {
		w, b, y := fmt.Sprint("w", i), fmt.Sprint("b", i), fmt.Sprint("h", i)
		if i == len(widths)-1 {
			y = "y"
		}
		g.Initializers = append(g.Initializers, weights(r, w, widths[i-1], widths[i-1], widths[i]), constants(b, 0, widths[i]))
		g.Nodes = append(g.Nodes, Node{Op: "Gemm", Inputs: []string{at, w, b}, Outputs: []string{y}})
		if at = y; y != "y" {
			at = y + "r"
			g.Nodes = append(g.Nodes, Node{Op: "Relu", Inputs: []string{y}, Outputs: []string{at}})
		}
	}
	return Model(g)
}

// Forest is a classifier of trees full trees of the given depth over features, as
// scikit-learn's random forests are exported: x float32[-1,features] to label int64[-1] and
// the probabilities of three classes, one map a row.
func Forest(features, trees, depth int) []byte {
	r := rand.New(rand.NewPCG(7, 2))
	var ids, nodes, feature, yes, no, classTree, classNode, class []int64
	var values, weight []float32
	var modes []string
	inner := 1<<depth - 1
	for tree := range trees {
		for node := range 2*inner + 1 {
			ids, nodes = append(ids, int64(tree)), append(nodes, int64(node))
			if node < inner {
				feature, modes = append(feature, int64(r.IntN(features))), append(modes, "BRANCH_LEQ")
				values = append(values, r.Float32())
				yes, no = append(yes, int64(2*node+1)), append(no, int64(2*node+2))
				continue
			}
			feature, modes, values = append(feature, 0), append(modes, "LEAF"), append(values, 0)
			yes, no = append(yes, 0), append(no, 0)
			p, q := r.Float32()/2, r.Float32()/2
			for c, w := range []float32{p, q, 1 - p - q} {
				classTree, classNode = append(classTree, int64(tree)), append(classNode, int64(node))
				class, weight = append(class, int64(c)), append(weight, w/float32(trees))
			}
		}
	}
	return Model(Graph{
		Name: "forest",
		Nodes: []Node{
			{Op: "TreeEnsembleClassifier", Domain: "ai.onnx.ml", Inputs: []string{"x"}, Outputs: []string{"label", "scores"},
				Attributes: []Attribute{{"nodes_treeids", ids}, {"nodes_nodeids", nodes}, {"nodes_featureids", feature},
					{"nodes_values", values}, {"nodes_modes", modes}, {"nodes_truenodeids", yes}, {"nodes_falsenodeids", no},
					{"class_treeids", classTree}, {"class_nodeids", classNode}, {"class_ids", class}, {"class_weights", weight},
					{"classlabels_int64s", []int64{0, 1, 2}}, {"post_transform", "NONE"}}},
			{Op: "ZipMap", Domain: "ai.onnx.ml", Inputs: []string{"scores"}, Outputs: []string{"probabilities"},
				Attributes: []Attribute{{"classlabels_int64s", []int64{0, 1, 2}}}},
		},
		Inputs: []tensor.Port{batch("x", tensor.Float32, int64(features))},
		Outputs: []tensor.Port{batch("label", tensor.Int64),
			{Name: "probabilities", Kind: tensor.KindSequence, OfMaps: true, Key: tensor.Int64, Type: tensor.Float32}},
	})
}

// Encoder is a text encoder in the form of MiniLM-L6: layers transformer layers of the width
// hidden, with heads of 32 and a feed-forward part four times as wide, over words tokens,
// averaged to one vector. input_ids and attention_mask int64[batch,seq] to
// sentence_embedding float32[batch,hidden].
func Encoder(layers int, hidden, words int64) []byte {
	e := encoder{r: rand.New(rand.NewPCG(7, 3)), hidden: hidden}
	const longest = 512
	e.add(weights(e.r, "tokens", 2500, words, hidden), weights(e.r, "positions", 2500, longest, hidden))
	e.integers("i0", nil, 0)
	e.integers("i1", nil, 1)
	e.integers("at1", []int64{1}, 1)
	e.integers("at2", []int64{1}, 2)
	e.integers("at12", []int64{2}, 1, 2)
	e.integers("split", []int64{4}, 0, 0, hidden/32, 32)
	e.integers("merge", []int64{3}, 0, 0, hidden)
	for _, c := range []struct {
		name  string
		value float32
	}{{"one", 1}, {"never", -10000}, {"scale", float32(1 / math.Sqrt(32))}, {"root2", math.Sqrt2}, {"half", 0.5}} {
		e.add(Initializer{Name: c.name, Tensor: FloatTensor(nil, c.value)})
	}
	e.integers("from0", []int64{1}, 0)
	e.node("Gather", "embedded", "tokens", "input_ids")
	e.node("Shape", "shape", "input_ids")
	e.node("Gather", "length", "shape", "i1")
	e.node("Unsqueeze", "upto", "length", "from0")
	e.node("Slice", "places", "positions", "from0", "upto")
	e.node("Add", "sum", "embedded", "places")
	at := e.normed("sum", "first")
	e.node("Cast", "mask", "attention_mask", Attribute{"to", 1})
	e.node("Unsqueeze", "mask4", "mask", "at12")
	e.node("Sub", "hidden4", "one", "mask4")
	e.node("Mul", "bias", "hidden4", "never")
	for l := range layers {
		at = e.layer(fmt.Sprint("l", l, "."), at)
	}
	e.node("Unsqueeze", "mask3", "mask", "at2")
	e.node("Mul", "kept", at, "mask3")
	e.node("ReduceSum", "total", "kept", "at1", Attribute{"keepdims", 0})
	e.node("ReduceSum", "count", "mask", "at1", Attribute{"keepdims", 1})
	e.node("Div", "sentence_embedding", "total", "count")
	ids := tensor.Port{Name: "input_ids", Type: tensor.Int64, Shape: []int64{-1, -1}, Dims: []string{"batch", "seq"}}
	mask := ids
	mask.Name = "attention_mask"
	e.g.Name, e.g.Inputs = "encoder", []tensor.Port{ids, mask}
	e.g.Outputs = []tensor.Port{{Name: "sentence_embedding", Type: tensor.Float32, Shape: []int64{-1, hidden}, Dims: []string{"batch", ""}}}
	return Model(e.g)
}

type encoder struct {
	g      Graph
	r      *rand.Rand
	hidden int64
}

func (e *encoder) add(i ...Initializer) { e.g.Initializers = append(e.g.Initializers, i...) }

func (e *encoder) integers(name string, shape []int64, values ...int64) {
	e.add(Initializer{Name: name, Tensor: Int64Tensor(shape, values...)})
}

// node adds a node of one output; inputs are names, behind them attributes.
func (e *encoder) node(op, output string, inputs ...any) string {
	n := Node{Op: op, Outputs: []string{output}}
	for _, i := range inputs {
		if a, ok := i.(Attribute); ok {
			n.Attributes = append(n.Attributes, a)
		} else {
			n.Inputs = append(n.Inputs, i.(string))
		}
	}
	e.g.Nodes = append(e.g.Nodes, n)
	return output
}

func (e *encoder) normed(x, p string) string {
	e.add(constants(p+"g", 1, e.hidden), constants(p+"b", 0, e.hidden))
	return e.node("LayerNormalization", p+"o", x, p+"g", p+"b", Attribute{"axis", -1}, Attribute{"epsilon", float32(1e-12)})
}

// linear is x times a matrix of from × to, plus a vector.
func (e *encoder) linear(x, p string, from, to int64) string {
	e.add(weights(e.r, p+"w", from, from, to), constants(p+"b", 0, to))
	return e.node("Add", p+"a", e.node("MatMul", p+"m", x, p+"w"), p+"b")
}

func (e *encoder) layer(p, x string) string {
	for _, part := range []string{"q", "k", "v"} {
		order := []int64{0, 2, 1, 3}
		if part == "k" {
			order = []int64{0, 2, 3, 1}
		}
		split := e.node("Reshape", p+part+"r", e.linear(x, p+part, e.hidden, e.hidden), "split")
		e.node("Transpose", p+part+"t", split, Attribute{"perm", order})
	}
	e.node("MatMul", p+"s", p+"qt", p+"kt")
	e.node("Mul", p+"ss", p+"s", "scale")
	e.node("Add", p+"sb", p+"ss", "bias")
	e.node("Softmax", p+"p", p+"sb", Attribute{"axis", -1})
	e.node("MatMul", p+"c", p+"p", p+"vt")
	e.node("Transpose", p+"ct", p+"c", Attribute{"perm", []int64{0, 2, 1, 3}})
	e.node("Reshape", p+"cr", p+"ct", "merge")
	x = e.normed(e.node("Add", p+"r1", e.linear(p+"cr", p+"o", e.hidden, e.hidden), x), p+"n1")
	up := e.linear(x, p+"u", e.hidden, 4*e.hidden)
	e.node("Div", p+"d", up, "root2")
	e.node("Erf", p+"e", p+"d")
	e.node("Add", p+"e1", p+"e", "one")
	e.node("Mul", p+"em", up, p+"e1")
	e.node("Mul", p+"g", p+"em", "half")
	return e.normed(e.node("Add", p+"r3", e.linear(p+"g", p+"f", 4*e.hidden, e.hidden), x), p+"n2")
}
