package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// SetKeep says how long a table keeps its rows; 0 is as long as the quota lets it. It
// holds at once for rows that are there, and across restarts.
func (r *Rows) SetKeep(table string, keep time.Duration) error {
	if err := checkTable(table); err != nil {
		return err
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	db, release, err := r.use(true)
	if err != nil {
		return err
	}
	defer release()
	next := r.catalog.Load().clone()
	keep = max(keep, 0)
	if was, known := next.keep[table]; known && was == keep {
		return nil
	}
	if err := r.room(roomToApply); err != nil {
		return err
	}
	err = db.Update(func(txn *badger.Txn) error {
		return txn.Set(keepRecord(table), []byte(keep.String()))
	})
	if err != nil {
		return fmt.Errorf("cannot store how long rows are kept in %s: %w", r.dir, translate(err))
	}
	next.keep[table] = keep
	r.catalog.Store(next)
	r.dirty.Store(true)
	return nil
}

// Drop deletes a table's rows. Their disk space is free when it returns. How long the
// table keeps rows stays as it was.
func (r *Rows) Drop(table string) error {
	if err := checkTable(table); err != nil {
		return err
	}
	return r.drop(func(_ uint32, name string, _ counts) bool { return name == table })
}

// DropBefore deletes the rows of a table that are older than that.
func (r *Rows) DropBefore(table string, before time.Time) error {
	if err := checkTable(table); err != nil {
		return err
	}
	err := r.drop(func(_ uint32, name string, c counts) bool {
		return name == table && c.last < before.UnixNano()
	})
	if err != nil {
		return err
	}
	for { // the segment that reaches over that time
		if more, err := r.deleteSome(table, before); err != nil || !more {
			return err
		}
	}
}

// errEnough ends a scan.
var errEnough = errors.New("enough")

// deleteSome deletes some of the oldest rows before a time, one by one; more tells that
// there may be others.
func (r *Rows) deleteSome(table string, before time.Time) (more bool, err error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	db, release, err := r.use(false)
	if err != nil || db == nil {
		return false, err
	}
	defer release()
	if err := r.room(roomToApply); err != nil {
		return false, err
	}
	var rows []rowSize
	err = r.scan(db, table, Scan{To: before}, func(at Position, value []byte) error {
		if len(rows) > 0 && rows[0].at.Segment != at.Segment || len(rows) == rowsAtOnce {
			return errEnough
		}
		rows = append(rows, rowSize{at, len(value)})
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) || len(rows) == 0 {
		return false, err
	}
	next := r.catalog.Load().clone()
	id := rows[0].at.Segment
	i := slices.IndexFunc(next.segments, func(s segment) bool { return s.id == id })
	c := next.segments[i].tables[table]
	err = db.Update(func(txn *badger.Txn) error {
		for _, row := range rows {
			if err := deleteRow(txn, id, table, row); err != nil {
				return err
			}
			c.rows, c.bytes, c.first = c.rows-1, c.bytes-int64(row.size), min(row.at.At+1, c.last)
		}
		return txn.Set(countRecord(id, table), c.encode())
	})
	if err != nil {
		return false, fmt.Errorf("cannot delete rows in %s: %w", r.dir, translate(err))
	}
	next.segments[i].tables[table] = c
	r.catalog.Store(next)
	r.dirty.Store(true)
	return true, nil
}

// rowSize is where a row stands and how long it is.
type rowSize struct {
	at   Position
	size int
}

// drop deletes all rows of tables in segments, and the files or parts of files that hold
// them. The counts go first, and for good: what a crash leaves of the rows after that is
// dropped at the next start.
func (r *Rows) drop(which func(id uint32, table string, c counts) bool) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	db, release, err := r.use(false)
	if err != nil || db == nil {
		return err
	}
	release()
	next, records, prefixes := r.catalog.Load().without(which)
	if len(prefixes) == 0 {
		return nil
	}
	if err := r.room(roomToDrop); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.badger == nil {
		return ErrClosed
	}
	batch := db.NewWriteBatch()
	defer batch.Cancel()
	for _, key := range records {
		if err := batch.Delete(key); err != nil {
			return fmt.Errorf("cannot delete rows in %s: %w", r.dir, translate(err))
		}
	}
	if err := errors.Join(batch.Flush(), db.Sync()); err != nil {
		return fmt.Errorf("cannot delete rows in %s: %w", r.dir, translate(err))
	}
	r.catalog.Store(next)
	if err := db.DropPrefix(prefixes...); err != nil {
		return fmt.Errorf("cannot delete rows in %s: %w", r.dir, translate(err))
	}
	return nil
}

// without is the catalogue without some tables of some segments, the records of their
// counts and the prefixes of their rows.
func (c *catalogue) without(which func(id uint32, table string, c counts) bool) (next *catalogue, records, prefixes [][]byte) {
	next = c.clone()
	for _, s := range next.segments {
		for table, n := range s.tables {
			if which(s.id, table, n) {
				delete(s.tables, table)
				records = append(records, countRecord(s.id, table))
				prefixes = append(prefixes, rowPrefix(s.id, table))
			}
		}
	}
	next.segments = slices.DeleteFunc(next.segments, func(s segment) bool { return len(s.tables) == 0 })
	return next, records, prefixes
}
