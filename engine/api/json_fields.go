package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// object is a JSON object that is being read field by field. Wrong types are noted with
// the field's path ("config.served_entities[0].workload_size"), all of them, so that a
// person mends a body in one go. null counts as a field that was not sent, and fields
// that nobody asks for are ignored, as the clients' newer versions need.
type object struct {
	path   string
	fields map[string]any
	wrong  *[]string
}

// parseObject reads body as one JSON object. Numbers keep their text (json.Number).
func parseObject(body []byte) (object, error) {
	o := object{wrong: new([]string)}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // PowerShell writes one
	if !utf8.Valid(body) {
		return o, &requestError{code: codeMalformedRequest, message: "The request body is not valid JSON: it is not encoded as UTF-8."}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return o, &requestError{code: codeMalformedRequest, message: "The request body is not valid JSON: " + explainJSON(body, err)}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return o, &requestError{code: codeMalformedRequest, message: fmt.Sprintf("The request body must be one JSON object, but something follows it at byte %d.", d.InputOffset())}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return o, &requestError{code: codeMalformedRequest, message: "The request body must be a JSON object, got " + describe(v) + "."}
	}
	o.fields = m
	return o, nil
}

// explainJSON says what is wrong with a body in words that do not name Go's types.
func explainJSON(body []byte, err error) string {
	var syntax *json.SyntaxError
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return "it is empty."
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Sprintf("it ends too early, after %d bytes.", len(body))
	case errors.As(err, &syntax):
		return fmt.Sprintf("%s at byte %d.", syntax.Error(), syntax.Offset)
	}
	return err.Error() + "."
}

// failed is the error of all wrong types noted so far, or nil.
func (o object) failed() error {
	if len(*o.wrong) == 0 {
		return nil
	}
	return &requestError{code: codeMalformedRequest, message: sayAll(*o.wrong)}
}

// mostSaid is how many mistakes one answer lists: a body of 1 MiB has room for 400,000.
const mostSaid = 20

// sayAll joins what is wrong into one text.
func sayAll(wrong []string) string {
	if more := len(wrong) - mostSaid; more > 0 {
		return fmt.Sprintf("%s And %d more.", strings.Join(wrong[:mostSaid], " "), more)
	}
	return strings.Join(wrong, " ")
}

func (o object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// note notes a mistake. Those beyond the ones that are told are only counted: as texts,
// 500,000 of them took 200 MiB and seconds.
func (o object) note(name, takes string, got any) {
	said := ""
	if len(*o.wrong) < mostSaid {
		said = fmt.Sprintf("Field '%s' takes %s, got %s.", cut(o.at(name), 200), takes, describe(got))
	}
	*o.wrong = append(*o.wrong, said)
}

// has tells whether a field was sent with something other than null.
func (o object) has(name string) bool { return o.fields[name] != nil }

func (o object) text(name string) string {
	switch v := o.fields[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		o.note(name, "a string", v)
		return ""
	}
}

// digits reads a field that clients send as a number or as a string, as its text.
func (o object) digits(name string) string {
	switch v := o.fields[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		o.note(name, "a number or a string", v)
		return ""
	}
}

// integer reads a whole number, also out of a string ("90") as MLflow's documentation
// sends it; nil where it was not sent. 90.0 and 9e1 are whole.
func (o object) integer(name string) *int {
	var text string
	switch v := o.fields[name].(type) {
	case nil:
		return nil
	case string:
		text = strings.TrimSpace(v)
	case json.Number:
		text = v.String()
	default:
		o.note(name, "a whole number", v)
		return nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		return &n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == float64(int32(f)) {
		n := int(f)
		return &n
	}
	o.note(name, "a whole number", o.fields[name])
	return nil
}

func (o object) boolean(name string) *bool {
	switch v := o.fields[name].(type) {
	case nil:
		return nil
	case bool:
		return &v
	default:
		o.note(name, "true or false", v)
		return nil
	}
}

// object reads a nested object; ok is false where it was not sent or is none.
func (o object) object(name string) (nested object, ok bool) {
	switch v := o.fields[name].(type) {
	case nil:
		return object{}, false
	case map[string]any:
		return object{path: o.at(name), fields: v, wrong: o.wrong}, true
	default:
		o.note(name, "an object", v)
		return object{}, false
	}
}

// maxListed bounds every list of a request: the longest that means something are the
// 10,000 members of a group. A body of 1 MiB has room for 350,000 objects, which become a
// hundred times the memory.
const maxListed = 10_000

// list reads a list.
func (o object) list(name string) []any {
	switch v := o.fields[name].(type) {
	case nil:
		return nil
	case []any:
		if len(v) > maxListed {
			*o.wrong = append(*o.wrong, fmt.Sprintf("Field '%s' takes a list of at most %d, got %d.", cut(o.at(name), 200), maxListed, len(v)))
			return nil
		}
		return v
	default:
		o.note(name, "a list", v)
		return nil
	}
}

// objects reads a list of objects.
func (o object) objects(name string) []object {
	var list []object
	for i, e := range o.list(name) {
		at := fmt.Sprintf("%s[%d]", name, i)
		m, ok := e.(map[string]any)
		if !ok {
			o.note(at, "an object", e)
			continue
		}
		list = append(list, object{path: o.at(at), fields: m, wrong: o.wrong})
	}
	return list
}

// texts reads an object whose values are all strings.
func (o object) texts(name string) map[string]string {
	nested, ok := o.object(name)
	if !ok {
		return nil
	}
	m := make(map[string]string, len(nested.fields))
	for _, key := range slices.Sorted(maps.Keys(nested.fields)) {
		s, ok := nested.fields[key].(string)
		if !ok {
			nested.note(key, "a string", nested.fields[key])
			continue
		}
		m[key] = s
	}
	return m
}

// describe names a JSON value for a person, cut short where it is long.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return "the number " + cut(v.String(), 40)
	case string:
		return "the string " + strconv.Quote(cut(v, 40))
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "something else"
}

// cut shortens s to about n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
