package endpoint

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/pool"
	"servery/engine/runtime"
)

// measured runs for d and tells so.
func measured(d time.Duration) func(context.Context, runtime.Spec, runtime.Request) (runtime.Response, error) {
	return func(ctx context.Context, _ runtime.Spec, _ runtime.Request) (runtime.Response, error) {
		select {
		case <-time.After(d):
			return runtime.Response{Status: 200, Timing: runtime.Timing{Run: d}}, nil
		case <-ctx.Done():
			return runtime.Response{}, ctx.Err()
		}
	}
}

func TestTheWaitIsForeseen(t *testing.T) {
	for _, c := range []struct {
		mean time.Duration
		s    pool.Stats
		want time.Duration
	}{
		{2 * time.Second, pool.Stats{Capacity: 4, InFlight: 4, Queued: 19}, 10 * time.Second},
		{2 * time.Second, pool.Stats{Capacity: 4, InFlight: 4}, 500 * time.Millisecond},
		{2 * time.Second, pool.Stats{Capacity: 4, InFlight: 3}, 0},
		{2 * time.Second, pool.Stats{Queued: 50}, 0}, // it is being started
		{0, pool.Stats{Capacity: 4, InFlight: 4, Queued: 50}, 0},
	} {
		if got := predicted(c.mean, c.s); got != c.want {
			t.Errorf("%v, %+v: %v, want %v", c.mean, c.s, got, c.want)
		}
	}
}

func TestTheMeanFollowsTheLastRequests(t *testing.T) {
	var s service
	for range 100 {
		s.observe(time.Millisecond)
	}
	for range 64 {
		s.observe(time.Second)
	}
	if m := s.mean(); m < 950*time.Millisecond || m > time.Second {
		t.Errorf("the mean is %v", m)
	}
	for range 1000 {
		s.observe(time.Nanosecond)
	}
	if s.mean() <= 0 {
		t.Error("a mean that was seen may not be taken for one that was not")
	}
}

// A request that would wait longer than it has is refused at once; one that has the time
// waits and is answered.
func TestARequestThatWouldBeLateIsRefusedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = measured(2 * time.Second)
		if _, err := w.ask("digits", ""); err != nil { // the mean is 2 s from here on
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		for range 12 { // 4 run, 8 wait: the next is foreseen in 9 × 2 s / 4 = 4.5 s
			asking.Go(func() {
				if _, err := w.ask("digits", ""); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		within := func(d time.Duration) (time.Duration, error) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			began := time.Now()
			_, err := w.Invoke(ctx, "digits", "", runtime.Request{})
			return time.Since(began), err
		}
		var overloaded *OverloadedError
		if took, err := within(4 * time.Second); !errors.As(err, &overloaded) || took != 0 || overloaded.Wait != 4500*time.Millisecond || overloaded.Queued != 8 {
			t.Errorf("with 4 s: %v after %v", err, took)
		}
		if took, err := within(10 * time.Second); err != nil || took != 8*time.Second {
			t.Errorf("with 10 s: %v after %v", err, took)
		}
		asking.Wait()
	})
}

// Nobody is let in for a wait of more than two minutes, and the refusal says how long it is.
func TestTheQueueIsBoundedByItsTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = measured(20 * time.Second)
		if _, err := w.ask("digits", ""); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var asking sync.WaitGroup
		good, refused := 0, 0
		for range 40 {
			asking.Go(func() {
				_, err := w.ask("digits", "")
				var overloaded *OverloadedError
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					good++
				case errors.As(err, &overloaded) && overloaded.Wait == 125*time.Second:
					refused++
				default:
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		asking.Wait()
		if good != 4+24 || refused != 12 { // 24 × 20 s / 4 = 120 s
			t.Errorf("%d answered, %d refused", good, refused)
		}
	})
}

// The end of a request's time and its client's leaving reach the run.
func TestDeadlinesAndCancelsReachTheRun(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = measured(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := w.Invoke(ctx, "digits", "", runtime.Request{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		if _, err := w.Invoke(gone, "digits", "", runtime.Request{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if l := w.get("digits").Active.Entities[0].Live; l.InFlight != 0 {
			t.Errorf("%d run on", l.InFlight)
		}
	})
}
