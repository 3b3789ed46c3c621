package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"servery/engine/runtime"
)

func TestALoadThatFailsSaysWhy(t *testing.T) {
	for _, c := range []struct{ model, says string }{
		{"refused", "the model is no model"},
		{"fatal", "SIGSEGV: invalid memory access"},
		{"panic", "an error in Servery: loading"},
	} {
		t.Run(c.model, func(t *testing.T) {
			l := scriptedLauncher(t)
			l.Warm()
			for range 2 { // with and, perhaps, without a spare
				_, err := l.Launch(t.Context(), runtime.Spec{ModelFile: c.model}, nil)
				var load *runtime.LoadError
				if !errors.As(err, &load) || !strings.Contains(load.Message, c.says) {
					t.Errorf("got %v, want a *runtime.LoadError with %q", err, c.says)
				}
			}
		})
	}
}

func TestALoadIsBounded(t *testing.T) {
	l := scriptedLauncher(t)
	l.loadLimit = 100 * time.Millisecond
	_, err := l.Launch(t.Context(), runtime.Spec{ModelFile: "endless"}, nil)
	var load *runtime.LoadError
	if !errors.As(err, &load) || !strings.Contains(load.Message, "100ms") {
		t.Errorf("got %v", err)
	}
	l.loadLimit = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := l.Launch(ctx, runtime.Spec{ModelFile: "endless"}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestALibraryThatIsMissingOrBrokenIsTold(t *testing.T) {
	missing := &runtime.MissingError{Message: "It is not there.", Hint: "Get it."}
	for name, library := range map[string]func() (string, error){
		"missing": func() (string, error) { return "", missing },
		"broken":  func() (string, error) { return "broken", nil },
		"fatal":   func() (string, error) { return "fatal", nil },
	} {
		t.Run(name, func(t *testing.T) {
			l := scriptedLauncher(t)
			l.options.Library = library
			_, err := l.Launch(t.Context(), runtime.Spec{}, nil)
			var got *runtime.MissingError
			if !errors.As(err, &got) || got.Hint == "" {
				t.Errorf("got %v, want a *runtime.MissingError with a hint", err)
			}
		})
	}
}

// Zeros are what a trial run is made of, and may be input that a model cannot take.
func TestAModelThatZerosKillIsServedAllTheSame(t *testing.T) {
	r, n := launch(t, scriptedLauncher(t), runtime.Spec{ModelFile: "fatal on zeros"})
	ask(t, r, "hello", 201)
	n.wait(t, runtime.LogLine, "a trial run ended the model's process (SIGFPE: arithmetic error)")
}

func TestAModelThatCannotBeLoadedAgainIsTriedLessAndLess(t *testing.T) {
	r, n := launch(t, scriptedLauncher(t), runtime.Spec{ModelFile: "once", Dir: t.TempDir()})
	syscall.Kill(r.Usage().PID, syscall.SIGKILL)
	n.wait(t, runtime.Died, "could not be started again: not again")
	n.wait(t, runtime.GaveUp, "could not be started again: not again It is started again in 5s")
	if u := n.count(runtime.Died); u != 3 { // the end, and two starts that failed before the long pause
		t.Errorf("told %d times that it ended, want 3", u)
	}
	if u := r.Usage(); u.PID != 0 || u.MemoryBytes != 0 {
		t.Errorf("usage %+v", u)
	}
}

// A library that is gone, or a model that is, does not come back while a request waits:
// requests are told what is wrong, and answered once it is mended.
func TestRequestsAreToldWhyNoProcessCanBeStarted(t *testing.T) {
	l := scriptedLauncher(t)
	missing := &runtime.MissingError{Message: "It is gone.", Hint: "Put it back."}
	var gone atomic.Bool
	l.options.Library = func() (string, error) {
		if gone.Load() {
			return "", missing
		}
		return "library", nil
	}
	r, n := launch(t, l, runtime.Spec{})
	gone.Store(true)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	waiting.Go(func() { // in flight at the end: it has waited for the restarts that failed
		if _, err := r.Invoke(t.Context(), runtime.Request{Body: []byte("wait")}); !errors.Is(err, missing) {
			t.Errorf("the request in flight: %v", err)
		}
	})
	for r.(*runner).inflight.Load() == 0 {
		goruntime.Gosched()
	}
	syscall.Kill(r.Usage().PID, syscall.SIGKILL)
	n.wait(t, runtime.GaveUp, "It is gone.")
	if _, err := r.Invoke(t.Context(), runtime.Request{Body: []byte("hello")}); !errors.Is(err, missing) {
		t.Errorf("a request meanwhile: %v", err)
	}
	gone.Store(false)
	n.wait(t, runtime.Restarted, "was restarted")
	ask(t, r, "hello", 201)
}

func TestTheEnvironmentIsMinimal(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "x")
	t.Setenv("HOME", "/home/somebody")
	r, _ := launch(t, scriptedLauncher(t), runtime.Spec{Environment: map[string]string{"OMP_NUM_THREADS": "1", telemetryVariable: "0"}})
	got := ask(t, r, "environment", 200)
	for _, want := range []string{"OMP_NUM_THREADS=1", "ORT_DISABLE_TELEMETRY=1", "LANG=C.UTF-8"} {
		if !strings.Contains("\n"+got+"\n", "\n"+want+"\n") {
			t.Errorf("no %s in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "SECRET_TOKEN") || strings.Contains(got, "HOME=") {
		t.Errorf("too much is passed on:\n%s", got)
	}
}

func TestTheMemoryBoundIsHalfTheMachine(t *testing.T) {
	l := New(Options{MemoryTotal: 24 << 30})
	for _, c := range []struct{ spec, want int64 }{{0, 12 << 30}, {5 << 20, 5 << 20}} {
		if got := l.order(runtime.Spec{MemoryLimit: c.spec}, nil).MemoryLimit; got != c.want {
			t.Errorf("%d: got %d, want %d", c.spec, got, c.want)
		}
	}
	l.options.MemoryTotal = 1 << 30
	if got := l.order(runtime.Spec{}, nil).MemoryLimit; got != leastLimit {
		t.Errorf("a small machine: %d", got)
	}
	l.options.MemoryTotal = 0
	if got := l.order(runtime.Spec{}, nil).MemoryLimit; got != 0 {
		t.Errorf("an unknown machine: %d", got)
	}
}

func TestASpareIsTakenAndReplaced(t *testing.T) {
	l := scriptedLauncher(t)
	spare := func() *process {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.spare
	}
	l.Warm()
	l.Warm()
	for spare() == nil {
		goruntime.Gosched()
	}
	first := spare().pid()
	r, _ := launch(t, l, runtime.Spec{})
	if r.Usage().PID != first {
		t.Error("the spare process was not taken")
	}
	for spare() == nil {
		goruntime.Gosched()
	}
	other, _ := launch(t, l, runtime.Spec{Environment: map[string]string{"A": "b"}})
	if second := spare().pid(); other.Usage().PID == second {
		t.Error("a process with another environment was taken")
	}
	// A spare that died is replaced by a launch, not taken.
	dead := spare()
	syscall.Kill(dead.pid(), syscall.SIGKILL)
	<-dead.gone
	third, _ := launch(t, l, runtime.Spec{})
	ask(t, third, "hello", 201)
	// So is one that has an older library open.
	for spare() == nil || spare() == dead {
		goruntime.Gosched()
	}
	old := spare()
	l.options.Library = func() (string, error) { return "newer", nil }
	fourth, _ := launch(t, l, runtime.Spec{})
	if got := fourth.Loaded().Runtime; got != "Script newer" {
		t.Errorf("served by %q", got)
	}
	<-old.gone
}

// descriptors and goroutines that a test began with must be all that it ends with.
func TestNothingIsLeftBehind(t *testing.T) {
	count := func() (files, goroutines int) {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries), goruntime.NumGoroutine()
	}
	round := func() {
		l := New(Options{Executable: []string{os.Args[0], "worker", "scripted"},
			Library: func() (string, error) { return "library", nil }})
		l.Warm()
		r, _ := launch(t, l, runtime.Spec{})
		other, _ := launch(t, l, runtime.Spec{})
		ask(t, r, "hello", 201)
		r.Invoke(t.Context(), runtime.Request{Body: []byte("exit 1")})
		ask(t, r, "hello", 201)
		ask(t, other, "hello", 201)
		l.Launch(t.Context(), runtime.Spec{ModelFile: "refused"}, nil)
		r.Close(t.Context())
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := l.Launch(t.Context(), runtime.Spec{}, nil); !errors.Is(err, errClosed) {
			t.Errorf("a launch after Close: %v", err)
		}
	}
	round()
	files, goroutines := count()
	round()
	late := time.Now().Add(5 * time.Second)
	for {
		f, g := count()
		if f <= files && g <= goroutines {
			return
		}
		if time.Now().After(late) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d files, %d before; %d goroutines, %d before:\n%s", f, files, g, goroutines, buf[:goruntime.Stack(buf, true)])
		}
		goruntime.Gosched()
	}
}

// orphan is a process that starts a worker, tells its number and waits to be killed.
func orphan(executable string) {
	l := New(Options{Executable: []string{executable, "worker", "scripted"},
		Library: func() (string, error) { return "library", nil }})
	r, err := l.Launch(context.Background(), runtime.Spec{}, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go r.Invoke(context.Background(), runtime.Request{Body: []byte("hang")})
	fmt.Println(r.Usage().PID)
	io.Copy(io.Discard, os.Stdin)
}

func TestAWorkerEndsWithItsParent(t *testing.T) {
	cmd := exec.Command(os.Args[0], "worker", "orphan", os.Args[0])
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(line)
	stat := filepath.Join("/proc", pid, "stat")
	if _, err := os.Stat(stat); err != nil {
		t.Fatalf("the worker is not there: %q", line)
	}
	cmd.Process.Kill()
	cmd.Wait()
	late := time.Now().Add(10 * time.Second)
	for {
		// A zombie has ended: nobody has to wait for it but the system.
		b, err := os.ReadFile(stat)
		if err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("the worker %s outlives its parent: %s", pid, b)
		}
		goruntime.Gosched()
	}
}

func TestBackoff(t *testing.T) {
	var b backoff
	for i, want := range []time.Duration{0, 100 * time.Millisecond, time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, 30 * time.Second} {
		if got := b.next(time.Second, false); got != want {
			t.Errorf("failure %d: %v, want %v", i, got, want)
		}
	}
	if got := b.next(time.Minute, false); got != 0 {
		t.Errorf("after a good minute: %v", got)
	}
	b = backoff{failures: 4}
	if b.next(10*time.Second, true) != 0 || b.next(0, true) != blamedPause || b.failures != 4 {
		t.Error("a request that is to blame must not lengthen the pauses")
	}
}

// A body that is given back twice is later handed to two requests at once.
func TestAFailureGivesItsBodyBackOnce(t *testing.T) {
	for name, kind := range map[string]kind{"failed": kindFailed, "another": kindLoaded} {
		t.Run(name, func(t *testing.T) {
			p := &process{control: make(chan frame, 1), gone: make(chan struct{})}
			released := 0
			p.control <- frame{header: header{Kind: kind}, Body: &buffer{b: []byte(`{}`), release: func() { released++ }}}
			f, err := p.next(t.Context(), kindOpened)
			f.release()
			if err == nil || released != 1 {
				t.Errorf("released %d times, error %v", released, err)
			}
		})
	}
}
