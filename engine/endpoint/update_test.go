package endpoint

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/runtime"
	"servery/engine/tabletest"
	"servery/engine/telemetry"
)

func (w *world) update(name string, spec ConfigSpec) Endpoint {
	w.t.Helper()
	e, err := w.Update(w.t.Context(), name, spec, "bob@example.com")
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// version is the configuration of one entity of a version of main.default.a.
func version(n string) ConfigSpec {
	c := *one("").Config
	c.Entities[0].ModelVersion = n
	return c
}

func loadingFor(d time.Duration) func(context.Context, runtime.Spec) error {
	return func(ctx context.Context, _ runtime.Spec) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// probe asks an endpoint every 10 ms until stop; each answer must be good, and the
// configurations that gave them may not go back.
func (w *world) probe(name string) (stop func() (asked int)) {
	done, asked, last := make(chan struct{}), 0, 0
	var probing sync.WaitGroup
	probing.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
			a, err := w.ask(name, "")
			if err != nil || a.ConfigVersion < last {
				w.t.Errorf("a request is answered by configuration %d after %d: %v", a.ConfigVersion, last, err)
			}
			last = a.ConfigVersion
			asked++
		}
	})
	return func() int {
		close(done)
		probing.Wait()
		return asked
	}
}

func TestTheOldConfigurationServesUntilTheNewOneIsReady(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		first := w.get("digits")
		w.launcher.load = loadingFor(3 * time.Second)
		stop := w.probe("digits")
		time.Sleep(time.Second)
		began := time.Now()
		e := w.update("digits", version("2"))
		if e.Ready != Ready || e.Update != InProgress || e.Active.Version != 1 || e.Pending.Version != 2 || e.LastVersion != 2 ||
			!e.UpdatedAt.Equal(began) || !e.Pending.StartedAt.Equal(began) || !e.CreatedAt.Equal(first.CreatedAt) {
			t.Errorf("update answers %+v", e)
		}
		if s := e.Pending.Entities[0]; s.Name != "a-2" || s.Deployment != DeploymentCreating || s.Message != messageCreating || s.Creator != "bob@example.com" {
			t.Errorf("its entity is %+v", s)
		}
		time.Sleep(2 * time.Second)
		if e := w.get("digits"); e.Ready != Ready || e.Update != InProgress || e.Active.Entities[0].Deployment != DeploymentReady || e.Progress.Stage != StageLoad {
			t.Errorf("while it loads: %+v", e)
		}
		if a, err := w.ask("digits", "a-1"); err != nil || a.ConfigVersion != 1 {
			t.Errorf("the old entity answers %+v, %v", a, err)
		}
		time.Sleep(2 * time.Second)
		if e := w.get("digits"); e.Ready != Ready || e.Update != NotUpdating || e.Active.Version != 2 || e.Pending != nil || !e.UpdatedAt.Equal(began) {
			t.Errorf("in the end: %+v", e)
		}
		var missing *NotFoundError
		if _, err := w.ask("digits", "a-1"); !errors.As(err, &missing) || missing.Entity != "a-1" {
			t.Errorf("the entity that went answers %v", err)
		}
		if asked := stop(); asked < 400 {
			t.Errorf("only %d requests were asked", asked)
		}
		if n := w.launcher.open.Load(); n != 1 {
			t.Errorf("%d processes are left", n)
		}
	})
}

// Requests that the old configuration had begun are answered by it, also those in its
// queue.
func TestRequestsInFlightOutliveTheirConfiguration(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = func(ctx context.Context, s runtime.Spec, _ runtime.Request) (runtime.Response, error) {
			if s.Entity == "digits/a-1" {
				time.Sleep(10 * time.Second)
			}
			return runtime.Response{Status: 200}, ctx.Err()
		}
		var asking sync.WaitGroup
		for range 8 { // 4 run, 4 wait
			asking.Go(func() {
				if a, err := w.ask("digits", ""); err != nil || a.Entity != "a-1" || a.ConfigVersion != 1 {
					t.Errorf("answered %+v, %v", a, err)
				}
			})
		}
		synctest.Wait()
		w.update("digits", version("2"))
		synctest.Wait()
		if a, err := w.ask("digits", ""); err != nil || a.Entity != "a-2" || a.ConfigVersion != 2 {
			t.Errorf("a new one is answered %+v, %v", a, err)
		}
		if n := w.launcher.open.Load(); n != 2 {
			t.Errorf("%d processes while the old one works", n)
		}
		asking.Wait()
		synctest.Wait()
		if n := w.launcher.open.Load(); n != 1 {
			t.Errorf("%d processes in the end", n)
		}
	})
}

