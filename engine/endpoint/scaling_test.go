package endpoint

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/runtime"
	"servery/engine/telemetry"
)

func (w *world) setScaling(c ScalingChange) Scaling {
	w.t.Helper()
	s, err := w.SetScaling(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func idleAfter(d time.Duration) ScalingChange { return ScalingChange{ScaleToZeroAfter: &d} }

func timed(t Timings) ScalingChange { return ScalingChange{Timings: &t} }

func TestTheIdleTimeIsSetForTheMachineAndKept(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		if s := w.Scaling(); s != (Scaling{30 * time.Minute, Local}) {
			t.Errorf("by itself %+v", s)
		}
		w.ready(sleepy("digits"))
		w.ready(one("awake"))
		time.Sleep(6 * time.Minute)
		if w.launcher.open.Load() != 2 {
			t.Fatal("asleep after 6 min")
		}
		if s := w.setScaling(idleAfter(5 * time.Minute)); s != (Scaling{5 * time.Minute, Local}) || w.Scaling() != s {
			t.Errorf("set, it is %+v", s)
		}
		synctest.Wait() // it was idle for longer already
		if w.launcher.open.Load() != 1 {
			t.Error("the new time does not count at once")
		}
		if m := lastEvent(w, "digits", telemetry.Scaled); m != "4 → 0: no request for 5 min." {
			t.Errorf("event %q", m)
		}
		if _, err := w.ask("digits", ""); err != nil {
			t.Error(err)
		}
		w.setScaling(idleAfter(time.Hour))
		time.Sleep(55 * time.Minute)
		if w.launcher.open.Load() != 2 {
			t.Error("asleep before a longer time has gone by")
		}
		w.setScaling(timed(Databricks))
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.reopen()
		if s := w.Scaling(); s != (Scaling{time.Hour, Databricks}) {
			t.Errorf("after a start %+v", s)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.change = timed(Local)
		w.reopen()
		if s := w.Scaling(); s != (Scaling{time.Hour, Local}) {
			t.Errorf("after a start with other timings %+v", s)
		}
		if s, err := storedScaling(w.settings); err != nil || s != w.Scaling() {
			t.Errorf("stored are %+v, %v", s, err)
		}
	})
}

func TestTheMachinesSettingsAreCheckedAndStoredFirst(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			change ScalingChange
			says   string
		}{
			{idleAfter(9 * time.Second), "is 9s: give one from 10s to 24h"},
			{idleAfter(0), "is 0s: give one"},
			{idleAfter(25 * time.Hour), "is 25h0m0s: give one"},
			{idleAfter(10500 * time.Millisecond), "is 10.5s: give whole seconds"},
			{timed("fast"), `"fast" are not known: give local`},
		} {
			var invalid *ValidationError
			if _, err := w.SetScaling(t.Context(), c.change); !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		}
		w.settings.Before = func(map[string][]byte) error { return errors.New("no space left on device") }
		if _, err := w.SetScaling(t.Context(), idleAfter(time.Minute)); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("answered %v", err)
		}
		if s := w.Scaling(); s != (Scaling{30 * time.Minute, Local}) {
			t.Errorf("what was refused came into effect: %+v", s)
		}
		w.settings.Before = nil
		// What cannot be meant is the default; what can counts all the same.
		w.settings.Rows["scaling"] = []byte(`{"scale_to_zero_after_seconds":-5,"timings":"databricks"}`)
		if s, err := storedScaling(w.settings); err != nil || s != (Scaling{30 * time.Minute, Databricks}) {
			t.Errorf("%+v, %v", s, err)
		}
		w.settings.Rows["scaling"] = []byte(`{`)
		if s, err := storedScaling(w.settings); err != nil || s != (Scaling{30 * time.Minute, Local}) {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// With Databricks' timings a start from zero takes 15 s, and one load answers all who wait.
func TestAStartFromZeroTakesAsLongAsThere(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(sleepy("digits"))
		w.setScaling(timed(Databricks))
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		launches := w.launcher.launches.Load()
		w.launcher.load = func(context.Context, runtime.Spec) error { time.Sleep(3 * time.Second); return nil }
		var all sync.WaitGroup
		for range 80 {
			all.Go(func() {
				if a, err := w.ask("digits", ""); err != nil || a.Queue != 15*time.Second {
					t.Errorf("waited %v, %v", a.Queue, err)
				}
			})
		}
		all.Wait()
		synctest.Wait() // the event comes beside the answers
		if n := w.launcher.launches.Load() - launches; n != 1 {
			t.Errorf("80 first requests caused %d loads", n)
		}
		if m := lastEvent(w, "digits", telemetry.Scaled); !strings.HasPrefix(m, "0 → 4: a request arrived while scaled to zero; loaded in ") || !strings.HasSuffix(m, "(Databricks timings).") {
			t.Errorf("event %q", m)
		}
		// Back to this machine's own in the middle of such a start.
		time.Sleep(31 * time.Minute)
		began := time.Now()
		time.AfterFunc(5*time.Second, func() { w.SetScaling(t.Context(), timed(Local)) })
		if _, err := w.ask("digits", ""); err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("after 5 s: %v, took %v", err, time.Since(began))
		}
	})
}

