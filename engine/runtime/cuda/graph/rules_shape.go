package graph

import (
	"math"
	"slices"

	"servery/engine/onnx"
	"servery/engine/tensor"
)

// The rules here give another shape to the same elements, or tell of shapes.

// view makes the node a Reshape.
func (c *call) view(shape []int64) {
	x := c.in(0)
	before, after := x.Elements(), int64(1)
	if problem := tooLarge(x.Type, shape); problem != "" {
		c.fail("its output %s", problem)
	}
	for _, d := range shape {
		after *= d
	}
	if before != after {
		c.fail("%d elements cannot have the shape %v", before, shape)
	}
	c.become("Reshape")
	c.set(0, x.Type, shape...)
}

// reshape has the shape as an attribute before operator set 5. A 0 takes the input's
// dimension unless allowzero is set, and one -1 what is left.
func reshape(c *call) {
	x := c.in(0)
	shape, given := c.either("shape", 1)
	if !given {
		c.fail("its shape is missing")
	}
	shape = append([]int64{}, shape...)
	free, rest := -1, int64(1)
	for i, d := range shape {
		if d == 0 && c.Int("allowzero", 0) == 0 {
			if i >= len(x.Shape) {
				c.fail("its shape %v takes dimension %d from the input, which has none", shape, i)
			}
			shape[i] = x.Shape[i]
		}
		switch d := shape[i]; {
		case d == -1 && free < 0:
			free = i
		case d < 0:
			c.fail("its shape is %v", shape)
		case d > 0 && rest > math.MaxInt64/d:
			c.fail("its shape %v is larger than memory can be", shape)
		default:
			rest *= d
		}
	}
	if free >= 0 {
		if rest == 0 || x.Elements()%rest != 0 {
			c.fail("%d elements cannot have the shape %v", x.Elements(), shape)
		}
		shape[free] = x.Elements() / rest
	}
	c.view(shape)
}

func flatten(c *call) {
	x := c.in(0)
	axis := c.Int("axis", 1)
	if axis != int64(len(x.Shape)) {
		axis = c.axis(axis, len(x.Shape))
	}
	rows := (&Value{Shape: x.Shape[:axis]}).Elements()
	columns := (&Value{Shape: x.Shape[axis:]}).Elements()
	c.view([]int64{rows, columns})
}

// squeeze has its axes as an attribute before operator set 13.
func squeeze(c *call) {
	x := c.in(0)
	axes, given := c.either("axes", 1)
	axes = c.axes(axes, len(x.Shape))
	if !given {
		for i, d := range x.Shape {
			if d == 1 {
				axes = append(axes, int64(i))
			}
		}
	}
	for _, a := range axes {
		if x.Shape[a] != 1 {
			c.fail("axis %d, which is to go, has %d elements", a, x.Shape[a])
		}
	}
	c.view(without(x.Shape, axes, false))
}

// unsqueeze has its axes as an attribute before operator set 13.
func unsqueeze(c *call) {
	x := c.in(0)
	axes, _ := c.either("axes", 1)
	rank := len(x.Shape) + len(axes)
	axes = c.axes(axes, rank)
	out, next := make([]int64, rank), 0
	for i := range out {
		if slices.Contains(axes, int64(i)) {
			out[i] = 1
			continue
		}
		out[i], next = x.Shape[next], next+1
	}
	c.view(out)
}

// dropout passes its input on; its mask, if used, is all true.
func dropout(c *call) {
	x := c.in(0)
	if t := c.Input(2); t != nil && (t.Constant == nil || len(t.Constant.Data) != 1 || t.Constant.Data[0] != 0) {
		c.unsupported("it is, or may be, in training mode")
	}
	c.become("Identity")
	c.set(0, x.Type, x.Shape...)
	if !c.wants(1) {
		return
	}
	mask := tensor.Bool
	if c.Opset < 10 {
		mask = x.Type
	}
	c.set(1, mask, x.Shape...)
	if c.constantAllowed(1) {
		c.Outputs[1].Constant = filled(mask, c.Outputs[1].Shape, 1)
	}
	if c.Outputs[1].Constant == nil {
		c.unsupported("its mask is used, and is too large or of a type that is no number")
	}
}

// constantAllowed tells whether the output i may be made a constant here, and counts it.
func (c *call) constantAllowed(i int) bool {
	alone := &call{Node: &Node{Outputs: []*Value{c.Outputs[i]}}}
	return c.Outputs[i] != nil && c.r.affordable(alone)
}

// hold makes t the output i.
func (c *call) hold(i int, t *tensor.Tensor) {
	c.set(i, t.Type, t.Shape...)
	if c.Outputs[i] != nil {
		c.Outputs[i].Constant = t
	}
}

func shapeOf(c *call) {
	shape := c.in(0).Shape
	rank := int64(len(shape))
	within := func(n int64) int64 {
		if n < 0 {
			n += rank
		}
		return min(max(n, 0), rank)
	}
	start, end := within(c.Int("start", 0)), within(c.Int("end", rank))
	c.hold(0, integers(shape[start:max(start, end)]))
}

// integers is a vector of int64.
func integers(n []int64) *tensor.Tensor {
	t := zeros(tensor.Int64, []int64{int64(len(n))})
	copy(tensor.View[int64](t), n)
	return t
}

func sizeOf(c *call) {
	t := integers([]int64{c.in(0).Elements()})
	t.Shape = []int64{}
	c.hold(0, t)
}

func constant(c *call) {
	floats := func(shape []int64, f ...float32) *tensor.Tensor {
		t := zeros(tensor.Float32, shape)
		copy(tensor.View[float32](t), f)
		return t
	}
	if len(c.Attributes) != 1 {
		c.fail("it states %d values in place of one", len(c.Attributes))
	}
	for name, a := range c.Attributes {
		switch {
		case name == "value" && a.Tensor != nil:
			c.hold(0, a.Tensor)
		case name == "value_int":
			t := integers([]int64{a.Int})
			t.Shape = []int64{}
			c.hold(0, t)
		case name == "value_ints":
			c.hold(0, integers(a.Ints))
		case name == "value_float":
			c.hold(0, floats([]int64{}, a.Float))
		case name == "value_floats":
			c.hold(0, floats([]int64{int64(len(a.Floats))}, a.Floats...))
		case name == "value_string":
			c.hold(0, &tensor.Tensor{Type: tensor.String, Shape: []int64{}, Strings: []string{a.Text}})
		case name == "value_strings":
			c.hold(0, &tensor.Tensor{Type: tensor.String, Shape: []int64{int64(len(a.Texts))}, Strings: a.Texts})
		default:
			c.unsupported("its value %q is of a kind that is not known here", name)
		}
	}
}

// constantOfShape is folded by its evaluator, or stays as a node without inputs.
func constantOfShape(c *call) {
	value := c.Tensor("value")
	if value == nil {
		value = zeros(tensor.Float32, []int64{1})
		c.Attributes["value"] = Attribute{Kind: onnx.AttributeTensor, Tensor: value}
	}
	if value.Elements() != 1 || value.Type.Size() == 0 {
		c.fail("its value is to have one element")
	}
	c.set(0, value.Type, c.integers(0, "shape")...)
	c.keep(0)
}

func eyeLike(c *call) {
	x := c.in(0)
	if len(x.Shape) != 2 {
		c.fail("it takes a matrix")
	}
	c.set(0, c.typeOf(c.Int("dtype", int64(x.Type))), x.Shape...)
	c.keep(0)
}
