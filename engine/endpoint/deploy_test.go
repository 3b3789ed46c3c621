package endpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/telemetry"
)

// The passage of states of the product, from the answer to create on.
func TestAnEndpointPassesThroughTheProductsStates(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(ctx context.Context, _ runtime.Spec) error { time.Sleep(3 * time.Second); return ctx.Err() }
		began := time.Now()
		e := w.create(one("digits"))
		if e.Ready != NotReady || e.Update != InProgress || e.Active != nil || e.Pending == nil || e.Pending.Version != 1 || !e.Pending.StartedAt.Equal(began) {
			t.Fatalf("create answers %+v", e)
		}
		s := e.Pending.Entities[0]
		if s.Name != "a-1" || s.Deployment != DeploymentCreating || s.Message != "Creating resources for served entity." || s.Creator != "ann@example.com" {
			t.Errorf("its entity is %+v", s)
		}
		if !slices.Equal(e.Pending.Routes, []Route{{"a-1", 100}}) || len(e.ID) != 32 {
			t.Errorf("routes %v, id %q", e.Pending.Routes, e.ID)
		}
		time.Sleep(time.Second)
		e = w.get("digits")
		if e.Progress == nil || e.Progress.Stage != StageLoad || e.Progress.Detail != "a-1: loading 26 kB" || len(e.Progress.Done) != 1 || e.Progress.Done[0].Stage != StageValidate {
			t.Errorf("a second later its progress is %+v", e.Progress)
		}
		var notReady *NotReadyError
		if _, err := w.ask("digits", ""); !errors.As(err, &notReady) || !strings.Contains(notReady.Message, "Creating resources") {
			t.Errorf("a request meanwhile is answered %v", err)
		}
		time.Sleep(3 * time.Second)
		e = w.get("digits")
		if e.Ready != Ready || e.Update != NotUpdating || e.Pending != nil || e.Progress != nil || e.Active.Version != 1 {
			t.Fatalf("in the end it is %+v", e)
		}
		if s := e.Active.Entities[0]; s.Deployment != DeploymentReady || s.Message != "" || s.Live.PID == 0 || s.Live.Provisioned != 4 || s.Live.Runtime != "Fake 1.0 · CPU" || s.Live.LoadTime != 300*time.Millisecond {
			t.Errorf("its entity is %+v", s)
		}
		if !e.UpdatedAt.Equal(began) {
			t.Error("a deployment changed the time of the last change by a user")
		}
		want := []telemetry.EventType{telemetry.Created, telemetry.UpdateStarted, telemetry.EntityLoading, telemetry.EntityReady, telemetry.UpdateCompleted}
		if got := w.events("digits"); !slices.Equal(got, want) {
			t.Errorf("events %v", got)
		}
		a, err := w.ask("digits", "")
		if err != nil || a.Entity != "a-1" || a.ConfigVersion != 1 || a.Status != 200 {
			t.Errorf("a request is answered %+v, %v", a, err)
		}
	})
}

func TestALaunchGetsWhatItNeeds(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		spec := one("digits")
		spec.Config.Entities[0].WorkloadType = "CPU_LARGE"
		spec.Config.Entities[0].WorkloadSize = "Medium"
		spec.Config.Entities[0].EnvironmentVars = map[string]string{"A": "1"}
		w.ready(spec)
		got := w.launcher.runner("digits/a-1").spec
		if got.Dir != "/models/a" || got.ModelFile != "model.onnx" || got.Concurrency != 16 || got.Timeout != 597*time.Second || got.Environment["A"] != "1" || string(got.Example) == "" {
			t.Errorf("spec %+v", got)
		}
		if got.MemoryLimit != 8<<30 { // 16 GB, but the machine has 8
			t.Errorf("memory limit %d", got.MemoryLimit)
		}
	})
}

func TestAnEndpointWithoutConfigurationIsAccepted(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		if e := w.create(Spec{Name: "empty"}); e.Ready != NotReady || e.Update != NotUpdating || e.Pending != nil {
			t.Errorf("%+v", e)
		}
		var notReady *NotReadyError
		if _, err := w.ask("empty", ""); !errors.As(err, &notReady) {
			t.Errorf("a request is answered %v", err)
		}
	})
}

