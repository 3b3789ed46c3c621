package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A real disk that rows fill up to their reserve and others to the last block: neither the
// rows' own work nor a close needs what is not there, and state has its room until then.
func TestRowsLeaveARealDiskItsRoom(t *testing.T) {
	mount := diskOf(t, "384m")
	state := mustOpen(t, filepath.Join(mount, "state"))
	r := testRows(t, filepath.Join(mount, "rows"))
	value := make([]byte, 500_000)
	n := 0
	for ; ; n++ {
		rand.Read(value) // never fails
		if _, err := r.Append("a", []NewRow{{At: seconds(n), Value: value}}); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if n == 1000 {
			t.Fatal("384 MiB never fill up")
		}
	}
	if free, err := freeBytes(mount); err != nil || free < 200<<20 {
		t.Errorf("rows left %d bytes, %v", free, err)
	}
	mustApply(t, state.Table("model"), map[string][]byte{"a": []byte("there is room for what a person made")})
	// What is under way has the reserve to end in, but not at the speed of this filling.
	if err := r.badger.Flatten(1); err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	for i := 0; len(block) >= 512; i++ {
		if err := os.WriteFile(filepath.Join(mount, fmt.Sprintf("other%d", i)), block, 0o600); err != nil {
			block = block[:len(block)/2]
		}
	}
	count := func(r *Rows) int64 {
		c, err := r.Count("a")
		if err != nil {
			t.Fatal(err)
		}
		return c.Rows
	}
	if got := count(r); got != int64(n) {
		t.Errorf("%d rows on a full disk, %d were added", got, n)
	}
	db := r.badger
	if err := r.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
	others, err := filepath.Glob(filepath.Join(mount, "other*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range others {
		os.Remove(path)
	}
	db.Close() // where Close left it to the end of the process
	again := testRows(t, r.dir)
	if got := count(again); got != int64(n) {
		t.Errorf("%d rows with room again, %d were added", got, n)
	}
	again.Close()
	if err := state.Close(); err != nil {
		t.Error(err)
	}
}
