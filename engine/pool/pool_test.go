package pool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestAcquireGivesAsManyPermitsAsThereAre(t *testing.T) {
	p := New(2, 0, nil)
	for range 2 {
		if waited, err := p.Acquire(t.Context()); err != nil || waited != 0 {
			t.Fatalf("a free permit cost %v, %v", waited, err)
		}
	}
	if _, err := p.Acquire(t.Context()); !errors.Is(err, ErrFull) {
		t.Fatalf("the third of two permits: %v", err)
	}
	p.Release()
	if _, err := p.Acquire(t.Context()); err != nil {
		t.Fatalf("a permit given back is not free: %v", err)
	}
}

func TestWaitersAreServedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, 10, nil)
		if _, err := p.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		var order []int
		for i := range 5 {
			go func() {
				waited, err := p.Acquire(t.Context())
				if err != nil {
					t.Error(err)
				}
				if want := time.Duration(i+1) * time.Second; waited < want-time.Duration(i)*time.Millisecond || waited > want {
					t.Errorf("waiter %d waited %v, about %v expected", i, waited, want)
				}
				order = append(order, i)
				time.Sleep(time.Second)
				p.Release()
			}()
			synctest.Wait()
			time.Sleep(time.Microsecond)
		}
		time.Sleep(time.Second - 5*time.Microsecond)
		p.Release()
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("order %v", order)
			}
		}
		if s := p.Stats(); s != (Stats{Capacity: 1}) || len(order) != 5 {
			t.Fatalf("left over: %v, served %v", s, order)
		}
	})
}

func TestAFullQueueRefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, 3, nil)
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := p.Acquire(ctx); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			go func() { _, _ = p.Acquire(ctx) }()
		}
		synctest.Wait()
		start := time.Now()
		if _, err := p.Acquire(ctx); !errors.Is(err, ErrFull) || time.Since(start) != 0 {
			t.Fatalf("the fourth in a queue of three: %v after %v", err, time.Since(start))
		}
		cancel()
		synctest.Wait()
		if s := p.Stats(); s != (Stats{Capacity: 1, InFlight: 1}) {
			t.Fatalf("canceled waiters stay: %v", s)
		}
		p.Release()
	})
}

func TestAnEndedContextNeverKeepsAPermit(t *testing.T) {
	p := New(0, 10, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if s := p.Stats(); s != (Stats{}) {
		t.Fatal(s)
	}
}

func TestMorePermitsWakeWaitersAndFewerWaitForRequestsToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(0, 10, nil)
		var got atomic.Int32
		for range 6 {
			go func() {
				if _, err := p.Acquire(t.Context()); err == nil {
					got.Add(1)
				}
			}()
		}
		synctest.Wait()
		p.SetCapacity(4)
		synctest.Wait()
		if got.Load() != 4 || p.Stats() != (Stats{Capacity: 4, InFlight: 4, Queued: 2}) {
			t.Fatalf("%d granted, %v", got.Load(), p.Stats())
		}
		p.SetCapacity(2)
		p.Release()
		p.Release()
		synctest.Wait()
		if got.Load() != 4 {
			t.Fatal("a permit that is gone was handed on")
		}
		p.Release()
		synctest.Wait()
		if got.Load() != 5 || p.Stats() != (Stats{Capacity: 2, InFlight: 2, Queued: 1}) {
			t.Fatalf("%d granted, %v", got.Load(), p.Stats())
		}
		p.Release()
		p.Release()
		p.Release()
	})
}

func TestOnQueueMayGrowThePoolForItsOwnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *Pool
		calls := 0
		p = New(0, 10, func() { calls++; p.SetCapacity(4) })
		if _, err := p.Acquire(t.Context()); err != nil || calls != 1 {
			t.Fatalf("%v after %d calls", err, calls)
		}
		p.Release()
	})
}

func TestSetIdleOnlyWhenNothingRuns(t *testing.T) {
	p := New(4, 10, nil)
	if _, err := p.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.SetIdle() {
		t.Fatal("idle with a request in flight")
	}
	p.Release()
	if !p.SetIdle() || p.Stats() != (Stats{}) {
		t.Fatalf("not idle: %v", p.Stats())
	}
}

func TestFailQueuedAnswersEveryWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, reason := New(0, 10, nil), errors.New("did not start")
		var failed atomic.Int32
		for range 4 {
			go func() {
				if _, err := p.Acquire(t.Context()); errors.Is(err, reason) {
					failed.Add(1)
				}
			}()
		}
		synctest.Wait()
		p.FailQueued(reason)
		synctest.Wait()
		if failed.Load() != 4 || p.Stats() != (Stats{}) {
			t.Fatalf("%d failed, %v", failed.Load(), p.Stats())
		}
	})
}

func TestCloseLetsWhatIsInsideFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, 10, nil)
		if _, err := p.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		served := false
		go func() {
			if _, err := p.Acquire(t.Context()); err != nil {
				t.Errorf("a request that already waited was refused: %v", err)
				return
			}
			served = true
			p.Release()
		}()
		synctest.Wait()
		drained := p.Close()
		if _, err := p.Acquire(t.Context()); !errors.Is(err, ErrClosed) {
			t.Fatalf("after Close: %v", err)
		}
		select {
		case <-drained:
			t.Fatal("drained with a request in flight")
		default:
		}
		p.Release()
		<-p.Close()
		if !served {
			t.Fatal("drained before the waiter was served")
		}
	})
	if p := New(1, 1, nil); p.Close() == nil {
		t.Fatal("no channel")
	} else {
		<-p.Close()
	}
}

// Under any mixture of takers, cancellations and capacity changes, no more requests run
// than the largest capacity allowed, and in the end nothing is left.
func TestNothingIsLostUnderContention(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		most := rapid.IntRange(1, 8).Draw(r, "capacity")
		p := New(most, rapid.IntRange(0, 64).Draw(r, "queue"), nil)
		workers := rapid.IntRange(1, 32).Draw(r, "workers")
		changes := rapid.SliceOfN(rapid.IntRange(0, most), 0, 20).Draw(r, "changes")
		var running, peak, full, done atomic.Int64
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := range 50 {
					ctx, cancel := context.WithCancel(context.Background())
					if (w+i)%5 == 0 {
						go cancel()
					}
					_, err := p.Acquire(ctx)
					switch {
					case errors.Is(err, ErrFull):
						full.Add(1)
					case err == nil:
						n := running.Add(1)
						for old := peak.Load(); n > old && !peak.CompareAndSwap(old, n); old = peak.Load() {
						}
						running.Add(-1)
						p.Release()
					}
					done.Add(1)
					cancel()
				}
			})
		}
		for _, n := range changes {
			p.SetCapacity(n)
		}
		p.SetCapacity(most)
		wg.Wait()
		if peak.Load() > int64(most) || done.Load() != int64(50*workers) {
			r.Fatalf("%d ran at once on %d permits, %d of %d ended", peak.Load(), most, done.Load(), 50*workers)
		}
		if s := p.Stats(); s.InFlight != 0 || s.Queued != 0 {
			r.Fatalf("left over: %v", s)
		}
	})
}

func TestReleaseWithoutAcquirePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("a permit too many was accepted")
		}
	}()
	New(1, 0, nil).Release()
}

func TestQueueLimit(t *testing.T) {
	for permits, want := range map[int]int{4: 100, 16: 100, 64: 256, 1024: 4096} {
		if got := QueueLimit(permits); got != want {
			t.Errorf("%d permits queue %d, %d expected", permits, got, want)
		}
	}
}

func BenchmarkAcquireRelease(b *testing.B) {
	p, ctx := New(64, 100, nil), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Acquire(ctx); err != nil {
			b.Fatal(err)
		}
		p.Release()
	}
}

func BenchmarkAcquireReleaseParallel(b *testing.B) {
	p, ctx := New(64, 100, nil), context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.Acquire(ctx); err == nil {
				p.Release()
			}
		}
	})
}
