package endpoint

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"servery/engine/runtime"
	"servery/engine/tabletest"
	"servery/engine/telemetry"
)

func TestTrafficIsSplitByPercentage(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(two("pair", 90, 10))
		count := map[string]int{}
		for range 10_000 {
			a, err := w.ask("pair", "")
			if err != nil {
				t.Fatal(err)
			}
			count[a.Entity]++
		}
		if n := count["b-1"]; n < 900 || n > 1100 {
			t.Errorf("10 %% of 10,000 requests were %d", n)
		}
	})
}

func TestAShadowEntityAnswersOnlyWhenNamed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(two("pair", 100, 0))
		for range 1000 {
			if a, err := w.ask("pair", ""); err != nil || a.Entity != "a-1" {
				t.Fatalf("%q %v", a.Entity, err)
			}
		}
		if a, err := w.ask("pair", "b-1"); err != nil || a.Entity != "b-1" {
			t.Errorf("%q %v", a.Entity, err)
		}
		var missing *NotFoundError
		if _, err := w.ask("pair", "c-1"); !errors.As(err, &missing) || missing.Entity != "c-1" {
			t.Errorf("an entity that is not there: %v", err)
		}
		if _, err := w.ask("nobody", ""); !errors.As(err, &missing) || missing.Entity != "" {
			t.Errorf("an endpoint that is not there: %v", err)
		}
	})
}

// Whatever the percentages, each route gets its share within six standard deviations.
func TestEachRouteGetsItsShare(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c, left := &Config{}, 100
		var entities []*served
		for i := 0; left > 0; i++ {
			p := rapid.IntRange(0, left).Draw(r, "percent")
			if i == 9 {
				p = left
			}
			left -= p
			name := fmt.Sprint(i)
			entities = append(entities, &served{name: name})
			c.Routes = append(c.Routes, Route{name, p})
		}
		d := newDeployment(c, entities, rapid.Uint64().Draw(r, "seed"))
		const n = 20_000
		got := map[string]int{}
		for range n {
			got[d.pick().name]++
		}
		for _, route := range c.Routes {
			p := float64(route.Percent) / 100
			if off := float64(got[route.EntityName]) - n*p; off*off > 36*n*p*(1-p) {
				r.Fatalf("route of %d %% got %d of %d", route.Percent, got[route.EntityName], n)
			}
		}
	})
}

func TestFailuresOfTheRunnerReachTheCaller(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = func(context.Context, runtime.Spec, runtime.Request) (runtime.Response, error) {
			return runtime.Response{}, &runtime.DiedError{Cause: "SIGFPE"}
		}
		var died *runtime.DiedError
		for range 10 { // more often than there are permits: none is lost
			if _, err := w.ask("digits", ""); !errors.As(err, &died) {
				t.Errorf("answered %v", err)
			}
		}
	})
}

// Where no process can be started again the client is told which entity that is and why,
// with 400: a 500 would make it try again for ever.
func TestARequestIsToldWhyItsProcessCannotBeStarted(t *testing.T) {
	for _, cause := range []error{&runtime.MissingError{Message: "It is gone.", Hint: "Put it back."}, &runtime.LoadError{Message: "It is gone. Put it back."}} {
		bubble(t, func(t *testing.T, w *world) {
			w.ready(one("digits"))
			w.launcher.invoke = func(context.Context, runtime.Spec, runtime.Request) (runtime.Response, error) {
				return runtime.Response{}, cause
			}
			var refused *NotReadyError
			_, err := w.ask("digits", "")
			if !errors.As(err, &refused) || refused.Message != "Served entity 'a-1' could not start. It is gone. Put it back." {
				t.Errorf("answered %v", err)
			}
			for _, p := range w.telemetry.Series("digits", time.Minute, 60).Points {
				if p.Errors5 != 0 {
					t.Errorf("counted as a failure of the server: %+v", p)
				}
			}
		})
	}
}

func TestUsesNamesTheEndpointsOfAVersion(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(_ context.Context, s runtime.Spec) error {
			if s.Entity == "failed/a-1" {
				return &runtime.LoadError{Message: "no"}
			}
			return nil
		}
		w.create(one("failed"))
		w.create(two("pair", 50, 50))
		synctest.Wait()
		for _, c := range []struct {
			model   string
			version int
			want    string
		}{
			{"main.default.a", 1, "[failed pair]"}, {"MAIN.default.A", 1, "[failed pair]"}, {"main.default.a", 2, "[]"},
			{"main.default.b", 1, "[pair]"}, {"main.default.b", 0, "[pair]"}, {"main.default.c", 0, "[]"},
		} {
			if got := fmt.Sprint(w.Uses(c.model, c.version)); got != c.want {
				t.Errorf("%s %d is used by %s, want %s", c.model, c.version, got, c.want)
			}
		}
	})
}

