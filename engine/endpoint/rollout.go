package endpoint

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/telemetry"
)

const (
	// requestTimeout is the product's bound of a request's execution.
	requestTimeout = 597 * time.Second
	// loadTimeout is the product's bound of a deployment on CPUs.
	loadTimeout = 30 * time.Minute
	// exampleTimeout bounds one run of an input example: a longer one shows nothing more.
	exampleTimeout = time.Minute
)

// rollout brings one configuration up.
type rollout struct {
	o        *owner
	config   *Config // what is brought up; read only
	pending  bool    // config is the pending one, and its progress is shown
	versions []registry.Version
	entities []atomic.Pointer[served] // nil where not loaded yet
	kept     []bool                   // entities that serve already and go on
	ran      []bool                   // entities that have answered their input example
	hurry    <-chan struct{}          // closed when a request waits for it; nil for never
	cancel   context.CancelFunc       // gives it up
	library  string                   // that was there when it began, see Service.found
}

// entityError is the failure of one served entity.
type entityError struct {
	index int
	err   error
}

func (e *entityError) Error() string { return e.err.Error() }
func (e *entityError) Unwrap() error { return e.err }

func newRollout(o *owner, c *Config, pending bool) *rollout {
	return &rollout{o: o, config: c, pending: pending, library: o.s.found(),
		versions: make([]registry.Version, len(c.Entities)), entities: make([]atomic.Pointer[served], len(c.Entities)), kept: make([]bool, len(c.Entities)), ran: make([]bool, len(c.Entities))}
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
	ctx, r.cancel = context.WithCancel(ctx)
	defer r.cancel()
	o.rolling.Store(r)
	defer o.rolling.Store(nil)
	version := r.config.Version
	o.tell(telemetry.Event{Type: telemetry.UpdateStarted, Version: version, Actor: r.config.Creator,
		Message: fmt.Sprintf("Deploying configuration %d: %s.", version, entityNames(r.config.Entities))})
	r.buildAll(levelInfo, "Deploying configuration %d.", version)
	stages := map[Stage]func(context.Context) (string, error){
		StageValidate: r.validate, StageLoad: r.load, StageDryRun: r.dryRun,
		StageWarmUp: r.warmUp, StageSwitch: r.switchTraffic,
	}
	for _, stage := range Stages {
		began := time.Now()
		o.progress(func(p *Progress) { p.Stage, p.StartedAt, p.Detail = stage, began, "" })
		detail, err := stages[stage](ctx)
		if err != nil {
			r.discard()
			r.fail(ctx, err)
			return
		}
		o.progress(func(p *Progress) { p.Done = append(p.Done, StageDone{stage, time.Since(began), detail}) })
		r.buildStage(stage, time.Since(began))
	}
	r.buildRoutes()
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
		r.fail(ctx, err)
		return
	}
	o.storing.Lock()
	wanted := !o.gone.Load() && r.wanted(o.picture.Load())
	if wanted {
		r.open()
		o.change(func(e *Endpoint) { r.ready(e.Active) })
	}
	o.storing.Unlock()
	if !wanted {
		r.discard()
		return
	}
	o.event(telemetry.Started, "", r.config.Version, fmt.Sprintf("Configuration %d serves again.", r.config.Version))
}

// detail shows what a stage is at.
func (r *rollout) detail(text string) {
	if r.pending {
		r.o.progress(func(p *Progress) { p.Detail = text })
	}
}

// progress shows how far the running update has come, as long as it runs.
func (o *owner) progress(fn func(p *Progress)) {
	if o.picture.Load().Update != InProgress {
		return
	}
	o.change(func(e *Endpoint) {
		if e.Update != InProgress {
			return
		}
		if e.Progress == nil {
			e.Progress = &Progress{}
		}
		fn(e.Progress)
	})
}

// open lets requests in, and returns what nothing reaches from then on; nil for nothing.
func (r *rollout) open() (left *deployment) {
	o := r.o
	old := o.serving.Load()
	var names []string
	for i, e := range r.loaded() {
		names = append(names, e.name)
		if !r.kept[i] {
			e.open(!r.pending && r.config.Entities[i].ScaleToZero, old.capacityOf(e.name))
		}
		e.version.Store(int64(r.config.Version))
	}
	o.starts.keep(names)
	next := newDeployment(r.config, r.loaded(), o.seed(r.config.Version))
	return o.serving.Swap(next).without(next)
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
	for i, e := range r.loaded() {
		if e != nil && !r.kept[i] {
			e.retire(ctx)
		}
	}
}

// fail ends a deployment that did not come up: what serves goes on serving. One that was
// given up has not failed: whoever ended ctx knows why.
func (r *rollout) fail(ctx context.Context, err error) {
	message, failed := loadWords(err), -1
	var one *entityError
	if errors.As(err, &one) {
		failed = one.index
	}
	now := time.Now()
	mark := func(e *Endpoint) error {
		c := e.Pending
		if r.pending {
			c.EndedAt = now
		} else {
			c = e.Active
		}
		for i := range c.Entities {
			s := &c.Entities[i]
			if i == failed || failed < 0 {
				s.Deployment, s.Message = DeploymentFailed, message
			} else {
				s.Deployment, s.Message = DeploymentAborted, messageAborted
			}
		}
		if r.pending || e.Update != InProgress { // else the pending one comes next
			e.Update, e.Progress = UpdateFailed, nil
		}
		return nil
	}
	lacksLibrary := errors.As(err, new(*runtime.MissingError))
	if !r.settle(ctx, mark, &message, lacksLibrary) {
		r.buildAll(levelWarning, "The deployment was given up.")
		return
	}
	r.buildFailed(failed, message)
	if failed >= 0 {
		r.o.event(telemetry.EntityFailed, r.config.Entities[failed].Name, r.config.Version, message)
	}
	r.o.event(telemetry.UpdateFailed, "", r.config.Version, fmt.Sprintf("Configuration %d was not deployed.", r.config.Version))
	r.o.s.lacks(failedRollout{r.o, r.pending, r.config.Version}, r.library, err)
}

// settle makes a failure known, unless the deployment was given up meanwhile. That the
// runtime's library was missing is not stored: the next start tries again by itself.
func (r *rollout) settle(ctx context.Context, mark func(*Endpoint) error, message *string, lacksLibrary bool) bool {
	o := r.o
	o.storing.Lock()
	defer o.storing.Unlock()
	if ctx.Err() != nil || o.gone.Load() || !r.wanted(o.picture.Load()) {
		return false
	}
	if !r.pending || lacksLibrary {
		o.change(func(e *Endpoint) { _ = mark(e) })
		return true
	}
	if err := o.put(mark, nil); err != nil {
		*message += " This could not be stored either (" + err.Error() + "): the next start tries again."
		o.change(func(e *Endpoint) { _ = mark(e) })
	}
	return true
}

// wanted tells whether the endpoint still asks for what r brings up.
func (r *rollout) wanted(e *Endpoint) bool {
	if r.pending {
		return e.Update == InProgress && e.Pending.Version == r.config.Version
	}
	return e.toBringBack()
}

// loadWords says why a load failed.
func loadWords(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return messageLate
	}
	return err.Error()
}
