package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"servery/engine/runtime"
)

// played is a process whose connection the test speaks for.
type played struct {
	*process
	t      *testing.T
	end    *os.File // the worker's end
	bodies []byte
	frames *frameReader
	link   link
}

// play starts a process that does nothing itself, and says that it has loaded a model.
func play(t *testing.T) *played {
	t.Helper()
	w := &played{t: t}
	start := func(cmd *exec.Cmd) error {
		fd, err := syscall.Dup(int(cmd.ExtraFiles[0].Fd()))
		if err != nil {
			return err
		}
		bodies, err := syscall.Dup(int(cmd.ExtraFiles[1].Fd()))
		if err != nil {
			return err
		}
		w.bodies = mapBodies(bodies)
		w.end, cmd.ExtraFiles = os.NewFile(uintptr(fd), "played"), nil
		return cmd.Start()
	}
	p, err := startProcess(start, []string{os.Args[0], "worker", "still"}, nil, "library", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	w.process, w.frames, w.link.conn = p, newFrameReader(w.end), w.end
	t.Cleanup(func() {
		p.kill("the test is over")
		<-p.gone
		w.end.Close()
		unmapBodies(w.bodies)
	})
	if f := w.receive(); f.Kind != kindOpen {
		t.Fatalf("first kind %d", f.Kind)
	}
	w.send(header{Kind: kindLoaded}, nil)
	<-p.control
	w.quiet()
	p.crowd.span = 0
	return w
}

// receive gives the next frame that the engine sent.
func (w *played) receive() frame {
	w.t.Helper()
	f, err := w.frames.next()
	if err != nil {
		w.t.Error(err)
	}
	if at, n := f.Figures[1], f.Figures[2]; n > 0 {
		f.shared = w.bodies[at : at+n]
	}
	return f
}

func (w *played) send(h header, body []byte) {
	w.t.Helper()
	if err := w.link.send(h, "text/plain", body); err != nil {
		w.t.Error(err)
	}
}

// answerTo sends a request's own body back.
func (w *played) answerTo(f frame) {
	w.send(header{Kind: kindResponse, ID: f.ID, Status: 200}, f.bytes())
}

// quiet waits until no call is in flight and nobody reads.
func (w *played) quiet() {
	w.t.Helper()
	w.until("nobody reads", func(p *process) bool { return len(p.pending) == 0 && !p.reading })
}

func (w *played) until(what string, holds func(*process) bool) {
	w.t.Helper()
	for late := time.Now().Add(20 * time.Second); ; goruntime.Gosched() {
		w.mu.Lock()
		done := holds(w.process)
		w.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(late) {
			w.t.Fatalf("it does not come to this: %s", what)
		}
	}
}

// readWithoutEnd takes away the bound of a read.
func (w *played) readWithoutEnd() {
	w.conn.bound(0)
}

// await waits for calls to return.
func (w *played) await(calls *sync.WaitGroup) {
	w.t.Helper()
	done := make(chan struct{})
	go func() { calls.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		w.t.Error("a call does not return")
		w.kill("the test has failed")
		<-w.gone
		w.settle(func(int, int) {})
		calls.Wait()
	}
}

// ask sends a request, which must come to the outcome. An answer must be the body.
func (w *played) ask(ctx context.Context, body string, want outcome) {
	w.t.Helper()
	a, got, _ := w.do(ctx, runtime.Request{Body: []byte(body)}, time.Minute, 0, false)
	if got != want || got == answered && string(a.Body) != body {
		w.t.Errorf("%.40q: outcome %d with %.40q, want %d", body, got, a.Body, want)
	}
	if a.Release != nil {
		a.Release()
	}
}

func TestNobodyReadsWhileNothingIsInFlight(t *testing.T) {
	w := play(t)
	before := goruntime.NumGoroutine()
	for i := range 100 {
		var call sync.WaitGroup
		call.Go(func() { w.ask(t.Context(), fmt.Sprint("request ", i), answered) })
		w.answerTo(w.receive())
		call.Wait()
		w.mu.Lock()
		reading := w.reading || len(w.pending) > 0
		w.mu.Unlock()
		if reading {
			t.Fatalf("after request %d somebody reads on", i)
		}
	}
	w.until("no goroutine is left", func(*process) bool { return goruntime.NumGoroutine() <= before })
}

// The first call reads for all others. It leaves the reading when it has its answer,
// whichever comes when.
func TestOneCallReadsForMany(t *testing.T) {
	for seed := range uint64(10) {
		w := play(t)
		var work sync.WaitGroup
		var requests []frame
		const n = 40
		for i := range n {
			// From a few bytes to past what a call reads for itself.
			body := fmt.Sprint(i, strings.Repeat(" x", i*i*20))
			work.Go(func() { w.ask(t.Context(), body, answered) })
		}
		for range n {
			requests = append(requests, w.receive())
		}
		rand.New(rand.NewPCG(seed, 0)).Shuffle(n, func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
		for _, f := range requests {
			w.answerTo(f)
		}
		work.Wait()
		w.quiet()
		if len(w.process.bodies.used) > 0 {
			t.Errorf("of the shared memory %v are not given back", w.process.bodies.used)
		}
	}
}

// Where calls come close together a goroutine reads for all of them, and stays when nothing
// is in flight: until the next answer after the crowd.
func TestInACrowdNobodyReadsForHimself(t *testing.T) {
	w := play(t)
	w.crowd.span = time.Hour
	together := func(n int) {
		var calls sync.WaitGroup
		for i := range n {
			calls.Go(func() { w.ask(t.Context(), fmt.Sprint("request ", i), answered) })
		}
		for range n {
			w.answerTo(w.receive())
		}
		calls.Wait()
	}
	for range 100 {
		var first, second sync.WaitGroup
		first.Go(func() { w.ask(t.Context(), "first", answered) })
		f := w.receive()
		second.Go(func() { w.ask(t.Context(), "second", answered) })
		g := w.receive()
		w.answerTo(g)
		w.await(&second)
		w.answerTo(f)
		w.await(&first)
		together(5)
		w.until("a goroutine reads", func(p *process) bool { return p.reading && len(p.pending) == 0 })
	}
	w.crowd.until.Store(0)
	together(1)
	w.quiet()
}

// A call that reads is canceled when some of its answer has come: within the header, the
// text, the body, or none of it. What follows is read by somebody else.
func TestACanceledCallLeavesHalfAFrameToOthers(t *testing.T) {
	const body = "the answer to the canceled call"
	for _, cut := range []int{0, 1, headerSize - 1, headerSize, headerSize + 3, headerSize + len("text/plain"), headerSize + 20} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			w := play(t)
			ctx, cancel := context.WithCancel(t.Context())
			var first, second sync.WaitGroup
			first.Go(func() { w.ask(ctx, body, canceled) })
			f := w.receive()
			out := &collect{}
			whole := link{conn: out}
			whole.send(header{Kind: kindResponse, ID: f.ID, Status: 200}, "text/plain", f.bytes())
			w.end.Write(out.out.Bytes()[:cut])
			cancel()
			first.Wait()
			if f := w.receive(); f.Kind != kindCancel {
				t.Errorf("kind %d follows", f.Kind)
			}
			second.Go(func() { w.ask(t.Context(), "another", answered) })
			g := w.receive()
			w.end.Write(out.out.Bytes()[cut:])
			w.answerTo(g)
			second.Wait()
			w.quiet()
		})
	}
}

