package graph

import (
	"slices"

	"servery/engine/tensor"
)

// The rules here move elements to places that indices state.

func gather(c *call) {
	x, indices := c.ranked(0, 1), c.index(1)
	axis := c.axis(c.Int("axis", 0), len(x.Shape))
	c.setInt("axis", axis)
	c.set(0, x.Type, slices.Concat(x.Shape[:axis], indices.Shape, x.Shape[axis+1:])...)
}

// index is an input of indices.
func (c *call) index(i int) *Value {
	v := c.in(i)
	if v.Type != tensor.Int64 && v.Type != tensor.Int32 {
		c.fail("its indices are no integers")
	}
	return v
}

func gatherElements(c *call) {
	x, indices := c.ranked(0, 1), c.index(1)
	axis := c.axis(c.Int("axis", 0), len(x.Shape))
	c.fitElements(x, indices, axis)
	c.setInt("axis", axis)
	c.set(0, x.Type, indices.Shape...)
}

// fitElements fails unless indices reach no farther than x in all axes but one.
func (c *call) fitElements(x, indices *Value, axis int64) {
	if len(indices.Shape) != len(x.Shape) {
		c.fail("its indices have %d dimensions in place of %d", len(indices.Shape), len(x.Shape))
	}
	for i, d := range indices.Shape {
		if int64(i) != axis && d > x.Shape[i] {
			c.fail("its indices reach beyond axis %d", i)
		}
	}
}

// scatterElements was named Scatter before operator set 11.
func scatterElements(c *call) {
	c.Op = "ScatterElements"
	x, indices, updates := c.ranked(0, 1), c.index(1), c.in(2)
	axis := c.axis(c.Int("axis", 0), len(x.Shape))
	c.fitElements(x, indices, axis)
	if !slices.Equal(indices.Shape, updates.Shape) || updates.Type != x.Type {
		c.fail("its updates fit neither its indices nor its data")
	}
	c.setInt("axis", axis)
	c.setText("reduction", c.Text("reduction", "none"))
	c.set(0, x.Type, x.Shape...)
}

func gatherND(c *call) {
	x, indices := c.ranked(0, 1), c.ranked(1, 1)
	if c.index(1); indices.Type != tensor.Int64 {
		c.fail("its indices are not int64")
	}
	batch, depth := int(c.Int("batch_dims", 0)), indices.Shape[len(indices.Shape)-1]
	if batch < 0 || batch >= len(indices.Shape) || batch > len(x.Shape) || depth < 1 || depth > int64(len(x.Shape)-batch) ||
		!slices.Equal(x.Shape[:batch], indices.Shape[:batch]) {
		c.fail("its indices do not fit its data")
	}
	c.set(0, x.Type, slices.Concat(indices.Shape[:len(indices.Shape)-1], x.Shape[batch+int(depth):])...)
}

func scatterND(c *call) {
	x, indices, updates := c.ranked(0, 1), c.ranked(1, 1), c.in(2)
	c.index(1)
	depth := indices.Shape[len(indices.Shape)-1]
	if depth < 1 || depth > int64(len(x.Shape)) || updates.Type != x.Type ||
		!slices.Equal(updates.Shape, slices.Concat(indices.Shape[:len(indices.Shape)-1], x.Shape[depth:])) {
		c.fail("its indices and updates do not fit its data")
	}
	c.set(0, x.Type, x.Shape...)
}