func TestAModelThatDoesNotLoadFailsTheUpdate(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(context.Context, runtime.Spec) error {
			return &runtime.LoadError{Message: "The operator Foo is not known."}
		}
		w.create(one("digits"))
		synctest.Wait()
		e := w.get("digits")
		if e.Ready != NotReady || e.Update != UpdateFailed || e.Active != nil || e.Pending == nil || e.Progress != nil {
			t.Fatalf("%+v", e)
		}
		if s := e.Pending.Entities[0]; s.Deployment != DeploymentFailed || s.Message != "The operator Foo is not known." {
			t.Errorf("entity %+v", s)
		}
		if got := w.events("digits"); !slices.Contains(got, telemetry.EntityFailed) || got[len(got)-1] != telemetry.UpdateFailed {
			t.Errorf("events %v", got)
		}
		w.launcher.load = nil
		if err := w.Retry(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || e.Active.Version != 1 {
			t.Errorf("after the retry %+v", e)
		}
		var invalid *ValidationError
		if err := w.Retry(t.Context(), "digits"); !errors.As(err, &invalid) {
			t.Errorf("a retry of nothing: %v", err)
		}
	})
}

func TestOneEntityThatFailsEndsTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(_ context.Context, s runtime.Spec) error {
			if s.Entity == "pair/b-1" {
				time.Sleep(time.Second)
				return &runtime.LoadError{Message: "no"}
			}
			return nil
		}
		w.create(two("pair", 50, 50))
		time.Sleep(2 * time.Second)
		e := w.get("pair")
		if a, b := e.Pending.Entities[0], e.Pending.Entities[1]; a.Deployment != DeploymentAborted || b.Deployment != DeploymentFailed || b.Message != "no" {
			t.Errorf("entities %+v, %+v", a, b)
		}
		if n := w.launcher.open.Load(); n != 0 {
			t.Errorf("%d processes are left of a failed update", n)
		}
	})
}

func TestAnExampleThatKillsItsProcessFailsTheUpdate(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.invoke = func(context.Context, runtime.Spec, runtime.Request) (runtime.Response, error) {
			return runtime.Response{}, &runtime.DiedError{Cause: "SIGFPE"}
		}
		w.create(one("digits"))
		synctest.Wait()
		if e := w.get("digits"); e.Update != UpdateFailed || !strings.Contains(e.Pending.Entities[0].Message, "SIGFPE") {
			t.Errorf("%+v", e)
		}
	})
}

func TestAnExampleThatTheModelRefusesIsNoFailure(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.invoke = func(context.Context, runtime.Spec, runtime.Request) (runtime.Response, error) {
			return runtime.Response{Status: 400}, nil
		}
		w.ready(one("digits"))
	})
}

func TestAVersionThatWentAwayMeanwhileFailsTheUpdate(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.table.Before = func(map[string][]byte) error { w.models.missing.Store(true); return nil }
		w.create(one("digits"))
		synctest.Wait()
		if e := w.get("digits"); e.Update != UpdateFailed || !strings.Contains(e.Pending.Entities[0].Message, "not registered") {
			t.Errorf("%+v", e)
		}
	})
}

func TestAFullDiskIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		full := errors.New("no space left on device")
		writes := 0
		w.table.Before = func(map[string][]byte) error {
			if writes++; writes > 1 {
				return full
			}
			return nil
		}
		w.create(one("digits"))
		synctest.Wait()
		if e := w.get("digits"); e.Update != UpdateFailed || e.Ready != NotReady || !strings.Contains(e.Pending.Entities[0].Message, "no space left") {
			t.Errorf("an update that cannot be stored: %+v", e)
		}
		if _, err := w.Create(t.Context(), one("other"), ""); !errors.Is(err, full) {
			t.Errorf("a create that cannot be stored: %v", err)
		}
		var missing *NotFoundError
		if _, err := w.Get("other"); !errors.As(err, &missing) {
			t.Errorf("and is there: %v", err)
		}
		if err := w.Delete(t.Context(), "digits"); !errors.Is(err, full) {
			t.Errorf("a delete that cannot be stored: %v", err)
		}
		w.get("digits")
		w.table.Before = nil
		w.create(one("other"))
	})
}

