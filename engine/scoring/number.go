package scoring

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"unsafe"
)

// number is a JSON number as it is written: ±mantissa × 10^exponent. Nothing is rounded
// yet, so that integers of 64 bits and fractions can both be taken from it exactly.
type number struct {
	mantissa uint64
	exponent int
	end      int // the index after it; 0 where there is no number
	marks    numberMarks
}

// numberMarks are one field, so that a number has four, with which it stays in registers.
type numberMarks uint8

const (
	negativeNumber numberMarks = 1 << iota
	// longNumber has more digits than the mantissa can hold: only its text is exact.
	longNumber
)

func (n number) negative() bool { return n.marks&negativeNumber != 0 }
func (n number) long() bool     { return n.marks&longNumber != 0 }

// scanNumber reads the JSON number at b[i].
func scanNumber(b []byte, i int) number {
	var marks numberMarks
	if i < len(b) && b[i] == '-' {
		marks = negativeNumber
		i++
	}
	start := i
	var m uint64
	for i < len(b) {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		m = m*10 + uint64(d)
		i++
	}
	digits := i - start
	if digits == 0 || (digits > 1 && b[start] == '0') {
		return number{}
	}
	exponent := 0
	if i < len(b) && b[i] == '.' {
		i++
		fraction := i
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			if !eightDigits(w) {
				break
			}
			m = m*1e8 + parseEight(w)
			i += 8
		}
		for i < len(b) {
			d := b[i] - '0'
			if d > 9 {
				break
			}
			m = m*10 + uint64(d)
			i++
		}
		if i == fraction {
			return number{}
		}
		exponent = fraction - i
		digits -= exponent
	}
	if digits > 19 && significant(b[start:i]) > 19 {
		marks |= longNumber
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		var e int
		if e, i = scanExponent(b, i+1); i == 0 {
			return number{}
		}
		exponent += e
	}
	return number{m, exponent, i, marks}
}

// significant counts digits from the first that is not 0.
func significant(b []byte) (n int) {
	for _, c := range b {
		if c != '.' && (n > 0 || c != '0') {
			n++
		}
	}
	return n
}

// scanExponent reads what follows an e. end is 0 where there are no digits. The value is
// cut at a million, far beyond every type's range.
func scanExponent(b []byte, i int) (e, end int) {
	negative := false
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		negative = b[i] == '-'
		i++
	}
	start := i
	for i < len(b) && b[i]-'0' < 10 {
		if e < 1e6 {
			e = e*10 + int(b[i]-'0')
		}
		i++
	}
	if i == start {
		return 0, 0
	}
	if negative {
		e = -e
	}
	return e, i
}

// eightDigits tells whether all eight bytes are ASCII digits: their high halves are 3
// before and after adding 6, which carries ':' to '?' over into 4.
func eightDigits(w uint64) bool {
	return (w&0xF0F0F0F0F0F0F0F0)|((w+0x0606060606060606)&0xF0F0F0F0F0F0F0F0)>>4 == 0x3333333333333333
}

// parseEight is the number that eight ASCII digits write, the first in the lowest byte:
// neighbours are joined to pairs, pairs to fours, fours to all eight.
func parseEight(w uint64) uint64 {
	w = (w & 0x0F0F0F0F0F0F0F0F) * (10<<8 + 1) >> 8
	w = (w & 0x00FF00FF00FF00FF) * (100<<16 + 1) >> 16
	return (w & 0x0000FFFF0000FFFF) * (10000<<32 + 1) >> 32
}

var tens = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// float is the number's nearest double; too large ones are infinite, as in Python. text
// is the number as written.
func (n number) float(text []byte) float64 {
	if n.mantissa < 1<<53 && !n.long() {
		// Both the mantissa and 10^22 are exact doubles, so one operation rounds once.
		f := float64(n.mantissa)
		switch {
		case n.exponent == 0:
			return n.sign(f)
		case n.exponent < 0 && n.exponent >= -22:
			return n.sign(f / tens[-n.exponent])
		case n.exponent > 0 && n.exponent <= 22:
			return n.sign(f * tens[n.exponent])
		}
	}
	if !n.long() {
		if f, ok := wideFloat(n.mantissa, n.exponent); ok {
			return n.sign(f)
		}
	}
	f, _ := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	return f
}

