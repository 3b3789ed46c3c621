package store

import (
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// Snapshot is all tables as they were at one moment. It costs nothing to keep but the room
// of what is replaced meanwhile; Close of the database waits for its Close.
type Snapshot struct {
	db      *DB
	schema  int
	txn     *badger.Txn
	deleted map[string]struct{} // aside, see deletions.go
}

// Snapshot takes a picture of all tables. It fails with ErrClosed.
func (db *DB) Snapshot() (*Snapshot, error) {
	if err := db.enter(); err != nil {
		return nil, err
	}
	schema, err := readSchema(db)
	if err != nil {
		db.leave()
		return nil, err
	}
	s := &Snapshot{db: db, schema: schema}
	s.txn, s.deleted = db.read()
	return s, nil
}

// Schema is the number of the records' format.
func (s *Snapshot) Schema() int { return s.schema }

// Each calls fn for every record, what the store knows about itself included, in the order
// of the keys' bytes, until fn fails. A key begins with its table's name and a slash.
// value is fn's to keep only if it copies it.
func (s *Snapshot) Each(fn func(key string, value []byte) error) error {
	return s.db.walk(s.txn, s.deleted, "", fn)
}

// Close lets the picture go.
func (s *Snapshot) Close() {
	s.txn.Discard()
	s.db.leave()
}

// read is a picture of Badger, and the keys that are deleted aside of it.
func (db *DB) read() (*badger.Txn, map[string]struct{}) {
	db.order.RLock()
	defer db.order.RUnlock()
	return db.badger.NewTransaction(false), db.deletions.keys
}

// walk calls fn for every key of txn that begins with prefix and is not among deleted.
func (db *DB) walk(txn *badger.Txn, deleted map[string]struct{}, prefix string, fn func(key string, value []byte) error) error {
	o := badger.DefaultIteratorOptions
	o.Prefix = []byte(prefix)
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		if _, gone := deleted[string(item.Key())]; gone {
			continue
		}
		key := string(item.Key())
		var failed error
		err := item.Value(func(value []byte) error {
			failed = fn(key, value)
			return nil
		})
		if failed != nil {
			return failed
		}
		if err != nil {
			return &CorruptError{Dir: db.dir, Reason: fmt.Sprintf("cannot read %s: %v", key, err), Err: translate(err)}
		}
	}
	return nil
}
