package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// longest is how wide a line may be that holds a value of several, in bytes without the
// spaces after commas and colons: with them it still fits the editor in a window of 1440.
const longest = 62

// pretty lays out JSON for reading: what fits stands on one line, and so does each list
// of plain values however long, so that a picture of 28 × 28 takes 28 lines and not 784.
// Lists that hold a single list open together ("[[["). What is no JSON comes back as it
// is.
func pretty(body []byte) string {
	var c bytes.Buffer
	if json.Compact(&c, body) != nil {
		return string(body)
	}
	var b strings.Builder
	b.Grow(c.Len() * 5 / 4)
	write(&b, c.Bytes(), "", 0)
	return b.String()
}

// write lays out one compact value whose lines begin with margin. used is what stands on
// its first line already.
func write(b *strings.Builder, v []byte, margin string, used int) {
	if len(v) < 3 || (v[0] != '[' && v[0] != '{') {
		b.Write(v)
		return
	}
	parts := split(v)
	if used+len(v) <= longest || (v[0] == '[' && flat(parts)) {
		inline(b, v)
		return
	}
	if v[0] == '[' && len(parts) == 1 {
		b.WriteByte('[')
		write(b, parts[0], margin, used+1)
		b.WriteByte(']')
		return
	}
	deeper := margin + "  "
	b.WriteByte(v[0])
	for i, p := range parts {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + deeper)
		used := len(deeper)
		if v[0] == '{' {
			n := keyEnd(p)
			b.Write(p[:n])
			b.WriteString(": ")
			p, used = p[n+1:], used+n+2
		}
		write(b, p, deeper, used)
	}
	b.WriteString("\n" + margin)
	b.WriteByte(v[len(v)-1])
}

// keyEnd is the length of the string that p begins with.
func keyEnd(p []byte) int {
	for i := 1; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(p)
}

// split gives the elements of a compact list, or the members of an object.
func split(v []byte) [][]byte {
	var parts [][]byte
	depth, from := 0, 1
	for i := 1; i < len(v)-1; i++ {
		switch v[i] {
		case '"':
			i += keyEnd(v[i:]) - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, v[from:i])
				from = i + 1
			}
		}
	}
	if from < len(v)-1 {
		parts = append(parts, v[from:len(v)-1])
	}
	return parts
}

// flat tells that no element is a list or an object.
func flat(parts [][]byte) bool {
	for _, p := range parts {
		if p[0] == '[' || p[0] == '{' {
			return false
		}
	}
	return true
}

// inline writes a compact value with a space after commas and colons.
func inline(b *strings.Builder, v []byte) {
	for i := 0; i < len(v); i++ {
		if v[i] == '"' {
			n := keyEnd(v[i:])
			b.Write(v[i : i+n])
			i += n - 1
			continue
		}
		b.WriteByte(v[i])
		if v[i] == ',' || v[i] == ':' {
			b.WriteByte(' ')
		}
	}
}

// The forms of a scoring request (MLflow's scoring protocol).
const (
	formSplit     = "dataframe_split"
	formRecords   = "dataframe_records"
	formInstances = "instances"
	formInputs    = "inputs"
)

var forms = []string{formSplit, formRecords, formInstances, formInputs}

// check says what is wrong with a request before it is sent: JSON that does not parse,
// with line and column, or none of the four forms in it. form is the one it has.
func check(body string) (form string, err error) {
	if strings.TrimSpace(body) == "" {
		return "", errors.New("The request is empty.")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		return "", explain(body, err)
	}
	for _, f := range forms {
		if _, sent := members[f]; sent {
			if form != "" {
				return "", fmt.Errorf("The request has both %s and %s: send one of them.", form, f)
			}
			form = f
		}
	}
	if form == "" {
		return "", fmt.Errorf("The request has none of %s.", strings.Join(forms, ", "))
	}
	return form, nil
}

// explain puts a parser's complaint into line and column.
func explain(body string, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := min(max(0, int(syntax.Offset)-1), len(body))
		before := body[:at]
		line := 1 + strings.Count(before, "\n")
		col := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
		why := strings.TrimPrefix(syntax.Error(), "json: ")
		if strings.Contains(why, "unexpected end") {
			why = "the text ends too early: a bracket or quote is not closed"
		}
		return fmt.Errorf("Line %d, column %d: %s.", line, col, why)
	}
	return errors.New(`A request is a JSON object, such as {"inputs": …}.`)
}
