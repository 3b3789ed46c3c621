package endpoint

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/pool"
	"servery/engine/runtime"
	"servery/engine/tabletest"
)

// Everything at once: creates, deletes, retries, requests and lists on a few names, with
// models that sometimes fail to load, processes that die and, at the end of each round, a
// start over the same table. Whatever happens, each answer is one of the known ones,
// nothing is left running, and the next start finds exactly what is stored.
func TestAnythingAtOnceLeavesNothingBehind(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			l := &launcher{}
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(seed, 7))
			chance := func(n int) int { mu.Lock(); defer mu.Unlock(); return random.IntN(n) }
			nap := func(most time.Duration) { time.Sleep(time.Duration(chance(int(most)))) }
			l.load = func(ctx context.Context, _ runtime.Spec) error {
				select {
				case <-time.After(time.Duration(chance(int(2 * time.Second)))):
				case <-ctx.Done():
					return ctx.Err()
				}
				if chance(5) == 0 {
					return &runtime.LoadError{Message: "no luck"}
				}
				return nil
			}
			l.invoke = func(ctx context.Context, _ runtime.Spec, _ runtime.Request) (runtime.Response, error) {
				nap(300 * time.Millisecond)
				if chance(50) == 0 {
					return runtime.Response{}, &runtime.DiedError{Cause: "chance"}
				}
				return runtime.Response{Status: 200}, ctx.Err()
			}
			w := open(t, tabletest.New(), l)
			for range 3 {
				w.rage(t, chance, nap)
				if err := w.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if n := l.open.Load(); n != 0 {
					t.Fatalf("seed %d: %d processes are left after Close", seed, n)
				}
				stored := len(w.table.Rows)
				w.reopen()
				if n := len(w.List()); n != stored {
					t.Errorf("seed %d: %d endpoints stored, %d found", seed, stored, n)
				}
			}
			time.Sleep(time.Minute)
			for _, e := range w.List() {
				if e.Update == InProgress || e.Ready == NotReady && e.Update != UpdateFailed && e.Active.Entities[0].Deployment != DeploymentRecovering {
					t.Errorf("seed %d: %s got stuck: %+v", seed, e.Name, e)
				}
			}
			w.end()
		})
	}
}

// rage lets twelve clients do as they like for a while.
func (w *world) rage(t *testing.T, chance func(int) int, nap func(time.Duration)) {
	var clients sync.WaitGroup
	for range 12 {
		clients.Go(func() {
			for range 60 {
				name := fmt.Sprint("e", chance(4))
				var err error
				switch chance(12) {
				case 0:
					_, err = w.Create(t.Context(), sleepy(name), "")
				case 1:
					_, err = w.Create(t.Context(), two(name, 30, 70), "")
				case 2:
					err = w.Delete(t.Context(), name)
				case 3:
					err = w.Retry(t.Context(), name)
				case 4:
					w.List()
				case 5:
					if r := w.launcher.runner(name + "/a-1"); r != nil {
						r.notify(runtime.Notice{Kind: runtime.NoticeKind(chance(3))})
					}
				case 6:
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(chance(int(time.Second))))
					_, err = w.Invoke(ctx, name, "", runtime.Request{})
					cancel()
				default:
					_, err = w.ask(name, "")
				}
				if !known(err) {
					t.Errorf("%v (%T)", err, err)
				}
				nap(time.Second)
			}
		})
	}
	clients.Wait()
}

// known tells the errors that a caller can tell apart.
func known(err error) bool {
	var (
		invalid    *ValidationError
		missing    *NotFoundError
		exists     *ExistsError
		notReady   *NotReadyError
		overloaded *OverloadedError
		died       *runtime.DiedError
	)
	return err == nil || errors.As(err, &invalid) || errors.As(err, &missing) || errors.As(err, &exists) || errors.As(err, &notReady) ||
		errors.As(err, &overloaded) || errors.As(err, &died) || errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, pool.ErrClosed)
}
