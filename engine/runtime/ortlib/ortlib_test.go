package ortlib

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servery/engine/runtime"
)

const script = "../../../scripts/get-onnxruntime.sh"

// touch makes an empty file below root and returns its path.
func touch(t *testing.T, root string, elements ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{root}, elements...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindTakesTheFirstPlace(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	binary := touch(t, root, "app", "bin", "servery")
	f := finder{file: "libonnxruntime.so.1", dataDir: filepath.Join(root, "data"),
		executable: func() (string, error) { return binary, nil }}
	// From the last place to the first: each new file must win over those before it.
	for _, place := range [][]string{
		{"data", "lib"}, {"app", ".onnxruntime"}, {"app", "bin", ".onnxruntime"},
		{"app", "lib", "servery"}, {"app", "bin"},
	} {
		want := touch(t, root, append(place, f.file)...)
		got, err := f.find()
		if err != nil || got != want {
			t.Errorf("with a library in %v: got %q, %v, want %q", place, got, err, want)
		}
	}
	f.variable = filepath.Dir(touch(t, root, "variable", f.file))
	if got, err := f.find(); err != nil || got != filepath.Join(f.variable, f.file) {
		t.Errorf("a folder in the variable: got %q, %v", got, err)
	}
	f.explicit = touch(t, root, "flag", "my-own-build.so")
	if got, err := f.find(); err != nil || got != f.explicit {
		t.Errorf("an explicit file of another name: got %q, %v", got, err)
	}
}

func TestFindFollowsTheBinarysSymlink(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	binary := touch(t, root, "opt", "servery", "servery")
	want := touch(t, root, "opt", "servery", "libonnxruntime.so.1")
	link := filepath.Join(root, "servery")
	if err := os.Symlink(binary, link); err != nil {
		t.Fatal(err)
	}
	f := finder{file: "libonnxruntime.so.1", executable: func() (string, error) { return link, nil }}
	if got, err := f.find(); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestFindSaysWhatIsMissingAndWhatToDo(t *testing.T) {
	root := t.TempDir()
	here := func() (string, error) { return filepath.Join(root, "bin", "servery"), nil }
	present := touch(t, root, "data", "lib", "libonnxruntime.so.1")
	for name, c := range map[string]struct {
		f    finder
		says []string
	}{
		"nowhere": {finder{dataDir: filepath.Join(root, "other"), executable: here},
			[]string{filepath.Join(root, "bin"), "make onnxruntime", "onnxruntime-node@1.30.0", filepath.Join(root, "other", "lib")}},
		"a named file that is not there, though another place has one": {
			finder{explicit: filepath.Join(root, "no.so"), dataDir: filepath.Dir(filepath.Dir(present)), executable: here},
			[]string{"no.so", "option", Variable}},
		"a variable that leads nowhere": {
			finder{variable: filepath.Join(root, "gone"), dataDir: filepath.Dir(filepath.Dir(present)), executable: here},
			[]string{"gone", "which " + Variable + " names"}},
		"no executable and no data folder": {
			finder{executable: func() (string, error) { return "", errors.New("no /proc") }},
			[]string{"make onnxruntime"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.f.file = "libonnxruntime.so.1"
			path, err := c.f.find()
			var missing *runtime.MissingError
			if !errors.As(err, &missing) {
				t.Fatalf("got %q, %v, want a *runtime.MissingError", path, err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}

func TestFindReadsTheVariable(t *testing.T) {
	path := touch(t, t.TempDir(), FileName())
	t.Setenv(Variable, path)
	if got, err := Find("", ""); err != nil || got != path {
		t.Errorf("got %q, %v, want %q", got, err, path)
	}
}

func TestFindGivesAnAbsolutePath(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "libonnxruntime.so.1")
	t.Chdir(dir)
	got, err := finder{explicit: "libonnxruntime.so.1", file: "libonnxruntime.so.1"}.find()
	if err != nil || !filepath.IsAbs(got) {
		t.Errorf("got %q, %v: a bare name would be searched for in the system's folders", got, err)
	}
}

func TestScriptHoldsTheSameDigests(t *testing.T) {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	for platform, digest := range SHA256 {
		if !strings.Contains(string(text), "digest="+digest+"\n") {
			t.Errorf("get-onnxruntime.sh lacks the digest of %s", platform)
		}
	}
	if got, want := strings.Count(string(text), "digest="), len(SHA256); got != want {
		t.Errorf("get-onnxruntime.sh has %d digests, ortlib %d", got, want)
	}
	if !strings.Contains(string(text), "version="+Version+"\n") {
		t.Errorf("get-onnxruntime.sh fetches another version than %s", Version)
	}
}

func TestVerify(t *testing.T) {
	library := "../../../.onnxruntime/" + FileName()
	if !isFile(library) {
		t.Fatal("ONNX Runtime is absent. " + Hint(""))
	}
	if err := Verify(library); err != nil {
		t.Error(err)
	}
	other := touch(t, t.TempDir(), FileName())
	err := Verify(other)
	var unknown *UnknownError
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "e3b0c44298fc1c149afbf4c8996fb924") {
		t.Errorf("an empty file: %v", err)
	}
	if err := Verify(other + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestAFingerprintTellsOneLibraryFromTheNext(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName())
	if _, err := Fingerprint(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	at := time.Unix(1_700_000_000, 0)
	seen := map[string]bool{}
	for _, c := range []struct {
		content string
		at      time.Time
	}{{"one", at}, {"other", at}, {"other", at.Add(time.Second)}} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, c.at, c.at); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := Fingerprint(path)
			if err != nil {
				t.Fatal(err)
			}
			seen[got] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("three files have the fingerprints %v", seen)
	}
}
