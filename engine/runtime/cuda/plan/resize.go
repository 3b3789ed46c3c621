package plan

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
)

func init() {
	lowerings["Resize"] = resize
}

// resampled is an axis of a Resize, or several that keep their size as one.
type resampled struct {
	in, out int64
	taps    taps
}

// resize makes each output coordinate a weighted sum of input coordinates, by a table for each axis.
func resize(b *builder, n *graph.Node) error {
	x, out := n.Inputs[0], n.Outputs[0]
	axes, err := resampledAxes(n)
	switch {
	case err != nil:
		return err
	case out.Elements() == 0:
		b.result(out)
		return nil
	case x.Elements() == 0:
		return errors.New("its input is empty and its output is not")
	case len(axes) == 0:
		return alias(b, n)
	case len(axes) > 3:
		return fmt.Errorf("it changes %s to %s, along more than three dimensions", x, out)
	}
	for len(axes) < 3 {
		axes = slices.Insert(axes, 0, resampled{1, 1, identity(1)})
	}
	p, bindings := &kernels.Resize{N: out.Elements()}, []binding(nil)
	for i, a := range axes {
		p.InSize[i], p.OutSize[i], p.Taps[i] = int32(a.in), int32(a.out), int32(a.taps.each)
		bindings = append(bindings, bind(&p.Index[i], b.planner.table(n.Name, raw(a.taps.index))))
		if a.taps.weight != nil {
			bindings = append(bindings, bind(&p.Weight[i], b.planner.table(n.Name, raw(a.taps.weight))))
		}
	}
	grid, block := spread(p.N, 256)
	if n.Text("mode", "nearest") == "nearest" {
		launch(b, fmt.Sprintf("resize_%d", x.Type.Size()), grid, block, p, append(bindings, bind(&p.Out, b.result(out)), bind(&p.In, b.operand(x)))...)
		return nil
	}
	from, err := b.float32Operand(x)
	if err != nil {
		return err
	}
	to, done := b.float32Result(out)
	launch(b, "resize_f32", grid, block, p, append(bindings, bind(&p.Out, to), bind(&p.In, from))...)
	done()
	return nil
}

// raw is a list as it lies in memory.
func raw[T int32 | float32](list []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(list))), 4*len(list))
}

// resampledAxes are the axes from the first that changes on, where neighbours that do not change
// are one. There are none if nothing changes.
func resampledAxes(n *graph.Node) (axes []resampled, err error) {
	x, out, scales := n.Inputs[0].Shape, n.Outputs[0].Shape, n.Floats("scales")
	plain := false // whether the last one keeps its size
	for d := range x {
		s := sampling{x[d], out[d], scales[d]}
		if s.in == s.out && s.scale == 1 {
			switch {
			case plain:
				last := &axes[len(axes)-1]
				last.in, last.out = last.in*s.in, last.out*s.in
			case len(axes) > 0 && s.in != 1:
				axes, plain = append(axes, resampled{in: s.in, out: s.in}), true
			}
			continue
		}
		t, err := s.table(n)
		if err != nil {
			return nil, err
		}
		axes, plain = append(axes, resampled{s.in, s.out, t}), false
	}
	for i := range axes {
		if axes[i].taps.index != nil {
			continue
		}
		if err := affordable(1, axes[i].in); err != nil {
			return nil, err
		}
		axes[i].taps = identity(axes[i].in)
	}
	return axes, nil
}

// taps are the input coordinates that make each output coordinate: each of them, side by side. weight
// is nil where there is one of weight 1.
type taps struct {
	each   int64
	index  []int32
	weight []float32
}

// affordable refuses tables that would take much memory.
func affordable(each, out int64) error {
	const most = 1 << 24
	if each > most || each*out > most {
		return fmt.Errorf("it takes a table of %d times %d elements, more than %d", each, out, most)
	}
	return nil
}

// identity is a table that changes nothing.
func identity(n int64) taps {
	t := taps{each: 1, index: make([]int32, n)}
	for i := range t.index {
		t.index[i] = int32(i)
	}
	return t
}

// sampling is how an axis changes. Its table follows ONNX's specification of Resize; coordinates are
// float32, as ONNX Runtime computes them, so that both round to the same neighbour.
type sampling struct {
	in, out int64
	scale   float32
}

func (s sampling) table(n *graph.Node) (t taps, err error) {
	if s.in == 0 || s.out == 0 {
		return taps{index: []int32{}}, nil
	}
	if err := affordable(1, s.out); err != nil {
		return t, err
	}
	mode := n.Text("coordinate_transformation_mode", "")
	original, err := s.coordinates(mode)
	switch {
	case err != nil:
		return t, err
	case n.Text("mode", "nearest") != "nearest":
	case mode == "half_pixel_symmetric":
		// ONNX Runtime computes these coordinates neither in float32 nor in float64, and what lies between
		// two elements goes to one or the other by the last bit.
		return t, fmt.Errorf("its coordinate_transformation_mode is %q and its mode nearest", mode)
	default:
		return s.nearest(original, n.Text("nearest_mode", ""))
	}
	return s.interpolated(original, n)
}

