package plan

import (
	"errors"
	"fmt"
	"math"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

// class is the type that an element-wise program computes in.
type class uint8

const (
	inFloat class = iota
	inDouble
	inWhole // int64
)

// suffix is that of the kernels which compute in the class.
func (c class) suffix() string { return [...]string{"f32", "f64", "i64"}[c] }

func (c class) kernel() string { return "map_" + c.suffix() }

func isFloat(t tensor.Type) bool {
	return t == tensor.Float32 || t == tensor.Float16 || t == tensor.BFloat16
}

// classOf is what a node computes in: the widest of its inputs.
func classOf(n *graph.Node) class {
	c := inWhole
	for _, v := range n.Inputs {
		switch {
		case v == nil:
		case v.Type == tensor.Float64:
			return inDouble
		case isFloat(v.Type):
			c = inFloat
		}
	}
	return c
}

// term is an element-wise operator as instructions: of its inputs, in the node's order, each already
// broadcast to the output's shape.
type term struct {
	// first is the input that goes into the accumulator; the steps follow on it.
	first int
	steps []step
}

// step is an instruction whose operand is an input of the node, a number, or nothing.
type step struct {
	op      kernels.Op
	input   int // -1: none
	a, b    float64
	whole   bool       // a and b are exact as int64 only
	reverse kernels.Op // the same with accumulator and operand exchanged; 0: not possible
	keep    bool       // store the accumulator in a register of its own, for recall
	recall  bool       // the operand is that register
}

var errNoTerm = errors.New("it is not element-wise")

var unaryOps = map[string]kernels.Op{
	"Neg": kernels.OpNeg, "Abs": kernels.OpAbs, "Sign": kernels.OpSign, "Sqrt": kernels.OpSqrt, "Exp": kernels.OpExp, "Log": kernels.OpLog,
	"Reciprocal": kernels.OpReciprocal, "Floor": kernels.OpFloor, "Ceil": kernels.OpCeil, "Round": kernels.OpRound, "Erf": kernels.OpErf,
	"Sin": kernels.OpSin, "Cos": kernels.OpCos, "Tan": kernels.OpTan, "Asin": kernels.OpAsin, "Acos": kernels.OpAcos, "Atan": kernels.OpAtan,
	"Sinh": kernels.OpSinh, "Cosh": kernels.OpCosh, "Asinh": kernels.OpAsinh, "Acosh": kernels.OpAcosh, "Atanh": kernels.OpAtanh,
	"Tanh": kernels.OpTanh, "Sigmoid": kernels.OpSigmoid, "Relu": kernels.OpRelu, "Softplus": kernels.OpSoftplus, "Softsign": kernels.OpSoftsign,
	"Mish": kernels.OpMish, "HardSwish": kernels.OpHardSwish, "IsNaN": kernels.OpIsNaN, "Not": kernels.OpNot, "BitwiseNot": kernels.OpBitNot,
	"Silu": kernels.OpSilu,
}

// inDoubleToo and inWholeToo are the operators of one input that those classes have.
var inDoubleToo = map[kernels.Op]bool{
	kernels.OpNeg: true, kernels.OpAbs: true, kernels.OpSign: true, kernels.OpSqrt: true, kernels.OpExp: true, kernels.OpLog: true,
	kernels.OpReciprocal: true, kernels.OpFloor: true, kernels.OpCeil: true, kernels.OpRound: true, kernels.OpErf: true, kernels.OpTanh: true,
	kernels.OpSigmoid: true, kernels.OpRelu: true, kernels.OpIsNaN: true, kernels.OpNot: true, kernels.OpClip: true, kernels.OpAffine: true, kernels.OpIsInf: true,
}
var inWholeToo = map[kernels.Op]bool{
	kernels.OpNeg: true, kernels.OpAbs: true, kernels.OpSign: true, kernels.OpRelu: true, kernels.OpNot: true, kernels.OpBitNot: true, kernels.OpClip: true,
}

// binaryOps have the instruction for (accumulator, operand) and the one for (operand, accumulator).
var binaryOps = map[string][2]kernels.Op{
	"Add": {kernels.OpAdd, kernels.OpAdd}, "Sub": {kernels.OpSub, kernels.OpSubFrom}, "Mul": {kernels.OpMul, kernels.OpMul},
	"Div": {kernels.OpDiv, kernels.OpDivInto}, "Pow": {kernels.OpPow, kernels.OpPowOf}, "PRelu": {kernels.OpPRelu, kernels.OpPReluOf},
	"And": {kernels.OpAnd, kernels.OpAnd}, "Or": {kernels.OpOr, kernels.OpOr}, "Xor": {kernels.OpXor, kernels.OpXor},
	"Equal": {kernels.OpEqual, kernels.OpEqual}, "Greater": {kernels.OpGreater, kernels.OpLess},
	"GreaterOrEqual": {kernels.OpGreaterOrEqual, kernels.OpLessOrEqual}, "Less": {kernels.OpLess, kernels.OpGreater},
	"LessOrEqual": {kernels.OpLessOrEqual, kernels.OpGreaterOrEqual}, "BitwiseAnd": {kernels.OpBitAnd, kernels.OpBitAnd},
	"BitwiseOr": {kernels.OpBitOr, kernels.OpBitOr}, "BitwiseXor": {kernels.OpBitXor, kernels.OpBitXor},
	"Max": {kernels.OpMax, kernels.OpMax}, "Min": {kernels.OpMin, kernels.OpMin}, "Sum": {kernels.OpAdd, kernels.OpAdd}, "Mean": {kernels.OpAdd, kernels.OpAdd},
}

// parameters are the defaults of operators with one or two numbers.
var parameters = map[string]struct {
	op   kernels.Op
	a, b string
	x, y float32
}{
	"HardSigmoid": {kernels.OpHardSigmoid, "alpha", "beta", 0.2, 0.5}, "LeakyRelu": {kernels.OpLeakyRelu, "alpha", "", 0.01, 0},
	"Elu": {kernels.OpElu, "alpha", "", 1, 0}, "Selu": {kernels.OpSelu, "alpha", "gamma", 1.67326319217681884765625, 1.05070102214813232421875},
	"Celu": {kernels.OpCelu, "alpha", "", 1, 0}, "ThresholdedRelu": {kernels.OpThresholdedRelu, "alpha", "", 1, 0},
	"Shrink": {kernels.OpShrink, "lambd", "bias", 0.5, 0},
}

// termOf reads a node as instructions; errNoTerm where it is not element-wise, another error
// where it is but has no instruction for its types.
func termOf(n *graph.Node) (term, error) {
	if op, ok := unaryOps[n.Op]; ok {
		return one(n, op, 0, 0)
	}
	if p, ok := parameters[n.Op]; ok {
		return one(n, p.op, float64(n.Float(p.a, p.x)), float64(n.Float(p.b, p.y)))
	}
	if ops, ok := binaryOps[n.Op]; ok {
		return fold(n, ops)
	}
	switch n.Op {
	case "Gelu":
		if n.Text("approximate", "none") == "tanh" {
			return one(n, kernels.OpGeluTanh, 0, 0)
		}
		return one(n, kernels.OpGelu, 0, 0)
	case "IsInf":
		return one(n, kernels.OpIsInf, float64(n.Int("detect_negative", 1)), float64(n.Int("detect_positive", 1)))
	case "Identity":
		return term{}, nil
	case "Cast":
		return cast(n)
	case "Clip":
		return clip(n)
	case "Mod":
		ops := [2]kernels.Op{kernels.OpMod, kernels.OpModOf}
		if n.Int("fmod", 0) != 0 {
			ops = [2]kernels.Op{kernels.OpFmod, kernels.OpFmodOf}
		}
		return fold(n, ops)
	case "BitShift":
		if n.Text("direction", "") == "LEFT" {
			return fold(n, [2]kernels.Op{kernels.OpShiftLeft, kernels.OpShiftLeftOf})
		}
		return fold(n, [2]kernels.Op{kernels.OpShiftRight, kernels.OpShiftRightOf})
	case "Where":
		return term{first: 1, steps: []step{{op: kernels.OpWhere, input: 2}}}, refuseWide(n)
	case "BatchNormalization":
		return batchNormalization(n)
	case "QuantizeLinear":
		return quantize(n)
	case "DequantizeLinear":
		return dequantize(n)
	}
	return term{}, errNoTerm
}

func one(n *graph.Node, op kernels.Op, a, b float64) (term, error) {
	switch classOf(n) {
	case inDouble:
		if !inDoubleToo[op] {
			return term{}, errors.New("its data is of type float64")
		}
	case inWhole:
		if !inWholeToo[op] {
			return term{}, fmt.Errorf("its data is of type %s", n.Inputs[0].Type)
		}
	}
	return term{steps: []step{{op: op, input: -1, a: a, b: b}}}, refuseWide(n)
}

func fold(n *graph.Node, ops [2]kernels.Op) (term, error) {
	t := term{}
	for i := 1; i < len(n.Inputs); i++ {
		t.steps = append(t.steps, step{op: ops[0], reverse: ops[1], input: i})
	}
	if n.Op == "Mean" {
		t.steps = append(t.steps, step{op: kernels.OpAffine, input: -1, a: 1 / float64(len(n.Inputs))})
	}
	return t, refuseWide(n)
}

// refuseWide refuses uint64 where its upper half matters: elements are held as int64.
func refuseWide(n *graph.Node) error {
	switch n.Op {
	case "Add", "Sub", "Mul", "Equal", "Where", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "Identity":
		return nil
	}
	for _, v := range n.Inputs {
		if v != nil && v.Type == tensor.Uint64 {
			return errors.New("its data is of type uint64")
		}
	}
	return nil
}

// cast converts when the result is stored; only a bool in the middle of a chain needs a step.
func cast(n *graph.Node) (term, error) {
	t := term{}
	if n.Outputs[0].Type == tensor.Bool && n.Inputs[0].Type != tensor.Bool {
		t.steps = []step{{op: kernels.OpNot, input: -1}, {op: kernels.OpNot, input: -1}}
	}
	return t, refuseWide(n)
}

func clip(n *graph.Node) (term, error) {
	lo, hi := n.Input(1), n.Input(2)
	a, okA := number(lo)
	b, okB := number(hi)
	if (lo == nil || okA) && (hi == nil || okB) {
		if lo == nil {
			a = math.Inf(-1)
		}
		if hi == nil {
			b = math.Inf(1)
		}
		s := step{op: kernels.OpClip, input: -1, a: a, b: b}
		if classOf(n) == inWhole {
			s.whole = true
			s.a, s.b = math.Max(a, math.MinInt64), math.Min(b, math.MaxInt64)
		}
		if classOf(n) != inDouble || float64(float32(a)) == a && float64(float32(b)) == b {
			return term{steps: []step{s}}, refuseWide(n)
		}
	}
	t := term{}
	if lo != nil {
		t.steps = append(t.steps, step{op: kernels.OpMax, reverse: kernels.OpMax, input: 1})
	}
	if hi != nil {
		t.steps = append(t.steps, step{op: kernels.OpMin, reverse: kernels.OpMin, input: 2})
	}
	return t, refuseWide(n)
}

// batchNormalization is (x - mean) / sqrt(variance + epsilon) * scale + bias, of inputs x, scale,
// bias, mean, variance; what is constant of it is made one factor and one summand by fusion.
func batchNormalization(n *graph.Node) (term, error) {
	if n.Int("training_mode", 0) != 0 || len(n.Outputs) > 1 {
		return term{}, errors.New("it is in training mode")
	}
	return term{first: 4, steps: []step{
		{op: kernels.OpAffine, input: -1, a: 1, b: float64(n.Float("epsilon", 1e-5))},
		{op: kernels.OpSqrt, input: -1},
		{keep: true},
		{op: kernels.OpLoad, input: 0},
		{op: kernels.OpSub, input: 3},
		{op: kernels.OpDiv, recall: true, input: -1},
		{op: kernels.OpMul, input: 1},
		{op: kernels.OpAdd, input: 2},
	}}, nil
}

var quantizedRange = map[tensor.Type][2]float64{
	tensor.Uint8: {0, 255}, tensor.Int8: {-128, 127}, tensor.Uint16: {0, 65535}, tensor.Int16: {-32768, 32767},
}

func quantize(n *graph.Node) (term, error) {
	limits, ok := quantizedRange[n.Outputs[0].Type]
	if !ok || !isFloat(n.Inputs[0].Type) {
		return term{}, fmt.Errorf("it turns %s into %s", n.Inputs[0].Type, n.Outputs[0].Type)
	}
	if blocked(n) {
		return term{}, errors.New("its scale is of blocks")
	}
	t := term{steps: []step{{op: kernels.OpDiv, input: 1}, {op: kernels.OpRound, input: -1}}}
	if n.Input(2) != nil {
		t.steps = append(t.steps, step{op: kernels.OpAdd, input: 2})
	}
	t.steps = append(t.steps, step{op: kernels.OpClip, input: -1, a: limits[0], b: limits[1]})
	return t, nil
}

func dequantize(n *graph.Node) (term, error) {
	if blocked(n) || !isFloat(n.Inputs[1].Type) {
		return term{}, errors.New("its scale is of blocks or of type " + n.Inputs[1].Type.String())
	}
	t := term{}
	if n.Input(2) != nil {
		t.steps = append(t.steps, step{op: kernels.OpSub, input: 2})
	}
	t.steps = append(t.steps, step{op: kernels.OpMul, input: 1})
	return t, nil
}

func blocked(n *graph.Node) bool {
	return n.Int("block_size", 0) != 0 || len(n.Inputs[1].Shape) > 1
}

// number is the value of a constant of one element.
func number(v *graph.Value) (float64, bool) {
	if v == nil || v.Constant == nil || v.Elements() != 1 {
		return 0, false
	}
	t := v.Constant
	switch t.Type {
	case tensor.Float32:
		return float64(tensor.View[float32](t)[0]), true
	case tensor.Float64:
		return tensor.View[float64](t)[0], true
	case tensor.Int64:
		return float64(tensor.View[int64](t)[0]), true
	case tensor.Int32:
		return float64(tensor.View[int32](t)[0]), true
	case tensor.Int16:
		return float64(tensor.View[int16](t)[0]), true
	case tensor.Int8:
		return float64(tensor.View[int8](t)[0]), true
	case tensor.Uint8, tensor.Bool:
		return float64(t.Data[0]), true
	}
	return 0, false
}
