//go:build linux && cgo

package ort

/*
#cgo CFLAGS: -O2 -std=gnu11
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"path/filepath"
	"sync"
	"unsafe"

	"servery/engine/runtime"
	"servery/engine/runtime/ortlib"
)

// Library is ONNX Runtime, loaded, with its environment.
type Library struct {
	c    *C.library
	path string

	mu     sync.Mutex
	users  int // sessions and cancels that need the environment
	closed bool
}

// Open loads the shared library at path and makes ONNX Runtime's environment (about
// 25 ms). It sets ORT_DISABLE_TELEMETRY=1 in this process first: the official builds
// report to their vendor otherwise. The error is a *runtime.MissingError where the file
// is absent, no library of this machine, or older than ONNX Runtime 1.24. The library
// stays mapped until the process ends; a second Open of it is cheap.
func Open(path string) (*Library, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("path of ONNX Runtime's library: %w", err)
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var failure C.failure
	c := C.servery_open(name, &failure)
	if c == nil {
		return nil, &runtime.MissingError{
			Message: fmt.Sprintf("ONNX Runtime's library %s cannot be used: %s.", path, takeFailure(&failure).Message),
			Hint:    ortlib.Hint(""),
		}
	}
	return &Library{c: c, path: path}, nil
}

// Version is the library's own version: "1.30.0".
func (l *Library) Version() string { return C.GoString(l.c.version) }

// Path is the library's file.
func (l *Library) Path() string { return l.path }

// Close gives the environment back once the last session of the library is closed. A
// second Close does nothing.
func (l *Library) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.closeUnused()
	}
}

// retain counts one more user, or tells that the library is closed.
func (l *Library) retain() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.users++
	return nil
}

func (l *Library) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users--
	l.closeUnused()
}

func (l *Library) closeUnused() {
	if l.closed && l.users == 0 && l.c != nil {
		C.servery_close(l.c)
		l.c = nil
	}
}

// takeFailure makes a Go error of a failure and empties it.
func takeFailure(failure *C.failure) *Error {
	e := &Error{Code: int(failure.code), Message: "ONNX Runtime: out of memory"}
	if failure.message != nil {
		e.Message = C.GoString(failure.message)
	}
	C.free(unsafe.Pointer(failure.message))
	failure.message = nil
	return e
}
