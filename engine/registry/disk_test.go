package registry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"servery/engine/onnx/onnxtest"
)

// fullDisk lets some bytes be written, and then no more.
type fullDisk struct {
	sink
	left *atomic.Int64
}

func (d fullDisk) Write(b []byte) (int, error) {
	if left := d.left.Add(-int64(len(b))); left < 0 {
		return 0, &os.PathError{Op: "write", Path: "m.onnx", Err: syscall.ENOSPC}
	}
	return d.sink.Write(b)
}

func TestAFullDiskLeavesNothingHalf(t *testing.T) {
	dir := folder(t, map[string]string{"m.onnx": string(onnxtest.WithExternal(1<<18, "w.bin")), "w.bin": strings.Repeat("w", 1<<20)})
	for _, space := range []int64{0, 300, 1 << 20} {
		f := newFixture(t)
		f.ready(t, Import{Source: file(t, "m.onnx", onnxtest.Add(1)), Name: "a.b.c"})
		before := f.Models()
		left := &atomic.Int64{}
		left.Store(space)
		f.create = func(root *os.Root, name string) (sink, error) {
			s, err := createFile(root, name)
			return fullDisk{s, left}, err
		}
		_, err := f.Import(context.Background(), Import{Source: filepath.Join(dir, "m.onnx"), Name: "a.b.c"}, nil)
		var disk *DiskError
		if !errors.As(err, &disk) || !errors.Is(err, syscall.ENOSPC) ||
			!strings.HasPrefix(err.Error(), "There is no space left on the disk with the models: the import needs 1.0 MB. Free some space") {
			t.Errorf("with %d bytes free: %v", space, err)
		}
		f.checkFiles(t)
		if after := f.Models(); len(after) != 1 || len(after[0].Versions) != len(before[0].Versions) {
			t.Errorf("with %d bytes free: %+v", space, after)
		}
		f.reopen(t)
		if v := f.ready(t, Import{Source: filepath.Join(dir, "m.onnx"), Name: "a.b.c"}); v.Number != 3 {
			t.Errorf("the next version is %d", v.Number)
		}
		f.checkFiles(t)
	}
}

func TestACatalogThatCannotBeWrittenChangesNothing(t *testing.T) {
	broken := errors.New("the disk is broken")
	ctx := context.Background()
	source := file(t, "m.onnx", onnxtest.Add(1))
	for _, fails := range []int{1, 2} { // the record of the Pending version, and of the Ready one
		f := newFixture(t)
		f.ready(t, Import{Source: source, Name: "a.b.c", Alias: "x"})
		n := 0
		f.table.Before = func(map[string][]byte) error {
			if n++; n >= fails {
				return broken
			}
			return nil
		}
		for _, name := range []string{"a.b.c", "a.b.new"} {
			n = 0
			if _, err := f.Import(ctx, Import{Source: source, Name: name, Alias: "y"}, nil); !errors.Is(err, broken) {
				t.Errorf("%s, failing at %d: %v", name, fails, err)
			}
		}
		for i, err := range []error{f.SetAlias(ctx, "a.b.c", "z", 1), f.DeleteAlias(ctx, "a.b.c", "x"), f.DeleteVersion(ctx, "a.b.c", 1), f.DeleteModel(ctx, "a.b.c")} {
			if !errors.Is(err, broken) {
				t.Errorf("%d: %v", i, err)
			}
		}
		all := f.Models()
		if len(all) != 1 || len(all[0].Versions) != 1 || all[0].Versions[0].Status != Ready || len(all[0].Aliases) != 1 || all[0].Aliases[0].Name != "x" {
			t.Errorf("failing at %d: %+v", fails, all)
		}
		f.checkFiles(t)
		// The start after it finds what could not be taken back, and makes it Failed.
		f.table.Before = nil
		f.reopen(t)
		f.checkFiles(t)
		for _, m := range f.Models() {
			for _, v := range m.Versions {
				if v.Status == Pending || v.Status == Failed && v.Reason != reasonInterrupted {
					t.Errorf("failing at %d: %s version %d is %s: %s", fails, m.FullName(), v.Number, v.Status, v.Reason)
				}
			}
		}
	}
}

func TestEveryFullDiskIsNamedAlike(t *testing.T) {
	for err, want := range map[error]bool{syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EIO: false} {
		if got := diskError(&os.PathError{Op: "write", Err: err}, 1); errors.Is(got, syscall.ENOSPC) != want || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
}

func TestAVersionsFilesCannotBeWritten(t *testing.T) {
	f := newFixture(t)
	v := f.ready(t, Import{Source: file(t, "m.onnx", onnxtest.Add(1)), Name: "a.b.c"})
	info, err := os.Stat(filepath.Join(v.Dir, v.ModelFile))
	if err != nil || info.Mode().Perm()&0o222 != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
