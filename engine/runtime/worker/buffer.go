package worker

import (
	"math/bits"
	"sync"
)

const (
	// smallestBuffer is the capacity of class 0; each class doubles it.
	smallestBuffer = 4 << 10
	// bufferClasses reach 32 MiB, twice the longest request. What is larger is left to
	// the garbage collector.
	bufferClasses = 14
)

var buffers [bufferClasses]sync.Pool

// buffer is memory that is used again. b may be replaced by a longer slice.
type buffer struct {
	b []byte
	// release gives b back; b must not be used after it. It is made once a buffer, so
	// that handing it out costs nothing.
	release func()
}

// newBuffer gives an empty buffer with room for n bytes.
func newBuffer(n int) *buffer {
	class := bits.Len(uint(max(n, 1)-1) / smallestBuffer)
	if class >= bufferClasses {
		return &buffer{b: make([]byte, 0, n), release: func() {}}
	}
	if p, ok := buffers[class].Get().(*buffer); ok {
		return p
	}
	p := &buffer{b: make([]byte, 0, smallestBuffer<<class)}
	p.release = p.put
	return p
}

// put files b under the largest class that it fills.
func (p *buffer) put() {
	class := bits.Len(uint(cap(p.b))/smallestBuffer) - 1
	if class < 0 || class >= bufferClasses {
		return
	}
	p.b = p.b[:0]
	buffers[class].Put(p)
}
