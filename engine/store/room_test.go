package store

import (
	"errors"
	"fmt"
	"maps"
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

	left.Store(roomToOpen - 1)
	if _, err := open(dir, Options{}, nil, free); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Open: %v", err)
	}
	left.Store(roomToOpen) // enough to read
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
