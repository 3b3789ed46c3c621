package usage

import (
	"slices"
	"sync/atomic"
)

// queue is a bounded list of requests. Putting one in takes no lock: it is a stack whose
// head is swapped, and take turns it around.
type queue struct {
	head atomic.Pointer[waiting]
	n    atomic.Int64
	lost atomic.Int64
	wake chan struct{}
}

type waiting struct {
	*Request
	next *waiting
}

func (q *queue) push(r *Request) {
	n := q.n.Add(1)
	if n > maxQueued {
		q.n.Add(-1)
		q.lost.Add(1)
		return
	}
	w := &waiting{Request: r}
	for {
		w.next = q.head.Load()
		if q.head.CompareAndSwap(w.next, w) {
			break
		}
	}
	if n%batchRows == 0 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// take empties the queue, the oldest first; lost is how many found it full.
func (q *queue) take() (taken []*Request, lost int64) {
	for w := q.head.Swap(nil); w != nil; w = w.next {
		taken = append(taken, w.Request)
	}
	q.n.Add(-int64(len(taken)))
	slices.Reverse(taken)
	return taken, q.lost.Swap(0)
}
