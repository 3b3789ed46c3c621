package graph

import (
	"slices"

	"servery/engine/tensor"
)

// reduce takes its axes as an attribute, or as an input from operator set 18 on (ReduceSum:
// 13).
func reduce(c *call) {
	x := c.in(0)
	axes, _ := c.either("axes", 1)
	axes = c.axes(axes, len(x.Shape))
	if len(axes) == 0 && c.Int("noop_with_empty_axes", 0) == 0 {
		for i := range x.Shape {
			axes = append(axes, int64(i))
		}
	}
	slices.Sort(axes)
	c.keep(1)
	c.drop("noop_with_empty_axes")
	c.setInts("axes", axes)
	keep := c.Int("keepdims", 1)
	c.setInt("keepdims", keep)
	c.set(0, x.Type, without(x.Shape, axes, keep != 0)...)
}

// without is a shape whose axes are of size one, or gone.
func without(shape, axes []int64, keep bool) []int64 {
	var out []int64
	for i, d := range shape {
		switch {
		case !slices.Contains(axes, int64(i)):
			out = append(out, d)
		case keep:
			out = append(out, 1)
		}
	}
	return out
}

// argument is the rule of ArgMax and ArgMin.
func argument(c *call) {
	x := c.ranked(0, 1)
	axis := c.axis(c.Int("axis", 0), len(x.Shape))
	if x.Shape[axis] == 0 {
		c.fail("axis %d is empty", axis)
	}
	keep := c.Int("keepdims", 1)
	c.setInt("axis", axis)
	c.setInt("keepdims", keep)
	c.set(0, tensor.Int64, without(x.Shape, []int64{axis}, keep != 0)...)
}

func cumSum(c *call) {
	x := c.ranked(0, 1)
	c.setInt("axis", c.axis(c.integer(1, "axis"), len(x.Shape)))
	c.keep(1)
	c.set(0, x.Type, x.Shape...)
}

// topK has k as an attribute before operator set 10.
func topK(c *call) {
	x := c.ranked(0, 1)
	k := c.Int("k", 0)
	if c.Opset >= 10 {
		k = c.integer(1, "k")
	}
	axis := c.axis(c.Int("axis", -1), len(x.Shape))
	if k < 0 || k > x.Shape[axis] {
		c.fail("%d of the %d elements of axis %d are wanted", k, x.Shape[axis], axis)
	}
	c.keep(1)
	c.setInt("k", k)
	c.setInt("axis", axis)
	out := append([]int64{}, x.Shape...)
	out[axis] = k
	c.set(0, x.Type, out...)
	c.set(1, tensor.Int64, out...)
}

func trilu(c *call) {
	x := c.ranked(0, 2)
	k := int64(0)
	if c.Input(1) != nil {
		k = c.integer(1, "k")
	}
	c.keep(1)
	c.setInt("k", k)
	c.setInt("upper", c.Int("upper", 1))
	c.set(0, x.Type, x.Shape...)
}
