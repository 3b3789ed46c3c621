package ratelimit

import "sync/atomic"

const (
	span   = 60        // seconds that a limit counts over
	sealed = 1 << 31   // of second.calls: no call is added any more
	most   = 1<<31 - 1 // calls that can be counted
)

// window counts the calls of the last minute in buckets of a second. A call counts until 60
// whole seconds have passed after the second it came in: of any 60 s, wherever they begin,
// the 61 buckets that they touch never hold more than the limit. So a call makes room again
// after 60 to 61 s.
//
// Nobody waits for anybody: taking is a compare-and-swap, and whoever finds that a second
// has passed puts the next one in its place. An idle window takes 270 B.
type window struct{ now atomic.Pointer[second] }

// second is the newest bucket with those before it, which do not change any more.
type second struct {
	at    int64
	past  [span]uint32 // past[i] is of second at-60+i
	sum   uint32       // of past
	calls atomic.Uint32
}

// gone stands in a window that nobody uses any more.
var gone = new(second)

// take counts a call where fewer than limit were counted. It returns the second that the
// call is counted in, nil where the limit is reached, or gone.
func (w *window) take(now int64, limit uint32) *second {
	for {
		s := w.at(now)
		if s == gone {
			return gone
		}
		for {
			n := s.calls.Load()
			if n&sealed != 0 { // a later second has begun: count there
				w.follow(s, max(now, s.at+1))
				break
			}
			if s.sum+n >= limit {
				return nil
			}
			if s.calls.CompareAndSwap(n, n+1) {
				return s
			}
		}
	}
}

// undo takes a call back that was counted in s. Where the second has passed in between, the
// call stays counted: the limit is kept, one call too strictly.
func (s *second) undo() {
	for {
		n := s.calls.Load()
		if n&sealed != 0 || s.calls.CompareAndSwap(n, n-1) {
			return
		}
	}
}

// at is the bucket for calls at now: of that second, or of a later one that has begun.
func (w *window) at(now int64) *second {
	for {
		s := w.now.Load()
		if s != nil && (s == gone || now <= s.at) {
			return s
		}
		w.follow(s, now)
	}
}

// follow puts the bucket of the second at in the place of s, unless another did so.
func (w *window) follow(s *second, at int64) {
	next := &second{at: at}
	if s != nil {
		calls := s.calls.Or(sealed) &^ sealed
		for i := range next.past {
			next.past[i] = s.count(at-span+int64(i), calls)
			next.sum += next.past[i]
		}
	}
	w.now.CompareAndSwap(s, next)
}

// count is how many calls came in a second up to s; calls is how many in s itself.
func (s *second) count(at int64, calls uint32) uint32 {
	switch i := at - s.at + span; {
	case i == span:
		return calls
	case i < 0 || i > span:
		return 0
	default:
		return s.past[i]
	}
}

// wait is in how many seconds, 1 to 61, fewer than limit calls will count, where no more
// come. limit is not 0.
func (w *window) wait(now int64, limit uint32) int64 {
	s := w.now.Load()
	if s == nil || s == gone {
		return 1
	}
	calls := s.calls.Load() &^ sealed
	left := s.sum + calls
	for at := s.at - span; at <= s.at; at++ {
		if left -= s.count(at, calls); left < limit {
			return max(at+span+1-now, 1)
		}
	}
	return span + 1
}

// retire ends a window whose calls are all forgotten; false where some are not.
func (w *window) retire(now int64) bool {
	s := w.now.Load()
	if s == gone {
		return true
	}
	if s == nil || now <= s.at+span {
		return false
	}
	// Sealed first: whoever is about to count in s finds that it must look again.
	s.calls.Or(sealed)
	return w.now.CompareAndSwap(s, gone)
}
