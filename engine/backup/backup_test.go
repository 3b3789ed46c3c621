package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servery/engine/artifact"
)

// content is what a backup is made of: records, and versions' files by folder and name.
type content struct {
	records map[string]string
	files   map[string]map[string]string
}

func someContent(random *rand.Rand) content {
	c := content{map[string]string{"meta/schema": "1"}, map[string]map[string]string{}}
	for i := range 40 {
		c.records[fmt.Sprintf("model/key%d", i)] = strings.Repeat("x", random.IntN(200_000))
	}
	c.records["endpoint/digits"] = ""
	c.files["main/default/digits/1"] = map[string]string{"digits.onnx": strings.Repeat("weights", random.IntN(100_000)), "data/empty": ""}
	c.files["main/default/é/12"] = map[string]string{strings.Repeat("long/", 60) + "m.onnx": "x"}
	return c
}

// write makes a backup of c at path.
func (c content) write(t testing.TB, ctx context.Context, path string) (Contents, error) {
	t.Helper()
	return WriteFile(ctx, path, func(w io.Writer) error {
		b, err := NewWriter(ctx, w, Head{Servery: "9.9", Schema: 1, CreatedAt: time.Unix(1_700_000_000, 0)}, nil)
		if err != nil {
			return err
		}
		for key, value := range c.records {
			if err := b.Record(key, []byte(value)); err != nil {
				return err
			}
		}
		for folder, files := range c.files {
			dir := t.TempDir()
			for name, text := range files {
				path := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
					return err
				}
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				return err
			}
			defer root.Close()
			digest, _, err := artifact.Digest(root)
			if err != nil {
				return err
			}
			if err := b.Version(Version{Model: "m", Number: 1, Folder: folder, SHA256: digest}, root); err != nil {
				return err
			}
		}
		_, err = b.Close()
		return err
	}, nil)
}

// read is what a backup at path gives.
func read(ctx context.Context, path string) (content, Contents, error) {
	got := content{map[string]string{}, map[string]map[string]string{}}
	f, err := os.Open(path)
	if err != nil {
		return got, Contents{}, err
	}
	defer f.Close()
	_, contents, err := Read(ctx, f, Sink{
		Record: func(key string, value []byte) error { got.records[key] = string(value); return nil },
		File: func(name string, size int64, from io.Reader) error {
			b, err := io.ReadAll(from)
			if err == nil && int64(len(b)) != size {
				err = fmt.Errorf("%s: %d of %d bytes", name, len(b), size)
			}
			parts := strings.SplitN(name, "/", 5)
			folder := strings.Join(parts[:4], "/")
			if got.files[folder] == nil {
				got.files[folder] = map[string]string{}
			}
			got.files[folder][parts[4]] = string(b)
			return err
		},
	}, nil)
	return got, contents, err
}

