package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"servery/engine/atomicfile"
)

// sealName is the file that Close leaves behind: size and checksum of each file of the
// folder. Open compares, removes it, and only then lets Badger in. A folder with a seal
// that matches is what Close left, byte for byte; one without was not closed.
const sealName = "servery.seal"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type sealed struct {
	Size int64  `json:"size"`
	Sum  uint32 `json:"crc32c"`
}

// writeSeal seals the files of dir as they are now. It reads all of them: 200 MB take
// about 0.1 s once they are in memory.
func writeSeal(dir string) error {
	files := map[string]sealed{}
	names, err := databaseFiles(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if files[name], err = measure(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	content, err := json.Marshal(files)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, sealName), fmt.Appendf(nil, "%08x\n%s\n", crc32.Checksum(content, castagnoli), content))
}

// readSeal reads the seal of dir; ok is false where there is none that can be trusted.
func readSeal(dir string) (files map[string]sealed, ok bool) {
	b, err := os.ReadFile(filepath.Join(dir, sealName))
	if err != nil {
		return nil, false
	}
	head, content, _ := bytes.Cut(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
	if string(head) != fmt.Sprintf("%08x", crc32.Checksum(content, castagnoli)) {
		return nil, false
	}
	return files, json.Unmarshal(content, &files) == nil
}

// check fails with *CorruptError where the files of dir are not fit to be opened.
func check(dir string) error {
	if files, ok := readSeal(dir); ok {
		if err := compare(dir, files); err != nil {
			return err
		}
	} else if err := inspect(dir, true); err != nil {
		return err
	}
	if err := atomicfile.Remove(filepath.Join(dir, sealName)); err != nil {
		return fmt.Errorf("cannot open %s: %w", dir, err)
	}
	return nil
}

// compare compares the files of dir with their seal.
func compare(dir string, files map[string]sealed) error {
	for name, want := range files {
		got, err := measure(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &CorruptError{Dir: dir, File: name, Reason: "it is missing", Err: err}
		case errors.Is(err, fs.ErrPermission):
			return fmt.Errorf("cannot open %s: %w", dir, err)
		case err != nil:
			return &CorruptError{Dir: dir, File: name, Reason: "it cannot be read: " + err.Error(), Err: err}
		case got.Size != want.Size:
			return &CorruptError{Dir: dir, File: name, Reason: fmt.Sprintf("it has %d bytes where Servery left %d", got.Size, want.Size)}
		case got.Sum != want.Sum:
			return &CorruptError{Dir: dir, File: name, Reason: "its content is not what Servery left"}
		}
	}
	names, err := databaseFiles(dir)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", dir, err)
	}
	for _, name := range names {
		if _, ok := files[name]; !ok {
			return &CorruptError{Dir: dir, File: name, Reason: "Servery did not leave it there"}
		}
	}
	return nil
}

// databaseFiles names Badger's files in dir.
func databaseFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if slices.Contains([]string{"MANIFEST", "KEYREGISTRY", "DISCARD"}, e.Name()) ||
			slices.Contains([]string{".sst", ".mem", ".vlog"}, filepath.Ext(e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func measure(path string) (sealed, error) {
	f, err := os.Open(path)
	if err != nil {
		return sealed{}, err
	}
	defer f.Close()
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, f)
	return sealed{Size: n, Sum: sum.Sum32()}, err
}
