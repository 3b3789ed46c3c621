package graph

import "servery/engine/tensor"

func gemm(c *call) {
	a, b := c.in(0), c.in(1)
	if len(a.Shape) != 2 || len(b.Shape) != 2 {
		c.fail("it multiplies matrices")
	}
	t := c.alike(0)
	m, k := a.Shape[0], a.Shape[1]
	if c.Int("transA", 0) != 0 {
		m, k = k, m
	}
	inner, n := b.Shape[0], b.Shape[1]
	if c.Int("transB", 0) != 0 {
		inner, n = n, inner
	}
	if inner != k {
		c.fail("the inner dimensions %d and %d differ", k, inner)
	}
	if bias := c.Input(2); bias != nil {
		c.within(bias, []int64{m, n})
	}
	c.drop("broadcast")
	c.set(0, t, m, n)
}

// matMul is the rule of MatMul, MatMulInteger and QLinearMatMul, whose inputs differ.
func matMul(c *call) {
	second, result := 1, c.in(0).Type
	switch c.Op {
	case "MatMul":
		c.alike(0)
	case "MatMulInteger":
		result = tensor.Int32
	case "QLinearMatMul":
		second, result = 3, c.in(7).Type
	}
	c.set(0, result, c.product(c.ranked(0, 1).Shape, c.ranked(second, 1).Shape)...)
}

// product is the shape of numpy.matmul: a vector is a row before, and a column behind.
func (c *call) product(a, b []int64) []int64 {
	row, column := len(a) == 1, len(b) == 1
	if row {
		a = []int64{1, a[0]}
	}
	if column {
		b = []int64{b[0], 1}
	}
	m, k := a[len(a)-2], a[len(a)-1]
	if inner := b[len(b)-2]; inner != k {
		c.fail("the inner dimensions %d and %d differ", k, inner)
	}
	out := c.broadcast(&Value{Shape: a[:len(a)-2]}, &Value{Shape: b[:len(b)-2]})
	if !row {
		out = append(out, m)
	}
	if !column {
		out = append(out, b[len(b)-1])
	}
	return out
}

func quantize(c *call) {
	result := tensor.Uint8
	if zero := c.Input(2); zero != nil {
		result = zero.Type
	} else if t := c.Int("output_dtype", 0); t != 0 {
		result = c.typeOf(t)
	}
	c.quantized(c.in(0).Shape)
	c.set(0, result, c.in(0).Shape...)
}

func dequantize(c *call) {
	c.quantized(c.in(0).Shape)
	result := c.in(1).Type
	if t := c.Int("output_dtype", 0); t != 0 {
		result = c.typeOf(t)
	}
	c.set(0, result, c.in(0).Shape...)
}

// quantized settles the axis of a scale with more than one element, and that of scales by
// block.
func (c *call) quantized(shape []int64) {
	scale := c.in(1)
	if len(scale.Shape) == 0 || len(shape) == 0 {
		return
	}
	axis := c.Int("axis", 1)
	if len(shape) == 1 && !c.Has("axis") {
		axis = 0
	}
	axis = c.axis(axis, len(shape))
	c.setInt("axis", axis)
	if block := c.Int("block_size", 0); block == 0 && scale.Elements() != 1 && (len(scale.Shape) != 1 || scale.Shape[0] != shape[axis]) {
		c.fail("its scale does not fit axis %d", axis)
	}
}

func dynamicQuantize(c *call) {
	c.set(0, tensor.Uint8, c.in(0).Shape...)
	c.set(1, tensor.Float32)
	c.set(2, tensor.Uint8)
}

// einsum reads the equation of numpy.einsum. The node's equation names each dimension by a
// character of its own, also those that dots stand for.
func einsum(c *call) {
	e := equation{c: c, size: map[byte]int64{}}
	e.parse(c.Text("equation", ""))
	out := make([]int64, len(e.output))
	for i := range out {
		size, ok := e.size[e.output[i]]
		if !ok {
			c.fail("its equation's output names %q, which no input has", e.output[i])
		}
		out[i] = size
	}
	c.drop("equation")
	c.setText("equation", e.String())
	c.set(0, c.alike(0), out...)
}
