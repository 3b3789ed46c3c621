package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// ledger is what a program that may die at any moment has acknowledged.
type ledger struct {
	configs   []int // those that may be active once all is at rest
	last      int   // the highest that was asked for
	endpoints names
	versions  names // of main.default.digits, by number

	mu                                           sync.Mutex
	updates, creates, imports, deletes, canceled int
}

func newLedger() *ledger { return &ledger{endpoints: names{}, versions: names{}} }

// config says that one configuration alone can be active.
func (l *ledger) config(k int) { l.configs, l.last = []int{k}, max(l.last, k) }

func (l *ledger) count(n *int) {
	l.mu.Lock()
	*n++
	l.mu.Unlock()
}

func (l *ledger) words() string {
	return fmt.Sprintf("%d updates, %d of them canceled, %d creates, %d imports and %d deletes were acknowledged", l.updates, l.canceled, l.creates, l.imports, l.deletes)
}

// names are what was made: true is there, false is there or not, as nobody was told.
type names map[string]bool

// compare holds what is there against what must be, and then knows of all of it.
func (n names) compare(t *testing.T, what string, there map[string]bool) {
	t.Helper()
	for name, sure := range n {
		if sure && !there[name] {
			t.Errorf("the %s %s was acknowledged, and is gone", what, name)
		}
		delete(n, name)
	}
	for name := range there {
		if name != "steady" {
			n[name] = true
		}
	}
}

// work changes everything at once until the program dies or stop is closed. ended is
// closed once nothing is under way.
func (w *world) work(stop <-chan struct{}, round int) (ended <-chan struct{}) {
	done := make(chan struct{})
	over := func() bool {
		select {
		case <-stop:
			return true
		case <-w.p.ended:
			return true
		default:
			return false
		}
	}
	var work sync.WaitGroup
	for i, loop := range []func(random *rand.Rand, round, i int) bool{w.update, w.createAndDelete, w.importAndDelete} {
		random := rand.New(rand.NewPCG(uint64(round), uint64(i)))
		work.Go(func() {
			for i := 0; !over(); i++ {
				if !loop(random, round, i) {
					return
				}
			}
		})
	}
	go func() { work.Wait(); close(done) }()
	return done
}

// acknowledged tells that a call was answered with 200. What was answered otherwise has
// changed nothing; what was not answered may have.
func (w *world) acknowledged(method, path string, in any) (ok, refused bool) {
	status, err := w.p.call(method, path, in, nil)
	return err == nil && status == 200, err == nil && status != 200
}

// update gives the steady endpoint another configuration: most come up, some cannot, and
// some are canceled.
func (w *world) update(random *rand.Rand, _, _ int) bool {
	l := w.ledger
	now, next := l.configs[0], l.last+1
	l.last = next
	kind := random.IntN(6) // 0 fails, 1 is canceled
	l.configs = []int{now, next}
	if kind == 0 {
		l.configs = []int{now}
	}
	ok, _ := w.acknowledged("PUT", "/api/2.0/serving-endpoints/steady/config", steadyConfig(next, kind == 0))
	if !ok {
		return false
	}
	l.count(&l.updates)
	switch kind {
	case 0:
	case 1:
		if random.IntN(2) == 0 {
			<-time.After(time.Duration(random.IntN(60)) * time.Millisecond)
		}
		canceled, late := w.acknowledged("POST", "/api/2.0/serving-endpoints/steady/config:cancel", nil)
		switch {
		case canceled:
			l.configs = []int{now}
			l.count(&l.canceled)
		case late:
			l.configs = []int{next}
		}
	default:
		l.configs = []int{next}
	}
	for {
		k, resting, err := w.look()
		if err != nil {
			return false
		}
		if !slices.Contains([]int{now, next}, k) {
			w.t.Errorf("configuration %d is active while %d is replaced by %d", k, now, next)
		}
		if resting && slices.Contains(l.configs, k) {
			l.config(k)
			l.last = next
			return true
		}
		if resting {
			w.t.Errorf("configuration %d is active and at rest, it should be one of %v", k, l.configs)
			return false
		}
		<-time.After(3 * time.Millisecond)
	}
}

// createAndDelete makes endpoints and deletes them, some before they are ready.
func (w *world) createAndDelete(random *rand.Rand, round, i int) bool {
	l := w.ledger
	if len(l.endpoints) < 3 {
		name := fmt.Sprintf("e%d-%d", round, i)
		body := createBody(name, "main.default.base")
		for _, e := range body["config"].(map[string]any)["served_entities"].([]any) {
			e.(map[string]any)["scale_to_zero_enabled"] = true
		}
		l.endpoints[name] = false
		ok, refused := w.acknowledged("POST", "/api/2.0/serving-endpoints", body)
		switch {
		case ok:
			l.endpoints[name] = true
			l.count(&l.creates)
		case refused:
			delete(l.endpoints, name)
		}
		return ok
	}
	return w.delete(random, l.endpoints, "/api/2.0/serving-endpoints/")
}

// importAndDelete makes versions of a model and deletes them.
func (w *world) importAndDelete(random *rand.Rand, _, _ int) bool {
	l := w.ledger
	if len(l.versions) < 4 {
		n, err := w.p.tryUpload(w.model, "main.default.digits")
		if err != nil {
			return false
		}
		l.versions[strconv.Itoa(n)] = true
		l.count(&l.imports)
		return true
	}
	return w.delete(random, l.versions, "/api/2.1/unity-catalog/models/main.default.digits/versions/")
}

// delete deletes one of what is there.
func (w *world) delete(random *rand.Rand, all names, path string) bool {
	var sure []string
	for name, is := range all {
		if is {
			sure = append(sure, name)
		}
	}
	slices.Sort(sure)
	if len(sure) == 0 {
		return false
	}
	name := sure[random.IntN(len(sure))]
	all[name] = false
	ok, refused := w.acknowledged("DELETE", path+name, nil)
	switch {
	case ok:
		delete(all, name)
		w.ledger.count(&w.ledger.deletes)
	case refused:
		all[name] = true
	}
	return ok
}
