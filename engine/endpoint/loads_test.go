package endpoint

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestUrgentLoadsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoads(1)
		if err := l.acquire(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		var order []int
		hurry := make(chan struct{})
		for i := range 4 {
			go func() {
				h := (<-chan struct{})(nil)
				if i == 3 {
					h = hurry
				}
				if err := l.acquire(t.Context(), h); err != nil {
					t.Error(err)
				}
				order = append(order, i)
				l.release()
			}()
			synctest.Wait()
		}
		close(hurry)
		synctest.Wait()
		l.release()
		synctest.Wait()
		if !slices.Equal(order, []int{3, 0, 1, 2}) {
			t.Errorf("order %v", order)
		}
	})
}

// Under any mixture of takers that give up and hurry, no more load at once than may, and
// no slot is lost.
func TestNoSlotIsLost(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		slots := rapid.IntRange(1, 3).Draw(r, "slots")
		l := newLoads(slots)
		var mu sync.Mutex
		var all sync.WaitGroup
		running, most := 0, 0
		for i := range rapid.IntRange(1, 24).Draw(r, "takers") {
			all.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if i%3 == 0 {
					go cancel()
				}
				h := (<-chan struct{})(nil)
				if i%2 == 0 {
					h = hurried
				}
				if err := l.acquire(ctx, h); err != nil {
					if !errors.Is(err, context.Canceled) {
						panic(err)
					}
					return
				}
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				mu.Lock()
				running--
				mu.Unlock()
				l.release()
			})
		}
		all.Wait()
		if most > slots || l.free != slots || len(l.usual)+len(l.urgent) != 0 {
			r.Fatalf("%d at once on %d slots; %d free in the end, %d wait", most, slots, l.free, len(l.usual)+len(l.urgent))
		}
	})
}

func TestAnEndedContextTakesNoSlot(t *testing.T) {
	l := newLoads(0) // at least one
	ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	if err := l.acquire(ctx, nil); !errors.Is(err, context.DeadlineExceeded) || l.free != 1 {
		t.Errorf("%v, %d free", err, l.free)
	}
}
