package endpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

// A start over what the table held before and after each of its writes ends with the same
// endpoint, ready: whenever Servery was killed, nothing is lost and no hand is needed.
func TestAKillAtEachWriteLosesNothing(t *testing.T) {
	var kept []*tabletest.Memory // the table as each kill would have left it
	synctest.Test(t, func(t *testing.T) {
		table := tabletest.New()
		w := open(t, table, &launcher{})
		table.Before = func(map[string][]byte) error {
			// Apply holds the table's lock: rows can be read.
			kept = append(kept, &tabletest.Memory{Rows: maps.Clone(table.Rows)})
			return nil
		}
		w.create(two("pair", 70, 30))
		synctest.Wait()
		table.Before = nil
		kept = append(kept, table.Copy())
		w.end()
	})
	if len(kept) != 3 { // before the create, before the switch, after all
		t.Fatalf("%d states of the table", len(kept))
	}
	for i, table := range kept {
		synctest.Test(t, func(t *testing.T) {
			w := open(t, table.Copy(), &launcher{})
			synctest.Wait()
			defer w.end()
			if i == 0 {
				if len(w.List()) != 0 {
					t.Errorf("state 0: an endpoint that was never acknowledged")
				}
				return
			}
			e := w.get("pair")
			if e.Ready != Ready || e.Update != NotUpdating || e.Pending != nil || e.Active.Version != 1 || !slices.Equal(e.Active.Routes, []Route{{"a-1", 70}, {"b-1", 30}}) {
				t.Errorf("state %d: %+v", i, e)
			}
			if _, err := w.ask("pair", ""); err != nil {
				t.Errorf("state %d: %v", i, err)
			}
		})
	}
}

// A start ends the deployment that the last one began, also one that was running.
func TestACloseDuringALoadIsContinuedByTheNextStart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(ctx context.Context, _ runtime.Spec) error { <-ctx.Done(); return ctx.Err() }
		before := w.create(one("digits"))
		synctest.Wait()
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.launcher.load = nil
		w.reopen()
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || e.ID != before.ID || e.Creator != "ann@example.com" || e.CreatedAt.UnixMilli() != before.CreatedAt.UnixMilli() {
			t.Errorf("%+v", e)
		}
	})
}

func TestAFailedUpdateStaysFailedOverAStart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(context.Context, runtime.Spec) error { return &runtime.LoadError{Message: "no"} }
		w.create(one("digits"))
		synctest.Wait()
		w.Close(t.Context())
		launches := w.launcher.launches.Load()
		w.launcher.load = nil
		w.reopen()
		synctest.Wait()
		e := w.get("digits")
		if e.Update != UpdateFailed || e.Pending.Entities[0].Deployment != DeploymentFailed || e.Pending.Entities[0].Message != "no" || w.launcher.launches.Load() != launches {
			t.Errorf("%+v", e)
		}
		if err := w.Retry(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready {
			t.Errorf("after the retry %+v", e)
		}
	})
}

// Requests that come while an endpoint is loaded again wait for it; they are not told
// that it is not there.
func TestRequestsWaitForAReload(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.Close(t.Context())
		w.launcher.load = func(context.Context, runtime.Spec) error { time.Sleep(5 * time.Second); return nil }
		w.reopen()
		synctest.Wait()
		if e := w.get("digits"); e.Ready != NotReady || e.Update != NotUpdating || e.Active == nil || e.Active.Entities[0].Deployment != DeploymentRecovering {
			t.Errorf("while it loads: %+v", e)
		}
		began := time.Now()
		if _, err := w.ask("digits", ""); err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if got := w.events("digits"); got[len(got)-1] != telemetry.Started {
			t.Errorf("events %v", got)
		}
	})
}

func TestRequestsWaitForAReloadOnlySoLong(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.Close(t.Context())
		w.launcher.load = func(ctx context.Context, _ runtime.Spec) error { <-ctx.Done(); return ctx.Err() }
		w.reopen()
		began := time.Now()
		var notReady *NotReadyError
		if _, err := w.ask("digits", ""); !errors.As(err, &notReady) || !strings.Contains(notReady.Message, messageReloading) || time.Since(began) != reloadWait {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Invoke(ctx, "digits", "", runtime.Request{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a client that gives up: %v", err)
		}
	})
}

// Of a thousand endpoints that load again, the one that a request waits for goes first.
func TestAReloadThatIsWaitedForGoesFirst(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for i := range 100 {
			w.ready(one(fmt.Sprintf("e%03d", i)))
		}
		w.Close(t.Context())
		w.launcher.load = func(context.Context, runtime.Spec) error { time.Sleep(time.Second); return nil }
		w.reopen()
		synctest.Wait()
		began := time.Now()
		for _, name := range []string{"e099", "e098", "e097"} {
			if _, err := w.ask(name, ""); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("the last three of a hundred answered after %v", took)
		}
	})
}

