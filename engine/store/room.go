package store

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The room that the disk must have left, in bytes. Badger writes through memory maps of
// files with holes: where no block is left to fill a hole the system ends the process,
// instead of failing a call. A change can start a new log and flush a full memtable:
// 8 MiB of table and up to 8 MiB of log, twice for the one that waits. Deleting takes no
// room: see deletions.go. Opening and closing take what roomToTidy says, between the two.
const (
	roomToApply = 32 << 20
	leastToTidy = 4 << 20
	mostToTidy  = 16 << 20
)

// roomToTidy is what it can take to write the logs of dir into tables and to merge all
// tables into new ones, as opening and closing do: as much again as is in them, and 4 MiB
// for the heads of new files and 1 MiB of statistics. It is at most mostToTidy: what is
// merged is a small part of many tables.
func roomToTidy(dir string) (int64, error) {
	names, err := databaseFiles(dir)
	if err != nil {
		return 0, err
	}
	need := int64(leastToTidy)
	for _, name := range names {
		var n int64
		switch path := filepath.Join(dir, name); filepath.Ext(name) {
		case ".mem":
			n, err = written(path)
		case ".sst":
			var info fs.FileInfo
			if info, err = os.Stat(path); err == nil {
				n = info.Size()
			}
		}
		if err != nil {
			return 0, err
		}
		need += n
	}
	return min(need, mostToTidy), nil
}

// written is where the last byte of a file stands that is not 0. A log has 16 MiB, of which
// what is not written yet is a hole.
func written(path string) (end int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	// Blocks are compared whole, 16 MiB in a millisecond: byte by byte it would take 16.
	const block = 64 << 10
	b, zeros := make([]byte, block), make([]byte, block)
	for at := int64(0); ; {
		n, err := f.ReadAt(b, at)
		if !bytes.Equal(b[:n], zeros[:n]) {
			end = at + int64(len(bytes.TrimRight(b[:n], "\x00")))
		}
		if at += int64(n); err == io.EOF {
			return end, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// room fails where the disk has fewer than that many bytes left.
func (db *DB) room(what string, need int64) error {
	free, err := db.free(db.dir)
	if err != nil || free >= need { // where the system does not tell, Badger tries
		return nil
	}
	return fmt.Errorf("cannot %s %s: %w", what, db.dir, noRoom(db.dir, free, need))
}
