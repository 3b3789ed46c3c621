package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A real full disk: without the check of the room left the system would end this process
// here, as a memory map of a file with holes cannot be written.
func TestARealFullDiskRefusesChanges(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=80m"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", mount).Run(); err != nil {
			t.Errorf("umount: %v", err)
		}
	})
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
