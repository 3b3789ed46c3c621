package graph

import (
	"math"
	"slices"

	"servery/engine/tensor"
)

// evaluators compute a node, in the one form, from the constants of its inputs. They give one
// tensor an output, or nil for types or values that they leave to a run.
var evaluators map[string]func(n *Node) []*tensor.Tensor

func init() {
	evaluators = map[string]func(n *Node) []*tensor.Tensor{
		"Identity": evaluateView, "Reshape": evaluateView, "Cast": evaluateCast,
		"Transpose": evaluateTranspose, "Slice": evaluateSlice, "Split": evaluateSplit, "Expand": evaluateExpand,
		"Tile": evaluateTile, "Concat": evaluateConcat, "Gather": evaluateGather, "ScatterND": evaluateScatterND,
		"Pad": evaluatePad, "Where": evaluateWhere, "Clip": evaluateClip, "Trilu": evaluateTrilu,
		"ConstantOfShape": evaluateConstantOfShape, "Range": evaluateRange, "EyeLike": evaluateEyeLike, "OneHot": evaluateOneHot,
		"DequantizeLinear": evaluateDequantize,
	}
	for op := range binaries {
		evaluators[op] = evaluateBinary
	}
	for op := range unaries {
		evaluators[op] = evaluateUnary
	}
	for op := range reductions {
		evaluators[op] = evaluateReduce
	}
}

// binary is how an operator joins two elements; an integer one is nil where there is none.
type binary struct {
	floats func(a, b float64) float64
	ints   func(a, b int64) int64
}

var binaries = map[string]binary{
	"Add": {func(a, b float64) float64 { return a + b }, func(a, b int64) int64 { return a + b }},
	"Sum": {func(a, b float64) float64 { return a + b }, nil},
	"Sub": {func(a, b float64) float64 { return a - b }, func(a, b int64) int64 { return a - b }},
	"Mul": {func(a, b float64) float64 { return a * b }, func(a, b int64) int64 { return a * b }},
	"Div": {func(a, b float64) float64 { return a / b }, func(a, b int64) int64 { return a / b }},
	"Mod": {math.Mod, floorMod},
	"Pow": {math.Pow, nil},
	"Max": {math.Max, func(a, b int64) int64 { return max(a, b) }},
	"Min": {math.Min, func(a, b int64) int64 { return min(a, b) }},
	"And": {nil, func(a, b int64) int64 { return a & b }},
	"Or":  {nil, func(a, b int64) int64 { return a | b }},
	"Xor": {nil, func(a, b int64) int64 { return a ^ b }},

	"Equal":          {func(a, b float64) float64 { return truth(a == b) }, func(a, b int64) int64 { return truth64(a == b) }},
	"Greater":        {func(a, b float64) float64 { return truth(a > b) }, func(a, b int64) int64 { return truth64(a > b) }},
	"GreaterOrEqual": {func(a, b float64) float64 { return truth(a >= b) }, func(a, b int64) int64 { return truth64(a >= b) }},
	"Less":           {func(a, b float64) float64 { return truth(a < b) }, func(a, b int64) int64 { return truth64(a < b) }},
	"LessOrEqual":    {func(a, b float64) float64 { return truth(a <= b) }, func(a, b int64) int64 { return truth64(a <= b) }},
}

