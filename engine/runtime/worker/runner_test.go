package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"servery/engine/runtime"
)

func TestARequestIsAnsweredByTheProcess(t *testing.T) {
	r, _ := launch(t, scriptedLauncher(t), runtime.Spec{Entity: "e/1"})
	a, err := r.Invoke(t.Context(), runtime.Request{ContentType: "text/csv", Body: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != 201 || a.ContentType != "text/csv" || string(a.Body) != "hello" {
		t.Errorf("got %d %q %q", a.Status, a.ContentType, a.Body)
	}
	if a.Timing.Decode != 1 || a.Timing.Run != 2 || a.Timing.Encode != 3 || a.Timing.Wait <= 0 {
		t.Errorf("timing %+v", a.Timing)
	}
	a.Release()
	if got := r.Loaded(); got.Runtime != "Script library" || got.RunTime != time.Microsecond || got.Sessions != 1 || got.Took <= 0 {
		t.Errorf("loaded %+v", got)
	}
	u := r.Usage()
	if u.PID == 0 || u.MemoryBytes < 1<<20 || u.Restarts != 0 {
		t.Errorf("usage %+v", u)
	}
	if ask(t, r, "", 201) != "" {
		t.Error("an empty body is answered by something else")
	}
	long := strings.Repeat("x", 1<<17)
	if a, err := r.Invoke(t.Context(), runtime.Request{ContentType: long, Body: []byte("hello")}); err != nil || len(a.ContentType) != longestText {
		t.Errorf("a content type of 128 KiB: %v, %d bytes", err, len(a.ContentType))
	}
}

func TestManyRequestsShareTheConnection(t *testing.T) {
	r, _ := launch(t, scriptedLauncher(t), runtime.Spec{Concurrency: 4})
	var work sync.WaitGroup
	for g := range 16 {
		work.Go(func() {
			for i := range 200 {
				// From 9 bytes to past what is copied into the output buffer.
				body := fmt.Appendf(nil, "%d %d %s", g, i, bytes.Repeat([]byte("x"), (g*200+i)*37%80_000))
				a, err := r.Invoke(t.Context(), runtime.Request{Body: body})
				if err != nil || !bytes.Equal(a.Body, body) {
					t.Errorf("request %d of %d: %v, %d bytes for %d", i, g, err, len(a.Body), len(body))
					return
				}
				a.Release()
			}
		})
	}
	work.Wait()
}

func TestLongBodiesGoThrough(t *testing.T) {
	r, _ := launch(t, scriptedLauncher(t), runtime.Spec{Concurrency: 2})
	for _, n := range []int{copied - 1, copied, copied + 1, 16 << 20} {
		body := bytes.Repeat([]byte("0123456789abcde "), n/16+1)[:n]
		a, err := r.Invoke(t.Context(), runtime.Request{Body: body})
		if err != nil || !bytes.Equal(a.Body, body) {
			t.Fatalf("%d bytes: %v, %d came back", n, err, len(a.Body))
		}
		a.Release()
	}
	if got := ask(t, r, "size 40000000", 200); len(got) != 40_000_000 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestAPanicIsAnsweredAndKillsNothing(t *testing.T) {
	r, n := launch(t, scriptedLauncher(t), runtime.Spec{})
	pid := r.Usage().PID
	if text := ask(t, r, "panic", 500); !strings.Contains(text, "INTERNAL_ERROR") || !strings.Contains(text, "a request that panics") {
		t.Errorf("got %s", text)
	}
	ask(t, r, "hello", 201)
	if r.Usage().PID != pid {
		t.Error("the process was restarted")
	}
	n.wait(t, runtime.LogLine, "panic in a request: a request that panics")
}

func TestARunThatTakesTooLongIsStopped(t *testing.T) {
	r, _ := launch(t, scriptedLauncher(t), runtime.Spec{Timeout: 300 * time.Millisecond})
	pid := r.Usage().PID
	for range 3 {
		if text := ask(t, r, "wait", 400); !strings.Contains(text, "Timed out") {
			t.Errorf("got %s", text)
		}
		ask(t, r, "hello", 201)
	}
	if r.Usage().PID != pid {
		t.Error("the process was restarted")
	}
}

func TestARequestThatWaitsForItsTurnTimesOutToo(t *testing.T) {
	began := filepath.Join(t.TempDir(), "began")
	r, _ := launch(t, scriptedLauncher(t), runtime.Spec{Timeout: 300 * time.Millisecond, Concurrency: 1})
	var work sync.WaitGroup
	work.Go(func() { ask(t, r, "wait "+began, 400) })
	awaitFile(t, began)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.Invoke(ctx, runtime.Request{Body: []byte("hello")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("canceled while it waits: %v", err)
	}
	work.Wait()
	ask(t, r, "hello", 201)
}

func TestACanceledRunIsStopped(t *testing.T) {
	r, _ := launch(t, scriptedLauncher(t), runtime.Spec{Concurrency: 1})
	pid := r.Usage().PID
	for i := range 3 {
		began := filepath.Join(t.TempDir(), fmt.Sprint(i))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { awaitFile(t, began); cancel() }()
		if _, err := r.Invoke(ctx, runtime.Request{Body: []byte("wait " + began)}); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		// The only turn is free again.
		ask(t, r, "hello", 201)
	}
	if r.Usage().PID != pid {
		t.Error("the process was restarted")
	}
	if _, err := r.Invoke(canceledContext(), runtime.Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled from the start: %v", err)
	}
}

func TestARunThatDoesNotStopEndsWithItsProcess(t *testing.T) {
	l := scriptedLauncher(t)
	l.grace = 200 * time.Millisecond
	r, n := launch(t, l, runtime.Spec{Timeout: 300 * time.Millisecond, Concurrency: 2})
	if text := ask(t, r, "hang", 400); !strings.Contains(text, "Timed out") {
		t.Errorf("got %s", text)
	}
	n.wait(t, runtime.Died, "did not stop")
	ask(t, r, "hello", 201)

	began := filepath.Join(t.TempDir(), "began")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { awaitFile(t, began); cancel() }()
	if _, err := r.Invoke(ctx, runtime.Request{Body: []byte("hang " + began)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ask(t, r, "wait", 400) // was in flight with the one that hangs: it is not to blame
	ask(t, r, "hello", 201)
}

func TestAFatalRequestIsAnsweredAndTheProcessIsBack(t *testing.T) {
	for request, cause := range map[string]string{
		fmt.Sprintf("signal %d", syscall.SIGFPE):  "SIGFPE: arithmetic error",
		fmt.Sprintf("signal %d", syscall.SIGSEGV): "SIGSEGV: invalid memory access",
		fmt.Sprintf("signal %d", syscall.SIGABRT): "SIGABRT",
		fmt.Sprintf("signal %d", syscall.SIGKILL): "SIGKILL: killed from outside",
		fmt.Sprintf("signal %d", syscall.SIGTERM): "SIGTERM",
		"exit 3": "exit status 3",
	} {
		t.Run(cause, func(t *testing.T) {
			l := scriptedLauncher(t)
			r, n := launch(t, l, runtime.Spec{})
			var died *runtime.DiedError
			if a, err := r.Invoke(t.Context(), runtime.Request{Body: []byte(request)}); !errors.As(err, &died) || !strings.Contains(died.Cause, cause) {
				t.Errorf("got %+v, %v, want %s", a, err, cause)
			}
			ask(t, r, "hello", 201)
			n.wait(t, runtime.Died, cause)
			n.wait(t, runtime.Died, "while it evaluated a request")
			n.wait(t, runtime.Restarted, "was restarted (")
			if u := r.Usage(); u.Restarts == 0 || u.PID == 0 {
				t.Errorf("usage %+v", u)
			}
		})
	}
}

// Eight requests are in flight and one of them ends the process. Only that one fails,
// though all eight look the same from outside.
func TestOnlyTheRequestThatEndsTheProcessFails(t *testing.T) {
	dir := t.TempDir()
	l := scriptedLauncher(t)
	r, n := launch(t, l, runtime.Spec{Concurrency: 8})
	gate := filepath.Join(dir, "gate")
	var work sync.WaitGroup
	for i := range 7 {
		name := filepath.Join(dir, fmt.Sprint(i))
		work.Go(func() {
			if got := ask(t, r, "until "+name, 201); got != "until "+name {
				t.Errorf("got %q", got)
			}
		})
		awaitFile(t, name+".began")
	}
	work.Go(func() {
		var died *runtime.DiedError
		if _, err := r.Invoke(t.Context(), runtime.Request{Body: []byte("signal-when " + gate)}); !errors.As(err, &died) {
			t.Errorf("the fatal request: %v", err)
		}
	})
	for i := range 7 {
		os.WriteFile(filepath.Join(dir, fmt.Sprint(i)+".began"), nil, 0o600)
	}
	// The processes after the first find the files there, and answer at once.
	work.Go(func() {
		n.wait(t, runtime.Died, "8 requests")
		for i := range 7 {
			os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600)
		}
	})
	for r.(*runner).inflight.Load() < 8 {
		goruntime.Gosched()
	}
	pending := func() int {
		p := r.(*runner).active.Load()
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.pending)
	}
	for pending() < 8 {
		goruntime.Gosched()
	}
	os.WriteFile(gate, nil, 0o600)
	// A request that comes meanwhile waits, and is no suspect.
	work.Go(func() {
		n.wait(t, runtime.Died, "8 requests")
		ask(t, r, "late", 201)
	})
	work.Wait()
	if died := n.count(runtime.Died); died != 2 {
		t.Errorf("the process ended %d times, want 2: with all, and with the fatal one alone", died)
	}
}

func TestAProcessKilledByHandFailsNobody(t *testing.T) {
	l := scriptedLauncher(t)
	l.Warm()
	r, n := launch(t, l, runtime.Spec{Concurrency: 4})
	ended := make(chan struct{})
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					ask(t, r, "hello", 201)
				}
			}
		})
	}
	for i := range 2 {
		if err := syscall.Kill(r.Usage().PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for n.count(runtime.Restarted) <= i {
			goruntime.Gosched()
		}
		ask(t, r, "hello", 201)
	}
	close(ended)
	work.Wait()
	n.wait(t, runtime.Died, "SIGKILL: killed from outside")
}

