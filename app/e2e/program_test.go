package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// executable is the program under test.
func executable(t testing.TB) string {
	t.Helper()
	b := os.Getenv("SERVERY_BINARY")
	if b == "" {
		t.Fatal("SERVERY_BINARY is not set: run make e2e, which builds the program and names it")
	}
	return b
}

// shared is the path of a file among the shared models.
func shared(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("SERVERY_SHARED")
	if root == "" {
		root = "../../../shared"
	}
	p, err := filepath.Abs(filepath.Join(root, "models", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%v: the shared models lie beside the repository, or SERVERY_SHARED names their folder", err)
	}
	return p
}

// program is a running servery.
type program struct {
	t     testing.TB
	cmd   *exec.Cmd
	url   string
	token string
	ended chan struct{} // closed when the process has ended
	mu    sync.Mutex
	log   bytes.Buffer
	err   error
}

// environment is that of a person who has never run Servery: an empty home, and none of
// the variables that would change what is tested (CI hides ONNX Runtime's telemetry).
func environment(home string, more ...string) []string {
	for _, dir := range []string{"cache", "config"} { // a desktop has them
		os.MkdirAll(filepath.Join(home, dir), 0o700)
	}
	env := []string{
		"HOME=" + home, "XDG_DATA_HOME=" + filepath.Join(home, "data"), "XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "PATH=" + os.Getenv("PATH"), "LANG=en_US.UTF-8",
	}
	return append(env, more...)
}

// start runs the program and collects what it writes. ready, where not nil, is called
// with each line until it returns true.
func start(t testing.TB, env []string, ready func(p *program, line string) bool, args ...string) *program {
	t.Helper()
	p := &program{t: t, ended: make(chan struct{})}
	p.cmd = exec.Command(executable(t), args...)
	p.cmd.Env = env
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		w.Close()
		close(p.ended)
	}()
	up := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		waiting := ready != nil
		for lines.Scan() {
			p.mu.Lock()
			p.log.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			if waiting && ready(p, lines.Text()) {
				waiting = false
				close(up)
			}
		}
		io.Copy(io.Discard, r)
	}()
	t.Cleanup(func() {
		p.kill()
		p.refuseTrouble()
	})
	if ready != nil {
		select {
		case <-up:
		case <-p.ended:
			t.Fatalf("the program ended (%v) before it was ready:\n%s", p.err, p.written())
		case <-time.After(patience):
			t.Fatalf("the program is not ready after %v:\n%s", patience, p.written())
		}
	}
	return p
}

var listening = regexp.MustCompile(`^Servery is listening on (http://127\.0\.0\.1:\d+)$`)

// serve runs `servery serve` on a free port over a data folder, with more arguments.
func serve(t testing.TB, data string, more ...string) *program {
	t.Helper()
	return serveIn(t, environment(t.TempDir()), data, more...)
}

// serveIn is serve in an environment.
func serveIn(t testing.TB, env []string, data string, more ...string) *program {
	t.Helper()
	tokenFile := filepath.Join(data, "..", filepath.Base(data)+".token")
	p := start(t, env, func(p *program, line string) bool {
		m := listening.FindStringSubmatch(line)
		if m != nil {
			p.url = m[1]
		}
		return m != nil
	}, append([]string{"serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--token-file", tokenFile}, more...)...)
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	p.token = strings.TrimSpace(string(token))
	return p
}

// run runs the program to its end and returns what it wrote and its exit status.
func run(t testing.TB, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(executable(t), args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (p *program) written() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// kill is kill -9, and waits for the end.
func (p *program) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// stop is SIGTERM, and waits for an orderly end with status 0.
func (p *program) stop() {
	p.t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("SIGTERM did not end the program in %v:\n%s", patience, p.written())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("SIGTERM ended the program with status %d:\n%s", code, p.written())
	}
}

// refuseTrouble fails the test where the program wrote of a crash or of a widget touched
// off the UI goroutine (Fyne repairs and logs that only in builds without the tag
// migrated_fynedo, which these are).
func (p *program) refuseTrouble() {
	p.t.Helper()
	for _, sign := range []string{"panic:", "Error in Fyne call thread", "fatal error:", "DATA RACE"} {
		if log := p.written(); strings.Contains(log, sign) {
			p.t.Errorf("the program wrote %q:\n%s", sign, log)
		}
	}
}

// call sends one REST request; in and out are JSON values, or nil.
func (p *program) call(method, path string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		if s, ok := in.(string); ok {
			body = strings.NewReader(s)
		} else {
			b, err := json.Marshal(in)
			if err != nil {
				return 0, err
			}
			body = bytes.NewReader(b)
		}
	}
	req, err := http.NewRequest(method, p.url+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err
	}
	if s, ok := out.(*string); ok {
		*s = string(b)
		return res.StatusCode, nil
	}
	if out == nil {
		return res.StatusCode, nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return res.StatusCode, fmt.Errorf("%s %s: %w in %s", method, path, err, b)
	}
	return res.StatusCode, nil
}

var client = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// must is call for what has to succeed.
func (p *program) must(method, path string, in, out any) {
	p.t.Helper()
	var text string
	target := out
	if out == nil {
		target = &text
	}
	status, err := p.call(method, path, in, target)
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s", method, path, err, p.written())
	}
	if status != http.StatusOK {
		p.t.Fatalf("%s %s: status %d %v", method, path, status, text)
	}
}

// wireEndpoint is what the stories read of an endpoint.
type wireEndpoint struct {
	Name  string
	ID    string
	State struct {
		Ready        string
		ConfigUpdate string `json:"config_update"`
	}
	Config, Pending *struct {
		Entities []struct {
			Name  string
			State struct {
				Deployment string
				Message    string `json:"deployment_state_message"`
			}
		} `json:"served_entities"`
	}
}

// awaitReady polls an endpoint until it is READY and returns how long that took.
func (p *program) awaitReady(name string) time.Duration {
	p.t.Helper()
	began := time.Now()
	for {
		var e wireEndpoint
		status, err := p.call("GET", "/api/2.0/serving-endpoints/"+name, nil, &e)
		if err != nil {
			p.t.Fatalf("endpoint %s: %v\n%s", name, err, p.written())
		}
		if status == http.StatusOK && e.State.Ready == "READY" && e.State.ConfigUpdate == "NOT_UPDATING" {
			return time.Since(began)
		}
		if e.State.ConfigUpdate == "UPDATE_FAILED" || time.Since(began) > patience {
			var text string
			p.call("GET", "/api/2.0/serving-endpoints/"+name, nil, &text)
			p.t.Fatalf("endpoint %s after %v: %s", name, time.Since(began), text)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// create makes an endpoint of one served entity, Small.
func (p *program) create(name, model string) {
	p.t.Helper()
	p.must("POST", "/api/2.0/serving-endpoints", createBody(name, model), nil)
}

func createBody(name, model string) map[string]any {
	return map[string]any{"name": name, "config": map[string]any{"served_entities": []any{map[string]any{
		"entity_name": model, "entity_version": "1", "workload_size": "Small", "scale_to_zero_enabled": false,
	}}}}
}

// entityOf is the served entity of a body of createBody, to be changed.
func entityOf(body map[string]any) map[string]any {
	return body["config"].(map[string]any)["served_entities"].([]any)[0].(map[string]any)
}

// importModel runs `servery models import` on the data folder of the running program.
func importModel(t testing.TB, data, path, name string) {
	t.Helper()
	out, code := run(t, environment(t.TempDir()), "models", "import", path, "--name", name, "--data-dir", data)
	if code != 0 {
		t.Fatalf("models import %s: status %d\n%s", path, code, out)
	}
}
