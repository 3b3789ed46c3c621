package worker

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/batch"
	"servery/engine/runtime"
	"servery/engine/scoring"
	"servery/engine/tensor"
)

// Values of the first element of a row that make the adder do something else than add.
const (
	badRow   = 1000 // fails the run
	panicRow = 2000 // panics in the run
	stuckRow = 3000 // runs until it is stopped
)

// adder is a model in Go, y = x + 1, whose runs take a while and are counted.
type adder struct {
	model  *scoring.Model
	took   time.Duration
	short  bool // gives a row too few
	counts *counts

	mu      sync.Mutex
	stopped chan struct{}
}

// counts are the runs of all adders of a test.
type counts struct {
	mu       sync.Mutex
	rows     []int // of each run
	stops    int
	held     int // outputs that are not released
	together int
	most     int // runs at once
}

func newAdder(t testing.TB, took time.Duration, c *counts) *adder {
	port := tensor.Port{Type: tensor.Float32, Shape: []int64{-1, -1}}
	x, y := port, port
	x.Name, y.Name = "x", "y"
	model, err := scoring.New(nil, []tensor.Port{x}, []tensor.Port{y})
	if err != nil {
		t.Fatal(err)
	}
	return &adder{model: model, took: took, counts: c, stopped: make(chan struct{})}
}

func (a *adder) protocol() *scoring.Model { return a.model }

func (a *adder) evaluate(*buffer, string, []byte, *runtime.Timing) answer {
	panic("requests that share runs are not evaluated whole")
}

func (a *adder) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.mu.Lock()
	a.counts.stops++
	a.counts.mu.Unlock()
	select {
	case <-a.stopped:
	default:
		close(a.stopped)
	}
}

func (a *adder) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = make(chan struct{})
}

// held counts outputs until they are released.
type held struct{ counts *counts }

func (h *held) Release() {
	h.counts.mu.Lock()
	defer h.counts.mu.Unlock()
	h.counts.held--
}

func (a *adder) run(inputs []tensor.Named) ([]tensor.Named, releaser, error) {
	x := inputs[0].Tensor
	a.mu.Lock()
	stopped := a.stopped
	a.mu.Unlock()
	c := a.counts
	c.mu.Lock()
	c.rows = append(c.rows, int(x.Shape[0]))
	c.together++
	c.most = max(c.most, c.together)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.together--
		c.mu.Unlock()
	}()
	took := time.After(a.took)
	values := tensor.View[float32](x)
	for row := range int(x.Shape[0]) {
		switch values[row*len(values)/int(x.Shape[0])] {
		case badRow:
			return nil, nil, errors.New("a bad row")
		case panicRow:
			panic("a row that panics")
		case stuckRow:
			took = nil
		}
	}
	select {
	case <-took:
	case <-stopped:
		return nil, nil, errStopped
	}
	y := &tensor.Tensor{Type: x.Type, Shape: slices.Clone(x.Shape), Data: bytes.Clone(x.Data)}
	for i := range tensor.View[float32](y) {
		tensor.View[float32](y)[i]++
	}
	if a.short && y.Shape[0] > 1 {
		y.Data = y.Data[:len(y.Data)/int(y.Shape[0])]
		y.Shape[0] = 1
	}
	c.mu.Lock()
	c.held++
	c.mu.Unlock()
	return []tensor.Named{{Name: "y", Value: tensor.Value{Tensor: y}}}, &held{c}, nil
}

// answers are what a server sent, by request.
type answers struct {
	mu    sync.Mutex
	began time.Time
	all   map[uint32]received
}

type received struct {
	status  int
	body    string
	at      time.Duration
	figures [4]int64
}

func (a *answers) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for r := newFrameReader(bytes.NewReader(b)); ; {
		f, err := r.next()
		if err != nil {
			return len(b), nil
		}
		if _, twice := a.all[f.ID]; twice {
			panic(fmt.Sprintf("request %d is answered twice", f.ID))
		}
		a.all[f.ID] = received{int(f.Status), string(f.bytes()), time.Since(a.began), f.Figures}
	}
}

// batched is a server whose requests share runs.
type batched struct {
	*server
	t *testing.T
	*answers
	counts *counts
}

