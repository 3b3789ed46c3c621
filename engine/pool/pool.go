// Package pool is the admission of a served entity: as many requests run at once as it
// has permits, a bounded first-in first-out queue stands behind them, and what does not
// fit into the queue is refused at once. It knows nothing of models, endpoints or HTTP.
//
// A request that finds a free permit and an empty queue pays one compare-and-swap. The
// state is one word, so that "is there room", "is there a queue" and "how many permits
// are there" are always read together and no wake-up can be lost between them.
package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// MaxPermits and MaxQueue bound what fits into the packed state.
const (
	MaxPermits = 1<<20 - 1
	MaxQueue   = 1<<20 - 1
)

// ErrFull refuses a request because all permits are taken and the queue is full.
var ErrFull = errors.New("pool: the queue is full")

// ErrClosed refuses a request because the pool takes no more: its served entity is
// being replaced or removed. What already waits or runs is not affected.
var ErrClosed = errors.New("pool: closed")

// The packed state, low bits first: 20 bits of requests in flight, 20 of requests
// queued, 20 of permits, one bit "closed".
const (
	field      = 20
	mask       = 1<<field - 1
	oneFlight  = 1
	oneQueued  = 1 << field
	permitAt   = 2 * field
	closedFlag = 1 << (3 * field)
)

// Stats is a pool at one moment.
type Stats struct {
	Capacity int // permits
	InFlight int // permits taken; above Capacity for a while after it was lowered
	Queued   int // requests that wait for a permit
}

// Pool hands out permits. The zero value is of no use: see New.
type Pool struct {
	state   atomic.Uint64
	limit   uint64
	onQueue func()

	mu      sync.Mutex // guards the list, and every change of "queued"
	head    *waiter
	tail    *waiter
	drained chan struct{} // closed once the pool is closed and empty
	isDry   bool
}

// waiter is a queued request. answer gets nil with a permit, or why there is none.
type waiter struct {
	next, prev *waiter
	answer     chan error
	gone       bool // it has left the list: granted, failed or given up
}

// New makes a pool of capacity permits with room for queueLimit waiting requests.
// onQueue, where not nil, is called by each request that is about to wait, after it has
// joined the queue: it may call SetCapacity, and must not block.
func New(capacity, queueLimit int, onQueue func()) *Pool {
	p := &Pool{limit: uint64(clamp(queueLimit, MaxQueue)), onQueue: onQueue, drained: make(chan struct{})}
	p.state.Store(uint64(clamp(capacity, MaxPermits)) << permitAt)
	return p
}

// QueueLimit is the room that the product's rule gives the queue of an entity with at
// most that many permits: four times as many, and never less than 100. E.g. Small (4) queues 100,
// Large (64) queues 256.
func QueueLimit(permits int) int { return min(MaxQueue, max(4*permits, 100)) }

// Acquire takes a permit, waiting for one in the queue. waited is the time spent there,
// 0 where a permit was free. It fails with ErrFull at once where the queue is full, with
// ErrClosed where the pool is closed, with the error given to FailQueued, and with ctx's
// error where ctx ends first. After success Release must be called once.
func (p *Pool) Acquire(ctx context.Context) (waited time.Duration, err error) {
	for {
		s := p.state.Load()
		if s&closedFlag != 0 {
			return 0, ErrClosed
		}
		if queued(s) != 0 || inFlight(s) >= permits(s) {
			return p.queue(ctx)
		}
		if p.state.CompareAndSwap(s, s+oneFlight) {
			return 0, nil
		}
	}
}

// TryAcquire takes a permit only if one is free and nobody waits.
func (p *Pool) TryAcquire() bool {
	for {
		s := p.state.Load()
		if s&closedFlag != 0 || queued(s) != 0 || inFlight(s) >= permits(s) {
			return false
		}
		if p.state.CompareAndSwap(s, s+oneFlight) {
			return true
		}
	}
}

// Release gives a permit back, to the request that has waited longest.
func (p *Pool) Release() {
	for {
		s := p.state.Load()
		if inFlight(s) == 0 {
			panic("pool: Release without Acquire")
		}
		if queued(s) != 0 || s&closedFlag != 0 {
			p.releaseSlow()
			return
		}
		if p.state.CompareAndSwap(s, s-oneFlight) {
			return
		}
	}
}

func (p *Pool) releaseSlow() {
	p.mu.Lock()
	p.add(-oneFlight)
	p.grant()
	p.mu.Unlock()
}

