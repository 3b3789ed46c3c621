package graph

import (
	"math"
)

// resize is the rule of Resize and of what it was before operator set 10, Upsample. Scales
// lie in an attribute (Upsample before 9), in the input 1 (to 10) or 2; sizes in the input 3.
func resize(c *call) {
	x := c.ranked(0, 1)
	at := 2
	if c.Op == "Upsample" || c.Opset < 11 {
		at = 1
		c.setText("coordinate_transformation_mode", "asymmetric")
		c.setText("nearest_mode", "floor")
	}
	rank := len(x.Shape)
	axes := c.axes(c.Ints("axes"), rank)
	if !c.Has("axes") {
		for i := range rank {
			axes = append(axes, int64(i))
		}
	}
	scales, roi := make([]float32, rank), make([]float32, 2*rank)
	for i := range rank {
		scales[i], roi[i+rank] = 1, 1
	}
	c.roi(roi, axes)
	out := append([]int64{}, x.Shape...)
	given := c.scales(at)
	switch sizes := c.sizes(); {
	case sizes != nil && len(sizes) == len(axes):
		c.bySizes(out, scales, axes, sizes)
	case given != nil && len(given) == len(axes):
		c.byScales(out, scales, roi, axes, given)
	default:
		c.fail("its scales or sizes do not fit %d axes", len(axes))
	}
	c.keep(1)
	c.Op = "Resize"
	c.drop("axes", "keep_aspect_ratio_policy", "height_scale", "width_scale", "scales")
	c.setFloats("scales", scales)
	if c.Text("coordinate_transformation_mode", "") == "tf_crop_and_resize" {
		c.setFloats("roi", roi)
	}
	mode := c.Text("mode", "nearest")
	if mode == "bilinear" || mode == "trilinear" { // Upsample before operator set 9
		mode = "linear"
	}
	c.setText("mode", mode)
	c.setText("coordinate_transformation_mode", c.Text("coordinate_transformation_mode", "half_pixel"))
	c.setText("nearest_mode", c.Text("nearest_mode", "round_prefer_floor"))
	c.set(0, x.Type, out...)
}

// scales are those stated, nil where there are none.
func (c *call) scales(at int) []float32 {
	if c.Has("scales") {
		return c.Floats("scales")
	}
	if c.Has("height_scale") { // operator set 1
		return []float32{1, 1, c.Float("height_scale", 1), c.Float("width_scale", 1)}
	}
	v := c.Input(at)
	if v == nil || v.Elements() == 0 {
		return nil
	}
	n, ok := numbersOf(c.constant(at, "scales"))
	if !ok {
		c.fail("its scales are no numbers")
	}
	out := make([]float32, len(n))
	for i, f := range n {
		out[i] = float32(f)
	}
	return out
}

func (c *call) sizes() []int64 {
	if c.Opset < 11 || c.Op == "Upsample" {
		return nil
	}
	return c.integers(3, "sizes")
}

// roi reads the region of interest, as begins and ends one an axis.
func (c *call) roi(roi []float32, axes []int64) {
	if c.Text("coordinate_transformation_mode", "") != "tf_crop_and_resize" {
		return
	}
	n, ok := numbersOf(c.constant(1, "roi"))
	if !ok || len(n) != 2*len(axes) {
		c.fail("its roi does not fit %d axes", len(axes))
	}
	for i, a := range axes {
		roi[a], roi[int(a)+len(roi)/2] = float32(n[i]), float32(n[i+len(axes)])
	}
}

func (c *call) byScales(out []int64, scales, roi []float32, axes []int64, given []float32) {
	for i, a := range axes {
		scales[a] = given[i]
		extent := float32(out[a]) * (roi[int(a)+len(out)] - roi[a])
		if size := float64(extent * given[i]); size >= 0 && size < math.MaxInt32 && given[i] > 0 {
			out[a] = int64(size)
			continue
		}
		c.fail("its scales are %v", given)
	}
}

func (c *call) bySizes(out []int64, scales []float32, axes, sizes []int64) {
	for _, n := range sizes {
		if n < 0 {
			c.fail("its sizes are %v", sizes)
		}
	}
	common := float32(0) // the scale of all axes, where their ratio is to be kept
	policy := c.Text("keep_aspect_ratio_policy", "stretch")
	for i, a := range axes {
		s := ratio(sizes[i], out[a])
		if i == 0 || policy == "not_larger" && s < common || policy == "not_smaller" && s > common {
			common = s
		}
	}
	for i, a := range axes {
		if policy == "not_larger" || policy == "not_smaller" {
			scales[a] = common
			out[a] = int64(math.Floor(float64(common*float32(out[a])) + 0.5))
			continue
		}
		scales[a] = ratio(sizes[i], out[a])
		out[a] = sizes[i]
	}
}

// ratio is the scale that leads from one size to another.
func ratio(to, from int64) float32 {
	if from == 0 {
		return 1
	}
	return float32(to) / float32(from)
}
