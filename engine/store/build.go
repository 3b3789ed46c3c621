package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/dgraph-io/badger/v4"
)

// buildBatch is about what one transaction of Build takes, in bytes.
const buildBatch = 256 << 10

// Build makes a database of records in the folder dir, which must be absent or empty, and
// closes it: fill hands it each record once, with whole keys as Snapshot.Each gives them.
// When it returns nil all of them are on the disk. What a failed Build leaves is of no use.
// Records that do not say their format are a *CorruptError, those of a newer Servery a
// *NewerSchemaError; both name from, where the records come from.
func Build(dir, from string, fill func(put func(key string, value []byte) error) error) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make the folder for Servery's state: %w", err)
	}
	switch names, err := databaseFiles(dir); {
	case err != nil:
		return err
	case len(names) > 0:
		return fmt.Errorf("%s holds a database already", dir)
	}
	db := &DB{dir: dir, log: discard, free: freeBytes}
	if db.lock, err = takeLock(dir); err != nil {
		return err
	}
	defer db.lock.release()
	if err := db.room("make", roomToApply); err != nil {
		return err
	}
	if db.badger, err = openBadger(settings(dir, db.log)); err != nil {
		return err
	}
	if err := db.build(from, fill); err != nil {
		return errors.Join(err, db.badger.Close())
	}
	return db.closeBadger()
}

func (db *DB) build(from string, fill func(put func(string, []byte) error) error) error {
	schema, batch, size := 0, map[string][]byte{}, 0
	err := fill(func(key string, value []byte) error {
		if key == schemaKey {
			schema, _ = strconv.Atoi(string(value))
		}
		if len(value) > maxValue || len(key) > maxValue {
			return &TooLargeError{Size: int64(len(key) + len(value)), Max: maxValue}
		}
		if size += len(key) + len(value); size > buildBatch && len(batch) > 0 {
			if err := db.flush(batch); err != nil {
				return err
			}
			clear(batch)
			size = len(key) + len(value)
		}
		batch[key] = append([]byte{}, value...)
		return nil
	})
	switch {
	case err != nil:
		return err
	case schema < firstSchema:
		return &CorruptError{Dir: filepath.Dir(from), File: filepath.Base(from), Reason: "its records do not tell their format"}
	case schema > newest(migrations):
		return &NewerSchemaError{Dir: from, Schema: schema, Known: newest(migrations)}
	}
	return db.flush(batch)
}

func (db *DB) flush(batch map[string][]byte) error {
	if err := db.room("fill", roomToApply); err != nil {
		return err
	}
	err := db.badger.Update(func(txn *badger.Txn) error {
		for key, value := range batch {
			if err := txn.Set([]byte(key), value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot store records in %s: %w", db.dir, translate(err))
	}
	return nil
}

// Lock keeps every Servery from opening the folder dir until release, or fails with
// *InUseError where one has it open. It makes the folder where it is absent.
func Lock(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot lock the folder for Servery's state: %w", err)
	}
	l, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	return l.release, nil
}
