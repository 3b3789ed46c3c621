package graph

import (
	"math"

	"servery/engine/tensor"
)

// rules say for each operator of ONNX's own domain what its outputs are, by the ONNX
// operator specification.
var rules map[string]func(c *call)

func init() {
	rules = map[string]func(c *call){
		"Conv": conv, "ConvInteger": conv, "QLinearConv": conv, "ConvTranspose": convTranspose,
		"Gemm": gemm, "MatMul": matMul, "MatMulInteger": matMul, "QLinearMatMul": matMul,
		"QuantizeLinear": quantize, "DequantizeLinear": dequantize, "DynamicQuantizeLinear": dynamicQuantize,
		"MaxPool": pool, "AveragePool": pool, "LpPool": pool,
		"GlobalAveragePool": globalPool, "GlobalMaxPool": globalPool, "GlobalLpPool": globalPool,
		"PRelu": prelu, "Clip": clip, "Where": where, "Cast": cast, "CastLike": castLike,
		"IsNaN": predicate, "IsInf": predicate,
		"BatchNormalization": batchNormalization, "InstanceNormalization": instanceNormalization,
		"GroupNormalization": groupNormalization, "LayerNormalization": layerNormalization, "RMSNormalization": rmsNormalization,
		"LpNormalization": lpNormalization,
		"Softmax":         softmax, "LogSoftmax": softmax, "Hardmax": softmax,
		"ArgMax": argument, "ArgMin": argument, "CumSum": cumSum,
		"Transpose": transpose, "Concat": concat, "Slice": slice, "Split": split, "Gather": gather,
		"GatherElements": gatherElements, "GatherND": gatherND, "ScatterElements": scatterElements, "Scatter": scatterElements,
		"ScatterND": scatterND, "Expand": expand, "Tile": tile, "Pad": pad, "Resize": resize, "Upsample": resize,
		"DepthToSpace": depthToSpace, "SpaceToDepth": spaceToDepth, "Flatten": flatten, "Reshape": reshape,
		"Squeeze": squeeze, "Unsqueeze": unsqueeze, "Identity": same, "Dropout": dropout,
		"Shape": shapeOf, "Size": sizeOf, "Constant": constant, "ConstantOfShape": constantOfShape,
		"Range": rangeOf, "OneHot": oneHot, "EyeLike": eyeLike, "Trilu": trilu, "TopK": topK, "NonZero": nonZero,
		"Einsum": einsum, "LSTM": recurrent, "GRU": recurrent, "RNN": recurrent, "GridSample": gridSample,
	}
	for _, op := range []string{"Abs", "Neg", "Sign", "Sqrt", "Exp", "Log", "Reciprocal", "Floor", "Ceil", "Round", "Erf",
		"Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Tanh", "Sigmoid", "HardSigmoid",
		"HardSwish", "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Mish", "Softplus", "Softsign", "ThresholdedRelu",
		"Shrink", "Not", "BitwiseNot", "MeanVarianceNormalization", "LRN"} {
		rules[op] = same
	}
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Sum", "Mean", "And", "Or", "Xor",
		"BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"} {
		rules[op] = elementwise
	}
	for _, op := range []string{"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"} {
		rules[op] = comparison
	}
	rules["Pow"] = power
	for _, op := range []string{"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
		"ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"} {
		rules[op] = reduce
	}
}

// most is how many inputs an operator takes at most, where that is not one.
var most = map[string]int{
	"Conv": 3, "ConvInteger": 4, "QLinearConv": 9, "ConvTranspose": 3, "Gemm": 3, "MatMul": 2, "MatMulInteger": 4,
	"QLinearMatMul": 8, "QuantizeLinear": 3, "DequantizeLinear": 3, "PRelu": 2, "Clip": 3, "Where": 3, "CastLike": 2,
	"BatchNormalization": 5, "InstanceNormalization": 3, "GroupNormalization": 3, "LayerNormalization": 3,
	"RMSNormalization": 2, "CumSum": 2, "Slice": 5, "Split": 2, "Gather": 2, "GatherElements": 2, "GatherND": 2,
	"ScatterElements": 3, "Scatter": 3, "ScatterND": 3, "Expand": 2, "Tile": 3, "Pad": 4, "Resize": 4, "Upsample": 2,
	"Reshape": 2, "Squeeze": 2, "Unsqueeze": 2, "Dropout": 3, "Range": 3, "OneHot": 3, "Trilu": 2, "TopK": 2,
	"LSTM": 8, "GRU": 6, "RNN": 6, "GridSample": 2, "Constant": 0,
	"Add": 2, "Sub": 2, "Mul": 2, "Div": 2, "Mod": 2, "Pow": 2, "And": 2, "Or": 2, "Xor": 2, "BitShift": 2,
	"BitwiseAnd": 2, "BitwiseOr": 2, "BitwiseXor": 2, "Equal": 2, "Greater": 2, "GreaterOrEqual": 2, "Less": 2, "LessOrEqual": 2,
	"ReduceMean": 2, "ReduceSum": 2, "ReduceMax": 2, "ReduceMin": 2, "ReduceProd": 2, "ReduceL1": 2, "ReduceL2": 2,
	"ReduceSumSquare": 2, "ReduceLogSum": 2, "ReduceLogSumExp": 2,
	"Concat": math.MaxInt, "Sum": math.MaxInt, "Mean": math.MaxInt, "Max": math.MaxInt, "Min": math.MaxInt, "Einsum": math.MaxInt,
}

// takes is how many inputs an operator takes at most.
func takes(op string) int {
	if n, ok := most[op]; ok {
		return n
	}
	return 1
}

// refusal is why an operator without a rule is refused.
func refusal(op, domain string) string {
	if domain != "" {
		return "it is not one of ONNX's own operators"
	}
	switch op {
	case "Loop", "Scan":
		return "how often its body runs is known only while the model runs"
	case "Compress", "Unique", "NonMaxSuppression":
		return "the shape of its output is known only while the model runs"
	case "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial":
		return "its output is random"
	case "StringNormalizer", "TfIdfVectorizer", "StringConcat", "StringSplit", "RegexFullMatch", "LabelEncoder":
		return "it works on texts"
	}
	if len(op) > 8 && (op[:8] == "Sequence" || op[:8] == "Optional") || op == "Optional" || op == "SplitToSequence" || op == "ConcatFromSequence" {
		return "it works on sequences or optional values"
	}
	return "nothing is known of its shapes here"
}

// broadcast is the shape to which the inputs' shapes extend each other.
func (c *call) broadcast(inputs ...*Value) []int64 {
	var out []int64
	for _, v := range inputs {
		s := v.Shape
		if len(s) > len(out) {
			longer := append([]int64{}, s...)
			s, out = out, longer
		} else {
			out = append([]int64{}, out...)
		}
		for i, d := range s {
			at := &out[len(out)-len(s)+i]
			switch {
			case *at == 1:
				*at = d
			case d != 1 && d != *at:
				c.fail("%d and %d cannot be broadcast to each other", *at, d)
			}
		}
	}
	return out
}

// alike fails unless the inputs from first on have one type, which it gives.
func (c *call) alike(first int) tensor.Type {
	t := c.in(first).Type
	for i := first; i < len(c.Inputs); i++ {
		if c.in(i).Type != t {
			c.fail("its inputs have different types")
		}
	}
	return t
}
