package endpoint

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"servery/engine/autoscale"
	"servery/engine/pool"
	"servery/engine/runtime"
	"servery/engine/runtime/placement"
	"servery/engine/telemetry"
)

// served is a served entity that is up: its pool, its runner and what scales them.
//
// A permit is only ever given while runner is set: launch stores the runner before the
// capacity rises above 0, and the capacity falls to 0 in one step that fails while a
// request holds a permit (pool.SetIdle).
type served struct {
	o       *owner
	name    string
	version atomic.Int64 // of the latest configuration that it is part of
	creator string       // whose secrets it may name
	spec    runtime.Spec // its environment with references to secrets, see resolve
	limits  autoscale.Limits
	place   placement.Placement
	note    string // message while it is ready

	figures *telemetry.Entity

	pool        *pool.Pool
	service     service      // how long requests hold a permit
	provisioned atomic.Int32 // what is shown; the pool has as many permits, or more
	coming      atomic.Int32 // provisioned before long
	runner      atomic.Pointer[running]
	lastArrival atomic.Int64 // ns since the service was opened, see arrived
	usage       atomic.Pointer[usage]
	health      atomic.Int32 // up, restarting or down
	asleep      atomic.Bool
	trouble     atomic.Pointer[string] // why it is down
	retiring    sync.Once
	retired     atomic.Bool
	isOpen      atomic.Bool
	mended      atomic.Bool  // a start may succeed now, however short ago one failed
	launches    atomic.Int64 // tells the notices of this runner from those of one before

	wake   chan struct{} // something to decide
	due    atomic.Bool   // a second has gone by: the load is to be looked at
	cancel context.CancelFunc
	ended  chan struct{} // closed when scale has returned
	ctx    context.Context

	// Of scale alone, once it runs.
	scaler  autoscale.Scaler
	timings Timings // that scaler goes by
	growing []growth
	failure error     // the last start from zero
	retryAt time.Time // no start before
	pause   time.Duration

	// Of watch alone.
	seenArrival int64
}

// running is a runner with what its load showed.
type running struct {
	runtime.Runner
	loaded      runtime.Loaded
	environment map[string]string // with the values of secrets, as they were at its load
}

// usage is what a worker process takes, as last looked at.
type usage struct {
	runtime.Usage
	at         time.Time
	cpuPercent float64 // of the machine
}

// The states of health.
const (
	up int32 = iota
	restarting
	down
)

func newServed(o *owner, version int, c *ServedEntity, spec runtime.Spec) *served {
	e := &served{
		o: o, name: c.Name, creator: c.Creator, spec: spec, limits: c.limits(),
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	e.version.Store(int64(version))
	e.figures = o.recorder.Entity(c.Name, c.ModelVersion)
	e.ctx, e.cancel = context.WithCancel(o.s.hard)
	e.pool = pool.New(0, pool.QueueLimit(e.limits.Max), e.look)
	e.arrived(time.Now())
	e.usage.Store(&usage{})
	return e
}

// arrived notes that a request came. The time is kept as a distance on the monotonic clock:
// where a wall clock is set back by an hour, an entity would scale to zero an hour late.
func (e *served) arrived(at time.Time) { e.lastArrival.Store(int64(at.Sub(e.o.s.began))) }

// arrival is when the last request came.
func (e *served) arrival() time.Time { return e.o.s.began.Add(time.Duration(e.lastArrival.Load())) }

// look asks scale to decide. It never blocks.
func (e *served) look() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// launch loads the model. The caller has a slot of loads.
func (e *served) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	e.health.Store(up)
	spec := e.spec
	var err error
	if spec.Environment, err = e.resolve(ctx); err != nil {
		return err
	}
	if e.place.OnGPU {
		spec.GPU = &runtime.GPU{Index: e.place.Index, Precision: spec.Environment[runtime.PrecisionVariable]}
	}
	number, began := e.launches.Add(1), time.Now()
	r, err := e.o.s.options.Launcher.Launch(ctx, spec, func(n runtime.Notice) {
		if e.launches.Load() == number {
			e.notice(n)
		}
	})
	if err != nil {
		e.logLaunch(err)
		return err
	}
	e.o.starts.add(e.name, spec.SHA256, time.Since(began))
	loaded := r.Loaded()
	e.runner.Store(&running{r, loaded, spec.Environment}) // before usage: see sample
	if loaded.RunTime > 0 && e.service.mean() == 0 {
		e.service.observe(loaded.RunTime)
	}
	e.usage.Store(&usage{Usage: r.Usage(), at: time.Now()})
	e.logLaunch(nil)
	return nil
}

func (e *served) loadedWords() string {
	r := e.runner.Load()
	if r == nil {
		return messageAtZero
	}
	words := durationWords(r.loaded.Took)
	if r.loaded.Bytes > 0 {
		words += ", " + bytesWords(r.loaded.Bytes) + " of memory"
	}
	if r.loaded.Runtime != "" {
		words += ", " + r.loaded.Runtime
	}
	return words
}

