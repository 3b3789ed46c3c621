package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// Every shared model is imported and served, or refused with its reason. With
// SERVERY_TABLE the table is written there (docs/models.md is made so).
func TestEverySharedModelIsServedOrRefusedWithAReason(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	paths := sharedModels(t)
	if len(paths) < 20 {
		t.Fatalf("only %d models found", len(paths))
	}
	var table strings.Builder
	table.WriteString("| model | takes → gives | imported | served: the example's answer |\n| --- | --- | --- | --- |\n")
	for i, path := range paths {
		rel, _ := filepath.Rel(filepath.Dir(shared(t, "README.md")), path)
		t.Run(rel, func(t *testing.T) {
			name := fmt.Sprintf("main.shared.m%d", i)
			out, code := run(t, environment(t.TempDir()), "models", "import", path, "--name", name, "--data-dir", data)
			if code != 0 {
				reason := strings.TrimSpace(out[strings.LastIndexByte(strings.TrimSpace(out), '\n')+1:])
				fmt.Fprintf(&table, "| %s | | refused: %s | |\n", rel, reason)
				t.Errorf("import refused: %s", out)
				return
			}
			var model struct {
				Versions []struct {
					Status  string
					Inputs  []string
					Outputs []string
					Example string `json:"input_example"`
				}
			}
			p.must("GET", "/api/2.0/servery/models/"+name, nil, &model)
			v := model.Versions[0]
			endpoint := fmt.Sprintf("m%d", i)
			p.t = t
			p.create(endpoint, name)
			p.awaitReady(endpoint)
			if v.Example == "" {
				t.Fatalf("no example request for %s", rel)
			}
			if own, ok := requests[rel]; ok {
				v.Example = own
			}
			var answer string
			status, err := p.call("POST", "/serving-endpoints/"+endpoint+"/invocations", v.Example, &answer)
			if err != nil {
				t.Fatalf("%v\n%s", err, p.written())
			}
			if status != http.StatusOK || !strings.HasPrefix(answer, `{"predictions":`) {
				t.Errorf("example request %.200s: status %d %.400s", v.Example, status, answer)
			}
			fmt.Fprintf(&table, "| %s | %s → %s | READY | %d `%s` |\n", rel,
				strings.Join(v.Inputs, ", "), strings.Join(v.Outputs, ", "), status, clip(answer, 90))
			p.must("DELETE", "/api/2.0/serving-endpoints/"+endpoint, nil, nil)
		})
	}
	t.Log("\n" + table.String())
	if file := os.Getenv("SERVERY_TABLE"); file != "" {
		if err := os.WriteFile(file, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// requests are for models whose graph leaves a dimension open that is not free at all, so
// that zeros of the least size are refused: a window of at least 64 samples for the voice
// detector, 20 features for the trees.
var requests = map[string]string{
	"audio/silero_vad_v5.onnx": fmt.Sprintf(`{"inputs":{"input":[[%s]],"state":[[[%s]],[[%[2]s]]],"sr":16000}}`, zeros(512), zeros(128)),
	"tabular/skl_treecl.onnx":  fmt.Sprintf(`{"inputs":[[%s]]}`, zeros(20)),
}

func zeros(n int) string { return strings.TrimSuffix(strings.Repeat("0,", n), ",") }

func sharedModels(t *testing.T) []string {
	t.Helper()
	root := filepath.Dir(shared(t, "README.md"))
	var paths []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "MLmodel")); err == nil {
				paths = append(paths, path)
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) == ".onnx" {
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(paths)
	return paths
}

func clip(s string, n int) string {
	s = strings.ReplaceAll(s, "|", "\\|")
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
