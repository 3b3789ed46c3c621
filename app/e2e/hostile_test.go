package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
)

// bystander asks another endpoint all the time and counts the answers that are not 200.
type bystander struct {
	good, bad atomic.Int64
	last      atomic.Pointer[string]
	stop      func()
}

func watch(p *program, endpoint, body string) *bystander {
	b := &bystander{}
	ended := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
			}
			var text string
			status, err := p.call("POST", "/serving-endpoints/"+endpoint+"/invocations", body, &text)
			if err == nil && status == http.StatusOK {
				b.good.Add(1)
				continue
			}
			b.bad.Add(1)
			text = fmt.Sprintf("status %d %v %s", status, err, text)
			b.last.Store(&text)
		}
	})
	b.stop = func() { close(ended); work.Wait() }
	return b
}

// One request divides the smallest int64 by -1 (SIGFPE inside ONNX Runtime), one asks for
// 12 GB, and a worker is killed by hand: each time one clear error, the endpoint answers
// again, and another endpoint never notices.
func TestHostileRequestsHurtNobodyElse(t *testing.T) {
	p := serve(t, filepath.Join(t.TempDir(), "data"))
	folder := t.TempDir()
	for name, content := range map[string][]byte{"div": onnxtest.DivInt64(), "huge": onnxtest.Huge(), "add": onnxtest.Add(2)} {
		path := filepath.Join(folder, name+".onnx")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		p.upload(path, "main.default."+name)
		p.create(name, "main.default."+name)
	}
	for _, name := range []string{"div", "huge", "add"} {
		p.awaitReady(name)
	}
	const addBody = `{"inputs":[[1,2]]}`
	other := watch(p, "add", addBody)

	t.Run("smallest int64 divided by -1", func(t *testing.T) {
		text := refused(t, p, "div", `{"inputs":{"a":[-9223372036854775808],"b":[-1]}}`)
		if !strings.Contains(text, "process ended") {
			t.Errorf("the answer does not say what happened: %s", text)
		}
		answers(t, p, "div", `{"inputs":{"a":[6],"b":[3]}}`)
		events(t, p, "div", "WORKER_DIED")
	})
	t.Run("12 GB", func(t *testing.T) {
		refused(t, p, "huge", `{"inputs":[3221225472]}`)
		answers(t, p, "huge", `{"inputs":[3]}`)
	})
	t.Run("killed by hand", func(t *testing.T) {
		if err := syscall.Kill(p.worker("div"), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		answers(t, p, "div", `{"inputs":{"a":[6],"b":[3]}}`)
		events(t, p, "div", "WORKER_RESTARTED")
	})
	other.stop()
	if other.bad.Load() > 0 || other.good.Load() < 100 {
		t.Errorf("the endpoint beside: %d answers, %d failures, the last %s", other.good.Load(), other.bad.Load(), *other.last.Load())
	}
	t.Logf("meanwhile the endpoint beside answered %d requests, all with 200", other.good.Load())
}

// worker is the process id of an endpoint's only worker. What the engine tells is up to a
// second old: it is asked until the process is there.
func (p *program) worker(endpoint string) int {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		var list struct {
			Workers []struct{ PID int }
		}
		p.must("GET", "/api/2.0/servery/endpoints/"+endpoint+"/workers", nil, &list)
		if len(list.Workers) == 1 && list.Workers[0].PID > 0 && syscall.Kill(list.Workers[0].PID, 0) == nil {
			return list.Workers[0].PID
		}
	}
	p.t.Fatalf("endpoint %s has no worker after %v", endpoint, patience)
	return 0
}

// refused sends a request that must fail with one error in JSON.
func refused(t *testing.T, p *program, endpoint, body string) string {
	t.Helper()
	var text string
	status, err := p.call("POST", "/serving-endpoints/"+endpoint+"/invocations", body, &text)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: status %d %s", endpoint, status, text)
	if status < 400 || !strings.Contains(text, `"error_code"`) || !strings.Contains(text, `"message"`) {
		t.Errorf("status %d %s: a clear error was due", status, text)
	}
	return text
}

// answers sends a request that must succeed. It may wait for a worker's restart, but is
// sent only once: nobody's request fails because another one killed the process.
func answers(t *testing.T, p *program, endpoint, body string) {
	t.Helper()
	var text string
	began := time.Now()
	status, err := p.call("POST", "/serving-endpoints/"+endpoint+"/invocations", body, &text)
	if err != nil || status != http.StatusOK {
		t.Errorf("%s: status %d %v %s", endpoint, status, err, text)
		return
	}
	t.Logf("%s answered %s after %v", endpoint, strings.TrimSpace(text), time.Since(began).Round(time.Millisecond))
}

func events(t *testing.T, p *program, endpoint, want string) {
	t.Helper()
	var text string
	p.must("GET", "/api/2.0/servery/endpoints/"+endpoint+"/events", nil, &text)
	if !strings.Contains(text, want) {
		t.Errorf("no %s among the events: %s", want, text)
	}
}

// ONNX Runtime 1.30 writes a device id and a queue of events into the home folder and
// would send them, unless it is told not to. CI hides that, so that it is taken out of
// the environment here (environment() never passes it on).
func TestNothingIsWrittenOutsideTheDataFolder(t *testing.T) {
	base := t.TempDir()
	home, data := filepath.Join(base, "home"), filepath.Join(base, "data")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	env := environment(home)
	for _, v := range env {
		if strings.HasPrefix(v, "CI=") || strings.HasPrefix(v, "ORT_") {
			t.Fatalf("the environment has %s: the test would prove nothing", v)
		}
	}
	token := filepath.Join(base, "token")
	p := start(t, env, func(p *program, line string) bool {
		m := listening.FindStringSubmatch(line)
		if m != nil {
			p.url = m[1]
		}
		return m != nil
	}, "serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--token-file", token)
	b, err := os.ReadFile(token)
	if err != nil {
		t.Fatal(err)
	}
	p.token = strings.TrimSpace(string(b))
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.digits")
	p.create("digits", "main.default.digits")
	p.awaitReady("digits")
	var found []string
	filepath.WalkDir(home, func(path string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			found = append(found, path)
		}
		return nil
	})
	if len(found) > 0 {
		t.Errorf("the home folder held no file and now has %v", found)
	}
	workers := 0
	for _, worker := range children(t, p.cmd.Process.Pid) {
		// One that was forked this moment still has the engine's arguments and environment.
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", worker))
		if err != nil || !strings.HasSuffix(string(line), "\x00worker\x00") {
			continue
		}
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", worker))
		if err != nil || len(env) == 0 { // it has ended
			continue
		}
		workers++
		if !strings.Contains(string(env), "ORT_DISABLE_TELEMETRY=1") {
			t.Errorf("worker %d runs without ORT_DISABLE_TELEMETRY=1", worker)
		}
	}
	if workers == 0 {
		t.Error("no worker is there")
	}
}
