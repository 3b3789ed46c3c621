// Package usage is the AI Gateway's usage tracking: a row for each request to an endpoint
// that has it on, totals by the hour, and what the served entities were that the rows
// speak of. The product keeps them as the system tables system.serving.endpoint_usage and
// system.serving.served_entities.
//
// The request path only puts a request into a queue, which never waits. One goroutine
// writes rows within half a second and totals once a minute: a process that is killed loses
// those.
package usage

import (
	"log/slog"
	"sync"
	"time"

	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/rows"
)

const (
	// Keep is how long rows and totals are kept, as by the product.
	Keep = 90 * 24 * time.Hour

	requestsTable = "usage/requests"
	totalsTable   = "usage/hours"

	batchTime  = 500 * time.Millisecond
	totalsTime = time.Minute
	batchRows  = 1000
	// maxQueued bounds what waits to be written, about 0.3 kB each.
	maxQueued = 20_000
	// maxTotals bounds the totals of a minute: beyond it they are written at once.
	maxTotals = 10_000
	tellEvery = time.Minute
)

// Options are what a Tracker stands on. Rows is required.
type Options struct {
	Rows rows.Tables
	// Log takes what cannot be kept. Nil discards it.
	Log *slog.Logger
}

// Tracker tracks usage. All methods may be called from many goroutines at once.
type Tracker struct {
	rows  rows.Tables
	log   *slog.Logger
	queue queue
	stop  chan struct{}
	ended sync.WaitGroup

	writing sync.Mutex // guards what follows
	keeps   bool       // Keep is set
	totals  totals     // not written yet
	written time.Time  // when totals were
	lost    int64      // rows, since it was told
	told    time.Time
}

var _ gateway.Consumer = (*Tracker)(nil)

// New starts to track; Close ends it.
func New(o Options) *Tracker {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t := &Tracker{rows: o.Rows, log: o.Log, stop: make(chan struct{}), totals: totals{}, written: time.Now()}
	t.queue.wake = make(chan struct{}, 1)
	t.ended.Go(t.write)
	return t
}

// Wants tells whether an endpoint has usage tracking on.
func (t *Tracker) Wants(e *endpoint.Endpoint) bool {
	return e.AIGateway != nil && e.AIGateway.UsageTracking != nil && *e.AIGateway.UsageTracking
}

// Take puts a request into the queue.
func (t *Tracker) Take(r *gateway.Request) {
	t.queue.push(&Request{
		At: r.At, Status: r.Status, Requester: r.Requester.Name,
		ID: r.ID, ClientID: r.ClientID(), Context: r.UsageContext(),
		EndpointID: r.Endpoint.ID, Endpoint: r.Endpoint.Name, EntityID: r.EntityID(), Entity: r.Entity,
		Refused: r.Refused, Run: r.Timing.Run,
	})
}

func (t *Tracker) write() {
	ticker := time.NewTicker(batchTime)
	defer ticker.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-ticker.C:
		case <-t.queue.wake:
		}
		t.writing.Lock()
		t.flush(false)
		t.writing.Unlock()
	}
}

// flush writes the rows that wait, and the totals where they are due. The caller holds
// writing.
func (t *Tracker) flush(totalsToo bool) {
	taken, lost := t.queue.take()
	t.lost += lost
	now := time.Now()
	var failed error
	if len(taken) > 0 {
		batch := make([]rows.New, len(taken))
		for i, r := range taken {
			batch[i] = rows.New{At: r.At, Value: r.encode()}
			t.totals.add(r)
		}
		n, err := t.append(requestsTable, batch)
		t.lost, failed = t.lost+int64(len(batch)-n), err
	}
	if totalsToo || now.Sub(t.written) >= totalsTime || len(t.totals) >= maxTotals {
		if err := t.flushTotals(now); err != nil {
			failed = err
		}
	}
	if t.lost > 0 && now.Sub(t.told) >= tellEvery {
		t.log.Warn("usage tracking: rows were not kept", "rows", t.lost, "error", failed)
		t.lost, t.told = 0, now
	}
}

// flushTotals writes the totals. Where they cannot be written, as on a full disk, they stay
// for the next time, as long as they are not too many.
func (t *Tracker) flushTotals(now time.Time) error {
	t.written = now
	if len(t.totals) == 0 {
		return nil
	}
	batch, keys := t.totals.rows(now)
	n, err := t.append(totalsTable, batch)
	for _, k := range keys[:n] {
		delete(t.totals, k)
	}
	if len(t.totals) >= 2*maxTotals {
		clear(t.totals)
	}
	return err
}

func (t *Tracker) append(table string, batch []rows.New) (int, error) {
	n, err := t.rows.Append(table, batch)
	if err != nil || t.keeps {
		return n, err
	}
	for _, table := range []string{requestsTable, totalsTable} {
		if err := t.rows.SetKeep(table, Keep); err != nil {
			t.log.Warn("usage tracking: how long rows are kept is not set", "error", err)
			return n, nil // the next batch tries again
		}
	}
	t.keeps = true
	return n, nil
}

// Close writes what waits and ends. Requests that come later are not kept.
func (t *Tracker) Close() {
	close(t.stop)
	t.ended.Wait()
	t.writing.Lock()
	defer t.writing.Unlock()
	t.flush(true)
}
