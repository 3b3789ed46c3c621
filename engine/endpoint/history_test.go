package endpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/runtime"
	"servery/engine/tabletest"
)

// standing is an endpoint's history in words, newest first: "3 ACTIVE UPDATED, 2 FAILED UPDATED".
func (w *world) standing(name string) string {
	w.t.Helper()
	all, err := w.Versions(name)
	if err != nil {
		w.t.Fatal(err)
	}
	var words []string
	for _, v := range all {
		words = append(words, fmt.Sprintf("%d %s %s", v.Config.Version, v.State, v.Config.Origin))
	}
	return strings.Join(words, ", ")
}

func broken(context.Context, runtime.Spec) error {
	return &runtime.LoadError{Message: "The operator Foo is not known."}
}

func TestEveryAcceptedConfigurationIsKeptWithHowItEnded(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		began := time.Now()
		w.ready(one("digits"))
		time.Sleep(time.Minute)
		w.launcher.load = broken
		w.update("digits", version("2"))
		synctest.Wait()
		if got := w.standing("digits"); got != "2 FAILED UPDATED, 1 ACTIVE CREATED" {
			t.Errorf("after a failure: %s", got)
		}
		time.Sleep(time.Minute)
		w.launcher.load = loadingFor(time.Second)
		w.update("digits", version("2"))
		synctest.Wait()
		if got := w.standing("digits"); got != "3 IN_PROGRESS UPDATED, 2 FAILED UPDATED, 1 ACTIVE CREATED" {
			t.Errorf("during an update: %s", got)
		}
		if _, err := w.Cancel(t.Context(), "digits", "ann"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		w.update("digits", *two("", 70, 30).Config)
		time.Sleep(time.Minute)
		if _, err := w.Stop(t.Context(), "digits", "ann"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := w.standing("digits"); !strings.HasPrefix(got, "4 STOPPED UPDATED, 3 CANCELED") {
			t.Errorf("stopped: %s", got)
		}
		time.Sleep(time.Minute)
		if _, err := w.Start(t.Context(), "digits", "eve"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		const want = "5 ACTIVE STARTED, 4 STOPPED UPDATED, 3 CANCELED UPDATED, 2 FAILED UPDATED, 1 REPLACED CREATED"
		if got := w.standing("digits"); got != want {
			t.Errorf("in the end %s, want %s", got, want)
		}
		before, err := w.Versions("digits")
		if err != nil {
			t.Fatal(err)
		}
		v1, v2, v4, v5 := before[4], before[3], before[1], before[0]
		if !v1.Config.AcceptedAt.Equal(began) || !v1.Config.ActiveFrom.Equal(began) || v1.Config.EndedAt.Sub(began) != 3*time.Minute+time.Second || v1.Config.Creator != "ann@example.com" {
			t.Errorf("the first: %+v", v1.Config)
		}
		if v2.Reason != "a-2: The operator Foo is not known." || !v2.Config.ActiveFrom.IsZero() || v2.Config.EndedAt.Sub(began) != time.Minute || v2.Config.Creator != "bob@example.com" {
			t.Errorf("the one that failed: %q %+v", v2.Reason, v2.Config)
		}
		if v4.Config.EndedAt.Sub(began) != 4*time.Minute || v4.Config.ActiveFrom.IsZero() || len(v4.Config.Entities) != 2 {
			t.Errorf("the one that was stopped: %+v", v4.Config)
		}
		if v5.Config.Creator != "eve" || !v5.Config.EndedAt.IsZero() {
			t.Errorf("the active one: %+v", v5.Config)
		}

		// A start of Servery finds the same.
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.reopen()
		time.Sleep(time.Minute)
		if got := w.standing("digits"); got != want {
			t.Errorf("after a start: %s, want %s", got, want)
		}
		for _, was := range before {
			now, err := w.Version("digits", was.Config.Version)
			if err != nil || now.Reason != was.Reason || !now.Config.EndedAt.Equal(was.Config.EndedAt.Truncate(time.Millisecond)) || !Compare(&was.Config, &now.Config).Same() {
				t.Errorf("version %d was %+v and is %+v, %v", was.Config.Version, was, now, err)
			}
		}
		var missing *NotFoundError
		if _, err := w.Version("digits", 6); !errors.As(err, &missing) || missing.Version != 6 {
			t.Errorf("a version that never was: %v", err)
		}
		if _, err := w.Versions("none"); !errors.As(err, &missing) {
			t.Errorf("of no endpoint: %v", err)
		}
	})
}

// A retry that succeeds leaves one version, not two.
func TestARetriedConfigurationIsOneVersion(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = broken
		w.create(one("digits"))
		synctest.Wait()
		w.launcher.load = nil
		if err := w.Retry(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := w.standing("digits"); got != "1 ACTIVE CREATED" {
			t.Error(got)
		}
		if c := w.get("digits").Active; !c.EndedAt.IsZero() || c.ActiveFrom.IsZero() {
			t.Errorf("%+v", c)
		}
	})
}