func truth64(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func truth(b bool) float64 { return float64(truth64(b)) }

// floorMod has the sign of b.
func floorMod(a, b int64) int64 {
	m := a % b
	if m != 0 && m < 0 != (b < 0) {
		m += b
	}
	return m
}

// evaluateBinary joins all inputs, two at a time.
func evaluateBinary(n *Node) []*tensor.Tensor {
	op, out := binaries[n.Op], n.Outputs[0]
	first := n.Inputs[0].Constant
	if isFloat(first.Type) {
		sum, ok := asFloats(first)
		if op.floats == nil || !ok || n.Op == "Mod" && n.Int("fmod", 0) == 0 {
			return nil
		}
		shape := first.Shape
		for k, v := range n.Inputs {
			next, ok := asFloats(v.Constant)
			if !ok {
				return nil
			}
			if k > 0 {
				shape, sum = joined(shape, v.Shape, sum, next, op.floats)
			}
		}
		return []*tensor.Tensor{fromFloats(out.Type, out.Shape, sum)}
	}
	if op.ints == nil {
		return nil
	}
	if n.Op == "Mod" && n.Int("fmod", 0) != 0 {
		op.ints = func(a, b int64) int64 { return a % b }
	}
	shape := first.Shape
	sum, ok := asInts(first)
	for k, v := range n.Inputs {
		next, right := asInts(v.Constant)
		ok = ok && right && v.Type == first.Type
		if !ok || (n.Op == "Div" || n.Op == "Mod") && k > 0 && slices.Contains(next, 0) {
			return nil
		}
		if k > 0 {
			shape, sum = joined(shape, v.Shape, sum, next, op.ints)
		}
	}
	return []*tensor.Tensor{fromInts(out.Type, out.Shape, sum)}
}

// joined are two tensors, broadcast to each other and joined by fn.
func joined[T any](a, b []int64, x, y []T, fn func(a, b T) T) (shape []int64, out []T) {
	shape = extended(a, b)
	out = make([]T, elements(shape))
	walk(shape, [][]int64{stretched(a, shape), stretched(b, shape)}, func(i int64, at []int64) {
		out[i] = fn(x[at[0]], y[at[1]])
	})
	return shape, out
}

var unaries = map[string]func(x float64) float64{
	"Neg": func(x float64) float64 { return -x }, "Abs": math.Abs, "Sqrt": math.Sqrt, "Exp": math.Exp, "Log": math.Log,
	"Floor": math.Floor, "Ceil": math.Ceil, "Round": math.RoundToEven, "Erf": math.Erf, "Sin": math.Sin, "Cos": math.Cos,
	"Tanh": math.Tanh, "Reciprocal": func(x float64) float64 { return 1 / x },
	"Sigmoid": func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
	"Relu":    func(x float64) float64 { return max(x, 0) },
	"Sign":    func(x float64) float64 { return truth(x > 0) - truth(x < 0) },
	"Not":     nil, // bools only
}

// integerUnaries are the operators that work on integers too.
var integerUnaries = map[string]func(x int64) int64{
	"Neg": func(x int64) int64 { return -x }, "Abs": func(x int64) int64 { return max(x, -x) },
	"Relu": func(x int64) int64 { return max(x, 0) },
	"Sign": func(x int64) int64 { return truth64(x > 0) - truth64(x < 0) },
	"Not":  func(x int64) int64 { return 1 - x },
}

func evaluateUnary(n *Node) []*tensor.Tensor {
	x, out := n.Inputs[0].Constant, n.Outputs[0]
	if fn := unaries[n.Op]; isFloat(x.Type) && fn != nil {
		all, _ := asFloats(x)
		return []*tensor.Tensor{fromFloats(out.Type, out.Shape, mapped(all, fn))}
	}
	fn := integerUnaries[n.Op]
	all, ok := asInts(x)
	if fn == nil || !ok {
		return nil
	}
	return []*tensor.Tensor{fromInts(out.Type, out.Shape, mapped(all, fn))}
}

func evaluateCast(n *Node) []*tensor.Tensor {
	x, out := n.Inputs[0].Constant, n.Outputs[0]
	if ints, ok := asInts(x); ok && out.Type.Size() > 0 {
		return single(fromInts(out.Type, out.Shape, ints))
	}
	floats, ok := asFloats(x)
	if !ok || x.Type == tensor.Uint64 && out.Type != tensor.Uint64 && !isFloat(out.Type) || out.Type.Size() == 0 {
		return nil
	}
	if x.Type == out.Type {
		return single(&tensor.Tensor{Type: out.Type, Shape: out.Shape, Data: x.Data})
	}
	return single(fromFloats(out.Type, out.Shape, floats))
}

// single is one output, which is nil where it cannot be computed.
func single(t *tensor.Tensor) []*tensor.Tensor {
	if t == nil {
		return nil
	}
	return []*tensor.Tensor{t}
}

// reductions join the elements that are reduced to one, beginning with start.
var reductions = map[string]struct {
	start float64
	join  func(a, b float64) float64
}{
	"ReduceSum":  {0, func(a, b float64) float64 { return a + b }},
	"ReduceMean": {0, func(a, b float64) float64 { return a + b }},
	"ReduceProd": {1, func(a, b float64) float64 { return a * b }},
	"ReduceMax":  {math.Inf(-1), math.Max},
	"ReduceMin":  {math.Inf(1), math.Min},
}

func evaluateReduce(n *Node) []*tensor.Tensor {
	x, out := n.Inputs[0].Constant, n.Outputs[0]
	all, ok := asFloats(x)
	if !ok || x.Type == tensor.Uint64 || x.Type == tensor.Bool || len(all) == 0 {
		return nil
	}
	op := reductions[n.Op]
	got := make([]float64, out.Elements())
	for i := range got {
		got[i] = op.start
	}
	walk(x.Shape, [][]int64{kept(x.Shape, n.Ints("axes"))}, func(i int64, at []int64) {
		got[at[0]] = op.join(got[at[0]], all[i])
	})
	for i := range got {
		if n.Op == "ReduceMean" {
			got[i] /= float64(len(all) / len(got))
		}
		if isInteger(x.Type) && math.Abs(got[i]) > 1<<53 {
			return nil // float64 has lost digits
		}
	}
	return single(fromFloats(out.Type, out.Shape, got))
}

func evaluateClip(n *Node) []*tensor.Tensor {
	x, out := n.Inputs[0].Constant, n.Outputs[0]
	low, high := math.Inf(-1), math.Inf(1)
	for i, limit := range []*float64{&low, &high} {
		if v := n.Input(i + 1); v != nil {
			f, ok := asFloats(v.Constant)
			if !ok {
				return nil
			}
			*limit = f[0]
		}
	}
	all, ok := asFloats(x)
	if !ok || x.Type == tensor.Int64 || x.Type == tensor.Uint64 {
		return nil
	}
	return single(fromFloats(out.Type, out.Shape, mapped(all, func(f float64) float64 { return math.Min(math.Max(f, low), high) })))
}

// evaluateDequantize is for scales that are one number or one an element of an axis.
func evaluateDequantize(n *Node) []*tensor.Tensor {
	x, scale, out := n.Inputs[0].Constant, n.Inputs[1].Constant, n.Outputs[0]
	all, ok := asInts(x)
	if !ok || n.Int("block_size", 0) != 0 {
		return nil
	}
	zero := make([]int64, scale.Elements())
	if v := n.Input(2); v != nil {
		if zero, ok = asInts(v.Constant); !ok || len(zero) != int(scale.Elements()) {
			return nil
		}
	}
	by, ok := asFloats(scale)
	if !ok {
		return nil
	}
	strides := make([]int64, len(x.Shape))
	if len(by) > 1 {
		strides[n.Int("axis", 1)] = 1
	}
	got := make([]float64, len(all))
	walk(x.Shape, [][]int64{strides}, func(i int64, at []int64) {
		got[i] = float64(all[i]-zero[at[0]]) * by[at[0]]
	})
	return single(fromFloats(out.Type, out.Shape, got))
}
