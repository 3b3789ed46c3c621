package endpoint

import (
	"context"
	"errors"
	"fmt"
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

	mu      sync.Mutex // one change of the picture at a time
	storing sync.Mutex // one write of the record at a time, none after gone
	command sync.Mutex // one Delete or Retry at a time

	ending  sync.Mutex // guards cancel and done
	cancel  context.CancelFunc
	done    chan struct{}
	stopped bool
}

// reloading is a load that requests may wait for.
type reloading struct {
	done    chan struct{} // closed when it has ended, well or not
	hurry   chan struct{} // closed by the first request that waits
	once    sync.Once
	waiting atomic.Int32
}

func newOwner(s *Service, e *Endpoint) *owner {
	o := &owner{s: s, name: e.Name, recorder: s.options.Telemetry.Endpoint(e.Name)}
	o.picture.Store(e)
	return o
}

func (o *owner) event(kind telemetry.EventType, entity string, version int, message string) {
	if !o.gone.Load() {
		o.recorder.Event(telemetry.Event{At: time.Now(), Type: kind, Entity: entity, Version: version, Message: message})
	}
}

// start begins to carry out what the picture asks for, if it asks for anything.
func (o *owner) start() {
	e := o.picture.Load()
	again := e.Active != nil && o.serving.Load() == nil
	if !again && e.Update != InProgress {
		return
	}
	o.ending.Lock()
	defer o.ending.Unlock()
	if o.stopped {
		return
	}
	if again {
		o.reload.Store(&reloading{done: make(chan struct{}), hurry: make(chan struct{})})
	}
	ctx, cancel := context.WithCancel(o.s.ctx)
	done := make(chan struct{})
	started := o.s.spawn(func() {
		defer close(done)
		defer cancel()
		o.run(ctx)
	})
	if !started {
		cancel()
		return
	}
	o.cancel, o.done = cancel, done
}

// run brings the active configuration back, then deploys the pending one.
func (o *owner) run(ctx context.Context) {
	if r := o.reload.Load(); r != nil {
		o.bringBack(ctx, r.hurry)
		o.reload.Store(nil)
		close(r.done)
	}
	if o.picture.Load().Update == InProgress {
		o.update(ctx)
	}
}

// stop ends the running deployment, if any, waits for its end, and lets none start.
func (o *owner) stop() {
	o.ending.Lock()
	o.stopped = true
	cancel, done := o.cancel, o.done
	o.ending.Unlock()
	if done != nil {
		cancel()
		<-done
	}
}

// settle waits for the end of a deployment that has failed or is about to.
func (o *owner) settle() {
	o.ending.Lock()
	done := o.done
	o.ending.Unlock()
	if done != nil {
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
	case e.Update != UpdateFailed:
		return &ValidationError{[]FieldError{{"name", fmt.Sprintf("Endpoint '%s' has no update that failed: there is nothing to try again.", o.name)}}}
	}
	o.settle()
	now := time.Now()
	again := func(e *Endpoint) {
		if e.Active != nil && o.serving.Load() == nil {
			e.Update = NotUpdating
			e.Active.setStates(DeploymentRecovering, messageReloading)
		}
		if e.Pending != nil {
			e.Update = InProgress
			e.Pending.StartedAt = now
			e.Pending.setStates(DeploymentCreating, messageCreating)
		}
	}
	next := e.clone()
	again(next)
	if err := o.store(next); err != nil {
		return fmt.Errorf("cannot store the endpoint '%s': %w", o.name, err)
	}
	o.change(again)
	o.start()
	return nil
}

func (c *Config) setStates(d Deployment, message string) {
	for i := range c.Entities {
		c.Entities[i].Deployment, c.Entities[i].Message = d, message
	}
}

var errGone = errors.New("the endpoint was deleted")

// store writes the record, synced.
func (o *owner) store(e *Endpoint) error {
	b, err := encode(e)
	if err != nil {
		return err
	}
	o.storing.Lock()
	defer o.storing.Unlock()
	if o.gone.Load() {
		return errGone
	}
	return o.s.options.Table.Apply(map[string][]byte{o.name: b})
}

// erase deletes the record, synced; nothing writes it again.
func (o *owner) erase() error {
	o.storing.Lock()
	defer o.storing.Unlock()
	if err := o.s.options.Table.Apply(map[string][]byte{o.name: nil}); err != nil {
		return err
	}
	o.gone.Store(true)
	return nil
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
		return fmt.Sprintf("Endpoint '%s' has no configuration: delete it and create it again with a served entity.", o.name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Endpoint '%s' is not ready.", o.name)
	for _, s := range c.Entities {
		if s.Deployment != DeploymentReady && s.Deployment != DeploymentAborted && s.Message != "" {
			fmt.Fprintf(&b, " %s: %s", s.Name, s.Message)
		}
	}
	return b.String()
}
