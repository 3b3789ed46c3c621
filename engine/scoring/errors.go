package scoring

import (
	"fmt"
	"strings"
)

// The error codes of the scoring protocol.
const (
	BadRequest            = "BAD_REQUEST"
	InvalidParameterValue = "INVALID_PARAMETER_VALUE"
	RequestLimitExceeded  = "REQUEST_LIMIT_EXCEEDED"
)

// Error is a request that cannot be answered: what the client gets instead of
// predictions. Code is empty where the body is plain text (status 415).
type Error struct {
	Status  int // HTTP's
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }

// ContentType is the media type of Body.
func (e *Error) ContentType() string {
	if e.Code == "" {
		return "text/plain"
	}
	return "application/json"
}

// Body is the response's body: {"error_code": …, "message": …}, or the bare message
// where Code is empty.
func (e *Error) Body() []byte {
	if e.Code == "" {
		return []byte(e.Message)
	}
	b := append(make([]byte, 0, len(e.Message)+64), `{"error_code": `...)
	b = appendString(b, e.Code)
	b = append(b, `, "message": `...)
	b = appendString(b, e.Message)
	return append(b, '}')
}

// NewEvaluationError is the answer to a request whose run failed with the given text.
func NewEvaluationError(text string) *Error {
	return badRequest("Encountered an unexpected error while evaluating the model. Verify that the input is compatible with the model for inference. Error '%s'", text)
}

// NewTimeoutError is the answer to a request whose run took too long.
func NewTimeoutError() *Error {
	return badRequest("Timed out while evaluating the model. Verify that the model evaluates within the timeout.")
}

func badRequest(format string, args ...any) *Error {
	return &Error{Status: 400, Code: BadRequest, Message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *Error {
	return &Error{Status: 400, Code: InvalidParameterValue, Message: fmt.Sprintf(format, args...)}
}

const (
	acceptedKeys = "The input must be a JSON dictionary with exactly one of the input fields {'dataframe_split', 'dataframe_records', 'instances', 'inputs'}"
	protocolNote = "IMPORTANT: The MLflow Model scoring protocol has changed in MLflow version 2.0. If you are seeing this error, you are likely using an outdated scoring request format." +
		" To resolve the error, either update your request format or adjust your MLflow Model's requirements file to specify an older version of MLflow" +
		" (for example, change the 'mlflow' requirement specifier to 'mlflow==1.30.0'). If you are making a request using the MLflow client (e.g. via `mlflow.pyfunc.spark_udf()`)," +
		" upgrade your MLflow client to a version >= 2.0 in order to use the new request format. For more information about the updated MLflow Model scoring protocol in MLflow 2.0, see" +
		" https://mlflow.org/docs/latest/models.html#deploy-mlflow-models."
)

// excerptLength bounds how much of a request an error repeats, in bytes.
const excerptLength = 200

// excerpt is the start of what a client sent, cut between characters.
func excerpt(b []byte) string {
	if len(b) <= excerptLength {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return strings.ToValidUTF8(string(b[:excerptLength]), "") + "…"
}

// pyList is Python's text of a list of strings: ['a', 'b'].
func pyList(names []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, n := range names {
		if i == 20 {
			fmt.Fprintf(&b, ", … %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(pyString(n))
	}
	b.WriteByte(']')
	return b.String()
}

func pyString(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(excerpt([]byte(s)), `\`, `\\`), "'", `\'`) + "'"
}

var unprinted = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// pyRepr is Python's repr of a text: in double quotes where it has single ones.
func pyRepr(s string) string {
	s = unprinted.Replace(s)
	if strings.Contains(s, "'") {
		if !strings.Contains(s, `"`) {
			return `"` + s + `"`
		}
		s = strings.ReplaceAll(s, "'", `\'`)
	}
	return "'" + s + "'"
}

// pyShape is Python's text of a tuple: (1, 8), (4,), ().
func pyShape(shape []int64) string {
	var b strings.Builder
	b.WriteByte('(')
	for i, d := range shape {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, d)
	}
	if len(shape) == 1 {
		b.WriteByte(',')
	}
	b.WriteByte(')')
	return b.String()
}