// More concurrency is there 10 s after it was decided, and until then requests queue.
func TestGrowthTakesAsLongAsThere(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.setScaling(timed(Databricks))
		spec := one("digits")
		spec.Config.Entities[0].WorkloadSize = "Medium"
		w.create(spec)
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		w.launcher.invoke = slow(time.Second)
		asking, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				for asking.Err() == nil {
					w.ask("digits", "")
				}
			})
		}
		live := func() Live { return w.get("digits").Active.Entities[0].Live }
		began := time.Now()
		for live().Starting == 0 && time.Since(began) < time.Minute {
			if l := live(); l.Provisioned != 8 || l.InFlight > 8 {
				t.Fatalf("after %v %+v", time.Since(began), l)
			}
			time.Sleep(time.Second)
		}
		grew := time.Now()
		for ; live().Provisioned == 8 && time.Since(grew) < time.Minute; time.Sleep(time.Second) {
		}
		if l, took := live(), time.Since(grew); l.Provisioned != 16 && l.Provisioned != 12 || l.Starting != 0 || took < 9*time.Second || took > 12*time.Second {
			t.Errorf("after %v %+v", took, l)
		}
		if m := lastEvent(w, "digits", telemetry.Scaled); !strings.Contains(m, "requests at once over 20 s; ready in 10 s (Databricks timings).") {
			t.Errorf("event %q", m)
		}
		stop()
		all.Wait()
		time.Sleep(4 * time.Minute)
		if l := live(); l.Provisioned == 8 {
			t.Errorf("back to 8 within 4 min")
		}
		time.Sleep(3 * time.Minute)
		if l := live(); l.Provisioned != 8 {
			t.Errorf("7 min later: %+v", l)
		}
	})
}

