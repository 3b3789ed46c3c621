package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"

	"servery/engine/atomicfile"
	"servery/engine/backup"
	"servery/engine/store"
)

// stagingEnd and beforeStart make the names of the folders beside a data folder in which a
// restore builds the new one and keeps the old one.
const (
	stagingEnd  = ".restoring"
	beforeStart = ".before-restore-"
	// completeFile stands in a staging folder once it is whole.
	completeFile = "restored"
)

// NotEmptyError refuses a restore over a folder that holds something.
type NotEmptyError struct {
	Dir     string
	Foreign bool // it is no data folder, and never replaced
}

func (e *NotEmptyError) Error() string {
	if e.Foreign {
		return fmt.Sprintf("%s is not empty and no data folder of Servery: choose another folder with --data-dir", e.Dir)
	}
	return fmt.Sprintf("%s is not empty: with --force the backup takes its place, and the folder is kept beside it; with --data-dir the backup goes to another folder", e.Dir)
}

// RestoreOptions say where a backup is restored to.
type RestoreOptions struct {
	// DataDir is the data folder; "" is DefaultDataDir.
	DataDir string
	// Replace allows a data folder that is not empty. It is kept beside the new one.
	Replace bool
	// Progress may be nil.
	Progress func(backup.Progress)
}

// Restored is what a restore did.
type Restored struct {
	Dir      string // the data folder
	Before   string // where the folder that was there lies now; "" where there was none
	Head     backup.Head
	Contents backup.Contents
}

// Restore makes a data folder of a backup. It checks the whole backup first, builds a new
// folder beside the old one, and puts it in its place by renaming: whatever happens on the
// way, the old folder or the new one is there, whole. What the backup has not is taken over
// from the old folder: the key of the secrets, where that lies in a file, and ONNX Runtime's
// library. Errors are *backup.DamagedError, *backup.NewerError, *store.NewerSchemaError,
// *NotEmptyError, *store.InUseError while a Servery runs on the folder, ctx's and the
// system's; after each of them the old folder is as it was.
func Restore(ctx context.Context, file string, o RestoreOptions) (r Restored, err error) {
	if o.DataDir == "" {
		if o.DataDir, err = DefaultDataDir(); err != nil {
			return r, err
		}
	}
	if r.Dir, err = filepath.Abs(o.DataDir); err != nil {
		return r, err
	}
	f, err := os.Open(file)
	if err != nil {
		return r, fmt.Errorf("cannot read the backup: %w", err)
	}
	defer f.Close()
	if err := finishRestore(r.Dir); err != nil {
		return r, err
	}
	release, there, err := guard(r.Dir, o.Replace)
	if err != nil {
		return r, err
	}
	defer func() { release() }()
	if _, _, err := backup.Read(ctx, f, backup.Sink{}, backup.Stage(backup.StageCheck, o.Progress)); err != nil {
		return r, err
	}
	staging := r.Dir + stagingEnd
	if err := os.RemoveAll(staging); err != nil {
		return r, fmt.Errorf("cannot remove what an earlier restore left: %w", err)
	}
	if r.Head, r.Contents, err = stage(ctx, f, staging, o.Progress); err == nil && there {
		err = takeOver(r.Dir, staging)
	}
	if err == nil {
		err = atomicfile.WriteBytes(filepath.Join(staging, completeFile), []byte(filepath.Base(file)+"\n"))
	}
	if err != nil {
		return r, errors.Join(err, os.RemoveAll(staging))
	}
	if runtime.GOOS == "windows" { // which renames no folder with an open file in it
		release()
		release = func() {}
	}
	return r, r.swap(staging, there)
}

// guard keeps every Servery from a data folder until release, and tells whether there is
// something in it.
func guard(dir string, replace bool) (release func(), there bool, err error) {
	release = func() {}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return release, false, nil
	case err != nil:
		return release, false, fmt.Errorf("cannot look into the data folder: %w", err)
	case len(entries) == 0:
		return release, false, nil
	}
	state := filepath.Join(dir, "state")
	if _, err := os.Stat(state); err != nil {
		return release, true, &NotEmptyError{Dir: dir, Foreign: true}
	}
	if release, err = store.Lock(state); err != nil {
		return release, true, err
	}
	if !replace {
		release()
		return release, true, &NotEmptyError{Dir: dir}
	}
	return release, true, nil
}

