package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk is an empty file system of 80 MiB.
func smallDisk(t *testing.T) (mount string) {
	t.Helper()
	return diskOf(t, "80m")
}

func diskOf(t *testing.T, size string) (mount string) {
	t.Helper()
	mount = t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", mount).Run(); err != nil {
			t.Errorf("umount: %v", err)
		}
	})
	return mount
}

// After a crash the next start opens, and closes in order, with just the room that it asks
// for: 2 MB of the log and what is in the tables are written once more.
func TestARealDiskThatIsNearlyFullOpens(t *testing.T) {
	mount := smallDisk(t)
	db, err := Open(filepath.Join(mount, "state"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.NewChaCha8([32]byte{1})
	want := map[string]string{}
	for i := range 20 {
		value := make([]byte, 100_000)
		random.Read(value) // never fails
		key := fmt.Sprintf("%05d", i)
		mustApply(t, db.Table("model"), map[string][]byte{key: value})
		want[key] = string(value)
	}
	dir := filepath.Join(mount, "crashed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, db.dir, dir)
	mustClose(t, db)
	if err := os.RemoveAll(db.dir); err != nil {
		t.Fatal(err)
	}
	need, err := roomToTidy(dir)
	if err != nil || need < leastToTidy+2_000_000 || need > leastToTidy+3_000_000 {
		t.Fatalf("it needs %d, %v", need, err)
	}
	free, err := freeBytes(mount)
	if err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(mount, "other")
	if err := os.WriteFile(ballast, make([]byte, free-need-32<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if free, err := freeBytes(mount); err != nil || free > need+64<<10 {
		t.Fatalf("%d bytes are left, %v", free, err)
	}
	if db, err = Open(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	if got := content(t, db.Table("model"), ""); !maps.Equal(got, want) {
		t.Errorf("%d records of %d", len(got), len(want))
	}
	mustApply(t, db.Table("model"), map[string][]byte{"00000": nil})
	delete(want, "00000")
	if err := db.Close(); err != nil && !strings.Contains(err.Error(), "nothing is lost") {
		t.Errorf("Close: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	db.badger.Close() // where Close left it to the end of the process
	db, err = Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := content(t, db.Table("model"), ""); !maps.Equal(got, want) {
		t.Errorf("after reopening %d records of %d", len(got), len(want))
	}
}

// A real full disk: without the check of the room left the system would end this process
// here, as a memory map of a file with holes cannot be written.
func TestARealFullDiskRefusesChanges(t *testing.T) {
	mount := smallDisk(t)
	dir := filepath.Join(mount, "state")
	db, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	table := db.Table("model")
	want := map[string]string{}
	var full error
	for i := 0; full == nil; i++ {
		if i == 10_000 {
			t.Fatal("80 MiB never fill up")
		}
		key, value := fmt.Sprintf("%05d", i), strings.Repeat(fmt.Sprint(i%10), 300_000)
		if full = table.Apply(map[string][]byte{key: []byte(value)}); full == nil {
			want[key] = value
		}
		// The disk fills from outside too, as random data would fill it from inside.
		full = errors.Join(full, os.WriteFile(filepath.Join(mount, fmt.Sprintf("other%d", i)), make([]byte, 1<<20), 0o600))
	}
	if !errors.Is(full, syscall.ENOSPC) {
		t.Fatalf("a full disk gives %v", full)
	}
	if got := content(t, table, ""); len(got) != len(want) || len(want) == 0 {
		t.Errorf("%d records of %d", len(got), len(want))
	}
	// To the last block: deleting works still.
	for i, block := 0, make([]byte, 1<<20); len(block) >= 512; i++ {
		if err := os.WriteFile(filepath.Join(mount, fmt.Sprintf("otherlast%d", i)), block, 0o600); err != nil {
			block = block[:len(block)/2]
		}
	}
	if left, err := freeBytes(mount); err != nil || left > 0 {
		t.Fatalf("%d bytes are left, %v", left, err)
	}
	for key := range want {
		if err := table.Apply(map[string][]byte{key: nil}); err != nil {
			t.Fatalf("with no block left: %v", err)
		}
		delete(want, key)
		break
	}
	if got := content(t, table, ""); !maps.Equal(got, want) {
		t.Errorf("%d records after a deletion, want %d", len(got), len(want))
	}
	others, err := filepath.Glob(filepath.Join(mount, "other*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range others {
		os.Remove(path)
	}
	if err := table.Apply(map[string][]byte{"after": []byte("x")}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	mustClose(t, db)
	db, err = Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := content(t, db.Table("model"), ""); len(got) != len(want)+1 {
		t.Errorf("%d records after reopening, want %d", len(got), len(want)+1)
	}
}
