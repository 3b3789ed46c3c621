//go:build linux && cgo

package ort

/*
#include "shim.h"
*/
import "C"

import "sync"

// Cancel ends runs early. The library looks at it between two operators, so a run ends
// within the longest operator of the model (a few milliseconds for most; one giant matrix
// product is not interrupted at all and then returns its result). One Cancel may serve
// several runs at the same time, and all its methods any goroutine.
type Cancel struct {
	mu       sync.Mutex
	library  *Library
	options  *C.OrtRunOptions
	runs     int
	canceled bool
	closed   bool
}

// NewCancel makes a Cancel. It is nil, which Run takes as none, where memory is short or
// the library closed; a nil Cancel's methods do nothing.
func (l *Library) NewCancel() *Cancel {
	if l.retain() != nil {
		return nil
	}
	var failure C.failure
	options := C.servery_cancel(l.c, &failure)
	if options == nil {
		takeFailure(&failure)
		l.release()
		return nil
	}
	return &Cancel{library: l, options: options}
}

// Cancel ends the runs that use c now, and those that start before Reset.
func (c *Cancel) Cancel() { c.set(true) }

// Reset makes c fit for the next run.
func (c *Cancel) Reset() { c.set(false) }

func (c *Cancel) set(canceled bool) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.canceled == canceled {
		return
	}
	c.canceled = canceled
	flag := C.int(0)
	if canceled {
		flag = 1
	}
	C.servery_cancel_set(c.library.c, c.options, flag)
}

// Canceled tells whether Cancel was called since the last Reset.
func (c *Cancel) Canceled() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.canceled
}

// Close frees c after the runs that use it. A run with a closed Cancel cannot be ended.
func (c *Cancel) Close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.freeUnused()
	}
}

// begin gives the options for a run; end must follow where they are not nil.
func (c *Cancel) begin() *C.OrtRunOptions {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.runs++
	return c.options
}

func (c *Cancel) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs--
	c.freeUnused()
}

func (c *Cancel) freeUnused() {
	if c.closed && c.runs == 0 && c.options != nil {
		C.servery_cancel_free(c.library.c, c.options)
		c.options = nil
		c.library.release()
	}
}
