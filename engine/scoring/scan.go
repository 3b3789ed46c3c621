package scoring

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds nested lists and objects, near Python's recursion limit, which bounds
// them in MLflow.
const maxDepth = 1000

// scanner walks over JSON as Python's json module takes it: RFC 8259, and the numbers NaN,
// Infinity and -Infinity. Strings must be UTF-8.
type scanner struct {
	b []byte
	i int
}

// A syntaxError is a place where the body is no JSON, with the reason in the words of
// Python's json module.
type syntaxError struct {
	reason string
	at     int
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.reason, e.at) }

// describe is the text of Python's JSONDecodeError: line and column count from 1, in
// characters.
func (e *syntaxError) describe(b []byte) string {
	line, start := 1, 0
	for i, c := range b[:e.at] {
		if c == '\n' {
			line, start = line+1, i+1
		}
	}
	return fmt.Sprintf("%s: line %d column %d (char %d)", e.reason, line, utf8.RuneCount(b[start:e.at])+1, utf8.RuneCount(b[:e.at]))
}

func (s *scanner) fail(reason string) error { return &syntaxError{reason, s.i} }

func (s *scanner) expectedValue() error { return s.fail("Expecting value") }

// space skips white space and returns the byte after it, 0 at the end.
func (s *scanner) space() byte {
	if s.i < len(s.b) && s.b[s.i] > ' ' {
		return s.b[s.i]
	}
	return s.skipSpace()
}

func (s *scanner) skipSpace() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\n', '\r', '\t':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// enter steps over '[' or '{' and tells whether the list or object is empty, in which
// case it steps over its end too.
func (s *scanner) enter(end byte) (empty bool) {
	s.i++
	if s.space() == end {
		s.i++
		return true
	}
	return false
}

// next steps over ',' or the end; more tells that another element must follow.
func (s *scanner) next(end byte) (more bool, err error) {
	if s.i < len(s.b) && s.b[s.i] == ',' {
		s.i++
		return true, nil
	}
	switch s.space() {
	case ',':
		s.i++
		return true, nil
	case end:
		s.i++
		return false, nil
	}
	return false, s.fail("Expecting ',' delimiter")
}

// key reads an object's key and its colon. The result is a view of the body, or of
// scratch where the key has escapes.
func (s *scanner) key(scratch []byte) ([]byte, error) {
	if s.space() != '"' {
		return nil, s.fail("Expecting property name enclosed in double quotes")
	}
	k, err := s.str(scratch)
	if err != nil {
		return nil, err
	}
	if s.space() != ':' {
		return nil, s.fail("Expecting ':' delimiter")
	}
	s.i++
	return k, nil
}

// str reads the string at s.i. The result is a view of the body where the string has no
// escapes, else it is written to scratch's end and a view of that.
func (s *scanner) str(scratch []byte) ([]byte, error) {
	start := s.i
	b := s.b
	ascii := byte(0)
	for i := start + 1; i < len(b); i++ {
		c := b[i]
		ascii |= c
		switch {
		case c == '"':
			s.i = i + 1
			if ascii >= utf8.RuneSelf && !utf8.Valid(b[start+1:i]) {
				return nil, &syntaxError{"Invalid UTF-8 in string starting at", start}
			}
			return b[start+1 : i], nil
		case c == '\\':
			return s.escaped(append(scratch, b[start+1:i]...), start, i)
		case c < ' ':
			return nil, &syntaxError{"Invalid control character at", i}
		}
	}
	return nil, &syntaxError{"Unterminated string starting at", start}
}

// escaped reads the rest of a string from its first escape at i on.
func (s *scanner) escaped(out []byte, start, i int) ([]byte, error) {
	from := 0 // all of out belongs to the string: scratch is empty before it
	b := s.b
	for i < len(b) {
		c := b[i]
		switch {
		case c == '"':
			s.i = i + 1
			if !utf8.Valid(out[from:]) {
				return nil, &syntaxError{"Invalid UTF-8 in string starting at", start}
			}
			return out, nil
		case c < ' ':
			return nil, &syntaxError{"Invalid control character at", i}
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		if i+1 >= len(b) {
			break
		}
		if b[i+1] == 'u' {
			r, n := unescape(b[i:])
			if n == 0 {
				return nil, &syntaxError{"Invalid \\uXXXX escape", i + 1}
			}
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		e := escapes[b[i+1]]
		if e == 0 {
			return nil, &syntaxError{"Invalid \\escape", i}
		}
		out = append(out, e)
		i += 2
	}
	return nil, &syntaxError{"Unterminated string starting at", start}
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape reads \uXXXX, or two of them that are a surrogate pair. Half a pair becomes
// U+FFFD. n is the bytes read, 0 where the digits are none.
func unescape(b []byte) (r rune, n int) {
	if r = hex4(b); r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(b[6:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(b []byte) rune {
	if len(b) < 6 {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c-'0' < 10:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune((c|0x20)-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// skip steps over one value, checking its syntax. depth is how many lists and objects
// already surround it.
func (s *scanner) skip(depth int) error {
	switch c := s.space(); {
	case c == '"':
		_, err := s.str(nil)
		return err
	case c == '[' || c == '{':
		if depth >= maxDepth {
			return s.fail(fmt.Sprintf("Lists and objects nested more than %d deep", maxDepth))
		}
		if c == '[' {
			return s.skipList(depth + 1)
		}
		return s.skipObject(depth + 1)
	case c == '-' || c-'0' < 10:
		if n := scanNumber(s.b, s.i); n.end > 0 {
			s.i = n.end
			return nil
		}
	}
	if s.word("true") || s.word("false") || s.word("null") || s.word("NaN") || s.word("Infinity") || s.word("-Infinity") {
		return nil
	}
	return s.expectedValue()
}

// word steps over w if it is what comes next.
func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

func (s *scanner) skipList(depth int) error {
	if s.enter(']') {
		return nil
	}
	for more := true; more; {
		err := s.skip(depth)
		if err != nil {
			return err
		}
		if more, err = s.next(']'); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) skipObject(depth int) error {
	if s.enter('}') {
		return nil
	}
	var scratch [64]byte
	for more := true; more; {
		_, err := s.key(scratch[:0])
		if err != nil {
			return err
		}
		if err = s.skip(depth); err != nil {
			return err
		}
		if more, err = s.next('}'); err != nil {
			return err
		}
	}
	return nil
}