func TestTheListIsSortedAndSharedUntilSomethingChanges(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for _, name := range []string{"b", "a", "C"} {
			w.ready(one(name))
		}
		list := w.List()
		if len(list) != 3 || list[0].Name != "C" || list[1].Name != "a" || list[2].Name != "b" {
			t.Fatalf("list %v", list)
		}
		if again := w.List(); &again[0] != &list[0] {
			t.Error("a list that has not changed is made anew")
		}
		w.launcher.invoke = slow(time.Minute)
		go w.ask("a", "")
		time.Sleep(freshness)
		if n := w.List()[1].Active.Entities[0].Live.InFlight; n != 1 {
			t.Errorf("%d in flight", n)
		}
		if list[1].Active.Entities[0].Live.InFlight != 0 {
			t.Error("a list that was given out changes")
		}
		if err := w.Delete(t.Context(), "a"); err != nil || len(w.List()) != 2 {
			t.Errorf("%v, %d left", err, len(w.List()))
		}
	})
}

func TestEveryChangeIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		sub := w.changes.Subscribe()
		defer sub.Close()
		want := telemetry.Change{Kind: telemetry.EndpointChanged, Name: "digits"}
		told := func(after string) {
			t.Helper()
			synctest.Wait()
			if got := sub.Take(); len(got) != 1 || got[0] != want {
				t.Errorf("after %s: %v", after, got)
			}
		}
		w.create(one("digits"))
		told("create")
		w.launcher.runner("digits/a-1").notify(runtime.Notice{Kind: runtime.Died})
		told("a death")
		if err := w.Delete(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		told("delete")
	})
}

func BenchmarkInvoke(b *testing.B) {
	w := open(b, tabletest.New(), &launcher{})
	defer w.end()
	w.create(one("digits"))
	for w.get("digits").Ready != Ready {
		time.Sleep(time.Millisecond)
	}
	request := runtime.Request{Body: []byte(`{}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Invoke(b.Context(), "digits", "", request); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListOfAThousand(b *testing.B) {
	w := open(b, tabletest.New(), &launcher{})
	defer w.end()
	for i := range 1000 {
		w.create(one(fmt.Sprintf("e%03d", i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		w.changeNo.Add(1)
		if len(w.List()) != 1000 {
			b.Fatal("not all")
		}
	}
}

// A request counts for the served entity that it came to, also where that refuses it.
func TestRequestsCountForTheirEntity(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(two("pair", 100, 0))
		for _, entity := range []string{"", "b-1", "b-1", "c-1"} {
			_, _ = w.ask("pair", entity)
		}
		for entity, want := range map[string]uint64{"a-1": 1, "b-1": 2, "c-1": 0} {
			if f := w.telemetry.EntityFigures("pair", entity, 1); f.Requests != want || f.Model.Count() != want {
				t.Errorf("%s: %d requests, want %d: %+v", entity, f.Requests, want, f)
			}
		}
		w.launcher.invoke = func(context.Context, runtime.Spec, runtime.Request) (runtime.Response, error) {
			return runtime.Response{}, &runtime.DiedError{}
		}
		_, _ = w.ask("pair", "b-1")
		if f := w.telemetry.EntityFigures("pair", "b-1", 1); f.Requests != 3 || f.Errors4 != 1 {
			t.Errorf("after a refusal %+v", f)
		}
	})
}

// The shares that are seen lie within the interval that holds 99.9 % of all samples
// (3.29 standard deviations), for these seeds and splits.
func TestTheSplitThatIsSeenIsTheOneThatWasAskedFor(t *testing.T) {
	for seed := range uint64(5) {
		for _, split := range [][]int{{50, 50}, {90, 10}, {99, 1}, {34, 33, 33}, {10, 10, 10, 10, 10, 10, 10, 10, 10, 10}} {
			c, entities := &Config{Version: 1}, []*served(nil)
			for i, percent := range split {
				entities = append(entities, &served{name: fmt.Sprint(i)})
				c.Routes = append(c.Routes, Route{fmt.Sprint(i), percent})
			}
			d := newDeployment(c, entities, (&owner{s: &Service{options: Options{Seed: seed + 1}}, name: "pair"}).seed(1))
			const n = 100_000
			got := map[string]int{}
			for range n {
				got[d.pick().name]++
			}
			for i, percent := range split {
				p := float64(percent) / 100
				if off := float64(got[fmt.Sprint(i)]) - n*p; off*off > 3.29*3.29*n*p*(1-p) {
					t.Errorf("seed %d: %d %% got %d of %d", seed, percent, got[fmt.Sprint(i)], n)
				}
			}
		}
	}
}

func TestASeedMakesTheSplitRepeatable(t *testing.T) {
	sequence := func(seed uint64, name string) (got string) {
		synctest.Test(t, func(t *testing.T) {
			w := open(t, tabletest.New(), &launcher{})
			w.Close(t.Context())
			w.seed = seed
			w.reopen()
			defer w.end()
			w.ready(two(name, 50, 50))
			for range 64 {
				a, err := w.ask(name, "")
				if err != nil {
					t.Fatal(err)
				}
				got += a.Entity[:1]
			}
		})
		return got
	}
	first := sequence(7, "pair")
	if again := sequence(7, "pair"); again != first {
		t.Errorf("with the same seed %s, then %s", first, again)
	}
	for what, other := range map[string]string{
		"another seed": sequence(8, "pair"), "another endpoint": sequence(7, "other"), "no seed": sequence(0, "pair"),
	} {
		if other == first {
			t.Errorf("with %s the same: %s", what, other)
		}
	}
	if one, another := sequence(0, "pair"), sequence(0, "pair"); one == another {
		t.Error("without a seed two runs are the same")
	}
}
