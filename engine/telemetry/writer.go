package telemetry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Table is where events, logs and figures are kept.
type Table interface {
	// Each calls fn for every key that begins with prefix, in key order; key and value may
	// be kept by fn only if copied.
	Each(prefix string, fn func(key string, value []byte) error) error
	// Apply makes all changes at once, all or none; a nil value deletes its key.
	Apply(changes map[string][]byte) error
}

const (
	writeEvery = time.Second // at most
	maxBatch   = 256 << 10   // bytes of one Apply
	maxPending = 100_000     // figures that wait for a disk that takes nothing
)

// writer writes into a table, in batches, from a goroutine that is there only while there
// is something to write. Nobody waits for it but close.
type writer struct {
	table Table // nil writes nothing
	what  string
	limit int // of changes that wait to be written; 0 for none

	mu      sync.Mutex
	pending map[string][]byte
	flight  map[string][]byte // being written
	running bool              // the goroutine is there
	closed  bool
	closing chan struct{}
	done    sync.WaitGroup
}

func newWriter(t Table, what string, limit int) *writer {
	return &writer{table: t, what: what, limit: limit, closing: make(chan struct{})}
}

// add has changes written soon. Where the disk takes nothing for so long that the limit is
// reached, they are dropped.
func (w *writer) add(changes map[string][]byte) {
	if len(changes) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.table == nil || w.closed || w.limit > 0 && len(w.pending)+len(w.flight) >= w.limit {
		return
	}
	if w.pending == nil {
		w.pending = map[string][]byte{}
	}
	maps.Copy(w.pending, changes)
	if !w.running {
		w.running = true
		w.done.Go(w.run)
	}
}

// get is the value of a key, nil for none; it must not be changed.
func (w *writer) get(key string) (value []byte) {
	w.mu.Lock()
	value, ok := w.pending[key]
	if !ok {
		value, ok = w.flight[key]
	}
	w.mu.Unlock()
	if ok || w.table == nil {
		return value
	}
	_ = w.table.Each(key, func(k string, v []byte) error { // what cannot be read is not shown
		if k == key {
			value = slices.Clone(v)
		}
		return nil
	})
	return value
}

// run writes what there is, then waits a second before it looks again, and ends when
// there is nothing more. What cannot be written, as on a full disk, it tries again.
func (w *writer) run() {
	for {
		_ = w.flush() // what is left is tried again; Close tells
		select {
		case <-w.closing:
			return // close writes the rest
		case <-time.After(writeEvery):
		}
		w.mu.Lock()
		if len(w.pending) == 0 {
			w.running = false
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
	}
}

// flush writes all that is pending, in batches, the last key first: see archive. What was
// not written stays pending.
func (w *writer) flush() error {
	w.mu.Lock()
	changes := w.pending
	w.pending, w.flight = nil, changes
	w.mu.Unlock()
	keys := slices.Sorted(maps.Keys(changes))
	slices.Reverse(keys)
	for len(keys) > 0 {
		batch, size, n := map[string][]byte{}, 0, 0
		for _, key := range keys {
			if size += len(key) + len(changes[key]); size > maxBatch && n > 0 {
				break
			}
			batch[key] = changes[key]
			n++
		}
		if err := w.table.Apply(batch); err != nil {
			w.mu.Lock()
			left := map[string][]byte{}
			for _, key := range keys {
				left[key] = changes[key]
			}
			maps.Copy(left, w.pending) // newer ones win
			w.pending, w.flight = left, nil
			w.mu.Unlock()
			return fmt.Errorf("%s cannot be stored: %w", w.what, err)
		}
		keys = keys[n:]
	}
	w.mu.Lock()
	w.flight = nil
	w.mu.Unlock()
	return nil
}

// close writes the rest. What comes later is dropped.
func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	close(w.closing)
	w.mu.Unlock()
	w.done.Wait()
	if w.table == nil {
		return nil
	}
	return w.flush()
}

// inMemory is a table that ends with the process.
type inMemory struct {
	mu      sync.Mutex
	records map[string][]byte
}

func (m *inMemory) Each(prefix string, fn func(key string, value []byte) error) error {
	m.mu.Lock()
	records := maps.Clone(m.records)
	m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(records)) {
		if strings.HasPrefix(key, prefix) {
			if err := fn(key, records[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *inMemory) Apply(changes map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.records == nil {
		m.records = map[string][]byte{}
	}
	for key, value := range changes {
		if value == nil {
			delete(m.records, key)
		} else {
			m.records[key] = value
		}
	}
	return nil
}
