package inference

import (
	"maps"
	"slices"
	"sync"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/rows"
	"servery/engine/runtime"
)

// memory is tables of rows in memory. Before each Append it asks gate how many rows go
// well, and with which error.
type memory struct {
	mu     sync.Mutex
	tables map[string][]kept
	keep   map[string]time.Duration
	last   int64
	gate   func(table string, n int) (int, error)
}

type kept struct {
	at    rows.Position
	value []byte
}

func newMemory() *memory {
	return &memory{tables: map[string][]kept{}, keep: map[string]time.Duration{}}
}

func (m *memory) Append(table string, batch []rows.New) (int, error) {
	n, err := len(batch), error(nil)
	if m.gate != nil {
		n, err = m.gate(table, n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range batch[:n] {
		m.last = max(m.last+1, row.At.UnixNano())
		m.tables[table] = append(m.tables[table], kept{rows.Position{Segment: 1, At: m.last}, slices.Clone(row.Value)})
	}
	return n, err
}

func (m *memory) Scan(table string, s rows.Scan, fn func(rows.Position, []byte) error) error {
	m.mu.Lock()
	all := slices.Clone(m.tables[table])
	m.mu.Unlock()
	if s.Newest {
		slices.Reverse(all)
	}
	for _, row := range all {
		at := row.at.Time()
		if !s.From.IsZero() && at.Before(s.From) || !s.To.IsZero() && !at.Before(s.To) {
			continue
		}
		if s.After != (rows.Position{}) && (row.at.Compare(s.After) <= 0) != s.Newest || row.at == s.After {
			continue
		}
		if err := fn(row.at, row.value); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Count(table string) (c rows.Counts, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range m.tables[table] {
		c.Rows++
		c.Bytes += int64(len(row.value))
	}
	return c, nil
}

func (m *memory) Tables() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.tables)), nil
}

func (m *memory) Keep(table string) (time.Duration, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keep, known := m.keep[table]
	return keep, known, nil
}

func (m *memory) SetKeep(table string, keep time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep[table] = keep
	return nil
}

func (m *memory) Drop(table string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.tables, table)
	return nil
}

func (m *memory) DropBefore(table string, before time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tables[table] = slices.DeleteFunc(m.tables[table], func(row kept) bool { return row.at.Time().Before(before) })
	return nil
}

// digits is an endpoint with an inference table.
func digits() *endpoint.Endpoint {
	return &endpoint.Endpoint{
		ID: "00000000000000000000000000000001", Name: "digits",
		AIGateway: &endpoint.AIGateway{InferenceTable: &endpoint.InferenceTable{Enabled: true, Catalog: "main", Schema: "default", TablePrefix: "digits"}},
		Active: &endpoint.Config{Version: 3, Entities: []endpoint.ServedEntity{
			{Name: "digits-1", ModelName: "main.default.digits", ModelVersion: 1},
		}},
	}
}

const digitsTable = "payload/main.default.digits_payload/00000000000000000000000000000001/digits"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC)

// finished is a request that e has answered.
func finished(e *endpoint.Endpoint, body, answer string) *gateway.Request {
	return &gateway.Request{
		Endpoint: e, Entity: "digits-1", ConfigVersion: 3, Requester: access.User{Name: "ada@example.com"}, ID: gateway.NewRequestID(),
		At: noon, Took: 5 * time.Millisecond, Timing: runtime.Timing{Run: 3 * time.Millisecond},
		Status: 200, Body: []byte(body), Answer: []byte(answer),
	}
}
