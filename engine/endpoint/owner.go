package endpoint

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"servery/engine/telemetry"
)

// The product's words for a served entity's state, and Servery's own where the product
// has none.
const (
	messageCreating   = "Creating resources for served entity."
	messageAborted    = "Served entity creation aborted because another served entity of the configuration failed."
	messageLate       = "Served entity creation aborted because the resource did not become available in time."
	messageReloading  = "Loading again after a start of Servery."
	messageRestarting = "The model's process ended and is being started again."
	messageAtZero     = "Scaled to zero"
)

// reloadWait is how long a request waits for an endpoint that is being loaded again after
// a start.
const reloadWait = 30 * time.Second

// maxWaiting bounds the requests that wait for one such endpoint: each holds its body.
const maxWaiting = 1024

// owner is an endpoint with what runs for it. Its picture is the state; one goroutine at
// a time carries a configuration out, see run.
type owner struct {
	s          *Service
	name       string
	recorder   *telemetry.Recorder
	unreadable bool // its record could not be decoded and must not be written over

	picture atomic.Pointer[Endpoint]
	serving atomic.Pointer[deployment] // nil where nothing serves
	rolling atomic.Pointer[rollout]    // the update that runs, or nil
	reload  atomic.Pointer[reloading]  // not nil while the active configuration is loaded again
	gone    atomic.Bool                // deleted
	starts  starts

	mu      sync.Mutex // one change of the picture at a time
	storing sync.Mutex // one write of the record at a time, none after gone: see put
	command sync.Mutex // one command of a user at a time

	ending  sync.Mutex // guards what follows
	cancel  context.CancelFunc
	done    chan struct{}
	running bool // the goroutine of run has not decided to end
	stopped bool
}

// reloading is a load that requests may wait for.
type reloading struct {
	done    chan struct{} // closed when it has ended, well or not
	hurry   chan struct{} // closed by the first request that waits
	once    sync.Once
	waiting atomic.Int32
}

func newReloading() *reloading {
	return &reloading{done: make(chan struct{}), hurry: make(chan struct{})}
}

func newOwner(s *Service, e *Endpoint) *owner {
	o := &owner{s: s, name: e.Name, recorder: s.options.Telemetry.Endpoint(e.Name)}
	o.picture.Store(e)
	return o
}

func (o *owner) event(kind telemetry.EventType, entity string, version int, message string) {
	o.tell(telemetry.Event{Type: kind, Entity: entity, Version: version, Message: message})
}

// tell is event with who asked for it, or why it came about.
func (o *owner) tell(e telemetry.Event) {
	if e.At = time.Now(); !o.gone.Load() {
		o.recorder.Event(e)
	}
}

// start begins to carry out what the picture asks for, if it asks for anything. Where a
// deployment runs already, its goroutine finds what is asked for before it ends.
func (o *owner) start() {
	o.ending.Lock()
	defer o.ending.Unlock()
	e := o.picture.Load()
	if o.stopped || !e.asksForWork() {
		return
	}
	if e.toBringBack() && o.reload.Load() == nil {
		o.reload.Store(newReloading())
	}
	if o.running {
		return
	}
	ctx, cancel := context.WithCancel(o.s.ctx)
	done := make(chan struct{})
	started := o.s.spawn(func() {
		defer close(done)
		defer cancel()
		for o.run(ctx); !o.idle(ctx); {
			o.run(ctx)
		}
	})
	if !started {
		cancel()
		return
	}
	o.cancel, o.done, o.running = cancel, done, true
}

// idle tells the goroutine of run that nothing is left to do. The lock is start's: what it
// is called for is done by one of the two.
func (o *owner) idle(ctx context.Context) bool {
	o.ending.Lock()
	defer o.ending.Unlock()
	o.running = ctx.Err() == nil && (o.reload.Load() != nil || o.picture.Load().asksForWork())
	return !o.running
}

// asksForWork tells that something is to be deployed.
func (e *Endpoint) asksForWork() bool { return e.Update == InProgress || e.toBringBack() }

// toBringBack tells that the active configuration is to be loaded again. A process that
// is being started again has the same state, and other words.
func (e *Endpoint) toBringBack() bool {
	return e.Active != nil && slices.ContainsFunc(e.Active.Entities, func(s ServedEntity) bool {
		return s.Deployment == DeploymentRecovering && s.Message == messageReloading
	})
}

