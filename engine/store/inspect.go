package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// inspect looks into the files of a folder that was not closed, for what would make
// Badger end the process or delete tables. A log that ends in the middle of a record is
// no damage: the record was never acknowledged. synced tells that each transaction was on
// the disk before the next was written, see inspectMemtable.
func inspect(dir string, synced bool) error {
	names, err := databaseFiles(dir)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", dir, err)
	}
	if len(names) == 0 {
		return nil // new
	}
	tables, torn, err := inspectManifest(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if filepath.Ext(name) == ".sst" && torn {
			// Badger deletes tables that the MANIFEST does not name. After a crash such a
			// table's entries are still in a log; here its name may have been cut off.
			if id, ok := table.ParseFileID(name); ok {
				if _, named := tables[id]; !named {
					return &CorruptError{Dir: dir, File: badger.ManifestFilename, Reason: "it is cut short and does not name " + name}
				}
			}
		}
		err := inspectSmall(filepath.Join(dir, name))
		if err == nil && synced && filepath.Ext(name) == ".mem" {
			err = inspectMemtable(filepath.Join(dir, name))
		}
		if err != nil {
			return &CorruptError{Dir: dir, File: name, Reason: err.Error(), Err: err}
		}
	}
	for id, t := range tables {
		name := table.IDToFilename(id)
		if err := inspectTable(filepath.Join(dir, name), id, t); err != nil {
			return &CorruptError{Dir: dir, File: name, Reason: err.Error(), Err: err}
		}
	}
	return nil
}

// inspectManifest reads which tables there are. torn tells that the last entry is cut.
func inspectManifest(dir string) (_ map[uint64]badger.TableManifest, torn bool, err error) {
	damaged := func(reason string, err error) error {
		return &CorruptError{Dir: dir, File: badger.ManifestFilename, Reason: reason, Err: err}
	}
	defer func() {
		if p := recover(); p != nil {
			err = damaged(fmt.Sprint(p), nil)
		}
	}()
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, damaged("it is missing", err)
	}
	if err != nil {
		return nil, false, fmt.Errorf("cannot open %s: %w", dir, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, fmt.Errorf("cannot open %s: %w", dir, err)
	}
	m, end, err := badger.ReplayManifestFile(f, 0, settings(dir, discard))
	if err != nil {
		return nil, false, damaged(err.Error(), err)
	}
	for _, t := range m.Tables {
		if int(t.Level) >= badger.DefaultOptions("").MaxLevels || t.KeyID != 0 {
			return nil, false, damaged("it names a level or a key that does not exist", nil)
		}
	}
	return m.Tables, end < info.Size(), nil
}

// inspectSmall looks at what is not a table.
func inspectSmall(path string) error {
	switch ext := filepath.Ext(path); {
	case ext == ".mem" || ext == ".vlog":
		return inspectLog(path)
	case filepath.Base(path) == "DISCARD":
		return inspectDiscard(path)
	}
	return nil
}

// inspectLog looks at a log's head: 8 bytes for a key, 0 as nothing is encrypted, and 12
// random ones.
func inspectLog(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var head [20]byte
	switch n, err := io.ReadFull(f, head[:]); {
	case n == 0 && errors.Is(err, io.EOF):
		// Killed between making the file and giving it its size. There is nothing in it,
		// and Badger takes it for damage.
		return os.Remove(path)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it is cut short")
	case err != nil:
		return fmt.Errorf("it cannot be read: %w", err)
	}
	if binary.BigEndian.Uint64(head[:]) != 0 {
		return errors.New("it claims to be encrypted")
	}
	return nil
}

// inspectDiscard looks at the statistics of the value log: pairs of 8 bytes, at least
// 1 MiB of them once the file has a size.
func inspectDiscard(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if n := info.Size(); n != 0 && (n < 1<<20 || n%16 != 0) {
		return fmt.Errorf("it has %d bytes", n)
	}
	return nil
}

// inspectTable verifies all checksums of a table. A table's file ends with its index, 4
// bytes that tell the index's length, a checksum, and 4 bytes that tell the checksum's.
func inspectTable(path string, id uint64, m badger.TableManifest) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be read: %.200v", p)
		}
	}()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it is missing: %w", err)
	}
	if err != nil {
		return err
	}
	rest, sum, ok := cutBlock(data)
	if !ok {
		return errors.New("it is cut short")
	}
	_, index, ok := cutBlock(rest)
	if !ok {
		return errors.New("it has no index")
	}
	var want pb.Checksum
	if err := proto.Unmarshal(sum, &want); err != nil {
		return fmt.Errorf("its checksum cannot be read: %w", err)
	}
	if err := y.VerifyChecksum(index, &want); err != nil {
		return errors.New("its index does not match its checksum")
	}
	// The index is right: Badger can follow it without ending the process.
	t, err := table.OpenInMemoryTable(data, id, &table.Options{BlockSize: 4 << 10, Compression: m.Compression})
	if err != nil {
		return err
	}
	return t.VerifyChecksum()
}

// cutBlock takes a block off the end of data whose length stands in the last 4 bytes.
func cutBlock(data []byte) (rest, block []byte, ok bool) {
	n := len(data) - 4
	if n < 0 {
		return nil, nil, false
	}
	size := int64(binary.BigEndian.Uint32(data[n:]))
	if size > int64(n) {
		return nil, nil, false
	}
	return data[:n-int(size)], data[n-int(size) : n], true
}
