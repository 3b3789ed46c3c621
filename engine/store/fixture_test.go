package store

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// A folder as each schema's first release has closed it, in testdata. To be made once a
// schema, with SERVERY_UPDATE_GOLDEN=1, and never again: the point is that it is old.
func TestFoldersOfEveryReleaseOpen(t *testing.T) {
	want := map[string]string{"a": "1", "b": "", "c": "é"}
	if path := fixture(newest(migrations)); os.Getenv("SERVERY_UPDATE_GOLDEN") != "" {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			makeFixture(t, path, want)
		}
	}
	for schema := firstSchema; schema <= newest(migrations); schema++ {
		dir := t.TempDir()
		if err := unpack(fixture(schema), dir); err != nil {
			t.Errorf("schema %d: %v", schema, err)
			continue
		}
		db := mustOpen(t, dir)
		if got := content(t, db.Table("model"), ""); !maps.Equal(got, want) {
			t.Errorf("schema %d: %v", schema, got)
		}
		mustClose(t, db)
	}
}

func fixture(schema int) string {
	return filepath.Join("testdata", fmt.Sprintf("schema%d.tar.gz", schema))
}

func makeFixture(t *testing.T, path string, records map[string]string) {
	t.Helper()
	dir := t.TempDir()
	db := mustOpen(t, dir)
	for key, value := range records {
		mustApply(t, db.Table("model"), map[string][]byte{key: []byte(value)})
	}
	mustClose(t, db)
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), z.Close(), os.WriteFile(path, out.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func unpack(path, dir string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(head.Name)), content, 0o600); err != nil {
			return err
		}
	}
}
