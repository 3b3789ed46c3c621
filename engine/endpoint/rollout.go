package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
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
	// warmUpTimeout bounds one run of an input example: a longer one warms nothing more.
	warmUpTimeout = time.Minute
)

// rollout brings one configuration up.
type rollout struct {
	o        *owner
	config   *Config // what is brought up; read only
	pending  bool    // config is the pending one, and its progress is shown
	versions []registry.Version
	entities []*served       // nil where not loaded yet
	hurry    <-chan struct{} // closed when a request waits for it; nil for never
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
		versions: make([]registry.Version, len(c.Entities)), entities: make([]*served, len(c.Entities))}
}

// update deploys the pending configuration, stage by stage. Where ctx ends it leaves all
// as it is stored: the next start begins anew.
func (o *owner) update(ctx context.Context) {
	r := newRollout(o, o.picture.Load().Pending, true)
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

// validate finds the model versions: one may have gone since the request was accepted.
func (r *rollout) validate(context.Context) (string, error) {
	for i, e := range r.config.Entities {
		m, err := r.o.s.options.Models.Model(e.ModelName)
		if err != nil {
			return "", &entityError{i, errors.New(missingModel(e.ModelName, err))}
		}
		if message := unservable(m, e.ModelVersion); message != "" {
			return "", &entityError{i, errors.New(message)}
		}
		r.versions[i], _ = m.Version(e.ModelVersion)
	}
	return plural(len(r.versions), "model version") + " found", nil
}

// load starts all entities, as many at once as the machine has cores; the first failure
// ends the others' loads.
func (r *rollout) load(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var once sync.Once
	var first error
	var loading sync.WaitGroup
	for i := range r.config.Entities {
		loading.Go(func() {
			if err := r.loadEntity(ctx, i); err != nil {
				once.Do(func() { first = &entityError{i, err} })
				cancel()
			}
		})
	}
	loading.Wait()
	if first != nil {
		return "", first
	}
	var told []string
	for _, e := range r.entities {
		told = append(told, e.name+": "+e.loadedWords())
	}
	return strings.Join(told, "; "), nil
}

func (r *rollout) loadEntity(ctx context.Context, i int) error {
	spec, err := r.spec(i)
	if err != nil {
		return err
	}
	c := &r.config.Entities[i]
	e := newServed(r.o, r.config.Version, c, spec)
	if !r.pending && c.ScaleToZero {
		r.entities[i] = e // it was seen to load before: the first request wakes it
		return nil
	}
	if err := r.o.s.loads.acquire(ctx, r.hurry); err != nil {
		e.cancel()
		return err
	}
	defer r.o.s.loads.release()
	r.o.event(telemetry.EntityLoading, e.name, r.config.Version,
		fmt.Sprintf("Loading version %d of %s, %s.", c.ModelVersion, c.ModelName, bytesWords(r.versions[i].Size)))
	r.detail(fmt.Sprintf("%s: loading %s", e.name, bytesWords(r.versions[i].Size)))
	if err := e.launch(ctx); err != nil {
		e.cancel()
		return err
	}
	r.entities[i] = e
	r.o.event(telemetry.EntityReady, e.name, r.config.Version, "Loaded in "+e.loadedWords()+".")
	return nil
}

func (r *rollout) spec(i int) (runtime.Spec, error) {
	c, v := &r.config.Entities[i], &r.versions[i]
	spec := runtime.Spec{
		Entity: r.o.name + "/" + c.Name,
		Dir:    v.Dir, ModelFile: v.ModelFile, SHA256: v.SHA256,
		Example:     v.InputExample,
		MemoryLimit: memoryLimit(c.WorkloadType, r.o.s.options.MemoryBytes),
		Concurrency: c.limits().Max,
		Timeout:     requestTimeout,
		Environment: c.EnvironmentVars,
	}
	if v.Signature != nil {
		var err error
		if spec.Signature, err = json.Marshal(v.Signature); err != nil {
			return spec, fmt.Errorf("cannot hand the model's signature on: %w", err)
		}
	}
	return spec, nil
}

// warmUp sends each model's input example through the whole path, so that the first
// client finds everything in place. An example that the model refuses is told, and is no
// failure: clients may send something better.
func (r *rollout) warmUp(ctx context.Context) (string, error) {
	var told []string
	for i, e := range r.entities {
		example := r.versions[i].InputExample
		if len(example) == 0 {
			told = append(told, e.name+": no input example")
			continue
		}
		r.detail(e.name + ": running the input example")
		began := time.Now()
		one, cancel := context.WithTimeout(ctx, warmUpTimeout)
		answer, err := e.runner.Load().Invoke(one, runtime.Request{Body: example})
		late := one.Err() != nil
		cancel()
		var died *runtime.DiedError
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case errors.As(err, &died):
			return "", &entityError{i, fmt.Errorf("The model's own input example ends its process (%s).", died.Cause)}
		case late:
			told = append(told, fmt.Sprintf("%s: the input example ran for more than %v", e.name, warmUpTimeout))
		case err != nil:
			return "", &entityError{i, err}
		case answer.Status != http.StatusOK && answer.Status != 0:
			told = append(told, e.name+": the model refuses its own input example")
		default:
			told = append(told, fmt.Sprintf("%s: input example in %s", e.name, durationWords(time.Since(began))))
		}
		if answer.Release != nil {
			answer.Release()
		}
	}
	return strings.Join(told, "; "), nil
}

// switchTraffic stores the configuration as the active one, then lets requests in: what
// a client saw answer is never lost by a crash.
func (r *rollout) switchTraffic(context.Context) (string, error) {
	activate := func(e *Endpoint) {
		e.Active, e.Pending = e.Pending, nil
		e.Update, e.Progress = NotUpdating, nil
	}
	next := r.o.picture.Load().clone()
	activate(next)
	if err := r.o.store(next); err != nil {
		return "", fmt.Errorf("the configuration could not be stored: %w", err)
	}
	r.open()
	r.o.change(func(e *Endpoint) {
		activate(e)
		r.ready(e.Active)
	})
	return "", nil
}

// open lets requests in, and ends what served before.
func (r *rollout) open() {
	o := r.o
	for i, e := range r.entities {
		e.open(!r.pending && r.config.Entities[i].ScaleToZero)
	}
	if old := o.serving.Swap(newDeployment(r.config, r.entities, o.s.options.Seed)); old != nil {
		o.s.retire(old)
	}
}

// ready shows the entities as what they are now; a process may have died meanwhile.
func (r *rollout) ready(c *Config) {
	for i, e := range r.entities {
		c.Entities[i].Deployment, c.Entities[i].Message = e.condition()
	}
}

// discard ends what was loaded for nothing.
func (r *rollout) discard() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // no request runs there: nothing to wait for
	for _, e := range r.entities {
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
