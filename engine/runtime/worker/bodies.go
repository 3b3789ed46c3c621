package worker

import (
	"slices"
	"sync"
)

// sharedSize is the memory through which a process gets long bodies, in bytes of address
// space: room for four of the longest. Pages are taken as they are used.
const sharedSize = 64 << 20

// sharedKept is what stays of it while no long body is in flight; the rest goes back to the
// system.
const sharedKept = 16 << 20

const pageSize = 4 << 10

// bodyMemory is memory that the engine writes long bodies into and the process reads them from:
// through a socket the system would copy each twice, into its own memory and out of it. A
// body lies where it is until its request is answered; the process cannot write there.
type bodyMemory struct {
	b []byte // nil where there is none, or no more

	copying sync.RWMutex // held to write into b, and to take b away

	mu   sync.Mutex
	used []span // in their order
	peak int    // end of what was ever used since the last trim
}

// span is a stretch of shared memory: whole pages from at on. The zero value is none.
type span struct{ at, size int }

// put copies a body into a stretch of its own; false where it does not fit beside the others.
func (s *bodyMemory) put(body []byte) (span, bool) {
	s.copying.RLock()
	defer s.copying.RUnlock()
	p, ok := s.take(len(body))
	if ok {
		copy(s.b[p.at:], body)
	}
	return p, ok
}

// take finds the first stretch that is free, so that the same few pages are used again.
func (s *bodyMemory) take(n int) (span, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := span{size: (n + pageSize - 1) / pageSize * pageSize}
	i := 0
	for ; i < len(s.used) && s.used[i].at-p.at < p.size; i++ {
		p.at = s.used[i].at + s.used[i].size
	}
	if p.size == 0 || p.at+p.size > len(s.b) {
		return span{}, false
	}
	s.used = slices.Insert(s.used, i, p)
	s.peak = max(s.peak, p.at+p.size)
	return p, true
}

// give makes a stretch free again.
func (s *bodyMemory) give(p span) {
	if p.size == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.used, p); i >= 0 {
		s.used = slices.Delete(s.used, i, i+1)
	}
	if len(s.used) == 0 && s.peak > sharedKept {
		trimBodies(s.b[sharedKept:s.peak])
		s.peak = sharedKept
	}
}

// close takes the memory away; put finds none after it.
func (s *bodyMemory) close() {
	s.copying.Lock()
	defer s.copying.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.b != nil {
		unmapBodies(s.b)
	}
	s.b, s.used = nil, nil
}