// run brings the active configuration back, then deploys the pending one, also where the
// active one cannot be loaded.
func (o *owner) run(ctx context.Context) {
	if r := o.reload.Load(); r != nil {
		if o.picture.Load().toBringBack() { // an update may have replaced it
			o.bringBack(ctx, r.hurry)
		}
		o.reloaded(r)
	}
	if o.picture.Load().Update == InProgress {
		o.update(ctx)
	}
}

// reloaded lets go whoever waits for r. Where a load that failed is tried again already,
// the next to come wait for that one.
func (o *owner) reloaded(r *reloading) {
	var next *reloading
	o.ending.Lock()
	if o.picture.Load().toBringBack() {
		next = newReloading()
	}
	o.reload.Store(next)
	o.ending.Unlock()
	close(r.done)
}

// stop ends the running deployment, if any, waits for its end, and lets none start.
func (o *owner) stop() {
	o.ending.Lock()
	o.stopped = true
	o.ending.Unlock()
	o.halt()
}

// halt ends the running deployment, if any, and waits for its end.
func (o *owner) halt() {
	o.ending.Lock()
	cancel, done := o.cancel, o.done
	o.ending.Unlock()
	if done != nil {
		cancel()
		<-done
	}
}

// retry starts once more what has failed. The caller holds command.
func (o *owner) retry() error {
	e := o.picture.Load()
	switch {
	case o.gone.Load():
		return &NotFoundError{Name: o.name}
	case o.unreadable:
		return &ValidationError{[]FieldError{{"name", e.Pending.Entities[0].Message}}}
	case e.Update != UpdateFailed && e.Update != UpdateCanceled:
		return &ValidationError{[]FieldError{{"name", fmt.Sprintf("Endpoint '%s' has no update that failed: there is nothing to try again.", o.name)}}}
	}
	now := time.Now()
	err := o.commit(func(e *Endpoint) error {
		if e.Active != nil && !e.Suspended && o.serving.Load() == nil {
			e.Update = NotUpdating
			e.Active.setStates(DeploymentRecovering, messageReloading)
		}
		if e.Pending != nil {
			e.Update = InProgress
			e.Pending.StartedAt, e.Pending.EndedAt = now, time.Time{}
			e.Pending.setStates(DeploymentCreating, messageCreating)
		}
		return nil
	})
	if err != nil {
		return err
	}
	o.start()
	return nil
}

func (c *Config) setStates(d Deployment, message string) {
	for i := range c.Entities {
		c.Entities[i].Deployment, c.Entities[i].Message = d, message
	}
}

// await waits for an endpoint that is being loaded again. nil means: look once more.
func (o *owner) await(ctx context.Context) error {
	if o.gone.Load() {
		return &NotFoundError{Name: o.name}
	}
	r := o.reload.Load()
	if r == nil {
		if o.serving.Load() != nil {
			return nil
		}
		return &NotReadyError{o.whyNotReady()}
	}
	if n := r.waiting.Add(1); n > maxWaiting {
		r.waiting.Add(-1)
		return &OverloadedError{Entity: o.name, Queued: maxWaiting}
	}
	defer r.waiting.Add(-1)
	r.once.Do(func() { close(r.hurry) })
	patience := time.NewTimer(reloadWait)
	defer patience.Stop()
	select {
	case <-r.done:
		return nil
	case <-patience.C:
		return &NotReadyError{o.whyNotReady()}
	case <-o.s.ctx.Done():
		return &NotReadyError{errClosed.Error() + "."}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// whyNotReady is the message for a request that nothing can answer now.
func (o *owner) whyNotReady() string {
	e := o.picture.Load()
	c := e.Active
	if c == nil {
		c = e.Pending
	}
	if c == nil {
		return fmt.Sprintf("Endpoint '%s' has no configuration yet: give it one with a served entity.", o.name)
	}
	var b strings.Builder
	if e.Suspended {
		fmt.Fprintf(&b, "Endpoint '%s' is stopped. Start it, then ask again.", o.name)
		if e.Update == NotUpdating {
			return b.String()
		}
		c = e.Pending
	} else {
		fmt.Fprintf(&b, "Endpoint '%s' is not ready.", o.name)
	}
	for _, s := range c.Entities {
		if s.Deployment != DeploymentReady && s.Deployment != DeploymentAborted && s.Message != "" {
			fmt.Fprintf(&b, " %s: %s", s.Name, s.Message)
		}
	}
	return b.String()
}
