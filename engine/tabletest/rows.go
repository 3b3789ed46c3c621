package tabletest

import (
	"maps"
	"slices"
	"sync"
	"time"

	"servery/engine/rows"
)

// Rows are tables of rows in memory: rows.Tables.
type Rows struct {
	// Gate, where not nil, is asked before each Append how many of its n rows go well, and with
	// which error it ends.
	Gate func(table string, n int) (int, error)

	mu     sync.Mutex
	tables map[string][]row
	keep   map[string]time.Duration
	last   int64
}

type row struct {
	at    rows.Position
	value []byte
}

// NewRows is without tables.
func NewRows() *Rows { return &Rows{tables: map[string][]row{}, keep: map[string]time.Duration{}} }

// SetGate sets the Gate of tables that are in use.
func (m *Rows) SetGate(gate func(table string, n int) (int, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Gate = gate
}

// Len is the number of a table's rows.
func (m *Rows) Len(table string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.tables[table])
}

// Append adds rows to a table, each with a time of its own.
func (m *Rows) Append(table string, batch []rows.New) (int, error) {
	n, err := len(batch), error(nil)
	m.mu.Lock()
	gate := m.Gate
	m.mu.Unlock()
	if gate != nil { // it may hang, and only Append with it
		n, err = gate(table, n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range batch[:n] {
		m.last = max(m.last+1, r.At.UnixNano())
		m.tables[table] = append(m.tables[table], row{rows.Position{Segment: 1, At: m.last}, slices.Clone(r.Value)})
	}
	return n, err
}

// Scan calls fn for rows of a table as they were when it was called.
func (m *Rows) Scan(table string, s rows.Scan, fn func(rows.Position, []byte) error) error {
	m.mu.Lock()
	all := slices.Clone(m.tables[table])
	m.mu.Unlock()
	if s.Newest {
		slices.Reverse(all)
	}
	for _, r := range all {
		at := r.at.Time()
		if !s.From.IsZero() && at.Before(s.From) || !s.To.IsZero() && !at.Before(s.To) {
			continue
		}
		if s.After != (rows.Position{}) && (r.at.Compare(s.After) <= 0) != s.Newest || r.at == s.After {
			continue
		}
		if err := fn(r.at, r.value); err != nil {
			return err
		}
	}
	return nil
}

// Count is how much there is of a table.
func (m *Rows) Count(table string) (c rows.Counts, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.tables[table] {
		c.Rows++
		c.Bytes += int64(len(r.value))
	}
	return c, nil
}

// Tables are the names, in order.
func (m *Rows) Tables() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.tables)), nil
}

// Keep is how long rows are kept.
func (m *Rows) Keep(table string) (time.Duration, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keep, known := m.keep[table]
	return keep, known, nil
}

// SetKeep says how long; nothing is dropped by itself.
func (m *Rows) SetKeep(table string, keep time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep[table] = keep
	return nil
}

// Drop takes a table away.
func (m *Rows) Drop(table string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.tables, table)
	return nil
}

// DropBefore takes the older rows of a table away.
func (m *Rows) DropBefore(table string, before time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tables[table] = slices.DeleteFunc(m.tables[table], func(r row) bool { return r.at.Time().Before(before) })
	return nil
}
