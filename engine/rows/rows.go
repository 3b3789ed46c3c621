// Package rows holds the types of rows that arrive with each request: what package store
// keeps in tables, and others write and read without knowing how. It stands on nothing.
package rows

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Max is the most bytes of one row.
const Max = 2<<20 + 128<<10

// New is a row to be appended.
type New struct {
	At    time.Time
	Value []byte // at most Max bytes
}

// Position is where a row stands: rows of a table are in the order of their positions.
// The zero value is before all rows.
type Position struct {
	Segment uint32 // segments never go back, whatever a clock does
	At      int64  // Unix nanoseconds
}

// Time is the time that the row was appended with, or up to some nanoseconds later.
func (p Position) Time() time.Time { return time.Unix(0, p.At) }

// String is the position in 24 hexadecimal digits, which ParsePosition reads.
func (p Position) String() string { return fmt.Sprintf("%08x%016x", p.Segment, uint64(p.At)) }

// ParsePosition reads what String wrote.
func ParsePosition(s string) (Position, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 12 {
		return Position{}, fmt.Errorf("%.40q is no position of a row", s)
	}
	return Position{binary.BigEndian.Uint32(b), int64(binary.BigEndian.Uint64(b[4:]))}, nil
}

// Compare is below 0 where p is before q, and above 0 where it is behind.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Segment, q.Segment), cmp.Compare(p.At, q.At))
}

// Scan says which rows of a table to read.
type Scan struct {
	// From and To bound the rows' times: From is within, To is not. Zero is no bound.
	From, To time.Time
	// After goes on behind that row, in the direction of the scan. Zero begins at the end.
	After Position
	// Newest reads the newest row first, otherwise the oldest.
	Newest bool
}

// Counts is how much there is of a table.
type Counts struct {
	Rows  int64
	Bytes int64 // of the rows' values, before compression
}

// Tables are tables of rows: *store.Rows, whose methods these are.
type Tables interface {
	Append(table string, rows []New) (n int, err error)
	Scan(table string, s Scan, fn func(at Position, value []byte) error) error
	Count(table string) (Counts, error)
	Tables() ([]string, error)
	Keep(table string) (keep time.Duration, known bool, err error)
	SetKeep(table string, keep time.Duration) error
	Drop(table string) error
	DropBefore(table string, before time.Time) error
}