// newBatched makes one with so many turns, each run of which takes 100 ms; as one run at a
// time promises most for a model with these costs, more are used only where few requests
// come.
func newBatched(t *testing.T, turns int, change func(*batching, *adder)) *batched {
	// What the pool has are channels of another test's bubble.
	fresh := func() { tasks = sync.Pool{New: tasks.New} }
	fresh()
	t.Cleanup(fresh)
	d := batching{On: true, MaxRows: 16, Cost: batch.Cost{One: 100 * time.Millisecond, Many: 100 * time.Millisecond, Rows: 8}}
	a := &answers{began: time.Now(), all: map[uint32]received{}}
	s := &server{link: link{conn: a}, active: map[uint32]*task{}, timeout: time.Minute, loaded: make(chan struct{})}
	close(s.loaded)
	c := &counts{}
	var evaluators []evaluator
	for range turns {
		e := newAdder(t, 100*time.Millisecond, c)
		if change != nil {
			change(&d, e)
		}
		evaluators = append(evaluators, e)
	}
	s.batches = newBatcher(s, evaluators, d)
	return &batched{s, t, a, c}
}

// send sends a request of the rows that begin with the values, and waits until it does.
func (b *batched) send(id uint32, first ...float32) {
	b.begin(id, rowsOf(first))
	synctest.Wait()
}

func rowsOf(first []float32) string {
	rows := make([]string, len(first))
	for i, v := range first {
		rows[i] = fmt.Sprintf("[%v, 0]", v)
	}
	return `{"inputs": [` + strings.Join(rows, ", ") + `]}`
}

// begin sends a request.
func (b *batched) begin(id uint32, body string) {
	f := frame{header: header{Kind: kindRequest, ID: id}, Body: newBuffer(len(body))}
	f.Body.b = append(f.Body.b, body...)
	t, err := b.accept(f)
	if err != nil {
		b.t.Error(err)
		return
	}
	go b.handle(t, false)
}

// want checks an answer.
func (b *batched) want(id uint32, status int, body string, at time.Duration) {
	b.t.Helper()
	synctest.Wait()
	b.answers.mu.Lock()
	defer b.answers.mu.Unlock()
	got, ok := b.all[id]
	if !ok || got.status != status || !strings.Contains(got.body, body) || at >= 0 && got.at != at {
		b.t.Errorf("request %d: %+v (%v), want %d %q after %v", id, got, ok, status, body, at)
	}
}

// ran checks how many rows each run had, and that nothing is left.
func (b *batched) ran(rows ...int) {
	b.t.Helper()
	time.Sleep(time.Hour)
	synctest.Wait()
	if !slices.Equal(b.counts.rows, rows) {
		b.t.Errorf("runs of %v rows, want %v", b.counts.rows, rows)
	}
	b.nothingLeft()
}

func (b *batched) nothingLeft() {
	b.t.Helper()
	q := b.batches
	if len(q.queue) > 0 || q.rows != 0 || q.inProcess != 0 || q.running != 0 || b.counts.held != 0 || len(b.active) > 0 {
		b.t.Errorf("left: %d in the queue with %d rows, %d in process, %d runs, %d outputs, %d requests", len(q.queue), q.rows, q.inProcess, q.running, b.counts.held, len(b.active))
	}
}

const ms = time.Millisecond

func TestWhatWaitsForARunRunsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, nil)
		b.send(1, 1)
		time.Sleep(30 * ms)
		b.send(2, 2, 3)
		b.send(3, 4)
		b.send(4, 5)
		time.Sleep(time.Second)
		b.want(1, 200, `{"predictions": {"y": [[2.0, 1.0]]}}`, 100*ms)
		b.want(2, 200, `{"predictions": {"y": [[3.0, 1.0], [4.0, 1.0]]}}`, 200*ms)
		b.want(3, 200, `{"predictions": {"y": [[5.0, 1.0]]}}`, 200*ms)
		b.want(4, 200, `{"predictions": {"y": [[6.0, 1.0]]}}`, 200*ms)
		// wait, decode, run, encode
		if got := b.all[4].figures; got != [4]int64{int64(70 * ms), 0, int64(100 * ms), 0} {
			t.Errorf("figures %v", got)
		}
		b.ran(1, 4)
	})
}

func TestABadRowFailsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, nil)
		b.send(1, 1)
		b.send(2, 2)
		b.send(3, badRow)
		b.begin(4, `{"inputs": "x"}`) // does not get to the model
		b.want(4, 400, "error_code", 0)
		b.send(5, panicRow)
		b.send(6, 6)
		time.Sleep(time.Second)
		b.want(2, 200, `[[3.0, 1.0]]`, 200*ms)
		b.want(3, 400, "Error 'a bad row'", 200*ms)
		b.want(5, 400, "a row that panics", 200*ms)
		b.want(6, 200, `[[7.0, 1.0]]`, 300*ms)
		b.ran(1, 4, 1, 1, 1, 1)
	})
}

func TestAPanicOfARequestAloneIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, nil)
		b.send(1, panicRow)
		b.want(1, 500, "INTERNAL_ERROR", 0)
		b.send(2, 2)
		time.Sleep(time.Second)
		b.want(2, 200, `[[3.0, 1.0]]`, 100*ms)
		b.ran(1, 1)
	})
}

func TestOnlyWhatIsAlikeRunsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, nil)
		b.send(1, 1)
		b.send(2, 2)
		b.begin(3, `{"inputs": [[3, 0, 0]]}`)
		b.send(4, 4)
		b.begin(5, `{"inputs": [[5, 0, 0]]}`)
		time.Sleep(time.Second)
		b.want(4, 200, `[[5.0, 1.0]]`, 200*ms)
		b.want(5, 200, `[[6.0, 1.0, 1.0]]`, 300*ms)
		b.ran(1, 2, 2)
	})
}

func TestARunHasNoMoreRowsThanMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, func(d *batching, _ *adder) { d.MaxRows = 3 })
		b.send(1, 1, 1, 1, 1)
		b.send(2, 2, 2)
		b.send(3, 3)
		b.send(4, 4)
		time.Sleep(time.Second)
		b.want(1, 200, `[[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.0]]`, 100*ms)
		b.want(4, 200, `[[5.0, 1.0]]`, 300*ms)
		b.ran(4, 3, 1)
	})
}

// A canceled request leaves a run at once; those that are left get their answers.
func TestACanceledRequestLeavesItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, nil)
		b.send(1, 1)
		for id := range uint32(4) {
			b.send(2+id, float32(2+id))
		}
		time.Sleep(50 * ms)
		b.cancel(2) // while it waits
		b.want(2, statusCanceled, "", 50*ms)
		time.Sleep(100 * ms)
		b.cancel(3) // while it runs
		b.want(3, statusCanceled, "", 150*ms)
		if b.counts.stops != 0 {
			t.Error("the run of the others was stopped")
		}
		time.Sleep(time.Second)
		b.want(4, 200, `[[5.0, 1.0]]`, 200*ms)
		b.want(5, 200, `[[6.0, 1.0]]`, 200*ms)
		b.ran(1, 3)
	})
}

func TestARunThatNobodyWaitsForIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, nil)
		b.send(1, 1)
		b.send(2, stuckRow)
		b.send(3, 3)
		time.Sleep(200 * ms)
		b.cancel(2)
		b.want(2, statusCanceled, "", 200*ms)
		time.Sleep(100 * ms)
		b.cancel(3) // the last: its run ends
		b.want(3, statusCanceled, "", 300*ms)
		b.send(4, 4) // the turn is fit for more
		time.Sleep(100 * ms)
		b.want(4, 200, `[[5.0, 1.0]]`, 400*ms)
		if b.counts.stops != 1 {
			t.Errorf("stopped %d times", b.counts.stops)
		}
		b.ran(1, 2, 1)
	})
}

// What is canceled while the members of a run that failed are tried one by one.
func TestCancelsWhileEachRunsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, nil)
		b.send(1, 1)
		b.send(2, badRow)
		b.send(3, stuckRow)
		b.send(4, 4)
		b.send(5, 5)
		time.Sleep(150 * ms) // 3 runs alone, 4 and 5 wait for theirs
		b.want(2, 400, "a bad row", 100*ms)
		b.cancel(4)
		b.want(4, statusCanceled, "", 150*ms)
		b.cancel(3) // its run goes on, since 5 is waited for
		b.want(3, statusCanceled, "", 150*ms)
		b.cancel(5)
		b.want(5, statusCanceled, "", 150*ms)
		b.ran(1, 4, 1, 1)
	})
}