func TestAReloadThatFailsIsToldAndCanBeTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.Close(t.Context())
		w.launcher.load = func(context.Context, runtime.Spec) error {
			return &runtime.MissingError{Message: "ONNX Runtime is missing.", Hint: "Run make ort."}
		}
		w.reopen()
		var notReady *NotReadyError
		if _, err := w.ask("digits", ""); !errors.As(err, &notReady) || !strings.Contains(notReady.Message, "Run make ort.") {
			t.Errorf("a request is answered %v", err)
		}
		if e := w.get("digits"); e.Ready != NotReady || e.Update != UpdateFailed || e.Active == nil || e.Pending != nil {
			t.Errorf("%+v", e)
		}
		w.launcher.load = nil
		if err := w.Retry(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ask("digits", ""); err != nil {
			t.Errorf("after the retry: %v", err)
		}
		synctest.Wait()
		if e := w.get("digits"); e.Ready != Ready || e.Update != NotUpdating {
			t.Errorf("after the retry: %+v", e)
		}
	})
}

// An entity that scales to zero does not load at a start: its first request wakes it.
func TestASleepingEntityIsReadyAtOnceAfterAStart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(sleepy("digits"))
		w.Close(t.Context())
		launches := w.launcher.launches.Load()
		w.reopen()
		synctest.Wait()
		e := w.get("digits")
		if e.Ready != Ready || e.Active.Entities[0].Message != "Scaled to zero" || w.launcher.launches.Load() != launches {
			t.Errorf("%+v", e)
		}
		if _, err := w.ask("digits", ""); err != nil {
			t.Error(err)
		}
	})
}

func TestAnUnreadableRecordIsShownAndKept(t *testing.T) {
	for name, bytes := range map[string]string{
		"no JSON": "\x00\xff", "a newer form": `{"schema":2,"id":"x"}`, "no id": `{"schema":1}`, "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := tabletest.New()
				table.Rows["broken"] = []byte(bytes)
				w := open(t, table, &launcher{})
				w.ready(one("digits"))
				e := w.get("broken")
				if e.Update != UpdateFailed || e.Ready != NotReady || !strings.Contains(e.Pending.Entities[0].Message, "cannot be read") {
					t.Errorf("%+v", e)
				}
				var notReady *NotReadyError
				if _, err := w.ask("broken", ""); !errors.As(err, &notReady) {
					t.Errorf("a request is answered %v", err)
				}
				if err := w.Retry(t.Context(), "broken"); err == nil {
					t.Error("a retry of it is accepted")
				}
				if string(table.Rows["broken"]) != bytes {
					t.Error("its bytes were changed")
				}
				if err := w.Delete(t.Context(), "broken"); err != nil || len(table.Rows) != 1 {
					t.Errorf("it cannot be deleted: %v", err)
				}
				w.end()
			})
		})
	}
}

func TestCloseLetsRequestsFinishAndTakesNoMore(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.invoke = func(ctx context.Context, _ runtime.Spec, _ runtime.Request) (runtime.Response, error) {
			time.Sleep(2 * time.Second)
			return runtime.Response{Status: 200}, ctx.Err()
		}
		var good atomic.Int32
		for range 6 {
			go func() {
				if _, err := w.ask("digits", ""); err != nil {
					t.Errorf("a request in flight: %v", err)
				}
				good.Add(1)
			}()
		}
		synctest.Wait()
		closed := make(chan struct{})
		go func() { defer close(closed); w.Close(t.Context()) }()
		synctest.Wait()
		var notReady *NotReadyError
		if _, err := w.ask("digits", ""); !errors.As(err, &notReady) || !strings.Contains(notReady.Message, "closing") {
			t.Errorf("a request during Close: %v", err)
		}
		if _, err := w.Create(t.Context(), one("other"), ""); !errors.Is(err, errClosed) {
			t.Errorf("a create during Close: %v", err)
		}
		<-closed
		synctest.Wait()
		if good.Load() != 6 {
			t.Errorf("%d of 6 requests in flight were answered", good.Load())
		}
	})
}

func TestCloseEndsWhenItsPatienceDoes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		release := make(chan struct{})
		w.launcher.invoke = func(context.Context, runtime.Spec, runtime.Request) (runtime.Response, error) {
			<-release
			return runtime.Response{}, runtime.ErrClosed
		}
		w.launcher.close = func(runtime.Spec) { close(release) }
		for range 6 { // two of them wait in the queue
			go func() {
				var notReady *NotReadyError
				if _, err := w.ask("digits", ""); !errors.As(err, &notReady) || !strings.Contains(notReady.Message, "closing") {
					t.Errorf("a request that was not waited for is answered %v", err)
				}
			}()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		w.Close(ctx)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("Close took %v", took)
		}
		synctest.Wait() // a request that is left would hold the bubble open
	})
}
