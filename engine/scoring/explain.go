package scoring

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"servery/engine/tensor"
)

// errNotRequest is a body whose form is wrong: explain finds out how.
var errNotRequest = errors.New("the body is not a scoring request")

var (
	errUnequal     = badRequest("Invalid input. The length of values for each input/column name are not the same")
	errUnnamed     = unnamed("dict")
	errUnnamedNull = unnamed("NoneType")
)

func unnamed(got string) error {
	return badRequest("Invalid input. Failed to parse input data. This model contains an un-named  model signature which expects a single n-dimensional array or"+
		" a single value as input, however, an input of type <class '%s'> was found.", got)
}

// valueError is a value that does not become an element.
type valueError struct {
	fault  fault
	cast   cast
	text   string // the value as written, or its start
	place  string // "[3][0]" inside a tensor
	column string // "" for a tensor
	row    int
	parsed bool // see heldError
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

// nonFinite is what pandas says of NaN in a column of integers.
const nonFinite = "Cannot convert non-finite values (NA or inf) to integer. Replace or remove non-finite values or cast to an integer type that supports these values (e.g. 'Int64')"

// integerHint is MLflow's advice about missing values.
const integerHint = ". Hint: Integer columns in python can not represent missing values and are therefore encoded as floats." +
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
		if isInteger(want) && e.parsed {
			return "IntCastingNaNError", nonFinite + integerHint
		}
		if isInteger(want) {
			return "TypeError", "int() argument must be a string, a bytes-like object or a real number, not 'NoneType'"
		}
		if e.cast.format == base64Text {
			return "TypeError", "encoding without a string argument"
		}
		return "TypeError", pythonType(want) + "() argument must be a string or a real number, not 'NoneType'"
	case isList, isObject:
		got := "list"
		if e.fault == isObject {
			got = "dict"
		}
		switch {
		case e.cast.format == base64Text:
			return "TypeError", "encoding without a string argument"
		case e.cast.format == timeText:
			return "TypeError", fmt.Sprintf("<class '%s'> is not convertible to datetime", got)
		case isInteger(want):
			return "TypeError", fmt.Sprintf("int() argument must be a string, a bytes-like object or a real number, not '%s'", got)
		case got == "list" && isFloat(want):
			return "ValueError", "setting an array element with a sequence."
		}
		return "TypeError", fmt.Sprintf("%s() argument must be a string or a real number, not '%s'", pythonType(want), got)
	case outOfRange:
		if v := scanNumber([]byte(e.text), 0); want != tensor.Uint64 && isInteger(want) && v.end > 0 && !isFloatText([]byte(e.text)) {
			if m, f := v.integer([]byte(e.text)); f != fine || !fits(tensor.Int64, m, v.negative()) {
				return "OverflowError", "Python int too large to convert to C long"
			}
		}
		text := e.text
		if isFloatText([]byte(text)) {
			if v := scanNumber([]byte(text), 0); v.end == len(text) {
				text = strconv.FormatFloat(math.Trunc(v.float([]byte(text))), 'f', 0, 64)
			}
		}
		return "OverflowError", fmt.Sprintf("Python integer %s out of bounds for %s", text, want)
	case notFinite:
		switch {
		case e.parsed:
			return "IntCastingNaNError", nonFinite
		case e.text == "NaN":
			return "ValueError", "cannot convert float NaN to integer"
		}
		return "OverflowError", "cannot convert float infinity to integer"
	case fractional:
		return "ValueError", fmt.Sprintf("%s is no integer, which %s takes", e.text, e.cast.to)
	case notText:
		if e.cast.format == timeText {
			return "TypeError", "dtype bool cannot be converted to datetime64[ns]"
		}
		return "TypeError", "encoding without a string argument"
	case badBase64:
		return "Error", base64Fault(e.text)
	case badTime:
		return "DateParseError", "Unknown datetime string format, unable to parse: " + pyValue([]byte(e.text))
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
	if !strings.HasPrefix(text, `"`) {
		return text
	}
	s := scanner{b: []byte(text)}
	if plain, err := s.str(nil); err == nil {
		return pyRepr(string(plain))
	}
	return pyRepr(strings.TrimSuffix(text[1:], `"`)) // it was cut
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
		e.column, e.row, e.parsed = r.nameOf(f), r.t.rows, r.parsed
		if r.t.matrix && r.t.rows == 0 && e.place != "" && strings.HasPrefix(e.place, "[") {
			// A column read as a whole: its first index is the row.
			fmt.Sscanf(e.place, "[%d]", &e.row)
		}
		e.place = ""
	}
	if e := (*shapeError)(nil); errors.As(err, &e) {
		e.text += " (column " + pyString(r.nameOf(f)) + ")"
	}
	if e := (*heldError)(nil); errors.As(err, &e) {
		e.column, e.row, e.parsed = r.nameOf(f), r.t.rows, r.parsed
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
		held      *heldError
		violation *violationError
	)
	switch {
	case errors.As(err, &answer):
		return answer
	case errors.As(err, &value):
		return m.explainValue(value)
	case errors.As(err, &held):
		if held.parsed {
			return incompatible(held.column, held.held.String(), "MlflowException", held.text, held.row)
		}
		return badRequest("Invalid input. %s (column %s, row %d)", held.text, pyString(held.column), held.row)
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
	case m.enforced != nothing && e.column != "" && e.parsed:
		return incompatible(e.column, e.cast.pandasType(), class, text, e.row)
	}
	return badRequest("Invalid input. %s", e.Error())
}

// incompatible is a value of a table that is not of its column's type.
func incompatible(column, kind, class, text string, row int) *Error {
	return badRequest("Invalid input. Data is not compatible with model signature. Failed to convert column %s to type '%s'. Error: '%s(%s)' (row %d)",
		column, kind, class, pyRepr(text), row)
}

// misshapen tells what is wrong with a body that is no JSON, or no dictionary with
// exactly one of the input fields; nil where it is one.
func misshapen(body []byte) *Error {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
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
		return badRequest("Invalid input. %s. Received unexpected input type '<class '%s'>'.", acceptedKeys, pyName(bytes.TrimLeft(body, " \t\r\n")))
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
