package plan

import (
	"errors"
	"math"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

// chain is element-wise nodes that one launch computes: those whose values only each other use,
// and root, whose output is stored.
type chain struct {
	root    *graph.Node
	members map[*graph.Node]bool
	class   class
	code    []kernels.Instruction
	wide    [2]int64
	wideSet bool
	inputs  []operandView
}

// operandView is a value as the chain's output sees it.
type operandView struct {
	value   *graph.Value
	strides []int64 // one a dimension of the output
}

var errTooLong = errors.New("it takes too many instructions or inputs")

// compile writes the instructions of a chain. uses counts how often members take a value,
// producers finds the member that gives it.
func (c *chain) compile(uses map[*graph.Value]int, producers map[*graph.Value]*graph.Node) error {
	c.code, c.inputs, c.wideSet = nil, nil, false
	w := &chainWriter{chain: c, uses: uses, producers: producers, registers: map[*graph.Value]uint8{}}
	if err := w.node(c.root); err != nil {
		return err
	}
	if len(c.code) > kernels.MapCode || len(c.inputs) > kernels.MapInputs {
		return errTooLong
	}
	return nil
}

type chainWriter struct {
	*chain
	uses      map[*graph.Value]int
	producers map[*graph.Value]*graph.Node
	registers map[*graph.Value]uint8 // values that are kept because they are taken again
	free      uint8                  // the next register
}

func (w *chainWriter) emit(i kernels.Instruction) { w.code = append(w.code, i) }

// keep stores the accumulator in a register.
func (w *chainWriter) keep() (uint8, error) {
	if w.free == 4 {
		return 0, errTooLong
	}
	r := w.free
	w.free++
	w.emit(kernels.Instruction{Op: kernels.OpStore, Source: kernels.FromRegister, Index: r})
	return r, nil
}

// member is the node of the chain that gives a value, nil where it is an input of the chain.
func (w *chainWriter) member(v *graph.Value) *graph.Node {
	if n := w.producers[v]; n != nil && w.members[n] {
		return n
	}
	return nil
}

// operand is what gives a value without touching the accumulator: an input, a number, a register.
// ok is false for a member that is not computed yet.
func (w *chainWriter) operand(n *graph.Node, v *graph.Value) (in kernels.Instruction, ok bool) {
	if r, kept := w.registers[v]; kept {
		return kernels.Instruction{Source: kernels.FromRegister, Index: r}, true
	}
	if w.member(v) != nil {
		return in, false
	}
	if x, is := number(v); is && exact(x, v.Type) {
		return kernels.Instruction{Source: kernels.FromConstant, A: float32(x)}, true
	}
	return kernels.Instruction{Source: kernels.FromInput, Index: w.input(view(n, v, w.root.Outputs[0].Shape))}, true
}

// exact tells whether a number is the same as float32.
func exact(x float64, t tensor.Type) bool {
	return isFloat(t) || float64(float32(x)) == x && math.Abs(x) < 1<<24
}

func (w *chainWriter) input(v operandView) uint8 {
	for i, known := range w.inputs {
		if known.value == v.value && equal(known.strides, v.strides) {
			return uint8(i)
		}
	}
	w.inputs = append(w.inputs, v)
	return uint8(min(len(w.inputs)-1, kernels.MapInputs)) // too many are found out at the end
}

// node computes a member into the accumulator, and keeps it where others take it too.
func (w *chainWriter) node(n *graph.Node) error {
	t, err := termOf(n)
	if err != nil {
		return err
	}
	operands, last, err := w.prepare(n, t)
	if err != nil {
		return err
	}
	condition := uint8(0)
	if n.Op == "Where" {
		if condition, err = w.condition(operands); err != nil {
			return err
		}
	}
	steps, err := w.begin(n, t, operands, last)
	if err != nil {
		return err
	}
	if err := w.apply(steps, operands, condition); err != nil {
		return err
	}
	if v := n.Outputs[0]; n != w.root && w.uses[v] > 1 {
		w.registers[v], err = w.keep()
	}
	return err
}

// prepared is an operand that can be taken without touching the accumulator, once it is ready.
type prepared struct {
	kernels.Instruction
	ready bool
}

// prepare makes the operands of a node ready: members are computed into registers. But for one: the last member, at
// index last, is left for the accumulator where the first step can take it from there; else last is -1.
func (w *chainWriter) prepare(n *graph.Node, t term) (operands []prepared, last int, err error) {
	operands, last = make([]prepared, len(n.Inputs)), -1
	used := []int{t.first}
	if n.Op == "Where" {
		used = []int{0, t.first}
	}
	for _, s := range t.steps {
		if s.input >= 0 && !s.keep {
			used = append(used, s.input)
		}
	}
	for _, i := range used {
		if operands[i].Instruction, operands[i].ready = w.operand(n, n.Inputs[i]); !operands[i].ready {
			last = i
		}
	}
	if last != t.first && (last < 0 || len(t.steps) == 0 || t.steps[0].input != last || t.steps[0].reverse == 0) {
		last = -1
	}
	for _, i := range used {
		v := n.Inputs[i]
		if operands[i].ready || i == last {
			continue
		}
		// Another operand may have computed it meanwhile.
		if operands[i].Instruction, operands[i].ready = w.operand(n, v); operands[i].ready {
			continue
		}
		if err := w.node(w.member(v)); err != nil {
			return nil, 0, err
		}
		if _, kept := w.registers[v]; !kept {
			if w.registers[v], err = w.keep(); err != nil {
				return nil, 0, err
			}
		}
		operands[i] = prepared{kernels.Instruction{Source: kernels.FromRegister, Index: w.registers[v]}, true}
	}
	return operands, last, nil
}

// condition is the register of a Where's condition.
func (w *chainWriter) condition(operands []prepared) (uint8, error) {
	if !operands[2].ready {
		return 0, errTooLong
	}
	in := operands[0].Instruction
	if in.Source == kernels.FromRegister {
		return in.Index, nil
	}
	in.Op = kernels.OpLoad
	w.emit(in)
	return w.keep()
}

// begin brings the first operand, or the member that was left for it, into the accumulator, and gives the steps
// that are still to be done.
func (w *chainWriter) begin(n *graph.Node, t term, operands []prepared, last int) ([]step, error) {
	first := operands[t.first].Instruction
	if last < 0 {
		first.Op = kernels.OpLoad
		w.emit(first)
		return t.steps, nil
	}
	v := n.Inputs[last]
	if r, kept := w.registers[v]; kept {
		w.emit(kernels.Instruction{Op: kernels.OpLoad, Source: kernels.FromRegister, Index: r})
	} else if err := w.node(w.member(v)); err != nil {
		return nil, err
	}
	if last == t.first {
		return t.steps, nil
	}
	first.Op = t.steps[0].reverse
	w.emit(first)
	return t.steps[1:], nil
}

// apply writes the steps on the accumulator.
func (w *chainWriter) apply(steps []step, operands []prepared, condition uint8) (err error) {
	kept := uint8(0)
	for _, s := range steps {
		in := kernels.Instruction{Op: s.op, A: float32(s.a), B: float32(s.b)}
		switch {
		case s.keep:
			if kept, err = w.keep(); err != nil {
				return err
			}
			continue
		case s.recall:
			in.Source, in.Index = kernels.FromRegister, kept
		case s.input >= 0:
			if !operands[s.input].ready {
				return errTooLong
			}
			in = operands[s.input].Instruction
			in.Op = s.op
		case s.whole:
			if w.wideSet {
				return errTooLong
			}
			w.wideSet, w.wide, in.Wide = true, [2]int64{toInt64(s.a), toInt64(s.b)}, 1
		}
		if s.op == kernels.OpWhere {
			in.Index |= condition << 4
		}
		w.emit(in)
	}
	return nil
}

func toInt64(x float64) int64 {
	if x >= math.MaxInt64 {
		return math.MaxInt64
	}
	if x <= math.MinInt64 {
		return math.MinInt64
	}
	return int64(x)
}

func equal(a, b []int64) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// view is an input of n as an array of the output's shape: by ONNX's broadcasting, or along the
// axis of operators that scale by channel.
func view(n *graph.Node, v *graph.Value, shape []int64) operandView {
	own := v.Shape
	axis := int64(-1)
	switch n.Op {
	case "BatchNormalization":
		if v != n.Inputs[0] {
			axis = 1
		}
	case "QuantizeLinear", "DequantizeLinear":
		if v != n.Inputs[0] && len(own) == 1 && own[0] > 1 {
			if axis = n.Int("axis", 1); axis < 0 {
				axis += int64(len(shape))
			}
		}
	}
	strides := make([]int64, len(shape))
	if axis >= 0 {
		if int(axis) < len(shape) && own[0] > 1 {
			strides[axis] = 1
		}
		return operandView{v, strides}
	}
	step := int64(1)
	for i := len(own) - 1; i >= 0; i-- {
		at := i + len(shape) - len(own)
		if own[i] != 1 && at >= 0 {
			strides[at] = step
		}
		step *= own[i]
	}
	return operandView{v, strides}
}

// mapChain launches a chain.
func (b *builder) mapChain(c *chain) error {
	out := c.root.Outputs[0]
	n := out.Elements()
	to := b.result(out)
	if n == 0 {
		return nil
	}
	walks := make([][]int64, len(c.inputs))
	for i, in := range c.inputs {
		walks[i] = in.strides
	}
	sizes, walks := merge(out.Shape, walks)
	if len(sizes) > kernels.MapDims {
		return errors.New("it broadcasts over more than 6 dimensions")
	}
	p := &kernels.Map{N: uint32(n), Dims: int32(len(sizes)), Length: int32(len(c.code)), OutType: uint8(out.Type), Wide: c.wide}
	copy(p.Code[:], c.code)
	for d, size := range sizes {
		p.Size[d] = kernels.NewDivisor(size)
	}
	bindings := []binding{bind(&p.Out, to)}
	for i, in := range c.inputs {
		for d, s := range walks[i] {
			p.Stride[i][d] = int32(s)
		}
		p.Type[i] = uint8(in.value.Type)
		bindings = append(bindings, bind(&p.In[i], b.operand(in.value)))
	}
	grid, block := spread(n, 256)
	launch(b, c.class.kernel(), grid, block, p, bindings...)
	return nil
}

// merge drops dimensions of size 1 and joins those that all walks pass as one. The result is from
// the innermost dimension on; no walk at all gives one dimension.
func merge(shape []int64, walks [][]int64) (sizes []int64, merged [][]int64) {
	merged = make([][]int64, len(walks))
	for d := len(shape) - 1; d >= 0; d-- {
		if shape[d] == 1 {
			continue
		}
		last := len(sizes) - 1
		joins := last >= 0
		for i := range walks {
			joins = joins && walks[i][d] == merged[i][last]*sizes[last]
		}
		if joins {
			sizes[last] *= shape[d]
			continue
		}
		sizes = append(sizes, shape[d])
		for i := range walks {
			merged[i] = append(merged[i], walks[i][d])
		}
	}
	return sizes, merged
}
