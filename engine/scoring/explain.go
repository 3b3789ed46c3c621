package scoring

import (
	"errors"
	"fmt"
	"strings"

	"servery/engine/tensor"
)

// errNotRequest is a body whose form is wrong: explain finds out how.
var errNotRequest = errors.New("the body is not a scoring request")

var (
	errUnequal = badRequest("Invalid input. The length of values for each input/column name are not the same")
	errUnnamed = badRequest("Invalid input. Failed to parse input data. This model contains an un-named  model signature which expects a single n-dimensional array or" +
		" a single value as input, however, an input of type <class 'dict'> was found.")
)

// valueError is a value that does not become an element.
type valueError struct {
	fault  fault
	cast   cast
	text   string // the value as written, or its start
	place  string // "[3][0]" inside a tensor
	column string // "" for a tensor
	row    int
}

func (e *valueError) Error() string {
	_, text := e.reason()
	return text + e.where()
}

func (e *valueError) where() string {
	switch {
	case e.column != "":
		return fmt.Sprintf(" (column %s, row %d)", pyString(e.column), e.row)
	case e.place != "":
		return fmt.Sprintf(" (at %s)", e.place)
	}
	return ""
}

// integerHint is MLflow's advice about missing values.
const integerHint = " Hint: Integer columns in python can not represent missing values and are therefore encoded as floats." +
	" You can declare integer columns as doubles (float64) whenever these columns may have missing values."

// reason is what Python, numpy or pandas say about such a value: the exception's class
// and its text.
func (e *valueError) reason() (class, text string) {
	want := e.cast.as
	if want == tensor.Undefined {
		want = e.cast.to
	}
	switch e.fault {
	case isText:
		if isInteger(want) {
			return "ValueError", "invalid literal for int() with base 10: " + pyText(e.text)
		}
		return "ValueError", fmt.Sprintf("could not convert string to %s: %s", pythonType(want), pyText(e.text))
	case isNull:
		if isInteger(want) && e.column != "" {
			return "IntCastingNaNError", "Cannot convert non-finite values (NA or inf) to integer." + integerHint
		}
		return "TypeError", pythonType(want) + "() argument must be a string, a bytes-like object or a real number, not 'NoneType'"
	case isList, isObject:
		got := "list"
		if e.fault == isObject {
			got = "dict"
		}
		return "TypeError", fmt.Sprintf("%s() argument must be a string or a real number, not '%s'", pythonType(want), got)
	case outOfRange:
		return "OverflowError", fmt.Sprintf("Python integer %s out of bounds for %s", e.text, want)
	case notFinite:
		return "IntCastingNaNError", "Cannot convert non-finite values (NA or inf) to integer"
	case fractional:
		return "ValueError", fmt.Sprintf("%s is no integer, which %s takes", e.text, e.cast.to)
	case badBase64:
		return "Error", "Incorrect padding: " + pyText(e.text) + " is not base64"
	case badTime:
		return "ValueError", "time data " + pyText(e.text) + " is not ISO8601 format"
	}
	return "ValueError", e.text + " is no JSON value"
}

func pythonType(t tensor.Type) string {
	switch {
	case isInteger(t):
		return "int"
	case t == tensor.Bool:
		return "bool"
	case t == tensor.String:
		return "str"
	}
	return "float"
}

// pyText is a JSON value as Python writes it: a text in single quotes.
func pyText(text string) string {
	if strings.HasPrefix(text, `"`) {
		return "'" + strings.TrimSuffix(text[1:], `"`) + "'"
	}
	return text
}

// shapeError is lists or rows that do not fit together.
type shapeError struct{ text string }

func (e *shapeError) Error() string { return e.text }

// violationError is data that breaks the signature. Its full text repeats the data.
type violationError struct{ schema, text string }

func (e *violationError) Error() string { return e.text }

func (m *Model) violation(format string, args ...any) error {
	return &violationError{m.text, fmt.Sprintf(format, args...)}
}

func evaluation(format string, args ...any) *Error {
	return NewEvaluationError(fmt.Sprintf(format, args...))
}

// inCell adds the place in a table to an error of field f.
func (r *Request) inCell(err error, f int) error {
	if e := (*valueError)(nil); errors.As(err, &e) {
		e.column, e.row = r.nameOf(f), r.t.rows
		if r.t.matrix && r.t.rows == 0 && e.place != "" && strings.HasPrefix(e.place, "[") {
			// A column read as a whole: its first index is the row.
			fmt.Sscanf(e.place, "[%d]", &e.row)
		}
		e.place = ""
	}
	if e := (*shapeError)(nil); errors.As(err, &e) {
		e.text += " (column " + pyString(r.nameOf(f)) + ")"
	}
	return err
}

