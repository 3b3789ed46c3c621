package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"servery/engine/crashpoint"
)

const (
	// maxApply is the most that one transaction can take: Badger's limit of 15 % of the
	// memtable, less what it adds to each key.
	maxApply = 8 << 20 * 15 / 100 * 95 / 100
	// maxValue keeps values out of Badger's value log, where they begin at 1 MiB: what is
	// damaged there reads as an empty value, without an error.
	maxValue = 1<<20 - 1
)

// Table is the keys below one name. All methods may be called from many goroutines at
// once.
type Table struct {
	db     *DB
	prefix string
}

// Table gives the table of that name, which consists of lower-case letters. It costs
// nothing and need not be kept.
func (db *DB) Table(name string) *Table {
	if name == "" || name == metaTable || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
		panic(fmt.Sprintf("store: %q is no name for a table", name))
	}
	return &Table{db: db, prefix: name + "/"}
}

// Each calls fn for every key that begins with prefix, in the order of the keys' bytes,
// until fn fails; it returns fn's error. It sees the table as it was when Each was called;
// fn may call Apply. value is fn's to keep only if it copies it.
func (t *Table) Each(prefix string, fn func(key string, value []byte) error) error {
	if err := t.db.enter(); err != nil {
		return err
	}
	defer t.db.leave()
	txn, deleted := t.db.read()
	defer txn.Discard()
	return t.db.walk(txn, deleted, t.prefix+prefix, func(key string, value []byte) error {
		return fn(key[len(t.prefix):], value)
	})
}

// Apply makes all changes in one transaction, all or none; a nil value deletes its key.
// When it returns nil they are on the disk and survive a power cut. It fails with
// *TooLargeError for more than 1 MiB at once, and with an error that is
// syscall.ENOSPC where the disk is full. Changes that only delete need no room: they go
// well on a full disk too.
func (t *Table) Apply(changes map[string][]byte) error {
	if len(changes) == 0 {
		return nil
	}
	if err := t.db.enter(); err != nil {
		return err
	}
	defer t.db.leave()
	size, err := t.measure(changes)
	if err != nil {
		return err
	}
	if err := t.db.room("store a change in", roomToApply); err != nil {
		if keys, only := t.deletes(changes); only {
			return t.db.deleteAside(keys)
		}
		return fmt.Errorf("%w (deleting in Servery works on a full disk too)", err)
	}
	release, err := t.db.share()
	if err != nil {
		return err
	}
	defer release()
	crashpoint.Here("store.apply")
	err = t.db.badger.Update(func(txn *badger.Txn) error {
		for key, value := range changes {
			if err := set(txn, t.prefix+key, value); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, badger.ErrTxnTooBig): // many thousands of tiny changes
		return &TooLargeError{Size: size, Max: maxApply}
	case err != nil:
		return fmt.Errorf("cannot store a change in %s: %w", t.db.dir, translate(err))
	}
	crashpoint.Here("store.applied")
	return nil
}

// measure is the bytes of changes, *TooLargeError where they are too many.
func (t *Table) measure(changes map[string][]byte) (size int64, err error) {
	for key, value := range changes {
		size += int64(len(t.prefix) + len(key) + len(value))
		if len(value) > maxValue {
			return 0, &TooLargeError{Size: int64(len(value)), Max: maxValue}
		}
	}
	if size > maxApply {
		return 0, &TooLargeError{Size: size, Max: maxApply}
	}
	return size, nil
}

// deletes are the whole keys of changes, where they only delete.
func (t *Table) deletes(changes map[string][]byte) (keys []string, only bool) {
	for key, value := range changes {
		if value != nil {
			return nil, false
		}
		keys = append(keys, t.prefix+key)
	}
	return keys, true
}

func set(txn *badger.Txn, key string, value []byte) error {
	if value == nil {
		return txn.Delete([]byte(key))
	}
	return txn.Set([]byte(key), value)
}
