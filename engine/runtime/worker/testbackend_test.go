package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"servery/engine/runtime"
	"servery/engine/runtime/ortlib"
)

// The test binary is its own worker: "worker" is the product's, "worker scripted" does
// what the requests say, "worker still" does nothing, "worker gpu PATH ..." has a driver.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		if len(os.Args) > 2 && os.Args[2] == "scripted" {
			os.Exit(mainWith(nil, &scripted{}))
		}
		if len(os.Args) > 2 && os.Args[2] == "still" {
			syscall.Pause()
		}
		if len(os.Args) > 3 && os.Args[2] == "gpu" {
			os.Exit(mainWith(nil, gpuWorker(os.Args[3], os.Args[4:]...)))
		}
		if len(os.Args) > 2 && os.Args[2] == "orphan" {
			orphan(os.Args[3])
		}
		os.Exit(Main(nil))
	}
	os.Exit(m.Run())
}

// gpuWorker is nil in a program without CUDA.
var gpuWorker func(path string, fault ...string) backend

// scripted is a backend without a model: requests say what is to happen.
type scripted struct{ library string }

func (s *scripted) open(library string) (string, error) {
	s.library = library
	switch library {
	case "broken":
		return "", &runtime.MissingError{Message: "It is broken.", Hint: "Mend it."}
	case "fatal":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return "1", nil
}

func (s *scripted) load(order loadOrder, probing func()) ([]evaluator, loadReport, error) {
	marker := filepath.Join(order.Dir, "loads")
	if order.Dir != "" {
		old, _ := os.ReadFile(marker)
		os.WriteFile(marker, append(old, '.'), 0o600)
	}
	switch order.ModelFile {
	case "refused":
		return nil, loadReport{}, errors.New("the model is no model")
	case "fatal":
		fmt.Println("there is no room for the weights")
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		select {}
	case "endless":
		select {}
	case "panic":
		panic("loading")
	case "once": // loads the first time only
		if b, _ := os.ReadFile(marker); len(b) > 1 {
			return nil, loadReport{}, errors.New("not again")
		}
	}
	if order.Probe {
		probing()
		if order.ModelFile == "fatal on zeros" {
			syscall.Kill(os.Getpid(), syscall.SIGFPE)
			select {}
		}
	}
	evaluators := make([]evaluator, max(order.Concurrency, 1))
	for i := range evaluators {
		evaluators[i] = &script{stopped: make(chan struct{})}
	}
	return evaluators, loadReport{Runtime: "Script " + s.library, RunTime: s.runTime(order), Sessions: 1, Bytes: order.MemoryLimit}, nil
}

// runTime makes the reader answer requests itself, as for a tiny model, unless the order
// says that runs are long.
func (s *scripted) runTime(order loadOrder) time.Duration {
	if order.ModelFile == "long" {
		return time.Second
	}
	return time.Microsecond
}

// script carries out one request at a time.
type script struct {
	mu      sync.Mutex
	stopped chan struct{}
}

func (s *script) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopped:
	default:
		close(s.stopped)
	}
}

func (s *script) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = make(chan struct{})
}

