package scoring

import (
	"encoding/binary"
	"math"
)

// run reads up to most plain numbers, separated by commas, into k from element at on, and
// returns how many. It stops behind the last that it has read, and before anything else:
// a number with an exponent or more than 18 digits, a text, the memory's end. What it
// stops at is for element to read; it is only the fast lane for long lists of floats.
func (d *decoder) run(k *sink, c *cast, at, most int) int {
	if c.kind != toFloat32 && c.kind != toFloat64 {
		return 0
	}
	b, i := d.b, d.i
	count := 0
	for most = min(most, len(k.data)/k.size-at); count < most; count++ {
		j := i
		if count > 0 { // step over the comma
			if j >= len(b) || b[j] != ',' {
				break
			}
			if j++; j < len(b) && b[j] == ' ' {
				j++
			}
		}
		negative := j < len(b) && b[j] == '-'
		if negative {
			j++
		}
		m, scale, end := plainNumber(b, j)
		if end == 0 {
			break
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
		if c.kind == toFloat32 {
			binary.LittleEndian.PutUint32(k.data[(at+count)*4:], math.Float32bits(float32(f)))
		} else {
			binary.LittleEndian.PutUint64(k.data[(at+count)*8:], math.Float64bits(f))
		}
		i = end
	}
	d.i = i
	return count
}

// plainNumber reads a number without sign and exponent and with 18 digits at most: m ×
// 10^-scale. end is 0 where there is none.
func plainNumber(b []byte, i int) (m uint64, scale, end int) {
	start := i
	for i < len(b) {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		m = m*10 + uint64(c)
		i++
	}
	digits := i - start
	if digits == 0 || (digits > 1 && b[start] == '0') {
		return 0, 0, 0
	}
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			if !eightDigits(w) {
				break
			}
			m = m*1e8 + parseEight(w)
			i += 8
		}
		for i < len(b) {
			c := b[i] - '0'
			if c > 9 {
				break
			}
			m = m*10 + uint64(c)
			i++
		}
		if scale = i - point; scale == 0 {
			return 0, 0, 0
		}
		digits += scale
	}
	if digits > 18 || (i < len(b) && b[i]|0x20 == 'e') {
		return 0, 0, 0
	}
	return m, scale, i
}
