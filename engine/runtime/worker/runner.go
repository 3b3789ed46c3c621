package worker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"servery/engine/runtime"
)

// runner keeps one served entity's process alive and answers requests with it.
//
// After an end with several requests in flight nobody knows which of them did it. They
// are suspects: the next process gets them one by one, each alone, and other requests wait
// until the last of them has been tried. One that ends the process again is to blame; for
// the others nothing has happened but a delay.
type runner struct {
	launcher *Launcher
	spec     runtime.Spec
	timeout  time.Duration
	notify   func(runtime.Notice)
	// Of supervise, once it runs.
	report loadReport
	lost   []time.Time // when processes lost the GPU lately

	active   atomic.Pointer[process] // takes any request; nil while there is none
	inflight atomic.Int64            // Invokes that have not returned
	idle     chan struct{}           // a token after inflight has fallen to 0
	trial    chan struct{}           // a token while a suspect is tried
	stop     context.Context         // ends when the runner is closed
	cancel   context.CancelFunc
	stopped  chan struct{} // closed when the supervisor has ended

	mu       sync.Mutex
	current  *process      // runs; also while suspects are tried
	suspects int           // not yet cleared
	closing  bool          // takes no more requests
	failing  error         // why starting it fails again and again; nil where it may be back soon
	changed  chan struct{} // closed and replaced when any of the above changes
	restarts int
	loaded   runtime.Loaded
}

// Loaded tells what the last load found.
func (r *runner) Loaded() runtime.Loaded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loaded
}

// Usage reads the process's figures.
func (r *runner) Usage() runtime.Usage {
	r.mu.Lock()
	p, restarts := r.current, r.restarts
	r.mu.Unlock()
	u := runtime.Usage{Restarts: restarts}
	if p != nil && !p.isGone() {
		u.PID = p.pid()
		u.MemoryBytes, u.CPUSeconds = usageOf(u.PID)
	}
	return u
}

// Invoke answers one request: see runtime.Runner. While the process is being restarted it
// waits.
func (r *runner) Invoke(ctx context.Context, request runtime.Request) (runtime.Response, error) {
	if err := ctx.Err(); err != nil {
		return runtime.Response{}, err
	}
	r.inflight.Add(1)
	defer r.leave()
	p := r.active.Load()
	w, retried := fresh, false
	for {
		if p == nil {
			var err error
			if p, err = r.await(ctx, w); err != nil {
				return runtime.Response{}, err
			}
		}
		response, outcome, d := p.do(ctx, request, r.timeout, 0, retried)
		switch outcome {
		case notSent:
			// The process is gone but its supervisor has not yet said so.
			r.forget(p)
		case retry:
			retried = true
		case suspect:
			return r.try(ctx, request)
		default:
			return result(ctx, response, outcome, d)
		}
		p, w = nil, again
	}
}

// result is what Invoke returns for an outcome that is final.
func result(ctx context.Context, response runtime.Response, o outcome, d death) (runtime.Response, error) {
	switch o {
	case answered:
		return response, nil
	case guilty:
		return runtime.Response{}, &runtime.DiedError{Cause: d.cause}
	case closed:
		return runtime.Response{}, runtime.ErrClosed
	}
	return runtime.Response{}, ctx.Err()
}

// try runs a suspect alone. Whatever comes of it, the runner counts one suspect less.
func (r *runner) try(ctx context.Context, request runtime.Request) (runtime.Response, error) {
	select {
	case r.trial <- struct{}{}:
	case <-ctx.Done():
		r.clear()
		return runtime.Response{}, ctx.Err()
	}
	defer func() { r.clear(); <-r.trial }()
	for trial := 1; ; {
		p, err := r.await(ctx, onTrial)
		if err != nil {
			return runtime.Response{}, err
		}
		response, outcome, d := p.do(ctx, request, r.timeout, trial, true)
		switch outcome {
		case notSent:
			r.forget(p)
		case suspect, retry:
			trial++
		default:
			return result(ctx, response, outcome, d)
		}
	}
}

// clear counts one suspect less. The process is open to all once there is none.
func (r *runner) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.suspects--
	r.publish()
}

