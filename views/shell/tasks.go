package shell

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Dispatcher is how work leaves the UI goroutine and comes back to it. The program
// supplies it, so that nothing in the views starts a goroutine and tests run in order.
type Dispatcher struct {
	Run   func(work func())                                // starts work elsewhere
	Post  func(fn func())                                  // runs fn on the UI goroutine
	After func(seconds float64, fn func()) (cancel func()) // runs fn there later; may be nil
}

// Tasks are the running tasks of one page.
type Tasks struct {
	d      Dispatcher
	ctx    context.Context
	cancel context.CancelFunc
	closed bool // on the UI goroutine only
}

// NewTasks makes the tasks of a page.
func NewTasks(d Dispatcher) *Tasks {
	ctx, cancel := context.WithCancel(context.Background())
	return &Tasks{d: d, ctx: ctx, cancel: cancel}
}

// Close cancels what runs and drops what has not come back.
func (t *Tasks) Close() {
	t.closed = true
	t.cancel()
}

// Task runs work off the UI goroutine, touching no widget, and then done on it with what
// work gave. done is dropped, and work's context cancelled, when the page has closed.
// Read the widgets' values before the call.
func Task[T any](h Host, work func(ctx context.Context) (T, error), done func(T, error)) {
	t := h.Tasks()
	t.d.Run(func() {
		v, err := safely(t.ctx, work)
		t.d.Post(func() {
			if !t.closed {
				done(v, err)
			}
		})
	})
}

// ProgressTask is Task for work that tells how far it is and that a person may give up.
// report may be called from work as often as it likes: progress runs on the UI goroutine
// with the newest value, and values that it had no time for are passed over. cancel ends
// work's context; done is still called, with work's error.
func ProgressTask[T, P any](h Host, work func(ctx context.Context, report func(P)) (T, error), progress func(P), done func(T, error)) (cancel func()) {
	t := h.Tasks()
	ctx, cancel := context.WithCancel(t.ctx)
	var newest atomic.Pointer[P] // nil: nothing is on its way to the UI goroutine
	report := func(p P) {
		if newest.Swap(&p) != nil {
			return
		}
		t.d.Post(func() {
			if p := newest.Swap(nil); p != nil && !t.closed {
				progress(*p)
			}
		})
	}
	t.d.Run(func() {
		v, err := safely(ctx, func(ctx context.Context) (T, error) { return work(ctx, report) })
		t.d.Post(func() {
			cancel()
			if !t.closed {
				done(v, err)
			}
		})
	})
	return cancel
}

// safely keeps a defect in one task from taking the program, and the endpoints it serves,
// with it.
func safely[T any](ctx context.Context, work func(ctx context.Context) (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this is a defect in Servery: %v. The endpoints go on; try again, and report it if it happens again", p)
		}
	}()
	return work(ctx)
}
