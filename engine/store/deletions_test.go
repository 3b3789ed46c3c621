package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// disk is the room left, as a test sets it.
type disk struct{ left atomic.Int64 }

const plenty = 1 << 40

func (d *disk) free(string) (int64, error) { return d.left.Load(), nil }

// openOn opens a folder on a disk with plenty of room.
func openOn(t testing.TB, dir string) (*DB, *disk) {
	t.Helper()
	d := &disk{}
	d.left.Store(plenty)
	db, err := open(dir, Options{}, nil, d.free)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, d
}

// crashed opens a copy of an open folder, which is what a crash would leave of it.
func crashed(t testing.TB, db *DB, left int64) (*DB, *disk) {
	t.Helper()
	dir := t.TempDir()
	copyFolder(t, db.dir, dir)
	d := &disk{}
	d.left.Store(left)
	next, err := open(dir, Options{}, nil, d.free)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.Close() })
	return next, d
}

func TestDeletingWorksOnAFullDisk(t *testing.T) {
	db, d := openOn(t, t.TempDir())
	table := db.Table("model")
	mustApply(t, table, map[string][]byte{"a": []byte("1"), "b": []byte("2"), "c": []byte("3")})
	mustApply(t, db.Table("other"), map[string][]byte{"a": []byte("4")})

	d.left.Store(0)
	err := table.Apply(map[string][]byte{"a": nil, "b": []byte("5")})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") || !strings.Contains(err.Error(), "deleting in Servery works") {
		t.Errorf("a change that does not only delete: %v", err)
	}
	mustApply(t, table, map[string][]byte{"a": nil, "c": nil, "never": nil})
	mustApply(t, table, map[string][]byte{"a": nil})
	want := map[string]string{"b": "2"}
	check := func(when string, db *DB, want map[string]string) {
		t.Helper()
		if got := content(t, db.Table("model"), ""); !maps.Equal(got, want) {
			t.Errorf("%s the table holds %v, want %v", when, got, want)
		}
		if got := content(t, db.Table("other"), ""); got["a"] != "4" {
			t.Errorf("%s the other table holds %v", when, got)
		}
	}
	check("at once", db, want)
	still, _ := crashed(t, db, leastToTidy+1<<20)
	check("after a crash, the disk still full,", still, want)
	later, _ := crashed(t, db, plenty)
	check("after a crash and with room", later, want)
	if n := len(later.deletions.keys); n != 0 {
		t.Errorf("%d deletions were left aside", n)
	}

	// With room again a deleted key is a key as any other.
	d.left.Store(plenty)
	mustApply(t, table, map[string][]byte{"a": []byte("again")})
	want["a"] = "again"
	check("with room again", db, want)
	again, _ := crashed(t, db, plenty)
	check("after a crash then", again, want)
	mustClose(t, db)
	check("after closing", mustOpen(t, db.dir), want)
}

// On a full disk deletions wait for a start with room, through as many as have none.
func TestDeletionsWaitForRoomThroughStarts(t *testing.T) {
	dir := t.TempDir()
	db, d := openOn(t, dir)
	mustApply(t, db.Table("model"), map[string][]byte{"a": []byte("1"), "b": []byte("2"), "c": []byte("3")})
	for i, key := range []string{"a", "b"} {
		d.left.Store(leastToTidy + 1<<20)
		mustApply(t, db.Table("model"), map[string][]byte{key: nil})
		mustClose(t, db)
		var err error
		if db, err = open(dir, Options{}, nil, d.free); err != nil {
			t.Fatal(err)
		}
		if got := len(content(t, db.Table("model"), "")); got != 2-i {
			t.Errorf("after %s was deleted %d records are left", key, got)
		}
	}
	d.left.Store(plenty)
	mustClose(t, db) // brings them into Badger
	if err := os.Remove(filepath.Join(dir, deletionsName)); err != nil {
		t.Fatal(err)
	}
	if got := content(t, mustOpen(t, dir).Table("model"), ""); !maps.Equal(got, map[string]string{"c": "3"}) {
		t.Errorf("without the file of deletions: %v", got)
	}
}