func TestOnlyOneUpdateRunsAtATime(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = loadingFor(time.Second)
		w.create(one("digits"))
		var conflict *ConflictError
		if _, err := w.Update(t.Context(), "digits", version("2"), ""); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "Endpoint 'digits' is currently updating. Wait for the update to complete") {
			t.Errorf("an update during the create: %v", err)
		}
		time.Sleep(2 * time.Second)
		var accepted, refused int
		var mu sync.Mutex
		var clients sync.WaitGroup
		for range 100 {
			clients.Go(func() {
				_, err := w.Update(t.Context(), "digits", version("2"), "")
				mu.Lock()
				defer mu.Unlock()
				if errors.As(err, new(*ConflictError)) {
					refused++
				} else if err == nil {
					accepted++
				}
			})
		}
		clients.Wait()
		if accepted != 1 || refused != 99 {
			t.Errorf("of 100 updates %d were accepted, %d refused", accepted, refused)
		}
		time.Sleep(2 * time.Second)
		if e := w.get("digits"); e.Active.Version != 2 {
			t.Errorf("%+v", e)
		}
		var missing *NotFoundError
		if _, err := w.Update(t.Context(), "none", version("2"), ""); !errors.As(err, &missing) {
			t.Errorf("of an endpoint that is not there: %v", err)
		}
		var invalid *ValidationError
		if _, err := w.Update(t.Context(), "digits", ConfigSpec{}, ""); !errors.As(err, &invalid) || invalid.Fields[0].Field != "config.served_entities" {
			t.Errorf("with nothing: %v", err)
		}
	})
}

func TestAFailedUpdateLeavesTheOldOneServing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		stop := w.probe("digits")
		w.launcher.load = func(context.Context, runtime.Spec) error {
			return &runtime.LoadError{Message: "The operator Foo is not known."}
		}
		w.update("digits", version("2"))
		time.Sleep(time.Second)
		e := w.get("digits")
		if e.Ready != Ready || e.Update != UpdateFailed || e.Active.Version != 1 || e.Pending.Version != 2 || e.Progress != nil {
			t.Fatalf("%+v", e)
		}
		if s := e.Pending.Entities[0]; s.Deployment != DeploymentFailed || s.Message != "The operator Foo is not known." {
			t.Errorf("entity %+v", s)
		}
		w.launcher.load = nil
		w.update("digits", version("2"))
		time.Sleep(time.Second)
		if e := w.get("digits"); e.Update != NotUpdating || e.Active.Version != 3 || e.Pending != nil {
			t.Errorf("the next update: %+v", e)
		}
		stop()
	})
}

