package batch

import "servery/engine/tensor"

// Waiting is a request that waits for a run.
type Waiting interface {
	comparable
	// Share gives the request's inputs and its Rows.
	Share() (inputs []tensor.Named, rows int)
}

// Pick moves from the queue, the oldest first, to picked what the next run does: the first
// request, and those behind it that are Alike, up to maxRequests with up to maxRows rows
// in all. A request without rows, or with more, runs alone. Once one that is alike does
// not fit, none behind it is taken: requests that are alike keep their order, and the
// first of the queue is always taken, so that none waits for ever. rest is the queue
// without the picked, in the same memory.
func Pick[T Waiting](picked, queue []T, maxRequests, maxRows int) (taken, rest []T) {
	if len(queue) == 0 {
		return picked, queue
	}
	picked = append(picked, queue[0])
	like, rows := queue[0].Share()
	full := rows == 0
	kept := 0
	for _, w := range queue[1:] {
		if !full {
			if inputs, more := w.Share(); more > 0 && Alike(like, inputs) {
				if full = len(picked) >= maxRequests || rows+more > maxRows; !full {
					picked = append(picked, w)
					rows += more
					continue
				}
			}
		}
		queue[kept] = w
		kept++
	}
	clear(queue[kept:])
	return picked, queue[:kept]
}
