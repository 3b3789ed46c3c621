package registry

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tabletest"
)

// TestACrashAtAnyCommitLosesNothing keeps a picture of table and folder before and after
// each commit of a story, and opens each picture: random kills seldom meet the moment
// between a commit and the move of a folder.
func TestACrashAtAnyCommitLosesNothing(t *testing.T) {
	f := newFixture(t)
	var pictures []*fixture
	take := func(rows map[string][]byte) {
		p := &fixture{table: &tabletest.Memory{Rows: rows}, dir: filepath.Join(t.TempDir(), "models", strconv.Itoa(len(pictures)))}
		if err := os.CopyFS(p.dir, os.DirFS(f.dir)); err != nil {
			t.Error(err)
		}
		pictures = append(pictures, p)
	}
	f.table.Before = func(changes map[string][]byte) error {
		take(maps.Clone(f.table.Rows))
		after := maps.Clone(f.table.Rows)
		if after == nil {
			after = map[string][]byte{}
		}
		if err := (&tabletest.Memory{Rows: after}).Apply(changes); err != nil {
			t.Error(err)
		}
		take(after)
		return nil
	}
	ctx := context.Background()
	model := file(t, "m.onnx", onnxtest.Add(1))
	dir := folder(t, map[string]string{"MLmodel": plainDescription, "model.onnx": string(onnxtest.Add(2)), "a/b": "1"})
	broken := file(t, "m.onnx", []byte("broken"))
	for _, source := range []string{model, dir, broken, model} {
		if _, err := f.Import(ctx, Import{Source: source, Name: "a.b.c", Alias: "last"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	if _, err := f.Import(cancelled, Import{Source: dir, Name: "a.b.d"}, func(Progress) { cancel() }); err == nil {
		t.Fatal("not cancelled")
	}
	for _, err := range []error{f.SetAlias(ctx, "a.b.c", "x", 1), f.DeleteAlias(ctx, "a.b.c", "x"),
		f.DeleteVersion(ctx, "a.b.c", 2), f.DeleteVersion(ctx, "a.b.c", 4), f.DeleteModel(ctx, "a.b.c")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := 2 * (4*2 + 2 + 5); len(pictures) != want {
		t.Errorf("%d pictures, want %d", len(pictures), want)
	}
	for i, p := range pictures {
		p.reopen(t)
		p.checkFiles(t)
		for _, m := range p.Models() {
			for _, v := range m.Versions {
				switch {
				case v.Status == Ready, v.Status == Failed && v.Source == "m.onnx" && v.Number == 3, v.Reason == reasonInterrupted && v.Dir == "":
				default:
					t.Errorf("picture %d: %s version %d is %s: %s", i, m.FullName(), v.Number, v.Status, v.Reason)
				}
			}
			for _, a := range m.Aliases {
				if v, ok := m.Version(a.Version); !ok || v.Status != Ready {
					t.Errorf("picture %d: the alias %s points at version %d, which is %s", i, a.Name, a.Version, v.Status)
				}
			}
		}
	}
}