func (n number) sign(f float64) float64 {
	if n.negative() {
		return -f
	}
	return f
}

// widePower bounds the decimal exponents that wideFloat knows: those of all numbers of
// 17 digits between 1e-40 and 1e40.
const widePower = 60

// powers holds 10^(i-widePower) as 128 bits with the highest set, cut, not rounded: the
// high and the low half.
var powers = makePowers()

func makePowers() (table [2*widePower + 1][2]uint64) {
	mask := new(big.Int).SetUint64(math.MaxUint64)
	for i := range table {
		p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(abs(i-widePower))), nil)
		if i < widePower { // 2^(127+bits) / 10^k has 128 bits, its highest set
			p.Div(new(big.Int).Lsh(big.NewInt(1), uint(127+p.BitLen())), p)
		} else if shift := 128 - p.BitLen(); shift >= 0 {
			p.Lsh(p, uint(shift))
		} else {
			p.Rsh(p, uint(-shift))
		}
		table[i] = [2]uint64{new(big.Int).Rsh(p, 64).Uint64(), new(big.Int).And(p, mask).Uint64()}
	}
	return table
}

func abs(i int) int { return max(i, -i) }

// wideFloat is the double nearest to mantissa × 10^exponent by one or two 64-bit
// multiplications (D. Lemire, Number parsing at a gigabyte per second, 2021). ok is false
// where the product is too close to the middle between two doubles to tell, or outside
// the table.
func wideFloat(mantissa uint64, exponent int) (f float64, ok bool) {
	if mantissa == 0 {
		return 0, true
	}
	if exponent < -widePower || exponent > widePower {
		return 0, false
	}
	zeros := bits.LeadingZeros64(mantissa)
	mantissa <<= zeros
	// 217706/2^16 is log2(10) just enough for |exponent| < 350.
	binary := (217706*exponent)>>16 + 64 + 1023 - zeros
	power := powers[exponent+widePower]
	high, low := bits.Mul64(mantissa, power[0])
	if high&0x1FF == 0x1FF && low+mantissa < mantissa {
		high2, low2 := bits.Mul64(mantissa, power[1])
		merged, carry := bits.Add64(low, high2, 0)
		high += carry
		if high&0x1FF == 0x1FF && merged+1 == 0 && low2+mantissa < mantissa {
			return 0, false
		}
		low = merged
	}
	top := high >> 63
	result := high >> (top + 9) // 54 bits: one more than a double's, to round
	binary -= int(1 - top)
	if low == 0 && high&0x1FF == 0 && result&3 == 1 {
		return 0, false // exactly half way, perhaps
	}
	result += result & 1
	result >>= 1
	if result>>53 > 0 {
		result >>= 1
		binary++
	}
	return math.Float64frombits(uint64(binary)<<52 | result&(1<<52-1)), true
}

// integer is the number as mantissa and sign where it has no fraction ("12", "12.0",
// "1.2e1") and its absolute value has 64 bits at most.
func (n number) integer(text []byte) (mantissa uint64, f fault) {
	if n.long() {
		return longInteger(text)
	}
	m, e := n.mantissa, n.exponent
	if m == 0 {
		return 0, fine
	}
	for ; e < 0; e++ {
		if m%10 != 0 {
			return 0, fractional
		}
		m /= 10
	}
	for ; e > 0; e-- {
		high, low := bits.Mul64(m, 10)
		if high != 0 {
			return 0, outOfRange
		}
		m = low
	}
	return m, fine
}

// longInteger is integer for numbers of more than 19 digits: 18446744073709551615, or 1
// with twenty zeros behind its point.
func longInteger(text []byte) (uint64, fault) {
	if len(text) > 4096 {
		return 0, outOfRange
	}
	// Exponents are limited before the exact arithmetic, which "1e999999" would let grow.
	if f, err := strconv.ParseFloat(string(text), 64); err != nil || math.Abs(f) > 1e20 {
		return 0, outOfRange
	} else if f != 0 && math.Abs(f) < 0.5 {
		return 0, fractional
	}
	r, ok := new(big.Rat).SetString(string(text))
	if !ok || !r.IsInt() {
		return 0, fractional
	}
	i := new(big.Int).Abs(r.Num())
	if !i.IsUint64() {
		return 0, outOfRange
	}
	return i.Uint64(), fine
}