func TestAHundredCreatesOfOneNameMakeOneEndpoint(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var won, lost atomic.Int32
		for range 100 {
			go func() {
				_, err := w.Create(t.Context(), one("digits"), "")
				var exists *ExistsError
				switch {
				case err == nil:
					won.Add(1)
				case errors.As(err, &exists) && exists.Name == "digits":
					lost.Add(1)
				default:
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		if won.Load() != 1 || lost.Load() != 99 || len(w.List()) != 1 || w.launcher.launches.Load() != 1 {
			t.Errorf("%d won, %d lost, %d are there, %d launches", won.Load(), lost.Load(), len(w.List()), w.launcher.launches.Load())
		}
	})
}

func TestDeleteDuringALoadEndsIt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(ctx context.Context, _ runtime.Spec) error { <-ctx.Done(); return ctx.Err() }
		w.create(one("digits"))
		synctest.Wait()
		if err := w.Delete(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		var missing *NotFoundError
		if _, err := w.Get("digits"); !errors.As(err, &missing) {
			t.Errorf("it is still there: %v", err)
		}
		if err := w.Delete(t.Context(), "digits"); !errors.As(err, &missing) {
			t.Errorf("a second delete: %v", err)
		}
		if len(w.table.Rows) != 0 || len(w.List()) != 0 {
			t.Errorf("left: %v", w.table.Rows)
		}
		w.launcher.load = nil
		w.ready(one("digits")) // the name is free again
	})
}

func TestDeleteUnderTrafficLetsRequestsFinish(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = func(ctx context.Context, _ runtime.Spec, _ runtime.Request) (runtime.Response, error) {
			time.Sleep(10 * time.Second)
			return runtime.Response{Status: 200}, ctx.Err()
		}
		var good, missing atomic.Int32
		for range 8 { // 4 run, 4 wait
			go func() {
				if _, err := w.ask("digits", ""); err == nil {
					good.Add(1)
				}
			}()
		}
		synctest.Wait()
		if err := w.Delete(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		var notFound *NotFoundError
		if _, err := w.ask("digits", ""); errors.As(err, &notFound) {
			missing.Add(1)
		}
		if w.launcher.open.Load() != 1 {
			t.Error("the process ended under its requests")
		}
		time.Sleep(21 * time.Second)
		if good.Load() != 8 || missing.Load() != 1 || w.launcher.open.Load() != 0 {
			t.Errorf("%d of 8 answered, %d runners left", good.Load(), w.launcher.open.Load())
		}
	})
}

func TestManyEndpointsLoadAFewAtATime(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(context.Context, runtime.Spec) error { time.Sleep(100 * time.Millisecond); return nil }
		for i := range 100 {
			w.create(one(fmt.Sprintf("e%03d", i)))
		}
		time.Sleep(time.Minute)
		for _, e := range w.List() {
			if e.Ready != Ready {
				t.Fatalf("%s is not ready", e.Name)
			}
		}
		if n := w.launcher.most.Load(); n != 2 {
			t.Errorf("%d loads at once on 2 cores", n)
		}
	})
}

func TestALoadThatNeverEndsFailsAfterTheProductsTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(ctx context.Context, _ runtime.Spec) error { <-ctx.Done(); return ctx.Err() }
		w.create(one("digits"))
		time.Sleep(31 * time.Minute)
		if e := w.get("digits"); e.Update != UpdateFailed || e.Pending.Entities[0].Message != messageLate {
			t.Errorf("%+v", e)
		}
	})
}

func TestTheFirstFailureEndsTheOthersLoads(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(ctx context.Context, s runtime.Spec) error {
			if s.Entity == "pair/a-1" {
				<-ctx.Done()
				return ctx.Err()
			}
			return &runtime.LoadError{Message: "no"}
		}
		w.create(two("pair", 50, 50))
		synctest.Wait()
		if e := w.get("pair"); e.Update != UpdateFailed || e.Pending.Entities[0].Deployment != DeploymentAborted || e.Pending.Entities[1].Deployment != DeploymentFailed {
			t.Errorf("%+v", e)
		}
	})
}

// A deployment that ends at the moment of a delete does not bring the record back.
func TestNothingIsStoredAfterADelete(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		o := (*w.owners.Load())["digits"]
		if err := w.Delete(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		if err := o.store(o.picture.Load()); !errors.Is(err, errGone) || len(w.table.Rows) != 0 {
			t.Errorf("%v; stored: %v", err, w.table.Rows)
		}
	})
}

