package endpoint

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/runtime"
	"servery/engine/tabletest"
	"servery/engine/telemetry"
)

func (w *world) stop(name string) Endpoint {
	w.t.Helper()
	e, err := w.Stop(w.t.Context(), name, "bob@example.com")
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func TestAStoppedEndpointGivesItsMemoryBackAndStartsAsItWas(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(two("pair", 60, 40))
		before := w.get("pair")
		time.Sleep(time.Second)
		began := time.Now()
		e := w.stop("pair")
		if e.Ready != NotReady || e.Update != NotUpdating || !e.Suspended || e.Active.Version != 1 || e.Pending != nil || !e.UpdatedAt.Equal(began) {
			t.Errorf("stop answers %+v", e)
		}
		for _, s := range e.Active.Entities {
			if s.Deployment != DeploymentStopped || s.Message != "Stopped" || s.Live != (Live{}) {
				t.Errorf("entity %+v", s)
			}
		}
		synctest.Wait()
		if n := w.launcher.open.Load(); n != 0 {
			t.Errorf("%d processes are left", n)
		}
		var notReady *NotReadyError
		if _, err := w.ask("pair", ""); !errors.As(err, &notReady) || notReady.Message != "Endpoint 'pair' is stopped. Start it, then ask again." {
			t.Errorf("a request is answered %v", err)
		}
		if again := w.stop("pair"); !again.Suspended || !again.UpdatedAt.Equal(began) {
			t.Errorf("a second stop answers %+v", again)
		}
		if uses := w.Uses("main.default.a", 1); !slices.Equal(uses, []string{"pair"}) {
			t.Errorf("its version is used by %v", uses)
		}
		w.launcher.load = loadingFor(time.Second)
		e, err := w.Start(t.Context(), "pair", "bob@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if e.Ready != NotReady || e.Update != InProgress || e.Active.Version != 1 || e.Pending.Version != 2 || e.Active.Entities[0].Deployment != DeploymentStopped {
			t.Errorf("start answers %+v", e)
		}
		time.Sleep(3 * time.Second)
		e = w.get("pair")
		if e.Ready != Ready || e.Update != NotUpdating || e.Suspended || e.Active.Version != 2 || e.Pending != nil {
			t.Errorf("started %+v", e)
		}
		for i, s := range e.Active.Entities {
			if b := before.Active.Entities[i]; !s.sameAs(&b) || s.Creator != b.Creator || !s.CreatedAt.Equal(b.CreatedAt) || s.Deployment != DeploymentReady {
				t.Errorf("entity %+v was %+v", s, b)
			}
		}
		if !slices.Equal(e.Active.Routes, before.Active.Routes) {
			t.Errorf("routes %v", e.Active.Routes)
		}
		if _, err := w.ask("pair", ""); err != nil {
			t.Error(err)
		}
		if kinds := w.events("pair"); !slices.Contains(kinds, telemetry.Stopped) {
			t.Errorf("events %v", kinds)
		}
	})
}

func TestAStopLetsRequestsInFlightFinish(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = func(ctx context.Context, _ runtime.Spec, _ runtime.Request) (runtime.Response, error) {
			time.Sleep(5 * time.Second)
			return runtime.Response{Status: 200}, ctx.Err()
		}
		var good atomic.Int32
		for range 8 { // 4 run, 4 wait
			go func() {
				if _, err := w.ask("digits", ""); err == nil {
					good.Add(1)
				}
			}()
		}
		synctest.Wait()
		w.stop("digits")
		time.Sleep(11 * time.Second)
		if good.Load() != 8 || w.launcher.open.Load() != 0 {
			t.Errorf("%d of 8 answered, %d processes", good.Load(), w.launcher.open.Load())
		}
	})
}

