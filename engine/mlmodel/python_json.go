package mlmodel

import "bytes"

// notNumbers are what Python's json writes for floats that JSON does not have, longest
// first.
var notNumbers = [][]byte{[]byte("-Infinity"), []byte("Infinity"), []byte("NaN")}

// plainJSON makes JSON of what Python's json.dumps writes: NaN, Infinity and -Infinity
// outside of texts become null, as pandas writes them. Input without them is returned as
// it is.
func plainJSON(b []byte) []byte {
	if !bytes.Contains(b, notNumbers[1]) && !bytes.Contains(b, notNumbers[2]) {
		return b
	}
	out := make([]byte, 0, len(b))
	for inText := false; len(b) > 0; {
		if !inText {
			if n := notNumber(b); n > 0 {
				out, b = append(out, "null"...), b[n:]
				continue
			}
		}
		n := 1
		switch {
		case b[0] == '"':
			inText = !inText
		case inText && b[0] == '\\' && len(b) > 1:
			n = 2
		}
		out, b = append(out, b[:n]...), b[n:]
	}
	return out
}

// notNumber is the length of the word of notNumbers at the beginning of b, or 0.
func notNumber(b []byte) int {
	for _, word := range notNumbers {
		if bytes.HasPrefix(b, word) {
			return len(word)
		}
	}
	return 0
}
