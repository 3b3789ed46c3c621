package graph

import (
	"fmt"
	"math"

	"servery/engine/onnx"
	"servery/engine/tensor"
)

// call is a node while its rule works on it: a rule reads Inputs and Attributes, sets
// Outputs, and puts the node into the one form that the package's documentation states.
type call struct {
	*Node
	r      *resolver
	key    foldKey
	wanted []bool // which outputs are used; there are as many as the file lists
	static bool   // its outputs depend on no input of the model
}

// failure carries a rule's error to infer.
type failure struct{ err error }

// infer applies the rule of the node's operator.
func (c *call) infer() (err error) {
	rule, ok := rules[c.Op]
	if c.Domain != "" || !ok {
		return &UnsupportedError{Node: c.Name, Op: c.operator(), Reason: refusal(c.Op, c.Domain)}
	}
	defer func() {
		if f := recover(); f != nil {
			known, ok := f.(failure)
			if !ok {
				panic(f)
			}
			err = known.err
		}
	}()
	if n := takes(c.Op); len(c.Inputs) > n {
		c.fail("it has %d inputs and takes %d", len(c.Inputs), n)
	}
	c.Outputs = make([]*Value, len(c.wanted))
	rule(c)
	return nil
}

// operator is the operator's name with its domain.
func (c *call) operator() string {
	if c.Domain == "" {
		return c.Op
	}
	return c.Domain + "." + c.Op
}

// fail ends the rule: types or shapes do not fit.
func (c *call) fail(format string, args ...any) {
	panic(failure{&ShapeError{Node: c.Name, Op: c.operator(), Inputs: shortened(describe(c.Inputs)), Reason: shortened(fmt.Sprintf(format, args...))}})
}

