package ptx

import "strings"

type token struct {
	text string // "" at the end
	line int
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c == '%' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// lex cuts the text into words, strings and single signs. A dot belongs to the word it is in or
// begins: ".reg", "ld.param.u32", "%tid.x", "7.0".
func lex(text string) ([]token, error) {
	var tokens []token
	line := 1
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case strings.HasPrefix(text[i:], "//"):
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i+2:], "*/")
			if n < 0 {
				return nil, errorf(line, "a comment without an end")
			}
			line += strings.Count(text[i:i+2+n], "\n")
			i += n + 4
		case c == '"':
			n := strings.IndexAny(text[i+1:], "\"\n")
			if n < 0 || text[i+1+n] == '\n' {
				return nil, errorf(line, "a string without an end")
			}
			tokens = append(tokens, token{text[i : i+n+2], line})
			i += n + 2
		case isWord(c) || c == '.':
			start := i
			for i++; i < len(text) && (isWord(text[i]) || text[i] == '.' || strings.HasPrefix(text[i:], "::")); i++ {
				if text[i] == ':' {
					i++
				}
			}
			tokens = append(tokens, token{text[start:i], line})
		case strings.IndexByte("{}[]()<>,;:|@!+-=", c) >= 0:
			tokens = append(tokens, token{text[i : i+1], line})
			i++
		default:
			return nil, errorf(line, "the sign %q", c)
		}
	}
	return append(tokens, token{"", line}), nil
}
