package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Exporter sends spans in batches, from a goroutine of its own. Nobody waits for it: where
// the collector is away or slow, spans are dropped and counted.
type Exporter struct {
	config  Config
	version string
	log     *slog.Logger
	client  http.Client
	pause   func(context.Context, time.Duration)

	queue   chan Request
	dropped atomic.Uint64
	failing bool // the last export failed: said once, until one goes well

	closing context.CancelFunc
	stop    context.Context
	abandon context.CancelFunc // ends an export under way
	life    context.Context
	done    sync.WaitGroup
}

// Start begins to export. version is this program's. Close must be called in the end.
func Start(c Config, version string, log *slog.Logger) *Exporter {
	e := newExporter(c, version, log)
	e.done.Go(e.run)
	return e
}

func newExporter(c Config, version string, log *slog.Logger) *Exporter {
	e := &Exporter{config: c, version: version, log: log, queue: make(chan Request, c.Queue), pause: pause}
	e.stop, e.closing = context.WithCancel(context.Background())
	e.life, e.abandon = context.WithCancel(context.Background())
	// A collector that sends elsewhere would be given the headers too.
	e.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return e
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Begin is the context of a request that carries these headers, nil where it is not to be
// told. Its span continues the caller's trace, or begins one.
func (e *Exporter) Begin(parent, state []string) *Context {
	c, ok := Parse(parent, state)
	if !ok {
		c = Context{TraceID: newTraceID()}
	}
	if !e.config.sampler.takes(c, ok) {
		return nil
	}
	return &c
}

// Add has a request told. It never waits.
func (e *Exporter) Add(r Request) {
	select {
	case e.queue <- r:
	default:
		e.dropped.Add(1)
	}
}

// Dropped is how many requests were not told.
func (e *Exporter) Dropped() uint64 { return e.dropped.Load() }

// Close sends what waits, until ctx ends, and ends the goroutine.
func (e *Exporter) Close(ctx context.Context) {
	e.closing()
	defer context.AfterFunc(ctx, e.abandon)()
	e.done.Wait()
	e.abandon()
	e.client.CloseIdleConnections()
}

func (e *Exporter) run() {
	batch := make([]Request, 0, e.config.Batch)
	for e.stop.Err() == nil {
		batch = e.gather(batch[:0])
		e.export(batch)
	}
	for {
		batch = batch[:0]
		for len(batch) < cap(batch) && len(e.queue) > 0 {
			batch = append(batch, <-e.queue)
		}
		if len(batch) == 0 {
			return
		}
		e.export(batch)
	}
}

// gather waits for a first request, and then for a whole batch, but not longer than Delay.
func (e *Exporter) gather(batch []Request) []Request {
	select {
	case <-e.stop.Done():
		return batch
	case r := <-e.queue:
		batch = append(batch, r)
	}
	timer := time.NewTimer(e.config.Delay)
	defer timer.Stop()
	for len(batch) < cap(batch) {
		select {
		case <-e.stop.Done():
			return batch
		case <-timer.C:
			return batch
		case r := <-e.queue:
			batch = append(batch, r)
		}
	}
	return batch
}

// tries is how often an export is tried where the collector says that it may go well later.
const tries = 4

func (e *Exporter) export(batch []Request) {
	if len(batch) == 0 {
		return
	}
	body, err := encode(batch, e.config.Resource, e.version)
	if err == nil && e.config.Gzip {
		body, err = zip(body)
	}
	wait := time.Second
	for try := 1; err == nil; try++ {
		var again bool
		var after time.Duration
		if again, after, err = e.send(body); err == nil || !again || try == tries || e.stop.Err() != nil {
			break
		}
		e.pause(e.stop, min(max(wait, after), 30*time.Second))
		wait, err = 2*wait, nil
	}
	switch {
	case err != nil:
		e.dropped.Add(uint64(len(batch)))
		if !e.failing {
			e.log.Warn("traces cannot be sent, requests are served all the same", "collector", e.config.shown, "error", err)
		}
	case e.failing:
		e.log.Info("traces are sent again", "collector", e.config.shown, "dropped", e.Dropped())
	}
	e.failing = err != nil
}

// send makes one try. again tells that a later one may go well: OTLP names the statuses.
func (e *Exporter) send(body []byte) (again bool, after time.Duration, err error) {
	ctx, cancel := context.WithTimeout(e.life, e.config.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.config.URL, bytes.NewReader(body))
	if err != nil {
		return false, 0, err
	}
	for key, value := range e.config.Headers {
		r.Header.Set(key, value)
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("User-Agent", "OTel-OTLP-Exporter-Servery/"+e.version)
	if e.config.Gzip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	answer, err := e.client.Do(r)
	if err != nil {
		return true, 0, err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)) // so that the connection is used again
	if answer.StatusCode/100 == 2 {
		return false, 0, nil
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	again = slices.Contains([]int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, answer.StatusCode)
	return again, time.Duration(seconds) * time.Second, fmt.Errorf("the collector answered %s", answer.Status)
}

func zip(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
