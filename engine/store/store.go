// Package store keeps small records on disk, in tables of keys and values. What Apply
// has acknowledged is there after a crash and after a power cut; a change of several
// keys happens whole or not at all. It is for state that a person made (endpoints,
// models, tokens) and never knows what a record means.
//
// It is the only package that knows Badger. Badger may end the process where its files
// are damaged, and deletes tables that a cut MANIFEST no longer names. So files are
// checked before Badger sees them: against checksums written at the last Close (see
// seal.go) or, after a crash, against the checksums that the files themselves hold (see
// inspect.go).
package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Options say how to open a folder.
type Options struct {
	// Log takes what the database has to say. Nil discards it.
	Log *slog.Logger
	// BackupDir is where a backup is put before each migration. "" is the folder "backups"
	// beside dir.
	BackupDir string
}

// DB is an open folder. All methods may be called from many goroutines at once.
type DB struct {
	dir    string
	badger *badger.DB
	lock   *lock
	log    *slog.Logger
	free   func(dir string) (int64, error)

	// order is held by fold and deleteAside, and shared by changes of Badger and by what
	// takes a picture of both, so that each sees a key deleted in one place or the other.
	order     sync.RWMutex
	deletions deletions

	mu     sync.Mutex
	closed bool
	users  sync.WaitGroup // calls of tables under way

	closing sync.Once
}

// Open opens the folder dir and makes it, readable by this user only, where it is absent.
// It fails with *InUseError while another process has it open, *NewerSchemaError where a
// newer Servery has written it, *CorruptError where its files are damaged, and an error
// that is syscall.ENOSPC where the disk is full. No record is deleted or overwritten then.
func Open(dir string, o Options) (*DB, error) {
	return open(dir, o, migrations, freeBytes)
}

func open(dir string, o Options, steps []migration, free func(string) (int64, error)) (_ *DB, err error) {
	if o.Log == nil {
		o.Log = discard
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder for Servery's state: %w", err)
	}
	db := &DB{dir: dir, log: o.Log, free: free}
	if db.lock, err = takeLock(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			db.lock.release()
		}
	}()
	need, err := roomToTidy(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", dir, err)
	}
	if err := db.room("open", need); err != nil {
		return nil, err
	}
	if err := check(dir); err != nil {
		return nil, err
	}
	if db.badger, err = openBadger(settings(dir, o.Log)); err != nil {
		return nil, err
	}
	if err := db.openDeletions(); err != nil {
		return nil, errors.Join(err, db.closeBadger())
	}
	if err := migrate(db, steps, cmp.Or(o.BackupDir, filepath.Join(filepath.Dir(dir), "backups"))); err != nil {
		return nil, errors.Join(err, db.closeBadger())
	}
	return db, nil
}

// openDeletions brings what was deleted on a full disk into Badger, where there is room now.
func (db *DB) openDeletions() (err error) {
	if db.deletions, err = openDeletions(db.dir); err != nil {
		return err
	}
	if db.room("", roomToApply) != nil {
		return nil
	}
	return db.fold()
}

// settings are Badger's for a small database: a new folder takes 49 MiB, of which all but
// a few KiB are holes, where Badger's defaults take 2.1 GiB. docs/adr/0003-storage.md has
// the figures. The value log stays empty, see maxValue: there is nothing in it to collect.
// Two tables on the lowest level are merged, not five: most of what a table holds has been
// written over by the next, and each is mapped whole.
func settings(dir string, log *slog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithSyncWrites(true).
		WithMemTableSize(8 << 20).
		WithNumMemtables(2).
		WithValueLogFileSize(16 << 20).
		WithBlockCacheSize(16 << 20).
		WithIndexCacheSize(8 << 20).
		WithNumCompactors(2).
		WithNumLevelZeroTables(2).
		WithCompression(options.Snappy).
		WithNumVersionsToKeep(1).
		WithCompactL0OnClose(true).
		WithMetricsEnabled(false).
		WithLogger(badgerLog{log})
}

// openBadger turns a panic over damaged files into an error. Goroutines that Badger had
// started by then stay: the folder is of no use to this process any more.
func openBadger(o badger.Options) (db *badger.DB, err error) {
	dir := o.Dir
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, &CorruptError{Dir: dir, Reason: fmt.Sprint(p)}
		}
	}()
	db, err = badger.Open(o)
	if err == nil {
		return db, nil
	}
	if err = translate(err); errors.Is(err, syscall.ENOSPC) || errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("cannot open %s: %w", dir, err)
	}
	return nil, &CorruptError{Dir: dir, Reason: err.Error(), Err: err}
}

// Close waits for calls under way, writes what is in memory into tables, and gives the
// folder free. What was acknowledged was safe before. Calls that come later fail with
// ErrClosed; a second Close waits for the first and does nothing.
func (db *DB) Close() (err error) {
	db.closing.Do(func() { err = db.close() })
	return err
}

func (db *DB) close() error {
	db.mu.Lock()
	db.closed = true
	db.mu.Unlock()
	db.users.Wait()
	defer db.lock.release()
	if db.room("", roomToApply) == nil {
		if err := db.fold(); err != nil {
			db.log.Warn("deletions wait for the next start", "error", err)
		}
	}
	need, err := roomToTidy(db.dir)
	if err != nil {
		need = mostToTidy
	}
	if free, err := db.free(db.dir); err == nil && free < need {
		// The log on disk holds all that was acknowledged; the next Open replays it.
		db.deletions.file.Close()
		return fmt.Errorf("%s was closed without tidying up, nothing is lost: %w", db.dir, noRoom(db.dir, free, need))
	}
	return db.closeBadger()
}

// closeBadger closes Badger and, where that worked, seals the files.
func (db *DB) closeBadger() error {
	if db.deletions.file != nil {
		db.deletions.file.Close() // each record is synced
	}
	if err := db.badger.Close(); err != nil {
		return fmt.Errorf("cannot close %s: %w", db.dir, translate(err))
	}
	if err := writeSeal(db.dir); err != nil {
		// Without a seal the next Open looks into the files instead.
		db.log.Warn("the state's files are not sealed", "error", err)
	}
	return nil
}

// enter keeps Close waiting until leave.
func (db *DB) enter() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return ErrClosed
	}
	db.users.Add(1)
	return nil
}

func (db *DB) leave() { db.users.Done() }
