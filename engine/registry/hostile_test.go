package registry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

func TestABrokenFileIsAFailedVersionThatKeepsIt(t *testing.T) {
	whole := onnxtest.Add(3)
	nested := onnxtest.Graph{Outputs: []tensor.Port{onnxtest.Port("y", tensor.Float32)}}
	for range 200 {
		nested = onnxtest.Graph{Outputs: nested.Outputs, Nodes: []onnxtest.Node{{Op: "If", Attributes: []onnxtest.Attribute{{Name: "then_branch", Value: nested}}}}}
	}
	cases := map[string]struct {
		file []byte
		says string
	}{
		"empty":            {nil, "it is empty"},
		"garbage":          {[]byte("hello, this is no model at all"), "The file is not a valid ONNX model"},
		"truncated":        {whole[:len(whole)-30], "The file is not a valid ONNX model"},
		"pickle":           {[]byte("\x80\x04\x95 and more"), "pickle"},
		"git lfs":          {[]byte("version https://git-lfs.github.com/spec/v1\noid sha256:0"), "git lfs pull"},
		"recursion":        {onnxtest.Model(nested), "nested"},
		"custom operator":  {onnxtest.Model(onnxtest.Graph{Outputs: nested.Outputs, Nodes: []onnxtest.Node{{Op: "Int4MatMul", Domain: "com.acme"}}}), "Int4MatMul"},
		"weights missing":  {onnxtest.WithExternal(4, "w.bin"), `"w.bin", which is missing; put it beside the model`},
		"absolute":         {onnxtest.WithExternal(4, "/etc/passwd"), "is an absolute path"},
		"leads up":         {onnxtest.WithExternal(4, "../w.bin"), "leads out of the model's folder"},
		"leads up, hidden": {onnxtest.WithExternal(4, "a/../../w.bin"), "leads out of the model's folder"},
		"backslashes":      {onnxtest.WithExternal(4, `..\w.bin`), "backslash"},
		"drive":            {onnxtest.WithExternal(4, "C:w.bin"), "absolute"},
		"memory":           {onnxtest.WithExternal(4, "*/_ORT_MEM_ADDR_/1234"), "address in memory"},
		"control bytes":    {onnxtest.WithExternal(4, "../\x1b[31mred\n"), "leads out"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			v := f.failed(t, file(t, "m.onnx", c.file), c.says)
			if v.Size != int64(len(c.file)) || v.Dir == "" || v.SHA256 == "" {
				t.Errorf("the file is not kept: %+v", v)
			}
			if strings.ContainsFunc(v.Reason, func(c rune) bool { return c < ' ' }) || !strings.HasSuffix(v.Reason, ".") {
				t.Errorf("no sentence: %q", v.Reason)
			}
			f.reopen(t)
			if m, err := f.Model("main.default.broken"); err != nil || m.Versions[0].Reason != v.Reason {
				t.Error(m, err)
			}
			f.checkFiles(t)
		})
	}
}

