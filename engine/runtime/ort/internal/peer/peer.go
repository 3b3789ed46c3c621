//go:build linux && cgo

// Package peer is what the benchmark of package ort is held against: a loop in C over
// ONNX Runtime's C API, with nothing of ours in it. Only that benchmark imports it.
package peer

/*
#cgo CFLAGS: -O2 -std=gnu11 -I${SRCDIR}/../..
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "peer.h"
*/
import "C"

import (
	"errors"
	"time"
	"unsafe"
)

// Model is a loaded model with one float32 input and one output.
type Model struct{ c *C.peer }

// Load opens the library and the model, with the session options of package ort.
// input and output are the graph's names, shape that of the input.
func Load(library, model, input, output string, shape []int64) (*Model, error) {
	var names [4]*C.char
	for i, s := range []string{library, model, input, output} {
		names[i] = C.CString(s)
		defer C.free(unsafe.Pointer(names[i]))
	}
	c := C.peer_load(names[0], names[1], names[2], names[3], (*C.int64_t)(unsafe.SliceData(shape)), C.size_t(len(shape)))
	if c == nil {
		return nil, errors.New("the peer cannot load the model")
	}
	return &Model{c}, nil
}

// Loop makes n runs, each with a fresh input tensor and a fresh output that is read and
// released, and gives the time they took.
func (m *Model) Loop(n int) (time.Duration, error) {
	took := C.peer_loop(m.c, C.int64_t(n))
	if took < 0 {
		return 0, errors.New("the peer's run failed")
	}
	return time.Duration(took), nil
}
