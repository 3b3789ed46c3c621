package telemetry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Telemetry has a recorder for each endpoint. All methods may be called from many
// goroutines at once.
type Telemetry struct {
	now     func() time.Time
	log     *eventLog
	figures *writer
	uptime  *uptime

	figuresErr error

	mu        sync.RWMutex
	recorders map[string]*Recorder
}

// New reads back what the tables hold, and writes there from then on: events and logs into
// one, counts, latencies and levels into figures. Where a table is nil or cannot be read,
// what it is for is kept in memory only; Close tells.
func New(now func() time.Time, events, figures Table) *Telemetry {
	x := &Telemetry{now: now, log: &eventLog{writer: newWriter(events, "events", 0)}, recorders: map[string]*Recorder{}}
	if figures == nil {
		figures = &inMemory{}
	}
	x.openFigures(newWriter(figures, "figures", maxPending))
	histories, logs := x.log.read()
	for name, h := range histories {
		x.Endpoint(name).events = h
	}
	for name, l := range logs {
		x.Endpoint(name).takeLogs(l)
	}
	return x
}

// openFigures reads the figures back.
func (t *Telemetry) openFigures(w *writer) {
	t.figures, t.uptime = w, &uptime{writer: w}
	now := t.now().Unix()
	for _, prefix := range []string{"u/", "h/", "s/"} {
		t.figuresErr = w.table.Each(prefix, func(key string, value []byte) error {
			if t.uptime.restore(key, value) {
				return nil
			}
			if r, number, name, ok := parseChunkKey(key); ok {
				t.Endpoint(name).archive.restore(r, number, value)
			}
			return nil
		})
		if t.figuresErr != nil {
			t.figuresErr = fmt.Errorf("the figures cannot be read, new ones are kept in memory only: %w", t.figuresErr)
			t.recorders = map[string]*Recorder{}
			t.figures = newWriter(&inMemory{}, "figures", maxPending)
			t.uptime = &uptime{writer: t.figures}
			break
		}
	}
	t.uptime.begin(now)
	for _, r := range t.recorders {
		r.archive.rebuild(now)
	}
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
		r = newRecorder(name, t)
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

// Tick brings the figures of the seconds that are over where they are kept. Who owns the
// endpoints calls it once a second; it is nothing for endpoints at rest.
func (t *Telemetry) Tick() {
	now := t.now().Unix()
	t.uptime.tick(now, false)
	for _, r := range t.all() {
		r.archive.tick(now)
	}
}

func (t *Telemetry) all() []*Recorder {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Collect(maps.Values(t.recorders))
}

// Close writes the events, log lines and figures that were not written yet. It fails where
// they cannot be written, or could not be read by New. What comes later is kept in memory
// only.
func (t *Telemetry) Close() error {
	now := t.now().Unix()
	for _, r := range t.all() {
		r.archive.end(now)
	}
	t.uptime.tick(now, true)
	return errors.Join(t.log.close(), t.figuresErr, t.figures.close())
}

// Recorder takes what one endpoint does. Record is for the request path: it takes no lock,
// allocates nothing and costs about 170 ns. All methods may be called from many
// goroutines at once.
type Recorder struct {
	name    string
	now     func() time.Time
	log     *eventLog
	archive *archive
	nobody  Entity // requests that came to no served entity

	mu       sync.Mutex // guards the following
	events   history
	entities []*Entity // the one asked for longest ago first
	logs     logs
	gone     bool
}

func newRecorder(name string, t *Telemetry) *Recorder {
	return &Recorder{name: name, now: t.now, log: t.log, archive: newArchive(name, t.figures, t.uptime)}
}

// Record counts one request that has ended now.
func (r *Recorder) Record(s Sample) {
	second := r.now().Unix()
	r.archive.present.enter(second).add(s)
	if s.Entity == nil {
		s.Entity = &r.nobody
	}
	s.Entity.add(second, s)
}

// SetGauges notes the levels of this second. Once a second is enough.
func (r *Recorder) SetGauges(g Gauges) { r.archive.setLevels(r.now().Unix(), g) }
