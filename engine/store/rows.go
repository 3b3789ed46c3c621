package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"servery/engine/rows"
)

var _ rows.Tables = (*Rows)(nil)

// The types of rows have a package of their own, for those who must not know Badger.
type (
	// NewRow is a row to be appended.
	NewRow = rows.New
	// Position is where a row stands.
	Position = rows.Position
	// Scan says which rows of a table to read.
	Scan = rows.Scan
	// RowCounts is how much there is of a table.
	RowCounts = rows.Counts
)

// RowsOptions say how to keep rows.
type RowsOptions struct {
	// Log takes what the database has to say. Nil discards it.
	Log *slog.Logger
	// Quota is how many bytes of disk the rows may take, DefaultQuota where it is 0 and at
	// least 64 MiB. Beyond it the oldest rows of all tables go first.
	Quota int64
}

const (
	// DefaultQuota of rows on disk, in bytes.
	DefaultQuota = 1 << 30
	leastQuota   = 64 << 20
	// roomForRows is what the disk must have left for rows to be written, eight times what
	// a change of state needs: on a disk that fills up rows stop long before state does.
	// What Badger still does on its own then (flush 3 memtables of 16 MiB, merge 5 of
	// them) fits in.
	roomForRows = 256 << 20
	// roomToDrop is what opening, closing and dropping can take: memtables are flushed, and
	// the youngest tables merged.
	roomToDrop = 64 << 20
	// retryRows is how long a folder that could not be opened is left alone.
	retryRows = 10 * time.Second
)

// Rows keeps rows in tables, in the order in which they were appended. It is for what
// arrives with each request and may be lost: rows are on the disk about a second after
// Append, not when it returns, the oldest go where a quota is reached, and a folder that
// is damaged is set aside for an empty one. The folder is made at the first Append. All
// methods may be called from many goroutines at once.
type Rows struct {
	dir     string
	log     *slog.Logger
	quota   int64
	free    func(dir string) (int64, error)
	now     func() time.Time
	measure func() int64 // what the tables take on the disk

	// mu is shared by what uses the database, and held by what opens, closes and drops.
	mu     sync.RWMutex
	badger *badger.DB // nil before the first use, after Close, and where it cannot be opened
	lock   *lock
	closed bool
	failed error // why the last attempt to open failed
	tried  time.Time
	aside  string // where a damaged folder was put

	writing sync.Mutex                // one Append, SetKeep or drop at a time
	catalog atomic.Pointer[catalogue] // replaced, never changed

	dirty atomic.Bool // something was appended since the last sync
	full  atomic.Bool // the last Append found too little room
	stop  chan struct{}
	tidy  sync.WaitGroup
}

// OpenRows gives the rows of the folder dir. It touches nothing: what it finds wrong
// later, calls tell.
func OpenRows(dir string, o RowsOptions) *Rows {
	if o.Log == nil {
		o.Log = discard
	}
	if o.Quota == 0 {
		o.Quota = DefaultQuota
	}
	r := &Rows{
		dir: dir, log: o.Log, quota: max(o.Quota, leastQuota),
		free: freeBytes, now: time.Now, stop: make(chan struct{}),
	}
	r.measure = r.onDisk
	r.catalog.Store(&catalogue{})
	return r
}

// RowsStatus is how the rows are.
type RowsStatus struct {
	Size  int64 // bytes on the disk, without what is in memory still
	Quota int64
	// Full says that the last Append found too little room on the disk.
	Full bool
	// SetAside is the folder in which damaged rows were put, "" where none were.
	SetAside string
	// Err is why the folder cannot be used, nil where it can.
	Err error
}

// Status tells how the rows are. It opens nothing.
func (r *Rows) Status() RowsStatus {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return RowsStatus{Size: r.measure(), Quota: r.quota, Full: r.full.Load(), SetAside: r.aside, Err: r.failed}
}

