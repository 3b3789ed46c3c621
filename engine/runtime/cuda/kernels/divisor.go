package kernels

import "math/bits"

// Divisor lets the device divide whole numbers below 2^31 by a number known beforehand: n / d is
// (high(n * Multiplier) + n) >> Shift. For d = 7: Shift 3, Multiplier 2^32 * (8 - 7) / 7 + 1 =
// 613566757; of 20, high(20 * 613566757) is 2, and 22 >> 3 is 2.
type Divisor struct{ Divisor, Multiplier, Shift uint32 }

// NewDivisor is for d from 1 to 2^31-1.
func NewDivisor(d int64) Divisor {
	shift := uint32(bits.Len32(uint32(d - 1)))
	return Divisor{uint32(d), uint32((uint64(1)<<32)*((uint64(1)<<shift)-uint64(d))/uint64(d) + 1), shift}
}
