package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"

	"servery/engine/atomicfile"
)

// backup writes all records of db into a new file of backupDir and reads it back. The
// file is Badger's stream, which does not depend on Badger's version; badger.DB.Load
// reads it.
func backup(db *DB, backupDir string, schema int) (path string, err error) {
	if err := os.MkdirAll(backupDir, 0o700); err != nil {
		return "", err
	}
	if path, err = freeName(backupDir, schema); err != nil {
		return "", err
	}
	err = atomicfile.Write(path, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<20)
		if _, err := db.badger.Backup(b, 0); err != nil {
			return translate(err)
		}
		return b.Flush()
	})
	if err != nil {
		return "", err
	}
	return path, verifyBackup(db.badger, path)
}

// freeName is a name that no older backup has.
func freeName(dir string, schema int) (string, error) {
	for n := 1; ; n++ {
		path := filepath.Join(dir, fmt.Sprintf("state-schema%d-%03d.badger", schema, n))
		switch _, err := os.Lstat(path); {
		case errors.Is(err, fs.ErrNotExist):
			return path, nil
		case err != nil:
			return "", err
		}
	}
}

// verifyBackup loads a backup into memory and counts its records.
func verifyBackup(db *badger.DB, path string) error {
	copied, err := loadBackup(path)
	if err != nil {
		return err
	}
	defer copied.Close()
	want, err := count(db)
	if err != nil {
		return err
	}
	got, err := count(copied)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the backup %s holds %d of %d records", path, got, want)
	}
	return nil
}

// loadBackup reads a backup into a database in memory.
func loadBackup(path string) (*badger.DB, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	db, err := badger.Open(settings("", discard).WithInMemory(true))
	if err != nil {
		return nil, err
	}
	if err := db.Load(bufio.NewReaderSize(f, 1<<20), 16); err != nil {
		return nil, errors.Join(fmt.Errorf("the backup %s cannot be read back: %w", path, err), db.Close())
	}
	return db, nil
}

func count(db *badger.DB) (n int, err error) {
	err = db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues = false
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			n++
		}
		return nil
	})
	return n, err
}
