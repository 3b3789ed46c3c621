package endpoint

import (
	"context"
	"fmt"
	"time"

	"servery/engine/autoscale"
	"servery/engine/telemetry"
)

// After a start from zero that failed, requests are refused without another try for a
// while that doubles: a model that cannot load must not load once a request.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
	// closeTimeout bounds the end of a process that nothing runs on.
	closeTimeout = 10 * time.Second
)

// hurried is a closed channel: the hurry of a load that a request waits for already.
var hurried = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// scale changes the entity's permits as long as it is served. It decides when a request
// has to wait, and each second while there is something to decide; a start from zero
// holds it up, so that however many requests wait there is one start.
func (e *served) scale() {
	defer close(e.ended)
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.wake:
			e.decide(time.Now())
		}
	}
}

func (e *served) decide(now time.Time) {
	s := e.pool.Stats()
	e.window.Observe(now, s.InFlight+s.Queued)
	d := autoscale.Decide(now, autoscale.Observed{
		Ready: s.Capacity, Busy: s.InFlight, Queued: s.Queued,
		Mean: e.window.Mean(now), Wanted: e.window.Wanted(now),
		LastArrival: e.arrival(),
	}, e.limits)
	e.window.Want(now, d.Wanted)
	switch {
	case d.Desired == s.Capacity:
	case s.Capacity == 0:
		e.start(now, d)
	case d.Desired == 0:
		e.sleep(d)
	default:
		e.pool.SetCapacity(d.Desired)
		e.scaled(s.Capacity, d.Desired, d.Reason)
		e.show()
	}
}

func (e *served) scaled(from, to int, reason string) {
	e.o.event(telemetry.Scaled, e.name, int(e.version.Load()), fmt.Sprintf("%d → %d: %s.", from, to, reason))
}

// start wakes an entity from zero.
func (e *served) start(now time.Time, d autoscale.Decision) {
	if !e.mended.Swap(false) && now.Before(e.retryAt) {
		e.pool.FailQueued(e.failure)
		return
	}
	if err := e.o.s.loads.acquire(e.ctx, hurried); err != nil {
		return // retired: whoever waits is told so there
	}
	library := e.o.s.found()
	err := e.launch(e.ctx)
	e.o.s.loads.release()
	switch {
	case e.ctx.Err() != nil:
		return
	case err != nil:
		message := loadWords(err)
		e.failure = &NotReadyError{fmt.Sprintf("Served entity '%s' could not start. %s", e.name, message)}
		e.pause = min(max(2*e.pause, firstPause), longestPause)
		e.retryAt = time.Now().Add(e.pause)
		e.trouble.Store(&message)
		e.health.Store(down)
		e.o.event(telemetry.EntityFailed, e.name, int(e.version.Load()), message)
		e.show()
		e.pool.FailQueued(e.failure)
		e.o.s.lacks(e, library, err)
		return
	}
	e.pause = 0
	e.asleep.Store(false)
	size := max(d.Desired, autoscale.StartSize(e.limits))
	e.pool.SetCapacity(size)
	e.scaled(0, size, d.Reason+"; loaded in "+e.loadedWords())
	e.show()
	e.look() // more may wait by now than the size was chosen for
}

// sleep scales to zero, unless a request came at the last moment.
func (e *served) sleep(d autoscale.Decision) {
	from := e.pool.Stats().Capacity
	if !e.pool.SetIdle() {
		return
	}
	e.logExit(d.Reason + ".")
	e.launches.Add(1)
	r := e.runner.Swap(nil)
	e.asleep.Store(true)
	ctx, cancel := context.WithTimeout(e.ctx, closeTimeout)
	defer cancel()
	if r != nil {
		_ = r.Close(ctx) // an error tells that it was killed: it is gone all the same
	}
	e.health.Store(up)
	e.usage.Store(&usage{})
	e.scaled(from, 0, d.Reason)
	e.show()
}