// rowSettings are Badger's for rows. Not synced, as tidying does that twice a second. A
// memtable of 16 MiB takes a row of 2 MiB in one transaction. As with state the value log
// stays empty. A commit that no other can conflict with needs no detection.
func rowSettings(dir string, log *slog.Logger) badger.Options {
	return settings(dir, log).
		WithSyncWrites(false).
		WithMemTableSize(16 << 20).
		WithValueLogFileSize(1 << 20).
		WithBlockCacheSize(8 << 20).
		WithIndexCacheSize(8 << 20).
		WithCompactL0OnClose(false).
		WithDetectConflicts(false)
}

// use gives the right to use the database, opening it where that is still to do; release
// gives it back. Without create it gives none, and no error, where there is no folder.
func (r *Rows) use(create bool) (db *badger.DB, release func(), err error) {
	for {
		r.mu.RLock()
		if r.badger != nil {
			return r.badger, r.mu.RUnlock, nil
		}
		r.mu.RUnlock()
		if !create {
			if _, err := os.Stat(r.dir); errors.Is(err, fs.ErrNotExist) {
				return nil, func() {}, nil
			}
		}
		if err := r.open(); err != nil {
			return nil, nil, err
		}
	}
}

func (r *Rows) open() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	if r.badger != nil {
		return nil
	}
	if r.failed != nil && r.now().Sub(r.tried) < retryRows {
		return r.failed
	}
	r.tried = r.now()
	db, l, err := r.openFolder()
	if corrupt := (*CorruptError)(nil); errors.As(err, &corrupt) {
		if err = r.setAside(corrupt); err == nil {
			db, l, err = r.openFolder()
		}
	}
	if r.failed = err; err != nil {
		r.log.Warn("rows of requests are not kept", "error", err)
		return err
	}
	r.badger, r.lock = db, l
	r.tidy.Go(r.tidyUp)
	return nil
}

// openFolder opens the folder as it is. All of its checksums are verified at each start:
// Badger ends the process over a damaged table.
func (r *Rows) openFolder() (_ *badger.DB, _ *lock, err error) {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("cannot make the folder for rows: %w", err)
	}
	l, err := takeLock(r.dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			l.release()
		}
	}()
	if err := r.room(roomToDrop); err != nil {
		return nil, nil, err
	}
	if err := inspect(r.dir, false); err != nil {
		return nil, nil, err
	}
	db, err := openBadger(rowSettings(r.dir, r.log))
	if err != nil {
		return nil, nil, err
	}
	catalog, err := readCatalogue(db, r.dir)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	if err := dropOrphans(db, catalog); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	r.catalog.Store(catalog)
	return db, l, nil
}

// setAside puts a damaged folder beside the new one, in place of an older such folder.
func (r *Rows) setAside(damage *CorruptError) error {
	aside := r.dir + ".damaged"
	if err := os.RemoveAll(aside); err != nil {
		return errors.Join(damage, err)
	}
	if err := os.Rename(r.dir, aside); err != nil {
		return errors.Join(damage, err)
	}
	r.aside = aside
	r.log.Warn("damaged rows of requests were set aside, new ones begin anew",
		"folder", aside, "file", damage.File, "reason", damage.Reason)
	return nil
}

func (r *Rows) room(need int64) error {
	free, err := r.free(r.dir)
	if err != nil || free >= need { // where the system does not tell, Badger tries
		return nil
	}
	return fmt.Errorf("rows of requests are not kept: %w", noRoom(r.dir, free, need))
}

// onDisk is what the tables take.
func (r *Rows) onDisk() (size int64) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && filepath.Ext(e.Name()) == ".sst" {
			size += info.Size()
		}
	}
	return size
}

// Close writes what is in memory and gives the folder free. Calls that come later fail
// with ErrClosed; a second Close does nothing.
func (r *Rows) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.stop)
	db := r.badger
	r.badger = nil
	r.mu.Unlock()
	r.tidy.Wait()
	if db == nil {
		return nil
	}
	defer r.lock.release()
	if err := r.room(roomToDrop); err != nil {
		return errors.Join(err, translate(db.Sync())) // the next Open replays the log
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("cannot close %s: %w", r.dir, translate(err))
	}
	return nil
}
