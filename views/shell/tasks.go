package shell

import (
	"context"
	"fmt"
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