func TestNoTruncationCrashesAnImport(t *testing.T) {
	f := newFixture(t)
	b := onnxtest.Loop()
	dir := t.TempDir()
	for n := 0; n < len(b); n += len(b)/40 + 1 {
		path := filepath.Join(dir, strconv.Itoa(n)+".onnx")
		if err := os.WriteFile(path, b[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		f.failed(t, path, "")
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	secret := file(t, "secret", []byte(strings.Repeat("s", 16)))
	symlink := func(to string) func(string) error { return func(at string) error { return os.Symlink(to, at) } }
	hardlink := func(at string) error { return os.Link(secret, at) }
	cases := map[string]struct {
		folder bool
		at     string
		link   func(string) error
		says   string
	}{
		"weights, symbolic, out":     {false, "w.bin", symlink(secret), "symbolic link"},
		"weights, symbolic, up":      {false, "w.bin", symlink("../w.bin"), "symbolic link"},
		"weights, symbolic, inside":  {false, "w.bin", symlink("m.onnx"), "symbolic link"},
		"weights, dangling":          {false, "w.bin", symlink("nowhere"), "symbolic link"},
		"weights, hard":              {false, "w.bin", hardlink, "hard link"},
		"weights, folder":            {false, "w.bin", func(at string) error { return os.Mkdir(at, 0o700) }, "is a folder"},
		"folder, symbolic, out":      {true, "x", symlink(secret), "symbolic link"},
		"folder, symbolic, folder":   {true, "x", symlink("/"), "symbolic link"},
		"folder, symbolic, inside":   {true, "x", symlink("MLmodel"), "symbolic link"},
		"folder, hard":               {true, "x", hardlink, "hard link"},
		"folder, hidden, deep":       {true, "a/b/.c", symlink("../../../.."), "symbolic link"},
		"folder, the model itself":   {true, "model.onnx", symlink(secret), "symbolic link"},
		"folder, the MLmodel itself": {true, "MLmodel", symlink(secret), "symbolic link"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			dir := folder(t, map[string]string{"m.onnx": string(onnxtest.WithExternal(4, "w.bin"))})
			source := filepath.Join(dir, "m.onnx")
			if c.folder {
				dir = folder(t, map[string]string{"MLmodel": plainDescription, "model.onnx": string(onnxtest.Add(1)), "a/b/c": "1"})
				source = dir
			}
			at := filepath.Join(dir, filepath.FromSlash(c.at))
			if err := os.Remove(at); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if err := c.link(at); err != nil {
				t.Skip("no link can be made here: ", err)
			}
			if v := f.failed(t, source, c.says); v.Dir != "" || v.Size != 0 {
				t.Errorf("something was kept: %+v", v)
			}
		})
	}
}

func TestAFolderBetweenThatLeadsOutIsNotFollowed(t *testing.T) {
	outside := folder(t, map[string]string{"w.bin": strings.Repeat("s", 16)})
	dir := folder(t, map[string]string{"m.onnx": string(onnxtest.WithExternal(4, "sub/w.bin"))})
	if err := os.Symlink(outside, filepath.Join(dir, "sub")); err != nil {
		t.Skip("no link can be made here: ", err)
	}
	f := newFixture(t)
	if v := f.failed(t, filepath.Join(dir, "m.onnx"), "leads outside"); v.Dir != "" {
		t.Errorf("something was kept: %+v", v)
	}
}

func TestAFileThatTheUserPointsAtMayBeALink(t *testing.T) {
	target := file(t, "blob", onnxtest.Add(1))
	source := filepath.Join(t.TempDir(), "linked.onnx")
	if err := os.Symlink(target, source); err != nil {
		t.Skip("no link can be made here: ", err)
	}
	f := newFixture(t)
	if v := f.ready(t, Import{Source: source, Name: "a.b.c"}); v.ModelFile != "linked.onnx" {
		t.Errorf("%+v", v)
	}
	f.checkFiles(t)
}

func TestABrokenFolderIsAFailedVersion(t *testing.T) {
	good := string(onnxtest.Add(1))
	cases := map[string]struct {
		files map[string]string
		says  string
		kept  bool
	}{
		"no MLmodel":     {map[string]string{"model.onnx": good}, "choose the .onnx file itself", false},
		"not YAML":       {map[string]string{"MLmodel": "\tflavors: [", "model.onnx": good}, "is not valid YAML", true},
		"other flavor":   {map[string]string{"MLmodel": "flavors:\n  sklearn: {}\n", "model.pkl": "x"}, "no onnx flavor, only sklearn", true},
		"model missing":  {map[string]string{"MLmodel": plainDescription}, "model.onnx is missing", true},
		"model broken":   {map[string]string{"MLmodel": plainDescription, "model.onnx": good[:20]}, "not a valid ONNX model", true},
		"model outside":  {map[string]string{"MLmodel": "flavors:\n  onnx:\n    data: ../model.onnx\n"}, "leads out", true},
		"bad signature":  {map[string]string{"MLmodel": plainDescription + "signature:\n  inputs: '[{\"type\": \"dream\"}]'\n", "model.onnx": good}, "dream", true},
		"weights up":     {map[string]string{"MLmodel": plainDescription, "model.onnx": string(onnxtest.WithExternal(1, "../w"))}, "leads out", true},
		"YAML bomb":      {map[string]string{"MLmodel": bomb(), "model.onnx": good}, "its file MLmodel", true},
		"twins":          {map[string]string{"MLmodel": plainDescription, "model.onnx": good, "A/x": "1", "a/x": "2"}, "upper and lower case", false},
		"example escape": {map[string]string{"MLmodel": plainDescription + "saved_input_example_info:\n  artifact_path: /etc/passwd\n", "model.onnx": good}, "absolute", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			dir := folder(t, c.files)
			if entries, _ := os.ReadDir(dir); name == "twins" && len(entries) < 4 {
				t.Skip("this disk does not tell cases apart")
			}
			if v := f.failed(t, dir, c.says); (v.Dir != "") != c.kept {
				t.Errorf("kept: %q", v.Dir)
			}
		})
	}
}

// bomb is YAML that takes gigabytes once its aliases are followed.
func bomb() string {
	text := "flavors:\n  onnx:\n    data: model.onnx\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 12 {
		from := "*a" + strconv.Itoa(i)
		text += "a" + strconv.Itoa(i+1) + ": &a" + strconv.Itoa(i+1) + " [" + strings.Repeat(from+", ", 9) + from + "]\n"
	}
	return text + "run_id: *a12\nsignature: {inputs: *a12}\n"
}

