package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func mustOpen(t testing.TB, dir string) *DB {
	t.Helper()
	db, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func mustClose(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustApply(t testing.TB, table *Table, changes map[string][]byte) {
	t.Helper()
	if err := table.Apply(changes); err != nil {
		t.Fatal(err)
	}
}

// content reads a table, and checks the order of its keys.
func content(t testing.TB, table *Table, prefix string) map[string]string {
	t.Helper()
	got, err := readAll(table, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func readAll(table *Table, prefix string) (map[string]string, error) {
	got := map[string]string{}
	last := ""
	err := table.Each(prefix, func(key string, value []byte) error {
		if len(got) > 0 && key <= last {
			return fmt.Errorf("key %q comes after %q", key, last)
		}
		last = key
		got[key] = string(value)
		return nil
	})
	return got, err
}

func TestWhatWasAppliedIsThereAfterReopening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	db := mustOpen(t, dir)
	mustApply(t, db.Table("endpoint"), map[string][]byte{"a": []byte("1"), "b": {}, "c": []byte("3")})
	mustApply(t, db.Table("endpoint"), map[string][]byte{"a": []byte("2"), "c": nil, "never": nil})
	mustApply(t, db.Table("end"), map[string][]byte{"a": []byte("other table")})
	want := map[string]string{"a": "2", "b": ""}
	for range 2 {
		if got := content(t, db.Table("endpoint"), ""); !maps.Equal(got, want) {
			t.Errorf("endpoint holds %v, want %v", got, want)
		}
		if got := content(t, db.Table("end"), ""); !maps.Equal(got, map[string]string{"a": "other table"}) {
			t.Errorf("end holds %v", got)
		}
		if got := content(t, db.Table("e"), ""); len(got) != 0 {
			t.Errorf("an unused table holds %v", got)
		}
		mustClose(t, db)
		db = mustOpen(t, dir)
	}
}

func TestEachStopsAtTheFirstErrorAndMayApply(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	table := db.Table("model")
	mustApply(t, table, map[string][]byte{"x/1": []byte("a"), "x/2": []byte("b"), "x/3": []byte("c"), "y/1": nil, "z": []byte("d")})
	stop := errors.New("stop")
	var seen []string
	err := table.Each("x/", func(key string, _ []byte) error {
		seen = append(seen, key)
		if key == "x/2" {
			return stop
		}
		return table.Apply(map[string][]byte{key: nil, "x/25": []byte("new")})
	})
	if !errors.Is(err, stop) {
		t.Errorf("Each returned %v", err)
	}
	if !slices.Equal(seen, []string{"x/1", "x/2"}) { // not x/25: a table as it was
		t.Errorf("saw %v", seen)
	}
	if got := slices.Sorted(maps.Keys(content(t, table, "x"))); !slices.Equal(got, []string{"x/2", "x/25", "x/3"}) {
		t.Errorf("left %v", got)
	}
}

func TestAChangeThatDoesNotFitChangesNothing(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	table := db.Table("model")
	mustApply(t, table, map[string][]byte{"k0": []byte("old")})
	tiny := map[string][]byte{}
	for i := range 100_000 { // within the bytes, over Badger's count
		tiny[fmt.Sprintf("k%d", i)] = []byte("n")
	}
	for name, changes := range map[string]map[string][]byte{
		"one large": {"k0": bytes.Repeat([]byte("x"), 2<<20)},
		"many":      {"k0": []byte("new"), "k1": bytes.Repeat([]byte("x"), 900<<10), "k2": bytes.Repeat([]byte("y"), 900<<10)},
		"tiny ones": tiny,
	} {
		var large *TooLargeError
		if err := table.Apply(changes); !errors.As(err, &large) {
			t.Errorf("%s: %v", name, err)
		}
		if got := content(t, table, ""); !maps.Equal(got, map[string]string{"k0": "old"}) {
			t.Errorf("%s: the table holds %d keys", name, len(got))
		}
	}
	half := bytes.Repeat([]byte("z"), 550<<10)
	mustApply(t, table, map[string][]byte{"k1": half, "k2": half})
	mustApply(t, table, map[string][]byte{"k3": bytes.Repeat([]byte("v"), maxValue)})
	if got := content(t, table, "k3"); len(got["k3"]) != maxValue {
		t.Errorf("the largest value came back with %d bytes", len(got["k3"]))
	}
	var large *TooLargeError
	if err := table.Apply(map[string][]byte{"k3": bytes.Repeat([]byte("v"), maxValue+1)}); !errors.As(err, &large) {
		t.Errorf("a value for the value log: %v", err)
	}
	for _, path := range logsOf(t, db.dir) { // the head, and nothing behind it
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimRight(b, "\x00")) > 20 {
			t.Errorf("%s holds values", path)
		}
	}
}

func TestAClosedDatabaseSaysSo(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	table := db.Table("model")
	mustClose(t, db)
	mustClose(t, db)
	if err := table.Apply(map[string][]byte{"a": []byte("1")}); !errors.Is(err, ErrClosed) {
		t.Errorf("Apply: %v", err)
	}
	if err := table.Each("", func(string, []byte) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("Each: %v", err)
	}
}

func TestCloseWaitsForChangesUnderWay(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := map[string]string{}
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d-%d", w, i)
				err := db.Table("model").Apply(map[string][]byte{key: []byte("x")})
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				done[key] = "x"
				mu.Unlock()
				if i == 5 && w == 0 {
					go db.Close()
				}
			}
		})
	}
	wg.Wait()
	mustClose(t, db) // waits for the other one
	if got := content(t, mustOpen(t, dir).Table("model"), ""); !maps.Equal(got, done) {
		t.Errorf("%d changes are there, %d were acknowledged", len(got), len(done))
	}
}

func TestTheFolderIsForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "state")
	mustOpen(t, dir)
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %o", info.Mode().Perm())
	}
}

func TestBadTableNamesAreRefused(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	for _, name := range []string{"", "meta", "a/b", "A", "a-b"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("table %q was given", name)
				}
			}()
			db.Table(name)
		}()
	}
}

func TestBadgersWordsGoToTheLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l := badgerLog{log}
	l.Errorf("disk %d\n", 1)
	l.Warningf("warn")
	l.Infof("info")
	l.Debugf("debug")
	var levels []string
	for line := range strings.Lines(out.String()) {
		levels = append(levels, strings.Fields(line)[1])
	}
	if !slices.Equal(levels, []string{"level=WARN", "level=WARN", "level=DEBUG", "level=DEBUG"}) {
		t.Errorf("levels %v in\n%s", levels, out.String())
	}
	if !strings.Contains(out.String(), `msg="badger: disk 1"`) {
		t.Errorf("log:\n%s", out.String())
	}
}

func logsOf(t *testing.T, dir string) []string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("value logs: %v, %v", logs, err)
	}
	return logs
}

// apparent is the size of a folder as a file manager shows it.
func apparent(t testing.TB, dir string) (total int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

func TestANewFolderIsSmall(t *testing.T) {
	const limit = 64 << 20
	data := t.TempDir()
	dir := filepath.Join(data, "state")
	for round := range 3 {
		db := mustOpen(t, dir)
		for i := range 20 {
			mustApply(t, db.Table("model"), map[string][]byte{fmt.Sprint(i): bytes.Repeat([]byte("x"), 1000)})
		}
		open := apparent(t, data)
		mustClose(t, db)
		closed := apparent(t, data)
		t.Logf("round %d: open %.1f MiB, closed %.1f MiB", round, float64(open)/(1<<20), float64(closed)/(1<<20))
		if open >= limit || closed >= limit {
			t.Errorf("round %d: the folder takes %d bytes while open and %d closed", round, open, closed)
		}
	}
}

// A table behaves as a map does, over reopening, whatever is done in whatever order.
func TestATableIsAMapThatLasts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		db, err := Open(dir, Options{})
		if err != nil {
			r.Fatal(err)
		}
		defer func() { db.Close() }()
		want := map[string]string{}
		key := rapid.StringMatching(`[a-c/\x00é]{0,3}`)
		for range rapid.IntRange(1, 6).Draw(r, "steps") {
			changes := map[string][]byte{}
			for k, v := range rapid.MapOfN(key, rapid.SliceOfN(rapid.Byte(), 0, 9), 0, 4).Draw(r, "changes") {
				if rapid.Bool().Draw(r, "delete") {
					changes[k] = nil
					delete(want, k)
				} else {
					changes[k] = append([]byte{}, v...)
					want[k] = string(v)
				}
			}
			if err := db.Table("model").Apply(changes); err != nil {
				r.Fatal(err)
			}
			if rapid.IntRange(0, 3).Draw(r, "reopen") == 0 {
				if err := db.Close(); err != nil {
					r.Fatal(err)
				}
				if db, err = Open(dir, Options{}); err != nil {
					r.Fatal(err)
				}
			}
			prefix := key.Draw(r, "prefix")
			got, err := readAll(db.Table("model"), prefix)
			if err != nil {
				r.Fatal(err)
			}
			below := maps.Clone(want)
			maps.DeleteFunc(below, func(k, _ string) bool { return !strings.HasPrefix(k, prefix) })
			if !maps.Equal(got, below) {
				r.Fatalf("below %q: got %q, want %q", prefix, got, below)
			}
		}
	})
}

func BenchmarkApply(b *testing.B) {
	db := mustOpen(b, b.TempDir())
	table := db.Table("model")
	value := bytes.Repeat([]byte("x"), 1000)
	for b.Loop() {
		if err := table.Apply(map[string][]byte{"key": value}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReopen(b *testing.B) {
	dir := b.TempDir()
	mustClose(b, mustOpen(b, dir))
	for b.Loop() {
		mustClose(b, mustOpen(b, dir))
	}
}
