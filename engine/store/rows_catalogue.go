package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Rows lie in segments, which are runs of time over all tables: what is oldest can be
// dropped whole, and files go with it. The keys are
//
//	r <segment, 4 bytes> <table> 0 <position, 8 bytes> <part, 1 byte>   a row
//	c <segment, 4 bytes> <table>                                       how many there are
//	k <table>                                                          how long it keeps them
//	v                                                                  the schema
//
// with numbers in big-endian order. A position is the nanosecond of the row or, where the
// one before it has that or a later one, the next. A clock that is set back begins a new
// segment, so that segments and positions together never go back.
const (
	rowKey    = 'r'
	countKey  = 'c'
	keepKey   = 'k'
	schemaRow = "v"

	rowsSchema = 1
	// maxTable is the longest name of a table, in bytes.
	maxTable = 4000
)

// counts are what a segment has of one table.
type counts struct {
	rows, bytes int64
	first, last int64 // positions
}

const countsSize = 32

func (c counts) encode() []byte {
	b := make([]byte, 0, countsSize)
	for _, n := range [...]int64{c.rows, c.bytes, c.first, c.last} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func decodeCounts(b []byte) (c counts, ok bool) {
	if len(b) != countsSize {
		return c, false
	}
	for i, n := range [...]*int64{&c.rows, &c.bytes, &c.first, &c.last} {
		*n = int64(binary.BigEndian.Uint64(b[8*i:]))
	}
	return c, c.rows >= 0 && c.bytes >= 0 && c.first <= c.last
}

// catalogue is what there is: it is never changed once others can see it.
type catalogue struct {
	segments []segment // oldest first
	newest   uint32    // the highest id of a segment that was ever used since the start
	keep     map[string]time.Duration
}

type segment struct {
	id     uint32
	tables map[string]counts
}

func (s segment) last() (last int64) {
	for _, c := range s.tables {
		last = max(last, c.last)
	}
	return last
}

func (s segment) first() int64 {
	first := int64(0)
	for _, c := range s.tables {
		if first == 0 || c.first < first {
			first = c.first
		}
	}
	return first
}

func (s segment) bytes() (n int64) {
	for _, c := range s.tables {
		n += c.bytes
	}
	return n
}

func (c *catalogue) clone() *catalogue {
	next := &catalogue{segments: slices.Clone(c.segments), newest: c.newest, keep: maps.Clone(c.keep)}
	for i, s := range next.segments {
		next.segments[i].tables = maps.Clone(s.tables)
	}
	if next.keep == nil {
		next.keep = map[string]time.Duration{}
	}
	return next
}

// readCatalogue reads what db holds, and notes the schema in a new one.
func readCatalogue(db *badger.DB, dir string) (*catalogue, error) {
	c := (&catalogue{}).clone()
	damaged := func(reason string) error { return &CorruptError{Dir: dir, Reason: reason} }
	err := db.Update(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte(schemaRow))
		switch {
		case errors.Is(err, badger.ErrKeyNotFound):
			if err := txn.Set([]byte(schemaRow), []byte(strconv.Itoa(rowsSchema))); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			v, err := item.ValueCopy(nil)
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(string(v))
			if err != nil || n < 1 {
				return damaged(fmt.Sprintf("%q is no number of a format", v))
			}
			if n > rowsSchema {
				return &NewerSchemaError{Dir: dir, Schema: n, Known: rowsSchema}
			}
		}
		return eachRecord(txn, []byte{countKey}, func(key, value []byte) error {
			if len(key) < 5 {
				return damaged("a count has no segment")
			}
			id, table := binary.BigEndian.Uint32(key), string(key[4:])
			n, ok := decodeCounts(value)
			if !ok {
				return damaged("a count cannot be read")
			}
			if k := len(c.segments); k == 0 || c.segments[k-1].id != id {
				c.segments = append(c.segments, segment{id, map[string]counts{}})
				c.newest = id
			}
			c.segments[len(c.segments)-1].tables[table] = n
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return c, db.View(func(txn *badger.Txn) error {
		return eachRecord(txn, []byte{keepKey}, func(key, value []byte) error {
			d, err := time.ParseDuration(string(value))
			if err != nil {
				return damaged("how long a table keeps rows cannot be read")
			}
			c.keep[string(key)] = d
			return nil
		})
	})
}

// eachRecord calls fn for each key with that prefix, which key is without.
func eachRecord(txn *badger.Txn, prefix []byte, fn func(key, value []byte) error) error {
	o := badger.DefaultIteratorOptions
	o.Prefix = prefix
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		key := it.Item().Key()[len(prefix):]
		if err := it.Item().Value(func(v []byte) error { return fn(key, v) }); err != nil {
			return err
		}
	}
	return nil
}

// dropOrphans drops rows that no count tells of: a crash cut their dropping short.
func dropOrphans(db *badger.DB, c *catalogue) error {
	var orphans [][]byte
	err := db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix, o.PrefetchValues = []byte{rowKey}, false
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); {
			id, table, ok := splitRowKey(it.Item().Key())
			if !ok {
				it.Next()
				continue
			}
			prefix := rowPrefix(id, table)
			if !c.has(id, table) {
				orphans = append(orphans, prefix)
			}
			it.Seek(append(bytes.Clone(prefix[:len(prefix)-1]), 1)) // the next table or segment
		}
		return nil
	})
	if err != nil || len(orphans) == 0 {
		return err
	}
	return db.DropPrefix(orphans...)
}

func (c *catalogue) has(id uint32, table string) bool {
	for _, s := range c.segments {
		if s.id == id {
			_, ok := s.tables[table]
			return ok
		}
	}
	return false
}

func rowPrefix(id uint32, table string) []byte {
	b := make([]byte, 0, 6+len(table)+9)
	b = append(b, rowKey)
	b = binary.BigEndian.AppendUint32(b, id)
	b = append(b, table...)
	return append(b, 0)
}

func splitRowKey(key []byte) (id uint32, table string, ok bool) {
	if len(key) < 6 {
		return 0, "", false
	}
	end := bytes.IndexByte(key[5:], 0)
	if end < 0 {
		return 0, "", false
	}
	return binary.BigEndian.Uint32(key[1:]), string(key[5 : 5+end]), true
}

func countRecord(id uint32, table string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{countKey}, id), table...)
}

func keepRecord(table string) []byte { return append([]byte{keepKey}, table...) }
