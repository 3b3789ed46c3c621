//go:build cuda && linux && (amd64 || arm64)

package driver

// #include "bind.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// Buffer is memory of the device. Its bytes are undefined until written.
type Buffer struct {
	at   cu.DevicePtr
	size int64
}

// Alloc takes size bytes, at least one, of the device's memory.
func (c *Context) Alloc(size int64) (*Buffer, error) {
	at, err := cu.MemAlloc(size)
	if err != nil {
		return nil, failed("cuMemAlloc", err, "%d bytes", size)
	}
	return &Buffer{at, size}, nil
}

// Size is in bytes.
func (b *Buffer) Size() int64 { return b.size }

// Address is where it lies on the device, for the parameters of kernels.
func (b *Buffer) Address() uint64 { return uint64(b.at) }

// Free waits for the device and gives the memory back. A second Free does nothing.
func (b *Buffer) Free() error {
	if b.at == 0 {
		return nil
	}
	err := cu.MemFree(b.at)
	b.at = 0
	return failed("cuMemFree", err, "%d bytes", b.size)
}

// Write copies data to the offset at, in bytes, and returns once it is there.
func (b *Buffer) Write(at int64, data []byte) error {
	if err := within("write to the buffer", at, int64(len(data)), b.size); err != nil || len(data) == 0 {
		return err
	}
	return failed("cuMemcpyHtoD", cu.MemcpyHtoD(b.at+cu.DevicePtr(at), unsafe.Pointer(&data[0]), int64(len(data))), "%d bytes", len(data))
}

// Read fills data from the offset at, in bytes. It does not wait for streams: synchronize the
// one that writes first.
func (b *Buffer) Read(at int64, data []byte) error {
	if err := within("read from the buffer", at, int64(len(data)), b.size); err != nil || len(data) == 0 {
		return err
	}
	return failed("cuMemcpyDtoH", cu.MemcpyDtoH(unsafe.Pointer(&data[0]), b.at+cu.DevicePtr(at), int64(len(data))), "%d bytes", len(data))
}

// Pinned is page-locked memory of the host: what copies on a stream read and write.
type Pinned struct {
	at   unsafe.Pointer
	size int64
}

// AllocPinned takes size bytes, at least one. Pinned memory is withdrawn from the rest of the
// machine.
func (c *Context) AllocPinned(size int64) (*Pinned, error) {
	p := &Pinned{size: size}
	if err := failed("cuMemAllocHost", C.cuMemAllocHost(&p.at, C.size_t(size)), "%d bytes", size); err != nil {
		return nil, err
	}
	return p, nil
}

// Bytes is the memory; nil after Free. It belongs to the stream from the moment a copy is
// enqueued until the stream is synchronized.
func (p *Pinned) Bytes() []byte {
	if p.at == nil {
		return nil
	}
	return unsafe.Slice((*byte)(p.at), p.size)
}

// Free waits for the device, which may still copy after an error, and gives the memory back. A
// second Free does nothing.
func (p *Pinned) Free() error {
	if p.at == nil {
		return nil
	}
	err := errors.Join(
		failed("cuCtxSynchronize", cu.Synchronize(), ""),
		failed("cuMemFreeHost", cu.MemFreeHost(p.at), "%d bytes", p.size))
	p.at = nil
	return err
}

// within refuses a range of n bytes from at that does not lie in size bytes.
func within(what string, at, n, size int64) error {
	if at < 0 || n < 0 || at > size || n > size-at {
		return fmt.Errorf("cuda: cannot %s: bytes %d to %d of %d", what, at, at+n, size)
	}
	return nil
}
