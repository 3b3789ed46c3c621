package app

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// loop is a UI goroutine that runs what it is given, in order, and sleeps when told to.
type loop struct {
	queue  chan func()
	events chan struct{} // one ends a sleep
	woken  chan struct{}
	slept  atomic.Int64 // ns
	naps   atomic.Int64
	blinks atomic.Bool
}

// startIdle runs a loop and an idle over it until stop.
func startIdle(t *testing.T) (l *loop, i *idle, stop func()) {
	t.Helper()
	l = &loop{queue: make(chan func(), 100), events: make(chan struct{}), woken: make(chan struct{}, 1)}
	i = &idle{do: func(fn func()) { l.queue <- fn }, sleep: l.sleep, wake: l.wake, blinking: l.blinks.Load}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{}, 2)
	go func() {
		defer func() { over <- struct{}{} }()
		for {
			select {
			case <-ctx.Done():
				return
			case fn := <-l.queue:
				fn()
			}
		}
	}()
	go func() {
		defer func() { over <- struct{}{} }()
		i.run(ctx)
	}()
	return l, i, func() { cancel(); <-over; <-over }
}

func (l *loop) sleep(d time.Duration) {
	began := time.Now()
	select {
	case <-l.woken:
	case <-l.events:
	case <-time.After(d):
	}
	l.slept.Add(int64(time.Since(began)))
	l.naps.Add(1)
}

func (l *loop) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

func TestAnIdleWindowSleepsNearlyAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, stop := startIdle(t)
		time.Sleep(time.Minute)
		stop()
		if slept, naps := time.Duration(l.slept.Load()), l.naps.Load(); slept < 55*time.Second || naps > 130 {
			t.Errorf("slept %v in %d naps of a minute", slept, naps)
		}
	})
}

func TestWhatIsPostedRunsAtOnceThoughTheWindowSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, i, stop := startIdle(t)
		defer stop()
		for n := range 50 {
			time.Sleep(time.Duration(137*n) * time.Millisecond)
			posted := time.Now()
			ran := make(chan time.Time)
			i.post(func() { ran <- time.Now() })
			if late := (<-ran).Sub(posted); late > 0 {
				t.Errorf("post %d ran after %v", n, late)
			}
		}
	})
}

func TestAfterAnEventTheLoopRunsFreelyForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, stop := startIdle(t)
		defer stop()
		time.Sleep(10 * time.Second)
		l.events <- struct{}{}
		synctest.Wait()
		naps := l.naps.Load()
		time.Sleep(lively - time.Millisecond)
		synctest.Wait()
		if n := l.naps.Load(); n != naps {
			t.Errorf("%d naps in the second after an event", n-naps)
		}
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if n := l.naps.Load() - naps; n < 3 {
			t.Errorf("%d naps after that, want some that are short", n)
		}
	})
}

func TestAFocusedEntryBlinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, stop := startIdle(t)
		l.blinks.Store(true)
		time.Sleep(11 * time.Second)
		stop()
		if per := time.Duration(l.slept.Load() / l.naps.Load()); per > blinkNap {
			t.Errorf("naps of %v, want at most %v", per, blinkNap)
		}
	})
}

func TestANapThatWasPutOffTillAfterTheEndDoesNotSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var put []func()
		i := &idle{do: func(fn func()) { put = append(put, fn) }, sleep: func(time.Duration) { t.Error("slept") }}
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { defer close(over); i.run(ctx) }()
		time.Sleep(2 * lively)
		synctest.Wait()
		cancel()
		<-over
		if len(put) != 1 {
			t.Fatalf("%d naps were asked for, want 1: the next comes after it", len(put))
		}
		put[0]()
	})
}
