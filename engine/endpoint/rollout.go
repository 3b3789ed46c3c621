package endpoint

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"servery/engine/registry"
	"servery/engine/telemetry"
)

const (
	// requestTimeout is the product's bound of a request's execution.
	requestTimeout = 597 * time.Second
	// loadTimeout is the product's bound of a deployment on CPUs.
	loadTimeout = 30 * time.Minute
	// warmUpTimeout bounds one run of an input example: a longer one warms nothing more.
	warmUpTimeout = time.Minute
)

// rollout brings one configuration up.
type rollout struct {
	o        *owner
	config   *Config // what is brought up; read only
	pending  bool    // config is the pending one, and its progress is shown
	versions []registry.Version
	entities []atomic.Pointer[served] // nil where not loaded yet
	hurry    <-chan struct{}          // closed when a request waits for it; nil for never
}

// entityError is the failure of one served entity.
type entityError struct {
	index int
	err   error
}

func (e *entityError) Error() string { return e.err.Error() }
func (e *entityError) Unwrap() error { return e.err }

func newRollout(o *owner, c *Config, pending bool) *rollout {
	return &rollout{o: o, config: c, pending: pending,
		versions: make([]registry.Version, len(c.Entities)), entities: make([]atomic.Pointer[served], len(c.Entities))}
}

// loaded are the entities in their order, nil where not loaded yet.
func (r *rollout) loaded() []*served {
	all := make([]*served, len(r.entities))
	for i := range r.entities {
		all[i] = r.entities[i].Load()
	}
	return all
}

// update deploys the pending configuration, stage by stage. Where ctx ends it leaves all
// as it is stored: the next start begins anew.
func (o *owner) update(ctx context.Context) {
	r := newRollout(o, o.picture.Load().Pending, true)
	o.rolling.Store(r)
	defer o.rolling.Store(nil)
	version := r.config.Version
	o.event(telemetry.UpdateStarted, "", version, fmt.Sprintf("Deploying configuration %d: %s.", version, entityNames(r.config.Entities)))
	stages := map[Stage]func(context.Context) (string, error){
		StageValidate: r.validate, StageLoad: r.load, StageWarmUp: r.warmUp, StageSwitch: r.switchTraffic,
	}
	for _, stage := range Stages {
		began := time.Now()
		o.change(func(e *Endpoint) {
			if e.Progress == nil {
				e.Progress = &Progress{}
			}
			e.Progress.Stage, e.Progress.StartedAt, e.Progress.Detail = stage, began, ""
		})
		detail, err := stages[stage](ctx)
		if err != nil {
			r.discard()
			if ctx.Err() == nil {
				r.fail(err)
			}
			return
		}
		if stage != StageSwitch {
			o.change(func(e *Endpoint) {
				e.Progress.Done = append(e.Progress.Done, StageDone{stage, time.Since(began), detail})
			})
		}
	}
	o.event(telemetry.UpdateCompleted, "", version, fmt.Sprintf("Configuration %d is active.", version))
}

// bringBack loads the active configuration again after a start.
func (o *owner) bringBack(ctx context.Context, hurry <-chan struct{}) {
	r := newRollout(o, o.picture.Load().Active, false)
	r.hurry = hurry
	_, err := r.validate(ctx)
	if err == nil {
		_, err = r.load(ctx)
	}
	if err != nil {
		r.discard()
		if ctx.Err() == nil {
			r.fail(err)
		}
		return
	}
	r.open()
	o.change(func(e *Endpoint) { r.ready(e.Active) })
	o.event(telemetry.Started, "", r.config.Version, fmt.Sprintf("Configuration %d serves again.", r.config.Version))
}

// detail shows what a stage is at.
func (r *rollout) detail(text string) {
	if r.pending {
		r.o.change(func(e *Endpoint) {
			if e.Progress != nil {
				e.Progress.Detail = text
			}
		})
	}
}

// open lets requests in, and ends what served before.
func (r *rollout) open() {
	o := r.o
	for i, e := range r.loaded() {
		e.open(!r.pending && r.config.Entities[i].ScaleToZero)
	}
	if old := o.serving.Swap(newDeployment(r.config, r.loaded(), o.s.options.Seed)); old != nil {
		o.s.retire(old)
	}
}

// ready shows the entities as what they are now; a process may have died meanwhile.
func (r *rollout) ready(c *Config) {
	for i, e := range r.loaded() {
		c.Entities[i].Deployment, c.Entities[i].Message = e.condition()
	}
}

// discard ends what was loaded for nothing.
func (r *rollout) discard() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // no request runs there: nothing to wait for
	for _, e := range r.loaded() {
		if e != nil {
			e.retire(ctx)
		}
	}
}

// fail ends a deployment that did not come up: what serves goes on serving.
func (r *rollout) fail(err error) {
	message, failed := loadWords(err), -1
	var one *entityError
	if errors.As(err, &one) {
		failed = one.index
	}
	mark := func(e *Endpoint) {
		c := e.Pending
		if !r.pending {
			c = e.Active
			if e.Update == InProgress { // it would have come next
				e.Pending.setStates(DeploymentAborted, messageAborted)
			}
		}
		for i := range c.Entities {
			s := &c.Entities[i]
			if i == failed || failed < 0 {
				s.Deployment, s.Message = DeploymentFailed, message
			} else {
				s.Deployment, s.Message = DeploymentAborted, messageAborted
			}
		}
		e.Update, e.Progress = UpdateFailed, nil
	}
	if failed >= 0 {
		r.o.event(telemetry.EntityFailed, r.config.Entities[failed].Name, r.config.Version, message)
	}
	if r.pending {
		next := r.o.picture.Load().clone()
		mark(next)
		if err := r.o.store(next); err != nil {
			message += " This could not be stored either (" + err.Error() + "): the next start tries again."
		}
	}
	r.o.change(mark)
	r.o.event(telemetry.UpdateFailed, "", r.config.Version, fmt.Sprintf("Configuration %d was not deployed.", r.config.Version))
}

// loadWords says why a load failed.
func loadWords(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return messageLate
	}
	return err.Error()
}
