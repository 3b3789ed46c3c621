package onnx

import "fmt"

// FormatError says that a file is no ONNX model, is damaged, or contradicts itself.
type FormatError struct {
	Offset  int64  // byte in the file where reading stopped, -1 where that says nothing
	Message string // what is wrong, as the end of a sentence: "it is empty"
	Err     error  // the cause, or nil
}

// Error is a sentence for a person.
func (e *FormatError) Error() string {
	if e.Offset >= 0 {
		return fmt.Sprintf("the file is not a valid ONNX model: %s (at byte %d)", e.Message, e.Offset)
	}
	return "the file is not a valid ONNX model: " + e.Message
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// UnsupportedError says that a file is sound but holds something that cannot be served.
type UnsupportedError struct {
	Message string // what it is and what to do instead
}

// Error is a sentence for a person.
func (e *UnsupportedError) Error() string { return "the model is not supported: " + e.Message }

// UnsafeError says that a model points at something outside its own folder.
type UnsafeError struct {
	Path    string // as written in the model
	Message string // how it is unsafe: "is an absolute path"
	Err     error  // the cause, or nil
}

// Error is a sentence for a person.
func (e *UnsafeError) Error() string {
	return fmt.Sprintf("the model is refused because it is not safe: its file %q %s", e.Path, e.Message)
}

// Unwrap returns the cause.
func (e *UnsafeError) Unwrap() error { return e.Err }
