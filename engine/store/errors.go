package store

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// ErrClosed is returned by a table whose database was closed.
var ErrClosed = errors.New("store: the database is closed")

// InUseError says that another process has the folder open.
type InUseError struct {
	Dir string
	PID int // the process that has it, 0 where it is not known
}

func (e *InUseError) Error() string {
	who := "another Servery"
	if e.PID != 0 {
		who = fmt.Sprintf("another Servery (process %d)", e.PID)
	}
	return fmt.Sprintf("%s is in use by %s: go on in its window, end it first, or choose another data folder with --data-dir", e.Dir, who)
}

// NewerSchemaError says that a newer Servery has written the folder.
type NewerSchemaError struct {
	Dir    string
	Schema int // the folder's
	Known  int // the newest that this program knows
}

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("%s was written by a newer version of Servery (schema %d, this one knows up to %d): install the newest Servery, or choose another data folder with --data-dir; no record was changed",
		e.Dir, e.Schema, e.Known)
}

// CorruptError says that files of the folder are damaged. Servery has changed no record.
type CorruptError struct {
	Dir    string
	File   string // the damaged file's name in Dir, "" where it is not known
	Reason string // for a person who knows Badger
	Err    error  // what was tried, or nil
}

func (e *CorruptError) Error() string {
	what := "files in " + e.Dir + " are damaged"
	if e.File != "" {
		what = "the file " + e.File + " in " + e.Dir + " is damaged"
	}
	return fmt.Sprintf("%s: %s. Check the disk. Put a backup back with `servery restore --force FILE`, or a copy of the folder, if you have one; else move the folder away and start again: endpoints and tokens begin anew, files of models stay and can be imported again",
		what, strings.TrimRight(e.Reason, ". \n"))
}

func (e *CorruptError) Unwrap() error { return e.Err }

// TooLargeError refuses a change that does not fit into one transaction.
type TooLargeError struct {
	Size, Max int64 // bytes of keys and values
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("a change of %d bytes is too large to be stored at once: the most is %d", e.Size, e.Max)
}

func noRoom(dir string, free, need int64) error {
	return fmt.Errorf("%w: %s has %d MiB left of the %d MiB needed; make room on that disk and try again",
		syscall.ENOSPC, dir, free>>20, need>>20)
}

// translate gives Badger's errors their cause back: Badger formats it into the text
// (y.Wrap), so the text is all there is to look at.
func translate(err error) error {
	if err == nil {
		return nil
	}
	for _, cause := range []syscall.Errno{syscall.ENOSPC, syscall.EACCES, syscall.EROFS, syscall.EIO} {
		if !errors.Is(err, cause) && strings.Contains(err.Error(), cause.Error()) {
			return fmt.Errorf("%w (%w)", err, cause)
		}
	}
	return err
}
