package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// block is a code block of the documentation page that the product follows.
type block struct {
	line   int    // where it begins in the page
	method string // "POST" of a REST block; "" for Python
	path   string
	text   string
}

// TestThePagesExamplesRunAsPrinted runs every code block of the documentation page against
// the real binary: the REST blocks by curl, the Python blocks by the real MLflow and
// Databricks SDKs. Nothing of a block is changed; the models that they name are registered
// under those very names, and {name} of a path and the three variables that the last block
// leaves open are given.
func TestThePagesExamplesRunAsPrinted(t *testing.T) {
	clients := installedClients(t)
	page, err := os.ReadFile(filepath.Join(filepath.Dir(shared(t, "mlflow")), "..", "spec", "seed-create-custom-endpoint.ja.txt"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := codeBlocks(string(page))
	if len(blocks) != 9 {
		t.Errorf("the page has %d blocks, 9 are known", len(blocks))
	}
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	for range 5 {
		importModel(t, data, shared(t, "mlflow/sum_columns"), "catalog.schema.my-ads-model")
	}
	importModel(t, data, shared(t, "mlflow/sum_columns"), "catalog.schema.my-gpu-model")
	importModel(t, data, shared(t, "mlflow/sum_columns"), "catalog.schema.model")
	env := environment(t.TempDir(), "DATABRICKS_HOST="+p.url, "DATABRICKS_TOKEN="+p.token, "MLFLOW_TRACKING_URI=databricks")

	for i, b := range blocks {
		t.Run(fmt.Sprintf("line %d %s", b.line, b.method), func(t *testing.T) {
			if b.method == "PUT" {
				// The page changes an endpoint that an earlier block of it made.
				p.must("POST", "/api/2.0/serving-endpoints", createBody("unity-catalog-model-endpoint", "catalog.schema.my-ads-model"), nil)
				p.awaitReady("unity-catalog-model-endpoint")
			}
			if b.method == "" {
				env := env
				if strings.Contains(b.text, "EndpointCoreConfigInput(") {
					// Later SDKs demand its name and an enum, which the page does not give.
					env = append(slices.Clone(env), "PYTHONPATH="+filepath.Join(clients, "python-page"))
				}
				runPython(t, filepath.Join(clients, "python", "bin", "python"), env, b.text)
			} else {
				path := strings.ReplaceAll(b.path, "{name}", "unity-catalog-model-endpoint")
				out, err := exec.CommandContext(t.Context(), "curl", "-sS", "--fail-with-body", "-X", b.method, "-u", "token:"+p.token,
					"-H", "Content-Type: application/json", "-d", b.text, p.url+path).CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, clip(string(out), 500))
				}
			}
			// Each block but the first, which only makes a client, leaves an endpoint that
			// becomes ready.
			var list struct{ Endpoints []struct{ Name string } }
			p.must("GET", "/api/2.0/serving-endpoints", nil, &list)
			for _, e := range list.Endpoints {
				p.awaitReady(e.Name)
				t.Logf("%s is ready", e.Name)
				p.must("DELETE", "/api/2.0/serving-endpoints/"+e.Name, nil, nil)
			}
			if len(list.Endpoints) != 1 && i > 0 {
				t.Errorf("the block left %d endpoints", len(list.Endpoints))
			}
		})
	}
}

func runPython(t *testing.T, python string, env []string, code string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "-c",
		"import sys\nexec(compile(sys.stdin.read(), 'page', 'exec'), {'endpointname': 'ads', 'catalog': 'catalog', 'schema': 'schema', 'model_name': 'model'})")
	cmd.Env = env
	cmd.Stdin = strings.NewReader(code)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, clip(string(out), 3000))
	}
}

// codeBlocks finds the blocks in the page's text, which has lost its marks: a REST block is a
// JSON object after a line "POST /api/…", a Python block begins with an import and goes on
// while its lines are code. A JSON object after prose is the example of an answer.
func codeBlocks(page string) (blocks []block) {
	lines := strings.Split(page, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		method, path, rest := strings.Cut(line, " ")
		switch {
		case rest && (method == "POST" || method == "PUT") && strings.HasPrefix(path, "/api/"):
			var object json.RawMessage
			text := strings.Join(lines[i+1:], "\n")
			if json.NewDecoder(strings.NewReader(text)).Decode(&object) != nil {
				continue
			}
			blocks = append(blocks, block{i + 1, method, path, string(object)})
			i += bytes.Count(object, []byte("\n")) + 1
		case strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "from "):
			from, depth := i, 0
			for ; i < len(lines); i++ {
				code := strings.TrimSpace(lines[i])
				depth += strings.Count(code, "(") + strings.Count(code, "{") + strings.Count(code, "[")
				depth -= strings.Count(code, ")") + strings.Count(code, "}") + strings.Count(code, "]")
				next := ""
				if i+1 < len(lines) {
					next = strings.TrimSpace(lines[i+1])
				}
				if depth == 0 && (next == "" || next[0] >= 0x80 || !strings.ContainsAny(next, "=(") && !strings.HasPrefix(next, "import ") && !strings.HasPrefix(next, "from ")) {
					break
				}
			}
			blocks = append(blocks, block{line: from + 1, text: strings.Join(lines[from:i+1], "\n")})
		}
	}
	return blocks
}
