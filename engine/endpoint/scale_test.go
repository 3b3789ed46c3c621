package endpoint

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/runtime"
	"servery/engine/telemetry"
)

// slow makes each request take that long.
func slow(d time.Duration) func(context.Context, runtime.Spec, runtime.Request) (runtime.Response, error) {
	return func(ctx context.Context, _ runtime.Spec, _ runtime.Request) (runtime.Response, error) {
		select {
		case <-time.After(d):
			return runtime.Response{Status: 200}, nil
		case <-ctx.Done():
			return runtime.Response{}, ctx.Err()
		}
	}
}

func lastEvent(w *world, name string, kind telemetry.EventType) string {
	for _, e := range w.telemetry.Events(name, 1000) {
		if e.Type == kind {
			return e.Message
		}
	}
	return ""
}

// A wall clock jumps when it is set. The time of the last request has a reading of the
// monotonic clock, which time.Time's Sub goes by.
func TestTheTimeOfTheLastRequestDoesNotHangOnTheWallClock(t *testing.T) {
	e := &served{o: &owner{s: &Service{began: time.Now()}}}
	came := time.Now()
	e.arrived(came)
	if at := e.arrival(); !at.Equal(came) || !strings.Contains(at.String(), " m=") {
		t.Errorf("the last request came at %v, want %v", at, came)
	}
}

func TestWhatDoesNotFitIsRefusedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = slow(time.Second)
		var good, refused atomic.Int32
		for range 120 { // 4 run, 100 wait, 16 are too many
			go func() {
				began := time.Now()
				_, err := w.ask("digits", "")
				var overloaded *OverloadedError
				switch {
				case err == nil:
					good.Add(1)
				case errors.As(err, &overloaded) && overloaded.Entity == "a-1" && overloaded.Permits == 4 && time.Since(began) == 0:
					refused.Add(1)
				default:
					t.Error(err)
				}
			}()
		}
		time.Sleep(500 * time.Millisecond)
		if l := w.get("digits").Active.Entities[0].Live; l.InFlight != 4 || l.Queued != 100 {
			t.Errorf("live %+v", l)
		}
		time.Sleep(time.Minute)
		if good.Load() != 104 || refused.Load() != 16 {
			t.Errorf("%d answered, %d refused", good.Load(), refused.Load())
		}
	})
}

func TestAnAnswerTellsHowLongItWaited(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = slow(time.Second)
		var all sync.WaitGroup
		var waits [5]time.Duration
		for i := range waits {
			all.Go(func() { a, _ := w.ask("digits", ""); waits[i] = a.Queue })
		}
		all.Wait()
		slices.Sort(waits[:])
		if waits != [5]time.Duration{4: time.Second} {
			t.Errorf("waited %v", waits)
		}
	})
}

func TestARequestWaitsNoLongerThanTheProductsLimit(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = slow(20 * time.Minute)
		for range 4 {
			go w.ask("digits", "")
		}
		synctest.Wait()
		began := time.Now()
		if _, err := w.ask("digits", ""); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 597*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.Sleep(time.Hour)
	})
}

// Medium has 8 to 16: a burst gets 16 permits at once, is provisioned with 16 at the next
// look, and half a minute of quiet takes it back.
func TestScalingFollowsTheLoad(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		spec := one("digits")
		spec.Config.Entities[0].WorkloadSize = "Medium"
		w.ready(spec)
		w.launcher.invoke = slow(3500 * time.Millisecond) // it ends between two looks
		began := time.Now()
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() { w.ask("digits", "") })
		}
		synctest.Wait()
		if l := w.get("digits").Active.Entities[0].Live; l.InFlight != 16 || l.Queued != 0 {
			t.Errorf("in a burst: %+v", l)
		}
		time.Sleep(1500 * time.Millisecond)
		if l := w.get("digits").Active.Entities[0].Live; l.Provisioned != 16 || l.InFlight != 16 {
			t.Errorf("a second into it: %+v", l)
		}
		all.Wait()
		if took := time.Since(began); took != 3500*time.Millisecond {
			t.Errorf("16 requests took %v: some waited", took)
		}
		if m := lastEvent(w, "digits", telemetry.Scaled); m != "8 → 16: 16 requests at once, 8 more than the 8 provisioned." {
			t.Errorf("event %q", m)
		}
		time.Sleep(20 * time.Second)
		if p := w.get("digits").Active.Entities[0].Live.Provisioned; p != 16 {
			t.Errorf("%d provisioned after 20 s of quiet", p)
		}
		time.Sleep(40 * time.Second)
		if l := w.get("digits").Active.Entities[0].Live; l.Provisioned != 8 {
			t.Errorf("%d provisioned after a minute of quiet", l.Provisioned)
		}
		if m := lastEvent(w, "digits", telemetry.Scaled); m != "16 → 8: 8 were enough for the last 30 s." {
			t.Errorf("event %q", m)
		}
	})
}

