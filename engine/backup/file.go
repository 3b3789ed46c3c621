package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"servery/engine/atomicfile"
)

// WriteFile makes a backup of what write writes, at path: it is checked as a restore checks
// it before it has its name, and what was there stays until then. A file that is no backup
// is not replaced. progress may be nil and is told of the check.
func WriteFile(ctx context.Context, path string, write func(io.Writer) error, progress func(Progress)) (contents Contents, err error) {
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return Contents{}, fmt.Errorf("cannot write the backup: %w", err)
	case info.IsDir():
		return Contents{}, fmt.Errorf("%s is a folder: give the name of a file to write the backup to", path)
	case !info.Mode().IsRegular() || !Is(path) && info.Size() > 0:
		return Contents{}, fmt.Errorf("%s is there and is no backup of Servery: it is not overwritten; give another name", path)
	}
	err = atomicfile.WriteChecked(path, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<20)
		if err := write(b); err != nil {
			return err
		}
		return b.Flush()
	}, func(f *os.File) error {
		_, contents, err = Read(ctx, f, Sink{}, Stage(StageCheck, progress))
		return err
	})
	if err != nil && ctx.Err() != nil {
		return Contents{}, fmt.Errorf("the backup was given up, and nothing was written: %w", ctx.Err())
	}
	if err != nil {
		return Contents{}, fmt.Errorf("cannot write the backup: %w", err)
	}
	return contents, nil
}

// Stage is progress of one stage, as Read takes it. progress may be nil.
func Stage(stage string, progress func(Progress)) func(done, total int64) {
	if progress == nil {
		return nil
	}
	return func(done, total int64) { progress(Progress{Stage: stage, Done: done, Total: total}) }
}