// inTensor adds a tensor's name to an error.
func inTensor(err error, name []byte) error {
	if e := (*valueError)(nil); errors.As(err, &e) {
		if e.place == "the value" {
			e.place = ""
		}
		e.place = pyString(string(name)) + e.place
	}
	if e := (*shapeError)(nil); errors.As(err, &e) {
		e.text += " (input " + pyString(string(name)) + ")"
	}
	return err
}

// explain makes the client's answer of a failed decode.
func (m *Model) explain(err error, body []byte, csv bool) *Error {
	if !csv {
		if e := misshapen(body); e != nil {
			return e
		}
	}
	if e := (*valueError)(nil); csv && errors.As(err, &e) {
		return csvError(e.Error())
	}
	if e := (*paramsError)(nil); errors.As(err, &e) {
		return invalid("Failed to predict data '%s'. \nError: %s", excerpt(body), e.text)
	}
	var (
		answer    *Error
		value     *valueError
		violation *violationError
	)
	switch {
	case errors.As(err, &answer):
		return answer
	case errors.As(err, &value):
		return m.explainValue(value)
	case errors.As(err, &violation):
		return invalid("Failed to predict data '%s'. \nError: Failed to enforce schema of data '%s' with schema '%s'. Error: %s", excerpt(body), excerpt(body), violation.schema, violation.text)
	}
	return badRequest("Invalid input. %s", err.Error())
}

func (m *Model) explainValue(e *valueError) *Error {
	class, text := e.reason()
	switch {
	case m.enforced == nothing && e.fault != isList && e.fault != isObject:
		return evaluation("Unexpected input data type. Actual: %s, expected: (%s)%s", text, graphType(e.cast.to), e.where())
	case m.enforced != nothing && e.column != "":
		return badRequest("Invalid input. Data is not compatible with model signature. Failed to convert column %s to type '%s'. Error: '%s(%s)' (row %d)",
			e.column, e.cast.pandasType(), class, pyRepr(text), e.row)
	}
	return badRequest("Invalid input. %s", e.Error())
}

// misshapen tells what is wrong with a body that is no JSON, or no dictionary with
// exactly one of the input fields; nil where it is one.
func misshapen(body []byte) *Error {
	s := scanner{b: body}
	start := s.space()
	err := s.skip(0)
	if err == nil && s.space() != 0 || err == nil && s.i < len(body) {
		err = s.fail("Extra data")
	}
	if err != nil {
		text := err.Error()
		if e := (*syntaxError)(nil); errors.As(err, &e) {
			text = e.describe(body)
		}
		return badRequest("Invalid input. Ensure that input is a valid JSON formatted string. Error: 'JSONDecodeError(%s)'\nInput: \n%s\n", pyRepr(text), excerpt(body))
	}
	switch start {
	case '{':
	case '[':
		return badRequest("Invalid input. %s. Received a list.", acceptedKeys)
	default:
		return badRequest("Invalid input. %s. Received unexpected input type '%s.", acceptedKeys, pyTypeOf(start))
	}
	return oneForm(body)
}

// oneForm checks the rule of exactly one input field on a body that is a dictionary.
func oneForm(body []byte) *Error {
	s := scanner{b: body}
	s.space()
	var found []string
	for more := !s.enter('}'); more; {
		k, err := s.key(nil)
		if err != nil {
			return nil
		}
		if _, ok := formOf(k); ok {
			found = append(found, string(k))
		}
		if s.skip(1) != nil {
			return nil
		}
		if more, err = s.next('}'); err != nil {
			return nil
		}
	}
	if len(found) == 1 {
		return nil
	}
	return badRequest("%s. Received dictionary with input fields: %s. %s", acceptedKeys, pyList(found), protocolNote)
}

// mediaType reads a Content-Type header.
func mediaType(header string) (csv bool, e *Error) {
	media, params, _ := strings.Cut(header, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	var unknown []string
	for p := range strings.SplitSeq(params, ";") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		key, value, _ := strings.Cut(p, "=")
		if strings.ToLower(key) != "charset" {
			unknown = append(unknown, excerpt([]byte(key)))
		} else if !strings.EqualFold(strings.Trim(value, `"`), "utf-8") {
			return false, unsupported("The scoring server only supports UTF-8")
		}
	}
	switch {
	case unknown != nil:
		return false, unsupported("Unrecognized content type parameters: " + strings.Join(unknown, ", ") + ". " + protocolNote)
	case media == "text/csv":
		return true, nil
	case media == "application/json":
		return false, nil
	}
	return false, unsupported("This predictor only supports the following content types: Types: ['text/csv', 'application/json']. Got '" + excerpt([]byte(header)) + "'.")
}

func unsupported(text string) *Error { return &Error{Status: 415, Message: text} }

// pySet is Python's text of a set of strings.
func pySet(names []string) string {
	if len(names) == 0 {
		return "set()"
	}
	list := pyList(names)
	return "{" + list[1:len(list)-1] + "}"
}
