package tensor

import "math"

// Float16Bits is the float16 nearest to f, ties to even, as numpy rounds a double; too
// large values are infinite.
func Float16Bits(f float64) uint16 {
	b := math.Float64bits(f)
	sign := uint16(b >> 48 & 0x8000)
	if f != f {
		return sign | 0x7E00
	}
	a := math.Abs(f)
	switch {
	case a >= 65520: // half way from 65504, the largest, to 2^16
		return sign | 0x7C00
	case a < 0x1p-14: // subnormal: a multiple of 2^-24
		return sign | uint16(math.RoundToEven(a*0x1p24))
	}
	exponent := int(b>>52&0x7FF) - 1023
	m := uint16(math.RoundToEven(math.Ldexp(a, 10-exponent))) // 1024 to 2048
	return sign | (uint16(exponent+15)<<10 + m - 1024)
}

// Float16Value is a float16's value.
func Float16Value(h uint16) float64 {
	m, e := float64(h&0x3FF), int(h>>10&0x1F)
	var f float64
	switch e {
	case 0:
		f = m * 0x1p-24
	case 31:
		f = math.Inf(1)
		if m != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1+m/1024, e-15)
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}

// BFloat16Bits is the bfloat16 nearest to f, ties to even, by way of float32.
func BFloat16Bits(f float64) uint16 {
	b := math.Float32bits(float32(f))
	if f != f {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7FFF + b>>16&1) >> 16)
}

// BFloat16Value is a bfloat16's value.
func BFloat16Value(h uint16) float64 { return float64(math.Float32frombits(uint32(h) << 16)) }
