package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"servery/engine/registry"
)

// part is a part of a form: a file where it has a file name.
type part struct{ name, file, content string }

// form writes a form; file names go out as they are, also those no client would send.
func form(t testing.TB, parts ...part) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		disposition := fmt.Sprintf(`form-data; name="%s"`, p.name)
		if p.file != "" {
			disposition += fmt.Sprintf(`; filename="%s"`, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p.file))
		}
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {disposition}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, p.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// imported is what the engine found when it was asked to import.
type imported struct {
	registry.Import
	source string   // relative to the upload's own folder
	files  []string // "path=content" of all files in the source, by path
}

func uploads(t testing.TB, options Options) (*Server, func(parts ...part) (answer, *imported)) {
	t.Helper()
	if options.UploadDir == "" {
		options.UploadDir = filepath.Join(t.TempDir(), "uploads")
	}
	f := newFake()
	var got *imported
	f.onImport = func(_ context.Context, in registry.Import) (registry.Version, error) {
		rel, err := filepath.Rel(options.UploadDir, in.Source)
		if err != nil {
			return registry.Version{}, err
		}
		_, inside, _ := strings.Cut(filepath.ToSlash(rel), "/")
		got = &imported{Import: in, source: inside}
		err = filepath.WalkDir(in.Source, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			rel, _ := filepath.Rel(in.Source, path)
			got.files = append(got.files, filepath.ToSlash(rel)+"="+string(b))
			return err
		})
		return registry.Version{Number: 1, Status: registry.Ready}, err
	}
	s := New(f, options)
	return s, func(parts ...part) (answer, *imported) {
		t.Helper()
		got = nil
		body, contentType := form(t, parts...)
		a := ask(t, s, "POST", "/api/2.0/servery/models/import", body, "Content-Type: "+contentType)
		left, err := os.ReadDir(options.UploadDir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if len(left) > 0 {
			t.Errorf("the upload left %v behind", left)
		}
		return a, got
	}
}

func TestUploadsKeepTheirFoldersAndNames(t *testing.T) {
	_, upload := uploads(t, Options{})
	for name, c := range map[string]struct {
		parts  []part
		source string
		files  []string
		model  string
	}{
		"one file": {[]part{{"files", "digits.onnx", "D"}}, "model/digits.onnx", []string{".=D"}, "main.default.digits"},
		"with fields after it": {[]part{{"files", "digits.onnx", "D"}, {"name", "", "a.b.seven"}, {"alias", "", "champion"}, {"comment", "", "ours"}},
			"seven/digits.onnx", []string{".=D"}, "a.b.seven"},
		"external data": {[]part{{"name", "", "a.b.big"}, {"files", "big.onnx", "D"}, {"files", "weights/0.bin", "W"}, {"files", "big.onnx.data", "X"}},
			"big/big.onnx", []string{".=D"}, "a.b.big"},
		"MLflow folder": {[]part{{"name", "", "a.b.c"}, {"files", "MLmodel", "M"}, {"files", "model.onnx", "D"}, {"files", "metadata/MLmodel", "N"}},
			"c", []string{"MLmodel=M", "metadata/MLmodel=N", "model.onnx=D"}, "a.b.c"},
		"MLflow folder by name": {[]part{{"files", "wine/MLmodel", "M"}, {"files", "wine/model.onnx", "D"}}, "model/wine", []string{"MLmodel=M", "model.onnx=D"}, "main.default.wine"},
		"ONNX in its folder":    {[]part{{"files", "net/net.onnx", "D"}, {"files", "net/data", "X"}}, "model/net/net.onnx", []string{".=D"}, "main.default.net"},
		"two ONNX files":        {[]part{{"name", "", "a.b.two"}, {"files", "a.onnx", "A"}, {"files", "b.onnx", "B"}}, "two", []string{"a.onnx=A", "b.onnx=B"}, "a.b.two"},
		"empty file":            {[]part{{"files", "a.onnx", ""}}, "model/a.onnx", []string{".="}, "main.default.a"},
		"odd but plain names":   {[]part{{"files", "日本 語.v1.onnx", "D"}, {"name", "", "a.b.c"}}, "c/日本 語.v1.onnx", []string{".=D"}, "a.b.c"},
		"a hostile model name":  {[]part{{"files", "a.onnx", "D"}, {"name", "", "a.b./../../x"}}, "model/a.onnx", []string{".=D"}, "a.b./../../x"}, // for the registry to refuse
	} {
		t.Run(name, func(t *testing.T) {
			a, got := upload(c.parts...)
			if a.status != 200 || got == nil {
				t.Fatalf("status %d %s", a.status, a.body)
			}
			if got.source != c.source || !slices.Equal(got.files, c.files) || got.Name != c.model {
				t.Errorf("source %q, files %q, name %q", got.source, got.files, got.Name)
			}
		})
	}
	_, got := upload(part{"files", "digits.onnx", "D"}, part{"name", "", "a.b.seven"}, part{"alias", "", "champion"}, part{"comment", "", "ours"})
	if got.Alias != "champion" || got.Comment != "ours" {
		t.Errorf("imported %+v", got.Import)
	}
}