// A request whose time is up is answered then, though its run goes on for another.
func TestATimeoutIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, func(_ *batching, a *adder) { a.took = 8 * time.Second })
		b.timeout = 10 * time.Second
		b.send(1, 1)
		time.Sleep(time.Second)
		b.send(2, 2)
		time.Sleep(6 * time.Second)
		b.send(3, 3)
		time.Sleep(time.Minute)
		b.want(1, 200, `[[2.0, 1.0]]`, 8*time.Second)
		b.want(2, 400, "Timed out", 11*time.Second)
		b.want(3, 200, `[[4.0, 1.0]]`, 16*time.Second)
		b.ran(1, 2)
	})
}

func TestAStuckRunEndsWithTheLastDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, nil)
		b.timeout = 10 * time.Second
		b.send(1, 1)
		b.send(2, stuckRow)
		time.Sleep(50 * ms)
		b.send(3, 3)
		time.Sleep(time.Minute)
		b.want(2, 400, "Timed out", 10*time.Second)
		b.want(3, 400, "Timed out", 10*time.Second+50*ms)
		b.ran(1, 2)
	})
}

func TestOutputsThatDoNotFitSwitchBatchingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, func(_ *batching, a *adder) { a.short = true })
		for id := range uint32(3) {
			b.send(1+id, float32(id))
		}
		time.Sleep(time.Second)
		b.want(2, 200, `[[2.0, 1.0]]`, 300*ms)
		b.want(3, 200, `[[3.0, 1.0]]`, 400*ms)
		for id := range uint32(3) {
			b.send(4+id, 1)
		}
		b.ran(1, 2, 1, 1, 1, 1, 1)
	})
}

func TestADelayWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 1, func(d *batching, _ *adder) { d.Delay, d.MaxRows = 20*ms, 3 })
		b.send(1, 1)
		time.Sleep(5 * ms)
		b.send(2, 2)
		time.Sleep(time.Second)
		b.want(1, 200, "2.0", 120*ms)
		b.want(2, 200, "3.0", 120*ms)
		began := time.Since(b.began)
		b.send(3, 3)
		b.send(4, 4)
		time.Sleep(10 * ms)
		b.send(5, 5) // enough
		time.Sleep(time.Second)
		for id := uint32(3); id <= 5; id++ {
			b.want(id, 200, "", began+110*ms)
		}
		began = time.Since(b.began)
		b.send(6, 6)
		b.cancel(6) // nobody is left to wait
		b.want(6, statusCanceled, "", began)
		b.ran(2, 3)
	})
}

// One run at a time is enough for many requests; two go on at once where two come.
func TestFewRequestsRunSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatched(t, 2, nil)
		b.send(1, 1)
		b.send(2, 2)
		time.Sleep(time.Second)
		b.want(1, 200, "2.0", 100*ms)
		b.want(2, 200, "3.0", 100*ms)
		if b.counts.most != 2 {
			t.Errorf("%d runs at once", b.counts.most)
		}
		b.ran(1, 1)
	})
}

// Whatever comes, is canceled and fails at the same time: each request has one answer, its
// own, and nothing is left.
func TestEveryRequestHasItsOwnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, delay := range []time.Duration{0, 3 * ms} {
			b := newBatched(t, 2, func(d *batching, a *adder) { d.Delay, a.took = delay, 10*ms })
			b.timeout = 2 * time.Second
			const clients, each = 16, 60
			var work sync.WaitGroup
			for c := range uint32(clients) {
				work.Go(func() {
					r := rand.New(rand.NewPCG(uint64(c), 1))
					for i := range uint32(each) {
						id := 1 + c*each + i
						first := make([]float32, 1+r.IntN(3))
						for k := range first {
							first[k] = float32(id) / 1024
						}
						switch r.IntN(20) {
						case 0:
							first[0] = badRow
						case 1:
							first[0] = stuckRow
						}
						b.begin(id, rowsOf(first))
						time.Sleep(time.Duration(r.IntN(40)) * ms)
						if r.IntN(4) == 0 {
							b.cancel(id)
						}
					}
				})
			}
			work.Wait()
			time.Sleep(time.Hour)
			synctest.Wait()
			for id := range uint32(clients * each) {
				a, ok := b.all[id+1]
				if !ok {
					t.Fatalf("request %d is not answered", id+1)
				}
				// Of a 1,024th, so that both numbers are exact.
				if a.status == 200 && !strings.Contains(a.body, fmt.Sprint(float64(id+1)/1024+1)) {
					t.Fatalf("request %d got %s", id+1, a.body)
				}
			}
			b.nothingLeft()
		}
	})
}
