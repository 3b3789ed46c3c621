// Package ort runs ONNX models in this process with ONNX Runtime's shared library, which
// it loads at run time: the program links and starts without it. It is a thin layer over
// the C API in declarations of its own; one Run is one cgo call.
//
// A hostile model or request can end the process (an int64 division of -2⁶³ by -1 raises
// SIGFPE inside the library), so only a worker process opens a Library. The package
// knows nothing of signatures, requests, endpoints and HTTP.
package ort

import (
	"errors"
	"fmt"
)

// Options say how a session runs.
type Options struct {
	// IntraThreads is how many threads one operator may use. 0 is 1, which gives the most
	// work done where requests run side by side.
	IntraThreads int
	// NoArena takes memory for each run from malloc. Runs of a few microseconds that share
	// a session then do not wait for the arena's lock (1.7 times the throughput with two
	// goroutines), while larger models need more memory.
	NoArena bool
	// Config are ONNX Runtime's own session configuration entries, as MLflow's
	// extra_session_config gives them: "session.set_denormal_as_zero": "1".
	Config map[string]string
}

// The codes of ONNX Runtime's errors (OrtErrorCode).
const (
	CodeFail             = 1
	CodeInvalidArgument  = 2
	CodeNoSuchFile       = 3
	CodeNoModel          = 4
	CodeEngineError      = 5
	CodeRuntimeException = 6
	CodeInvalidProtobuf  = 7
	CodeModelLoaded      = 8
	CodeNotImplemented   = 9
	CodeInvalidGraph     = 10
	CodeEPFail           = 11
)

// Error is what ONNX Runtime answers, with its code and its words, or an error of this
// package in the same form: an input that the model does not have, or whose data do not
// fit its shape, is CodeInvalidArgument.
type Error struct {
	Code    int
	Message string
}

func (e *Error) Error() string { return e.Message }

// ErrCanceled is a Run that ended because its Cancel was canceled. The error in hand also
// holds ONNX Runtime's *Error.
var ErrCanceled = errors.New("the run was canceled")

// ErrClosed answers a call on a Library or Session after its Close.
var ErrClosed = errors.New("ONNX Runtime: the session is closed")

func invalid(format string, arguments ...any) error {
	return &Error{Code: CodeInvalidArgument, Message: fmt.Sprintf(format, arguments...)}
}