func TestHostileFileNamesAreRefused(t *testing.T) {
	_, upload := uploads(t, Options{})
	for _, name := range []string{
		"../x.onnx", "a/../../x.onnx", "/etc/passwd", "a/./b", ".", "..", "a//b", "a/", `..\x.onnx`, `a\b`, `C:\x`, "C:x", "file.onnx:ads", `\\unc\x`, "//unc/x",
		"CON", "con.onnx", "a/NUL.txt", "COM1", "lpt9.data", "x.", "x ", " x", "a\tb", "\u202egpj.onnx", "a\u200bb", "\xff.onnx",
		strings.Repeat("a", 256), strings.Repeat("a/", 20) + "b", strings.Repeat("abcdefgh/", 12) + strings.Repeat("b", 1000), "a*b", "a?b", "a|b", `a"b`,
	} {
		a, got := upload(part{"files", "model.onnx", "D"}, part{"files", name, "evil"})
		a.wantError(t, 400, "INVALID_PARAMETER_VALUE", "refused")
		if got != nil {
			t.Errorf("%q was imported: %v", name, got.files)
		}
	}
	for _, name := range []string{"a\x00b", "a\nb"} { // which no form can carry
		if checkPath(name) == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestFormsThatAreNotRightAreRefused(t *testing.T) {
	model := part{"files", "model.onnx", "D"}
	for name, c := range map[string]struct {
		parts []part
		word  string
	}{
		"no files":          {[]part{{"name", "", "a.b.c"}}, "no part 'files'"},
		"twice":             {[]part{model, model}, "comes twice"},
		"twice but in case": {[]part{model, {"files", "MODEL.onnx", "E"}}, "comes twice"},
		"file and folder":   {[]part{model, {"files", "model.onnx/x", "E"}}, "another file has its name"},
		"folder and file":   {[]part{{"files", "a/x", "E"}, {"files", "a", "E"}}, "another file has its name"},
		"a field twice":     {[]part{model, {"name", "", "a.b.c"}, {"name", "", "a.b.d"}}, "twice"},
		"an unknown part":   {[]part{model, {"path", "", "/etc"}}, `"path"`},
		"a long field":      {[]part{model, {"comment", "", strings.Repeat("x", maxFormField+1)}}, "longer than"},
		"no file name":      {[]part{{"files", "", "D"}}, "empty"},
		"too many files":    {manyFiles(maxFiles + 1), "more than 4096 files"},
	} {
		t.Run(name, func(t *testing.T) {
			_, upload := uploads(t, Options{})
			a, got := upload(c.parts...)
			a.wantError(t, 400, "INVALID_PARAMETER_VALUE", c.word)
			if got != nil {
				t.Errorf("imported %v", got.files)
			}
		})
	}
}

func manyFiles(n int) []part {
	parts := make([]part, n)
	for i := range parts {
		parts[i] = part{"files", fmt.Sprintf("f%d", i), ""}
	}
	return parts
}

func TestUploadsHaveALimit(t *testing.T) {
	_, upload := uploads(t, Options{MaxUpload: 3 << 20})
	if a, got := upload(part{"files", "a.onnx", strings.Repeat("a", 1<<20)}, part{"files", "b", strings.Repeat("b", 2<<20)}); a.status != 200 || got == nil {
		t.Errorf("the very limit: status %d %s", a.status, a.body)
	}
	a, got := upload(part{"files", "a.onnx", strings.Repeat("a", 1<<20)}, part{"files", "b", strings.Repeat("b", 2<<20+1)})
	a.wantError(t, 413, "REQUEST_TOO_LARGE", "3145728 bytes")
	if got != nil {
		t.Error("it was imported all the same")
	}
}

func TestBrokenFormsAreRefused(t *testing.T) {
	s, _ := uploads(t, Options{})
	const path = "/api/2.0/servery/models/import"
	body, contentType := form(t, part{"files", "a.onnx", strings.Repeat("a", 10_000)})
	ask(t, s, "POST", path, body[:len(body)/2], "Content-Type: "+contentType).wantError(t, 400, "MALFORMED_REQUEST", "multipart")
	ask(t, s, "POST", path, body, "Content-Type: multipart/form-data").wantError(t, 400, "MALFORMED_REQUEST", "boundary")
	ask(t, s, "POST", path, body, "Content-Type: "+contentType, "Content-Encoding: gzip").wantError(t, 415, "UNSUPPORTED_MEDIA_TYPE")
	ask(t, New(newFake(), Options{}), "POST", path, body, "Content-Type: "+contentType).wantError(t, 501, "NOT_IMPLEMENTED", "path")
	left, err := os.ReadDir(s.options.UploadDir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// Only what uploads made is removed at a start; the folder is the owner's alone.
func TestOldUploadsAreRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uploads")
	for _, name := range []string{"upload-1/model", "mine"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s, upload := uploads(t, Options{UploadDir: dir})
	if _, err := os.Stat(filepath.Join(dir, "upload-1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an old upload is still there: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "mine")); err != nil {
		t.Errorf("what is no upload was touched: %v", err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if a, _ := upload(part{"files", "a.onnx", "D"}); a.status != 200 {
		t.Errorf("status %d %s", a.status, a.body)
	}
	info, err := os.Stat(s.options.UploadDir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v %v", info.Mode(), err)
	}
}
