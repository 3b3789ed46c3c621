// Package tabletest has tables without a disk, of records and of rows, for the tests of the
// parts that keep their state in some. Each of them says what it needs of a table; the store's
// have it, and so do these.
package tabletest

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Memory is a table of records in memory. Its fields are for tests in which nothing uses it meanwhile.
type Memory struct {
	Rows map[string][]byte
	// Before, where not nil, is asked before each Apply, with the table locked: an error fails
	// it with nothing changed.
	Before func(changes map[string][]byte) error
	Writes int // calls of Apply that went well

	mu sync.Mutex
}

// New is an empty table.
func New() *Memory { return &Memory{Rows: map[string][]byte{}} }

// Full is an answer for Before: every change fails with err.
func Full(err error) func(map[string][]byte) error {
	return func(map[string][]byte) error { return err }
}

// SetBefore sets Before of a table that is in use.
func (m *Memory) SetBefore(before func(changes map[string][]byte) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Before = before
}

// Each calls fn for each record whose key has the prefix, in the order of the keys, as they
// were when it was called.
func (m *Memory) Each(prefix string, fn func(key string, value []byte) error) error {
	rows := m.Copy().Rows
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		if strings.HasPrefix(k, prefix) {
			if err := fn(k, rows[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Apply makes all the changes, of which nil deletes a record, or none.
func (m *Memory) Apply(changes map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Before != nil {
		if err := m.Before(changes); err != nil {
			return err
		}
	}
	m.Writes++
	if m.Rows == nil {
		m.Rows = map[string][]byte{}
	}
	for k, v := range changes {
		if v == nil {
			delete(m.Rows, k)
		} else {
			m.Rows[k] = slices.Clone(v)
		}
	}
	return nil
}

// Copy is a table of its own with the same records.
func (m *Memory) Copy() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{Rows: maps.Clone(m.Rows)}
}
