package endpoint

import (
	"context"
	"errors"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/runtime"
	"servery/engine/tabletest"
	"servery/engine/telemetry"
)

// An update that fails, whatever fails it and at whichever stage: the old configuration
// serves on, the reason names the served entity, and nothing that was begun is left.
func TestAFailureAtAnyStageLeavesTheOldOneServing(t *testing.T) {
	load := func(message string) func(w *world) {
		return func(w *world) {
			w.launcher.load = func(_ context.Context, s runtime.Spec) error {
				if s.Entity == "digits/b-1" {
					return &runtime.LoadError{Message: message}
				}
				return nil
			}
		}
	}
	// died ends the process of b-1 in its nth run.
	died := func(nth int32, sessions int) func(w *world) {
		return func(w *world) {
			var runs atomic.Int32
			w.launcher.sessions = sessions
			w.launcher.invoke = func(_ context.Context, s runtime.Spec, _ runtime.Request) (runtime.Response, error) {
				if s.Entity == "digits/b-1" && runs.Add(1) >= nth {
					return runtime.Response{}, &runtime.DiedError{Cause: "SIGFPE"}
				}
				return runtime.Response{Status: 200}, nil
			}
		}
	}
	full := func(table func(w *world) *tabletest.Memory) func(w *world) {
		return func(w *world) {
			writes := 0
			table(w).Before = func(map[string][]byte) error {
				if writes++; writes == 2 { // the first accepts, the second would switch
					return errors.New("no space left on device")
				}
				return nil
			}
		}
	}
	for _, c := range []struct {
		what   string
		set    func(w *world)
		says   string
		nobody bool // no entity is to blame
	}{
		{"a version that is gone", func(w *world) {
			w.table.Before = func(map[string][]byte) error { w.models.missing.Store(true); return nil }
		}, "not registered", false},
		{"a missing file", load("the model's file cannot be read"), "cannot be read", false},
		{"a corrupt file", load("its SHA-256 is 1, not 2"), "SHA-256", false},
		{"a wrong opset", load("Opset 99 is not known"), "Opset 99", false},
		{"a memory bound", load("it takes more than 4 GiB"), "4 GiB", false},
		{"a signature that does not fit", load("requests cannot be turned into this model's inputs"), "cannot be turned", false},
		{"a crash in the load", load("its process ended: SIGSEGV"), "SIGSEGV", false},
		{"a runtime that fails", func(w *world) {
			w.launcher.load = func(context.Context, runtime.Spec) error { return errors.New("fork failed") }
		}, "fork failed", false},
		{"a load without end", func(w *world) { w.launcher.load = loadingFor(time.Hour) }, messageLate, false},
		{"a crash in the dry run", died(1, 1), "input example ends its process (SIGFPE)", false},
		{"a crash in the warm-up", died(2, 4), "input example ends its process (SIGFPE)", false},
		{"a full disk", full(func(w *world) *tabletest.Memory { return w.table }), "could not be stored", true},
	} {
		t.Run(c.what, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				spec := one("digits")
				spec.Config.Entities[0].Name = "steady"
				w.ready(spec)
				goroutines := goruntime.NumGoroutine()
				c.set(w)
				next := *two("", 1, 99).Config
				next.Entities[0].Name, next.Routes[0].EntityName = "steady", "steady"
				w.update("digits", next)
				stop := w.probe("digits")
				time.Sleep(time.Second)
				stop()
				time.Sleep(time.Hour)
				synctest.Wait()
				e := w.get("digits")
				if e.Ready != Ready || e.Update != UpdateFailed || e.Active.Version != 1 || e.Pending.Version != 2 || e.Progress != nil {
					t.Fatalf("%+v", e)
				}
				b := e.Pending.Entities[1]
				if b.Name != "b-1" || b.Deployment != DeploymentFailed || !strings.Contains(b.Message, c.says) {
					// Where the models are gone the first entity is told.
					if a := e.Pending.Entities[0]; !strings.Contains(a.Message, c.says) {
						t.Errorf("entities %+v", e.Pending.Entities)
					}
				}
				v, err := w.Version("digits", 2)
				if err != nil || v.State != VersionFailed || !strings.Contains(v.Reason, ": ") || !strings.Contains(v.Reason, c.says) {
					t.Errorf("version 2 is %s: %q, %v", v.State, v.Reason, err)
				}
				events := w.events("digits")
				if events[len(events)-1] != telemetry.UpdateFailed || slices.Contains(events, telemetry.EntityFailed) == c.nobody {
					t.Errorf("events %v", events)
				}
				if n := w.launcher.open.Load(); n != 1 {
					t.Errorf("%d processes are left", n)
				}
				if n := goruntime.NumGoroutine(); n > goroutines {
					t.Errorf("%d goroutines, %d before", n, goroutines)
				}
			})
		})
	}
}