func TestWhatCannotBeStoppedOrStartedSaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = loadingFor(time.Second)
		w.create(Spec{Name: "empty"})
		w.create(one("digits"))
		try := func(do func(context.Context, string, string) (Endpoint, error), name, want string) {
			t.Helper()
			var state *StateError
			if _, err := do(t.Context(), name, ""); !errors.As(err, &state) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
		try(w.Stop, "digits", "is currently updating and cannot be stopped")
		try(w.Stop, "empty", "nothing to stop")
		try(w.Start, "empty", "is not stopped")
		try(w.Cancel, "empty", "no update that runs")
		var conflict *ConflictError
		if _, err := w.Start(t.Context(), "digits", ""); !errors.As(err, &conflict) {
			t.Errorf("start during the create: %v", err)
		}
		time.Sleep(2 * time.Second)
		try(w.Start, "digits", "is not stopped")
		try(w.Cancel, "digits", "no update that runs")
		for _, do := range []func(context.Context, string, string) (Endpoint, error){w.Stop, w.Start, w.Cancel} {
			var missing *NotFoundError
			if _, err := do(t.Context(), "none", ""); !errors.As(err, &missing) {
				t.Errorf("of none: %v", err)
			}
		}
		w.Close(t.Context())
		if _, err := w.Stop(t.Context(), "digits", ""); !errors.Is(err, errClosed) {
			t.Errorf("after Close: %v", err)
		}
		w.table.Rows["broken"] = []byte("x")
		w.reopen()
		try(w.Stop, "broken", "cannot be read")
		try(w.Start, "broken", "cannot be read")
		try(w.Cancel, "broken", "no update that runs")
		if string(w.table.Copy().Rows["broken"]) != "x" {
			t.Error("the bytes of an unreadable record were changed")
		}
	})
}

func TestAStoppedEndpointStaysStoppedOverAStart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.stop("digits")
		w.Close(t.Context())
		launches := w.launcher.launches.Load()
		w.reopen()
		synctest.Wait()
		e := w.get("digits")
		if !e.Suspended || e.Ready != NotReady || e.Update != NotUpdating || e.Active.Entities[0].Deployment != DeploymentStopped || w.launcher.launches.Load() != launches {
			t.Errorf("%+v", e)
		}
		if _, err := w.Start(t.Context(), "digits", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || e.Active.Version != 2 {
			t.Errorf("%+v", e)
		}
	})
}

// A kill during a start: the next run goes on with the start and does not load the stopped
// configuration too.
func TestAStartIsContinuedByTheNextRun(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.stop("digits")
		w.launcher.load = loadingFor(time.Hour)
		if _, err := w.Start(t.Context(), "digits", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.Close(t.Context())
		w.launcher.load = nil
		launches := w.launcher.launches.Load()
		w.reopen()
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || e.Suspended || e.Active.Version != 2 || w.launcher.launches.Load() != launches+1 {
			t.Errorf("%+v", e)
		}
	})
}

func TestAStartThatFailsLeavesTheEndpointStopped(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.stop("digits")
		w.launcher.load = func(context.Context, runtime.Spec) error { return &runtime.LoadError{Message: "no memory"} }
		if _, err := w.Start(t.Context(), "digits", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		check := func() {
			t.Helper()
			e := w.get("digits")
			if e.Ready != NotReady || e.Update != UpdateFailed || !e.Suspended || e.Active.Version != 1 || e.Pending.Version != 2 {
				t.Errorf("%+v", e)
			}
			var notReady *NotReadyError
			if _, err := w.ask("digits", ""); !errors.As(err, &notReady) || !strings.Contains(err.Error(), "is stopped") || !strings.Contains(err.Error(), "no memory") {
				t.Errorf("a request is answered %v", err)
			}
		}
		check()
		w.Close(t.Context())
		w.reopen()
		synctest.Wait()
		check()
		if e := w.stop("digits"); e.Update != NotUpdating || e.Pending != nil || !e.Suspended {
			t.Errorf("stopped: %+v", e)
		}
		w.launcher.load = nil
		if _, err := w.Start(t.Context(), "digits", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || e.Suspended || e.Active.Version != 3 {
			t.Errorf("%+v", e)
		}
	})
}

func TestAnUpdateStartsAStoppedEndpoint(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.stop("digits")
		w.update("digits", version("2"))
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || e.Suspended || e.Active.Version != 2 || e.Active.Entities[0].ModelVersion != 2 {
			t.Errorf("%+v", e)
		}
	})
}

func TestAReloadCanBeStopped(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.Close(t.Context())
		w.launcher.load = loadingFor(time.Hour)
		w.reopen()
		var notReady *NotReadyError
		go func() {
			if _, err := w.ask("digits", ""); !errors.As(err, &notReady) || !strings.Contains(err.Error(), "is stopped") {
				t.Errorf("a request that waited for the reload is answered %v", err)
			}
		}()
		synctest.Wait()
		w.stop("digits")
		synctest.Wait()
		if e := w.get("digits"); !e.Suspended || e.Update != NotUpdating || notReady == nil {
			t.Errorf("%+v", e)
		}
	})
}

