package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// holds fails unless the folder has that one file, whole.
func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("the file holds %.40q, %v; want %.40q", got, err, want)
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
		t.Errorf("the folder holds %v, %v", names, err)
	}
}

func TestAWrittenFileHoldsAllOfItAndOnlyThisUserReadsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for _, content := range []string{"first", "", "a longer one that comes third"} {
		if err := WriteBytes(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		holds(t, path, content)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode(); runtime.GOOS != "windows" && mode != 0o600 {
			t.Errorf("its mode is %v", mode)
		}
		// Wider rights of the old file do not come over to the next.
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWriteThatFailsLeavesWhatWasThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.json")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("the disk is full")
	err := Write(path, func(w io.Writer) error {
		io.WriteString(w, "half of")
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("Write: %v", err)
	}
	holds(t, path, "old")

	func() {
		defer func() { recover() }()
		Write(path, func(w io.Writer) error {
			io.WriteString(w, "half of")
			panic("a defect")
		})
		t.Error("the panic was swallowed")
	}()
	holds(t, path, "old")

	var seen []byte
	err = WriteChecked(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "bad news")
		return err
	}, func(f *os.File) error {
		seen, _ = io.ReadAll(f)
		return full
	})
	if !errors.Is(err, full) || string(seen) != "bad news" {
		t.Errorf("WriteChecked: %v of %q", err, seen)
	}
	holds(t, path, "old")

	taken := filepath.Join(t.TempDir(), "taken")
	if err := os.MkdirAll(filepath.Join(taken, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(taken, []byte("x")); err == nil {
		t.Error("a folder was replaced")
	}
	if names, _ := os.ReadDir(filepath.Dir(taken)); len(names) != 1 {
		t.Errorf("a temporary file is left: %v", names)
	}
	if err := WriteBytes(filepath.Join(taken, "absent", "x"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without its folder: %v", err)
	}
}

func TestALinkIsReplacedNotFollowed(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "token")
	if err := os.Symlink(other, path); err != nil {
		t.Skip(err)
	}
	if err := WriteBytes(path, []byte("mine")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "mine")
	holds(t, other, "other")
}

// Two writers, each of one letter and a length of its own: a reader finds the whole of
// either, at every moment.
func TestAReaderNeverSeesHalfAFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows replaces no file that somebody has open: the write fails")
	}
	path := filepath.Join(t.TempDir(), "seal")
	contents := [][]byte{bytes.Repeat([]byte("a"), 300_000), bytes.Repeat([]byte("b"), 7)}
	if err := WriteBytes(path, contents[0]); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	done := make(chan struct{})
	for _, content := range contents {
		writers.Go(func() {
			for range 50 {
				err := Write(path, func(w io.Writer) error {
					for part := content; len(part) > 0; part = part[min(len(part), 10_000):] {
						if _, err := w.Write(part[:min(len(part), 10_000)]); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { writers.Wait(); close(done) }()
	for reads := 0; ; reads++ {
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
			t.Fatalf("read %d finds %d bytes, %v", reads, len(got), err)
		}
		select {
		case <-done:
			if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
				t.Errorf("the folder holds %v, %v", names, err)
			}
			return
		default:
		}
	}
}

func TestRemoveTakesAnAbsentFileForDone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal")
	if err := WriteBytes(path, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Remove(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
}