// A cancel at each stage before the switch: the old configuration serves on, nothing that
// was begun is left, and the next update is accepted at once.
func TestACancelAtAnyStageLeavesTheOldOneServing(t *testing.T) {
	until := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		stage Stage
		set   func(w *world, reached func())
	}{
		{StageValidate, func(w *world, reached func()) {
			w.models.before = func() {
				if e, err := w.Get("digits"); err == nil && e.Progress != nil && e.Progress.Stage == StageValidate {
					reached()
					time.Sleep(time.Second)
				}
			}
		}},
		{StageLoad, func(w *world, reached func()) {
			w.launcher.load = func(ctx context.Context, _ runtime.Spec) error { reached(); return until(ctx) }
		}},
		{StageDryRun, func(w *world, reached func()) {
			w.launcher.invoke = func(ctx context.Context, s runtime.Spec, _ runtime.Request) (runtime.Response, error) {
				if s.Entity == "digits/a-1" {
					return runtime.Response{Status: 200}, nil
				}
				reached()
				return runtime.Response{}, until(ctx)
			}
		}},
		{StageWarmUp, func(w *world, reached func()) {
			var runs atomic.Int32
			w.launcher.sessions = 4
			w.launcher.invoke = func(ctx context.Context, s runtime.Spec, _ runtime.Request) (runtime.Response, error) {
				if s.Entity == "digits/a-1" || runs.Add(1) == 1 {
					return runtime.Response{Status: 200}, nil
				}
				reached()
				return runtime.Response{}, until(ctx)
			}
		}},
	} {
		t.Run(string(c.stage), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.ready(one("digits"))
				goroutines := goruntime.NumGoroutine()
				var once sync.Once
				reached := make(chan struct{})
				c.set(w, func() { once.Do(func() { close(reached) }) })
				w.update("digits", version("2"))
				stop := w.probe("digits")
				<-reached
				if e := w.get("digits"); e.Progress == nil || e.Progress.Stage != c.stage {
					t.Errorf("at %+v", e.Progress)
				}
				e, err := w.Cancel(t.Context(), "digits", "eve")
				if err != nil || e.Update != UpdateCanceled || e.Ready != Ready {
					t.Fatalf("%+v, %v", e, err)
				}
				time.Sleep(2 * time.Second)
				stop()
				synctest.Wait()
				if e := w.get("digits"); e.Update != UpdateCanceled || e.Active.Version != 1 || e.Pending.Version != 2 {
					t.Errorf("%+v", e)
				}
				if v, err := w.Version("digits", 2); err != nil || v.State != VersionCanceled || v.Config.EndedAt.IsZero() {
					t.Errorf("version 2: %+v, %v", v, err)
				}
				if n := w.launcher.open.Load(); n != 1 {
					t.Errorf("%d processes are left", n)
				}
				if n := goruntime.NumGoroutine(); n > goroutines {
					t.Errorf("%d goroutines, %d before", n, goroutines)
				}
				w.models.before, w.launcher.load, w.launcher.invoke = nil, nil, nil
				w.update("digits", version("2"))
				synctest.Wait()
				if e := w.get("digits"); e.Active.Version != 3 || e.Update != NotUpdating {
					t.Errorf("the next update: %+v", e)
				}
			})
		})
	}
}

// A cancel while the configuration is being stored comes too late, and says so.
func TestACancelDuringTheSwitchComesTooLate(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		writes := 0
		storing := make(chan struct{})
		w.table.Before = func(map[string][]byte) error {
			if writes++; writes == 2 {
				close(storing)
				for range 1000 { // the cancel waits for a lock: time does not go on
					goruntime.Gosched()
				}
			}
			return nil
		}
		w.update("digits", version("2"))
		<-storing
		var state *StateError
		if _, err := w.Cancel(t.Context(), "digits", "eve"); !errors.As(err, &state) || !strings.Contains(err.Error(), "configuration 2 is already in effect") {
			t.Errorf("%v", err)
		}
		if e := w.get("digits"); e.Active.Version != 2 || e.Update != NotUpdating {
			t.Errorf("%+v", e)
		}
	})
}

// Each session of a model that has several has answered before the first client's request.
func TestEverySessionIsWarm(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var runs, now, most atomic.Int32
		w.launcher.sessions = 4
		w.launcher.invoke = func(context.Context, runtime.Spec, runtime.Request) (runtime.Response, error) {
			runs.Add(1)
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Millisecond)
			now.Add(-1)
			return runtime.Response{Status: 200}, nil
		}
		w.create(one("digits"))
		time.Sleep(time.Second)
		if runs.Load() != 5 || most.Load() != 4 {
			t.Errorf("%d runs, %d at once", runs.Load(), most.Load())
		}
	})
}
