package telemetry

import (
	"slices"
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds, in milliseconds, of a Distribution's buckets; one more
// bucket holds all above the last. They begin at a tenth of a millisecond, where small
// models answer on this machine, and end at the longest that a request may take, 597 s.
// Those of OpenTelemetry's http.server.request.duration, from 5 ms to 10 s, are among them.
var Bounds = [...]float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000, 30_000, 60_000, 300_000, 600_000}

// spans are Bounds as durations.
var spans = func() (s [len(Bounds)]time.Duration) {
	for i, ms := range Bounds {
		s[i] = time.Duration(ms * float64(time.Millisecond))
	}
	return s
}()

// Distribution is how long something took, since Servery started.
type Distribution struct {
	Counts [len(Bounds) + 1]uint64 // in each bucket alone: they are not summed up
	Sum    float64                 // ms
}

// Count is how many values there are.
func (d *Distribution) Count() uint64 {
	n := uint64(0)
	for _, c := range d.Counts {
		n += c
	}
	return n
}

func (d *Distribution) add(o Distribution) {
	for i, n := range o.Counts {
		d.Counts[i] += n
	}
	d.Sum += o.Sum
}

// EntityFigures are a served entity's figures for a program that collects them.
type EntityFigures struct {
	Requests, Errors4, Errors5 uint64       // that ended in the last 60 s
	Latency                    Distribution // on the server, as Sample.Total
	Queue                      Distribution // waiting for a permit
	Model                      Distribution // the session's run, of the requests that came to one
}

// Entity takes what one served entity does with one model version. Writing takes no lock
// and allocates nothing but a page a minute.
type Entity struct {
	name    string
	version int

	seconds      ring[outcomes]
	statuses     [maxStatuses]atomic.Pointer[statusTally]
	queue, model tally
}

// maxStatuses bounds the HTTP statuses that are told apart; what comes beyond counts with
// the last one.
const maxStatuses = 16

// statusTally is how long the requests took that ended with one status.
type statusTally struct {
	status int
	tally
}

// latency is where a request with that status is counted.
func (e *Entity) latency(status int) *tally {
	for i := range e.statuses {
		t := e.statuses[i].Load()
		if t == nil {
			t = &statusTally{status: status}
			if !e.statuses[i].CompareAndSwap(nil, t) {
				t = e.statuses[i].Load()
			}
		}
		if t.status == status || i == maxStatuses-1 {
			return &t.tally
		}
	}
	panic("unreachable")
}

// StatusFigures are how long the requests took that ended with one HTTP status.
type StatusFigures struct {
	Status  int
	Latency Distribution // on the server, as Sample.Total
}

func (e *Entity) byStatus() []StatusFigures {
	var all []StatusFigures
	for i := range e.statuses {
		if t := e.statuses[i].Load(); t != nil {
			all = append(all, StatusFigures{t.status, t.read()})
		}
	}
	slices.SortFunc(all, func(a, b StatusFigures) int { return a.Status - b.Status })
	return all
}

// outcomes counts the requests of a minute's seconds, 720 B.
type outcomes [60]struct{ all, errors4, errors5 atomic.Uint32 }

// tally is a Distribution that is being written.
type tally struct {
	counts [len(Bounds) + 1]atomic.Uint64
	sum    atomic.Uint64 // ns
}

func (t *tally) add(d time.Duration) {
	i := 0
	for i < len(spans) && d > spans[i] {
		i++
	}
	t.counts[i].Add(1)
	if d > 0 {
		t.sum.Add(uint64(d))
	}
}

func (t *tally) read() (d Distribution) {
	for i := range t.counts {
		d.Counts[i] = t.counts[i].Load()
	}
	d.Sum = float64(t.sum.Load()) / float64(time.Millisecond)
	return d
}

func (e *Entity) add(when int64, s Sample) {
	o := &e.seconds.write(when)[at(when)]
	o.all.Add(1)
	switch {
	case s.Status >= 500:
		o.errors5.Add(1)
	case s.Status >= 400:
		o.errors4.Add(1)
	}
	e.latency(s.Status).add(s.Total)
	e.queue.add(s.Queue)
	if s.Model > 0 {
		e.model.add(s.Model)
	}
}

func (e *Entity) figures(now int64) EntityFigures {
	f := EntityFigures{Queue: e.queue.read(), Model: e.model.read()}
	for _, status := range e.byStatus() {
		f.Latency.add(status.Latency)
	}
	for second := now - 59; second <= now; second++ {
		if page := e.seconds.read(second); page != nil {
			o := &page[at(second)]
			f.Requests += uint64(o.all.Load())
			f.Errors4 += uint64(o.errors4.Load())
			f.Errors5 += uint64(o.errors5.Load())
		}
	}
	return f
}

// maxEntities bounds the served entities that an endpoint's recorder keeps: ten are
// active and ten pending at most, the others are of configurations that went.
const maxEntities = 32

// Entity is the recorder of a served entity with one version of its model, made on first
// use and the same one after that: put it into each Sample. Where there are more than 32,
// the one that was asked for longest ago is dropped.
func (r *Recorder) Entity(name string, version int) *Entity {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.entities, func(e *Entity) bool { return e.name == name && e.version == version })
	if i < 0 {
		i = len(r.entities)
		r.entities = append(r.entities, &Entity{name: name, version: version})
	}
	e := r.entities[i]
	r.entities = append(slices.Delete(r.entities, i, i+1), e)
	if n := len(r.entities) - maxEntities; n > 0 {
		r.entities = slices.Delete(r.entities, 0, n)
	}
	return e
}

// EntityFigures are the figures of a served entity with one version of its model, all
// zero where nothing was recorded.
func (t *Telemetry) EntityFigures(endpoint, entity string, version int) EntityFigures {
	if e := t.entity(endpoint, entity, version); e != nil {
		return e.figures(t.now().Unix())
	}
	return EntityFigures{}
}

// Statuses are a served entity's requests by how they ended, in the order of the statuses.
// Entity "" takes those that came to none.
func (t *Telemetry) Statuses(endpoint, entity string, version int) []StatusFigures {
	if e := t.entity(endpoint, entity, version); e != nil {
		return e.byStatus()
	}
	return nil
}

func (t *Telemetry) entity(endpoint, entity string, version int) *Entity {
	r := t.find(endpoint)
	switch {
	case r == nil:
		return nil
	case entity == "":
		return &r.nobody
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.entities, func(e *Entity) bool { return e.name == entity && e.version == version }); i >= 0 {
		return r.entities[i]
	}
	return nil
}
