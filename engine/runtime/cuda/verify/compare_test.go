//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"servery/engine/onnx/conformance"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

// tolerance is how far a value may be off: by a share of itself, and by an absolute amount, and
// by a share of the largest value of its tensor, for sums that cancel.
type tolerance struct{ relative, absolute, ofLargest float64 }

// tolerances by precision: that of float32 is its own 6e-8 times what a sum of some hundred terms
// loses. Factors of 10 bits are off by 5e-4 at most.
var tolerances = map[plan.Precision]tolerance{
	plan.Float32: {1e-4, 1e-5, 2e-6},
	plan.TF32:    {2e-3, 1e-5, 2e-3},
	plan.Float16: {2e-3, 1e-5, 2e-3},
}

// off is how far a tensor is from what it should be.
type off struct {
	// worst is the largest error of an element, as a share of the largest value of its tensor.
	worst float64
	// why says what differs beyond the tolerance; "" where nothing does.
	why string
}

// compare gives how far got is from want. A value of float16 may be off by its last bit as well.
func compare(got, want *tensor.Tensor, by tolerance) off {
	if got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) {
		return off{math.Inf(1), fmt.Sprintf("it is %v %v, want %v %v", got.Type, got.Shape, want.Type, want.Shape)}
	}
	if bytes.Equal(got.Data, want.Data) {
		return off{}
	}
	switch want.Type {
	case tensor.Float16:
		by.relative += 1e-3
	case tensor.BFloat16:
		by.relative += 8e-3
	case tensor.Float32, tensor.Float64:
	default:
		by = tolerance{}
	}
	n := int(want.Elements())
	largest := 0.0
	for i := range n {
		if w := math.Abs(conformance.Element(want, i)); !math.IsInf(w, 0) {
			largest = max(largest, w) // NaN is passed over by none: see below
		}
	}
	if math.IsNaN(largest) {
		largest = 0
	}
	var result off
	for i := range n {
		g, w := conformance.Element(got, i), conformance.Element(want, i)
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		e := math.Abs(g - w)
		if math.IsNaN(e) {
			e = math.Inf(1)
		}
		if largest > by.absolute { // else all values are as good as zero
			result.worst = max(result.worst, e/largest)
		}
		if e > by.absolute+by.relative*math.Abs(w)+by.ofLargest*largest && result.why == "" {
			result.why = fmt.Sprintf("element %d of %v is %v, want %v", i, want.Shape, g, w)
		}
	}
	return result
}