// A new traffic split costs no load; a changed entity is loaded beside the others.
func TestUnchangedEntitiesGoOnRunning(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(two("pair", 50, 50))
		before, launches := w.get("pair"), w.launcher.launches.Load()
		time.Sleep(time.Second)
		stop := w.probe("pair")
		w.launcher.load = loadingFor(time.Second)
		spec := *two("", 90, 10).Config
		spec.Entities[0].ModelName = "Main.Default.A" // names are one whatever their case
		spec.Entities[0].Name = "a-1"
		w.update("pair", spec)
		time.Sleep(100 * time.Millisecond)
		e := w.get("pair")
		if e.Update != NotUpdating || e.Active.Version != 2 || !slices.Equal(e.Active.Routes, []Route{{"a-1", 90}, {"b-1", 10}}) || w.launcher.launches.Load() != launches {
			t.Fatalf("after %d loads more: %+v", w.launcher.launches.Load()-launches, e)
		}
		for i, s := range e.Active.Entities {
			b := before.Active.Entities[i]
			if s.Creator != "ann@example.com" || !s.CreatedAt.Equal(b.CreatedAt) || s.Live.PID != b.Live.PID || s.Deployment != DeploymentReady {
				t.Errorf("entity %+v was %+v", s, b)
			}
		}
		spec.Entities[1].EnvironmentVars = map[string]string{"B": "2"}
		w.update("pair", spec)
		time.Sleep(500 * time.Millisecond)
		if e := w.get("pair"); e.Pending == nil || e.Progress.Detail != "b-1: loading 26 kB" {
			t.Errorf("while it loads: %+v", e)
		}
		time.Sleep(2 * time.Second)
		e = w.get("pair")
		a, b := e.Active.Entities[0], e.Active.Entities[1]
		if a.Live.PID != before.Active.Entities[0].Live.PID || b.Live.PID == before.Active.Entities[1].Live.PID || b.Creator != "bob@example.com" || a.Creator != "ann@example.com" {
			t.Errorf("%+v\n%+v", a, b)
		}
		if n := w.launcher.launches.Load() - launches; n != 1 || w.launcher.open.Load() != 2 {
			t.Errorf("%d loads more, %d processes", n, w.launcher.open.Load())
		}
		stop()
		answer, err := w.ask("pair", "a-1")
		if err != nil || answer.ConfigVersion != 3 {
			t.Errorf("%+v %v", answer, err)
		}
	})
}

// What goes on running is not ended by the failure or the cancel of the update.
func TestAFailedUpdateEndsNothingThatGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("pair"))
		w.launcher.load = func(context.Context, runtime.Spec) error { return &runtime.LoadError{Message: "no"} }
		w.update("pair", *two("", 50, 50).Config)
		synctest.Wait()
		if e := w.get("pair"); e.Update != UpdateFailed || e.Ready != Ready || e.Pending.Entities[0].Deployment != DeploymentAborted || e.Pending.Entities[1].Deployment != DeploymentFailed {
			t.Errorf("%+v", e)
		}
		if _, err := w.ask("pair", ""); err != nil || w.launcher.open.Load() != 1 {
			t.Errorf("%v, %d processes", err, w.launcher.open.Load())
		}
	})
}

// An entity that an update keeps still scales, dies and comes back under the new version.
func TestAnEntityThatIsKeptStaysAlive(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(sleepy("digits"))
		time.Sleep(31 * time.Minute)
		spec := *sleepy("").Config
		spec.Entities = append(spec.Entities, EntitySpec{ModelName: "main.default.b", ModelVersion: "1", ScaleToZero: pointer(false)})
		spec.Routes = []Route{{"a-1", 100}, {"b-1", 0}}
		launches := w.launcher.launches.Load()
		w.update("digits", spec)
		synctest.Wait()
		e := w.get("digits")
		if e.Ready != Ready || e.Active.Version != 2 || e.Active.Entities[0].Message != messageAtZero || w.launcher.launches.Load() != launches+1 {
			t.Fatalf("%+v", e)
		}
		if a, err := w.ask("digits", ""); err != nil || a.Entity != "a-1" || a.ConfigVersion != 2 {
			t.Errorf("it does not wake: %+v %v", a, err)
		}
		synctest.Wait()
		if e := w.get("digits"); e.Active.Entities[0].Message != "" || e.Active.Entities[0].Live.PID == 0 {
			t.Errorf("awake: %+v", e.Active.Entities[0])
		}
		w.launcher.runner("digits/a-1").notify(runtime.Notice{Kind: runtime.Died, Message: "killed"})
		if e := w.get("digits"); e.Active.Entities[0].Deployment != DeploymentRecovering {
			t.Errorf("after a death: %+v", e.Active.Entities[0])
		}
		events := w.telemetry.Events("digits", 1)
		if events[0].Type != telemetry.WorkerDied || events[0].Version != 2 {
			t.Errorf("event %+v", events[0])
		}
	})
}

