package batch

import (
	"bytes"
	"math"
	"slices"

	"servery/engine/tensor"
)

// Same tells whether two results are the same but for the rounding of another kernel: a
// matrix product adds up in another order for more rows. Names, types, shapes, whole
// numbers, booleans and texts must be equal, floats within a small share of the largest of
// their tensor. What a row takes over from its neighbours is far more.
func Same(a, b []tensor.Named) bool {
	return slices.EqualFunc(a, b, func(x, y tensor.Named) bool {
		return x.Name == y.Name && sameValue(&x.Value, &y.Value)
	})
}

func sameValue(a, b *tensor.Value) bool {
	switch {
	case a.Tensor != nil && b.Tensor != nil:
		return sameTensor(a.Tensor, b.Tensor)
	case a.Map != nil && b.Map != nil:
		return sameTensor(a.Map.Keys, b.Map.Keys) && sameTensor(a.Map.Values, b.Map.Values)
	case a.Sequence != nil && b.Sequence != nil:
		return slices.EqualFunc(a.Sequence, b.Sequence, func(x, y tensor.Value) bool { return sameValue(&x, &y) })
	}
	return false
}

func sameTensor(a, b *tensor.Tensor) bool {
	if a.Type != b.Type || !slices.Equal(a.Shape, b.Shape) || len(a.Data) != len(b.Data) {
		return false
	}
	switch a.Type {
	case tensor.Float32:
		return sameFloats(tensor.View[float32](a), tensor.View[float32](b), 1e-4)
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
