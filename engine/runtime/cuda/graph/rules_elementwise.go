package graph

import (
	"strings"

	"servery/engine/onnx"
	"servery/engine/tensor"
)

// same is the rule of operators whose output is like their input.
func same(c *call) {
	x := c.in(0)
	if c.Op == "Identity" {
		c.become("Identity")
	}
	c.set(0, x.Type, x.Shape...)
}

// predicate is the rule of operators that tell something of each element.
func predicate(c *call) { c.set(0, tensor.Bool, c.in(0).Shape...) }

func elementwise(c *call) {
	legacyBroadcast(c)
	if most[c.Op] == 2 {
		c.in(1)
	}
	c.set(0, c.alike(0), c.broadcast(c.Inputs...)...)
}

func comparison(c *call) {
	legacyBroadcast(c)
	c.alike(0)
	c.set(0, tensor.Bool, c.broadcast(c.in(0), c.in(1))...)
}

// power has exponents of any type.
func power(c *call) {
	legacyBroadcast(c)
	c.set(0, c.in(0).Type, c.broadcast(c.in(0), c.in(1))...)
}

// legacyBroadcast gives the second input of an operator before operator set 7 the dimensions
// of size one that its attribute axis stands for.
func legacyBroadcast(c *call) {
	axis, given := c.Attributes["axis"]
	c.drop("axis", "broadcast", "consumed_inputs")
	if c.Opset >= 7 || !given || len(c.Inputs) < 2 {
		return
	}
	a, b := c.in(0), c.in(1)
	at := c.axis(axis.Int, len(a.Shape))
	behind := len(a.Shape) - int(at) - len(b.Shape)
	if behind < 0 {
		c.fail("its second input does not fit from axis %d on", at)
	}
	if behind > 0 {
		c.Inputs[1] = c.reshaped(b, withOnes(b.Shape, behind), 1)
	}
}

// withOnes is a shape with n dimensions of size one behind it.
func withOnes(shape []int64, n int) []int64 {
	out := append([]int64{}, shape...)
	for range n {
		out = append(out, 1)
	}
	return out
}

// prelu has a slope that is broadcast to x; before operator set 7 one a channel.
func prelu(c *call) {
	x, slope := c.in(0), c.in(1)
	c.alike(0)
	if c.Opset < 7 && len(slope.Shape) == 1 && slope.Shape[0] != 1 && len(x.Shape) > 2 {
		slope = c.reshaped(slope, withOnes(slope.Shape, len(x.Shape)-2), 1)
		c.Inputs[1] = slope
	}
	c.within(slope, x.Shape)
	c.set(0, x.Type, x.Shape...)
}

// within fails unless a value can be broadcast to a shape without extending it.
func (c *call) within(v *Value, shape []int64) {
	out := c.broadcast(v, &Value{Shape: shape})
	for i := range out {
		if len(out) != len(shape) || out[i] != shape[i] {
			c.fail("%v cannot be broadcast to %v", v.Shape, shape)
		}
	}
}

// clip has its limits as inputs from operator set 11 on, as float attributes before.
func clip(c *call) {
	x := c.in(0)
	if c.Opset < 11 {
		c.keep(1)
		for i, name := range []string{"min", "max"} {
			var limit *Value
			if c.Has(name) {
				limit = c.scalar(x.Type, float64(c.Float(name, 0)), 1+i)
			}
			c.Inputs = append(c.Inputs, limit)
		}
		c.drop("min", "max", "consumed_inputs")
	}
	for len(c.Inputs) > 0 && c.Inputs[len(c.Inputs)-1] == nil {
		c.keep(len(c.Inputs) - 1)
	}
	for i := 1; i < len(c.Inputs); i++ {
		if v := c.Inputs[i]; v != nil && (v.Type != x.Type || v.Elements() != 1) {
			c.fail("a limit is no single %s", x.Type)
		}
	}
	c.set(0, x.Type, x.Shape...)
}

func where(c *call) {
	if c.in(0).Type != tensor.Bool {
		c.fail("its condition is not bool")
	}
	c.set(0, c.alike(1), c.broadcast(c.in(0), c.in(1), c.in(2))...)
}

func cast(c *call) {
	to := c.Int("to", 0)
	if c.Attributes["to"].Kind == onnx.AttributeText { // before operator set 6
		t, _ := tensor.ParseType(strings.ToLower(c.Text("to", "")))
		to = int64(t)
	}
	c.castTo(to)
}

func castLike(c *call) {
	to := int64(c.in(1).Type)
	c.become("Cast")
	c.castTo(to)
}

func (c *call) castTo(to int64) {
	t := c.typeOf(to)
	c.setInt("to", to)
	c.set(0, t, c.in(0).Shape...)
}

// typeOf is the type of a number of onnx.proto.
func (c *call) typeOf(n int64) tensor.Type {
	if n <= 0 || n > int64(tensor.BFloat16) {
		c.unsupported("it gives type %d of onnx.proto, which cannot be computed with here", n)
	}
	return tensor.Type(n)
}
