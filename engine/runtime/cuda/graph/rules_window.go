package graph

import (
	"strings"

	"servery/engine/tensor"
)

// window is how a kernel moves over n spatial dimensions.
type window struct {
	kernel, strides, dilations []int64
	begins, ends               []int64 // padding
	auto                       string  // auto_pad
}

// window reads the attributes of a convolution or pooling over an input with the spatial
// dimensions in.
func (c *call) window(kernel, in []int64) window {
	n := len(in)
	w := window{kernel: kernel, auto: c.Text("auto_pad", "NOTSET")}
	if given := c.Ints("kernel_shape"); given != nil {
		w.kernel = given
	}
	w.strides, w.dilations = c.perAxis("strides", n, 1), c.perAxis("dilations", n, 1)
	pads := c.perAxis("pads", 2*n, 0)
	w.begins, w.ends = pads[:n:n], pads[n:]
	switch w.auto {
	case "NOTSET", "":
	case "VALID", "SAME_UPPER", "SAME_LOWER":
		w.begins, w.ends = make([]int64, n), make([]int64, n)
	default:
		c.fail("its auto_pad is %q", w.auto)
	}
	if len(w.kernel) != n {
		c.fail("its kernel has %d dimensions for %d spatial ones", len(w.kernel), n)
	}
	for i := range n {
		if w.kernel[i] < 1 || w.strides[i] < 1 || w.dilations[i] < 1 || w.kernel[i] > maxExtent ||
			w.strides[i] > maxExtent || w.dilations[i] > maxExtent || in[i] > maxExtent {
			c.fail("its kernel %v, strides %v or dilations %v are out of range", w.kernel, w.strides, w.dilations)
		}
		if w.begins[i] < 0 || w.ends[i] < 0 || w.begins[i] > maxExtent || w.ends[i] > maxExtent {
			c.fail("its pads %v, %v are out of range", w.begins, w.ends)
		}
	}
	return w
}

// maxExtent bounds what is multiplied when windows are placed: no product of two such
// numbers leaves int64.
const maxExtent = 1 << 30

// perAxis is a list of n integers, each byDefault where the list is left out.
func (c *call) perAxis(name string, n int, byDefault int64) []int64 {
	given := c.Ints(name)
	if len(given) == n && n > 0 {
		return append([]int64{}, given...)
	}
	if len(given) != 0 {
		c.fail("its %s has %d elements in place of %d", name, len(given), n)
	}
	all := make([]int64, n)
	for i := range all {
		all[i] = byDefault
	}
	return all
}

// span is how far the kernel reaches along axis i.
func (w *window) span(i int) int64 { return (w.kernel[i]-1)*w.dilations[i] + 1 }

// distribute puts total elements of padding at both sides of axis i: an odd one in front
// for SAME_LOWER, behind otherwise.
func (w *window) distribute(i int, total int64, lower bool) {
	total = max(total, 0)
	w.begins[i], w.ends[i] = total/2, total-total/2
	if lower {
		w.begins[i], w.ends[i] = w.ends[i], w.begins[i]
	}
}

// place gives the output's spatial dimensions and settles auto_pad.
func (c *call) place(w *window, in []int64, ceil bool) []int64 {
	out := make([]int64, len(in))
	for i, size := range in {
		if w.auto == "SAME_UPPER" || w.auto == "SAME_LOWER" {
			out[i] = (size + w.strides[i] - 1) / w.strides[i]
			w.distribute(i, (out[i]-1)*w.strides[i]+w.span(i)-size, w.auto == "SAME_LOWER")
			continue
		}
		room := size + w.begins[i] + w.ends[i] - w.span(i)
		if room < 0 {
			c.fail("its kernel reaches over %d elements of axis %d, which has %d with its padding", w.span(i), i+2, room+w.span(i))
		}
		out[i] = room/w.strides[i] + 1
		// A window that would begin in the padding behind is left out. ONNX Runtime counts so for
		// VALID too, where the specification leaves what is over.
		if ceil && room%w.strides[i] != 0 && out[i]*w.strides[i] < size+w.begins[i] {
			out[i]++
		}
	}
	return out
}

// settle states the window as attributes.
func (c *call) settle(w *window) {
	c.setInts("kernel_shape", w.kernel)
	c.setInts("strides", w.strides)
	c.setInts("dilations", w.dilations)
	c.setInts("pads", append(append([]int64{}, w.begins...), w.ends...))
	c.drop("auto_pad")
}