// At a deployment an entity that scales to zero loads once all the same: what becomes
// READY has been seen to work.
func TestASleepyEntityIsLoadedToBecomeReady(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(context.Context, runtime.Spec) error { return &runtime.LoadError{Message: "no"} }
		w.create(sleepy("digits"))
		synctest.Wait()
		if e := w.get("digits"); e.Update != UpdateFailed {
			t.Errorf("%+v", e)
		}
	})
}

// While one entity still loads, the other's process can be looked at.
func TestThePendingConfigurationShowsWhatItsProcessesTake(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(_ context.Context, s runtime.Spec) error {
			if s.Entity == "pair/b-1" {
				time.Sleep(time.Second)
			}
			return nil
		}
		w.create(two("pair", 50, 50))
		synctest.Wait()
		e := w.get("pair")
		if a, b := e.Pending.Entities[0].Live, e.Pending.Entities[1].Live; a.PID == 0 || a.MemoryBytes != 80e6 || b != (Live{}) {
			t.Errorf("live %+v, %+v", a, b)
		}
		time.Sleep(2 * time.Second)
	})
}

// Notices of a process that was replaced say nothing of the one that runs.
func TestNoticesOfAProcessThatIsGoneAreIgnored(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(sleepy("digits"))
		old := w.launcher.runner("digits/a-1")
		time.Sleep(31 * time.Minute)
		if _, err := w.ask("digits", ""); err != nil {
			t.Fatal(err)
		}
		old.notify(runtime.Notice{Kind: runtime.GaveUp, Message: "late"})
		if e := w.get("digits"); e.Ready != Ready || e.Active.Entities[0].Deployment != DeploymentReady {
			t.Errorf("%+v", e)
		}
	})
}

// A version must not go between the check that it is there and the record that says who
// uses it: the endpoint would be accepted and could never serve.
func TestAVersionIsInUseBeforeItsEndpointIsStored(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var uses []string
		writes := 0
		w.table.Before = func(map[string][]byte) error {
			if writes++; writes == 1 { // the create's
				uses = w.Uses("main.default.a", 1)
			}
			return nil
		}
		w.create(one("digits"))
		synctest.Wait()
		if !slices.Equal(uses, []string{"digits"}) {
			t.Errorf("while it is stored, version 1 is used by %v", uses)
		}
		if err := w.Delete(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		if uses := w.Uses("main.default.a", 1); len(uses) != 0 {
			t.Errorf("after the delete it is used by %v", uses)
		}
	})
}

// goingModels lose their versions once the endpoint's use of them could have been seen.
type goingModels struct {
	*models
	looks int
}

func (m *goingModels) Model(name string) (registry.Model, error) {
	if m.looks++; m.looks > 1 {
		m.missing.Store(true)
	}
	return m.models.Model(name)
}

func TestAVersionDeletedDuringACreateRefusesIt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.Models = &goingModels{models: w.models}
		var invalid *ValidationError
		if _, err := w.Create(t.Context(), one("digits"), "ann@example.com"); !errors.As(err, &invalid) {
			t.Errorf("created: %v", err)
		}
		if len(w.List()) != 0 || len(w.Uses("main.default.a", 1)) != 0 {
			t.Errorf("left %v, used by %v", w.List(), w.Uses("main.default.a", 1))
		}
	})
}

// Whoever was killed right after a Delete has not erased the events yet.
func TestAStartForgetsTheEventsOfDeletedEndpoints(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.Close(t.Context())
		w.telemetry.Endpoint("gone").Event(telemetry.Event{Type: telemetry.Created, Message: "Created by bob."})
		w.reopen()
		if events := w.events("gone"); len(events) != 0 {
			t.Errorf("events of an endpoint that is not there: %v", events)
		}
		if events := w.events("digits"); len(events) == 0 {
			t.Error("the events of one that is there have gone")
		}
		w.table.Before = func(map[string][]byte) error { return errors.New("disk full") }
		if _, err := w.Create(t.Context(), one("unstored"), "ann@example.com"); err == nil {
			t.Error("created without a record")
		}
		w.table.Before = nil
	})
}
