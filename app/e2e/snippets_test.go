package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// snippet is a code block of a document that is to be run as it stands.
type snippet struct{ language, text string }

// snippets finds the blocks that begin with "```LANGUAGE run".
func snippets(document string) (found []snippet) {
	for {
		_, rest, ok := strings.Cut(document, "\n```")
		if !ok {
			return found
		}
		head, rest, _ := strings.Cut(rest, "\n")
		text, rest, _ := strings.Cut(rest, "\n```")
		if language, ok := strings.CutSuffix(head, " run"); ok {
			found = append(found, snippet{language, text + "\n"})
		}
		document = rest
	}
}

// TestTheClientsDocumentRuns runs every snippet of docs/clients.md as it stands.
func TestTheClientsDocumentRuns(t *testing.T) {
	clients := installedClients(t)
	document, err := os.ReadFile("../../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	found := snippets(string(document))
	if len(found) < 7 {
		t.Fatalf("only %d snippets", len(found))
	}
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	for range 2 {
		importModel(t, data, shared(t, "mlflow/sum_columns"), "main.default.sums")
	}
	p.create("sums", "main.default.sums")
	p.awaitReady("sums")
	for _, s := range found {
		t.Run(s.language, func(t *testing.T) {
			home := t.TempDir()
			if err := os.Symlink(filepath.Join(clients, "databricks"), filepath.Join(home, "databricks")); err != nil {
				t.Fatal(err)
			}
			var command []string
			file := filepath.Join(home, "snippet")
			switch s.language {
			case "sh":
				command = []string{"bash", "-e", file}
			case "python":
				command = []string{filepath.Join(clients, "python", "bin", "python"), file}
			case "js":
				file += ".cjs"
				command = []string{"node", file}
			case "go":
				dir, err := os.MkdirTemp(".", "snippet") // inside the module, which pins the SDK
				if err != nil {
					t.Fatal(err)
				}
				defer os.RemoveAll(dir)
				file = filepath.Join(dir, "main.go")
				command = []string{"go", "run", "./" + dir}
			default:
				t.Fatalf("nothing runs %q", s.language)
			}
			if err := os.WriteFile(file, []byte(s.text), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, command[0], command[1:]...)
			cmd.Env = append(environment(home), "DATABRICKS_HOST="+p.url, "DATABRICKS_TOKEN="+p.token,
				"NODE_PATH="+filepath.Join(clients, "js", "node_modules"), "NODE_NO_WARNINGS=1",
				"PATH="+home+":"+os.Getenv("PATH"))
			if s.language == "go" { // with the caches of whoever builds
				cmd.Env = append(cmd.Env, "HOME="+os.Getenv("HOME"), "GOFLAGS=")
				cmd.Env = append(cmd.Env, goEnvironment(t)...)
			} else {
				cmd.Dir = home
			}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "3.5") {
				t.Errorf("%v\n%s", err, clip(string(out), 4000))
			}
		})
	}
}

// goEnvironment is where the go command finds its caches, whatever the home.
func goEnvironment(t *testing.T) (env []string) {
	t.Helper()
	names := []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB"}
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, value := range strings.Split(strings.TrimRight(string(out), "\n"), "\n") {
		env = append(env, names[i]+"="+value)
	}
	return env
}
