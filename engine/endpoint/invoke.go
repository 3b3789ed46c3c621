package endpoint

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"servery/engine/pool"
	"servery/engine/runtime"
	"servery/engine/telemetry"
)

// deployment is an active configuration with what serves it. It never changes: an update
// puts another in its place.
type deployment struct {
	version  int
	entities []*served // in the order of the configuration
	targets  []*served // one for each route
	upTo     []uint64  // the routes' percentages, summed up: 90, 100
	seed     uint64
	count    atomic.Uint64 // requests that took a route
}

func newDeployment(c *Config, entities []*served, seed uint64) *deployment {
	d := &deployment{version: c.Version, entities: entities, seed: seed}
	sum := uint64(0)
	for _, r := range c.Routes {
		if e := d.find(r.EntityName); e != nil && r.Percent > 0 {
			sum += uint64(r.Percent)
			d.targets, d.upTo = append(d.targets, e), append(d.upTo, sum)
		}
	}
	return d
}

func (d *deployment) find(name string) *served {
	for _, e := range d.entities {
		if e.name == name {
			return e
		}
	}
	return nil
}

// pick chooses a route by its percentage, for each request anew: the n-th number of a
// splitmix64 sequence, which needs no lock and can be repeated.
func (d *deployment) pick() *served {
	if len(d.targets) == 1 {
		return d.targets[0]
	}
	x := d.seed + d.count.Add(1)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	percent, _ := bits.Mul64(x^x>>31, 100)
	for i, upTo := range d.upTo {
		if percent < upTo {
			return d.targets[i]
		}
	}
	return d.targets[len(d.targets)-1]
}

// seed is where the choice among the routes of a configuration begins: by the service's
// seed, and another one for each endpoint and version.
func (o *owner) seed(version int) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, o.s.options.Seed, "/", o.name, "/", version)
	return h.Sum64()
}

// retire ends all entities: what runs or waits is served until ctx ends.
func (d *deployment) retire(ctx context.Context) {
	var ending sync.WaitGroup
	for _, e := range d.entities {
		ending.Go(func() { e.retire(ctx) })
	}
	ending.Wait()
}

// Answer is a scoring answer with who gave it.
type Answer struct {
	runtime.Response
	Entity        string
	ConfigVersion int
	Queue         time.Duration // waited for a permit

	figures *telemetry.Entity // of the entity that answered or refused; nil where none was found
}

// Invoke answers one scoring request, by the endpoint's routes, or by the served entity
// that entity names where it is not "". Whatever the model or the client did wrong is an
// answer with its status; errors are *NotFoundError, *NotReadyError, *OverloadedError,
// the runner's and ctx's. It takes 597 s at most.
func (s *Service) Invoke(ctx context.Context, name, entity string, request runtime.Request) (Answer, error) {
	o := (*s.owners.Load())[name]
	if o == nil {
		return Answer{}, &NotFoundError{Name: name}
	}
	began := time.Now()
	a, err := o.invoke(ctx, entity, request, began)
	status := a.Status
	if err != nil {
		status = statusOf(err)
	}
	o.recorder.Record(telemetry.Sample{Status: status, Total: time.Since(began), Queue: a.Queue + a.Timing.Wait,
		Decode: a.Timing.Decode, Model: a.Timing.Run, Encode: a.Timing.Encode, Entity: a.figures})
	return a, err
}

func (o *owner) invoke(ctx context.Context, entity string, request runtime.Request, began time.Time) (Answer, error) {
	for {
		d := o.serving.Load()
		if d == nil {
			if err := o.await(ctx); err != nil {
				return Answer{}, err
			}
			continue
		}
		e := (*served)(nil)
		if entity == "" {
			e = d.pick()
		} else if e = d.find(entity); e == nil {
			return Answer{}, &NotFoundError{Name: o.name, Entity: entity}
		}
		e.arrived(began)
		a, err := e.answer(ctx, request)
		a.ConfigVersion = d.version
		switch {
		case err == nil || !errors.Is(err, pool.ErrClosed):
			return a, err
		case o.gone.Load():
			return Answer{}, &NotFoundError{Name: o.name}
		case o.s.ctx.Err() != nil:
			return Answer{}, &NotReadyError{errClosed.Error() + "."}
		case o.serving.Load() == d: // closed, yet in its place: nothing that follows would differ
			return Answer{}, &NotReadyError{o.whyNotReady()}
		}
	}
}

// answer takes a permit and runs the request. Only a request that must wait pays for a
// timer: the runner has its own, for the run.
func (e *served) answer(ctx context.Context, request runtime.Request) (Answer, error) {
	var waited time.Duration
	if !e.pool.TryAcquire() {
		var cancel context.CancelFunc
		var err error
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		if err = e.admit(ctx); err == nil {
			waited, err = e.pool.Acquire(ctx)
		}
		if err != nil {
			if errors.Is(err, pool.ErrFull) {
				s := e.pool.Stats()
				err = e.overloaded(s, predicted(e.service.mean(), s))
			}
			return Answer{Entity: e.name, Queue: waited, figures: e.figures}, err
		}
	}
	defer e.pool.Release()
	response, err := e.runner.Load().Invoke(ctx, request)
	var load *runtime.LoadError
	var library *runtime.MissingError
	switch {
	case err == nil:
	case errors.Is(err, runtime.ErrClosed): // patience with this request has ended: see retire
		err = pool.ErrClosed
	case errors.As(err, &load), errors.As(err, &library): // its process ended, and none can be started
		err = &NotReadyError{fmt.Sprintf("Served entity '%s' could not start. %s", e.name, loadWords(err))}
	}
	if took := held(response.Timing); took > 0 {
		e.service.observe(took)
	}
	if err == nil && response.Status == 0 {
		response.Status = statusOK
	}
	return Answer{Response: response, Entity: e.name, Queue: waited, figures: e.figures}, err
}

// HTTP's numbers, as runtime.Response has them; 499 is that of a client that has gone.
const (
	statusOK         = 200
	statusBadRequest = 400
	statusNotFound   = 404
	statusTooMany    = 429
	statusClientGone = 499
	statusInternal   = 500
	statusTimeout    = 504
)

// statusOf is the status under which a failed request is counted: the one that the REST
// server answers with.
func statusOf(err error) int {
	var missing *NotFoundError
	var notReady *NotReadyError
	var overloaded *OverloadedError
	var died *runtime.DiedError
	switch {
	case errors.As(err, &overloaded):
		return statusTooMany
	case errors.As(err, &missing):
		return statusNotFound
	case errors.As(err, &notReady), errors.As(err, &died):
		return statusBadRequest
	case errors.Is(err, context.Canceled):
		return statusClientGone
	case errors.Is(err, context.DeadlineExceeded):
		return statusTimeout
	}
	return statusInternal
}