func TestDeletionsOnAFullDiskAreBounded(t *testing.T) {
	db, d := openOn(t, t.TempDir())
	table := db.Table("model")
	mustApply(t, table, map[string][]byte{"last": []byte("1")})
	d.left.Store(0)
	var refused error
	n := 0
	for ; refused == nil && n < deletionsSize; n++ {
		refused = table.Apply(map[string][]byte{fmt.Sprintf("%01000d", n): nil})
	}
	if n < 400 || !errors.Is(refused, syscall.ENOSPC) || !strings.Contains(refused.Error(), "move other files off that disk") {
		t.Errorf("after %d deletions of 1 kB: %v", n, refused)
	}
	mustApply(t, table, map[string][]byte{"last": nil}) // it is shorter
	if got := content(t, table, ""); len(got) != 0 {
		t.Errorf("the table holds %v", got)
	}
	info, err := os.Stat(filepath.Join(db.dir, deletionsName))
	if err != nil || info.Size() != deletionsSize || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has %v, %v", info, err)
	}
	d.left.Store(plenty)
	mustApply(t, table, map[string][]byte{"new": []byte("1")})
	d.left.Store(0)
	mustApply(t, table, map[string][]byte{"new": nil})
}

// A deletion whose write fails has not happened, and takes nothing that was acknowledged.
func TestADeletionThatCannotBeWrittenIsRefused(t *testing.T) {
	db, d := openOn(t, t.TempDir())
	table := db.Table("model")
	mustApply(t, table, map[string][]byte{"a": []byte("1"), "b": []byte("2")})
	d.left.Store(0)
	mustApply(t, table, map[string][]byte{"a": nil})
	sound := db.deletions.file
	for _, f := range []brokenFile{{file: sound, write: syscall.EIO}, {file: sound, sync: syscall.EIO}} {
		db.deletions.file = f
		if err := table.Apply(map[string][]byte{"b": nil}); !errors.Is(err, syscall.EIO) {
			t.Errorf("Apply: %v", err)
		}
		if got := content(t, table, ""); !maps.Equal(got, map[string]string{"b": "2"}) {
			t.Errorf("the table holds %v", got)
		}
		// Nor is a change lost that comes while deletions cannot be brought in.
		d.left.Store(plenty)
		if err := table.Apply(map[string][]byte{"a": []byte("3")}); !errors.Is(err, syscall.EIO) {
			t.Errorf("Apply: %v", err)
		}
		d.left.Store(0)
	}
	db.deletions.file = sound
	d.left.Store(plenty)
	mustApply(t, table, map[string][]byte{"a": []byte("3")})
	if got := content(t, table, ""); !maps.Equal(got, map[string]string{"a": "3", "b": "2"}) {
		t.Errorf("the table holds %v", got)
	}
}

type brokenFile struct {
	file
	write, sync error
}

func (f brokenFile) WriteAt(b []byte, at int64) (int, error) {
	if f.write != nil {
		return 0, f.write
	}
	return f.file.WriteAt(b, at)
}

func (f brokenFile) Sync() error { return errors.Join(f.sync, f.file.Sync()) }

// Whatever a crash leaves of the last record, those before it stand and nothing else does.
func TestADeletionCutOffByACrashHasNotHappened(t *testing.T) {
	first, second := deletionsRecord([]string{"model/a", "model/b"}), deletionsRecord([]string{"model/c"})
	for cut := range len(second) {
		for _, torn := range [][]byte{second[:cut], append(slices.Clone(second[:cut]), bytes.Repeat([]byte{0xff}, len(second)-cut)...)} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, deletionsName), slices.Concat(first, torn), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				d, err := openDeletions(dir)
				if err != nil {
					t.Fatal(err)
				}
				if len(d.keys) != 2 || d.end != int64(len(first)) {
					t.Errorf("cut at %d: %v up to %d", cut, d.keys, d.end)
				}
				d.file.Close()
			}
			b, err := os.ReadFile(filepath.Join(dir, deletionsName))
			if err != nil || len(b) != deletionsSize || len(bytes.Trim(b[len(first):], "\x00")) != 0 {
				t.Errorf("cut at %d: the rest was not tidied up: %v", cut, err)
			}
		}
	}
}