// coordinates is where each output coordinate lies in the input.
func (s sampling) coordinates(mode string) ([]float32, error) {
	in, out := float32(s.in), float32(s.out)
	var at func(x float32) float32
	half := func(x float32) float32 { return float32(float32(x+0.5)/s.scale) - 0.5 }
	switch mode {
	case "half_pixel":
		at = half
	case "half_pixel_symmetric":
		offset := float32(float32(in/2) * float32(1-out/float32(s.scale*in)))
		at = func(x float32) float32 { return offset + half(x) }
	case "pytorch_half_pixel":
		if at = half; s.out == 1 {
			at = func(float32) float32 { return 0 }
		}
	case "align_corners":
		// ONNX's reference takes the output's length before it is rounded down, ONNX Runtime after.
		if exact := float64(s.scale) * float64(s.in); math.Abs(exact-float64(s.out)) > 1e-3 {
			return nil, fmt.Errorf("its corners are to be aligned, and its scale of %g makes %g of %d", s.scale, exact, s.in)
		}
		at = func(x float32) float32 { return float32(x*(in-1)) / max(out-1, 1) }
	case "asymmetric":
		at = func(x float32) float32 { return x / s.scale }
	case "tf_half_pixel_for_nn":
		at = func(x float32) float32 { return float32(x+0.5) / s.scale }
	default: // tf_crop_and_resize too, whose output's size ONNX Runtime and ONNX state differently
		return nil, fmt.Errorf("its coordinate_transformation_mode is %q", mode)
	}
	list := make([]float32, s.out)
	for i := range list {
		if list[i] = at(float32(i)); !(max(list[i], -list[i]) < 1<<30) {
			return nil, fmt.Errorf("its scale of %g leads to no element of %d", s.scale, s.in)
		}
	}
	return list, nil
}

// within is the nearest coordinate that the input has.
func (s sampling) within(i float64) int32 { return int32(min(max(i, 0), float64(s.in-1))) }

// nearest takes one input coordinate.
func (s sampling) nearest(original []float32, mode string) (taps, error) {
	var round func(x float64) float64
	switch mode {
	case "round_prefer_floor":
		round = func(x float64) float64 { return math.Ceil(x - 0.5) }
	case "round_prefer_ceil":
		round = func(x float64) float64 { return math.Floor(x + 0.5) }
	case "floor":
		round = math.Floor
	case "ceil":
		round = math.Ceil
	default:
		return taps{}, fmt.Errorf("its nearest_mode is %q", mode)
	}
	t := taps{each: 1, index: make([]int32, s.out)}
	for i, x := range original {
		t.index[i] = s.within(round(float64(x)))
	}
	return t, nil
}

// interpolated weighs the neighbours by a kernel: for linear 1 - |d|, for cubic Keys' of two pieces.
// Against aliasing the kernel is as much wider as the output is smaller.
func (s sampling) interpolated(original []float32, n *graph.Node) (taps, error) {
	kernel, reach := func(d float64) float64 { return max(1-math.Abs(d), 0) }, 1.0
	switch mode := n.Text("mode", ""); mode {
	case "linear":
	case "cubic":
		kernel, reach = cubic(float64(n.Float("cubic_coeff_a", -0.75))), 2
	default:
		return taps{}, fmt.Errorf("its mode is %q", mode)
	}
	narrow := 1.0
	if n.Int("antialias", 0) != 0 {
		narrow = min(float64(s.scale), 1)
	}
	first := math.Floor(-reach/narrow) + 1 // of the neighbours, counted from the one on the left
	t := taps{each: int64(2 - 2*first)}
	if err := affordable(t.each, s.out); err != nil {
		return taps{}, err
	}
	exclude := n.Int("exclude_outside", 0) != 0
	weights := make([]float64, t.each)
	for _, x := range original {
		left := math.Ceil(float64(x)) - 1
		sum := 0.0
		for i := range weights {
			at := left + first + float64(i)
			weights[i] = kernel((at - float64(x)) * narrow)
			if exclude && (at < 0 || at >= float64(s.in)) {
				weights[i] = 0
			}
			sum += weights[i]
			t.index = append(t.index, s.within(at))
		}
		if sum == 0 {
			return taps{}, fmt.Errorf("its scale of %g leads to no element of %d", s.scale, s.in)
		}
		for _, w := range weights {
			t.weight = append(t.weight, float32(w/sum))
		}
	}
	return t, nil
}

// cubic is the kernel of Keys, "Cubic convolution interpolation for digital image processing", 1981.
func cubic(a float64) func(d float64) float64 {
	return func(d float64) float64 {
		switch d = math.Abs(d); {
		case d <= 1:
			return ((a+2)*d-(a+3))*d*d + 1
		case d < 2:
			return ((a*d-5*a)*d+8*a)*d - 4*a
		}
		return 0
	}
}