// shortened cuts what a hostile model would make too long to read.
func shortened(s string) string {
	const most = 300
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// unsupported ends the rule: this package cannot resolve the node.
func (c *call) unsupported(format string, args ...any) {
	panic(failure{&UnsupportedError{Node: c.Name, Op: c.operator(), Reason: shortened(fmt.Sprintf(format, args...))}})
}

// in is an input that the operator needs.
func (c *call) in(i int) *Value {
	v := c.Input(i)
	if v == nil {
		c.fail("its input %d is missing", i)
	}
	return v
}

// ranked is an input that has at least min dimensions.
func (c *call) ranked(i, min int) *Value {
	v := c.in(i)
	if len(v.Shape) < min {
		c.fail("its input %d has %d dimensions, fewer than %d", i, len(v.Shape), min)
	}
	return v
}

// wants tells whether the output i is used.
func (c *call) wants(i int) bool { return i < len(c.wanted) && c.wanted[i] }

// set says what the output i is, if it is used.
func (c *call) set(i int, t tensor.Type, shape ...int64) {
	if problem := tooLarge(t, shape); problem != "" {
		c.fail("its output %d %s", i, problem)
	}
	if c.wants(i) {
		c.Outputs[i] = &Value{Type: t, Shape: append([]int64{}, shape...)}
	}
}

// tooLarge is the end of a sentence about a shape that no tensor can have; "" for others.
func tooLarge(t tensor.Type, shape []int64) string {
	if len(shape) > maxRank {
		return fmt.Sprintf("has %d dimensions, more than %d", len(shape), maxRank)
	}
	n := int64(max(t.Size(), 1))
	for _, d := range shape {
		if d < 0 {
			return fmt.Sprintf("has the negative dimension %d", d)
		}
		if d > 0 && n > math.MaxInt64/d {
			return fmt.Sprintf("has the shape %v, which is larger than memory can be", shape)
		}
		n *= d
	}
	return ""
}

// constant is an input whose value must be known.
func (c *call) constant(i int, what string) *tensor.Tensor {
	v := c.in(i)
	if v.Constant == nil {
		c.unsupported("its %s is known only while the model runs", what)
	}
	return v.Constant
}

// integers are the elements of an input of int64 or int32 whose value must be known; nil
// where it is left out.
func (c *call) integers(i int, what string) []int64 {
	if c.Input(i) == nil {
		return nil
	}
	n, ok := integersOf(c.constant(i, what))
	if !ok {
		c.fail("its %s is no list of integers", what)
	}
	return n
}

// integersOf are the elements of a tensor of int64 or int32.
func integersOf(t *tensor.Tensor) (n []int64, ok bool) {
	switch t.Type {
	case tensor.Int64:
		return append([]int64{}, tensor.View[int64](t)...), true
	case tensor.Int32:
		n = make([]int64, 0, len(t.Data)/4)
		for _, v := range tensor.View[int32](t) {
			n = append(n, int64(v))
		}
		return n, true
	}
	return nil, false
}

// integer is the one element of an input whose value must be known.
func (c *call) integer(i int, what string) int64 {
	n := c.integers(i, what)
	if len(n) != 1 {
		c.fail("its %s has %d elements in place of one", what, len(n))
	}
	return n[0]
}

// either are integers that older operator sets state as an attribute and newer ones as the
// input i. The input is taken away; given tells whether they are stated at all.
func (c *call) either(name string, i int) (n []int64, given bool) {
	if c.Input(i) != nil {
		return c.integers(i, name), true
	}
	return c.Ints(name), c.Has(name)
}

// axis is the axis a of rank dimensions, counted from the front.
func (c *call) axis(a int64, rank int) int64 {
	if a < -int64(rank) || a >= int64(rank) {
		c.fail("its axis %d is none of %d dimensions", a, rank)
	}
	if a < 0 {
		a += int64(rank)
	}
	return a
}

// axes are axes counted from the front, each once.
func (c *call) axes(axes []int64, rank int) []int64 {
	if rank > maxRank {
		c.fail("it has %d dimensions, more than %d", rank, maxRank)
	}
	seen := make([]bool, rank)
	out := make([]int64, len(axes))
	for i, a := range axes {
		a = c.axis(a, rank)
		if seen[a] {
			c.fail("its axis %d is given twice", a)
		}
		seen[a], out[i] = true, a
	}
	return out
}

// keep leaves the first n inputs.
func (c *call) keep(n int) { c.Inputs = c.Inputs[:min(n, len(c.Inputs))] }

func (c *call) setInt(name string, n int64) {
	c.Attributes[name] = Attribute{Kind: onnx.AttributeInt, Int: n}
}

func (c *call) setInts(name string, n []int64) {
	c.Attributes[name] = Attribute{Kind: onnx.AttributeInts, Ints: n}
}

func (c *call) setFloats(name string, f []float32) {
	c.Attributes[name] = Attribute{Kind: onnx.AttributeFloats, Floats: f}
}

func (c *call) setText(name, text string) {
	c.Attributes[name] = Attribute{Kind: onnx.AttributeText, Text: text}
}

func (c *call) drop(names ...string) {
	for _, name := range names {
		delete(c.Attributes, name)
	}
}

// become makes the node one of an operator without attributes, with its first input only.
func (c *call) become(op string) {
	c.Op, c.Attributes = op, map[string]Attribute{}
	c.keep(1)
}

// scalar is a constant of one element that stands in for an input: older operator sets have
// attributes in its place.
func (c *call) scalar(t tensor.Type, f float64, step int) *Value {
	if !isFloat(t) && !isInteger(t) {
		c.unsupported("it works on %s", t)
	}
	key := c.key
	key.step = step
	w := c.r.model.constants(key, func() []*tensor.Tensor { return []*tensor.Tensor{filled(t, nil, f)} })
	v := &Value{Name: c.Name + " constant", Type: t, Shape: []int64{}, Constant: w[0]}
	c.r.static[v] = true
	return v
}

// reshaped is a value in another shape: a node before this one, or a constant.
func (c *call) reshaped(v *Value, shape []int64, step int) *Value {
	before := &call{r: c.r, key: c.key, wanted: []bool{true}, static: c.r.static[v]}
	before.key.step = step
	before.Node = &Node{Name: c.Name + " reshape", Op: "Reshape", Opset: c.Opset, Inputs: []*Value{v}, Attributes: map[string]Attribute{}}
	out := &Value{Name: v.Name + " reshaped", Type: v.Type, Shape: shape}
	before.Outputs = []*Value{out}
	c.r.fold(before)
	return out
}
