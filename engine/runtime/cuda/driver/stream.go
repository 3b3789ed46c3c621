//go:build cuda && linux && (amd64 || arm64)

package driver

// #include "bind.h"
import "C"

import (
	"errors"
	"time"
	"unsafe"

	"gorgonia.org/cu"
)

// Stream does what is enqueued on it in order, beside other streams.
type Stream struct{ s cu.Stream }

// NewStream makes a stream that does not wait for the driver's default stream.
func (c *Context) NewStream() (*Stream, error) {
	s, err := cu.MakeStream(cu.NonBlocking)
	if err != nil {
		return nil, failed("cuStreamCreate", err, "")
	}
	return &Stream{s}, nil
}

func (s *Stream) c() C.CUstream { return C.CUstream(unsafe.Pointer(s.s.C())) }

// Close ends s once it has done what is enqueued. A second Close does nothing.
func (s *Stream) Close() error {
	if s.s == cu.NoStream {
		return nil
	}
	return failed("cuStreamDestroy", s.s.Destroy(), "")
}

// Synchronize waits until all that is enqueued is done. It gives the errors of kernels.
func (s *Stream) Synchronize() error {
	return failed("cuStreamSynchronize", s.s.Synchronize(), "")
}

// Upload enqueues a copy of n bytes from the host's src to the device's dst, at offsets in bytes.
func (s *Stream) Upload(dst *Buffer, dstAt int64, src *Pinned, srcAt, n int64) error {
	if err := errors.Join(within("upload to the buffer", dstAt, n, dst.size), within("upload from pinned memory", srcAt, n, src.size)); err != nil || n == 0 {
		return err
	}
	return failed("cuMemcpyHtoDAsync", cu.MemcpyHtoDAsync(dst.at+cu.DevicePtr(dstAt), unsafe.Add(src.at, srcAt), n, s.s), "%d bytes", n)
}

// Download enqueues a copy of n bytes from the device's src to the host's dst.
func (s *Stream) Download(dst *Pinned, dstAt int64, src *Buffer, srcAt, n int64) error {
	if err := errors.Join(within("download to pinned memory", dstAt, n, dst.size), within("download from the buffer", srcAt, n, src.size)); err != nil || n == 0 {
		return err
	}
	return failed("cuMemcpyDtoHAsync", cu.MemcpyDtoHAsync(unsafe.Add(dst.at, dstAt), src.at+cu.DevicePtr(srcAt), n, s.s), "%d bytes", n)
}

// Copy enqueues a copy of n bytes between buffers, which may not overlap.
func (s *Stream) Copy(dst *Buffer, dstAt int64, src *Buffer, srcAt, n int64) error {
	if err := errors.Join(within("copy to the buffer", dstAt, n, dst.size), within("copy from the buffer", srcAt, n, src.size)); err != nil || n == 0 {
		return err
	}
	return failed("cuMemcpyDtoDAsync", cu.MemcpyDtoDAsync(dst.at+cu.DevicePtr(dstAt), src.at+cu.DevicePtr(srcAt), n, s.s), "%d bytes", n)
}

// Fill enqueues setting n bytes of dst from the offset at to value.
func (s *Stream) Fill(dst *Buffer, at, n int64, value byte) error {
	if err := within("fill the buffer", at, n, dst.size); err != nil || n == 0 {
		return err
	}
	return failed("cuMemsetD8Async", cu.MemsetD8Async(dst.at+cu.DevicePtr(at), value, n, s.s), "%d bytes", n)
}

// Event marks a moment of a stream.
type Event struct{ e cu.Event }

// NewEvent makes an event. Nothing waits for it before it is recorded.
func (c *Context) NewEvent() (*Event, error) {
	e, err := cu.MakeEvent(cu.BlockingSyncEvent)
	if err != nil {
		return nil, failed("cuEventCreate", err, "")
	}
	return &Event{e}, nil
}

// Close frees e. A second Close does nothing.
func (e *Event) Close() error {
	if e.e == (cu.Event{}) {
		return nil
	}
	err := cu.DestroyEvent(&e.e)
	e.e = cu.Event{}
	return failed("cuEventDestroy", err, "")
}

// Record enqueues e on s: it has happened once s has done all before it.
func (s *Stream) Record(e *Event) error {
	return failed("cuEventRecord", e.e.Record(s.s), "")
}

// Wait lets what is enqueued on s from now on wait for e.
func (s *Stream) Wait(e *Event) error {
	return failed("cuStreamWaitEvent", s.s.Wait(e.e, 0), "")
}

// Synchronize waits until e has happened.
func (e *Event) Synchronize() error {
	return failed("cuEventSynchronize", e.e.Synchronize(), "")
}

// Since gives the device's time from start to e, both of which have happened, to about 0.5 µs.
func (e *Event) Since(start *Event) (time.Duration, error) {
	ms, err := start.e.Elapsed(e.e)
	return time.Duration(ms * float64(time.Millisecond)), failed("cuEventElapsedTime", err, "")
}
