package app

import (
	"context"
	"sync"
	"time"

	"servery/views/shell"
)

// uiThread is how work leaves the UI goroutine and comes back to it.
type uiThread struct {
	do      func(func()) // fyne.Do
	running sync.WaitGroup
	over    context.Context
	end     context.CancelFunc
}

func newUIThread(do func(func())) *uiThread {
	u := &uiThread{do: do}
	u.over, u.end = context.WithCancel(context.Background())
	return u
}

// dispatcher is what the views use.
func (u *uiThread) dispatcher() shell.Dispatcher {
	return shell.Dispatcher{Run: u.run, Post: u.post, After: u.after}
}

// run starts work on a goroutine of its own.
func (u *uiThread) run(work func()) { u.running.Go(work) }

// post runs fn on the UI goroutine. Once the window has closed it does nothing.
func (u *uiThread) post(fn func()) {
	if u.over.Err() == nil {
		u.do(func() {
			if u.over.Err() == nil {
				fn()
			}
		})
	}
}

// after posts fn later.
func (u *uiThread) after(seconds float64, fn func()) (cancel func()) {
	t := time.AfterFunc(time.Duration(seconds*float64(time.Second)), func() { u.post(fn) })
	return func() { t.Stop() }
}

// close drops what is posted from now on and waits for work that runs, until ctx ends.
func (u *uiThread) close(ctx context.Context) {
	u.end()
	done := make(chan struct{})
	go func() {
		u.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
