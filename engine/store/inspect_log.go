package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
)

// logHead is what stands before the first entry of a log.
const logHead = 20

// Bits of an entry's first byte, which Badger does not export: the entry is part of a
// transaction, and it ends one.
const (
	inTransaction  = 1 << 6
	endTransaction = 1 << 7
)

// inspectMemtable looks for damage in the middle of a memtable's log. Badger reads a log to
// the first entry that is not whole and cuts the rest off, as after a torn write. Torn can
// only be the last transaction: each is synced before the next is written. So where behind
// the broken place one transaction ends and another one begins, what is broken was on the
// disk, and what stands behind was acknowledged.
func inspectMemtable(path string) error {
	end, err := written(path)
	if err != nil {
		return err
	}
	if end < logHead {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, end)
	if _, err := f.ReadAt(b, 0); err != nil {
		return err
	}
	at := logHead
	for {
		_, size, ok := cutEntry(b[at:])
		if !ok {
			break
		}
		at += size
	}
	ended := false
	for from := at + 1; from < len(b); {
		meta, size, ok := cutEntry(b[from:])
		if !ok {
			from++
			continue
		}
		if ended {
			return fmt.Errorf("it is broken at byte %d, and changes that were stored later stand behind that", at)
		}
		ended = meta&endTransaction != 0
		from += size
	}
	return nil
}

// cutEntry reads the entry that b begins with: a byte with bits, one of the user's that is
// 0 here, the lengths of key and value and the time of expiry as varints, key, value, and
// their CRC-32C.
func cutEntry(b []byte) (meta byte, size int, ok bool) {
	if len(b) < 5 || b[0]&(inTransaction|endTransaction) == 0 || b[1] != 0 {
		return 0, 0, false
	}
	at := 2
	var fields [3]uint64
	for i := range fields {
		n, width := binary.Uvarint(b[at:min(len(b), at+binary.MaxVarintLen32)])
		if width <= 0 {
			return 0, 0, false
		}
		fields[i], at = n, at+width
	}
	content := fields[0] + fields[1]
	if fields[0] == 0 || content+crc32.Size > uint64(len(b)-at) {
		return 0, 0, false
	}
	at += int(content)
	if crc32.Checksum(b[:at], castagnoli) != binary.BigEndian.Uint32(b[at:]) {
		return 0, 0, false
	}
	return b[0], at + crc32.Size, true
}
