package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// lockName is not "lock": Badger has a file LOCK of its own, and some file systems do
// not tell the two apart.
const lockName = "servery.lock"

// errLocked is tryLock's answer where another process holds the lock.
var errLocked = errors.New("locked")

// lock is the right to open a folder. It ends with the process, however that ends. The
// file stays: a file that is removed can be locked by two processes at once, one holding
// the old, one the new.
type lock struct{ file *os.File }

// orphanPatience is how long a lock is waited for whose holder is dead. A process that was
// killed while it started another one has left its lock to that one, until it becomes what
// it is to be: some milliseconds.
const orphanPatience = 5 * time.Second

// takeLock takes the lock of dir and writes this process's id into it, or fails with
// *InUseError.
func takeLock(dir string) (*lock, error) {
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		l, err := tryTakeLock(dir)
		var used *InUseError
		if !errors.As(err, &used) || used.PID == 0 || lives(used.PID) || time.Since(began) > orphanPatience {
			return l, err
		}
	}
}

func tryTakeLock(dir string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the folder for Servery's state: %w", err)
	}
	if err := tryLock(f); err != nil {
		defer f.Close()
		if !errors.Is(err, errLocked) {
			return nil, fmt.Errorf("cannot lock the folder %s: %w", dir, err)
		}
		return nil, &InUseError{Dir: dir, PID: holder(f)}
	}
	// The id is for a person's eyes: on a full disk the lock holds without it.
	if f.Truncate(0) == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return &lock{f}, nil
}

// holder is the process id in a lock's file, 0 where there is none.
func holder(f *os.File) int {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

func (l *lock) release() {
	l.file.Truncate(0)
	l.file.Close()
}
