package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"servery/engine/backup"
	"servery/engine/registry"
	"servery/engine/store"
)

// What a backup holds, and what it does not.
//
// It holds all records of state/ as they are at one moment, and the files of all versions
// of that moment. Tokens and clients' secrets are in it as the records have them, as
// SHA-256: they go on working after a restore, and nobody can read them out of a backup.
// Values of secrets are in it encrypted, and their key is not: see SECURITY.md. Uploads
// that are not registered yet and ONNX Runtime's library are not in it either.

// Backup writes a backup of the data folder to w while everything goes on. What it holds
// is all of one moment. It returns what is in it; a version whose files are damaged or gone
// is in it as it is and is told (backup.Contents.Problems). progress may be nil. Where ctx
// or the engine ends, what was written is no backup.
func (e *Engine) Backup(ctx context.Context, w io.Writer, progress func(backup.Progress)) (backup.Contents, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(e.life, func() { cancel(errors.New("Servery is closing: the backup was given up")) })()
	contents, err := writeBackup(ctx, e.db, e.registry, e.options.Version, w, progress)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return contents, err
}

// BackupFile is Backup into a file, which it reads back and checks before the file has its
// name: what was at path stays until then. What is there and is no backup is not replaced.
func (e *Engine) BackupFile(ctx context.Context, path string, progress func(backup.Progress)) (backup.Contents, error) {
	return backup.WriteFile(ctx, path, func(w io.Writer) error {
		_, err := e.Backup(ctx, w, progress)
		return err
	}, progress)
}

// BackupFile is Engine.BackupFile for a folder on which no engine runs.
func (f *Folder) BackupFile(ctx context.Context, version, path string, progress func(backup.Progress)) (backup.Contents, error) {
	return backup.WriteFile(ctx, path, func(w io.Writer) error {
		_, err := writeBackup(ctx, f.db, f.Registry, version, w, progress)
		return err
	}, progress)
}

func writeBackup(ctx context.Context, db *store.DB, models *registry.Registry, version string, w io.Writer, progress func(backup.Progress)) (backup.Contents, error) {
	var snapshot *store.Snapshot
	held, err := models.Hold(func() (err error) {
		snapshot, err = db.Snapshot()
		return err
	})
	if err != nil {
		return backup.Contents{}, err
	}
	defer held.Release()
	letGo := func() {
		if snapshot != nil {
			snapshot.Close()
			snapshot = nil
		}
	}
	defer letGo()
	total := int64(0)
	for _, v := range held.Versions() {
		total += v.Size
	}
	tell := func(done int64) {
		if progress != nil {
			progress(backup.Progress{Stage: backup.StageWrite, Done: done, Total: total})
		}
	}
	out, err := backup.NewWriter(ctx, w, backup.Head{Servery: version, Schema: snapshot.Schema(), CreatedAt: time.Now().UTC()}, tell)
	if err != nil {
		return backup.Contents{}, err
	}
	if err := snapshot.Each(out.Record); err != nil {
		return backup.Contents{}, err
	}
	letGo()
	for _, v := range held.Versions() {
		if err := backupVersion(out, held, v); err != nil {
			return backup.Contents{}, fmt.Errorf("cannot back up version %d of %s: %w", v.Number, v.Model, err)
		}
	}
	return out.Close()
}

func backupVersion(out *backup.Writer, held *registry.Hold, v registry.HeldVersion) error {
	root, err := held.Open(v)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		root = nil
	case err != nil:
		return err
	default:
		defer root.Close()
	}
	return out.Version(backup.Version{Model: v.Model, Number: v.Number, Folder: v.Folder, SHA256: v.SHA256}, root)
}

// CheckBackup reads a whole backup and says what is in it; *backup.DamagedError and
// *backup.NewerError tell that it cannot be used.
func CheckBackup(ctx context.Context, path string, progress func(backup.Progress)) (backup.Head, backup.Contents, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return backup.Head{}, backup.Contents{}, fmt.Errorf("cannot read the backup: %w", err)
	}
	defer f.Close()
	return backup.Read(ctx, f, backup.Sink{}, backup.Stage(backup.StageCheck, progress))
}