// Bursts that are over before the next look are let in, and nobody is told: an event a burst
// would push out of the log what a person looks for there.
func TestShortBurstsAreLetInWithoutAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		spec := one("digits")
		spec.Config.Entities[0].WorkloadSize = "Large"
		w.ready(spec)
		w.launcher.invoke = slow(200 * time.Millisecond)
		time.Sleep(100 * time.Millisecond)
		before := len(w.events("digits"))
		for range 50 {
			began := time.Now()
			var all sync.WaitGroup
			for range 60 {
				all.Go(func() {
					if a, err := w.ask("digits", ""); err != nil || a.Queue != 0 {
						t.Errorf("waited %v, %v", a.Queue, err)
					}
				})
			}
			all.Wait()
			if took := time.Since(began); took != 200*time.Millisecond {
				t.Fatalf("60 requests took %v: some waited", took)
			}
			time.Sleep(1800 * time.Millisecond)
		}
		if got := w.events("digits")[before:]; len(got) > 0 {
			t.Errorf("50 bursts: %d events", len(got))
		}
	})
}

func TestAnIdleEntityScalesToZeroAndWakesOnceForAll(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(sleepy("digits"))
		if l := w.get("digits").Active.Entities[0].Live; l.Provisioned != 4 || l.PID == 0 {
			t.Fatalf("%+v", l)
		}
		time.Sleep(29 * time.Minute)
		if _, err := w.ask("digits", ""); err != nil {
			t.Error(err)
		}
		time.Sleep(29 * time.Minute)
		if w.launcher.open.Load() != 1 {
			t.Fatal("asleep 29 min after a request")
		}
		time.Sleep(2 * time.Minute)
		e := w.get("digits")
		if s := e.Active.Entities[0]; w.launcher.open.Load() != 0 || s.Message != "Scaled to zero" || s.Deployment != DeploymentReady || s.Live != (Live{}) || e.Ready != Ready {
			t.Fatalf("%d processes; %+v", w.launcher.open.Load(), e)
		}
		if m := lastEvent(w, "digits", telemetry.Scaled); m != "4 → 0: no request for 30 min." {
			t.Errorf("event %q", m)
		}
		launches := w.launcher.launches.Load()
		w.launcher.load = func(context.Context, runtime.Spec) error { time.Sleep(3 * time.Second); return nil }
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if a, err := w.ask("digits", ""); err != nil || a.Queue != 3*time.Second {
					t.Errorf("waited %v, %v", a.Queue, err)
				}
			})
		}
		all.Wait()
		if n := w.launcher.launches.Load() - launches; n != 1 {
			t.Errorf("50 first requests caused %d loads", n)
		}
		synctest.Wait()
		if s := w.get("digits").Active.Entities[0]; s.Message != "" || s.Live.Provisioned != 4 || s.Live.PID == 0 {
			t.Errorf("awake it is %+v", s)
		}
		if m := lastEvent(w, "digits", telemetry.Scaled); !strings.HasPrefix(m, "0 → 4: a request arrived while scaled to zero; loaded in 300 ms") {
			t.Errorf("event %q", m)
		}
	})
}

