//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"math"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// The sizes of MiniLM-L6: of a token's vector, of the heads, of what lies between the two products
// at the end of a layer, and the longest text.
const (
	encoderWidth  = 384
	encoderHeads  = 12
	encoderInner  = 1536
	encoderLength = 512
)

// newEncoder is a model of the shape of MiniLM with weights of chance: token numbers and a mask
// [texts, tokens] to a vector [texts, 384] each. Its nodes are those that PyTorch's exporter writes,
// with LayerNormalization in place of its parts.
func newEncoder(layers int, words int64) *sample {
	s := newSample(2)
	ids, mask := "input_ids", "attention_mask"
	s.graph.Inputs = []tensor.Port{onnxtest.Port(ids, tensor.Int64, -1, -1), onnxtest.Port(mask, tensor.Int64, -1, -1)}
	length := s.node("Slice", nil, s.node("Shape", nil, ids), s.whole(1), s.whole(2))
	positions := s.node("Slice", nil, s.weight(encoderLength, encoderWidth), s.whole(0), length)
	x := s.normalized(s.node("Add", nil, s.node("Gather", nil, s.weight(words, encoderWidth), ids), positions))
	kept := s.node("Cast", at{"to": int(tensor.Float32)}, mask)
	absent := s.node("Sub", nil, s.single(1), s.node("Unsqueeze", nil, kept, s.whole(1, 2)))
	bias := s.node("Mul", nil, absent, s.single(-10000))
	for range layers {
		x = s.encoderLayer(x, bias)
	}
	kept = s.node("Unsqueeze", nil, kept, s.whole(2))
	sum := s.node("ReduceSum", at{"keepdims": 0}, s.node("Mul", nil, x, kept), s.whole(1))
	s.output(s.node("Div", nil, sum, s.node("ReduceSum", at{"keepdims": 0}, kept, s.whole(1))))
	return s
}

func (s *sample) single(v float32) string { return s.keep(onnxtest.FloatTensor(nil, v)) }

func (s *sample) normalized(x string) string {
	return s.node("LayerNormalization", at{"axis": -1, "epsilon": float32(1e-12)}, x, s.weight(encoderWidth), s.weight(encoderWidth))
}

// dense multiplies by weights that keep the size of what goes through.
func (s *sample) dense(x string, in, out int64) string {
	return s.node("Add", nil, s.node("MatMul", nil, x, s.spread(in, in, out)), s.weight(out))
}

func (s *sample) encoderLayer(x, bias string) string {
	head := func(order ...int64) string {
		parts := s.node("Reshape", nil, s.dense(x, encoderWidth, encoderWidth), s.whole(0, 0, encoderHeads, encoderWidth/encoderHeads))
		return s.node("Transpose", at{"perm": order}, parts)
	}
	scores := s.node("MatMul", nil, head(0, 2, 1, 3), head(0, 2, 3, 1))
	scores = s.node("Div", nil, scores, s.single(float32(math.Sqrt(encoderWidth/encoderHeads))))
	weights := s.node("Softmax", at{"axis": -1}, s.node("Add", nil, scores, bias))
	mixed := s.node("Transpose", at{"perm": []int64{0, 2, 1, 3}}, s.node("MatMul", nil, weights, head(0, 2, 1, 3)))
	mixed = s.node("Reshape", nil, mixed, s.whole(0, 0, encoderWidth))
	x = s.normalized(s.node("Add", nil, s.dense(mixed, encoderWidth, encoderWidth), x))
	wide := s.dense(x, encoderWidth, encoderInner)
	bent := s.node("Add", nil, s.node("Erf", nil, s.node("Div", nil, wide, s.single(math.Sqrt2))), s.single(1))
	wide = s.node("Mul", nil, s.node("Mul", nil, wide, bent), s.single(0.5))
	return s.normalized(s.node("Add", nil, s.dense(wide, encoderInner, encoderWidth), x))
}

// tokens are inputs of so many texts, the last tokens of the later ones absent.
func (s *sample) tokens(texts, length int64) []tensor.Named {
	ids, mask := make([]int64, texts*length), make([]int64, texts*length)
	for i := range ids {
		ids[i] = s.between(0, 499)
		if row, at := int64(i)/length, int64(i)%length; at < max(length-row, 1) {
			mask[i] = 1
		}
	}
	named := func(name string, values []int64) tensor.Named {
		return tensor.Named{Name: name, Value: tensor.Value{Tensor: onnxtest.Int64Tensor([]int64{texts, length}, values...)}}
	}
	return []tensor.Named{named("input_ids", ids), named("attention_mask", mask)}
}
