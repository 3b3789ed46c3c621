//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"math"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// newResNet is ResNet-50 (He et al., "Deep Residual Learning for Image Recognition", 2015) with
// weights of chance: images [images, 3, height, width] to 1000 figures each. What follows each
// convolution is a BatchNormalization, as PyTorch's exporter leaves it in training's form.
func newResNet() *sample {
	s := newSample(3)
	s.graph.Inputs = []tensor.Port{onnxtest.Port("image", tensor.Float32, -1, 3, -1, -1)}
	x := s.node("Relu", nil, s.convolved("image", 3, 64, 7, 2))
	x = s.node("MaxPool", at{"kernel_shape": []int64{3, 3}, "strides": []int64{2, 2}, "pads": []int64{1, 1, 1, 1}}, x)
	in := int64(64)
	for stage, blocks := range []int{3, 4, 6, 3} {
		inner := int64(64) << stage
		for block := range blocks {
			stride, short := int64(1), x
			if block == 0 {
				if stage > 0 {
					stride = 2
				}
				short = s.convolved(x, in, 4*inner, 1, stride)
			}
			y := s.node("Relu", nil, s.convolved(x, in, inner, 1, 1))
			y = s.node("Relu", nil, s.convolved(y, inner, inner, 3, stride))
			y = s.convolved(y, inner, 4*inner, 1, 1)
			x = s.node("Relu", nil, s.node("Add", nil, y, short))
			in = 4 * inner
		}
	}
	x = s.node("Flatten", nil, s.node("GlobalAveragePool", nil, x))
	s.output(s.node("Gemm", at{"transB": 1}, x, s.spread(in, 1000, in), s.weight(1000)))
	return s
}

// spread is a weight whose sums over so many values have the size of one of them.
func (s *sample) spread(over int64, shape ...int64) string {
	w := s.floats(shape)
	for i := range tensor.View[float32](w) {
		tensor.View[float32](w)[i] /= float32(math.Sqrt(float64(over)))
	}
	return s.keep(w)
}

// convolved is a square convolution that keeps the size, but for its stride, and its normalization.
func (s *sample) convolved(x string, in, out, kernel, stride int64) string {
	pad := (kernel - 1) / 2
	attributes := at{"kernel_shape": []int64{kernel, kernel}, "strides": []int64{stride, stride}, "pads": []int64{pad, pad, pad, pad}}
	y := s.node("Conv", attributes, x, s.spread(in*kernel*kernel, out, in, kernel, kernel))
	variance := s.floats([]int64{out})
	for i, v := range tensor.View[float32](variance) {
		tensor.View[float32](variance)[i] = v*v + 1
	}
	return s.node("BatchNormalization", nil, y, s.weight(out), s.weight(out), s.weight(out), s.keep(variance))
}