func TestABackupGivesBackWhatWentIn(t *testing.T) {
	for seed := range uint64(5) {
		want := someContent(rand.New(rand.NewPCG(seed, 1)))
		path := filepath.Join(t.TempDir(), "b.tar")
		written, err := want.write(t, t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		got, contents, err := read(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got.records, want.records) || !maps.EqualFunc(got.files, want.files, maps.Equal[map[string]string, map[string]string]) {
			t.Errorf("seed %d: the content differs", seed)
		}
		if contents.Records != len(want.records) || contents.Tables["model"] != 40 || len(contents.Versions) != 2 || written.Records != contents.Records || len(contents.Problems()) != 0 {
			t.Errorf("seed %d: %+v", seed, contents)
		}
		if !Is(path) {
			t.Error("it does not look like a backup")
		}
	}
}

// A person unpacks a backup with tar.
func TestTarUnpacksABackup(t *testing.T) {
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip(err)
	}
	want := someContent(rand.New(rand.NewPCG(1, 1)))
	dir := t.TempDir()
	path := filepath.Join(dir, "b.tar")
	if _, err := want.write(t, t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-C", dir, "-xf", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "models/main/default/digits/1/digits.onnx"))
	if err != nil || string(b) != want.files["main/default/digits/1"]["digits.onnx"] {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// Any byte of a backup that is another one, and any end that is missing, makes it refused.
func TestAnyDamageToABackupIsNoticed(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	dir := t.TempDir()
	path := filepath.Join(dir, "b.tar")
	small := content{map[string]string{"meta/schema": "1", "model/a": "b"}, map[string]map[string]string{"a/b/c/1": {"m.onnx": "weights"}}}
	if _, err := small.write(t, t.Context(), path); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		bad := filepath.Join(dir, "bad.tar")
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := read(t.Context(), bad)
		var damaged *DamagedError
		var newer *NewerError
		if !errors.As(err, &damaged) && !errors.As(err, &newer) {
			t.Errorf("%s: %v", what, err)
		} else if !strings.Contains(err.Error(), bad) || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%s: the message does not tell what happened: %v", what, err)
		}
	}
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 1 << random.IntN(8)
		refused(fmt.Sprintf("byte %d of %d", at, len(b)), b)
	}
	for range 200 {
		n := random.IntN(len(whole))
		refused(fmt.Sprintf("cut to %d bytes", n), whole[:n])
	}
	refused("with something behind it", append(bytes.Clone(whole), 'x'))
	refused("nothing", nil)
	refused("a text", bytes.Repeat([]byte("no backup "), 500))
}

func TestABackupThatIsGivenUpLeavesWhatWasThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.tar")
	first := someContent(rand.New(rand.NewPCG(3, 3)))
	if _, err := first.write(t, t.Context(), path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := WriteFile(ctx, path, func(w io.Writer) error {
		b, err := NewWriter(ctx, w, Head{}, nil)
		if err != nil {
			return err
		}
		cancel()
		return b.Version(Version{Folder: "a/b/c/1"}, nil)
	}, nil)
	if err == nil {
		_, err = WriteFile(ctx, path, func(io.Writer) error { return nil }, nil)
	}
	if err == nil {
		t.Error("no error")
	}
	if got, _, err := read(t.Context(), path); err != nil || !maps.Equal(got.records, first.records) {
		t.Errorf("the old backup: %v", err)
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func TestWhatIsNoBackupIsNotOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "thesis.txt")
	if err := os.WriteFile(path, []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{path, filepath.Dir(path)} {
		if _, err := someContent(rand.New(rand.NewPCG(4, 4))).write(t, t.Context(), at); err == nil {
			t.Errorf("%s was overwritten", at)
		}
	}
	if b, _ := os.ReadFile(path); string(b) != "years of work" {
		t.Errorf("%q", b)
	}
}

// A version whose files are gone, or not what they were, is in the backup as it is, and told.
func TestDamagedFilesOfAModelAreTold(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.onnx"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	path := filepath.Join(t.TempDir(), "b.tar")
	contents, err := WriteFile(t.Context(), path, func(w io.Writer) error {
		b, err := NewWriter(t.Context(), w, Head{}, nil)
		if err != nil {
			return err
		}
		err = errors.Join(b.Version(Version{Model: "a.b.c", Number: 1, Folder: "a/b/c/1", SHA256: "other"}, root),
			b.Version(Version{Model: "a.b.d", Number: 1, Folder: "a/b/d/1", SHA256: "other"}, nil))
		_, closed := b.Close()
		return errors.Join(err, closed)
	}, nil)
	if err != nil || len(contents.Problems()) != 2 {
		t.Errorf("%+v, %v", contents, err)
	}
}

func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "b.tar")
	small := content{map[string]string{"meta/schema": "1"}, map[string]map[string]string{"a/b/c/1": {"m.onnx": "weights"}}}
	if _, err := small.write(f, context.Background(), path); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:1024])
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "b.tar")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := read(t.Context(), path)
		var damaged *DamagedError
		var newer *NewerError
		if err != nil && !errors.As(err, &damaged) && !errors.As(err, &newer) {
			t.Errorf("an error without a type: %v", err)
		}
	})
}
