package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Scan calls fn for each row until fn fails; it returns fn's error. It sees the table as
// it was when Scan was called. value is fn's to keep only if it copies it. While fn runs
// nothing can be dropped: whoever passes rows on slowly reads some, and goes on After them.
func (r *Rows) Scan(table string, s Scan, fn func(at Position, value []byte) error) error {
	if err := checkTable(table); err != nil {
		return err
	}
	db, release, err := r.use(false)
	if err != nil || db == nil {
		return err
	}
	defer release()
	if keep := r.catalog.Load().keep[table]; keep > 0 {
		if oldest := r.now().Add(-keep); s.From.Before(oldest) {
			s.From = oldest
		}
	}
	return r.scan(db, table, s, fn)
}

// scan is Scan that sees expired rows too. The caller has the right to use db.
func (r *Rows) scan(db *badger.DB, table string, s Scan, fn func(at Position, value []byte) error) error {
	txn := db.NewTransaction(false)
	defer txn.Discard()
	segments := r.catalog.Load().segments
	if s.Newest {
		segments = slices.Clone(segments)
		slices.Reverse(segments)
	}
	for _, segment := range segments {
		c, ok := segment.tables[table]
		if !ok || !touches(s, segment.id, c) {
			continue
		}
		if err := r.scanSegment(txn, segment.id, table, s, fn); err != nil {
			return err
		}
	}
	return nil
}

// touches tells whether a segment's rows can be within the scan.
func touches(s Scan, id uint32, c counts) bool {
	if s.After != (Position{}) && (s.Newest && id > s.After.Segment || !s.Newest && id < s.After.Segment) {
		return false
	}
	return (s.From.IsZero() || c.last >= s.From.UnixNano()) && (s.To.IsZero() || c.first < s.To.UnixNano())
}

func (r *Rows) scanSegment(txn *badger.Txn, id uint32, table string, s Scan, fn func(Position, []byte) error) error {
	prefix := rowPrefix(id, table)
	o := badger.DefaultIteratorOptions
	o.Prefix, o.PrefetchValues, o.Reverse = prefix, false, s.Newest
	it := txn.NewIterator(o)
	defer it.Close()
	low, high := bounds(s, id)
	start := bytes.Clone(prefix)
	if s.Newest {
		start = append(binary.BigEndian.AppendUint64(start, uint64(high)), 0xff)
	} else {
		start = binary.BigEndian.AppendUint64(start, uint64(low))
	}
	var parts rowParts
	for it.Seek(start); it.Valid(); it.Next() {
		rest := it.Item().Key()[len(prefix):]
		if len(rest) != 9 {
			return &CorruptError{Dir: r.dir, Reason: fmt.Sprintf("a key of %d bytes in table %s", len(rest), table)}
		}
		at := int64(binary.BigEndian.Uint64(rest))
		if at < low || at > high {
			return nil
		}
		var failed error
		err := it.Item().Value(func(v []byte) error {
			value, whole, err := parts.add(at, int(rest[8]), v)
			if err == nil && whole {
				failed = fn(Position{Segment: id, At: at}, value)
			}
			return err
		})
		if failed != nil {
			return failed
		}
		if err != nil {
			return &CorruptError{Dir: r.dir, Reason: fmt.Sprintf("cannot read a row of %s: %v", table, err), Err: translate(err)}
		}
	}
	return nil
}

// bounds are the first and the last position within a segment.
func bounds(s Scan, id uint32) (low, high int64) {
	low, high = 0, 1<<63-1
	if !s.From.IsZero() {
		low = max(low, s.From.UnixNano())
	}
	if !s.To.IsZero() {
		high = s.To.UnixNano() - 1
	}
	if s.After.Segment == id && s.After != (Position{}) {
		if s.Newest {
			high = min(high, s.After.At-1)
		} else {
			low = max(low, s.After.At+1)
		}
	}
	return low, high
}

// rowParts puts rows together.
type rowParts struct {
	at    int64
	have  int
	parts [][]byte
}

// add takes a part, in either direction, and returns the row with its last one. The row of
// one part is not copied.
func (p *rowParts) add(at int64, index int, v []byte) (row []byte, whole bool, err error) {
	if len(v) == 0 || v[0] == 0 || index >= int(v[0]) {
		return nil, false, fmt.Errorf("part %d does not say how many there are", index)
	}
	n, part := int(v[0]), v[1:]
	if n == 1 {
		return part, true, nil
	}
	if p.at != at || len(p.parts) != n {
		*p = rowParts{at: at, parts: make([][]byte, n)}
	}
	p.parts[index] = bytes.Clone(part)
	if p.have++; p.have < n {
		return nil, false, nil
	}
	row = bytes.Join(p.parts, nil)
	*p = rowParts{}
	return row, true, nil
}

// Count is how much there is of a table, exact and without reading the rows but those of
// the one segment in which some have expired.
func (r *Rows) Count(table string) (total RowCounts, err error) {
	if err := checkTable(table); err != nil {
		return total, err
	}
	db, release, err := r.use(false)
	if err != nil || db == nil {
		return total, err
	}
	catalog := r.catalog.Load()
	release()
	keep := catalog.keep[table]
	oldest := r.now().Add(-keep).UnixNano()
	partly := false
	for _, segment := range catalog.segments {
		switch c := segment.tables[table]; {
		case c.rows == 0 || keep > 0 && c.last < oldest:
		case keep > 0 && c.first < oldest:
			partly = true
		default:
			total.Rows += c.rows
			total.Bytes += c.bytes
		}
	}
	if !partly {
		return total, nil
	}
	total = RowCounts{}
	err = r.Scan(table, Scan{}, func(_ Position, value []byte) error {
		total.Rows++
		total.Bytes += int64(len(value))
		return nil
	})
	return total, err
}

// Keep is how long a table keeps its rows; known is false where SetKeep never said.
func (r *Rows) Keep(table string) (keep time.Duration, known bool, err error) {
	db, release, err := r.use(false)
	if err != nil || db == nil {
		return 0, false, err
	}
	defer release()
	keep, known = r.catalog.Load().keep[table]
	return keep, known, nil
}

// Tables names the tables that have rows, in order.
func (r *Rows) Tables() ([]string, error) {
	db, release, err := r.use(false)
	if err != nil || db == nil {
		return nil, err
	}
	defer release()
	names := map[string]struct{}{}
	for _, segment := range r.catalog.Load().segments {
		for table := range segment.tables {
			names[table] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}
