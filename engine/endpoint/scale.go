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

// growth is concurrency on its way.
type growth struct {
	at time.Time
	by int
}

// scale changes the entity's concurrency as long as it is served. It decides when a request
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
	set := e.o.s.Scaling()
	if set.Timings != e.timings {
		e.rescale(now)
	}
	e.grow(now)
	s, have, coming := e.pool.Stats(), int(e.provisioned.Load()), int(e.coming.Load())
	steady := e.o.s.steady(now)
	if e.due.Swap(false) {
		e.scaler.Look(steady, s.InFlight+s.Queued)
	}
	limits := e.limits
	limits.Idle = set.ScaleToZeroAfter
	d := e.scaler.Decide(steady, autoscale.Observed{
		Ready: have, Starting: coming, Permits: s.Capacity, Busy: s.InFlight, Queued: s.Queued,
		LastArrival: e.arrival(),
	}, limits)
	switch {
	case have == 0 && d.Provisioned == 0:
	case have == 0:
		e.start(now, d)
	case d.Provisioned == 0:
		e.sleep(d)
	case d.Provisioned > have+coming && d.After > 0:
		e.growing = append(e.growing, growth{now.Add(d.After), d.Provisioned - have - coming})
		e.coming.Store(int32(d.Provisioned - have))
		e.scaled(have+coming, d.Provisioned, d.Reason)
	case d.Provisioned != have+coming:
		e.provision(d.Provisioned, d.Permits)
		e.scaled(have, d.Provisioned, d.Reason)
		e.show()
	case d.Permits != s.Capacity:
		e.pool.SetCapacity(d.Permits)
	}
}

// rescale begins to scale by the timings that are set. Growth that they do not make wait for
// is there at once.
func (e *served) rescale(now time.Time) {
	steady := e.o.s.steady(now)
	e.timings = e.o.s.Scaling().Timings
	if e.timings == Databricks {
		e.scaler = autoscale.NewDatabricks(steady)
		return
	}
	e.scaler = autoscale.NewScaler(autoscale.PolicyFor(e.o.starts.typical(e.name)), steady)
	for i := range e.growing {
		e.growing[i].at = now
	}
}

// grow provisions what was on its way and has come.
func (e *served) grow(now time.Time) {
	by := 0
	for len(e.growing) > 0 && !e.growing[0].at.After(now) {
		by += e.growing[0].by
		e.growing = e.growing[1:]
	}
	if by > 0 {
		e.coming.Add(int32(-by))
		n := int(e.provisioned.Load()) + by
		e.provision(n, n)
		e.show()
	}
}

func (e *served) provision(n, permits int) {
	e.provisioned.Store(int32(n))
	e.pool.SetCapacity(permits)
}

// scaled tells of a decision. That of permits is none: it would be told a hundred times in a
// minute.
func (e *served) scaled(from, to int, reason string) {
	if e.timings == Databricks {
		reason += " (Databricks timings)"
	}
	e.o.tell(telemetry.Event{Type: telemetry.Scaled, Entity: e.name, Version: int(e.version.Load()), Reason: reason,
		Message: fmt.Sprintf("%d → %d: %s.", from, to, reason)})
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
	if err == nil && d.After > 0 {
		err = e.o.s.takeUntil(e.ctx, now.Add(d.After))
	}
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
	e.rescale(time.Now())
	e.arrived(time.Now()) // the time of its start was no idle time
	e.provision(d.Provisioned, d.Provisioned)
	e.scaled(0, d.Provisioned, d.Reason+"; loaded in "+e.loadedWords())
	e.show()
	e.look() // more may wait by now than the size was chosen for
}

// sleep scales to zero, unless a request came at the last moment.
func (e *served) sleep(d autoscale.Decision) {
	if !e.pool.SetIdle() {
		return
	}
	from := int(e.provisioned.Swap(0))
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
