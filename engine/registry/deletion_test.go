package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"servery/engine/onnx/onnxtest"
)

// onlyDeletions is a table on a full disk: it takes what deletes and nothing else.
func onlyDeletions(changes map[string][]byte) error {
	for _, value := range changes {
		if value != nil {
			return fmt.Errorf("cannot store a change: %w", syscall.ENOSPC)
		}
	}
	return nil
}

// full is a disk on which no folder can be made.
func (f *fixture) full() {
	f.table.Before = onlyDeletions
	f.aside = func(string) (string, error) { return "", &fs.PathError{Op: "mkdir", Err: syscall.ENOSPC} }
}

func TestAFullDiskIsFreedByDeleting(t *testing.T) {
	ctx := context.Background()
	source := file(t, "m.onnx", onnxtest.Add(1))
	f := newFixture(t)
	gone := f.ready(t, Import{Source: source, Name: "a.b.c", Alias: "old"})
	f.ready(t, Import{Source: source, Name: "a.b.c", Alias: "new"})
	other := f.ready(t, Import{Source: source, Name: "a.b.d"})
	f.full()
	if err := f.SetAlias(ctx, "a.b.c", "x", 2); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a change: %v", err)
	}
	if err := f.DeleteVersion(ctx, "a.b.c", 1); err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteModel(ctx, "a.b.d"); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		for _, dir := range []string{gone.Dir, other.Dir} {
			if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s the files in %s are there: %v", when, dir, err)
			}
		}
		if _, err := os.Lstat(filepath.Dir(other.Dir)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s the folder of the deleted model is there: %v", when, err)
		}
		all := f.Models()
		if len(all) != 1 || len(all[0].Versions) != 1 || all[0].Versions[0].Status != Ready || !slices.Equal(all[0].Aliases, []Alias{{"new", 2}}) {
			t.Errorf("%s: %+v", when, all)
		}
		f.checkFiles(t)
	}
	check("at once")
	f.reopen(t)
	check("after a start on the full disk")
	f.table.Before = nil
	f.reopen(t)
	check("after a start with room")
	if v := f.ready(t, Import{Source: source, Name: "a.b.c", Alias: "old"}); v.Number != 3 {
		t.Errorf("the next version is %d", v.Number)
	}
}

// A crash between the record's end and the files' leaves files that the next start sweeps;
// there is no moment in which a record is there without its files.
func TestACrashWhileAFullDiskIsFreedLeavesNothingDangling(t *testing.T) {
	f := newFixture(t)
	v := f.ready(t, Import{Source: file(t, "m.onnx", onnxtest.Add(1)), Name: "a.b.c", Alias: "x"})
	kept := f.ready(t, Import{Source: file(t, "m.onnx", onnxtest.Add(2)), Name: "a.b.c"})
	type picture struct {
		rows  map[string][]byte
		files bool
	}
	var pictures []picture
	look := func() {
		_, err := os.Lstat(v.Dir)
		pictures = append(pictures, picture{maps.Clone(f.table.Rows), err == nil})
	}
	f.full()
	deny := f.table.Before
	f.table.Before = func(changes map[string][]byte) error { look(); return deny(changes) }
	f.aside = func(string) (string, error) { look(); return "", syscall.ENOSPC }
	if err := f.DeleteVersion(context.Background(), "a.b.c", 1); err != nil {
		t.Fatal(err)
	}
	look()
	if len(pictures) != 4 { // before either write, between the second and the files, at the end
		t.Fatalf("%d moments", len(pictures))
	}
	for i, p := range pictures {
		if _, stands := p.rows[versionKey("a.b.c", 1)]; stands && !p.files {
			t.Errorf("at moment %d the record stands without its files", i)
		}
	}
	// The third moment again: the record is gone and the files are there.
	if err := os.CopyFS(v.Dir, os.DirFS(kept.Dir)); err != nil {
		t.Fatal(err)
	}
	f.table.Rows, f.table.Before = pictures[2].rows, nil
	f.reopen(t)
	f.checkFiles(t)
	if m, err := f.Model("a.b.c"); err != nil || len(m.Versions) != 1 || len(m.Aliases) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

// An import that a crash cut off cannot be written down as Failed on a full disk: Servery
// starts all the same, and the version can be deleted.
func TestAStartOnAFullDiskShowsImportsThatWereCutOff(t *testing.T) {
	f := newFixture(t)
	source := file(t, "m.onnx", onnxtest.Add(1))
	f.ready(t, Import{Source: source, Name: "a.b.c"})
	var crash map[string][]byte
	if _, err := f.Import(context.Background(), Import{Source: source, Name: "a.b.c"}, func(Progress) {
		if crash == nil {
			crash = maps.Clone(f.table.Rows)
		}
	}); err != nil {
		t.Fatal(err)
	}
	f.table.Rows, f.table.Before = crash, onlyDeletions
	f.reopen(t)
	m, err := f.Model("a.b.c")
	if v, _ := m.Version(2); err != nil || v.Status != Failed || v.Reason != reasonInterrupted {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := f.DeleteVersion(context.Background(), "a.b.c", 2); err != nil {
		t.Error(err)
	}
	f.checkFiles(t)
	f.reopen(t)
	if m, _ := f.Model("a.b.c"); len(m.Versions) != 1 || m.Versions[0].Status != Ready {
		t.Errorf("%+v", m)
	}
}
