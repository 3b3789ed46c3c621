//go:build linux && cgo

package ort

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"sort"
	"sync"
	"unsafe"

	"servery/engine/tensor"
)

// Session is a loaded model. Several goroutines may call Run at the same time.
type Session struct {
	library              *Library
	c                    *C.session
	inputs, outputs      []tensor.Port
	overridable          []tensor.Port
	byName               map[string]int // of inputs, then of overridable initializers
	inputNames, outNames []*C.char

	mu     sync.Mutex
	idle   []*frame
	inUse  int // frames in a Run or in Outputs that are not released
	closed bool
}

// keptFrames bounds the idle frames of a session; more than cores are seldom in use.
const keptFrames = 64

// NewSession loads the model file. Weights in files beside it are found, since the model
// is given by its path. The error is an *Error with what ONNX Runtime says.
func (l *Library) NewSession(modelPath string, o Options) (*Session, error) {
	if err := l.retain(); err != nil {
		return nil, err
	}
	c, err := l.load(modelPath, o)
	if err != nil {
		l.release()
		return nil, err
	}
	s := &Session{library: l, c: c}
	if err := s.describe(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (l *Library) load(modelPath string, o Options) (*C.session, error) {
	path := C.CString(modelPath)
	defer C.free(unsafe.Pointer(path))
	options := C.session_options{intra_threads: C.int(max(o.IntraThreads, 1)), n_config: C.size_t(len(o.Config))}
	if o.NoArena {
		options.no_arena = 1
	}
	if len(o.Config) > 0 {
		keys := make([]string, 0, len(o.Config))
		for key := range o.Config {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		list := C.calloc(C.size_t(2*len(keys)), C.size_t(unsafe.Sizeof((*C.char)(nil))))
		defer C.free(list)
		texts := unsafe.Slice((**C.char)(list), 2*len(keys))
		for i, key := range keys {
			texts[2*i], texts[2*i+1] = C.CString(key), C.CString(o.Config[key])
			defer C.free(unsafe.Pointer(texts[2*i]))
			defer C.free(unsafe.Pointer(texts[2*i+1]))
		}
		options.config = (**C.char)(list)
	}
	var failure C.failure
	c := C.servery_session(l.c, path, &options, &failure)
	if c == nil {
		return nil, takeFailure(&failure)
	}
	return c, nil
}

// describe reads the names, types and shapes of the session's inputs and outputs.
func (s *Session) describe() error {
	inputs := int(s.c.n_inputs)
	s.inputNames = unsafe.Slice(s.c.input_names, inputs+int(s.c.n_overridable))
	s.outNames = unsafe.Slice(s.c.output_names, int(s.c.n_outputs))
	ports := make([]tensor.Port, 0, len(s.inputNames))
	s.byName = make(map[string]int, len(s.inputNames))
	for i, name := range s.inputNames {
		p, err := s.port(false, i, name)
		if err != nil {
			return err
		}
		p.Optional = p.Optional || i >= inputs
		s.byName[p.Name] = i
		ports = append(ports, p)
	}
	s.inputs, s.overridable = ports[:inputs:inputs], ports[inputs:]
	for i, name := range s.outNames {
		p, err := s.port(true, i, name)
		if err != nil {
			return err
		}
		s.outputs = append(s.outputs, p)
	}
	return nil
}

func (s *Session) port(output bool, i int, name *C.char) (tensor.Port, error) {
	var c C.port
	var failure C.failure
	defer C.servery_port_free(&c)
	p := tensor.Port{Name: C.GoString(name)}
	side, isOutput := "input", C.int(0)
	if output {
		side, isOutput = "output", 1
	}
	if C.servery_port(s.c, isOutput, C.size_t(i), &c, &failure) != 0 {
		e := takeFailure(&failure)
		e.Message = fmt.Sprintf("the model's %s %q cannot be served: %s", side, p.Name, e.Message)
		return p, e
	}
	p.Type, p.Key = tensor.Type(c._type), tensor.Type(c.key)
	p.OfMaps, p.Optional = c.of_maps != 0, c.optional != 0
	switch c.kind {
	case C.ORT_SEQUENCE:
		p.Kind = tensor.KindSequence
	case C.ORT_MAP:
		p.Kind = tensor.KindMap
	}
	for k, d := range unsafe.Slice(c.shape, int(c.rank)) {
		p.Shape = append(p.Shape, max(int64(d), -1))
		p.Dims = append(p.Dims, C.GoString(unsafe.Slice(c.dims, int(c.rank))[k]))
	}
	return p, nil
}

// Inputs describes what Run must be given, in the graph's order. The caller must not
// change it. ONNX Runtime does not tell an input without a stated shape from a scalar:
// both have an empty Shape here, and Unranked is never set.
func (s *Session) Inputs() []tensor.Port { return s.inputs }

// Overridable describes the initializers that the graph also lists as inputs: Run may be
// given them in place of the values in the file.
func (s *Session) Overridable() []tensor.Port { return s.overridable }

// Outputs describes what Run gives, in the graph's order.
func (s *Session) Outputs() []tensor.Port { return s.outputs }

// Close unloads the model once the runs in flight have ended and their outputs are
// released; it does not wait for them. A second Close does nothing.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.closeUnused()
	}
}

// take gives a frame for one run.
func (s *Session) take() (*frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if n := len(s.idle); n > 0 {
		f := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.inUse++
		return f, nil
	}
	c := C.servery_frame(s.c)
	if c == nil {
		return nil, &Error{Code: CodeFail, Message: "ONNX Runtime: out of memory"}
	}
	s.inUse++
	return &frame{c: c}, nil
}

// give takes a frame back.
func (s *Session) give(f *frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse--
	if len(s.idle) < keptFrames && f.c.arena_bytes <= keptArena && f.c.room_out <= keptNodes {
		s.idle = append(s.idle, f)
	} else {
		C.servery_frame_free(s.library.c, f.c)
	}
	s.closeUnused()
}

func (s *Session) closeUnused() {
	if !s.closed || s.inUse > 0 || s.c == nil {
		return
	}
	for _, f := range s.idle {
		C.servery_frame_free(s.library.c, f.c)
	}
	s.idle = nil
	C.servery_session_close(s.c)
	s.c = nil
	s.library.release()
}