// conv is the rule of Conv, ConvInteger and QLinearConv, whose inputs differ.
func conv(c *call) {
	weight, result := 1, c.in(0).Type
	switch c.Op {
	case "ConvInteger":
		result = tensor.Int32
	case "QLinearConv":
		weight, result = 3, c.in(7).Type
	}
	x, w := c.ranked(0, 3), c.ranked(weight, 3)
	group := c.Int("group", 1)
	if len(x.Shape) != len(w.Shape) || group < 1 || x.Shape[1]%group != 0 || w.Shape[1] != x.Shape[1]/group || w.Shape[0]%group != 0 {
		c.fail("the weights do not fit the input in %d groups", group)
	}
	if c.Op == "Conv" {
		c.alike(0)
		c.bias(2, w.Shape[0])
	}
	win := c.window(w.Shape[2:], x.Shape[2:])
	for i, k := range w.Shape[2:] {
		if win.kernel[i] != k {
			c.fail("its kernel_shape %v is not that of the weights", win.kernel)
		}
	}
	spatial := c.place(&win, x.Shape[2:], false)
	c.settle(&win)
	c.setInt("group", group)
	c.set(0, result, append([]int64{x.Shape[0], w.Shape[0]}, spatial...)...)
}

// bias fails unless the input i is left out or has one element for each of n channels.
func (c *call) bias(i int, n int64) {
	if b := c.Input(i); b != nil && (len(b.Shape) != 1 || b.Shape[0] != n) {
		c.fail("its input %d is to have the shape [%d]", i, n)
	}
}

func convTranspose(c *call) {
	x, w := c.ranked(0, 3), c.ranked(1, 3)
	group := c.Int("group", 1)
	if len(x.Shape) != len(w.Shape) || group < 1 || w.Shape[0] != x.Shape[1] || x.Shape[1]%group != 0 || w.Shape[1] > maxExtent || group > maxExtent {
		c.fail("the weights do not fit the input in %d groups", group)
	}
	c.alike(0)
	channels := w.Shape[1] * group
	c.bias(2, channels)
	in := x.Shape[2:]
	win := c.window(w.Shape[2:], in)
	extra := c.perAxis("output_padding", len(in), 0)
	wanted := c.Ints("output_shape")
	if len(wanted) == len(x.Shape) { // some exporters list all dimensions
		wanted = wanted[2:]
	}
	if len(wanted) != 0 && len(wanted) != len(in) {
		c.fail("its output_shape %v does not fit", wanted)
	}
	out := make([]int64, len(in))
	for i, size := range in {
		if win.kernel[i] != w.Shape[2+i] || extra[i] < 0 || extra[i] > maxExtent {
			c.fail("its kernel_shape %v is not that of the weights, or its output_padding %v is out of range", win.kernel, extra)
		}
		whole := win.strides[i]*(size-1) + extra[i] + win.span(i)
		switch {
		case len(wanted) != 0:
			out[i] = wanted[i]
			win.distribute(i, whole-out[i], win.auto != "SAME_UPPER")
		case win.auto == "SAME_UPPER" || win.auto == "SAME_LOWER":
			out[i] = size * win.strides[i]
			win.distribute(i, whole-out[i], win.auto == "SAME_LOWER")
		default:
			out[i] = whole - win.begins[i] - win.ends[i]
		}
	}
	c.settle(&win)
	c.drop("output_shape")
	c.setInts("output_padding", extra)
	c.setInt("group", group)
	c.set(0, x.Type, append([]int64{x.Shape[0], channels}, out...)...)
}

func pool(c *call) {
	x := c.ranked(0, 3)
	if c.wants(1) {
		c.unsupported("its output Indices is used")
	}
	if c.Opset < 2 && c.Op == "LpPool" {
		c.setInt("p", int64(c.Float("p", 2)))
	}
	win := c.window(nil, x.Shape[2:])
	for i, k := range win.kernel {
		if win.dilations[i] > 1 && strings.HasPrefix(win.auto, "SAME") {
			c.unsupported("it pads by auto_pad a kernel with dilations, of which runtimes make different shapes")
		}
		if win.begins[i] >= k || win.ends[i] >= k {
			c.fail("its pads %v, %v are not smaller than its kernel %v, so that a window may lie in them", win.begins, win.ends, win.kernel)
		}
	}
	out := c.place(&win, x.Shape[2:], c.Int("ceil_mode", 0) != 0)
	c.settle(&win)
	c.set(0, x.Type, append([]int64{x.Shape[0], x.Shape[1]}, out...)...)
}

func globalPool(c *call) {
	x := c.ranked(0, 3)
	out := append([]int64{}, x.Shape[:2]...)
	c.set(0, x.Type, withOnes(out, len(x.Shape)-2)...)
}

// gridSample takes x [n, c, ...] at the points of a grid [n, ..., as many as ...].
func gridSample(c *call) {
	x, grid := c.ranked(0, 3), c.ranked(1, 3)
	n := len(x.Shape)
	if len(grid.Shape) != n || grid.Shape[0] != x.Shape[0] || grid.Shape[n-1] != int64(n-2) {
		c.fail("the grid does not fit the input")
	}
	mode := c.Text("mode", "linear")
	if before20 := map[string]string{"bilinear": "linear", "bicubic": "cubic"}[mode]; before20 != "" {
		mode = before20
	}
	c.setText("mode", mode)
	c.set(0, x.Type, append([]int64{x.Shape[0], x.Shape[1]}, grid.Shape[1:n-1]...)...)
}
