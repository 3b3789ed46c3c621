package registry

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"servery/engine/artifact"
	"servery/engine/onnx/onnxtest"
	"servery/engine/tabletest"
)

// models counts the records of models and versions.
func models(t *tabletest.Memory) (n int) {
	for key := range t.Rows {
		if strings.HasPrefix(key, modelPrefix) || strings.HasPrefix(key, versionPrefix) {
			n++
		}
	}
	return n
}

// fixture is a registry with its table and folder.
type fixture struct {
	*Registry
	table *tabletest.Memory
	dir   string
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{table: tabletest.New(), dir: filepath.Join(t.TempDir(), "models")}
	f.reopen(t)
	return f
}

// reopen opens the registry once more, as a new start of the program does.
func (f *fixture) reopen(t testing.TB) {
	t.Helper()
	r, err := Open(f.table, f.dir)
	if err != nil {
		t.Fatal(err)
	}
	f.Registry = r
}

func (f *fixture) ready(t testing.TB, in Import) Version {
	t.Helper()
	v, err := f.Import(context.Background(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.Status != Ready {
		t.Fatalf("%s is %s: %s", in.Source, v.Status, v.Reason)
	}
	return v
}

// failed imports what must become a Failed version whose reason says something.
func (f *fixture) failed(t testing.TB, source, says string) Version {
	t.Helper()
	v, err := f.Import(context.Background(), Import{Source: source, Name: "main.default.broken"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.Status != Failed || !strings.Contains(v.Reason, says) {
		t.Fatalf("%s is %s: %q, want %q", source, v.Status, v.Reason, says)
	}
	if v.Signature != nil || v.InputExample != nil {
		t.Errorf("%s is Failed and has a signature or an example", source)
	}
	f.checkFiles(t)
	return v
}

// checkFiles checks that the folder holds exactly what the records say: each version's
// files with their digest, and nothing else.
func (f *fixture) checkFiles(t testing.TB) {
	t.Helper()
	want := map[string]bool{}
	for _, m := range f.Models() {
		for _, v := range m.Versions {
			if v.Dir != "" {
				want[v.Dir] = true
				checkDigest(t, v)
			} else if v.Size != 0 || v.SHA256 != "" {
				t.Errorf("%s version %d has a digest and no files", m.FullName(), v.Number)
			}
		}
	}
	found, err := filepath.Glob(filepath.Join(f.dir, "[^.]*", "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range found {
		if !want[dir] {
			t.Errorf("%s belongs to no version", dir)
		}
		delete(want, dir)
	}
	for dir := range want {
		t.Errorf("%s is missing", dir)
	}
	uploads, _ := os.ReadDir(filepath.Join(f.dir, uploadsFolder))
	for _, entry := range uploads {
		if !slices.ContainsFunc(f.Models(), func(m Model) bool {
			return slices.ContainsFunc(m.Versions, func(v Version) bool { return v.Uploading && filepath.Base(f.uploadDir(m, v.Number)) == entry.Name() })
		}) {
			t.Errorf("the upload %s belongs to no version", entry.Name())
		}
	}
	if left, err := os.ReadDir(filepath.Join(f.dir, incomingFolder)); err != nil || len(left) > 0 {
		t.Errorf("left among the imports under way: %v, %v", left, err)
	}
}

func checkDigest(t testing.TB, v Version) {
	t.Helper()
	root, err := os.OpenRoot(v.Dir)
	if err != nil {
		t.Error(err)
		return
	}
	defer root.Close()
	sum, size, err := artifact.Digest(root)
	if err != nil || sum != v.SHA256 || size != v.Size {
		t.Errorf("%s has %d bytes and the digest %s (%v), its version says %d and %s", v.Dir, size, sum, err, v.Size, v.SHA256)
	}
}

// file writes a file into a new folder and returns its path.
func file(t testing.TB, name string, content []byte) string {
	t.Helper()
	return filepath.Join(folder(t, map[string]string{name: string(content)}), name)
}

// folder writes files into a new folder and returns its path.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// plainDescription is a minimal MLmodel.
const plainDescription = "flavors:\n  onnx:\n    data: model.onnx\nrun_id: 3fa9c1\n"

func TestImportsAFile(t *testing.T) {
	f := newFixture(t)
	at := time.Date(2025, 11, 18, 9, 0, 0, 123_456_789, time.FixedZone("", 3600))
	f.now = func() time.Time { return at }
	b := onnxtest.Add(3)
	source := file(t, "Add One.onnx", b)
	v := f.ready(t, Import{Source: source, Name: "Main.Default.Add", Alias: "Champion", Comment: "first", CreatedBy: "ann@example.com"})

	m, err := f.Model("main.DEFAULT.add")
	if err != nil {
		t.Fatal(err)
	}
	at = at.UTC().Truncate(time.Millisecond)
	wantModel := Model{ID: m.ID, Catalog: "main", Schema: "default", Name: "add", Owner: "ann@example.com", CreatedBy: "ann@example.com",
		UpdatedBy: "ann@example.com", CreatedAt: at, UpdatedAt: at, Aliases: []Alias{{"champion", 1}}, Versions: []Version{v}}
	if !reflect.DeepEqual(m, wantModel) {
		t.Errorf("got  %+v\nwant %+v", m, wantModel)
	}
	want := Version{Number: 1, Status: Ready, Flavor: "onnx", Source: "Add One.onnx", Comment: "first", CreatedAt: at,
		CreatedBy: "ann@example.com", Dir: filepath.Join(f.dir, "main", "default", "add", "1"), ModelFile: "Add One.onnx",
		SHA256: v.SHA256, Size: int64(len(b)), FromGraph: true, InputExample: []byte(`{"inputs": [[0.0, 0.0, 0.0]]}`)}
	got := v
	got.Signature, got.Graph = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if s := v.Signature.Inputs.Tensors; len(s) != 1 || s[0].Name != "x" || !slices.Equal(s[0].Shape, []int64{-1, 3}) {
		t.Errorf("signature %+v", s)
	}
	g := v.Graph
	if g.Inputs[0].String() != "x float32[-1,3]" || g.Outputs[0].Name != "y" || g.Opsets[""] != onnxtest.Opset || g.Parameters != 1 ||
		g.Nodes != 1 || !slices.Equal(g.Operators, []OperatorCount{{"", "Add", 1}}) || g.Producer != "onnxtest" || g.IRVersion != onnxtest.IRVersion {
		t.Errorf("graph %+v", g)
	}
	f.checkFiles(t)
	before := f.Models()
	f.reopen(t)
	if after := f.Models(); !reflect.DeepEqual(before, after) {
		t.Errorf("after a new start\n%+v\nbefore\n%+v", after, before)
	}
}

func TestCopiesTheFilesThatAModelNamesAndNoOthers(t *testing.T) {
	f := newFixture(t)
	dir := folder(t, map[string]string{"m.onnx": string(onnxtest.WithExternal(4, "weights/w.bin")),
		"weights/w.bin": strings.Repeat("w", 16), "weights/other.bin": "secret", "notes.txt": "private"})
	v := f.ready(t, Import{Source: filepath.Join(dir, "m.onnx"), Name: "a.b.c"})
	var names []string
	err := filepath.WalkDir(v.Dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(v.Dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil || !slices.Equal(names, []string{"m.onnx", "weights/w.bin"}) {
		t.Errorf("copied %v, %v", names, err)
	}
	f.checkFiles(t)
}

func TestImportsAModelFolder(t *testing.T) {
	signature := `signature:
  inputs: '[{"name": "x", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]'
  outputs: '[{"name": "y", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]'
`
	example := "saved_input_example_info:\n  artifact_path: input_example.json\n  type: ndarray\n"
	cases := map[string]struct {
		description, example string
		given                []byte
		fromGraph            bool
		want                 string
	}{
		"all of it":           {plainDescription + signature + example, `[[1, 2]]`, []byte(`{"inputs": [[5, 5]]}`), false, `{"inputs":[[1,2]]}`},
		"no signature":        {plainDescription, "", nil, true, `{"inputs": [[0.0, 0.0]]}`},
		"an example is given": {plainDescription + signature, "", []byte(`{"inputs": [[5, 5]]}`), false, `{"inputs": [[5, 5]]}`},
		"a broken example":    {plainDescription + example, `[[1, `, nil, true, `{"inputs": [[0.0, 0.0]]}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			dir := folder(t, map[string]string{"MLmodel": c.description, "model.onnx": string(onnxtest.Add(2)),
				"input_example.json": c.example, "requirements.txt": "onnx", "metadata/MLmodel": "copy"})
			for _, source := range []string{dir, dir + string(filepath.Separator), filepath.Join(dir, "MLmodel")} {
				v := f.ready(t, Import{Source: source, Name: "a.b.c", Example: c.given})
				if v.FromGraph != c.fromGraph || string(v.InputExample) != c.want || v.RunID != "3fa9c1" || v.ModelFile != "model.onnx" ||
					v.Source != filepath.Base(dir) {
					t.Errorf("%s: %+v, example %s", source, v, v.InputExample)
				}
			}
			f.checkFiles(t)
			before := f.Models()
			f.reopen(t)
			if after := f.Models(); !reflect.DeepEqual(before, after) {
				t.Errorf("after a new start\n%+v\nbefore\n%+v", after, before)
			}
		})
	}
}

func TestWhatIsTooLongForARecordIsReadAgain(t *testing.T) {
	var columns []string
	for i := range 5000 {
		columns = append(columns, `{"name": "a column with a rather long name `+strings.Repeat("x", i%7)+string(rune('a'+i%26))+
			strings.Repeat("0", i/26%13)+strings.Repeat("1", i/338)+`", "type": "double"}`)
	}
	f := newFixture(t)
	long := `[[` + strings.Repeat("1,", 100_000) + `1]]`
	for name, files := range map[string]map[string]string{
		"a signature": {"MLmodel": plainDescription + "signature:\n  inputs: '[" + strings.Join(columns, ", ") + "]'\n", "model.onnx": string(onnxtest.Add(2))},
		"an example": {"MLmodel": plainDescription + "saved_input_example_info:\n  artifact_path: e.json\n  type: ndarray\n", "e.json": long,
			"model.onnx": string(onnxtest.Add(100_001))},
		"zeros": {"MLmodel": plainDescription, "model.onnx": string(onnxtest.Add(100_001))},
	} {
		v := f.ready(t, Import{Source: folder(t, files), Name: "a.b.c"})
		if len(v.InputExample) < maxExample {
			t.Errorf("%s: the example has %d bytes only, so that nothing is tested", name, len(v.InputExample))
		}
	}
	f.ready(t, Import{Source: file(t, "zeros.onnx", onnxtest.Add(100_001)), Name: "a.b.c"})
	for key, value := range f.table.Rows {
		if len(value) > maxRecord {
			t.Errorf("the record %s has %d bytes", key, len(value))
		}
	}
	before := f.Models()
	f.reopen(t)
	if after := f.Models(); !reflect.DeepEqual(before, after) {
		t.Error("another catalog after a new start")
	}
}

func TestAVersionIsPendingWhileItIsImported(t *testing.T) {
	f := newFixture(t)
	var stages []string
	var last Progress
	source := file(t, "m.onnx", onnxtest.Add(1))
	v, err := f.Import(context.Background(), Import{Source: source, Name: "a.b.c"}, func(p Progress) {
		stages, last = append(stages, p.Stage), p
		m, err := f.Model("a.b.c")
		if err != nil || len(m.Versions) != 1 || m.Versions[0].Status != Pending || m.Versions[0].Source != "m.onnx" {
			t.Errorf("at %v: %+v, %v", p, m, err)
		}
		var used *InUseError
		if err := f.DeleteVersion(context.Background(), "a.b.c", 1); !errors.As(err, &used) || used.Endpoints != nil {
			t.Errorf("at %v the version can be deleted: %v", p, err)
		}
		if err := f.DeleteModel(context.Background(), "a.b.c"); !errors.As(err, &used) {
			t.Errorf("at %v the model can be deleted: %v", p, err)
		}
	})
	if err != nil || v.Status != Ready {
		t.Fatal(v, err)
	}
	if want := []string{StageCopy, StageRead, StageStore}; !slices.Equal(slices.Compact(stages), want) || last.Done != v.Size || last.Total != v.Size {
		t.Errorf("stages %v, last %+v of %d bytes", stages, last, v.Size)
	}
}

func TestACancelledImportLeavesNothing(t *testing.T) {
	for _, stage := range []string{StageCopy, StageRead} {
		f := newFixture(t)
		ctx, cancel := context.WithCancel(context.Background())
		source := file(t, "m.onnx", onnxtest.Add(1))
		_, err := f.Import(ctx, Import{Source: source, Name: "a.b.c"}, func(p Progress) {
			if p.Stage == stage {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while %s: %v", stage, err)
		}
		if len(f.Models()) != 0 || len(f.table.Rows) != 2 { // of main and main.default
			t.Errorf("left: %+v, %d records", f.Models(), len(f.table.Rows))
		}
		f.checkFiles(t)

		f.ready(t, Import{Source: source, Name: "a.b.c"})
		ctx, cancel = context.WithCancel(context.Background())
		_, err = f.Import(ctx, Import{Source: source, Name: "a.b.c"}, func(p Progress) { cancel() })
		if v := f.ready(t, Import{Source: source, Name: "a.b.c"}); err == nil || v.Number != 3 {
			t.Errorf("after a cancelled version 2 (%v): version %d", err, v.Number)
		}
		f.checkFiles(t)
	}
}

// An alias can be pointed at a version while its files are copied. Where the import does
// not end well, an alias that stayed would name a version that never was.
func TestACancelledImportTakesItsAliasesWithIt(t *testing.T) {
	f := newFixture(t)
	source := file(t, "m.onnx", onnxtest.Add(1))
	for _, kept := range []int{0, 1} { // versions that the model has besides
		ctx, cancel := context.WithCancel(context.Background())
		_, err := f.Import(ctx, Import{Source: source, Name: "a.b.c"}, func(Progress) {
			if err := f.SetAlias(context.Background(), "a.b.c", "champion", f.Models()[0].Versions[0].Number); err != nil {
				t.Error(err)
			}
			cancel()
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("the import: %v", err)
		}
		if m, err := f.Model("a.b.c"); (err == nil) != (kept > 0) || len(m.Aliases) != 0 || len(m.Versions) != kept {
			t.Errorf("with %d versions: %+v, %v", kept, m, err)
		}
		if kept == 0 {
			f.ready(t, Import{Source: source, Name: "a.b.c"})
		}
	}
}

func TestAPanicInProgressLeavesNothing(t *testing.T) {
	f := newFixture(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		f.Import(context.Background(), Import{Source: file(t, "m.onnx", onnxtest.Add(1)), Name: "a.b.c"}, func(Progress) { panic("mine") })
	}()
	if len(f.Models()) != 0 {
		t.Errorf("left: %+v", f.Models())
	}
	f.checkFiles(t)
}

func TestSubscribersAreToldAfterTheChange(t *testing.T) {
	f := newFixture(t)
	source := file(t, "m.onnx", onnxtest.Add(1))
	var told []string
	f.Subscribe(func(name string) {
		// A subscriber may call everything: no lock is held.
		m, err := f.Model(name)
		state := "gone"
		if err == nil {
			b, _ := json.Marshal(m.Aliases)
			state = string(b)
			for _, v := range m.Versions {
				state += " " + string(v.Status)
			}
		}
		if len(told) == 0 {
			if err := f.SetAlias(context.Background(), name, "x", 9); err == nil {
				t.Error("an alias to a version that is not there")
			}
		}
		told = append(told, state)
	})
	ctx := context.Background()
	f.ready(t, Import{Source: source, Name: "a.b.c"})
	for _, err := range []error{f.SetAlias(ctx, "a.b.c", "best", 1), f.DeleteAlias(ctx, "a.b.c", "best"),
		f.DeleteVersion(ctx, "a.b.c", 1), f.DeleteModel(ctx, "a.b.c")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"null PENDING_REGISTRATION", "null READY", `[{"Name":"best","Version":1}] READY`, "[] READY", "[]", "gone"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestModelsCostsNothing(t *testing.T) {
	f := newFixture(t)
	f.ready(t, Import{Source: file(t, "m.onnx", onnxtest.Add(1)), Name: "a.b.c"})
	if n := testing.AllocsPerRun(100, func() { f.Models(); f.Model("a.b.c") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
