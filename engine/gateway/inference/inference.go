// Package inference keeps inference tables: a row for each request to an endpoint that has
// one, with the product's columns. Rows are taken on the request path into a queue in
// memory, which never waits, and written by one goroutine. What the queue cannot take, or
// the disk, is dropped and counted: a request is never slowed or failed by its row.
package inference

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/rows"
)

const (
	// MaxPayload is the most of a request or an answer that is logged, in bytes; of what is
	// larger the column is null and logging_error_codes says so (product limit, 1 MiB).
	MaxPayload = 1 << 20
	// DefaultKeep is how long a table keeps rows where nothing else was said.
	DefaultKeep = 30 * 24 * time.Hour

	// maxQueued and maxQueuedBytes bound what waits to be written.
	maxQueued      = 20_000
	maxQueuedBytes = 32 << 20
	// A batch is written at the latest after batchTime, and as soon as batchBytes or
	// batchRows wait: rows are in the database within a quarter of a second.
	batchTime  = 200 * time.Millisecond
	batchBytes = 1 << 20
	batchRows  = 500
	// tellEvery is how often an event tells of dropped rows.
	tellEvery = time.Minute
)

// Options are what tables of requests stand on. Rows is required.
type Options struct {
	Rows rows.Tables
	// Dropped is told which rows of an endpoint could not be kept, and why; at most once a
	// minute for each endpoint. Nil tells nobody.
	Dropped func(endpoint, why string)
	// Log takes what cannot be done. Nil discards it.
	Log *slog.Logger
	// Random is a number from 0 up to 1, for sampling. Nil is chance.
	Random func() float64
}

// Tables are the inference tables of all endpoints. All methods may be called from many
// goroutines at once.
type Tables struct {
	options Options
	queue   queue
	stop    chan struct{}
	ended   sync.WaitGroup

	writing sync.Mutex // one batch at a time
	known   map[string]bool
	told    map[string]time.Time // by endpoint
	dropped map[string]loss      // by endpoint, since it was told
	failed  string               // why the last batch could not be written, "" where it was

	closing sync.Once
}

// loss is how many rows were dropped, and why the last of them.
type loss struct {
	rows int64
	why  string
}

var _ gateway.Consumer = (*Tables)(nil)

// New starts to keep tables; Close ends it.
func New(options Options) *Tables {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Random == nil {
		options.Random = rand.Float64
	}
	t := &Tables{options: options, stop: make(chan struct{}),
		known: map[string]bool{}, told: map[string]time.Time{}, dropped: map[string]loss{}}
	t.queue.wake = make(chan struct{}, 1)
	t.ended.Go(t.write)
	return t
}

// Wants tells whether an endpoint has an inference table of either form.
func (t *Tables) Wants(e *endpoint.Endpoint) bool {
	return gatewayTable(e) != nil || captureTable(e) != nil
}

func gatewayTable(e *endpoint.Endpoint) *endpoint.InferenceTable {
	if e.AIGateway == nil || e.AIGateway.InferenceTable == nil || !e.AIGateway.InferenceTable.Enabled {
		return nil
	}
	return e.AIGateway.InferenceTable
}

// captureTable is the table of the form before the AI Gateway.
func captureTable(e *endpoint.Endpoint) *endpoint.InferenceTable {
	if e.Active == nil || e.Active.AutoCapture == nil || !e.Active.AutoCapture.Enabled {
		return nil
	}
	return e.Active.AutoCapture
}

// fraction is the share of an endpoint's requests that are logged.
func fraction(e *endpoint.Endpoint) float64 {
	if e.Telemetry == nil || e.Telemetry.Sampling == nil {
		return 1
	}
	return *e.Telemetry.Sampling
}

// Take copies a request into the queue, unless sampling leaves it out.
func (t *Tables) Take(r *gateway.Request) {
	share := fraction(r.Endpoint)
	if share < 1 && t.options.Random() >= share {
		return
	}
	t.queue.push(r, share)
}

