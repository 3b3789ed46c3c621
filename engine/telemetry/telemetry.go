package telemetry

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Telemetry has a recorder for each endpoint. All methods may be called from many
// goroutines at once.
type Telemetry struct {
	now func() time.Time
	log *eventLog

	mu        sync.RWMutex
	recorders map[string]*Recorder
}

// New reads the events and logs back that t holds, and writes new ones there. Where t is
// nil or cannot be read, they are kept in memory only; Close tells.
func New(now func() time.Time, t Table) *Telemetry {
	x := &Telemetry{now: now, log: &eventLog{table: t, closing: make(chan struct{})}, recorders: map[string]*Recorder{}}
	events, logs := x.log.read()
	for name, h := range events {
		x.recorders[name] = newRecorder(name, now, x.log, h)
	}
	for name, l := range logs {
		x.Endpoint(name).takeLogs(l)
	}
	return x
}

// Endpoint is the recorder of that endpoint, made on first use. It is the same one until
// Forget, so that the request path need not ask again.
func (t *Telemetry) Endpoint(name string) *Recorder {
	if r := t.find(name); r != nil {
		return r
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.recorders[name]
	if r == nil {
		r = newRecorder(name, t.now, t.log, history{})
		t.recorders[name] = r
	}
	return r
}

// find is the recorder of that endpoint, or nil.
func (t *Telemetry) find(name string) *Recorder {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.recorders[name]
}

// Forget drops an endpoint's figures, events and logs: it was deleted. Its recorder can still
// be called, to no effect that shows.
func (t *Telemetry) Forget(name string) {
	t.mu.Lock()
	r := t.recorders[name]
	delete(t.recorders, name)
	t.mu.Unlock()
	if r != nil {
		r.forget()
	}
}

// Keep forgets every endpoint that exists does not know: one whose events were still to be
// erased when Servery was killed must not lend them to the next of its name.
func (t *Telemetry) Keep(exists func(name string) bool) {
	t.mu.RLock()
	names := slices.Collect(maps.Keys(t.recorders))
	t.mu.RUnlock()
	for _, name := range names {
		if !exists(name) {
			t.Forget(name)
		}
	}
}

// Events lists the newest n events of an endpoint, newest first. At most 500 are kept.
func (t *Telemetry) Events(name string, n int) []Event {
	r := t.find(name)
	if r == nil {
		return nil
	}
	return r.newest(n)
}

// Close writes the events and log lines that were not written yet. It fails where they cannot be
// written, or could not be read by New. Events that come later are kept in memory only.
func (t *Telemetry) Close() error { return t.log.close() }

// Recorder takes what one endpoint does. Record is for the request path: it takes no lock
// and costs about 100 ns, a third more with an entity. All methods may be called from many
// goroutines at once.
type Recorder struct {
	name string
	now  func() time.Time
	log  *eventLog

	traffic ring[traffic]
	levels  ring[levels]

	mu       sync.Mutex // guards the following
	events   history
	entities []*Entity // the one asked for longest ago first
	logs     logs
	gone     bool
}

func newRecorder(name string, now func() time.Time, log *eventLog, events history) *Recorder {
	return &Recorder{name: name, now: now, log: log, events: events}
}

// Record counts one request that has ended now.
func (r *Recorder) Record(s Sample) {
	second := r.now().Unix()
	r.traffic.write(second).add(second, s)
	if s.Entity != nil {
		s.Entity.add(second, s)
	}
}

// SetGauges notes the levels of this second. Once a second is enough.
func (r *Recorder) SetGauges(g Gauges) {
	second := r.now().Unix()
	r.levels.write(second)[at(second)].Store(&g)
}
