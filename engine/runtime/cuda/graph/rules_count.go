package graph

import (
	"math"
	"slices"

	"servery/engine/tensor"
)

// The rules here make elements of numbers that must be known.

func oneHot(c *call) {
	indices, values := c.in(0), c.in(2)
	depth, ok := numbersOf(c.constant(1, "depth"))
	if !ok || len(depth) != 1 || depth[0] < 1 || depth[0] > math.MaxInt32 {
		c.fail("its depth is no number above 0")
	}
	if len(values.Shape) != 1 || values.Shape[0] != 2 {
		c.fail("its values are to have the shape [2]")
	}
	axis := c.axis(c.Int("axis", -1), len(indices.Shape)+1)
	c.Inputs = []*Value{indices, values}
	c.setInt("axis", axis)
	c.setInt("depth", int64(depth[0]))
	c.set(0, values.Type, slices.Concat(indices.Shape[:axis], []int64{int64(depth[0])}, indices.Shape[axis:])...)
}

// rangeOf counts from start up to limit, which is not reached.
func rangeOf(c *call) {
	t := c.alike(0)
	var at [3]float64
	for i, what := range []string{"start", "limit", "delta"} {
		n, ok := numbersOf(c.constant(i, what))
		if !ok || len(n) != 1 || math.IsNaN(n[0]) || math.IsInf(n[0], 0) {
			c.fail("its %s is no number", what)
		}
		at[i] = n[0]
	}
	if at[2] == 0 {
		c.fail("its delta is 0")
	}
	n := math.Max(math.Ceil((at[1]-at[0])/at[2]), 0)
	if n > math.MaxInt32 {
		c.unsupported("it counts to more than %d elements", math.MaxInt32)
	}
	c.set(0, t, int64(n))
}

// nonZero is known where its input is.
func nonZero(c *call) {
	x := c.in(0)
	if x.Constant == nil {
		c.unsupported("the shape of its output is known only while the model runs")
	}
	rank := len(x.Shape)
	if rank == 0 || x.Elements() > c.r.model.limits.folded/8 {
		c.unsupported("its input is a scalar or too large for it to be known before a run")
	}
	n, ok := asFloats(x.Constant)
	if !ok {
		c.unsupported("its input is no tensor of numbers")
	}
	var found []int64
	for i, v := range n {
		if v != 0 {
			found = append(found, int64(i))
		}
	}
	c.set(0, tensor.Int64, int64(rank), int64(len(found)))
	if !c.constantAllowed(0) {
		c.unsupported("it gives %d elements, too many to be known before a run", len(found))
	}
	t := zeros(tensor.Int64, c.Outputs[0].Shape)
	out := tensor.View[int64](t)
	for k, at := range found {
		for i := rank - 1; i >= 0; i-- {
			out[i*len(found)+k], at = at%x.Shape[i], at/x.Shape[i]
		}
	}
	c.Outputs[0].Constant = t
}
