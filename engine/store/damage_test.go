package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copyFolder copies files and keeps their holes.
func copyFolder(t testing.TB, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := copyFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := out.Truncate(info.Size()); err != nil {
		return err
	}
	buf, zero := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); at < info.Size(); at += int64(len(buf)) {
		n, err := in.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !bytes.Equal(buf[:n], zero[:n]) {
			if _, err := out.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
	}
	return nil
}

// damageSource makes a folder with a table and a log.
func damageSource(t *testing.T, dir string) (_ *DB, want map[string]string) {
	t.Helper()
	db := mustOpen(t, dir)
	want = map[string]string{}
	add := func(key, value string) {
		mustApply(t, db.Table("model"), map[string][]byte{key: []byte(value)})
		want[key] = value
	}
	for i := range 30 {
		add(fmt.Sprintf("key%02d", i), strings.Repeat(fmt.Sprintf("value %d ", i), 100))
	}
	mustClose(t, db) // into a table
	db = mustOpen(t, dir)
	add("young", "in the log")
	return db, want
}

// openDamaged opens a damaged folder: it must give data that was once there, or an error
// that tells what to do. On an error each file must be as it was.
func openDamaged(t *testing.T, what, dir string, want map[string]string) (refused bool) {
	t.Helper()
	before := sums(t, dir)
	db, err := Open(dir, Options{})
	if err != nil {
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) {
			t.Errorf("%s: untyped error %v", what, err)
		} else if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "start again") {
			t.Errorf("%s: the error does not say what to do: %v", what, err)
		}
		if after := sums(t, dir); !maps.Equal(after, before) {
			t.Errorf("%s: Open failed, but changed files: before %v, after %v", what, before, after)
		}
		return true
	}
	defer db.Close()
	got, err := readAll(db.Table("model"), "")
	if err != nil {
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) {
			t.Errorf("%s: untyped error of Each: %v", what, err)
		}
		return true
	}
	for key, value := range got {
		if want[key] != value {
			t.Errorf("%s: %s reads %.20q..., which was never written", what, key, value)
		}
	}
	lost := maps.Clone(want)
	maps.DeleteFunc(lost, func(key, _ string) bool { _, ok := got[key]; return ok })
	delete(lost, "young") // a damaged log ends where the damage begins
	if len(lost) > 0 {
		t.Errorf("%s: opened without an error, but %d of %d records are gone", what, len(lost), len(want))
	}
	return false
}

func sums(t *testing.T, dir string) map[string]sealed {
	t.Helper()
	names, err := databaseFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]sealed{}
	for _, name := range names {
		if got[name], err = measure(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

type damage struct {
	name string
	do   func(path string, size int64) error
}

func damages(random *rand.Rand) []damage {
	flip := func(at func(size int64) int64) func(string, int64) error {
		return func(path string, size int64) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			var b [1]byte
			o := at(size)
			if _, err := f.ReadAt(b[:], o); err != nil {
				return err
			}
			b[0] ^= 1 << random.IntN(8)
			_, err = f.WriteAt(b[:], o)
			return err
		}
	}
	cut := func(to func(size int64) int64) func(string, int64) error {
		return func(path string, size int64) error { return os.Truncate(path, to(size)) }
	}
	d := []damage{
		{"first byte", flip(func(int64) int64 { return 0 })},
		{"last byte", flip(func(size int64) int64 { return size - 1 })},
		{"emptied", cut(func(int64) int64 { return 0 })},
		{"cut to 7 bytes", cut(func(size int64) int64 { return min(7, size-1) })},
		{"cut in half", cut(func(size int64) int64 { return size / 2 })},
		{"cut by one byte", cut(func(size int64) int64 { return size - 1 })},
		{"removed", func(path string, _ int64) error { return os.Remove(path) }},
	}
	for range 2 {
		// The first 4 KiB are all that is used of most files.
		d = append(d, damage{"a byte", flip(func(size int64) int64 { return random.Int64N(min(size, 4096)) })},
			damage{"a byte near the end", flip(func(size int64) int64 { return size - 1 - random.Int64N(min(size, 512)) })})
	}
	return d
}

func TestAnyDamageToAClosedFolderIsNoticed(t *testing.T) {
	source := t.TempDir()
	db, want := damageSource(t, source)
	mustClose(t, db)
	names, err := databaseFiles(source)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	random := rand.New(rand.NewPCG(3, 3))
	for _, name := range append(names, sealName, lockName) {
		info, err := os.Stat(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == 0 {
			continue
		}
		kinds[filepath.Ext(name)] = true
		for _, d := range damages(random) {
			dir := t.TempDir()
			copyFolder(t, source, dir)
			if err := d.do(filepath.Join(dir, name), info.Size()); err != nil {
				t.Fatal(err)
			}
			refused := openDamaged(t, name+": "+d.name, dir, want)
			if sealedFile := name != sealName && name != lockName; sealedFile && !refused {
				t.Errorf("%s: %s was not noticed", name, d.name)
			}
		}
	}
	for _, kind := range []string{".sst", ".vlog", ""} {
		if !kinds[kind] {
			t.Errorf("no file %q was there to be damaged: %v", kind, names)
		}
	}
}

func TestDamageAfterACrashGivesDataOrAnError(t *testing.T) {
	source := t.TempDir()
	live := t.TempDir()
	_, want := damageSource(t, live)
	copyFolder(t, live, source) // as a kill at this moment would leave it
	names, err := databaseFiles(source)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(4, 4))
	refused, kinds := 0, map[string]bool{}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		kinds[filepath.Ext(name)] = true
		for _, d := range damages(random) {
			if filepath.Ext(name) == ".mem" && (d.name == "emptied" || d.name == "removed") {
				continue // no trace of it is left
			}
			dir := t.TempDir()
			copyFolder(t, source, dir)
			if err := d.do(filepath.Join(dir, name), info.Size()); err != nil {
				t.Fatal(err)
			}
			if openDamaged(t, name+": "+d.name, dir, want) {
				refused++
			}
		}
	}
	if refused == 0 || !kinds[".mem"] || !kinds[".sst"] {
		t.Errorf("%d damages refused, of files %v", refused, names)
	}
	copied := t.TempDir()
	copyFolder(t, source, copied)
	if openDamaged(t, "undamaged", copied, want) {
		t.Error("the undamaged copy was refused")
	}
}