// TestDeletionsAreSafeBesideOtherChanges has every goroutine change keys of its own while
// the disk is full now and then: each reads back what was acknowledged to it.
func TestDeletionsAreSafeBesideOtherChanges(t *testing.T) {
	db, d := openOn(t, t.TempDir())
	table := db.Table("model")
	var work sync.WaitGroup
	for g := range 4 {
		work.Go(func() {
			want := map[string]string{}
			prefix := fmt.Sprintf("%d/", g)
			for i := range 60 {
				if g == 0 {
					d.left.Store(int64(i%2) * plenty)
				}
				key, value := fmt.Sprintf("%s%d", prefix, i%7), fmt.Sprint(i)
				if i%3 == 0 {
					if err := table.Apply(map[string][]byte{key: nil}); err != nil {
						t.Error(err)
					}
					delete(want, key)
				} else if err := table.Apply(map[string][]byte{key: []byte(value)}); err == nil {
					want[key] = value
				} else if !errors.Is(err, syscall.ENOSPC) {
					t.Error(err)
				}
				if got, err := readAll(table, prefix); err != nil || !maps.Equal(got, want) {
					t.Errorf("goroutine %d finds %v, %v, want %v", g, got, err, want)
					return
				}
			}
		})
	}
	work.Wait()
}

// Any changes in any order, on a disk that fills and empties, through closes and crashes.
func TestAFullDiskNeverChangesWhatIsStored(t *testing.T) {
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 1))
		db, d := openOn(t, t.TempDir())
		want := map[string]string{}
		for step := range 60 {
			switch random.IntN(8) {
			case 0, 1:
				d.left.Store([]int64{0, leastToTidy + 1<<20, roomToApply - 1, roomToApply, plenty}[random.IntN(5)])
			case 2: // a close on a fuller disk leaves Badger's own lock to the end of the process
				d.left.Store(max(d.left.Load(), leastToTidy+1<<20))
				mustClose(t, db)
				next, err := open(db.dir, Options{}, nil, d.free)
				if err != nil {
					t.Fatal(err)
				}
				db = next
			case 3:
				old := db
				db, d = crashed(t, old, max(d.left.Load(), leastToTidy+1<<20))
				old.Close()
			default:
				changes, deletes := map[string][]byte{}, true
				for range 1 + random.IntN(3) {
					value := []byte(fmt.Sprint(step))
					if random.IntN(3) > 0 {
						value = nil
					}
					changes[string('a'+rune(random.IntN(5)))] = value
				}
				for _, value := range changes {
					deletes = deletes && value == nil
				}
				err := db.Table("model").Apply(changes)
				if fits := deletes || d.left.Load() >= roomToApply; fits != (err == nil) || err != nil && !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("seed %d, step %d: %v with %d bytes left: %v", seed, step, changes, d.left.Load(), err)
				}
				for key, value := range changes {
					if err == nil && value == nil {
						delete(want, key)
					} else if err == nil {
						want[key] = string(value)
					}
				}
			}
			if got, err := readAll(db.Table("model"), ""); err != nil || !maps.Equal(got, want) {
				t.Fatalf("seed %d, step %d: the table holds %v, %v, want %v", seed, step, got, err, want)
			}
		}
		d.left.Store(plenty)
		mustClose(t, db)
	}
}

func FuzzDeletions(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(slices.Concat(deletionsRecord([]string{"a", ""}), deletionsRecord([]string{"b"}), make([]byte, 9)))
	f.Add(deletionsRecord([]string{strings.Repeat("k", 300)})[:200])
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, end := parseDeletions(b)
		if end < 0 || end > len(b) {
			t.Fatalf("%d of %d bytes", end, len(b))
		}
		if len(keys) == 0 {
			return
		}
		again, whole := parseDeletions(deletionsRecord(keys))
		if !slices.Equal(again, keys) || whole == 0 {
			t.Fatalf("%q becomes %q", keys, again)
		}
	})
}

func TestAFolderWithoutRoomForDeletionsIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, deletionsName), 0o700); err != nil {
		t.Fatal(err)
	}
	var path *fs.PathError
	if _, err := Open(dir, Options{}); !errors.As(err, &path) || !strings.Contains(err.Error(), "room for deletions") {
		t.Errorf("Open: %v", err)
	}
}
