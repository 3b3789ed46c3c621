// Package atomicfile writes small files whole: whoever reads one, at any moment and after
// any crash, finds all of what was there before or all of what is there now. It stands on
// nothing and never knows what a file means.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write makes the file at path hold all that fill writes, or leaves what was there: it
// fills a temporary file beside it, syncs that, puts it in the place of the old one and
// syncs the folder, so that a power cut after Write takes nothing back. The new file has
// mode 0600: only this user can read it, whoever could read the old one. A symbolic link
// at path is replaced, not followed. The folder must be there. On Windows the write fails
// while somebody has the old file open.
//
// The error is fill's or the system's. A crash can leave the temporary file behind, whose
// name is path's followed by "." and digits and ".tmp".
func Write(path string, fill func(io.Writer) error) error {
	return WriteChecked(path, fill, func(*os.File) error { return nil })
}

// WriteChecked is Write where check has a last look at the synced file, from its beginning,
// before it takes the old one's place; an error of check leaves what was there.
func WriteChecked(path string, fill func(io.Writer) error, check func(*os.File) error) (err error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, name+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	written := false
	defer func() { // also where fill panics
		if !written {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := check(f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	written = true
	return SyncFolder(dir)
}

// WriteBytes is Write for content that is at hand.
func WriteBytes(path string, content []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(content))
		return err
	})
}

// Remove removes the file at path, which may be absent, so that a power cut does not bring
// it back.
func Remove(path string) error {
	if err := os.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names that were added to a folder or removed from it survive a
// power cut.
func SyncFolder(dir string) error {
	if err := syncFolder(dir); err != nil {
		return fmt.Errorf("cannot make the names in %s durable: %w", dir, err)
	}
	return nil
}