// A call that reads goes when it has its answer, whatever else is in flight: here a read
// never ends by itself.
func TestACallThatReadsLeavesWhenItHasItsAnswer(t *testing.T) {
	w := play(t)
	w.readWithoutEnd()
	var first, second, third sync.WaitGroup
	first.Go(func() { w.ask(t.Context(), "first", answered) })
	f := w.receive()
	second.Go(func() { w.ask(t.Context(), "second", answered) })
	g := w.receive()
	third.Go(func() { w.ask(t.Context(), "third", answered) })
	h := w.receive()
	w.answerTo(g)
	w.await(&second)
	w.answerTo(f)
	w.await(&first)
	w.answerTo(h)
	w.await(&third)
	w.quiet()
}

// It notices with each answer to somebody else that it was canceled.
func TestACallThatReadsForOthersIsCanceled(t *testing.T) {
	w := play(t)
	w.readWithoutEnd()
	ctx, cancel := context.WithCancel(t.Context())
	var first, second sync.WaitGroup
	first.Go(func() { w.ask(ctx, "first", canceled) })
	f := w.receive()
	second.Go(func() { w.ask(t.Context(), "second", answered) })
	g := w.receive()
	cancel()
	w.answerTo(g)
	w.await(&second)
	w.await(&first)
	w.answerTo(f)
	w.quiet()
}

