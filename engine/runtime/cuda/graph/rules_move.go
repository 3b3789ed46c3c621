package graph

import "math"

// The rules here move elements to other places.

func transpose(c *call) {
	x := c.in(0)
	perm := c.Ints("perm")
	if !c.Has("perm") {
		for i := range x.Shape {
			perm = append(perm, int64(len(x.Shape)-1-i))
		}
	}
	if len(perm) != len(x.Shape) {
		c.fail("its perm %v does not fit", perm)
	}
	perm = c.axes(perm, len(x.Shape))
	out := make([]int64, len(perm))
	for i, a := range perm {
		out[i] = x.Shape[a]
	}
	c.setInts("perm", perm)
	c.set(0, x.Type, out...)
}

func concat(c *call) {
	first := c.ranked(0, 1)
	t := c.alike(0)
	axis := c.axis(c.Int("axis", 1), len(first.Shape)) // 1 was the default before operator set 4
	out := append([]int64{}, first.Shape...)
	for _, v := range c.Inputs[1:] {
		if len(v.Shape) != len(out) {
			c.fail("its inputs have different numbers of dimensions")
		}
		for i, d := range v.Shape {
			switch {
			case int64(i) != axis && d != out[i]:
				c.fail("its inputs differ in axis %d, and are joined along axis %d", i, axis)
			case int64(i) == axis && d > math.MaxInt64-out[i]:
				c.fail("its output is larger than memory can be")
			case int64(i) == axis:
				out[i] += d
			}
		}
	}
	c.setInt("axis", axis)
	c.set(0, t, out...)
}

// slice has its limits as attributes before operator set 10.
func slice(c *call) {
	x := c.in(0)
	starts, ends, axes, steps := c.Ints("starts"), c.Ints("ends"), c.Ints("axes"), []int64(nil)
	if c.Opset >= 10 {
		starts, ends = c.integers(1, "starts"), c.integers(2, "ends")
		axes, steps = c.integers(3, "axes"), c.integers(4, "steps")
	}
	if axes == nil {
		for i := range starts {
			axes = append(axes, int64(i))
		}
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		c.fail("it has %d starts, %d ends, %d axes and %d steps", len(starts), len(ends), len(axes), len(steps))
	}
	from, by := make([]int64, len(x.Shape)), make([]int64, len(x.Shape))
	for i := range by {
		by[i] = 1
	}
	out := append([]int64{}, x.Shape...)
	for i, a := range c.axes(axes, len(x.Shape)) {
		if steps != nil {
			by[a] = steps[i]
		}
		if by[a] == 0 || by[a] == math.MinInt64 {
			c.fail("its step is %d", by[a])
		}
		from[a], out[a] = span(starts[i], ends[i], by[a], x.Shape[a])
	}
	c.keep(1)
	c.drop("starts", "ends", "axes")
	c.setInts("starts", from)
	c.setInts("steps", by)
	c.set(0, x.Type, out...)
}

// span is where a slice of an axis of the given size begins, and how many elements it has.
func span(start, end, step, size int64) (from, n int64) {
	if start < 0 {
		start += size
	}
	if end < 0 {
		end += size
	}
	if step > 0 {
		start, end = min(max(start, 0), size), min(max(end, 0), size)
		if end <= start {
			return 0, 0
		}
		return start, (end-start-1)/step + 1
	}
	start, end = min(max(start, 0), size-1), min(max(end, -1), size-1)
	if start <= end || size == 0 {
		return 0, 0
	}
	return start, (start-end-1)/-step + 1
}

// split has its sizes as an attribute before operator set 13, and a number of outputs from
// 18 on.
func split(c *call) {
	x := c.ranked(0, 1)
	axis := c.axis(c.Int("axis", 0), len(x.Shape))
	size, parts := x.Shape[axis], int64(len(c.wanted))
	sizes, given := c.either("split", 1)
	if !given {
		if n := c.Int("num_outputs", parts); n != parts {
			c.fail("it states %d outputs and has %d", n, parts)
		}
		if parts == 0 || c.Opset < 18 && size%parts != 0 {
			c.fail("%d elements cannot be split into %d equal parts", size, parts)
		}
		each := (size + parts - 1) / parts
		if (parts-1)*each > size {
			c.fail("%d elements cannot be split into %d parts of %d, of which the last is smaller", size, parts, each)
		}
		for left := size; int64(len(sizes)) < parts; left -= each {
			sizes = append(sizes, min(left, each))
		}
	}
	total := int64(0)
	for _, n := range sizes {
		if n < 0 || n > size-total {
			c.fail("the parts %v are not those of %d elements", sizes, size)
		}
		total += n
	}
	if total != size || int64(len(sizes)) != parts {
		c.fail("the parts %v are not those of %d elements in %d outputs", sizes, size, parts)
	}
	c.keep(1)
	c.drop("num_outputs")
	c.setInt("axis", axis)
	c.setInts("split", sizes)
	for i, n := range sizes {
		out := append([]int64{}, x.Shape...)
		out[axis] = n
		c.set(i, x.Type, out...)
	}
}