// write writes batches until Close. It begins with looking at what there is, so that rows
// expire where none comes any more.
func (t *Tables) write() {
	if _, err := t.options.Rows.Tables(); err != nil {
		t.options.Log.Warn("inference tables cannot be read", "error", err)
	}
	ticker := time.NewTicker(batchTime)
	defer ticker.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-ticker.C:
		case <-t.queue.wake:
		}
		t.Flush()
	}
}

// Flush writes what waits. A reader who calls it first sees each request that has ended.
func (t *Tables) Flush() {
	t.writing.Lock()
	defer t.writing.Unlock()
	for {
		taken, lost := t.queue.take()
		for name, n := range lost {
			t.drop(name, n, "requests end faster than their rows can be written")
		}
		if len(taken) == 0 {
			t.tell(time.Now())
			return
		}
		for len(taken) > 0 {
			n, size := 0, int64(0)
			for ; n < len(taken) && (n == 0 || size+taken[n].size <= batchBytes); n++ {
				size += taken[n].size
			}
			t.keep(taken[:n])
			clear(taken[:n])
			taken = taken[n:]
		}
	}
}

// keep writes taken requests, each table's in one batch and in their order.
func (t *Tables) keep(taken []*waiting) {
	batches, owners := map[string][]rows.New{}, map[string]string{}
	add := func(w *waiting, f form, table *endpoint.InferenceTable) {
		if table == nil {
			return
		}
		name := newName(f, table, w.request.Endpoint)
		batches[name] = append(batches[name], w.row())
		owners[name] = w.request.Endpoint.Name
	}
	for _, w := range taken {
		add(w, gatewayForm, gatewayTable(w.request.Endpoint))
		add(w, captureForm, captureTable(w.request.Endpoint))
	}
	t.failed = ""
	for name, batch := range batches {
		if n, err := t.append(name, batch); err != nil {
			t.failed = err.Error()
			t.drop(owners[name], int64(len(batch)-n), t.failed)
		}
	}
	for _, w := range taken {
		t.queue.done(w)
	}
}

// append adds rows to a table; one that is new keeps them for DefaultKeep.
func (t *Tables) append(name string, batch []rows.New) (int, error) {
	n, err := t.options.Rows.Append(name, batch)
	if err != nil || t.known[name] {
		return n, err
	}
	_, known, err := t.options.Rows.Keep(name)
	if err == nil && !known {
		err = t.options.Rows.SetKeep(name, DefaultKeep)
	}
	if err != nil {
		t.options.Log.Warn("inference table: how long it keeps rows is not set", "error", err)
		return n, nil // the next batch tries again
	}
	t.known[name] = true
	return n, nil
}

func (t *Tables) drop(endpoint string, n int64, why string) {
	t.dropped[endpoint] = loss{t.dropped[endpoint].rows + n, why}
}

// tell makes known what was dropped, at most once a minute for each endpoint.
func (t *Tables) tell(now time.Time) {
	for name, lost := range t.dropped {
		if now.Sub(t.told[name]) < tellEvery {
			continue
		}
		t.options.Log.Warn("rows of an inference table were dropped", "endpoint", name, "rows", lost.rows, "why", lost.why)
		if t.options.Dropped != nil {
			t.options.Dropped(name, fmt.Sprintf("%d rows of the inference table were not kept: %s", lost.rows, lost.why))
		}
		t.told[name] = now
		delete(t.dropped, name)
	}
}

// Failed says why rows are not kept at the moment, "" where they are.
func (t *Tables) Failed() string {
	t.writing.Lock()
	defer t.writing.Unlock()
	return t.failed
}

// Close writes what waits and ends. Requests that come later are not kept.
func (t *Tables) Close() {
	t.closing.Do(func() {
		close(t.stop)
		t.ended.Wait()
		t.queue.closed.Store(true)
		t.Flush()
	})
}
