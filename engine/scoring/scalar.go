package scoring

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unsafe"

	"servery/engine/tensor"
)

// scalar is a value between its JSON and its element: an integer ±magnitude, a float or
// a text.
type scalar struct {
	kind      scalarKind
	negative  bool
	magnitude uint64
	float     float64
	text      []byte // as written; of texts without quotes and escapes
}

type scalarKind uint8

const (
	integerScalar scalarKind = iota
	floatScalar
	textScalar
)

func scalarOf(n number, text []byte) scalar {
	if m, f := n.integer(text); f == fine && !bytes.ContainsAny(text, ".eE") {
		return scalar{kind: integerScalar, negative: n.negative(), magnitude: m, text: text}
	}
	return scalar{kind: floatScalar, float: n.float(text), text: text}
}

func floatOf(f float64) scalar { return scalar{kind: floatScalar, float: f} }

func (v scalar) value() float64 {
	if v.kind == floatScalar {
		return v.float
	}
	if v.negative {
		return -float64(v.magnitude)
	}
	return float64(v.magnitude)
}

// scalar writes v to element i, by way of the signature's type.
func (c *cast) scalar(k *sink, i int, v scalar) fault {
	if c.format != plainText && v.kind != textScalar && !(c.format == timeText && !isBoolean(v)) {
		return notText
	}
	v, f := c.declared(v)
	if f != fine {
		return f
	}
	switch {
	case c.to == tensor.String:
		k.strings[i] = v.string()
		return fine
	case v.kind == textScalar:
		return isText
	case isFloat(c.to):
		k.putFloat(i, v.value())
		return fine
	case c.to == tensor.Bool:
		k.data[i] = 0
		if v.value() != 0 {
			k.data[i] = 1
		}
		return fine
	}
	// What has no fraction is an integer for the graph, whatever type it came through.
	v, f = v.integer(false)
	if f != fine {
		return f
	}
	return k.putInteger(i, v.magnitude, v.negative)
}

// declared casts v to the signature's type as numpy does: floats are cut to integers,
// texts that write numbers become numbers.
func (c *cast) declared(v scalar) (scalar, fault) {
	if c.as == tensor.Undefined || c.as == tensor.String {
		return v, fine
	}
	if v.kind == textScalar {
		if c.as == tensor.Bool { // bool("False") is True in Python
			if len(v.text) > 0 {
				return scalar{magnitude: 1, text: trueText}, fine
			}
			return scalar{text: falseText}, fine
		}
		if isInteger(c.as) && !isIntegerText(v.text) {
			return v, isText // int("5.0") is an error in Python
		}
		var ok bool
		if v, ok = parseText(v.text, false); !ok {
			return v, isText
		}
	}
	switch {
	case isInteger(c.as):
		v, f := v.integer(true)
		if f == fine && !fits(c.as, v.magnitude, v.negative) {
			f = outOfRange
		}
		return v, f
	case c.as == tensor.Bool:
		if v.value() != 0 {
			return scalar{magnitude: 1, text: trueText}, fine
		}
		return scalar{text: falseText}, fine
	case c.as == tensor.Float32:
		return floatOf(float64(float32(v.value()))), fine
	case c.as == tensor.Float16:
		return floatOf(tensor.Float16Value(tensor.Float16Bits(v.value()))), fine
	case c.as == tensor.BFloat16:
		return floatOf(tensor.BFloat16Value(tensor.BFloat16Bits(v.value()))), fine
	}
	return floatOf(v.value()), fine
}

// isBoolean tells true and false from the numbers that they stand for.
func isBoolean(v scalar) bool { return len(v.text) > 3 && (v.text[0] == 'T' || v.text[0] == 'F') }

// isIntegerText tells whether a text is digits, perhaps with a sign and space around.
func isIntegerText(text []byte) bool {
	text = bytes.TrimSpace(text)
	if len(text) > 1 && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	for _, c := range text {
		if c-'0' > 9 {
			return false
		}
	}
	return len(text) > 0
}

// integer is v as an integer. A fraction is cut where cut is set, a fault elsewhere.
func (v scalar) integer(cut bool) (scalar, fault) {
	if v.kind == integerScalar {
		return v, fine
	}
	f := v.float
	switch {
	case f != f || math.IsInf(f, 0):
		return v, notFinite
	case f != math.Trunc(f) && !cut:
		return v, fractional
	case math.Abs(f) >= 1<<64:
		return v, outOfRange
	}
	return scalar{kind: integerScalar, negative: f < 0, magnitude: uint64(math.Abs(math.Trunc(f)))}, fine
}

// string is v as a text, as Python's str writes it. The result may be a view of v.text.
func (v scalar) string() string {
	switch {
	case v.kind == floatScalar && v.text != nil && !isFloatText(v.text) && v.float == v.float:
		return unsafe.String(unsafe.SliceData(v.text), len(v.text)) // an integer of any length
	case v.kind == integerScalar && v.magnitude == 0 && len(v.text) == 2: // -0
		return "0"
	case v.kind == floatScalar && v.float != v.float:
		return "nan"
	case v.kind == floatScalar && math.IsInf(v.float, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(v.float, 'f', -1, 64)), "+")
	case v.kind == floatScalar:
		return string(appendFloat(nil, v.float))
	case v.text != nil || v.kind == textScalar:
		return unsafe.String(unsafe.SliceData(v.text), len(v.text))
	case v.negative:
		return "-" + strconv.FormatUint(v.magnitude, 10)
	}
	return strconv.FormatUint(v.magnitude, 10)
}

// parseText is the number that a text writes, as Python's float() and int() read it, or,
// for a boolean, True and False.
func parseText(text []byte, boolean bool) (scalar, bool) {
	text = bytes.TrimSpace(text)
	if n := scanNumber(text, 0); n.end == len(text) && n.end > 0 {
		return scalarOf(n, text), true
	}
	if boolean {
		switch strings.ToLower(string(text[:min(len(text), 6)])) {
		case "true":
			return scalar{magnitude: 1}, true
		case "false":
			return scalar{}, true
		}
	}
	// What Python takes and JSON does not: +1, .5, 1., 007, inf, nan.
	if len(text) == 0 || len(text) > 400 || bytes.ContainsAny(text, "xXpP_") {
		return scalar{}, false
	}
	if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		if i < 0 {
			return scalar{negative: true, magnitude: -uint64(i)}, true
		}
		return scalar{magnitude: uint64(i)}, true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(f, 0) {
		return scalar{}, false
	}
	return floatOf(f), true
}