// A byte in the log of a folder that was not closed: where a later change stands behind it
// the folder is refused, and in the last change it is as a torn write.
func TestADamagedLogIsNoticedWhereLaterChangesStandBehind(t *testing.T) {
	live, source := t.TempDir(), t.TempDir()
	db := mustOpen(t, live)
	const changes = 20
	for i := range changes {
		mustApply(t, db.Table("model"), map[string][]byte{fmt.Sprintf("a%02d", i): []byte(strings.Repeat("v", 50)), fmt.Sprintf("b%02d", i): []byte("w")})
	}
	copyFolder(t, live, source)
	logs, err := filepath.Glob(filepath.Join(source, "*.mem"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%v, %v", logs, err)
	}
	end, err := written(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(9, 9))
	refused, opened := 0, 0
	for range 60 {
		dir := t.TempDir()
		copyFolder(t, source, dir)
		path := filepath.Join(dir, filepath.Base(logs[0]))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		at := logHead + random.Int64N(end-logHead)
		var b [1]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1 << random.IntN(8)
		if _, err := f.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		f.Close()
		db, err := Open(dir, Options{})
		var corrupt *CorruptError
		if errors.As(err, &corrupt) {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		opened++
		got := content(t, db.Table("model"), "")
		mustClose(t, db)
		// The last two changes: of the last but one the end of the transaction before it.
		if len(got) < 2*(changes-2) {
			t.Errorf("a byte at %d of %d: opened with %d of %d records", at, end, len(got), 2*changes)
		}
	}
	t.Logf("%d refused, %d opened without the last change", refused, opened)
	if refused < 40 || opened == 0 {
		t.Errorf("%d refused, %d opened", refused, opened)
	}
}

func TestACutManifestDeletesNoTable(t *testing.T) {
	source := t.TempDir()
	db, want := damageSource(t, source)
	mustClose(t, db)
	os.Remove(filepath.Join(source, sealName)) // as after a crash
	whole, err := os.ReadFile(filepath.Join(source, "MANIFEST"))
	if err != nil {
		t.Fatal(err)
	}
	// Cut between two entries it is a MANIFEST of an earlier time, and no damage shows.
	between := map[int64]bool{}
	for at := 8; at < len(whole); at += 8 + int(binary.BigEndian.Uint32(whole[at:])) {
		between[int64(at)] = true
	}
	info, err := os.Stat(filepath.Join(source, "MANIFEST"))
	if err != nil {
		t.Fatal(err)
	}
	for size := range info.Size() {
		if between[size] {
			continue
		}
		dir := t.TempDir()
		copyFolder(t, source, dir)
		if err := os.Truncate(filepath.Join(dir, "MANIFEST"), size); err != nil {
			t.Fatal(err)
		}
		openDamaged(t, fmt.Sprintf("MANIFEST cut to %d bytes", size), dir, want)
	}
}

func TestForeignFilesOfBadgerAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "000001.sst"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	if _, err := Open(dir, Options{}); !errors.As(err, &corrupt) || corrupt.File != "MANIFEST" {
		t.Errorf("tables without a MANIFEST: %v", err)
	}
	closed := t.TempDir()
	mustClose(t, mustOpen(t, closed))
	if err := os.WriteFile(filepath.Join(closed, "000077.sst"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(closed, Options{}); !errors.As(err, &corrupt) || corrupt.File != "000077.sst" {
		t.Errorf("a table that Servery did not leave: %v", err)
	}
}

func FuzzInspectTable(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 64))
	dir := f.TempDir()
	db := mustOpen(f, dir)
	mustApply(f, db.Table("model"), map[string][]byte{"a": []byte("b")})
	mustClose(f, db)
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		f.Fatalf("tables: %v, %v", tables, err)
	}
	for _, path := range tables {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	tested, _, err := inspectManifest(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "000001.sst")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, m := range tested {
			inspectTable(path, 1, m) // it must return
			break
		}
	})
}