func TestACanceledUpdateLeavesTheOldOneServing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		stop := w.probe("digits")
		w.launcher.load = loadingFor(time.Minute)
		w.update("digits", version("2"))
		time.Sleep(time.Second)
		e, err := w.Cancel(t.Context(), "digits", "bob@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if e.Ready != Ready || e.Update != UpdateCanceled || e.Active.Version != 1 || e.Pending.Version != 2 || e.Progress != nil ||
			e.Pending.Entities[0].Deployment != DeploymentAborted || e.Pending.Entities[0].Message != messageCanceled {
			t.Errorf("%+v", e)
		}
		w.launcher.load = nil
		synctest.Wait()
		if e := w.get("digits"); e.Update != UpdateCanceled || w.launcher.open.Load() != 1 {
			t.Errorf("a moment later: %+v", e)
		}
		stop()
		w.Close(t.Context())
		w.reopen()
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || e.Update != UpdateCanceled || e.Pending.Version != 2 || e.Pending.Entities[0].Message != messageCanceled {
			t.Errorf("after a start: %+v", e)
		}
		if err := w.Retry(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if e := w.get("digits"); e.Update != NotUpdating || e.Active.Version != 2 {
			t.Errorf("after the retry: %+v", e)
		}
	})
}

func TestAnUpdateRightAfterACancelIsDeployed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.load = loadingFor(time.Minute)
		for range 5 {
			w.update("digits", version("2"))
			synctest.Wait()
			if _, err := w.Cancel(t.Context(), "digits", ""); err != nil {
				t.Fatal(err)
			}
		}
		w.update("digits", version("2"))
		time.Sleep(61 * time.Second)
		if e := w.get("digits"); e.Update != NotUpdating || e.Active.Version != 7 || w.launcher.open.Load() != 1 {
			t.Errorf("%+v, %d processes", e, w.launcher.open.Load())
		}
	})
}

// The first configuration can be canceled too: nothing serves then.
func TestACanceledCreateServesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = loadingFor(time.Second)
		w.create(one("digits"))
		synctest.Wait()
		if _, err := w.Cancel(t.Context(), "digits", ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if e := w.get("digits"); e.Ready != NotReady || e.Update != UpdateCanceled || e.Active != nil || e.Pending == nil || w.launcher.open.Load() != 0 {
			t.Errorf("%+v", e)
		}
		var notReady *NotReadyError
		if _, err := w.ask("digits", ""); !errors.As(err, &notReady) {
			t.Errorf("a request is answered %v", err)
		}
	})
}

// A cancel at any moment: the update is given up, or it has come into effect and the
// cancel is refused. Never both, never neither.
func TestACancelAtAnyMomentIsDecidedOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	canceled, late := 0, 0
	for range 200 {
		at := time.Duration(random.IntN(int(2200 * time.Millisecond)))
		synctest.Test(t, func(t *testing.T) {
			w := open(t, tabletest.New(), &launcher{})
			defer w.end()
			w.ready(one("digits"))
			w.launcher.load = loadingFor(time.Second)
			w.launcher.invoke = func(ctx context.Context, s runtime.Spec, _ runtime.Request) (runtime.Response, error) {
				if s.Entity == "digits/a-2" && ctx.Err() == nil {
					select {
					case <-time.After(time.Second):
					case <-ctx.Done():
					}
				}
				return runtime.Response{Status: 200}, ctx.Err()
			}
			w.update("digits", version("2"))
			time.Sleep(at)
			_, err := w.Cancel(t.Context(), "digits", "")
			time.Sleep(5 * time.Second)
			e := w.get("digits")
			want := fmt.Sprint(Ready, UpdateCanceled, 1)
			if err != nil {
				want = fmt.Sprint(Ready, NotUpdating, 2)
				late++
			} else {
				canceled++
			}
			if got := fmt.Sprint(e.Ready, e.Update, e.Active.Version); got != want || w.launcher.open.Load() != 1 {
				t.Errorf("canceled after %v (%v): %s, want %s", at, err, got, want)
			}
			if decoded, err := decode("digits", w.table.Copy().Rows["digits"]); err != nil || decoded.Update != e.Update || decoded.Active.Version != e.Active.Version {
				t.Errorf("stored %+v %v", decoded, err)
			}
		})
	}
	if canceled == 0 || late == 0 {
		t.Errorf("%d canceled, %d too late: the moments are badly chosen", canceled, late)
	}
}