// publish makes the process active if it may be, and wakes who waits. r.mu is held.
func (r *runner) publish() {
	if r.suspects == 0 && !r.closing {
		r.active.Store(r.current)
	} else {
		r.active.Store(nil)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// forget makes sure that p is not handed out again.
func (r *runner) forget(p *process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == p {
		r.current = nil
		r.publish()
	}
}

// who tells apart what waits for a process.
type who uint8

const (
	fresh   who = iota // a request that has not begun: refused once the runner closes
	again              // one whose process ended under it
	onTrial            // a suspect, which gets a process that is not open to all
)

// await waits for a process. Where none can be started it says why instead: a library that
// is gone does not come back within a request's patience.
func (r *runner) await(ctx context.Context, w who) (*process, error) {
	for {
		r.mu.Lock()
		p, changed, refused, failing := r.current, r.changed, r.closing && w == fresh, r.failing
		if r.suspects > 0 && w != onTrial {
			p = nil
		}
		r.mu.Unlock()
		switch {
		case refused:
			return nil, runtime.ErrClosed
		case p != nil:
			return p, nil
		case failing != nil:
			return nil, failing
		}
		select {
		case <-changed:
		case <-r.stop.Done():
			return nil, runtime.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// leave ends an Invoke.
func (r *runner) leave() {
	if r.inflight.Add(-1) == 0 {
		select {
		case r.idle <- struct{}{}:
		default:
		}
	}
}

// Close lets requests in flight finish until ctx ends, then ends the process. Requests
// that still wait for it then get runtime.ErrClosed.
func (r *runner) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closing = true
	r.publish()
	r.mu.Unlock()
	for r.inflight.Load() > 0 && ctx.Err() == nil {
		select {
		case <-r.idle:
		case <-r.stop.Done(): // another Close
		case <-ctx.Done():
		}
		if r.stop.Err() != nil {
			break
		}
	}
	r.cancel()
	<-r.stopped
	r.launcher.remove(r)
	return nil
}

// supervise owns the processes of the runner, one after the other.
func (r *runner) supervise(p *process, started time.Time) {
	defer close(r.stopped)
	b := backoff{}
	for p != nil {
		select {
		case <-p.gone:
		case <-r.stop.Done():
			p.kill("its served entity was closed")
			<-p.gone
			p.end()
			return
		}
		flight, blamed := r.bury(p)
		r.tell(runtime.Died, "The model's process ended%s: %s.%s", flight, p.death.cause, p.death.words)
		if p.death.gpu {
			r.lose(time.Now())
		}
		p, started = r.restart(&b, time.Since(started), blamed)
	}
}

// bury takes a dead process out of use and gives its calls their outcomes.
func (r *runner) bury(p *process) (flight string, blamed bool) {
	r.forget(p)
	p.settle(func(suspects, guilty int) {
		blamed = guilty > 0
		switch n := suspects + guilty; {
		case n == 1:
			flight = " while it evaluated a request"
		case n > 1:
			flight = fmt.Sprintf(" while it evaluated %d requests", n)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.suspects += suspects
	})
	return flight, blamed
}

// restart starts the next process, as often as it takes. It is nil where the runner was
// closed meanwhile.
func (r *runner) restart(b *backoff, lived time.Duration, blamed bool) (*process, time.Time) {
	pause := b.next(lived, blamed)
	var failed error
	for tries := 1; ; tries++ {
		r.waits(pause, b.failures, failed)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.stop.Done():
			timer.Stop()
			return nil, time.Time{}
		}
		began := time.Now()
		p, report, err := r.launcher.launch(r.stop, r.spec, r.known(), r.line)
		if r.stop.Err() != nil {
			if p != nil {
				p.kill("its served entity was closed")
				<-p.gone
			}
			return nil, time.Time{}
		}
		if err != nil {
			failed, pause = err, b.next(0, false)
			if tries >= patientTries {
				r.mu.Lock()
				r.failing = err
				r.publish()
				r.mu.Unlock()
			}
			continue
		}
		left := r.learn(report, time.Since(began))
		r.mu.Lock()
		r.current, r.failing = p, nil
		r.restarts++
		r.publish()
		r.mu.Unlock()
		if left {
			r.tell(runtime.LeftGPU, "The model runs on the CPU from now on: %s", r.report.Reason)
		}
		r.tell(runtime.Restarted, "The model's process was restarted (%s).", spell(pause+time.Since(began)))
		return p, time.Now()
	}
}

// spell writes a duration for a person: "11 ms", "1.2 s".
func spell(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// patientTries is how many starts in a row must fail until requests are told so instead of
// waiting: about 1.2 s, in which somebody who kills by hand has stopped.
const patientTries = 3

// waits tells of a pause before a start; failed is why the last start failed, nil where
// there was none.
func (r *runner) waits(pause time.Duration, failures int, failed error) {
	switch {
	case pause >= longPause && failed != nil:
		r.tell(runtime.GaveUp, "It could not be started again: %v It is started again in %v, after %d failures in a row.", failed, pause, failures)
	case pause >= longPause:
		r.tell(runtime.GaveUp, "The model's process is started again in %v, after %d failures in a row.", pause, failures)
	case failed != nil:
		r.tell(runtime.Died, "The model's process could not be started again: %v", failed)
	}
}

func (r *runner) tell(k runtime.NoticeKind, format string, args ...any) {
	r.notify(runtime.Notice{Kind: k, At: time.Now(), Message: fmt.Sprintf(format, args...)})
}

// line passes on what the process wrote.
func (r *runner) line(text string) {
	r.notify(runtime.Notice{Kind: runtime.LogLine, At: time.Now(), Message: text})
}
