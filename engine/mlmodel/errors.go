package mlmodel

import (
	"fmt"
	"strings"
)

// FormatError says that a file of a model folder is missing, damaged or contradicts
// itself.
type FormatError struct {
	File    string // inside the folder: "MLmodel"
	Message string // what is wrong, as the end of a sentence: "is missing"
	Err     error  // the cause, or nil
}

// Error is a sentence for a person.
func (e *FormatError) Error() string {
	return fmt.Sprintf("this is not a valid MLflow model: its file %s %s", e.File, e.Message)
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// UnsupportedError says that a model folder is sound but has no flavor that is served.
type UnsupportedError struct {
	Flavors []string // those that it has, sorted
}

// Error is a sentence for a person.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("this MLflow model has no onnx flavor, only %s; convert the model to ONNX and log it with mlflow.onnx.log_model",
		strings.Join(e.Flavors, ", "))
}

// UnsafeError says that a model folder points at something outside itself.
type UnsafeError struct {
	Path    string // as written in MLmodel
	Message string // how it is unsafe: "is an absolute path"
	Err     error  // the cause, or nil
}

// Error is a sentence for a person.
func (e *UnsafeError) Error() string {
	return fmt.Sprintf("the model is refused because it is not safe: its file %q %s", e.Path, e.Message)
}

// Unwrap returns the cause.
func (e *UnsafeError) Unwrap() error { return e.Err }