func expand(c *call) {
	x := c.in(0)
	c.in(1)
	shape := c.integers(1, "shape")
	for _, d := range shape {
		if d < 0 {
			c.fail("its shape is %v", shape)
		}
	}
	out := c.broadcast(x, &Value{Shape: shape})
	c.keep(1)
	c.set(0, x.Type, out...)
}

// tile before operator set 6 repeats along one axis.
func tile(c *call) {
	x := c.in(0)
	repeats := c.integers(1, "repeats")
	if c.Opset < 6 && c.Input(2) != nil {
		n, axis := c.integer(1, "tiles"), c.axis(c.integer(2, "axis"), len(x.Shape))
		repeats = make([]int64, len(x.Shape))
		for i := range repeats {
			repeats[i] = 1
		}
		repeats[axis] = n
	}
	if len(repeats) != len(x.Shape) {
		c.fail("it has %d repeats for %d dimensions", len(repeats), len(x.Shape))
	}
	out := make([]int64, len(repeats))
	for i, n := range repeats {
		if n < 0 || n > 0 && x.Shape[i] > math.MaxInt64/n {
			c.fail("its repeats are %v", repeats)
		}
		out[i] = x.Shape[i] * n
	}
	c.keep(1)
	c.setInts("repeats", repeats)
	c.set(0, x.Type, out...)
}

// pad has attributes in place of inputs before operator set 11, and axes from 18 on.
func pad(c *call) {
	x := c.in(0)
	pads, given := c.Ints("pads"), c.Has("pads")
	if c.Has("paddings") { // operator set 1
		pads, given = c.Ints("paddings"), true
	}
	var value *Value
	if c.Opset >= 11 {
		pads, given, value = c.integers(1, "pads"), c.Input(1) != nil, c.Input(2)
	} else if v := c.Float("value", 0); v != 0 {
		value = c.scalar(x.Type, float64(v), 1)
	}
	rank := len(x.Shape)
	if axes := c.integers(3, "axes"); axes != nil {
		if len(pads) != 2*len(axes) {
			c.fail("it has %d pads for %d axes", len(pads), len(axes))
		}
		all := make([]int64, 2*rank)
		for i, a := range c.axes(axes, rank) {
			all[a], all[int(a)+rank] = pads[i], pads[i+len(axes)]
		}
		pads = all
	}
	if !given || len(pads) != 2*rank {
		c.fail("it has %d pads for %d dimensions", len(pads), rank)
	}
	if value != nil && (value.Elements() != 1 || value.Type != x.Type) {
		c.fail("its value is no single %s", x.Type)
	}
	out := c.padded(x.Shape, pads)
	c.keep(1)
	if value != nil {
		c.Inputs = append(c.Inputs, value)
	}
	c.drop("paddings", "value")
	c.setInts("pads", pads)
	c.setText("mode", c.Text("mode", "constant"))
	c.set(0, x.Type, out...)
}

// padded is a shape with its padding, which may be negative.
func (c *call) padded(shape, pads []int64) []int64 {
	mode := c.Text("mode", "constant")
	out := make([]int64, len(shape))
	for i, d := range shape {
		begin, end := pads[i], pads[i+len(shape)]
		if max(begin, end) > math.MaxInt64/4 || min(begin, end) < -math.MaxInt64/4 || d > math.MaxInt64/4 {
			c.fail("its pads %v are out of range", pads)
		}
		out[i] = d + begin + end
		most := d - 1
		switch mode {
		case "constant":
			continue
		case "wrap":
			most = d
		case "edge":
			most = math.MaxInt64
			if d == 0 {
				most = 0
			}
		case "reflect":
		default:
			c.fail("its mode is %q", mode)
		}
		if max(begin, end) > max(most, 0) {
			c.fail("it pads axis %d by more than there is to %s", i, mode)
		}
	}
	return out
}

// block is the attribute blocksize.
func (c *call) block() int64 {
	b := c.Int("blocksize", 0)
	if x := c.in(0); len(x.Shape) != 4 || b < 1 || b > 1<<20 {
		c.fail("it takes 4 dimensions and a blocksize above 0, which is %d", b)
	}
	return b
}

func depthToSpace(c *call) {
	b, x := c.block(), c.in(0)
	if x.Shape[1]%(b*b) != 0 || max(x.Shape[2], x.Shape[3]) > math.MaxInt64/b {
		c.fail("%d channels are no multiple of the square of %d", x.Shape[1], b)
	}
	c.setText("mode", c.Text("mode", "DCR"))
	c.set(0, x.Type, x.Shape[0], x.Shape[1]/(b*b), x.Shape[2]*b, x.Shape[3]*b)
}

func spaceToDepth(c *call) {
	b, x := c.block(), c.in(0)
	if x.Shape[2]%b != 0 || x.Shape[3]%b != 0 || x.Shape[1] > math.MaxInt64/(b*b) {
		c.fail("its height or width is no multiple of %d", b)
	}
	c.set(0, x.Type, x.Shape[0], x.Shape[1]*b*b, x.Shape[2]/b, x.Shape[3]/b)
}
