package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tabletest"
)

// registered makes the model a.b.c where it is not there, and a version that waits.
func (f *fixture) registered(t testing.TB) File {
	t.Helper()
	ctx := context.Background()
	if _, err := f.Model("main.default.c"); err != nil {
		if _, err := f.CreateModel(ctx, NewModel{Name: "main.default.c", CreatedBy: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
	v, err := f.Register(ctx, Registration{Name: "Main.default.C", Source: "models:/m-1", RunID: "run", ModelID: "m-1", Tags: []Tag{{"k", "v"}}, CreatedBy: "ann"})
	if err != nil || v.Status != Pending || !v.Uploading {
		t.Fatalf("%+v %v", v, err)
	}
	return File{Model: "main.default.c", Version: v.Number}
}

func (f File) at(path string) File {
	f.Path = path
	return f
}

func (f *fixture) upload(t testing.TB, at File, content string) {
	t.Helper()
	if err := f.WriteFile(context.Background(), at, int64(len(content)), true, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

// read is a file's content, or what is wrong with it.
func (f *fixture) read(at File) string {
	file, info, err := f.OpenFile(at)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	b, err := io.ReadAll(file)
	if err != nil || int64(len(b)) != info.Size() {
		return "broken"
	}
	return string(b)
}

func (f *fixture) list(t testing.TB, at File) string {
	t.Helper()
	entries, err := f.Folder(at)
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func TestAnUploadBecomesAVersion(t *testing.T) {
	f := newFixture(t)
	at := f.registered(t)
	model := string(onnxtest.Add(2))
	if got := f.list(t, at.at(".")); got != "" {
		t.Errorf("an empty upload has %q", got)
	}
	f.upload(t, at.at("model.onnx"), "not yet the model")
	f.upload(t, at.at("model.onnx"), model)
	f.upload(t, at.at("MLmodel"), plainDescription)
	f.upload(t, at.at("deep/er/file"), "x")
	if err := f.MakeFolder(context.Background(), at.at("deep/empty")); err != nil {
		t.Error(err)
	}
	f.reopen(t) // the client does not notice
	if got := f.list(t, at.at(".")); got != "MLmodel deep/ model.onnx" {
		t.Error(got)
	}
	var exists *ExistsError
	if err := f.WriteFile(context.Background(), at.at("MLmodel"), -1, false, strings.NewReader("x")); !errors.As(err, &exists) {
		t.Error(err)
	}
	for range 2 { // a repeated call finds what the first did
		v, err := f.Finalize(context.Background(), "MAIN.default.c", at.Version, nil)
		if err != nil || v.Status != Ready || v.Uploading || v.SHA256 == "" || v.RunID != "3fa9c1" || v.ModelID != "m-1" || v.Source != "models:/m-1" ||
			len(v.Tags) != 1 || v.CreatedBy != "ann" || v.Signature == nil || v.InputExample == nil {
			t.Fatalf("%+v %v", v, err)
		}
	}
	if got := f.read(at.at("model.onnx")); got != model {
		t.Errorf("%d bytes came back of %d", len(got), len(model))
	}
	if got := f.list(t, at.at("deep/er")); got != "file" {
		t.Error(got)
	}
	var state *StateError
	if err := f.WriteFile(context.Background(), at.at("MLmodel"), -1, true, strings.NewReader("x")); !errors.As(err, &state) {
		t.Error(err)
	}
	if err := f.RemoveFile(context.Background(), at.at("MLmodel"), false); !errors.As(err, &state) {
		t.Error(err)
	}
	f.checkFiles(t)
	f.reopen(t)
	f.checkFiles(t)
}

func TestAModelThatCannotBeServedIsUploadedWithTheReason(t *testing.T) {
	f := newFixture(t)
	for content, says := range map[string]string{"broken": "", plainDescription: "model.onnx"} {
		at := f.registered(t)
		f.upload(t, at.at("MLmodel"), content)
		v, err := f.Finalize(context.Background(), at.Model, at.Version, nil)
		if err != nil || v.Status != Failed || v.Reason == "" || !strings.Contains(v.Reason, says) || v.Uploading {
			t.Errorf("%+v %v", v, err)
		}
	}
	at := f.registered(t)
	var state *StateError
	if _, err := f.Finalize(context.Background(), at.Model, at.Version, nil); !errors.As(err, &state) {
		t.Error(err)
	}
	f.upload(t, at.at("lonely.onnx"), string(onnxtest.Add(1)))
	if v, err := f.Finalize(context.Background(), at.Model, at.Version, nil); err != nil || v.Status != Failed || !strings.Contains(v.Reason, "MLmodel") {
		t.Errorf("%+v %v", v, err)
	}
	f.checkFiles(t)
}

// half gives some bytes and then fails.
type half struct {
	left int
	err  error
}

func (h *half) Read(p []byte) (int, error) {
	if h.left == 0 {
		return 0, h.err
	}
	n := min(h.left, len(p))
	h.left -= n
	return n, nil
}

func TestAFileIsThereOnlyOnceItIsComplete(t *testing.T) {
	f := newFixture(t)
	at := f.registered(t).at("weights")
	gone := errors.New("the client has gone")
	if err := f.WriteFile(context.Background(), at, 100, true, &half{50, gone}); !errors.Is(err, gone) {
		t.Error(err)
	}
	if err := f.WriteFile(context.Background(), at, 100, true, &half{50, io.EOF}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.WriteFile(ctx, at, 100, true, &half{100, io.EOF}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := f.list(t, at.at(".")); got != "" {
		t.Errorf("there is %q", got)
	}
	f.upload(t, at, "old")
	reader, writer := io.Pipe()
	var work sync.WaitGroup
	work.Go(func() {
		if err := f.WriteFile(context.Background(), at, -1, true, reader); err != nil {
			t.Error(err)
		}
	})
	io.WriteString(writer, "ne")
	if got := f.read(at); got != "old" {
		t.Errorf("while the new one comes there is %q", got)
	}
	io.WriteString(writer, "w")
	writer.Close()
	work.Wait()
	if got := f.read(at); got != "new" {
		t.Errorf("then there is %q", got)
	}
	m, _ := f.Model(at.Model)
	if left, err := os.ReadDir(filepath.Join(f.uploadDir(m, at.Version), partialFolder)); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

func TestAFileThatComesTooLateIsRefused(t *testing.T) {
	f := newFixture(t)
	at := f.registered(t)
	f.upload(t, at.at("MLmodel"), plainDescription)
	f.upload(t, at.at("model.onnx"), string(onnxtest.Add(1)))
	reader, writer := io.Pipe()
	done := make(chan error)
	go func() { done <- f.WriteFile(context.Background(), at.at("late"), -1, true, reader) }()
	io.WriteString(writer, "x")
	if v, err := f.Finalize(context.Background(), at.Model, at.Version, nil); err != nil || v.Status != Ready {
		t.Errorf("%+v %v", v, err)
	}
	writer.Close()
	var state *StateError
	if err := <-done; !errors.As(err, &state) {
		t.Error(err)
	}
	f.checkFiles(t)
}

func TestNoPathLeadsOutOfAnUpload(t *testing.T) {
	f := newFixture(t)
	at := f.registered(t)
	outside := filepath.Join(f.dir, "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.upload(t, at.at("file"), "x")
	for _, name := range []string{"", "/etc/passwd", "../file", "a/../../../outside", "..", "./file", "a//b", "a/", `..\outside`, `a\b`} {
		var value *ValueError
		if err := f.WriteFile(context.Background(), at.at(name), -1, true, strings.NewReader("x")); !errors.As(err, &value) {
			t.Errorf("%q is written: %v", name, err)
		}
		if _, _, err := f.OpenFile(at.at(name)); !errors.As(err, &value) {
			t.Errorf("%q is read: %v", name, err)
		}
		if _, err := f.Folder(at.at(name)); !errors.As(err, &value) {
			t.Errorf("%q is listed: %v", name, err)
		}
		if err := f.RemoveFile(context.Background(), at.at(name), false); !errors.As(err, &value) {
			t.Errorf("%q is removed: %v", name, err)
		}
	}
	// Should a link get there all the same, nobody follows it.
	m, _ := f.Model(at.Model)
	files := filepath.Join(f.uploadDir(m, at.Version), filesFolder)
	if err := errors.Join(os.Symlink(outside, filepath.Join(files, "link")), os.Symlink(f.dir, filepath.Join(files, "folder"))); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"link", "folder/outside"} {
		if got := f.read(at.at(name)); strings.Contains(got, "secret") {
			t.Errorf("%s is followed", name)
		}
	}
	if err := f.WriteFile(context.Background(), at.at("folder/new"), -1, true, strings.NewReader("x")); err == nil {
		t.Error("a file is written through a link")
	}
	if v, err := f.Finalize(context.Background(), at.Model, at.Version, nil); err != nil || v.Status != Failed {
		t.Errorf("%+v %v", v, err)
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "secret" {
		t.Errorf("%s %v", b, err)
	}
}

func TestFilesAndFoldersStandInEachOthersWay(t *testing.T) {
	f := newFixture(t)
	at := f.registered(t)
	f.upload(t, at.at("a/b"), "x")
	for _, name := range []string{"a", "a/b/c"} {
		var exists *ExistsError
		if err := f.WriteFile(context.Background(), at.at(name), -1, true, strings.NewReader("x")); !errors.As(err, &exists) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var state *StateError
	if err := f.RemoveFile(context.Background(), at.at("a"), true); !errors.As(err, &state) {
		t.Error(err)
	}
	var missing *NotFoundError
	for _, c := range []struct {
		name   string
		folder bool
	}{{"a", false}, {"a/b", true}, {"a/none", false}, {".", true}} {
		if err := f.RemoveFile(context.Background(), at.at(c.name), c.folder); !errors.As(err, &missing) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := errors.Join(f.RemoveFile(context.Background(), at.at("a/b"), false), f.RemoveFile(context.Background(), at.at("a"), true)); err != nil {
		t.Error(err)
	}
	f.upload(t, at.at("a"), "now a file")
}

func TestAnUploadIsBounded(t *testing.T) {
	f := newFixture(t)
	f.limits = limits{files: 2, bytes: 10, main: 10}
	at := f.registered(t)
	var large *TooLargeError
	for _, size := range []int64{11, -1} {
		if err := f.WriteFile(context.Background(), at.at("a"), size, true, strings.NewReader("12345678901")); !errors.As(err, &large) || large.Limit != 10 {
			t.Errorf("of %d bytes: %v", size, err)
		}
	}
	f.upload(t, at.at("a"), "123456")
	if err := f.WriteFile(context.Background(), at.at("b"), -1, true, strings.NewReader("12345")); !errors.As(err, &large) {
		t.Error(err)
	}
	f.upload(t, at.at("b"), "1234")
	f.upload(t, at.at("b"), "12") // what is replaced makes room
	if err := f.WriteFile(context.Background(), at.at("c"), 1, true, strings.NewReader("1")); err == nil {
		t.Error("a third file")
	}
	f.reopen(t)
	f.limits = limits{files: 2, bytes: 10, main: 10}
	if err := f.WriteFile(context.Background(), at.at("b"), 5, true, strings.NewReader("12345")); !errors.As(err, &large) {
		t.Errorf("after a new start: %v", err)
	}
}

func TestAnUploadLeavesRoomOnTheDisk(t *testing.T) {
	f := newFixture(t)
	at := f.registered(t)
	free := int64(roomLeft + 100)
	f.free = func(string) (int64, error) { return free, nil }
	f.upload(t, at.at("a"), strings.Repeat("x", 100))
	var disk *DiskError
	if err := f.WriteFile(context.Background(), at.at("b"), 101, true, strings.NewReader(strings.Repeat("x", 101))); !errors.As(err, &disk) || !disk.Full {
		t.Error(err)
	}
	if got := f.list(t, at.at(".")); got != "a" {
		t.Error(got)
	}
	// Of unknown length, the disk is looked at on the way.
	body := &half{roomStep + 1, io.EOF}
	taken := int64(0)
	f.free = func(string) (int64, error) { taken += roomStep; return roomLeft + roomStep/2 + roomStep - taken, nil }
	if err := f.WriteFile(context.Background(), at.at("b"), -1, true, body); !errors.As(err, &disk) || !disk.Full {
		t.Error(err)
	}
}

func TestAnUploadThatNobodyGoesOnWithIsGivenUp(t *testing.T) {
	f := newFixture(t)
	first, second := f.registered(t), f.registered(t)
	f.upload(t, first.at("MLmodel"), plainDescription)
	m, _ := f.Model(first.Model)
	old := time.Now().Add(-uploadPatience - time.Hour)
	if err := os.Chtimes(filepath.Join(f.uploadDir(m, first.Version), partialFolder), old, old); err != nil {
		t.Fatal(err)
	}
	f.upload(t, second.at("MLmodel"), plainDescription)
	later := time.Now().Add(uploadPatience / 2)
	f.now = func() time.Time { return later }
	f.registered(t) // half a day later both are younger than a day
	if m, _ = f.Model(first.Model); !m.Versions[1].Uploading || !m.Versions[2].Uploading {
		t.Errorf("%+v", m.Versions)
	}
	later = time.Now().Add(uploadPatience + time.Minute)
	f.upload(t, second.at("MLmodel"), plainDescription)
	if err := os.Chtimes(filepath.Join(f.uploadDir(m, second.Version), partialFolder), later, later); err != nil {
		t.Fatal(err)
	}
	f.registered(t)
	for range 2 {
		m, _ = f.Model(first.Model)
		v, _ := m.Version(first.Version)
		if w, _ := m.Version(second.Version); v.Status != Failed || v.Reason != reasonAbandoned || v.Uploading || !w.Uploading {
			t.Errorf("%+v %+v", v, w)
		}
		f.checkFiles(t)
		f.reopen(t)
	}
	if got := f.list(t, first.at(".")); got != "" {
		t.Errorf("left: %s", got)
	}
}

func TestAnUploadCanBeDeleted(t *testing.T) {
	f := newFixture(t)
	first, second := f.registered(t), f.registered(t)
	f.upload(t, first.at("MLmodel"), "x")
	f.upload(t, second.at("MLmodel"), "x")
	if err := f.DeleteVersion(context.Background(), first.Model, first.Version); err != nil {
		t.Error(err)
	}
	f.checkFiles(t)
	var missing *NotFoundError
	if err := f.WriteFile(context.Background(), first.at("a"), -1, true, strings.NewReader("x")); !errors.As(err, &missing) {
		t.Error(err)
	}
	if err := f.DeleteModel(context.Background(), first.Model); err != nil {
		t.Error(err)
	}
	f.checkFiles(t)
}

func TestARegistrationIsDoneOnceHoweverManyAskForIt(t *testing.T) {
	f := newFixture(t)
	at := f.registered(t)
	f.upload(t, at.at("MLmodel"), plainDescription)
	f.upload(t, at.at("model.onnx"), string(onnxtest.Add(1)))
	stored := 0
	f.table.Before = func(changes map[string][]byte) error { stored++; return nil }
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			if v, err := f.Finalize(context.Background(), at.Model, at.Version, nil); err != nil || v.Status != Ready {
				t.Errorf("%+v %v", v, err)
			}
		})
	}
	work.Wait()
	if stored != 1 {
		t.Errorf("stored %d times", stored)
	}
}

func TestARegistrationThatIsCutShortCanBeRepeated(t *testing.T) {
	f := newFixture(t)
	at := f.registered(t)
	f.upload(t, at.at("MLmodel"), plainDescription)
	f.upload(t, at.at("model.onnx"), string(onnxtest.Add(1)))
	for _, stage := range []string{StageCopy, StageRead} {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := f.Finalize(ctx, at.Model, at.Version, func(p Progress) {
			var used *InUseError
			if err := f.DeleteVersion(ctx, at.Model, at.Version); !errors.As(err, &used) {
				t.Errorf("while it is registered the version can be deleted: %v", err)
			}
			if p.Stage == stage {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	f.table.Before = func(map[string][]byte) error { return errors.New("the disk is gone") }
	if _, err := f.Finalize(context.Background(), at.Model, at.Version, nil); err == nil {
		t.Error("what could not be stored is told as done")
	}
	f.table.Before = nil
	f.checkFiles(t)
	if v, err := f.Finalize(context.Background(), at.Model, at.Version, nil); err != nil || v.Status != Ready {
		t.Errorf("%+v %v", v, err)
	}
	f.checkFiles(t)
}

// TestACrashAtAnyCommitLosesNoUpload opens a picture of table and folder from before and
// after each commit of an upload, and goes on where it was.
func TestACrashAtAnyCommitLosesNoUpload(t *testing.T) {
	f := newFixture(t)
	var pictures []*fixture
	take := func(rows map[string][]byte) {
		p := &fixture{table: tabletest.New(), dir: filepath.Join(t.TempDir(), "models")}
		for key, value := range rows {
			p.table.Rows[key] = bytes.Clone(value)
		}
		if err := os.CopyFS(p.dir, os.DirFS(f.dir)); err != nil {
			t.Error(err)
		}
		pictures = append(pictures, p)
	}
	f.table.Before = func(changes map[string][]byte) error {
		take(f.table.Rows)
		after := tabletest.New()
		_ = after.Apply(f.table.Rows)
		_ = after.Apply(changes)
		take(after.Rows)
		return nil
	}
	at := f.registered(t)
	sent := map[string]string{"MLmodel": plainDescription, "model.onnx": string(onnxtest.Add(1)), "deep/1/2/3/4": "numbers are no versions here"}
	for name, content := range sent {
		f.upload(t, at.at(name), content)
		take(f.table.Rows)
	}
	want, err := f.Finalize(context.Background(), at.Model, at.Version, nil)
	if err != nil || want.Status != Ready {
		t.Fatal(want, err)
	}
	for i, p := range pictures {
		p.reopen(t)
		p.checkFiles(t)
		m, err := p.Model(at.Model)
		if err != nil || len(m.Versions) == 0 {
			continue // it was not acknowledged yet
		}
		if v := m.Versions[0]; v.Status == Pending {
			for name, content := range sent {
				if got := p.read(at.at(name)); got != content && !strings.Contains(got, "has no file") {
					t.Errorf("picture %d: %s is %q", i, name, got)
				}
				p.upload(t, at.at(name), content)
			}
		}
		if v, err := p.Finalize(context.Background(), at.Model, at.Version, nil); err != nil || v.Status != Ready || v.SHA256 != want.SHA256 {
			t.Errorf("picture %d: %+v %v", i, v, err)
		}
		p.checkFiles(t)
	}
	if len(pictures) < 9 {
		t.Errorf("%d pictures", len(pictures))
	}
}

func TestARestartKeepsWhatWasUploadedAndNothingElse(t *testing.T) {
	f := newFixture(t)
	at := f.registered(t)
	f.upload(t, at.at("1/2/3/4"), "kept")
	m, _ := f.Model(at.Model)
	dir := f.uploadDir(m, at.Version)
	stray := filepath.Join(f.dir, uploadsFolder, "stray", "x")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, partialFolder, "half"), []byte("x"), 0o600), os.MkdirAll(stray, 0o700)); err != nil {
		t.Fatal(err)
	}
	f.reopen(t)
	if got := f.read(at.at("1/2/3/4")); got != "kept" {
		t.Error(got)
	}
	if left, err := os.ReadDir(filepath.Join(dir, partialFolder)); err != nil || len(left) > 0 {
		t.Errorf("%v %v", left, err)
	}
	if _, err := os.Stat(stray); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an upload of no version is kept: %v", err)
	}
	f.checkFiles(t)
}

func TestRegistrationsAreChecked(t *testing.T) {
	f := newFixture(t)
	f.registered(t)
	for says, in := range map[string]Registration{
		"does not exist": {Name: "main.default.none"},
		"is not valid":   {Name: "main.default"},
		"The source has": {Name: "main.default.c", Source: strings.Repeat("x", maxText+1)},
		"The run id has": {Name: "main.default.c", RunID: strings.Repeat("x", 256)},
		"no key":         {Name: "main.default.c", Tags: []Tag{{"", "v"}}},
	} {
		if _, err := f.Register(context.Background(), in); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if m, _ := f.Model("main.default.c"); len(m.Versions) != 1 || slices.ContainsFunc(m.Versions, func(v Version) bool { return v.Number != 1 }) {
		t.Errorf("%+v", m.Versions)
	}
}
