package scoring

import (
	"math"
	"time"
	"unsafe"

	"servery/engine/tensor"
)

// decoder reads a body's values into sinks.
type decoder struct {
	scanner
	// arena holds the texts that the request's tensors show. It is never longer than the
	// body, since no escape is shorter than what it stands for, so it never moves.
	arena []byte
	// at is where the value that was read last begins.
	at int
}

func (d *decoder) reset(body []byte) {
	d.b, d.i, d.arena = body, 0, d.arena[:0]
}

// keep copies a text into the arena.
func (d *decoder) keep(text []byte) []byte {
	if cap(d.arena) < len(d.b) {
		d.arena = make([]byte, 0, len(d.b)) // the first text of this body
	}
	start := len(d.arena)
	d.arena = append(d.arena, text...)
	return d.arena[start:len(d.arena):len(d.arena)]
}

// text reads the string at d.i into the arena.
func (d *decoder) text() ([]byte, error) {
	if cap(d.arena) < len(d.b) {
		d.arena = make([]byte, 0, len(d.b))
	}
	start := len(d.arena)
	s, err := d.str(d.arena[start:start])
	if err != nil {
		return nil, err
	}
	if unsafe.SliceData(s) == unsafe.SliceData(d.arena[start:start:cap(d.arena)]) {
		d.arena = d.arena[:start+len(s)] // it had escapes and is there already
		return s[:len(s):len(s)], nil
	}
	return d.keep(s), nil
}

// element reads the scalar at d.i, whose first byte is ch, into element i of k.
func (d *decoder) element(k *sink, c *cast, i int, ch byte) fault {
	d.at = d.i
	if ch == '-' || ch-'0' < 10 {
		if n := scanNumber(d.b, d.i); n.end > 0 {
			text := d.b[d.i:n.end]
			d.i = n.end
			if c.to == tensor.String {
				text = d.keep(text)
			}
			return c.number(k, i, n, text)
		}
	}
	return d.other(k, c, i, ch)
}

// other is element for what is no number.
func (d *decoder) other(k *sink, c *cast, i int, ch byte) fault {
	switch ch {
	case '"':
		text, err := d.text()
		if err != nil {
			return malformed
		}
		return c.text(k, i, text)
	case 'n':
		if d.scanner.word("null") {
			return c.null(k, i)
		}
	case 't':
		if d.scanner.word("true") {
			return c.scalar(k, i, scalar{magnitude: 1, text: trueText})
		}
	case 'f':
		if d.scanner.word("false") {
			return c.scalar(k, i, scalar{text: falseText})
		}
	case 'N':
		if d.scanner.word("NaN") {
			return c.scalar(k, i, floatOf(notANumber))
		}
	case 'I':
		if d.scanner.word("Infinity") {
			return c.scalar(k, i, floatOf(infinity))
		}
	case '-':
		if d.scanner.word("-Infinity") {
			return c.scalar(k, i, floatOf(-infinity))
		}
	case '[':
		return isList
	case '{':
		return isObject
	}
	return malformed
}

// text writes a text, which lies in the arena, to element i.
func (c *cast) text(k *sink, i int, text []byte) fault {
	switch c.format {
	case base64Text:
		var ok bool
		if text, ok = decodeBase64(text); !ok {
			return badBase64
		}
	case timeText:
		at, ok := parseTime(text)
		if !ok {
			return badTime
		}
		if c.to == tensor.Int64 {
			n := at.UnixNano()
			return k.putInteger(i, uint64(max(n, -n)), n < 0)
		}
	}
	return c.scalar(k, i, scalar{kind: textScalar, text: text})
}

// null writes what pandas and numpy make of null: NaN where the type has one, false for
// a boolean that a signature declares.
func (c *cast) null(k *sink, i int) fault {
	switch {
	case c.format != plainText || c.to == tensor.String || isInteger(c.as):
		return isNull
	case isFloat(c.to) && c.as != tensor.Bool:
		k.putFloat(i, notANumber)
		return fine
	case c.as == tensor.Bool:
		return c.scalar(k, i, scalar{text: falseText})
	}
	return isNull
}

var (
	notANumber = math.NaN()
	infinity   = math.Inf(1)
	trueText   = []byte("True")
	falseText  = []byte("False")
)

// timeLayouts are the forms that datetime columns take: ISO 8601's and the American one.
var timeLayouts = [...]string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02", "2006-01", "2006", "01/02/2006"}

// parseTime reads a time; one without a zone is UTC. Times must be within what 64 bits
// of nanoseconds hold, 1678 to 2261, as pandas' are.
func parseTime(text []byte) (time.Time, bool) {
	if len(text) > 64 {
		return time.Time{}, false
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, string(text)); err == nil {
			return t, t.Year() >= 1678 && t.Year() < 2262
		}
	}
	return time.Time{}, false
}
