//go:build cuda && linux && (amd64 || arm64)

package verify

// window is what a kernel slides over an image by.
type window struct {
	kernel, strides, dilations, pads []int64
	spatial                          []int64 // of the image, which the window fits into
}

// window draws one for so many dimensions.
func (s *sample) window(dims int, dilated bool) window {
	w := window{pads: make([]int64, 2*dims)}
	largest := []int64{40, 16, 7}[dims-1]
	for d := range dims {
		kernel, dilation := []int64{1, 2, 3, 3, 5}[s.IntN(5)], int64(1)
		if dilated && s.IntN(3) == 0 {
			dilation = s.between(1, 2)
		}
		w.kernel, w.strides = append(w.kernel, kernel), append(w.strides, s.between(1, 3))
		w.dilations = append(w.dilations, dilation)
		w.pads[d], w.pads[d+dims] = s.between(0, kernel-1), s.between(0, kernel-1)
		w.spatial = append(w.spatial, (kernel-1)*dilation+1+s.Int64N(largest))
	}
	return w
}

func (w window) attributes(dilated bool) at {
	a := at{"kernel_shape": w.kernel, "strides": w.strides, "pads": w.pads}
	if dilated {
		a["dilations"] = w.dilations
	}
	return a
}

// drawConv is a convolution of one to three dimensions: dense, in groups, for each channel alone,
// or of single pixels, with what often follows it.
func drawConv(s *sample) {
	dims := []int{1, 2, 2, 2, 3}[s.IntN(5)]
	w := s.window(dims, true)
	in, out, groups := s.between(1, 40), s.between(1, 40), int64(1)
	switch s.IntN(4) {
	case 0:
		groups = s.between(2, 4)
		in, out = groups*s.between(1, 9), groups*s.between(1, 9)
	case 1: // for each channel
		groups, out = in, in*s.between(1, 2)
	case 2: // single pixels
		for d := range dims {
			w.kernel[d], w.strides[d], w.pads[d], w.pads[d+dims] = 1, 1, 0, 0
		}
	}
	attributes := w.attributes(true)
	attributes["group"] = groups
	inputs := []string{s.input(append([]int64{s.between(1, 2), in}, w.spatial...)...), s.weight(append([]int64{out, in / groups}, w.kernel...)...)}
	if s.coin() {
		inputs = append(inputs, s.weight(out))
	}
	s.output(s.follow(s.node("Conv", attributes, inputs...)))
}

func drawConvTranspose(s *sample) {
	dims := 1 + s.IntN(2)
	w := s.window(dims, true)
	groups := []int64{1, 1, 2, 3}[s.IntN(4)]
	in, out := groups*s.between(1, 9), s.between(1, 9)
	attributes := w.attributes(true)
	attributes["group"] = groups
	var more []int64
	for d := range dims {
		more = append(more, s.Int64N(w.strides[d]))
	}
	attributes["output_padding"] = more
	inputs := []string{s.input(append([]int64{s.between(1, 2), in}, w.spatial...)...), s.weight(append([]int64{in, out}, w.kernel...)...)}
	if s.coin() {
		inputs = append(inputs, s.weight(groups*out))
	}
	s.output(s.follow(s.node("ConvTranspose", attributes, inputs...)))
}

func drawPool(s *sample, op string) {
	dims := []int{1, 2, 2, 2, 3}[s.IntN(5)]
	w := s.window(dims, op == "MaxPool")
	attributes := w.attributes(op == "MaxPool")
	attributes["ceil_mode"] = s.IntN(2)
	if op == "AveragePool" {
		attributes["count_include_pad"] = s.IntN(2)
	}
	s.output(s.node(op, attributes, s.input(append(s.shape(2, 5), w.spatial...)...)))
}

func drawLpPool(s *sample) {
	w := s.window(2, false)
	attributes := w.attributes(false)
	attributes["p"] = 1 + s.IntN(3)
	s.output(s.node("LpPool", attributes, s.input(append(s.shape(2, 5), w.spatial...)...)))
}