// Nobody waits for the only call in flight, but its answer is read: else the process would
// be taken for one that does not stop.
func TestTheAnswerToAnAbandonedCallIsRead(t *testing.T) {
	w := play(t)
	w.grace = 400 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	var call sync.WaitGroup
	call.Go(func() { w.ask(ctx, "request", canceled) })
	f := w.receive()
	cancel()
	call.Wait()
	w.answerTo(f)
	w.quiet()
	w.until("the watch has seen that nothing is in flight", func(p *process) bool { return !p.watching })
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reason != "" || w.ended {
		t.Errorf("the process was killed: %s", w.reason)
	}
}

func TestAProcessThatDiesUnderACallThatReadsLosesNone(t *testing.T) {
	for _, n := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := play(t)
			var work sync.WaitGroup
			for range n {
				work.Go(func() { w.ask(t.Context(), "request", suspect) })
			}
			for range n {
				w.receive()
			}
			syscall.Kill(w.pid(), syscall.SIGKILL)
			<-w.gone
			suspects := 0
			w.settle(func(s, _ int) { suspects = s })
			work.Wait()
			if suspects != n {
				t.Errorf("%d suspects of %d", suspects, n)
			}
			w.ask(t.Context(), "late", notSent)
		})
	}
}

// What a process said before it ended counts, though nobody had read it by then.
func TestAnAnswerThatCameBeforeTheEndCounts(t *testing.T) {
	w := play(t)
	var work sync.WaitGroup
	for range 3 {
		work.Go(func() { w.ask(t.Context(), "request", answered) })
	}
	requests := []frame{w.receive(), w.receive(), w.receive()}
	for _, f := range requests {
		w.answerTo(f)
	}
	syscall.Kill(w.pid(), syscall.SIGKILL)
	work.Wait()
}

func TestAFrameThatBreaksTheProtocolEndsTheProcess(t *testing.T) {
	for name, h := range map[string]header{
		"an answer to nobody":   {Kind: kindResponse, ID: 77},
		"a frame of the engine": {Kind: kindCancel},
	} {
		t.Run(name, func(t *testing.T) {
			w := play(t)
			var call sync.WaitGroup
			call.Go(func() { w.ask(t.Context(), "request", suspect) })
			w.receive()
			w.send(h, nil)
			<-w.gone
			if !strings.Contains(w.process.death.cause, "malformed") {
				t.Errorf("it ended because %s", w.process.death.cause)
			}
			w.settle(func(int, int) {})
			call.Wait()
		})
	}
}

func TestCloseUnderLoadLeavesNobodyWaiting(t *testing.T) {
	for name, ctx := range map[string]context.Context{"patient": t.Context(), "at once": canceledContext()} {
		t.Run(name, func(t *testing.T) {
			r, _ := launch(t, scriptedLauncher(t), runtime.Spec{Concurrency: 2})
			var work sync.WaitGroup
			for g := range 8 {
				work.Go(func() {
					for i := range 1 << 20 {
						body := bytes.Repeat([]byte("x"), 1+(g*977+i)*37%3000)
						a, err := r.Invoke(context.Background(), runtime.Request{Body: body})
						if errors.Is(err, runtime.ErrClosed) {
							return
						}
						if err != nil || !bytes.Equal(a.Body, body) {
							t.Errorf("%v, %d bytes for %d", err, len(a.Body), len(body))
							return
						}
						a.Release()
					}
				})
			}
			for range 200 {
				ask(t, r, "hello", 201)
			}
			if err := r.Close(ctx); err != nil {
				t.Error(err)
			}
			work.Wait()
		})
	}
}
