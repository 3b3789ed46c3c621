package graph

import (
	"servery/engine/tensor"
)

// Evaluators compute with float64 for all floats and int64 for all other numbers. A sum,
// difference, product, quotient or square root of two floats that is rounded to 53 bits and
// then to 24 or 11 is the one rounded once, and integers wrap around as in their own width.

// isFloat tells whether a type is computed with as float64.
func isFloat(t tensor.Type) bool {
	return t == tensor.Float32 || t == tensor.Float64 || t == tensor.Float16 || t == tensor.BFloat16
}

// isInteger tells whether a type is computed with as int64. That of uint64 would not hold all
// of them.
func isInteger(t tensor.Type) bool {
	switch t {
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Bool:
		return true
	}
	return false
}

// converted is a copy of numbers as another type.
func converted[To, From int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32 | float64](from []From) []To {
	to := make([]To, len(from))
	for i, v := range from {
		to[i] = To(v)
	}
	return to
}

// mapped is a copy of elements, each changed by fn.
func mapped[To, From any](from []From, fn func(From) To) []To {
	to := make([]To, len(from))
	for i, v := range from {
		to[i] = fn(v)
	}
	return to
}

// asInts are the elements of integers or bools; ok is false for other types.
func asInts(t *tensor.Tensor) (n []int64, ok bool) {
	switch t.Type {
	case tensor.Int8:
		return converted[int64](tensor.View[int8](t)), true
	case tensor.Int16:
		return converted[int64](tensor.View[int16](t)), true
	case tensor.Int32:
		return converted[int64](tensor.View[int32](t)), true
	case tensor.Int64:
		return tensor.View[int64](t), true
	case tensor.Uint8:
		return converted[int64](tensor.View[uint8](t)), true
	case tensor.Uint16:
		return converted[int64](tensor.View[uint16](t)), true
	case tensor.Uint32:
		return converted[int64](tensor.View[uint32](t)), true
	case tensor.Bool:
		return mapped(t.Data, func(b byte) int64 {
			if b != 0 {
				return 1
			}
			return 0
		}), true
	}
	return nil, false
}

// asFloats are the elements of numbers; ok is false for other types.
func asFloats(t *tensor.Tensor) (n []float64, ok bool) {
	switch t.Type {
	case tensor.Float32:
		return converted[float64](tensor.View[float32](t)), true
	case tensor.Float64:
		return tensor.View[float64](t), true
	case tensor.Float16:
		return mapped(tensor.View[uint16](t), tensor.Float16Value), true
	case tensor.BFloat16:
		return mapped(tensor.View[uint16](t), tensor.BFloat16Value), true
	case tensor.Uint64:
		return converted[float64](tensor.View[uint64](t)), true
	}
	ints, ok := asInts(t)
	return converted[float64](ints), ok
}

// numbersOf are the elements of a small tensor, as float64; ok is false for a large one and
// for other types than numbers.
func numbersOf(t *tensor.Tensor) (n []float64, ok bool) {
	if t.Elements() > 1<<16 {
		return nil, false
	}
	return asFloats(t)
}

// zeros is a tensor whose elements are 0.
func zeros(t tensor.Type, shape []int64) *tensor.Tensor {
	out := &tensor.Tensor{Type: t, Shape: shape}
	out.Data = make([]byte, out.Elements()*int64(t.Size()))
	return out
}

// fromInts fills a tensor of any type of numbers with integers, which wrap around in narrower types.
func fromInts(t tensor.Type, shape, n []int64) *tensor.Tensor {
	out := zeros(t, shape)
	switch t {
	case tensor.Int8, tensor.Uint8:
		copy(tensor.View[uint8](out), converted[uint8](n))
	case tensor.Int16, tensor.Uint16:
		copy(tensor.View[uint16](out), converted[uint16](n))
	case tensor.Int32, tensor.Uint32:
		copy(tensor.View[uint32](out), converted[uint32](n))
	case tensor.Int64, tensor.Uint64:
		copy(tensor.View[int64](out), n)
	case tensor.Bool:
		for i, v := range n {
			if v != 0 {
				out.Data[i] = 1
			}
		}
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
		return fromFloats(t, shape, converted[float64](n))
	default:
		return nil
	}
	return out
}

// fromFloats fills a tensor of any type of numbers, rounding to the nearest float and
// towards zero for integers. nil is for other types.
func fromFloats(t tensor.Type, shape []int64, n []float64) *tensor.Tensor {
	out := zeros(t, shape)
	switch t {
	case tensor.Float32:
		copy(tensor.View[float32](out), converted[float32](n))
	case tensor.Float64:
		copy(tensor.View[float64](out), n)
	case tensor.Float16:
		copy(tensor.View[uint16](out), mapped(n, tensor.Float16Bits))
	case tensor.BFloat16:
		copy(tensor.View[uint16](out), mapped(n, tensor.BFloat16Bits))
	case tensor.Uint64:
		copy(tensor.View[uint64](out), converted[uint64](n))
	case tensor.Bool:
		for i, v := range n {
			if v != 0 {
				out.Data[i] = 1
			}
		}
	default:
		return fromInts(t, shape, converted[int64](n))
	}
	return out
}

// filled is a tensor whose elements are one number; nil for types that are no numbers.
func filled(t tensor.Type, shape []int64, f float64) *tensor.Tensor {
	if shape == nil {
		shape = []int64{}
	}
	one := fromFloats(t, []int64{1}, []float64{f})
	if one == nil {
		return nil
	}
	return repeat(one.Data, t, shape)
}

// repeat is a tensor whose elements are all the same bytes.
func repeat(element []byte, t tensor.Type, shape []int64) *tensor.Tensor {
	out := zeros(t, shape)
	if len(out.Data) == 0 {
		return out
	}
	for done := copy(out.Data, element); done < len(out.Data); done *= 2 {
		copy(out.Data[done:], out.Data[:done])
	}
	return out
}