// batching is whether requests that wait share runs, and why; "" while no model is loaded.
func (e *served) batching() string {
	r := e.runner.Load()
	if r == nil {
		return ""
	}
	return r.loaded.Batching.String()
}

// open lets requests in and starts the scaling; atZero leaves the entity asleep. It begins
// with at least as much concurrency as the one that it follows had, as far as it may: traffic
// does not halve because a version changes.
func (e *served) open(atZero bool, before int) {
	e.asleep.Store(atZero)
	e.rescale(time.Now())
	if !atZero {
		e.arrived(time.Now())
		size := max(autoscale.StartSize(e.limits), min(before, e.limits.Max))
		e.provision(size, size)
	}
	if e.o.s.spawn(e.scale) {
		e.isOpen.Store(true)
	}
}

// retire ends the entity: requests that run or wait are served until ctx ends, then the
// process goes.
func (e *served) retire(ctx context.Context) {
	e.retiring.Do(func() { e.end(ctx) }) // a stop and Close may come at once
}

func (e *served) end(ctx context.Context) {
	drained := e.pool.Close()
	select {
	case <-drained:
	case <-ctx.Done():
	}
	e.retired.Store(true)
	e.cancel()
	if e.isOpen.Load() {
		<-e.ended
	}
	e.pool.FailQueued(pool.ErrClosed)
	if r := e.runner.Load(); r != nil {
		e.logExit("its served entity ends.")
		// An error tells that the process had to be killed: it is gone all the same.
		_ = r.Close(ctx)
	}
}

// condition is the entity's state and message for the picture.
func (e *served) condition() (Deployment, string) {
	switch {
	case e.health.Load() == restarting:
		return DeploymentRecovering, messageRestarting
	case e.health.Load() == down:
		if m := e.trouble.Load(); m != nil {
			return DeploymentRecovering, *m
		}
		return DeploymentRecovering, messageRestarting
	case e.asleep.Load():
		return DeploymentReady, messageAtZero
	}
	return DeploymentReady, e.compute()
}

// compute is what the entity's state says of what it runs on. A load may show what nobody knew
// before it.
func (e *served) compute() string {
	if r := e.runner.Load(); r != nil && r.loaded.Reason != "" {
		return "Runs on the CPU, not on " + e.place.String() + ": " + strings.TrimSuffix(r.loaded.Reason, ".") + "."
	}
	return e.note
}

// show brings the entity's condition into the picture, where it is part of the active
// configuration.
func (e *served) show() {
	e.o.change(func(p *Endpoint) {
		d := e.o.serving.Load()
		if d == nil || d.find(e.name) != e || p.Active == nil || p.Active.Version != d.version || e.retired.Load() {
			return
		}
		for i := range p.Active.Entities {
			if s := &p.Active.Entities[i]; s.Name == e.name {
				s.Deployment, s.Message = e.condition()
			}
		}
	})
}

// notice takes what the runner tells; it comes from any goroutine.
func (e *served) notice(n runtime.Notice) {
	if e.retired.Load() {
		return
	}
	e.logNotice(n)
	switch n.Kind {
	case runtime.Died:
		e.health.Store(restarting)
		e.o.event(telemetry.WorkerDied, e.name, int(e.version.Load()), n.Message)
	case runtime.Restarted:
		e.health.Store(up)
		e.o.event(telemetry.WorkerRestarted, e.name, int(e.version.Load()), n.Message)
	case runtime.LeftGPU:
		if r := e.runner.Load(); r != nil {
			e.runner.CompareAndSwap(r, &running{r.Runner, r.Runner.Loaded(), r.environment})
		}
		e.o.event(telemetry.LeftGPU, e.name, int(e.version.Load()), n.Message)
	case runtime.GaveUp:
		message := "The model's process keeps ending. " + n.Message
		e.trouble.Store(&message)
		e.health.Store(down)
		e.o.event(telemetry.WorkerDied, e.name, int(e.version.Load()), message)
	default:
		return
	}
	e.show()
}

// live is what the entity does now. The process's figures are those of watch.
func (e *served) live() Live {
	s, u := e.pool.Stats(), e.usage.Load()
	l := Live{
		Provisioned: int(e.provisioned.Load()), Starting: int(e.coming.Load()), InFlight: s.InFlight, Queued: s.Queued,
		MemoryBytes: u.MemoryBytes, CPUPercent: u.cpuPercent, PID: u.PID, Restarts: u.Restarts,
		Placement: e.place,
	}
	if r := e.runner.Load(); r != nil {
		l.LoadTime, l.Runtime, l.Batching = r.loaded.Took, r.loaded.Runtime, r.loaded.Batching.String()
		if r.loaded.Reason != "" {
			l.Placement = placement.Placement{Reason: strings.TrimSuffix(r.loaded.Reason, ".")}
		}
	}
	return l
}