// A process that cannot be kept up is not taken for one that serves.
func TestAnEntityThatIsDownIsLoadedAnew(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.runner("digits/a-1").notify(runtime.Notice{Kind: runtime.GaveUp, Message: "again and again"})
		launches := w.launcher.launches.Load()
		w.update("digits", version("1"))
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || w.launcher.launches.Load() != launches+1 {
			t.Errorf("%+v", e)
		}
	})
}

func TestAnUpdateMakesAChangedSecretCount(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		v := &vault{}
		v.value.Store(pointer("old"))
		w.options.Secrets = v
		spec := withSecret("digits", "{{secrets/sc/key}}")
		w.ready(spec)
		launches := w.launcher.launches.Load()
		w.update("digits", *spec.Config)
		synctest.Wait()
		if w.launcher.launches.Load() != launches {
			t.Error("it was loaded again with the same secret")
		}
		v.value.Store(pointer("new"))
		w.update("digits", *spec.Config)
		synctest.Wait()
		if got := w.launcher.runner("digits/a-1").spec.Environment["KEY"]; got != "new" || w.get("digits").Active.Version != 3 {
			t.Errorf("the process has %q", got)
		}
	})
}

// The entity that takes over begins with the permits that the traffic needs by now.
func TestAnUpdateDoesNotShrinkTheCapacity(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		spec := one("digits")
		spec.Config.Entities[0].WorkloadSize, spec.Config.Entities[0].Name = "Large", "m"
		w.ready(spec)
		w.launcher.invoke = func(ctx context.Context, _ runtime.Spec, _ runtime.Request) (runtime.Response, error) {
			time.Sleep(20 * time.Second)
			return runtime.Response{Status: 200}, ctx.Err()
		}
		var asking sync.WaitGroup
		for range 60 {
			asking.Go(func() {
				if _, err := w.ask("digits", ""); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(5 * time.Second)
		before := w.get("digits").Active.Entities[0].Live.Provisioned
		spec.Config.Entities[0].ModelVersion = "2"
		w.update("digits", *spec.Config)
		time.Sleep(25 * time.Second) // the example runs as long
		e := w.get("digits")
		if got := e.Active.Entities[0].Live.Provisioned; e.Active.Version != 2 || before < 32 || got < before/2 {
			t.Errorf("configuration %d with %d permits, before %d", e.Active.Version, got, before)
		}
		asking.Wait()
	})
}

func TestAnEndpointWithoutAConfigurationGetsItsFirst(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.create(Spec{Name: "empty"})
		if e := w.update("empty", version("1")); e.Ready != NotReady || e.Update != InProgress || e.Active != nil || e.Pending.Version != 1 {
			t.Errorf("%+v", e)
		}
		synctest.Wait()
		if e := w.get("empty"); e.Ready != Ready || e.Active.Version != 1 {
			t.Errorf("%+v", e)
		}
	})
}

// A kill before and after each write of an update: the old configuration or the new one,
// never a mixture, and what was accepted is carried out without a hand.
func TestAKillAtEachWriteOfAnUpdateLosesNothing(t *testing.T) {
	for _, works := range []bool{true, false} {
		var kept []*tabletest.Memory
		synctest.Test(t, func(t *testing.T) {
			w := open(t, tabletest.New(), &launcher{})
			w.ready(one("pair"))
			w.table.Before = func(map[string][]byte) error {
				kept = append(kept, &tabletest.Memory{Rows: maps.Clone(w.table.Rows)})
				return nil
			}
			if !works {
				w.launcher.load = func(context.Context, runtime.Spec) error { return &runtime.LoadError{Message: "no"} }
			}
			w.update("pair", *two("", 70, 30).Config)
			synctest.Wait()
			w.table.Before = nil
			kept = append(kept, w.table.Copy())
			w.end()
		})
		if len(kept) != 3 { // before the accept, before the switch or the failure, after all
			t.Fatalf("%d states of the table", len(kept))
		}
		for i, table := range kept {
			synctest.Test(t, func(t *testing.T) {
				l := &launcher{load: loadingFor(time.Second)}
				w := open(t, table.Copy(), l)
				defer w.end()
				stop := w.probe("pair") // requests wait for the reload, then never fail
				time.Sleep(10 * time.Second)
				stop()
				want := map[int]int{0: 1, 1: 2, 2: 2}[i]
				if !works && i == 2 {
					want = 1
				}
				e := w.get("pair")
				if e.Ready != Ready || e.Active.Version != want || (e.Update == UpdateFailed) != (!works && i == 2) || e.LastVersion != min(i, 1)+1 {
					t.Errorf("works %v, state %d: %+v", works, i, e)
				}
				if n := len(e.Active.Entities); n != want || len(e.Active.Routes) != want {
					t.Errorf("works %v, state %d: %d entities", works, i, n)
				}
			})
		}
	}
}