func (s *script) evaluate(out *buffer, contentType string, body []byte, timing *runtime.Timing) answer {
	verb, argument, _ := bytes.Cut(body, []byte(" "))
	timing.Decode, timing.Run, timing.Encode = 1, 2, 3
	switch string(verb) {
	case "panic":
		panic("a request that panics")
	case "wait": // until it is stopped
		touchFile(argument)
		<-s.stopped
		return answer{stopped: true}
	case "hang":
		touchFile(argument)
		select {}
	case "signal":
		n, _ := strconv.Atoi(string(argument))
		syscall.Kill(os.Getpid(), syscall.Signal(n))
		select {}
	case "signal-when": // once the file is there
		for {
			if _, err := os.Stat(string(argument)); err == nil {
				syscall.Kill(os.Getpid(), syscall.SIGSEGV)
			}
			time.Sleep(time.Millisecond)
		}
	case "until": // the file is there
		touchFile(append(bytes.Clone(argument), ".began"...))
		for {
			if _, err := os.Stat(string(argument)); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
	case "exit":
		n, _ := strconv.Atoi(string(argument))
		os.Exit(n)
	case "print":
		fmt.Println(string(argument))
	case "flood":
		fmt.Println(strings.Repeat("x", 1<<20))
		for i := range 10000 {
			fmt.Println("line", i)
		}
	case "size":
		n, _ := strconv.Atoi(string(argument))
		out.b = append(out.b, make([]byte, n)...)
		return answer{status: 200, contentType: "application/octet-stream"}
	case "environment":
		out.b = append(out.b, strings.Join(os.Environ(), "\n")...)
		return answer{status: 200, contentType: "text/plain"}
	}
	out.b = append(out.b, body...)
	return answer{status: 201, contentType: contentType}
}

func touchFile(name []byte) {
	if len(name) > 0 {
		os.WriteFile(string(name), nil, 0o600)
	}
}

// notices collects what a runner tells.
type notices struct {
	mu      sync.Mutex
	all     []runtime.Notice
	changed chan struct{}
}

func newNotices() *notices { return &notices{changed: make(chan struct{})} }

func (n *notices) notify(notice runtime.Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, notice)
	close(n.changed)
	n.changed = make(chan struct{})
}

// wait waits for a notice of a kind that holds text, and gives it.
func (n *notices) wait(t testing.TB, kind runtime.NoticeKind, text string) runtime.Notice {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		n.mu.Lock()
		all, changed := n.all, n.changed
		n.mu.Unlock()
		for _, notice := range all {
			if notice.Kind == kind && strings.Contains(notice.Message, text) {
				return notice
			}
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("no notice of kind %d with %q among %d, of which the last are %+v", kind, text, len(all), all[max(len(all)-4, 0):])
		}
	}
}

// count is how many notices of a kind there were.
func (n *notices) count(kind runtime.NoticeKind) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 0
	for _, notice := range n.all {
		if notice.Kind == kind {
			count++
		}
	}
	return count
}

// scriptedLauncher starts scripted workers; the test closes it.
func scriptedLauncher(t testing.TB) *Launcher {
	t.Helper()
	l := New(Options{Executable: []string{os.Args[0], "worker", "scripted"},
		Library: func() (string, error) { return "library", nil }})
	t.Cleanup(func() { l.Close(canceledContext()) })
	return l
}

// onnxLauncher starts the product's workers.
func onnxLauncher(t testing.TB) *Launcher {
	t.Helper()
	explicit := ""
	if os.Getenv(ortlib.Variable) == "" {
		explicit = filepath.Join("..", "..", "..", ".onnxruntime")
	}
	path, err := ortlib.Find(explicit, "")
	if err != nil {
		t.Fatal(err)
	}
	l := New(Options{Executable: []string{os.Args[0], "worker"}, MemoryTotal: 16 << 30,
		Library: func() (string, error) { return path, nil }})
	t.Cleanup(func() { l.Close(canceledContext()) })
	return l
}

func canceledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func launch(t testing.TB, l *Launcher, spec runtime.Spec) (runtime.Runner, *notices) {
	t.Helper()
	n := newNotices()
	r, err := l.Launch(t.Context(), spec, n.notify)
	if err != nil {
		t.Fatal(err)
	}
	return r, n
}

// ask sends a request that must be answered with the status, and gives the answer.
func ask(t testing.TB, r runtime.Runner, body string, status int) string {
	t.Helper()
	a, err := r.Invoke(t.Context(), runtime.Request{Body: []byte(body)})
	if err != nil {
		t.Fatalf("%.80q: %v", body, err)
	}
	text := string(a.Body)
	if a.Release != nil {
		a.Release()
	}
	if a.Status != status {
		t.Fatalf("%.80q: status %d %.500q, want %d", body, a.Status, text, status)
	}
	return text
}

// awaitFile waits for a file that a worker makes.
func awaitFile(t testing.TB, path string) {
	t.Helper()
	late := time.Now().Add(20 * time.Second)
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%s does not come", path)
		}
		time.Sleep(time.Millisecond)
	}
}
