package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"

	"servery/engine/rows"
)

const (
	// MaxRow is the most bytes of one row.
	MaxRow = rows.Max
	// rowPart is the most of a row in one value, below maxValue.
	rowPart = 512 << 10
	// rowsAtOnce and bytesAtOnce are the most of one transaction. Badger's own limits, at
	// its memtable of 16 MiB, are about 26,000 entries and 2.5 MB.
	rowsAtOnce  = 4000
	bytesAtOnce = MaxRow
	// clockBack is how far a clock may go back before a new segment begins.
	clockBack = time.Minute
	// segmentAge is how long one segment is written to.
	segmentAge = 24 * time.Hour
	// segmentShare of the quota is the most of one segment.
	segmentShare = 16
)

// Append adds rows at the end of a table; they are read back in this order. n is how many
// were added, which is all where err is nil: after an error only the others may be tried
// again. A crash takes none of those added, a power cut those of about the last second,
// and always the last ones of a table. It fails with *TooLargeError for a row of more than
// MaxRow bytes, with an error that is syscall.ENOSPC where the disk has less than 256 MiB
// left, and as opening the folder does.
func (r *Rows) Append(table string, rows []NewRow) (n int, err error) {
	if err := checkTable(table); err != nil {
		return 0, err
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	db, release, err := r.use(true)
	if err != nil {
		return 0, err
	}
	defer release()
	err = r.room(roomForRows)
	r.full.Store(err != nil)
	if err != nil {
		return 0, err
	}
	for n < len(rows) {
		k, err := r.appendSome(db, table, rows[n:])
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

func checkTable(table string) error {
	if table == "" || len(table) > maxTable || strings.IndexByte(table, 0) >= 0 {
		return fmt.Errorf("store: %.80q is no name for a table of rows", table)
	}
	return nil
}

// appendSome adds as many of rows as go into one transaction and one segment.
func (r *Rows) appendSome(db *badger.DB, table string, rows []NewRow) (n int, err error) {
	next := r.catalog.Load().clone()
	s := next.current(rows[0].At, r.quota/segmentShare)
	have := s.tables[table]
	last := have.last
	err = db.Update(func(txn *badger.Txn) error {
		size := 0
		for _, row := range rows {
			if len(row.Value) > MaxRow {
				if n == 0 {
					return &TooLargeError{Size: int64(len(row.Value)), Max: MaxRow}
				}
				break
			}
			at := row.At.UnixNano()
			if size += len(row.Value); n > 0 && (n == rowsAtOnce || size > bytesAtOnce || at < last-int64(clockBack)) {
				break
			}
			last = max(last+1, at)
			if err := setRow(txn, s.id, table, last, row.Value); err != nil {
				return err
			}
			if have.rows == 0 {
				have.first = last
			}
			have.rows, have.bytes, have.last = have.rows+1, have.bytes+int64(len(row.Value)), last
			n++
		}
		return txn.Set(countRecord(s.id, table), have.encode())
	})
	if err != nil {
		if too := (*TooLargeError)(nil); errors.As(err, &too) {
			return 0, err
		}
		return 0, fmt.Errorf("cannot store rows in %s: %w", r.dir, translate(err))
	}
	s.tables[table] = have
	r.catalog.Store(next)
	r.dirty.Store(true)
	return n, nil
}

// current is the segment that a row of that time goes into: the newest, or a new one where
// that is full or old, or where the clock was set back.
func (c *catalogue) current(at time.Time, most int64) segment {
	if k := len(c.segments); k > 0 {
		s := c.segments[k-1]
		young := at.UnixNano()-s.first() < int64(segmentAge)
		back := at.UnixNano() < s.last()-int64(clockBack)
		if len(s.tables) > 0 && young && !back && s.bytes() < most {
			return s
		}
	}
	c.newest++
	c.segments = append(c.segments, segment{c.newest, map[string]counts{}})
	return c.segments[len(c.segments)-1]
}

// setRow sets the parts of a row. Each begins with how many there are: a reader, in either
// direction, has a row once it has them all.
func setRow(txn *badger.Txn, id uint32, table string, at int64, value []byte) error {
	key := binary.BigEndian.AppendUint64(rowPrefix(id, table), uint64(at))
	parts := partsOf(len(value))
	for i := range parts {
		part := value[i*rowPart : min(len(value), (i+1)*rowPart)]
		record := make([]byte, 0, 1+len(part))
		record = append(append(record, byte(parts)), part...)
		if err := txn.Set(append(key[:len(key):len(key)], byte(i)), record); err != nil {
			return err
		}
	}
	return nil
}

// deleteRow deletes what setRow has set.
func deleteRow(txn *badger.Txn, id uint32, table string, row rowSize) error {
	key := binary.BigEndian.AppendUint64(rowPrefix(id, table), uint64(row.at.At))
	for i := range partsOf(row.size) {
		if err := txn.Delete(append(key[:len(key):len(key)], byte(i))); err != nil {
			return err
		}
	}
	return nil
}

func partsOf(size int) int { return max(1, (size+rowPart-1)/rowPart) }