// Also where the old configuration does not come back, the accepted one is deployed.
func TestAPendingConfigurationIsDeployedWhereTheActiveOneIsBroken(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.load = loadingFor(time.Hour)
		w.update("digits", version("2"))
		synctest.Wait()
		w.Close(t.Context())
		w.launcher.load = func(_ context.Context, s runtime.Spec) error {
			if s.Entity == "digits/a-1" {
				return &runtime.LoadError{Message: "damaged"}
			}
			return nil
		}
		w.reopen()
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || e.Update != NotUpdating || e.Active.Version != 2 {
			t.Errorf("%+v", e)
		}
	})
}

// An update is accepted while the active configuration is still loaded again; requests
// are answered by it meanwhile.
func TestAnUpdateIsAcceptedDuringAReload(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.Close(t.Context())
		w.launcher.load = loadingFor(2 * time.Second)
		w.reopen()
		synctest.Wait()
		if e := w.update("digits", version("2")); e.Update != InProgress || e.Pending.Version != 2 || e.Active.Version != 1 {
			t.Errorf("%+v", e)
		}
		if a, err := w.ask("digits", ""); err != nil || a.ConfigVersion != 1 {
			t.Errorf("%+v %v", a, err)
		}
		time.Sleep(5 * time.Second)
		if e := w.get("digits"); e.Active.Version != 2 || e.Update != NotUpdating {
			t.Errorf("%+v", e)
		}
	})
}

// While it is stored a version of the new configuration is in use already; after a
// refusal it is not.
func TestAVersionIsInUseBeforeItsUpdateIsStored(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		var uses []string
		full := errors.New("no space left on device")
		w.table.Before = func(map[string][]byte) error { uses = w.Uses("main.default.a", 2); return full }
		if _, err := w.Update(t.Context(), "digits", version("2"), ""); !errors.Is(err, full) || !strings.Contains(err.Error(), "cannot store the endpoint 'digits'") {
			t.Errorf("%v", err)
		}
		w.table.Before = nil
		if !slices.Equal(uses, []string{"digits"}) || len(w.Uses("main.default.a", 2)) != 0 {
			t.Errorf("used by %v, then by %v", uses, w.Uses("main.default.a", 2))
		}
		if e := w.get("digits"); e.Update != NotUpdating || e.Pending != nil || e.LastVersion != 1 {
			t.Errorf("%+v", e)
		}
		w.update("digits", version("2"))
		synctest.Wait()
		if got := w.Uses("main.default.a", 0); !slices.Equal(got, []string{"digits"}) || len(w.Uses("main.default.a", 1)) != 0 {
			t.Errorf("used by %v", got)
		}
	})
}

func TestADeleteDuringAnUpdateLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.load = loadingFor(time.Second)
		w.update("digits", version("2"))
		synctest.Wait()
		if err := w.Delete(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if len(w.table.Copy().Rows) != 0 || w.launcher.open.Load() != 0 {
			t.Errorf("left %v, %d processes", w.table.Rows, w.launcher.open.Load())
		}
	})
}
