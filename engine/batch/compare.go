package batch

import (
	"bytes"
	"math"
	"slices"

	"servery/engine/tensor"
)

// The shares of the largest value by which rounding makes float32 results differ: where factors
// are float32, and where they are rounded to 10 bits on a GPU, which one of two kernels may do.
const (
	Rounding       = 1e-4
	CoarseRounding = 1e-2
)

// Same tells whether two results are the same but for the rounding of another kernel: a
// matrix product adds up in another order for more rows. Names, types, shapes, whole
// numbers, booleans and texts must be equal, float32 within a share of the largest of
// their tensor. What a row takes over from its neighbours is far more.
func Same(a, b []tensor.Named, share float64) bool {
	return slices.EqualFunc(a, b, func(x, y tensor.Named) bool {
		return x.Name == y.Name && sameValue(&x.Value, &y.Value, share)
	})
}

func sameValue(a, b *tensor.Value, share float64) bool {
	switch {
	case a.Tensor != nil && b.Tensor != nil:
		return sameTensor(a.Tensor, b.Tensor, share)
	case a.Map != nil && b.Map != nil:
		return sameTensor(a.Map.Keys, b.Map.Keys, share) && sameTensor(a.Map.Values, b.Map.Values, share)
	case a.Sequence != nil && b.Sequence != nil:
		return slices.EqualFunc(a.Sequence, b.Sequence, func(x, y tensor.Value) bool { return sameValue(&x, &y, share) })
	}
	return false
}

func sameTensor(a, b *tensor.Tensor, share float64) bool {
	if a.Type != b.Type || !slices.Equal(a.Shape, b.Shape) || len(a.Data) != len(b.Data) {
		return false
	}
	switch a.Type {
	case tensor.Float32:
		return sameFloats(tensor.View[float32](a), tensor.View[float32](b), share)
	case tensor.Float64:
		return sameFloats(tensor.View[float64](a), tensor.View[float64](b), 1e-9)
	case tensor.String:
		return slices.Equal(a.Strings, b.Strings)
	}
	return bytes.Equal(a.Data, b.Data)
}

// sameFloats compares within a share of the largest magnitude. NaN equals NaN.
func sameFloats[T float32 | float64](a, b []T, share float64) bool {
	largest := 0.0
	for i := range a {
		if m := math.Abs(float64(a[i])); m > largest && !math.IsInf(m, 0) {
			largest = m
		}
	}
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		if x == y || x != x && y != y {
			continue
		}
		if !(math.Abs(x-y) <= share*largest) {
			return false
		}
	}
	return true
}