// What serves for long outlives the many that fail meanwhile; the number is bounded.
func TestTheVersionsThatEndedLastAreKept(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.load = broken
		for range VersionsKept + 20 {
			time.Sleep(time.Minute)
			w.update("digits", version("2"))
			synctest.Wait()
		}
		w.launcher.load = nil
		time.Sleep(time.Minute)
		w.update("digits", version("2"))
		synctest.Wait()
		all, err := w.Versions("digits")
		if err != nil || len(all) != VersionsKept+1 || len(w.history.Rows) != VersionsKept {
			t.Fatalf("%d versions, %d stored: %v", len(all), len(w.history.Rows), err)
		}
		last := all[len(all)-1]
		if last.Config.Version != 1 || last.State != VersionReplaced || all[len(all)-2].Config.Version != 23 {
			t.Errorf("the oldest are %d %s and %d", last.Config.Version, last.State, all[len(all)-2].Config.Version)
		}
		if e, err := w.Restore(t.Context(), "digits", 1, "ann"); err != nil || e.Pending.Entities[0].Name != "a-1" {
			t.Errorf("the first comes back: %+v, %v", e.Pending, err)
		}
	})
}

func TestARestoredConfigurationIsANewVersionWithItsContent(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		spec := two("pair", 70, 30)
		spec.Config.Entities[0].EnvironmentVars = map[string]string{"A": "1"}
		spec.Config.Entities[1].MinConcurrency, spec.Config.Entities[1].MaxConcurrency = pointer(8), pointer(32)
		w.ready(spec)
		first := w.get("pair").Active
		w.update("pair", version("2"))
		synctest.Wait()
		stop := w.probe("pair")
		time.Sleep(time.Second)
		e, err := w.Restore(t.Context(), "pair", 1, "eve")
		if err != nil || e.Pending.Version != 3 || e.Pending.Origin != Restored || e.Pending.RestoredFrom != 1 || e.Pending.Creator != "eve" {
			t.Fatalf("%+v, %v", e.Pending, err)
		}
		time.Sleep(time.Second)
		stop()
		now := w.get("pair").Active
		if d := Compare(first, now); now.Version != 3 || !d.Same() {
			t.Errorf("version %d differs: %+v", now.Version, d)
		}
		var missing *NotFoundError
		if _, err := w.Restore(t.Context(), "pair", 9, "eve"); !errors.As(err, &missing) || missing.Version != 9 {
			t.Errorf("a version that never was: %v", err)
		}
		w.models.missing.Store(true)
		var invalid *ValidationError
		if _, err := w.Restore(t.Context(), "pair", 2, "eve"); !errors.As(err, &invalid) {
			t.Errorf("whose model is gone: %v", err)
		}
		w.models.missing.Store(false)
		w.launcher.load = loadingFor(time.Second)
		w.update("pair", version("2"))
		var conflict *ConflictError
		if _, err := w.Restore(t.Context(), "pair", 1, "eve"); !errors.As(err, &conflict) {
			t.Errorf("during an update: %v", err)
		}
		time.Sleep(time.Minute)
	})
}

