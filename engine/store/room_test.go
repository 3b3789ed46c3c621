package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

func TestAFullDiskRefusesChangesAndLosesNothing(t *testing.T) {
	dir := t.TempDir()
	var left atomic.Int64
	left.Store(1 << 40)
	free := func(string) (int64, error) { return left.Load(), nil }
	db, err := open(dir, Options{}, nil, free)
	if err != nil {
		t.Fatal(err)
	}
	table := db.Table("model")
	mustApply(t, table, map[string][]byte{"a": []byte("1")})
	left.Store(roomToApply - 1)
	err = table.Apply(map[string][]byte{"a": []byte("2")})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("Apply: %v", err)
	}
	want := map[string]string{"a": "1"}
	if got := content(t, table, ""); !maps.Equal(got, want) {
		t.Errorf("the table holds %v", got)
	}
	left.Store(1 << 40)
	mustApply(t, table, map[string][]byte{"b": []byte("3")})
	want["b"] = "3"
	mustClose(t, db)

	left.Store(leastToTidy - 1)
	if _, err := open(dir, Options{}, nil, free); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Open: %v", err)
	}
	left.Store(leastToTidy + 64<<10) // enough to read what little there is
	if db, err = open(dir, Options{}, nil, free); err != nil {
		t.Fatal(err)
	}
	if got := content(t, db.Table("model"), ""); !maps.Equal(got, want) {
		t.Errorf("after reopening: %v", got)
	}
	mustClose(t, db)
}

func TestCloseOnAFullDiskLeavesTheLog(t *testing.T) {
	dir := t.TempDir()
	left := int64(1 << 40)
	db, err := open(dir, Options{}, nil, func(string) (int64, error) { return left, nil })
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, db.Table("model"), map[string][]byte{"a": []byte("1")})
	left = 1000
	if err := db.Close(); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "nothing is lost") {
		t.Errorf("Close: %v", err)
	}
	copied := t.TempDir()
	copyFolder(t, dir, copied)
	if got := content(t, mustOpen(t, copied).Table("model"), ""); got["a"] != "1" {
		t.Errorf("the next start finds %v", got)
	}
	db.badger.Close()
}

func TestOpeningTakesAsMuchRoomAgainAsIsStored(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"00001.mem": "log" + strings.Repeat("\x00", 1<<20) + "more" + strings.Repeat("\x00", 3<<20), "00002.mem": "",
		"000001.sst": strings.Repeat("\x00", 1000), "000001.vlog": strings.Repeat("v", 5000), "MANIFEST": "m",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const log = 3 + 1<<20 + 4 // holes behind the last byte are none that are written
	if got, err := roomToTidy(dir); err != nil || got != leastToTidy+log+1000 {
		t.Errorf("%d, %v, want %d", got, err, leastToTidy+log+1000)
	}
	if err := os.WriteFile(filepath.Join(dir, "000002.sst"), make([]byte, mostToTidy), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := roomToTidy(dir); err != nil || got != mostToTidy {
		t.Errorf("for many tables: %d, %v", got, err)
	}
}

func TestBadgersErrorsKeepTheirCause(t *testing.T) {
	err := translate(fmt.Errorf("while writing err: write x: %v", syscall.ENOSPC))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v is not ENOSPC", err)
	}
	if err := translate(errors.New("other")); errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v is ENOSPC", err)
	}
	if translate(nil) != nil {
		t.Error("an error from none")
	}
}
