package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/pool"
	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/scoring"
)

// This file is the one place where errors become a status, an error_code and a message
// (spec B6 and D5).

// errorCode is a code of the product with its status. None has 503: the clients repeat
// such a request in silence for five minutes. 429, which they repeat too, is kept for
// what a repetition can cure.
type errorCode struct {
	status int
	name   string
}

var (
	codeMalformedRequest      = errorCode{http.StatusBadRequest, "MALFORMED_REQUEST"}
	codeInvalidParameterValue = errorCode{http.StatusBadRequest, "INVALID_PARAMETER_VALUE"}
	codeBadRequest            = errorCode{http.StatusBadRequest, "BAD_REQUEST"}
	codeUnauthenticated       = errorCode{http.StatusUnauthorized, "UNAUTHENTICATED"}
	codePermissionDenied      = errorCode{http.StatusForbidden, "PERMISSION_DENIED"}
	codeDoesNotExist          = errorCode{http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST"}
	codeEndpointNotFound      = errorCode{http.StatusNotFound, "ENDPOINT_NOT_FOUND"}
	codeMethodNotAllowed      = errorCode{http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED"}
	codeRequestTimeout        = errorCode{http.StatusRequestTimeout, "REQUEST_TIMEOUT"}
	codeAlreadyExists         = errorCode{http.StatusConflict, "RESOURCE_ALREADY_EXISTS"}
	codeConflict              = errorCode{http.StatusConflict, "RESOURCE_CONFLICT"}
	codeTooLarge              = errorCode{http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE"}
	codeUnsupportedMedia      = errorCode{http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE"}
	codeRequestLimit          = errorCode{http.StatusTooManyRequests, "REQUEST_LIMIT_EXCEEDED"}
	codeExhausted             = errorCode{http.StatusTooManyRequests, "RESOURCE_EXHAUSTED"}
	codeCancelled             = errorCode{499, "CANCELLED"} // nobody is left to read it
	codeInternal              = errorCode{http.StatusInternalServerError, "INTERNAL_ERROR"}
	codeNotImplemented        = errorCode{http.StatusNotImplemented, "NOT_IMPLEMENTED"}
	codeDeadline              = errorCode{http.StatusGatewayTimeout, "DEADLINE_EXCEEDED"}
	codeNoSpace               = errorCode{http.StatusInsufficientStorage, "INSUFFICIENT_STORAGE"}
)

// requestError is an error whose message is meant for the client as it stands.
type requestError struct {
	code    errorCode
	message string
	fields  []endpoint.FieldError // what is wrong with which field, where it is known
	after   time.Duration         // when to try again, in whole seconds; 0 says nothing of it
	cause   error                 // for the log only
}

func (e *requestError) Error() string { return e.message }
func (e *requestError) Unwrap() error { return e.cause }

const (
	messageNoEndpoint   = "The given endpoint does not exist, please retry after checking the specified model and version deployment exists."
	messageOverloaded   = "Too many concurrent requests. Consider increasing the provisioned concurrency of the served entity."
	messageRateLimit    = "User defined rate limit(s) exceeded for '%s'. Requests-per-minute (RPM) rate limit exceeded for %s"
	messageDisabled     = "The endpoint is temporarily disabled due to a user-set rate limit of 0."
	messageTimeout      = "Timed out while evaluating the model. Verify that the model evaluates within the timeout."
	messageEvaluating   = "Encountered an unexpected error while evaluating the model. Verify that the input is compatible with the model for inference. Error '%s'"
	messageInternal     = "Servery failed to answer this request. Its log tells why, under this request's id."
	messageNoCredential = "Credential was not sent or was of an unsupported type for this API. Send Authorization: Bearer TOKEN with a token that Servery issued."
	messageNoSpace      = "The disk is full: nothing was changed. Make room on the disk of Servery's data folder, then try again; deleting endpoints and model versions works on a full disk too."
)

// maxMessage bounds an error's text, which may repeat a name of 1 MiB.
const maxMessage = 4 << 10

// explain finds the answer to an error. scored tells that the request was an
// invocation, where an unknown endpoint has other words than on the control plane.
func explain(err error, scored bool) *requestError {
	e := explainAny(err, scored)
	if len(e.message) <= maxMessage {
		return e
	}
	shorter := *e
	shorter.message = cut(e.message, maxMessage)
	return &shorter
}

func explainAny(err error, scored bool) *requestError {
	var known *requestError
	if errors.As(err, &known) {
		return known
	}
	for _, say := range []func(error) *requestError{explainRun, explainCatalog, explainRegistry, explainIdentity, explainSecret, explainTable} {
		if e := say(err); e != nil {
			e.cause = err
			return e
		}
	}
	if e := explainEndpoint(err, scored); e != nil {
		e.cause = err
		return e
	}
	return &requestError{code: codeInternal, message: messageInternal, cause: err}
}

func explainEndpoint(err error, scored bool) *requestError {
	var (
		invalid  *endpoint.ValidationError
		missing  *endpoint.NotFoundError
		exists   *endpoint.ExistsError
		notReady *endpoint.NotReadyError
		conflict *endpoint.ConflictError
		state    *endpoint.StateError
	)
	switch {
	case errors.As(err, &conflict):
		return &requestError{code: codeConflict, message: conflict.Error()}
	case errors.As(err, &state):
		return &requestError{code: codeBadRequest, message: state.Message}
	case errors.As(err, &invalid):
		return &requestError{code: codeInvalidParameterValue, message: fieldsMessage(invalid.Fields), fields: invalid.Fields}
	case errors.As(err, &missing) && missing.Entity != "":
		return &requestError{code: codeDoesNotExist, message: fmt.Sprintf(
			"Endpoint '%s' has no served entity '%s' in its active configuration.", cut(missing.Name, 80), cut(missing.Entity, 80))}
	case errors.As(err, &missing) && missing.Version != 0:
		return &requestError{code: codeDoesNotExist, message: missing.Error()}
	case errors.As(err, &missing) && scored:
		return &requestError{code: codeEndpointNotFound, message: messageNoEndpoint}
	case errors.As(err, &missing):
		return &requestError{code: codeDoesNotExist, message: fmt.Sprintf("Endpoint with name '%s' does not exist.", cut(missing.Name, 80))}
	case errors.As(err, &exists):
		return &requestError{code: codeAlreadyExists, message: fmt.Sprintf("Endpoint with name '%s' already exists.", exists.Name)}
	case errors.As(err, &notReady):
		return &requestError{code: codeBadRequest, message: notReady.Message}
	}
	return nil
}

// patience is after how long a request that was refused for want of a permit may come
// again: when those are through that wait now, in whole seconds, 1 to 60.
func patience(wait time.Duration) time.Duration {
	return min(max((wait+time.Second-1).Truncate(time.Second), time.Second), time.Minute)
}

// explainRun answers for what happens while a request waits for a model or runs on it.
func explainRun(err error) *requestError {
	var (
		overloaded *endpoint.OverloadedError
		limited    *gateway.LimitError
		died       *runtime.DiedError
		load       *runtime.LoadError
		library    *runtime.MissingError
	)
	switch {
	case errors.As(err, &overloaded):
		return &requestError{code: codeExhausted, message: messageOverloaded, after: patience(overloaded.Wait)}
	case errors.Is(err, pool.ErrFull):
		return &requestError{code: codeExhausted, message: messageOverloaded, after: patience(0)}
	case errors.As(err, &limited) && limited.RetryAfter == 0: // no patience helps: the clients must not repeat it
		return &requestError{code: codePermissionDenied, message: messageDisabled}
	case errors.As(err, &limited):
		return &requestError{code: codeRequestLimit, after: limited.RetryAfter,
			message: fmt.Sprintf(messageRateLimit, limited.Endpoint, strings.ReplaceAll(string(limited.Key), "_", " "))}
	case errors.As(err, &died):
		return &requestError{code: codeBadRequest, message: fmt.Sprintf(messageEvaluating, died.Error())}
	case errors.As(err, &load):
		return &requestError{code: codeBadRequest, message: load.Message}
	case errors.As(err, &library):
		return &requestError{code: codeBadRequest, message: library.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &requestError{code: codeDeadline, message: messageTimeout}
	case errors.Is(err, context.Canceled):
		return &requestError{code: codeCancelled, message: "The client gave the request up."}
	case errors.Is(err, syscall.ENOSPC):
		return &requestError{code: codeNoSpace, message: messageNoSpace}
	case errors.Is(err, access.ErrUnauthenticated):
		return &requestError{code: codeUnauthenticated, message: messageNoCredential}
	}
	return nil
}

func explainRegistry(err error) *requestError {
	var (
		missing *registry.NotFoundError
		name    *registry.NameError
		used    *registry.InUseError
		source  *registry.SourceError
		disk    *registry.DiskError
	)
	switch {
	case errors.As(err, &missing):
		return &requestError{code: codeDoesNotExist, message: missing.Error()}
	case errors.As(err, &name):
		return &requestError{code: codeInvalidParameterValue, message: name.Error()}
	case errors.As(err, &used):
		return &requestError{code: codeConflict, message: used.Error()}
	case errors.As(err, &source):
		return &requestError{code: codeInvalidParameterValue, message: source.Error()}
	case errors.As(err, &disk):
		return &requestError{code: codeInternal, message: diskMessage(disk)}
	}
	return nil
}

// diskMessage says what failed and the system's own word for why, "permission denied".
// The rest of the cause names files of this machine: it goes to the log only.
func diskMessage(e *registry.DiskError) string {
	why := ""
	var cause syscall.Errno
	if errors.As(e.Err, &cause) {
		why = ": " + cause.Error()
	}
	return e.Message + why + ". See that Servery's data folder can be written, then try again. Servery's log names the file, under this request's id."
}

// fieldsMessage says all that is wrong in one text, for clients that show the message
// only. A field's path stands before a text that does not name the field itself.
func fieldsMessage(fields []endpoint.FieldError) string {
	said := make([]string, len(fields))
	for i, f := range fields {
		said[i] = f.Message
		if f.Field != "" && !mentions(f.Message, f.Field) {
			said[i] = f.Field + ": " + f.Message
		}
	}
	return sayAll(said)
}

// mentions tells whether a text names the last part of a field's path, also in the
// product's spelling: "scaleToZeroEnabled is undefined" names
// config.served_entities[0].scale_to_zero_enabled.
func mentions(message, field string) bool {
	last := field[strings.LastIndexByte(field, '.')+1:]
	if i := strings.IndexByte(last, '['); i >= 0 {
		last = last[:i]
	}
	if strings.Contains(message, field) || (strings.Contains(last, "_") && strings.Contains(message, last)) {
		return true
	}
	camel := strings.ReplaceAll(last, "_", "")
	return camel != last && strings.Contains(strings.ToLower(message), strings.ToLower(camel))
}

// The JSON of an error. details is in the form of google.rpc, which the SDKs read. Each
// has metadata, empty: without it the JavaScript SDK (0.17, apierr.js, parse) takes the
// whole answer for a web page and shows it raw.
type (
	wireError struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
		Details []any  `json:"details"`
	}
	wireRequestInfo struct {
		Type     string   `json:"@type"`
		ID       string   `json:"request_id"`
		Data     string   `json:"serving_data"`
		Metadata struct{} `json:"metadata"`
	}
	wireBadRequest struct {
		Type     string           `json:"@type"`
		Fields   []wireFieldError `json:"field_violations"`
		Metadata struct{}         `json:"metadata"`
	}
	wireFieldError struct {
		Field       string `json:"field"`
		Description string `json:"description"`
	}
)

// fail answers a request with an error.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error, scored bool) {
	e := explain(err, scored)
	id := requestID(w)
	switch {
	case e.code == codeInternal:
		s.log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "request_id", id, "error", err)
	case s.log.Enabled(r.Context(), slog.LevelDebug):
		s.log.Debug("a request was refused", "method", r.Method, "path", r.URL.Path, "request_id", id,
			"status", e.code.status, "message", e.message, "cause", e.cause)
	}
	if e.code == codeUnauthenticated {
		w.Header()["Www-Authenticate"] = []string{`Bearer realm="Servery"`}
	}
	e.tellWhen(w)
	send(w, e.code.status, errorBody(e, id))
}

// tellWhen says when to try again, in whole seconds, which is all that the clients read.
func (e *requestError) tellWhen(w http.ResponseWriter) {
	if e.after > 0 {
		w.Header()["Retry-After"] = []string{strconv.Itoa(int(e.after / time.Second))}
	}
}

// ExplainScoring is the status and the body that a client gets for a scoring request that
// ended in an error.
func ExplainScoring(r *gateway.Request) (status int, body []byte) {
	e := explain(r.Err, true)
	if strings.HasPrefix(r.ContentType, scoring.KServeType) {
		return e.code.status, kserveErrorBody(e.message)
	}
	return e.code.status, errorBody(e, r.ID)
}

// errorBody is the JSON of an error.
func errorBody(e *requestError, id string) []byte {
	body := wireError{Code: e.code.name, Message: e.message,
		Details: []any{wireRequestInfo{Type: "type.googleapis.com/google.rpc.RequestInfo", ID: id}}}
	if len(e.fields) > 0 {
		fields := make([]wireFieldError, len(e.fields))
		for i, f := range e.fields {
			fields[i] = wireFieldError{cut(f.Field, maxMessage), cut(f.Message, maxMessage)}
		}
		body.Details = append(body.Details, wireBadRequest{Type: "type.googleapis.com/google.rpc.BadRequest", Fields: fields})
	}
	text, err := json.Marshal(body)
	if err != nil { // strings only: it cannot be
		text = []byte(`{"error_code":"INTERNAL_ERROR","message":"` + messageInternal + `"}`)
	}
	return text
}