// A kill before each write, of either table, loses no version and doubles none.
func TestAKillAtEachWriteKeepsEveryVersion(t *testing.T) {
	type state struct{ table, history *tabletest.Memory }
	var kept []state
	synctest.Test(t, func(t *testing.T) {
		w := open(t, tabletest.New(), &launcher{})
		w.ready(one("digits"))
		w.table.Before = func(map[string][]byte) error {
			kept = append(kept, state{&tabletest.Memory{Rows: maps.Clone(w.table.Rows)}, w.history.Copy()})
			return nil
		}
		w.history.Before = func(map[string][]byte) error {
			kept = append(kept, state{w.table.Copy(), &tabletest.Memory{Rows: maps.Clone(w.history.Rows)}})
			return nil
		}
		w.launcher.load = broken
		w.update("digits", version("2"))
		synctest.Wait()
		w.launcher.load = nil
		w.update("digits", *two("", 70, 30).Config)
		synctest.Wait()
		w.table.Before, w.history.Before = nil, nil
		kept = append(kept, state{w.table.Copy(), w.history.Copy()})
		w.end()
	})
	if len(kept) != 7 { // accept, fail, history + accept, history + switch, after all
		t.Fatalf("%d states", len(kept))
	}
	for i, s := range kept {
		synctest.Test(t, func(t *testing.T) {
			w := open(t, tabletest.New(), &launcher{load: func(_ context.Context, s runtime.Spec) error {
				if s.Entity == "digits/a-2" {
					return broken(t.Context(), s)
				}
				return nil
			}})
			w.end()
			w.table, w.history = s.table.Copy(), s.history.Copy()
			w.reopen()
			defer w.end()
			synctest.Wait()
			want := "2 FAILED UPDATED, 1 ACTIVE CREATED"
			switch {
			case i == 0:
				want = "1 ACTIVE CREATED"
			case i >= 4:
				want = "3 ACTIVE UPDATED, 2 FAILED UPDATED, 1 REPLACED CREATED"
			}
			if got := w.standing("digits"); got != want {
				t.Errorf("state %d: %s, want %s", i, got, want)
			}
			w.update("digits", *two("", 10, 90).Config)
			synctest.Wait()
			if got := w.standing("digits"); !strings.Contains(got, "ACTIVE UPDATED, ") || !strings.HasSuffix(got, "1 REPLACED CREATED") {
				t.Errorf("state %d: after an update %s", i, got)
			}
		})
	}
}

func TestADeletedEndpointLeavesNoVersions(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.ready(one("other"))
		for _, name := range []string{"digits", "other"} {
			w.update(name, version("2"))
		}
		synctest.Wait()
		orphans := w.history.Copy()
		if err := w.Delete(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		if n := len(w.history.Rows); n != 1 {
			t.Errorf("%d versions are left", n)
		}
		w.ready(one("digits"))
		if got := w.standing("digits"); got != "1 ACTIVE CREATED" {
			t.Errorf("another of the same name has %s", got)
		}

		// As a crash in the middle of the delete leaves it.
		w.Close(t.Context())
		w.history = orphans
		w.reopen()
		synctest.Wait()
		if n := len(w.history.Rows); n != 1 {
			t.Errorf("%d versions after a start", n)
		}
		if got := w.standing("other"); got != "2 ACTIVE UPDATED, 1 REPLACED CREATED" {
			t.Errorf("the other has %s", got)
		}

		// Where a record cannot be read its versions are not known to be orphans.
		w.Close(t.Context())
		w.table.Rows["other"] = []byte(`{}`)
		w.reopen()
		synctest.Wait()
		if n := len(w.history.Rows); n != 1 {
			t.Errorf("%d versions beside an unreadable record", n)
		}
	})
}

