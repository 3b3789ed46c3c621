package worker

import (
	"errors"
	"io"
	goruntime "runtime"
	"sync/atomic"
	"time"
)

// readers is who reads a worker's connection. Short requests are answered by the goroutine
// that read them, because handing one over wakes a second thread and costs more than a
// tiny model's run. Whoever reads must not be kept long, for cancels and other requests
// come the same way: a watch takes the reading away from one that answers for longer
// than handoverAfter, and gives it to a new goroutine.
type readers struct {
	short bool // runs are short, as far as the trial run tells
	// phase counts up each time the reader begins to answer (odd) and reads again (even).
	phase  atomic.Uint64
	watch  atomic.Bool // the watch is set
	result chan error
}

const (
	handoverAfter = 2 * time.Millisecond
	// shortBody bounds what is answered by the reader, in bytes: 16 KiB of numbers are
	// read in about 40 µs.
	shortBody = 16 << 10
	// mostHeld bounds the answers that wait for those behind them, of requests that came
	// together: they leave with one write, which wakes the engine once. At 20 µs a request
	// the first of 8 waits 0.14 ms more.
	mostHeld = 8
)

// read receives frames until the engine closes the connection (nil) or breaks the protocol.
func (s *server) read(r *frameReader) error {
	s.reading.result = make(chan error, 1)
	s.readOn(r)
	return <-s.reading.result
}

// readOn reads until the end, or until the reading was taken from it. It keeps its thread:
// else the thread's return from each read would wake another one that looks for work and
// finds none, on a processor that the engine needs.
func (s *server) readOn(r *frameReader) {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	held := 0 // answers that were not written yet
	for {
		if held > 0 && !r.ready() { // a cancel came last
			mine := s.busy(r)
			s.link.flush()
			if !s.reads(mine) {
				return
			}
			held = 0
		}
		f, err := r.next()
		var t *task
		if err == nil {
			t, err = s.take(f)
		}
		switch {
		case errors.Is(err, io.EOF):
			s.reading.result <- nil
			return
		case err != nil:
			s.reading.result <- err
			return
		case t == nil:
			continue
		case !s.reading.short || len(t.bytes()) > shortBody:
			go s.handle(t, false)
			continue
		}
		hold := held < mostHeld && r.ready()
		mine := s.busy(r)
		s.handle(t, hold)
		if !s.reads(mine) {
			s.link.flush() // nobody else may come by who would
			return
		}
		if held++; !hold {
			held = 0
		}
	}
}

// busy begins a span in which the reader does not read; reads ends it and tells whether
// the goroutine still is the reader.
func (s *server) busy(r *frameReader) (mine uint64) {
	mine = s.reading.phase.Add(1)
	if s.reading.watch.CompareAndSwap(false, true) {
		time.AfterFunc(handoverAfter, func() { s.handover(r, 0) })
	}
	return mine
}

func (s *server) reads(mine uint64) bool { return s.reading.phase.CompareAndSwap(mine, mine+1) }

// handover is the watch: it looks every handoverAfter while there are short requests.
// seen is the phase at its last look.
func (s *server) handover(r *frameReader, seen uint64) {
	phase := s.reading.phase.Load()
	switch {
	case phase == seen && phase%2 == 1 && s.reading.phase.CompareAndSwap(phase, phase+1):
		go s.readOn(r)
		s.link.flush() // answers before the one that takes long
	case phase == seen && phase%2 == 0:
		// Nothing has come since. A request that comes now sets the watch again, unless it
		// came between the two steps: then its phase is another.
		s.reading.watch.Store(false)
		if s.reading.phase.Load() == phase || !s.reading.watch.CompareAndSwap(false, true) {
			return
		}
	}
	time.AfterFunc(handoverAfter, func() { s.handover(r, phase) })
}
