package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func digest(t *testing.T, dir string) (string, int64, error) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return Digest(root)
}

func mustDigest(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	sum, size, err := digest(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := int64(0)
	for _, content := range files {
		want += int64(len(content))
	}
	if size != want {
		t.Errorf("size %d, want %d", size, want)
	}
	return sum
}

func TestTheDigestIsWhatItsDescriptionSays(t *testing.T) {
	// Written out by hand: b/c (2 bytes) comes after "a" (0 bytes).
	text := "\x01\x00\x00\x00\x00\x00\x00\x00a" + "\x00\x00\x00\x00\x00\x00\x00\x00"
	empty := sha256.Sum256(nil)
	text += string(empty[:])
	xy := sha256.Sum256([]byte("xy"))
	text += "\x03\x00\x00\x00\x00\x00\x00\x00b/c" + "\x02\x00\x00\x00\x00\x00\x00\x00" + string(xy[:])
	sum := sha256.Sum256([]byte(text))
	if got, want := mustDigest(t, map[string]string{"a": "", "b/c": "xy"}), hex.EncodeToString(sum[:]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEveryChangeOfAFileChangesTheDigest(t *testing.T) {
	base := map[string]string{"MLmodel": "flavors", "data/w.bin": "0123", "model.onnx": "graph"}
	seen := map[string]string{mustDigest(t, base): "base"}
	for name, files := range map[string]map[string]string{
		"content":        {"MLmodel": "flavorz", "data/w.bin": "0123", "model.onnx": "graph"},
		"file more":      {"MLmodel": "flavors", "data/w.bin": "0123", "model.onnx": "graph", "x": ""},
		"file less":      {"MLmodel": "flavors", "model.onnx": "graph"},
		"renamed":        {"MLmodel": "flavors", "data/v.bin": "0123", "model.onnx": "graph"},
		"moved":          {"MLmodel": "flavors", "w.bin": "0123", "model.onnx": "graph"},
		"boundary moved": {"MLmodel": "flavors0", "data/w.bin": "123", "model.onnx": "graph"},
		"exchanged":      {"MLmodel": "graph", "data/w.bin": "0123", "model.onnx": "flavors"},
		"truncated":      {"MLmodel": "flavors", "data/w.bin": "012", "model.onnx": "graph"},
		"nothing at all": {},
	} {
		sum := mustDigest(t, files)
		if other, ok := seen[sum]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[sum] = name
	}
}

func TestTheDigestDependsOnContentAlone(t *testing.T) {
	files := map[string]string{"b": "2", "a/b": "1", "a.b": "3", "a/c/d": "4"}
	dir := t.TempDir()
	write(t, dir, files)
	for name := range files {
		if err := os.Chtimes(filepath.Join(dir, name), time.Unix(1, 0), time.Unix(2, 0)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	got, _, err := digest(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := mustDigest(t, files); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRefusesSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "1", "folder/b": "2"})
	for name, to := range map[string]string{"inside": "a", "out": filepath.Join(t.TempDir(), "x"), "folder/up": "..", "dangling": "nowhere"} {
		link := filepath.Join(dir, name)
		if err := os.Symlink(to, link); err != nil {
			t.Skip("this system makes no symbolic links: ", err)
		}
		_, _, err := digest(t, dir)
		var refused *FileError
		if !errors.As(err, &refused) || refused.Name != name || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := digest(t, dir); err != nil {
		t.Errorf("without the links: %v", err)
	}
}

func TestAnUnreadableFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "1"})
	if err := os.Chmod(filepath.Join(dir, "a"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(filepath.Join(dir, "a")); err == nil {
		t.Skip("this user reads everything")
	}
	_, _, err := digest(t, dir)
	var refused *FileError
	if !errors.As(err, &refused) || refused.Name != "a" || !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func TestNoTwoListsOfFilesReadAlike(t *testing.T) {
	file := rapid.Custom(func(t *rapid.T) File {
		return File{Name: rapid.StringMatching(`[ab/]{0,3}`).Draw(t, "name"), Size: rapid.Int64Range(0, 3).Draw(t, "size"),
			SHA256: [32]byte{rapid.Byte().Draw(t, "hash")}}
	})
	files := rapid.SliceOfNDistinct(file, 0, 5, func(f File) string { return f.Name })
	rapid.Check(t, func(t *rapid.T) {
		a, b := files.Draw(t, "a"), files.Draw(t, "b")
		same := len(a) == len(b)
		for _, f := range a {
			found := false
			for _, g := range b {
				found = found || f == g
			}
			same = same && found
		}
		if (Combine(a) == Combine(b)) != same {
			t.Fatalf("Combine tells %v and %v apart: %t", a, b, same)
		}
		if shuffled := rapid.Permutation(a).Draw(t, "shuffled"); Combine(shuffled) != Combine(a) {
			t.Fatal("the order of the files counts")
		}
	})
}

func BenchmarkDigest(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "w.bin"), make([]byte, 16<<20), 0o600); err != nil {
		b.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	b.SetBytes(16 << 20)
	for b.Loop() {
		if _, _, err := Digest(root); err != nil {
			b.Fatal(err)
		}
	}
}
