package registry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tabletest"
)

func TestAliasesPointAtVersions(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	source := file(t, "m.onnx", onnxtest.Add(1))
	f.ready(t, Import{Source: source, Name: "a.b.c", Alias: "old"})
	f.ready(t, Import{Source: source, Name: "a.b.c"})
	steps := []struct {
		do   func() error
		want []Alias
	}{
		{func() error { return f.SetAlias(ctx, "a.b.c", "champion", 2) }, []Alias{{"champion", 2}, {"old", 1}}},
		{func() error { return f.SetAlias(ctx, "A.B.C", "Champion", 1) }, []Alias{{"champion", 1}, {"old", 1}}},
		{func() error { return f.SetAlias(ctx, "a.b.c", "zeta", 2) }, []Alias{{"champion", 1}, {"old", 1}, {"zeta", 2}}},
		{func() error { return f.DeleteAlias(ctx, "a.b.c", "OLD") }, []Alias{{"champion", 1}, {"zeta", 2}}},
		{func() error { return f.DeleteVersion(ctx, "a.b.c", 1) }, []Alias{{"zeta", 2}}},
		{func() error {
			_, err := f.Import(ctx, Import{Source: source, Name: "a.b.c", Alias: "zeta"}, nil)
			return err
		}, []Alias{{"zeta", 3}}},
		{func() error { // a broken model takes no alias
			_, err := f.Import(ctx, Import{Source: file(t, "m.onnx", nil), Name: "a.b.c", Alias: "zeta"}, nil)
			return err
		}, []Alias{{"zeta", 3}}},
	}
	for i, s := range steps {
		held := f.Models()
		before := slices.Clone(held[0].Aliases)
		if err := s.do(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if !slices.Equal(held[0].Aliases, before) {
			t.Errorf("step %d changed a snapshot that was handed out", i)
		}
		for range 2 {
			if m, err := f.Model("a.b.c"); err != nil || !slices.Equal(m.Aliases, s.want) {
				t.Errorf("step %d: %v, want %v (%v)", i, m.Aliases, s.want, err)
			}
			f.reopen(t)
		}
	}
}

func TestWhatIsNotThereCannotBeChanged(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	f.ready(t, Import{Source: file(t, "m.onnx", onnxtest.Add(1)), Name: "a.b.c"})
	_, noModel := f.Model("a.b.x")
	for i, c := range []struct {
		err  error
		want NotFoundError
	}{
		{noModel, NotFoundError{Name: "a.b.x"}},
		{f.SetAlias(ctx, "a.b.x", "y", 1), NotFoundError{Name: "a.b.x"}},
		{f.SetAlias(ctx, "a.b.c", "y", 2), NotFoundError{Name: "a.b.c", Version: 2}},
		{f.SetAlias(ctx, "a.b.c", "y", 0), NotFoundError{Name: "a.b.c"}},
		{f.DeleteAlias(ctx, "a.b.c", "y"), NotFoundError{Name: "a.b.c", Alias: "y"}},
		{f.DeleteAlias(ctx, "a.b.x", "y"), NotFoundError{Name: "a.b.x"}},
		{f.DeleteVersion(ctx, "a.b.c", 7), NotFoundError{Name: "a.b.c", Version: 7}},
		{f.DeleteVersion(ctx, "a.b.x", 1), NotFoundError{Name: "a.b.x"}},
		{f.DeleteModel(ctx, "../../etc"), NotFoundError{Name: "../../etc"}},
	} {
		var got *NotFoundError
		if !errors.As(c.err, &got) || *got != c.want || got.Error() == "" {
			t.Errorf("%d: got %v, want %+v", i, c.err, c.want)
		}
	}
}

func TestWhatEndpointsServeCannotBeDeleted(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	source := file(t, "m.onnx", onnxtest.Add(1))
	for range 3 {
		f.ready(t, Import{Source: source, Name: "a.b.c"})
	}
	f.SetUses(func(name string, version int) []string {
		if name == "a.b.c" && version == 2 {
			return []string{"digits", "digits-test"}
		}
		return nil
	})
	want := InUseError{Name: "a.b.c", Version: 2, Endpoints: []string{"digits", "digits-test"}}
	for _, err := range []error{f.DeleteVersion(ctx, "a.b.c", 2), f.DeleteModel(ctx, "a.b.c")} {
		var got *InUseError
		if !errors.As(err, &got) || !reflect.DeepEqual(*got, want) {
			t.Errorf("got %v", err)
		}
	}
	if s := want.Error(); s != "Version 2 of the model a.b.c is served by the endpoints digits, digits-test; delete it there first." {
		t.Error(s)
	}
	f.checkFiles(t)
	if err := f.DeleteVersion(ctx, "a.b.c", 3); err != nil {
		t.Error(err)
	}
	f.SetUses(nil)
	if err := f.DeleteVersion(ctx, "a.b.c", 2); err != nil {
		t.Error(err)
	}
	f.checkFiles(t)
}

func TestNumbersAreNotGivenTwice(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	source := file(t, "m.onnx", onnxtest.Add(1))
	for want := 1; want <= 4; want++ {
		if v := f.ready(t, Import{Source: source, Name: "a.b.c"}); v.Number != want {
			t.Fatalf("version %d, want %d", v.Number, want)
		}
		if err := f.DeleteVersion(ctx, "a.b.c", want); err != nil {
			t.Fatal(err)
		}
		if m, err := f.Model("a.b.c"); err != nil || len(m.Versions) != 0 {
			t.Errorf("the model goes with its last version: %+v, %v", m, err)
		}
		if want%2 == 0 {
			f.reopen(t)
		}
	}
	f.checkFiles(t)
}

func TestADeletedModelLeavesNothing(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	source := file(t, "m.onnx", onnxtest.Add(1))
	for _, name := range []string{"a.b.c", "a.b.c", "a.b.d", "a.b.c"} {
		f.ready(t, Import{Source: source, Name: name})
	}
	if err := f.DeleteModel(ctx, "a.B.c"); err != nil {
		t.Fatal(err)
	}
	f.checkFiles(t)
	if err := f.DeleteModel(ctx, "a.b.d"); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(f.dir); err != nil || len(entries) != 1 || models(f.table) != 0 {
		t.Errorf("left: %v, %d records, %v", entries, models(f.table), err)
	}
	if v := f.ready(t, Import{Source: source, Name: "a.b.c"}); v.Number != 1 {
		t.Errorf("a new model begins with version %d", v.Number)
	}
}

func TestAStartPutsInOrderWhatACrashLeft(t *testing.T) {
	f := newFixture(t)
	source := file(t, "m.onnx", onnxtest.Add(1))
	for range 4 {
		f.ready(t, Import{Source: source, Name: "a.b.c"})
	}
	m, _ := f.Model("a.b.c")
	at := func(n int) string { return filepath.Join(f.dir, "a", "b", "c", string(rune('0'+n))) }
	// Version 4 is as a crash before the last commit leaves it: Pending, its files in place.
	pending, _ := m.Version(4)
	record, _, err := encodeVersion(Version{Number: 4, Status: Pending, Source: pending.Source, CreatedAt: pending.CreatedAt})
	if err != nil {
		t.Fatal(err)
	}
	f.table.Rows[versionKey("a.b.c", 4)] = record
	// Version 3's record is gone, its files are not; version 2's files are gone.
	delete(f.table.Rows, versionKey("a.b.c", 3))
	if err := os.Rename(at(2), at(2)+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x/y/z/1/m.onnx", ".incoming/import-1/version/m.onnx", "a/b/notes.txt", "a/b/c/readme/1.txt"} {
		path := filepath.Join(f.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	f.reopen(t)
	m, err = f.Model("a.b.c")
	if err != nil || len(m.Versions) != 3 {
		t.Fatalf("%+v, %v", m, err)
	}
	for i, want := range []struct {
		number int
		status Status
		reason string
	}{{4, Failed, reasonInterrupted}, {2, Failed, reasonGone}, {1, Ready, ""}} {
		v := m.Versions[i]
		if v.Number != want.number || v.Status != want.status || v.Reason != want.reason {
			t.Errorf("version %d is %s: %q", v.Number, v.Status, v.Reason)
		}
	}
	for path, want := range map[string]bool{at(1): true, at(3): false, at(4): false, filepath.Join(f.dir, "x"): false,
		filepath.Join(f.dir, ".incoming", "import-1"): false, filepath.Join(f.dir, "a", "b", "notes.txt"): true, filepath.Join(f.dir, "a", "b", "c", "readme", "1.txt"): true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %t", path, !want)
		}
	}
	// What is put back is served again, and a number whose record went is not given again.
	if err := os.Rename(at(2)+"-elsewhere", at(2)); err != nil {
		t.Fatal(err)
	}
	if err := f.SetAlias(context.Background(), "a.b.c", "x", 2); err != nil {
		t.Fatal(err)
	}
	f.reopen(t)
	if v := f.ready(t, Import{Source: source, Name: "a.b.c"}); v.Number != 5 {
		t.Errorf("the next version is %d", v.Number)
	}
	if m, _ = f.Model("a.b.c"); m.Versions[2].Status != Ready {
		t.Errorf("version 2 is %s: %s", m.Versions[2].Status, m.Versions[2].Reason)
	}
}

func TestARecordThatCannotBeReadStopsTheStart(t *testing.T) {
	for key, value := range map[string]string{"model/a.b.c": "{", "model/a.b": "{}", "version/a.b.c/1": "{}", "version/x": "{}"} {
		table := &tabletest.Memory{Rows: map[string][]byte{key: []byte(value)}}
		if _, err := Open(table, t.TempDir()); err == nil {
			t.Errorf("%s: %s was passed over", key, value)
		}
	}
}
