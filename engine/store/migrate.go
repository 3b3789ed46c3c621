package store

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/dgraph-io/badger/v4"
)

// metaTable holds what the store knows about itself; no consumer gets it.
const (
	metaTable = "meta"
	schemaKey = metaTable + "/schema"
)

// migration changes records from the schema before its own to its own, within one
// transaction of about 1 MiB. It may find its work done already: a crash between a
// migration and the next start must not harm.
type migration struct {
	schema int // the number that it leads to
	about  string
	apply  func(txn *badger.Txn) error
}

// migrations in order, the first one leading to schema 2. They are never changed once
// released, only added to.
var migrations = []migration{}

// firstSchema is the number of the first release. A schema is the meaning of all records
// together: keys, fields and what they mean.
const firstSchema = 1

func newest(steps []migration) int { return firstSchema + len(steps) }

// migrate brings db to the newest schema. Before the first change of an old folder it
// writes a backup into backupDir.
func migrate(db *DB, steps []migration, backupDir string) error {
	schema, err := readSchema(db)
	if err != nil {
		return err
	}
	switch {
	case schema == 0: // new
		if err := db.room("make", roomToApply); err != nil {
			return err
		}
		return writeSchema(db, newest(steps), func(*badger.Txn) error { return nil })
	case schema > newest(steps):
		return &NewerSchemaError{Dir: db.dir, Schema: schema, Known: newest(steps)}
	case schema == newest(steps):
		return nil
	}
	if err := db.room("migrate", roomToApply); err != nil {
		return err
	}
	path, err := backup(db, backupDir, schema)
	if err != nil {
		return fmt.Errorf("%s was not changed to the format of this version: no backup could be written into %s: %w", db.dir, backupDir, err)
	}
	db.log.Info("backup before a migration", "path", path, "schema", schema)
	for _, step := range steps[schema-firstSchema:] {
		if err := writeSchema(db, step.schema, step.apply); err != nil {
			return fmt.Errorf("cannot change %s to schema %d (%s); the backup is %s: %w", db.dir, step.schema, step.about, path, err)
		}
		db.log.Info("migrated", "schema", step.schema, "about", step.about)
	}
	return nil
}

// readSchema is the folder's schema, 0 where it holds nothing yet.
func readSchema(db *DB) (schema int, err error) {
	err = db.badger.View(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte(schemaKey))
		if errors.Is(err, badger.ErrKeyNotFound) {
			it := txn.NewIterator(badger.DefaultIteratorOptions)
			defer it.Close()
			if it.Rewind(); it.Valid() {
				return &CorruptError{Dir: db.dir, Reason: "there are records, but none that tells their format"}
			}
			return nil
		}
		if err != nil {
			return &CorruptError{Dir: db.dir, Reason: err.Error(), Err: err}
		}
		return item.Value(func(v []byte) error {
			if schema, err = strconv.Atoi(string(v)); err != nil || schema < firstSchema {
				return &CorruptError{Dir: db.dir, Reason: fmt.Sprintf("%q is no number of a format", v)}
			}
			return nil
		})
	})
	return schema, err
}

// writeSchema applies one migration and notes its number in the same transaction.
func writeSchema(db *DB, schema int, apply func(*badger.Txn) error) error {
	err := db.badger.Update(func(txn *badger.Txn) error {
		if err := apply(txn); err != nil {
			return err
		}
		return txn.Set([]byte(schemaKey), []byte(strconv.Itoa(schema)))
	})
	return translate(err)
}
