package gateway

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"servery/engine/scoring"
)

// maxClientID bounds what is kept of a client's id, in bytes.
const maxClientID = 1 << 10

// clientID finds the text below a key of a JSON object's first level. It reads no further
// than it must and decodes nothing else: a body is as large as 16 MiB, and a worker decodes
// it already. Bodies in other forms, and those that are no JSON, have none.
func clientID(contentType string, body []byte) string {
	key := []byte("client_request_id")
	switch {
	case strings.HasPrefix(contentType, scoring.KServeType):
		key = []byte("id")
	case contentType != "" && !strings.Contains(contentType, "json"):
		return ""
	}
	if !bytes.Contains(body, key) {
		return ""
	}
	raw := member(body, key)
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	if len(text) <= maxClientID {
		return text
	}
	end := maxClientID
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// maxUsageContext bounds what is kept of usage_context, in bytes of JSON.
const maxUsageContext = 4 << 10

// usageContext finds the texts of the object below usage_context, as clientID does its text.
func usageContext(contentType string, body []byte) map[string]string {
	key := []byte("usage_context")
	if contentType != "" && !strings.Contains(contentType, "json") || !bytes.Contains(body, key) {
		return nil
	}
	raw := member(body, key)
	var texts map[string]string
	if len(raw) == 0 || len(raw) > maxUsageContext || json.Unmarshal(raw, &texts) != nil || len(texts) == 0 {
		return nil
	}
	return texts
}

// member is the value below key in the JSON object that body begins with, as it stands
// there; nil where there is none. Of two the first counts, as the second may be behind
// 16 MiB of data.
func member(body, key []byte) []byte {
	i := space(body, 0)
	if i >= len(body) || body[i] != '{' {
		return nil
	}
	for i++; ; i++ {
		i = space(body, i)
		name := i
		if i = text(body, i); i < 0 {
			return nil
		}
		found := bytes.Equal(body[name+1:i-1], key)
		if i = space(body, i); i >= len(body) || body[i] != ':' {
			return nil
		}
		start := space(body, i+1)
		if i = value(body, start); i < 0 {
			return nil
		}
		if found {
			return body[start:i]
		}
		if i = space(body, i); i >= len(body) || body[i] != ',' {
			return nil
		}
	}
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// text is where the string that begins at i ends, behind its quote; -1 where none begins or
// it has no end.
func text(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// value is where the value that begins at i ends; -1 where it has no end.
func value(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = text(b, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return -1
}