// queue is Acquire's slow path.
func (p *Pool) queue(ctx context.Context) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	w, err := p.join()
	if w == nil {
		return 0, err
	}
	if p.onQueue != nil {
		p.onQueue()
	}
	start := time.Now()
	select {
	case err = <-w.answer:
		return time.Since(start), err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.gone { // answered at the same moment: give the permit on, if it was one
		if err = <-w.answer; err == nil {
			p.add(-oneFlight)
			p.grant()
		}
		return time.Since(start), ctx.Err()
	}
	p.leave(w)
	p.settle()
	return time.Since(start), ctx.Err()
}

// join enters the queue. A nil waiter means that there is nothing to wait for: a permit
// was free after all (nil error), or there is no room.
func (p *Pool) join() (*waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		s := p.state.Load()
		switch {
		case s&closedFlag != 0:
			return nil, ErrClosed
		case queued(s) == 0 && inFlight(s) < permits(s):
			if p.state.CompareAndSwap(s, s+oneFlight) {
				return nil, nil
			}
		case queued(s) >= p.limit:
			return nil, ErrFull
		default:
			if p.state.CompareAndSwap(s, s+oneQueued) {
				w := &waiter{answer: make(chan error, 1), prev: p.tail}
				if p.tail == nil {
					p.head = w
				} else {
					p.tail.next = w
				}
				p.tail = w
				return w, nil
			}
		}
	}
}

// grant hands free permits to waiters in their order. The caller holds mu.
func (p *Pool) grant() {
	for p.head != nil {
		s := p.state.Load()
		if inFlight(s) >= permits(s) {
			break
		}
		if !p.state.CompareAndSwap(s, s+oneFlight-oneQueued) {
			continue
		}
		w := p.head
		p.unlink(w)
		w.answer <- nil
	}
	p.settle()
}

// leave takes w out of the queue. The caller holds mu.
func (p *Pool) leave(w *waiter) {
	p.unlink(w)
	p.add(-oneQueued)
}

func (p *Pool) unlink(w *waiter) {
	w.gone = true
	if w.prev == nil {
		p.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		p.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.next, w.prev = nil, nil
}

// settle announces the end of a closed pool. The caller holds mu.
func (p *Pool) settle() {
	s := p.state.Load()
	if s&closedFlag != 0 && inFlight(s) == 0 && queued(s) == 0 && !p.isDry {
		p.isDry = true
		close(p.drained)
	}
}

// SetCapacity changes the number of permits from now on. More permits are handed to
// waiters at once; with fewer, requests in flight finish and their permits go.
func (p *Pool) SetCapacity(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		s := p.state.Load()
		t := s&^(uint64(mask)<<permitAt) | uint64(clamp(n, MaxPermits))<<permitAt
		if p.state.CompareAndSwap(s, t) {
			break
		}
	}
	p.grant()
}

// SetIdle lowers the capacity to 0 if nothing runs or waits, in one step: no request can
// slip in between the look and the change. It reports whether it did.
func (p *Pool) SetIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		s := p.state.Load()
		if inFlight(s) != 0 || queued(s) != 0 || s&closedFlag != 0 {
			return false
		}
		if p.state.CompareAndSwap(s, 0) {
			return true
		}
	}
}

// FailQueued answers every waiting request with err, e.g. because the model they wait
// for did not start.
func (p *Pool) FailQueued(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.head != nil {
		w := p.head
		p.leave(w)
		w.answer <- err
	}
	p.settle()
}

// Close refuses requests from now on. What runs or waits goes on; the returned channel
// is closed when the last of it has ended. Closing again returns the same channel.
func (p *Pool) Close() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		s := p.state.Load()
		if p.state.CompareAndSwap(s, s|closedFlag) {
			break
		}
	}
	p.settle()
	return p.drained
}

// Stats reads the pool.
func (p *Pool) Stats() Stats {
	s := p.state.Load()
	return Stats{Capacity: int(permits(s)), InFlight: int(inFlight(s)), Queued: int(queued(s))}
}

// String is for logs: "3 of 4 permits taken, 0 queued".
func (s Stats) String() string {
	return fmt.Sprintf("%d of %d permits taken, %d queued", s.InFlight, s.Capacity, s.Queued)
}

// add changes one count; the other fields keep their values because no field overflows.
func (p *Pool) add(delta int64) { p.state.Add(uint64(delta)) }

func inFlight(s uint64) uint64 { return s & mask }
func queued(s uint64) uint64   { return s >> field & mask }
func permits(s uint64) uint64  { return s >> permitAt & mask }

func clamp(n, most int) int { return min(max(n, 0), most) }
