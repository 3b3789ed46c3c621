package scoring

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// run reads up to most plain numbers, separated by commas, into k from element at on, and
// returns how many. It stops behind the last that it has read, and before anything else:
// a number with an exponent or more than 18 digits, a text, the memory's end. What it
// stops at is for element to read; it is only the fast lane for long lists of numbers.
func (d *decoder) run(k *sink, c *cast, at, most int) int {
	switch c.kind {
	case toFloat32, toFloat64:
		return d.runFloats(k, c.kind == toFloat32, at, min(most, len(k.data)/k.size-at))
	case toInteger:
		return d.runIntegers(k, at, min(most, len(k.data)/k.size-at))
	}
	return 0
}

// ahead is how many bytes the fast lane must have before it: a comma, a space, a sign, 18
// digits with a point among them and eight bytes more for a load beyond them.
const ahead = 32

func (d *decoder) runFloats(k *sink, single bool, at, most int) int {
	b, i := d.b, d.i
	count := 0
	for ; count < most; count++ {
		j := i
		if len(b)-j < ahead {
			break
		}
		if count > 0 { // step over the comma
			if b[j] != ',' {
				break
			}
			if j++; b[j] == ' ' {
				j++
			}
		}
		negative := b[j] == '-'
		if negative {
			j++
		}
		var m uint64
		var scale, end int
		// The usual number is one digit, or has one before its point and up to 16 behind it.
		if c := b[j] - '0'; c > 9 {
			break
		} else if b[j+1] == ',' || b[j+1] == ']' {
			m, end = uint64(c), j+1
		} else if b[j+1] == '.' {
			w := binary.LittleEndian.Uint64(b[j+2:])
			n := leadingDigits(w)
			if n == 8 {
				next := binary.LittleEndian.Uint64(b[j+10:])
				more := leadingDigits(next)
				m = (uint64(c)*1e8+parseEight(w))*wholeTens[more&15] + parseEight(next<<(64-8*uint(more)))
				n += more
			} else {
				m = uint64(c)*wholeTens[n&15] + parseEight(w<<(64-8*uint(n)))
			}
			if e := b[j+2+n]; n > 0 && e-'0' > 9 && e|0x20 != 'e' {
				scale, end = n, j+2+n
			}
		}
		if end == 0 {
			if m, scale, end = plainNumber(b, j); end == 0 {
				break
			}
		}
		var f float64
		if m < 1<<53 {
			f = float64(m) / tens[scale&31]
		} else if wide, ok := wideFloat(m, -scale); ok {
			f = wide
		} else {
			break
		}
		if negative && (m > 0 || scale > 0) {
			f = -f // but -0 is an integer in Python, which has no sign
		}
		if single {
			binary.LittleEndian.PutUint32(k.data[(at+count)*4:], math.Float32bits(float32(f)))
		} else {
			binary.LittleEndian.PutUint64(k.data[(at+count)*8:], math.Float64bits(f))
		}
		i = end
	}
	d.i = i
	return count
}

// runIntegers is run for tensors of integers.
func (d *decoder) runIntegers(k *sink, at, most int) int {
	b, i := d.b, d.i
	count := 0
	for ; count < most; count++ {
		j := i
		if len(b)-j < ahead {
			break
		}
		if count > 0 {
			if b[j] != ',' {
				break
			}
			if j++; b[j] == ' ' {
				j++
			}
		}
		negative := b[j] == '-'
		if negative {
			j++
		}
		m, scale, end := plainNumber(b, j)
		if end == 0 || scale > 0 || k.putInteger(at+count, m, negative) != fine {
			break
		}
		i = end
	}
	d.i = i
	return count
}

// plainNumber reads a number without sign and exponent and with 18 digits at most: m ×
// 10^-scale. end is 0 where there is none. Of b there must be ahead-3 bytes from i on.
func plainNumber(b []byte, i int) (m uint64, scale, end int) {
	first := b[i] - '0'
	if first > 9 {
		return 0, 0, 0
	}
	m = uint64(first)
	start := i
	for i++; ; i++ {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		if i-start >= 18 {
			return 0, 0, 0
		}
		m = m*10 + uint64(c)
	}
	digits := i - start
	if first == 0 && digits > 1 {
		return 0, 0, 0
	}
	if b[i] == '.' {
		if len(b)-i < 25 {
			return 0, 0, 0
		}
		i++
		w := binary.LittleEndian.Uint64(b[i:])
		n := leadingDigits(w)
		if n == 0 {
			return 0, 0, 0
		}
		m = m*wholeTens[n&15] + parseEight(w<<(64-8*uint(n)))
		if scale = n; n == 8 {
			w = binary.LittleEndian.Uint64(b[i+8:])
			if n = leadingDigits(w); n > 0 {
				if digits+8+n > 18 {
					return 0, 0, 0
				}
				m = m*wholeTens[n&15] + parseEight(w<<(64-8*uint(n)))
				if scale += n; n == 8 {
					for ; b[i+scale]-'0' <= 9; scale++ {
						if digits+scale >= 18 {
							return 0, 0, 0
						}
						m = m*10 + uint64(b[i+scale]-'0')
					}
				}
			}
		}
		i += scale
		if digits+scale > 18 {
			return 0, 0, 0
		}
	}
	if b[i]|0x20 == 'e' {
		return 0, 0, 0
	}
	return m, scale, i
}

// leadingDigits is how many of the eight bytes, from the lowest on, are ASCII digits before
// one that is none.
func leadingDigits(w uint64) int {
	// A digit's high half is 3, and still is with 6 more, which makes ':' to '?' begin with 4.
	odd := (w & 0xF0F0F0F0F0F0F0F0) | ((w+0x0606060606060606)&0xF0F0F0F0F0F0F0F0)>>4 ^ 0x3333333333333333
	return bits.TrailingZeros64(odd) >> 3
}

var wholeTens = [16]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}
