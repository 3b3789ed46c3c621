//go:build !linux || !cgo

package ort

import (
	"servery/engine/runtime"
	"servery/engine/runtime/ortlib"
	"servery/engine/tensor"
)

// Library is ONNX Runtime, which this build cannot load: it was made without cgo or for
// a platform whose loading code is not written. Open always fails here, so that the other
// types have no values.
type Library struct{}

// Open fails with a *runtime.MissingError.
func Open(path string) (*Library, error) {
	return nil, &runtime.MissingError{
		Message: "This build of Servery cannot load ONNX Runtime: it was made without cgo or for another platform than Linux.",
		Hint:    "Build it on Linux with CGO_ENABLED=1. " + ortlib.Hint(""),
	}
}

// Version is "".
func (*Library) Version() string { return "" }

// Path is "".
func (*Library) Path() string { return "" }

// Close does nothing.
func (*Library) Close() {}

// NewSession fails.
func (*Library) NewSession(string, Options) (*Session, error) { return nil, ErrClosed }

// NewCancel is nil.
func (*Library) NewCancel() *Cancel { return nil }

// Session has no values in this build.
type Session struct{}

// Inputs is nil.
func (*Session) Inputs() []tensor.Port { return nil }

// Overridable is nil.
func (*Session) Overridable() []tensor.Port { return nil }

// Outputs is nil.
func (*Session) Outputs() []tensor.Port { return nil }

// Run fails.
func (*Session) Run([]tensor.Named, *Cancel) (*Outputs, error) { return nil, ErrClosed }

// Close does nothing.
func (*Session) Close() {}

// Outputs has no values in this build.
type Outputs struct{ Values []tensor.Named }

// Release does nothing.
func (*Outputs) Release() {}

// Cancel has no values in this build.
type Cancel struct{}

// Cancel does nothing.
func (*Cancel) Cancel() {}

// Reset does nothing.
func (*Cancel) Reset() {}

// Canceled is false.
func (*Cancel) Canceled() bool { return false }

// Close does nothing.
func (*Cancel) Close() {}
