package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/dgraph-io/badger/v4"

	"servery/engine/atomicfile"
)

// deletionsName is a file of blocks that are taken before they are needed. On a full disk,
// where Badger must not write (see roomToApply), changes that only delete go there: they
// need not one block more, so that a full disk can be freed by deleting. With room again
// they go into Badger, before any other change does, and the file is emptied.
const deletionsName = "servery.deleted"

// deletionsSize takes about 8,000 keys of 60 bytes.
const deletionsSize = 512 << 10

// A record is the length of what follows its head and a CRC-32C of that, 4 bytes each, and
// then keys, each behind its length as a varint. What is behind the last record is zero.
const recordHead = 8

// deletions is the open file.
type deletions struct {
	file file
	end  int64 // of the last record
	// keys are those that Badger may still hold. The map is replaced, never changed.
	keys map[string]struct{}
}

// file is what deletions needs of an *os.File.
type file interface {
	io.WriterAt
	Sync() error
	Close() error
}

// openDeletions opens the file in dir and makes it where it is absent.
func openDeletions(dir string) (d deletions, err error) {
	path := filepath.Join(dir, deletionsName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) < deletionsSize {
		// It is shorter where a copy or an older release left it so: what it says stays.
		b = append(b, make([]byte, deletionsSize-len(b))...)
		err = atomicfile.WriteBytes(path, b)
	}
	if err != nil {
		return d, fmt.Errorf("cannot keep room for deletions in %s: %w", dir, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return d, fmt.Errorf("cannot keep room for deletions in %s: %w", dir, err)
	}
	d = deletions{file: f, keys: map[string]struct{}{}}
	keys, end := parseDeletions(b)
	for _, key := range keys {
		d.keys[key] = struct{}{}
	}
	d.end = int64(end)
	if rest := b[end:]; len(bytes.Trim(rest, "\x00")) > 0 {
		// A record that a crash cut off: it was never acknowledged.
		if err := d.zero(d.end, int64(len(rest))); err != nil {
			return deletions{}, errors.Join(fmt.Errorf("cannot tidy up %s: %w", path, err), f.Close())
		}
	}
	return d, nil
}

// parseDeletions reads records until there is no further whole one; end is where.
func parseDeletions(b []byte) (keys []string, end int) {
	for len(b)-end >= recordHead {
		n := int64(binary.BigEndian.Uint32(b[end:]))
		body := b[end+recordHead:]
		if n == 0 || n > int64(len(body)) {
			break
		}
		body = body[:n]
		if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(b[end+4:]) {
			break
		}
		end += recordHead + int(n)
		for len(body) > 0 {
			size, width := binary.Uvarint(body)
			if width <= 0 || size > uint64(len(body)-width) {
				break
			}
			keys = append(keys, string(body[width:width+int(size)]))
			body = body[width+int(size):]
		}
	}
	return keys, end
}

func deletionsRecord(keys []string) []byte {
	b := make([]byte, recordHead)
	for _, key := range keys {
		b = binary.AppendUvarint(b, uint64(len(key)))
		b = append(b, key...)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-recordHead))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[recordHead:], castagnoli))
	return b
}

// add notes that keys are deleted: on the disk when it returns nil.
func (d *deletions) add(keys []string) error {
	next := maps.Clone(d.keys)
	var fresh []string
	for _, key := range keys {
		if _, known := next[key]; !known {
			next[key] = struct{}{}
			fresh = append(fresh, key)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	slices.Sort(fresh)
	record := deletionsRecord(fresh)
	if d.end+int64(len(record)) > deletionsSize {
		return fmt.Errorf("%w: the %d KiB kept for deletions on a full disk are used up; move other files off that disk and try again",
			syscall.ENOSPC, deletionsSize>>10)
	}
	if _, err := d.file.WriteAt(record, d.end); err != nil {
		return err
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	d.end, d.keys = d.end+int64(len(record)), next
	return nil
}

// clear empties the file. A crash in between leaves records that say once more what Badger
// knows: no other change comes before clear has returned.
func (d *deletions) clear() error {
	if err := d.zero(0, d.end); err != nil {
		return err
	}
	d.end, d.keys = 0, map[string]struct{}{}
	return nil
}

func (d *deletions) zero(from, n int64) error {
	if _, err := d.file.WriteAt(make([]byte, n), from); err != nil {
		return err
	}
	return d.file.Sync()
}

// deleteAside deletes keys without Badger, on a full disk.
func (db *DB) deleteAside(keys []string) error {
	db.order.Lock()
	defer db.order.Unlock()
	if err := db.deletions.add(keys); err != nil {
		return fmt.Errorf("cannot delete from %s: %w", db.dir, err)
	}
	return nil
}

// fold brings deletions from aside into Badger. The caller has seen that there is room.
func (db *DB) fold() error {
	db.order.Lock()
	defer db.order.Unlock()
	if len(db.deletions.keys) == 0 {
		return nil
	}
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(db.deletions.keys)), 1000) {
		err := db.badger.Update(func(txn *badger.Txn) error {
			for _, key := range keys {
				if err := txn.Delete([]byte(key)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("cannot store earlier deletions in %s: %w", db.dir, translate(err))
		}
	}
	if err := db.deletions.clear(); err != nil {
		return fmt.Errorf("cannot store earlier deletions in %s: %w", db.dir, err)
	}
	return nil
}

// share gives the right to change Badger, once no deletion is left aside; release gives it
// back. The caller has seen that there is room.
func (db *DB) share() (release func(), err error) {
	for {
		db.order.RLock()
		if len(db.deletions.keys) == 0 {
			return db.order.RUnlock, nil
		}
		db.order.RUnlock()
		if err := db.fold(); err != nil {
			return nil, err
		}
	}
}