// swap puts the new folder in the old one's place. Between the two renames there is no data
// folder: finishRestore then makes the second one.
func (r *Restored) swap(staging string, there bool) error {
	if there {
		r.Before = r.Dir + beforeStart + time.Now().UTC().Format("20060102-150405")
		if err := os.Rename(r.Dir, r.Before); err != nil {
			return errors.Join(fmt.Errorf("cannot move the data folder aside: %w", err), os.RemoveAll(staging))
		}
	} else if err := os.Remove(r.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("cannot put the new data folder in place: %w", err), os.RemoveAll(staging))
	}
	return finishRestore(r.Dir)
}

// finishRestore puts a whole new folder in place of a data folder that a restore, which was
// cut short between two renames, has moved aside.
func finishRestore(dir string) error {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	staging := dir + stagingEnd
	if _, err := os.Lstat(filepath.Join(staging, completeFile)); err != nil {
		return nil // nothing to finish
	}
	if err := os.Rename(staging, dir); err != nil {
		return fmt.Errorf("cannot put the restored data folder in place: %w", err)
	}
	if err := atomicfile.SyncFolder(filepath.Dir(dir)); err != nil {
		return err
	}
	return atomicfile.Remove(filepath.Join(dir, completeFile))
}

// stage makes a data folder of a backup at dir, all of it on the disk.
func stage(ctx context.Context, f *os.File, dir string, progress func(backup.Progress)) (head backup.Head, contents backup.Contents, err error) {
	models := filepath.Join(dir, "models")
	if err := os.MkdirAll(models, 0o700); err != nil {
		return head, contents, fmt.Errorf("cannot make the new data folder: %w", err)
	}
	root, err := os.OpenRoot(models)
	if err != nil {
		return head, contents, err
	}
	defer root.Close()
	made := folders{".": true}
	err = store.Build(filepath.Join(dir, "state"), f.Name(), func(put func(string, []byte) error) (err error) {
		head, contents, err = backup.Read(ctx, f, backup.Sink{
			Record: put,
			File:   func(name string, _ int64, content io.Reader) error { return made.write(root, name, content) },
		}, backup.Stage(backup.StageRestore, progress))
		return err
	})
	if err != nil {
		return head, contents, err
	}
	for folder := range made {
		if err := atomicfile.SyncFolder(filepath.Join(models, filepath.FromSlash(folder))); err != nil {
			return head, contents, err
		}
	}
	return head, contents, atomicfile.SyncFolder(dir)
}

// folders are those that were made below the models' folder.
type folders map[string]bool

func (made folders) write(root *os.Root, name string, content io.Reader) error {
	folder := path.Dir(name)
	if !made[folder] {
		if err := root.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("cannot restore a model's file: %w", err)
		}
		for ; !made[folder]; folder = path.Dir(folder) {
			made[folder] = true
		}
	}
	to, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400) // an artifact never changes
	if err != nil {
		return fmt.Errorf("cannot restore a model's file: %w", err)
	}
	_, err = io.Copy(to, content)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return fmt.Errorf("cannot restore a model's file: %w", err)
	}
	return nil
}

// takeOver copies what no backup holds.
func takeOver(from, to string) error {
	if err := copyFile(filepath.Join(from, "secrets.key"), filepath.Join(to, "secrets.key")); err != nil {
		return fmt.Errorf("cannot take over the key of the secrets: %w", err)
	}
	libraries, err := os.ReadDir(filepath.Join(from, "lib"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(to, "lib"), 0o700)
	}
	for _, one := range libraries {
		if err == nil && one.Type().IsRegular() {
			err = copyFile(filepath.Join(from, "lib", one.Name()), filepath.Join(to, "lib", one.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("cannot take over ONNX Runtime's library: %w", err)
	}
	return nil
}

// copyFile copies a file that may be absent.
func copyFile(from, to string) error {
	f, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return atomicfile.Write(to, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}