func TestADeploymentTakesAsLongAsThere(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.setScaling(timed(Databricks))
		w.create(two("pair", 50, 50))
		time.Sleep(10*time.Minute - time.Second)
		if e := w.get("pair"); e.Ready != NotReady || e.Progress == nil || !strings.Contains(e.Progress.Detail, "Databricks timings: ready at ") {
			t.Errorf("after 9:59 %+v, progress %+v", e, e.Progress)
		}
		time.Sleep(2 * time.Second)
		if e := w.get("pair"); e.Ready != Ready {
			t.Errorf("after 10:01 %+v", e)
		}
		w.update("pair", *two("pair", 90, 10).Config) // the traffic only
		time.Sleep(29 * time.Second)
		if e := w.get("pair"); e.Active.Version != 1 {
			t.Error("another traffic split within 29 s")
		}
		time.Sleep(2 * time.Second)
		if e := w.get("pair"); e.Active.Version != 2 {
			t.Error("no other traffic split after 31 s")
		}
		// Cancelled in the middle, and cut short by going back.
		spec := two("pair", 90, 10).Config
		spec.Entities[0].ModelVersion, spec.Entities[0].Name, spec.Routes[0].EntityName = "2", "a-2", "a-2"
		w.update("pair", *spec)
		time.Sleep(time.Minute)
		if _, err := w.Cancel(t.Context(), "pair", "ann"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if e := w.get("pair"); e.Update != UpdateCanceled || e.Active.Version != 2 || w.launcher.open.Load() != 2 {
			t.Errorf("canceled: %+v, %d processes", e, w.launcher.open.Load())
		}
		w.update("pair", *spec)
		time.Sleep(time.Minute)
		w.setScaling(timed(Local))
		synctest.Wait()
		if e := w.get("pair"); e.Active.Version != 4 || e.Update != NotUpdating {
			t.Errorf("back to this machine's own: %+v", e)
		}
		// A start of Servery is no deployment.
		w.setScaling(timed(Databricks))
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.reopen()
		synctest.Wait()
		if e := w.get("pair"); e.Ready != Ready {
			t.Errorf("started again: %+v", e)
		}
	})
}

// A slow model keeps more headroom: that it is slow is known from its starts.
func TestTheStartUpTimeOfAnEntityIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(context.Context, runtime.Spec) error { time.Sleep(2 * time.Second); return nil }
		w.create(sleepy("digits"))
		time.Sleep(3 * time.Second)
		o := (*w.owners.Load())["digits"]
		if got := o.starts.typical("a-1"); got != 2*time.Second {
			t.Errorf("started in %v", got)
		}
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		w.launcher.load = func(context.Context, runtime.Spec) error { time.Sleep(4 * time.Second); return nil }
		if _, err := w.ask("digits", ""); err != nil {
			t.Error(err)
		}
		if got := o.starts.typical("a-1"); got != 4*time.Second {
			t.Errorf("the slower of two starts took %v", got)
		}
		if got := o.starts.typical("other"); got != 0 {
			t.Errorf("an entity that never started: %v", got)
		}
		o.starts.add("a-1", "other files", time.Second)
		if got := o.starts.typical("a-1"); got != time.Second {
			t.Errorf("other files: %v", got)
		}
	})
}

// Those who wait for a start and go: nothing is left of them, and the next is served.
func TestAllWhoWaitForAStartGo(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(sleepy("digits"))
		w.setScaling(idleAfter(10 * time.Second))
		time.Sleep(12 * time.Second)
		synctest.Wait()
		launches := w.launcher.launches.Load()
		w.launcher.load = func(context.Context, runtime.Spec) error { time.Sleep(3 * time.Second); return nil }
		ctx, cancel := context.WithCancel(t.Context())
		var gone atomic.Int32
		for range 30 {
			go func() {
				if _, err := w.Invoke(ctx, "digits", "", runtime.Request{Body: []byte(`{}`)}); errors.Is(err, context.Canceled) {
					gone.Add(1)
				}
			}()
		}
		time.Sleep(time.Second)
		cancel()
		synctest.Wait()
		if gone.Load() != 30 {
			t.Errorf("%d of 30 have gone", gone.Load())
		}
		time.Sleep(3 * time.Second)
		if l := w.get("digits").Active.Entities[0].Live; l.Provisioned != 4 || l.Queued != 0 || l.InFlight != 0 {
			t.Errorf("after the start %+v", l)
		}
		if _, err := w.ask("digits", ""); err != nil || w.launcher.launches.Load()-launches != 1 {
			t.Errorf("%v, %d loads", err, w.launcher.launches.Load()-launches)
		}
		time.Sleep(12 * time.Second)
		if w.launcher.open.Load() != 0 {
			t.Error("it does not go to sleep again")
		}
	})
}