func TestADamagedVersionIsShownAndNotRestored(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.update("digits", version("2"))
		synctest.Wait()
		key := versionKey(w.get("digits").ID, 1)
		for what, b := range map[string]string{
			"no JSON":         `{`,
			"no form":         `{"version":1}`,
			"a newer form":    `{"schema":2,"version":1}`,
			"another version": `{"schema":1,"version":3}`,
			"no entities":     `{"schema":1,"version":1,"state":"REPLACED"}`,
		} {
			w.history.Rows[key] = []byte(b)
			v, err := w.Version("digits", 1)
			if err != nil || v.State != VersionUnreadable || v.Config.Version != 1 || !strings.Contains(v.Reason, "cannot be read") {
				t.Errorf("%s: %+v, %v", what, v, err)
			}
			var state *StateError
			if _, err := w.Restore(t.Context(), "digits", 1, "ann"); !errors.As(err, &state) {
				t.Errorf("%s: restored, %v", what, err)
			}
		}
		w.update("digits", version("1"))
		synctest.Wait()
		if got := w.standing("digits"); !strings.HasPrefix(got, "3 ACTIVE UPDATED, 2 REPLACED UPDATED, 1 UNREADABLE") {
			t.Error(got)
		}
	})
}

// A history that cannot be written changes nothing, as a record that cannot be.
func TestAFullDiskOfTheHistoryFailsTheCommand(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.load = broken
		w.update("digits", version("2"))
		synctest.Wait()
		w.history.Before = func(map[string][]byte) error { return errors.New("no space left on device") }
		if _, err := w.Update(t.Context(), "digits", version("1"), "ann"); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%v", err)
		}
		w.history.Before = nil
		if got := w.standing("digits"); got != "2 FAILED UPDATED, 1 ACTIVE CREATED" {
			t.Error(got)
		}
	})
}

func TestAVersionsRecordKeepsAllThatWasAskedFor(t *testing.T) {
	e := fullEndpoint()
	c := e.Pending
	c.Creator, c.Origin, c.RestoredFrom = "ann", Restored, 4
	c.AcceptedAt, c.ActiveFrom, c.EndedAt = c.StartedAt, c.StartedAt.Add(time.Second), c.StartedAt.Add(time.Minute)
	b, err := encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := decode(e.Name, b); err != nil || !reflect.DeepEqual(again.Pending, c) {
		t.Errorf("read back %+v, %v", again.Pending, err)
	}
}

// A record of before versions were kept has none but its own, and gets them from then on.
func TestARecordOfBeforeGetsAHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := tabletest.New()
		table.Rows["x"] = []byte(firstForm)
		w := open(t, table, &launcher{})
		defer w.end()
		synctest.Wait()
		if got := w.standing("x"); got != "1 ACTIVE " {
			t.Errorf("%q", got)
		}
		w.update("x", version("2"))
		synctest.Wait()
		if got := w.standing("x"); got != "2 ACTIVE UPDATED, 1 REPLACED " {
			t.Errorf("%q", got)
		}
	})
}

// No bytes make decodeVersion panic.
func FuzzVersionRecord(f *testing.F) {
	for _, s := range []string{`{"schema":1,"version":1,"state":"FAILED","entities":[{"name":"a","version":1,"max":4}],"routes":[{"entity":"a","percent":100}]}`, `{}`, ``} {
		f.Add("0a/0000000001", []byte(s))
	}
	f.Fuzz(func(t *testing.T, key string, b []byte) {
		v := decodeVersion(key, b)
		if v.State != VersionUnreadable && len(v.Config.Entities) == 0 {
			t.Errorf("%q %q gives %+v", key, b, v)
		}
	})
}
