package ratelimit

import (
	"sync"
	"sync/atomic"
)

// sweepAt is how many windows there are before those are looked for that are not needed.
const sweepAt = 1024

// windows are those of callers, made when they first call.
type windows struct {
	all   sync.Map // id: *window
	n     atomic.Int64
	after atomic.Int64 // how many there are when they are swept next; 0 is sweepAt
}

func (w *windows) find(id string, now int64) *window {
	if found, ok := w.all.Load(id); ok {
		return found.(*window) //nolint:forcetypeassert // nothing else is stored
	}
	found, known := w.all.LoadOrStore(id, &window{})
	if !known && w.n.Add(1) >= max(w.after.Load(), sweepAt) {
		w.sweep(now)
	}
	return found.(*window) //nolint:forcetypeassert // nothing else is stored
}

// drop forgets a window that was retired.
func (w *windows) drop(id any, retired *window) {
	if w.all.CompareAndDelete(id, retired) {
		w.n.Add(-1)
	}
}

// sweep drops the windows in which no call counts any more, so that callers of whom there
// are ever new ones do not take ever more room.
func (w *windows) sweep(now int64) {
	w.all.Range(func(id, found any) bool {
		if one := found.(*window); one.retire(now) { //nolint:forcetypeassert // as above
			w.drop(id, one)
		}
		return true
	})
	w.after.Store(max(2*w.n.Load(), sweepAt))
}