func TestLimitsHold(t *testing.T) {
	f := newFixture(t)
	f.limits = limits{files: 5, bytes: 1000, main: 900}
	files := func(n int, size int) string {
		files := map[string]string{"MLmodel": plainDescription, "model.onnx": string(onnxtest.Add(1))}
		for i := range n {
			files["f"+strconv.Itoa(i)] = strings.Repeat("x", size)
		}
		return folder(t, files)
	}
	f.ready(t, Import{Source: files(3, 1), Name: "a.b.c"})
	f.failed(t, files(4, 1), "more than 5 files")
	f.failed(t, files(2, 500), "more than 1.0 kB")
	f.failed(t, file(t, "m.onnx", append([]byte("PK\x03\x04"), make([]byte, 897)...)), "zip")
	if v := f.failed(t, file(t, "m.onnx", append([]byte("PK\x03\x04"), make([]byte, 896)...)), "zip"); v.Size != 900 {
		t.Errorf("a file of the limit's size is not kept: %+v", v)
	}
}

func TestAFileThatGrowsWhileItIsCopiedStaysBelowTheLimit(t *testing.T) {
	f := newFixture(t)
	f.limits.bytes = 3 * chunk
	dir := folder(t, map[string]string{"MLmodel": plainDescription, "model.onnx": string(onnxtest.Add(1)), "z.bin": strings.Repeat("x", chunk)})
	grown := false
	v, err := f.Import(context.Background(), Import{Source: dir, Name: "a.b.c"}, func(p Progress) {
		if p.Done > p.Total {
			t.Errorf("%+v", p)
		}
		if !grown {
			grown = true
			if err := os.WriteFile(filepath.Join(dir, "z.bin"), make([]byte, 5*chunk), 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || v.Status != Failed || !strings.Contains(v.Reason, "more than 3.1 MB") || v.Dir != "" {
		t.Errorf("%+v, %v", v, err)
	}
	f.checkFiles(t)
}

func TestAGraphWithTooManyNamesIsFailed(t *testing.T) {
	g := onnxtest.Graph{Outputs: []tensor.Port{onnxtest.Port("y", tensor.Float32)}}
	for i := range 150 {
		g.Inputs = append(g.Inputs, onnxtest.Port(strconv.Itoa(i)+strings.Repeat("n", 60_000), tensor.Float32))
	}
	f := newFixture(t)
	v := f.failed(t, file(t, "m.onnx", onnxtest.Model(g)), "9.0 MB, more than the 8.4 MB")
	if v.Graph != nil {
		t.Error("the graph is held all the same")
	}
}

func TestASourceThatCannotBeReadIsAnError(t *testing.T) {
	f := newFixture(t)
	locked := file(t, "m.onnx", onnxtest.Add(1))
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{"relative.onnx": "is not an absolute path", "": "is not an absolute path",
		filepath.Join(t.TempDir(), "none.onnx"): "does not exist"}
	if _, err := os.ReadFile(locked); err != nil {
		cases[locked] = "no permission"
	}
	if info, err := os.Stat(os.DevNull); err == nil && !info.Mode().IsRegular() {
		cases[os.DevNull] = "neither a file nor a folder"
	}
	for source, says := range cases {
		_, err := f.Import(context.Background(), Import{Source: source, Name: "a.b.c"}, nil)
		var got *SourceError
		if !errors.As(err, &got) || got.Path != source || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", source, err, says)
		}
	}
	if len(f.Models()) != 0 || models(f.table) != 0 {
		t.Errorf("left: %+v", f.Models())
	}
}

func TestWrongNamesAndExamplesAreErrors(t *testing.T) {
	f := newFixture(t)
	source := file(t, "m.onnx", onnxtest.Add(1))
	for says, in := range map[string]Import{
		"full name":  {Source: source, Name: "a"},
		"model name": {Source: source, Name: "a.b.c d"},
		"alias":      {Source: source, Name: "a.b.c", Alias: "v1"},
		"not valid":  {Source: source, Name: "a.b.c", Example: []byte("{")},
		"131.1 kB":   {Source: source, Name: "a.b.c", Example: []byte(`"` + strings.Repeat("x", maxExample) + `"`)},
	} {
		if _, err := f.Import(context.Background(), in, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", says, err)
		}
	}
	if len(f.Models()) != 0 {
		t.Errorf("left: %+v", f.Models())
	}
}