func TestAStoppedProcessIsKilled(t *testing.T) {
	l := scriptedLauncher(t)
	l.grace = 200 * time.Millisecond
	r, _ := launch(t, l, runtime.Spec{Timeout: 300 * time.Millisecond})
	if err := syscall.Kill(r.Usage().PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// Longer than the socket's buffer: the sender waits for a reader that does not read.
	ask(t, r, strings.Repeat("x", 8<<20), 400)
	ask(t, r, "hello", 201)
}

func TestWhatTheProcessWritesIsTold(t *testing.T) {
	r, n := launch(t, scriptedLauncher(t), runtime.Spec{})
	ask(t, r, "print hello, log", 201)
	n.wait(t, runtime.LogLine, "hello, log")
	ask(t, r, "flood", 201)
	n.wait(t, runtime.LogLine, "left out")
	ask(t, r, "hello", 201)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, notice := range n.all {
		if len(notice.Message) > longestLine {
			t.Errorf("a line of %d bytes", len(notice.Message))
		}
	}
	if len(n.all) > 10*linesASecond {
		t.Errorf("%d notices for a flood", len(n.all))
	}
}

// What a process wrote last often says more than the signal that it ended by.
func TestTheLastLinesAreToldWithTheEnd(t *testing.T) {
	l := scriptedLauncher(t)
	r, n := launch(t, l, runtime.Spec{})
	ask(t, r, "print one", 201)
	ask(t, r, "print terminate called after throwing an instance of 'std::bad_alloc'", 201)
	r.Invoke(t.Context(), runtime.Request{Body: []byte(fmt.Sprintf("signal %d", syscall.SIGABRT))})
	n.wait(t, runtime.Died, "SIGABRT: the runtime gave up. It last wrote: “one”, “terminate called after throwing an instance of 'std::bad_alloc'”.")
	_, err := l.Launch(t.Context(), runtime.Spec{ModelFile: "fatal"}, nil)
	if err == nil || !strings.Contains(err.Error(), "SIGSEGV: invalid memory access. It last wrote: “there is no room for the weights”.") {
		t.Errorf("a load that failed: %v", err)
	}
}

func TestOnlyTheLastLinesOfTheLastSecondsAreTold(t *testing.T) {
	now := time.Now()
	l := &lineReader{}
	for i, age := range []time.Duration{12 * time.Second, 11 * time.Second, 9 * time.Second, time.Second} {
		l.keep(strings.Repeat("é", 200)+fmt.Sprint(i), now.Add(-age))
	}
	long := "“" + strings.Repeat("é", 100) + "…”"
	if got, want := l.lastWords(now), " It last wrote: "+long+", "+long+"."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := l.lastWords(now.Add(time.Minute)); got != "" {
		t.Errorf("a minute later %q", got)
	}
}

func TestCloseLetsRequestsFinish(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "go")
	r, _ := launch(t, scriptedLauncher(t), runtime.Spec{Concurrency: 2})
	pid := r.Usage().PID
	var work sync.WaitGroup
	work.Go(func() { ask(t, r, "until "+name, 201) })
	awaitFile(t, name+".began")
	closed := make(chan struct{})
	go func() { defer close(closed); r.Close(t.Context()) }()
	for {
		if _, err := r.Invoke(t.Context(), runtime.Request{}); errors.Is(err, runtime.ErrClosed) {
			break
		}
	}
	select {
	case <-closed:
		t.Error("Close has not waited")
	default:
	}
	os.WriteFile(name, nil, 0o600)
	work.Wait()
	<-closed
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process %d is still there: %v", pid, err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

func TestCloseKillsWhatDoesNotFinish(t *testing.T) {
	began := filepath.Join(t.TempDir(), "began")
	r, _ := launch(t, scriptedLauncher(t), runtime.Spec{})
	result := make(chan error)
	go func() {
		_, err := r.Invoke(context.Background(), runtime.Request{Body: []byte("hang " + began)})
		result <- err
	}()
	awaitFile(t, began)
	go r.Close(canceledContext())
	if err := <-result; !errors.Is(err, runtime.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
