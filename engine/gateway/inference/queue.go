package inference

import (
	"sync/atomic"

	"servery/engine/gateway"
)

// waiting is a finished request that waits to be written, with copies of its bodies.
type waiting struct {
	request  gateway.Request
	sampling float64
	tooLarge [2]bool // request, answer
	size     int64
	next     *waiting
	lost     bool // the queue was full: only the endpoint is there
}

// queue is a bounded list of finished requests. Putting one in takes no lock: it is a
// stack whose head is swapped, and take turns it around.
type queue struct {
	head   atomic.Pointer[waiting]
	count  atomic.Int64
	bytes  atomic.Int64
	closed atomic.Bool
	wake   chan struct{}
}

// waitingOverhead is what a request takes in memory beside its bodies, about, in bytes.
const waitingOverhead = 512

// push copies a request into the queue. A full queue notes that it was lost.
func (q *queue) push(r *gateway.Request, sampling float64) {
	if q.closed.Load() {
		return
	}
	w := &waiting{sampling: sampling, size: waitingOverhead}
	body, answer := r.Body, r.Answer
	if len(body) > MaxPayload {
		w.tooLarge[0], body = true, nil
		r.ClientID() // it stands in the body, which is not kept
	}
	if len(answer) > MaxPayload {
		w.tooLarge[1], answer = true, nil
	}
	w.size += int64(len(body) + len(answer))
	rows, bytes := q.count.Add(1), q.bytes.Add(w.size)
	if rows > maxQueued || bytes > maxQueuedBytes {
		q.bytes.Add(-w.size)
		if rows > 2*maxQueued { // not even the loss is noted
			q.count.Add(-1)
			return
		}
		w.lost, w.size = true, 0
		w.request.Endpoint = r.Endpoint
	} else {
		w.request = *r
		both := make([]byte, 0, len(body)+len(answer))
		both = append(append(both, body...), answer...)
		w.request.Body, w.request.Answer = both[:len(body):len(body)], both[len(body):]
	}
	for {
		w.next = q.head.Load()
		if q.head.CompareAndSwap(w.next, w) {
			break
		}
	}
	if rows%batchRows == 0 || bytes >= batchBytes {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// take empties the queue, oldest first; lost counts by endpoint what it could not hold.
func (q *queue) take() (taken []*waiting, lost map[string]int64) {
	for w := q.head.Swap(nil); w != nil; {
		next := w.next
		w.next = nil
		if w.lost {
			if lost == nil {
				lost = map[string]int64{}
			}
			lost[w.request.Endpoint.Name]++
			q.count.Add(-1)
		} else {
			taken = append(taken, w)
		}
		w = next
	}
	for i, j := 0, len(taken)-1; i < j; i, j = i+1, j-1 {
		taken[i], taken[j] = taken[j], taken[i]
	}
	return taken, lost
}

// done gives back what a taken request held of the bounds.
func (q *queue) done(w *waiting) {
	q.count.Add(-1)
	q.bytes.Add(-w.size)
}