// A model that does not start any more answers with the reason, and is not loaded again
// for each request.
func TestAWakeThatFailsAnswersWithTheReason(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(sleepy("digits"))
		time.Sleep(31 * time.Minute)
		launches := w.launcher.launches.Load()
		w.launcher.load = func(context.Context, runtime.Spec) error { return &runtime.LoadError{Message: "The file is gone."} }
		for range 10 {
			var notReady *NotReadyError
			if _, err := w.ask("digits", ""); !errors.As(err, &notReady) || !strings.Contains(notReady.Message, "The file is gone.") {
				t.Errorf("answered %v", err)
			}
		}
		if n := w.launcher.launches.Load() - launches; n != 1 {
			t.Errorf("%d loads", n)
		}
		synctest.Wait()
		if e := w.get("digits"); e.Ready != NotReady || e.Active.Entities[0].Deployment != DeploymentRecovering || e.Active.Entities[0].Message != "The file is gone." {
			t.Errorf("%+v", e)
		}
		w.launcher.load = nil
		time.Sleep(2 * time.Second)
		if _, err := w.ask("digits", ""); err != nil {
			t.Errorf("two seconds later: %v", err)
		}
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || e.Active.Entities[0].Deployment != DeploymentReady {
			t.Errorf("%+v", e)
		}
	})
}

func TestDeleteDuringAWakeAnswersWhoWaits(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(sleepy("digits"))
		time.Sleep(31 * time.Minute)
		w.launcher.load = func(context.Context, runtime.Spec) error { time.Sleep(3 * time.Second); return nil }
		answered := make(chan error, 1)
		go func() { _, err := w.ask("digits", ""); answered <- err }()
		synctest.Wait()
		if err := w.Delete(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		if err := <-answered; err != nil {
			t.Errorf("a request that was accepted before the delete: %v", err)
		}
		time.Sleep(time.Second)
		if n := w.launcher.open.Load(); n != 0 {
			t.Errorf("%d processes left", n)
		}
	})
}

func TestADeathIsShownUntilTheProcessIsBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		r := w.launcher.runner("digits/a-1")
		r.notify(runtime.Notice{Kind: runtime.Died, Message: "SIGFPE"})
		e := w.get("digits")
		if s := e.Active.Entities[0]; s.Deployment != DeploymentRecovering || s.Message == "" || e.Ready != Ready {
			t.Errorf("dead: %+v", e)
		}
		r.notify(runtime.Notice{Kind: runtime.GaveUp, Message: "Five deaths in a minute."})
		if e := w.get("digits"); e.Ready != NotReady || !strings.Contains(e.Active.Entities[0].Message, "Five deaths") {
			t.Errorf("given up: %+v", e)
		}
		r.notify(runtime.Notice{Kind: runtime.Restarted, Message: "back"})
		if e := w.get("digits"); e.Ready != Ready || e.Active.Entities[0].Deployment != DeploymentReady || e.Active.Entities[0].Message != "" {
			t.Errorf("back: %+v", e)
		}
		got := w.events("digits")
		if !slices.Equal(got[len(got)-3:], []telemetry.EventType{telemetry.WorkerDied, telemetry.WorkerDied, telemetry.WorkerRestarted}) {
			t.Errorf("events %v", got)
		}
		if err := w.Delete(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.notify(runtime.Notice{Kind: runtime.Died, Message: "late"})
		if got := w.events("digits"); len(got) != 0 {
			t.Errorf("events of a deleted endpoint: %v", got)
		}
	})
}

func TestFiguresAreReadWhileThereIsTraffic(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		time.Sleep(10 * time.Second)
		sub := w.changes.Subscribe()
		defer sub.Close()
		time.Sleep(10 * time.Second)
		if got := sub.Take(); got != nil {
			t.Errorf("without traffic these changed: %v", got)
		}
		w.launcher.invoke = slow(3 * time.Second)
		r := w.launcher.runner("digits/a-1")
		go w.ask("digits", "")
		time.Sleep(1100 * time.Millisecond)
		r.cpu.Add(1) // one second of processor time within a second, on 2 cores
		time.Sleep(time.Second)
		want := telemetry.Change{Kind: telemetry.MetricsChanged, Name: "digits"}
		if got := sub.Take(); !slices.Contains(got, want) {
			t.Errorf("with traffic these changed: %v", got)
		}
		if l := w.get("digits").Active.Entities[0].Live; math.Abs(l.CPUPercent-50) > 1 || l.MemoryBytes != 80e6 || l.InFlight != 1 {
			t.Errorf("live %+v", l)
		}
		time.Sleep(10 * time.Second)
		sub.Take()
		time.Sleep(10 * time.Second)
		if got := sub.Take(); got != nil {
			t.Errorf("after the traffic these go on changing: %v", got)
		}
	})
}
