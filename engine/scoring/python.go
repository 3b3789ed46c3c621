package scoring

import (
	"math"
	"strconv"
	"strings"
)

// pyName is the name of the Python type that a JSON value becomes.
func pyName(raw []byte) string {
	switch c := raw[0]; {
	case c == '{':
		return "dict"
	case c == '[':
		return "list"
	case c == '"':
		return "str"
	case c == 't' || c == 'f':
		return "bool"
	case c == 'n':
		return "NoneType"
	case c == 'N' || c == 'I' || (c == '-' && len(raw) > 1 && raw[1] == 'I'):
		return "float"
	}
	n := scanNumber(raw, 0)
	if isFloatText(raw[:n.end]) {
		return "float"
	}
	return "int"
}

// pyValue is the start of a JSON value as Python writes it.
func pyValue(raw []byte) string {
	var b strings.Builder
	s := scanner{b: raw}
	for b.Len() < excerptLength {
		c := s.space()
		switch {
		case c == 0:
			return b.String()
		case c == '"':
			text, err := s.str(nil)
			if err != nil {
				return b.String()
			}
			if len(raw) == s.i && b.Len() == 0 {
				return excerpt(text)
			}
			b.WriteString(pyRepr(excerpt(text)))
		case s.word("null"):
			b.WriteString("None")
		case s.word("true"):
			b.WriteString("True")
		case s.word("false"):
			b.WriteString("False")
		case s.word("NaN"):
			b.WriteString("nan")
		case s.word("Infinity"):
			b.WriteString("inf")
		case s.word("-Infinity"):
			b.WriteString("-inf")
		case c == ',' || c == ':':
			s.i++
			b.WriteByte(c)
			b.WriteByte(' ')
		case c == '-' || c-'0' < 10:
			n := scanNumber(raw, s.i)
			if n.end == 0 {
				return b.String()
			}
			text := raw[s.i:n.end]
			s.i = n.end
			switch f := n.float(text); {
			case math.IsInf(f, 0):
				b.WriteString(strings.Trim(strings.ToLower(strconv.FormatFloat(f, 'g', -1, 64)), "+"))
			case isFloatText(text):
				b.Write(appendFloat(nil, f))
			case string(text) == "-0":
				b.WriteByte('0')
			default:
				b.Write(text)
			}
		default:
			s.i++
			b.WriteByte(c)
		}
	}
	return b.String() + "…"
}
