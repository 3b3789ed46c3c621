package engine

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"servery/engine/artifact"
	"servery/engine/backup"
	"servery/engine/onnx/onnxtest"
	"servery/engine/registry"
	"servery/engine/store"
)

// filled is a data folder with two versions of a model, a record and a token.
func filled(t *testing.T) (dir, token string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	f, err := OpenFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for n := range 2 {
		source := filepath.Join(t.TempDir(), "m.onnx")
		if err := os.WriteFile(source, onnxtest.Add(n+1), 0o600); err != nil {
			t.Fatal(err)
		}
		if v, err := f.Registry.Import(t.Context(), registry.Import{Source: source, Name: "a.b.c", Alias: "last"}, nil); err != nil || v.Status != registry.Ready {
			t.Fatalf("%+v, %v", v, err)
		}
	}
	if err := f.db.Table("endpoint").Apply(map[string][]byte{"digits": []byte(`{"kept":true}`)}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets.key"), []byte("the key"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, f.token
}

func backedUp(t *testing.T, dir string) (path string, contents backup.Contents) {
	t.Helper()
	f, err := OpenFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path = filepath.Join(t.TempDir(), "b.tar")
	if contents, err = f.BackupFile(t.Context(), "9.9", path, nil); err != nil {
		t.Fatal(err)
	}
	return path, contents
}

// whole checks that a data folder is what filled made.
func whole(t *testing.T, dir, token string) {
	t.Helper()
	f, err := OpenFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := f.Registry.Model("a.b.c")
	if err != nil || len(m.Versions) != 2 || len(m.Aliases) != 1 || m.Aliases[0].Version != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, v := range m.Versions {
		root, err := os.OpenRoot(v.Dir)
		if err != nil {
			t.Fatal(err)
		}
		digest, _, err := artifact.Digest(root)
		if root.Close(); err != nil || digest != v.SHA256 || v.Status != registry.Ready {
			t.Errorf("version %d is %s: %s, its files %s, %v", v.Number, v.Status, v.Reason, digest, err)
		}
	}
	if _, err := f.access.Authenticate(token); err != nil {
		t.Errorf("the token: %v", err)
	}
	var records []string
	if err := f.db.Table("endpoint").Each("", func(key string, value []byte) error {
		records = append(records, key+string(value))
		return nil
	}); err != nil || len(records) != 1 || records[0] != `digits{"kept":true}` {
		t.Errorf("%q, %v", records, err)
	}
}

func TestABackupRestoresIntoANewFolder(t *testing.T) {
	dir, token := filled(t)
	path, contents := backedUp(t, dir)
	if contents.Tables["endpoint"] != 1 || len(contents.Versions) != 2 || contents.Tables["meta"] != 1 || len(contents.Problems()) != 0 {
		t.Errorf("%+v", contents)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, never := range map[string]string{"the token": token, "the key of the secrets": "the key"} {
		if bytes.Contains(text, []byte(never)) {
			t.Errorf("the backup holds %s", what)
		}
	}
	to := filepath.Join(t.TempDir(), "new")
	r, err := Restore(t.Context(), path, RestoreOptions{DataDir: to})
	if err != nil || r.Before != "" || r.Contents.Records != contents.Records {
		t.Fatalf("%+v, %v", r, err)
	}
	whole(t, to, token)
	if left, _ := filepath.Glob(filepath.Join(to, "..", "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(filepath.Join(to, completeFile)); err == nil {
		t.Error("the mark of the restore is still there")
	}
}

func TestARestoreKeepsTheFolderThatWasThere(t *testing.T) {
	dir, token := filled(t)
	path, _ := backedUp(t, dir)
	f, err := OpenFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Registry.DeleteModel(t.Context(), "a.b.c"); err != nil {
		t.Fatal(err)
	}
	var used *store.InUseError
	if _, err := Restore(t.Context(), path, RestoreOptions{DataDir: dir, Replace: true}); !errors.As(err, &used) {
		t.Errorf("while the folder is in use: %v", err)
	}
	f.Close()
	var full *NotEmptyError
	if _, err := Restore(t.Context(), path, RestoreOptions{DataDir: dir}); !errors.As(err, &full) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("without being told to: %v", err)
	}
	r, err := Restore(t.Context(), path, RestoreOptions{DataDir: dir, Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	whole(t, dir, token)
	if key, err := os.ReadFile(filepath.Join(dir, "secrets.key")); err != nil || string(key) != "the key" {
		t.Errorf("the key of the secrets: %q, %v", key, err)
	}
	old, err := OpenFolder(t.Context(), r.Before)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if models := old.Registry.Models(); len(models) != 0 {
		t.Errorf("the old folder holds %v", models)
	}
}

func TestAFolderThatIsNoDataFolderIsNeverReplaced(t *testing.T) {
	dir, _ := filled(t)
	path, _ := backedUp(t, dir)
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var full *NotEmptyError
	if _, err := Restore(t.Context(), path, RestoreOptions{DataDir: home, Replace: true}); !errors.As(err, &full) || !full.Foreign {
		t.Errorf("%v", err)
	}
	if names, _ := os.ReadDir(home); len(names) != 1 {
		t.Errorf("%v", names)
	}
}

// A damaged backup, a restore that is given up and a full staging leave all as it was.
func TestARestoreThatFailsChangesNothing(t *testing.T) {
	dir, token := filled(t)
	path, _ := backedUp(t, dir)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.tar")
	if err := os.WriteFile(bad, append(text[:len(text)/2:len(text)/2], text[len(text)/2+1:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged *backup.DamagedError
	if _, err := Restore(t.Context(), bad, RestoreOptions{DataDir: dir, Replace: true}); !errors.As(err, &damaged) {
		t.Errorf("a damaged one: %v", err)
	}
	if _, err := Restore(t.Context(), filepath.Join(dir, "absent"), RestoreOptions{DataDir: dir, Replace: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent one: %v", err)
	}
	for _, stage := range []string{backup.StageCheck, backup.StageRestore} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Restore(ctx, path, RestoreOptions{DataDir: dir, Replace: true, Progress: func(p backup.Progress) {
			if p.Stage == stage && p.Done > p.Total/2 {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("given up while %s: %v", stage, err)
		}
	}
	whole(t, dir, token)
	if left, _ := filepath.Glob(dir + "*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// Between the two renames there is no data folder: the next start makes the second one,
// and never an empty folder.
func TestARestoreThatIsCutShortIsFinishedByTheNextStart(t *testing.T) {
	dir, token := filled(t)
	path, _ := backedUp(t, dir)
	staged := filepath.Join(t.TempDir(), "data")
	if _, err := Restore(t.Context(), path, RestoreOptions{DataDir: staged}); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	// Killed before it was whole: it is no data folder.
	if err := os.Rename(staged, dir+stagingEnd); err != nil {
		t.Fatal(err)
	}
	if err := finishRestore(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("half a folder was put in place")
	}
	if err := os.WriteFile(filepath.Join(dir+stagingEnd, completeFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	whole(t, dir, token)
}

// stuck is a writer that calls once when it has got something.
type stuck struct {
	bytes.Buffer
	call func()
}

func (s *stuck) Write(b []byte) (int, error) {
	if s.call != nil {
		call := s.call
		s.call = nil
		call()
	}
	return s.Buffer.Write(b)
}

// What is deleted, and made anew under the same name, while a backup is written is in the
// backup as it was when that began.
func TestABackupIsOfOneMoment(t *testing.T) {
	dir, token := filled(t)
	f, err := OpenFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := &stuck{call: func() {
		if err := f.Registry.DeleteModel(t.Context(), "a.b.c"); err != nil {
			t.Error(err)
		}
		source := filepath.Join(t.TempDir(), "m.onnx")
		if err := os.WriteFile(source, onnxtest.Add(77), 0o600); err != nil {
			t.Error(err)
		}
		if _, err := f.Registry.Import(t.Context(), registry.Import{Source: source, Name: "a.b.c"}, nil); err != nil {
			t.Error(err)
		}
		if err := f.db.Table("endpoint").Apply(map[string][]byte{"digits": nil, "other": []byte("{}")}); err != nil {
			t.Error(err)
		}
	}}
	contents, err := writeBackup(t.Context(), f.db, f.Registry, "9.9", out, nil)
	if err != nil || len(contents.Problems()) != 0 {
		t.Fatalf("%+v, %v", contents, err)
	}
	path := filepath.Join(t.TempDir(), "b.tar")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "new")
	if _, err := Restore(t.Context(), path, RestoreOptions{DataDir: to}); err != nil {
		t.Fatal(err)
	}
	whole(t, to, token)
	if left, _ := filepath.Glob(filepath.Join(dir, "models", ".incoming", "*")); len(left) != 0 {
		t.Errorf("what was deleted meanwhile is still there: %v", left)
	}
}
