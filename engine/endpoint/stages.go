package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"servery/engine/crashpoint"
	"servery/engine/runtime"
	"servery/engine/telemetry"
)

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
		r.buildFrom(i)
	}
	crashpoint.Here("update.validated")
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
		if r.keep(ctx, i) {
			continue
		}
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
	crashpoint.Here("update.loaded")
	var told []string
	for i, e := range r.loaded() {
		words := e.loadedWords()
		if r.kept[i] {
			words = "unchanged, it goes on running"
			r.build(i, levelInfo, "%s: %s.", StageLoad, words)
		}
		told = append(told, e.name+": "+words)
	}
	if err := r.takeAsLong(ctx); err != nil {
		return "", err
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
	if e.place, e.note = r.o.s.place(ctx, c.WorkloadType, r.versions[i]); e.note != "" {
		r.build(i, levelInfo, "Compute: %s", e.note)
	}
	if !r.pending && c.ScaleToZero {
		r.entities[i].Store(e) // it was seen to load before: the first request wakes it
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
	r.build(i, levelInfo, "%s: starting the model's process.", StageLoad)
	if err := e.launch(ctx); err != nil {
		e.cancel()
		return err
	}
	r.entities[i].Store(e)
	r.build(i, levelInfo, "%s: the files are those that were imported; loaded in %s.", StageLoad, e.loadedWords())
	if text := e.compute(); text != e.note {
		r.build(i, levelWarning, "Compute: %s", text)
	}
	if b := e.batching(); b != "" {
		r.build(i, levelInfo, "Batching: %s.", b)
	}
	r.o.event(telemetry.EntityReady, e.name, r.config.Version, strings.TrimSpace("Loaded in "+e.loadedWords()+". "+e.compute()))
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
	// What the graph says is not enforced as a signature: MLflow, too, hands a model logged
	// without one whatever comes, tables included, and the graph itself refuses what it
	// cannot take.
	if v.Signature != nil && !v.FromGraph {
		var err error
		if spec.Signature, err = json.Marshal(v.Signature); err != nil {
			return spec, fmt.Errorf("cannot hand the model's signature on: %w", err)
		}
	}
	return spec, nil
}

// dryRun sends each model's input example through the whole path: what ends its process
// ends the update. An example that the model refuses is told, and is no failure: clients
// may send something better.
func (r *rollout) dryRun(ctx context.Context) (string, error) {
	var told []string
	tell := func(i int, level, text string) {
		told = append(told, r.config.Entities[i].Name+": "+text)
		r.build(i, level, "%s: %s.", StageDryRun, text)
	}
	for i, e := range r.loaded() {
		if r.kept[i] {
			continue
		}
		if len(r.versions[i].InputExample) == 0 {
			tell(i, levelInfo, "no input example")
			continue
		}
		r.detail(e.name + ": running the input example")
		began := time.Now()
		outcome, err := r.example(ctx, i)
		switch {
		case err != nil:
			return "", err
		case outcome == exampleLate:
			tell(i, levelWarning, fmt.Sprintf("the input example ran for more than %v", exampleTimeout))
		case outcome == exampleRefused:
			tell(i, levelWarning, "the model refuses its own input example")
		default:
			r.ran[i] = true
			tell(i, levelInfo, "input example in "+durationWords(time.Since(began)))
		}
	}
	crashpoint.Here("update.tried")
	return strings.Join(told, "; "), nil
}

// warmUp has every session of a model answer the input example once, all at the same
// time, so that the first clients find memory and threads in place. One session alone is
// warm from the dry run. Only models that take less than 100 µs have more, so that this
// takes no time to speak of.
func (r *rollout) warmUp(ctx context.Context) (string, error) {
	var told []string
	for i, e := range r.loaded() {
		if r.kept[i] || !r.ran[i] {
			continue
		}
		sessions := max(e.runner.Load().loaded.Sessions, 1)
		if sessions > 1 {
			r.detail(fmt.Sprintf("%s: %d sessions", e.name, sessions))
			if err := r.runAll(ctx, i, sessions); err != nil {
				return "", err
			}
		}
		text := plural(sessions, "session")
		told = append(told, e.name+": "+text)
		r.build(i, levelInfo, "%s: %s.", StageWarmUp, text)
	}
	crashpoint.Here("update.warmed-up")
	return strings.Join(told, "; "), nil
}

// runAll runs the input example n times at once.
func (r *rollout) runAll(ctx context.Context, i, n int) error {
	errs := make([]error, n)
	var running sync.WaitGroup
	for k := range n {
		running.Go(func() { _, errs[k] = r.example(ctx, i) })
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// What became of an input example that ended no process.
const (
	exampleAnswered = iota
	exampleRefused
	exampleLate
)

// example runs a model's input example once. An error is the entity's, or ctx's.
func (r *rollout) example(ctx context.Context, i int) (outcome int, err error) {
	one, cancel := context.WithTimeout(ctx, exampleTimeout)
	defer cancel()
	answer, err := r.entities[i].Load().runner.Load().Invoke(one, runtime.Request{Body: r.versions[i].InputExample})
	if answer.Release != nil {
		defer answer.Release()
	}
	var died *runtime.DiedError
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.As(err, &died):
		return 0, &entityError{i, fmt.Errorf("The model's own input example ends its process (%s).", died.Cause)}
	case one.Err() != nil:
		return exampleLate, nil
	case err != nil:
		return 0, &entityError{i, err}
	case answer.Status != statusOK && answer.Status != 0:
		return exampleRefused, nil
	}
	return exampleAnswered, nil
}

// switchTraffic stores the configuration as the active one, then lets requests in: what
// a client saw answer is never lost by a crash.
func (r *rollout) switchTraffic(ctx context.Context) (string, error) {
	left, err := r.activate(ctx)
	if err != nil {
		return "", err
	}
	if left == nil {
		return "", nil
	}
	began := time.Now()
	var names []string
	for _, e := range left.entities {
		names = append(names, e.name)
	}
	r.o.s.retire(left, func() {
		r.buildAll(levelInfo, "%s: %s of configuration %d ended after %s.", StageDrain,
			strings.Join(names, ", "), left.version, durationWords(time.Since(began)))
	})
	return "", nil
}

// activate is the moment after which a cancel comes too late.
func (r *rollout) activate(ctx context.Context) (left *deployment, err error) {
	o := r.o
	o.storing.Lock()
	defer o.storing.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !r.wanted(o.picture.Load()) {
		return nil, errOvertaken
	}
	now := time.Now()
	crashpoint.Here("update.switch")
	err = o.put(func(e *Endpoint) error {
		e.Active, e.Pending, e.Suspended = e.Pending, nil, false
		e.Active.ActiveFrom = now
		e.Update, e.Progress = NotUpdating, nil
		r.ready(e.Active)
		return nil
	}, func() {
		r.buildAll(levelInfo, "%s: stored in %s.", StageSwitch, durationWords(time.Since(now)))
		left = r.open()
		crashpoint.Here("update.switched")
	})
	if err != nil {
		return nil, fmt.Errorf("the configuration could not be stored: %w", err)
	}
	return left, nil
}

// errOvertaken ends a deployment that nothing asks for any more.
var errOvertaken = errors.New("the update was given up")
