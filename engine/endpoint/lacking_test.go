package endpoint

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/runtime"
	"servery/engine/tabletest"
	"servery/engine/telemetry"
)

// library is a runtime's library that is put in place and taken away: a world's launcher
// fails without it.
type library struct {
	mu    sync.Mutex
	is    string // "" for none
	bad   bool   // whatever is there cannot be loaded
	looks atomic.Int32
}

var errMissing = &runtime.MissingError{Message: "ONNX Runtime is missing.", Hint: "Run make ort."}

func (l *library) put(name string, bad bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.is, l.bad = name, bad
}

func (l *library) find() (string, error) {
	l.looks.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.is == "" {
		return "", errMissing
	}
	return l.is, nil
}

func (l *library) load(context.Context, runtime.Spec) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.is == "" || l.bad {
		return errMissing
	}
	return nil
}

// without runs a test of a service that has no library yet.
func without(t *testing.T, fn func(t *testing.T, w *world, l *library)) {
	bubble(t, func(t *testing.T, w *world) {
		l := &library{}
		w.Close(t.Context())
		w.launcher.load, w.runtime = l.load, l.find
		w.reopen()
		fn(t, w, l)
	})
}

// fails waits until an endpoint has failed with the library's hint.
func (w *world) fails(name string) {
	w.t.Helper()
	synctest.Wait()
	var notReady *NotReadyError
	if _, err := w.ask(name, ""); !errors.As(err, &notReady) || !strings.Contains(notReady.Message, "Run make ort.") {
		w.t.Errorf("a request to %s is answered %v", name, err)
	}
	if e := w.get(name); e.Ready != NotReady || e.Update != UpdateFailed {
		w.t.Errorf("%s is %s, %s", name, e.Ready, e.Update)
	}
}

// isReady waits for a time, and then for an endpoint that serves.
func (w *world) isReady(name string, after time.Duration) {
	w.t.Helper()
	time.Sleep(after)
	synctest.Wait()
	if e := w.get(name); e.Ready != Ready || e.Update != NotUpdating || e.Pending != nil {
		w.t.Errorf("%s after %v: %s, %s, %+v", name, after, e.Ready, e.Update, e.Pending)
	}
}

func TestAnEndpointCreatedWithoutTheLibraryComesUpByItself(t *testing.T) {
	without(t, func(t *testing.T, w *world, l *library) {
		w.create(one("digits"))
		w.fails("digits")
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := w.launcher.launches.Load(); n != 1 {
			t.Errorf("%d loads without a library", n)
		}
		l.put("one", false)
		w.isReady("digits", longestLook+2*firstLook)
		if e := w.get("digits"); e.Active.Version != 1 {
			t.Errorf("configuration %d is active", e.Active.Version)
		}
		told := 0
		for _, e := range w.telemetry.Events("digits", 100) {
			if e.Message == messageFound && e.Type == telemetry.EntityLoading {
				told++
			}
		}
		if told != 1 {
			t.Errorf("%d events tell of it: %v", told, w.events("digits"))
		}
		// Nothing waits: nothing looks.
		looks := l.looks.Load()
		time.Sleep(time.Hour)
		if n := l.looks.Load(); n != looks {
			t.Errorf("%d looks while nothing waits", n-looks)
		}
	})
}

func TestEndpointsThatStartedWithoutTheLibraryServeAgainByThemselves(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		names := []string{"a", "b", "c"}
		for _, name := range names {
			w.ready(one(name))
		}
		w.ready(sleepy("sleepy"))
		w.Close(t.Context())
		l := &library{}
		w.launcher.load, w.runtime = l.load, l.find
		w.reopen()
		for _, name := range names {
			w.fails(name)
		}
		var notReady *NotReadyError
		if _, err := w.ask("sleepy", ""); !errors.As(err, &notReady) {
			t.Errorf("a request to one at zero: %v", err)
		}
		synctest.Wait()
		if e := w.get("sleepy"); e.Ready != NotReady {
			t.Errorf("one at zero that could not start is %s", e.Ready)
		}
		l.put("one", false)
		for _, name := range names {
			w.isReady(name, longestLook+2*firstLook)
		}
		w.isReady("sleepy", 0)
		if _, err := w.ask("sleepy", ""); err != nil {
			t.Errorf("the one at zero: %v", err)
		}
		// Within the pause after a failed start, which is over then.
		for _, name := range names {
			if _, err := w.ask(name, ""); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// The next start tries again what failed for want of the library, also where the library
// comes while Servery does not run.
func TestALibraryThatComesBetweenTwoStartsIsEnough(t *testing.T) {
	without(t, func(t *testing.T, w *world, l *library) {
		w.create(one("digits"))
		w.fails("digits")
		w.Close(t.Context())
		w.reopen()
		w.fails("digits")
		w.Close(t.Context())
		l.put("one", false)
		w.reopen()
		w.isReady("digits", 0)
	})
}

// A library that is broken fails once; another one in its place is tried, once it has
// stopped growing.
func TestABrokenLibraryIsTriedOnceAndItsSuccessorToo(t *testing.T) {
	without(t, func(t *testing.T, w *world, l *library) {
		l.put("broken", true)
		w.create(one("digits"))
		w.fails("digits")
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := w.launcher.launches.Load(); n != 1 {
			t.Errorf("%d loads of a broken library", n)
		}
		for i := range 100 { // 10 s of copying
			l.put("half"+string(rune('a'+i)), true)
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if n := w.launcher.launches.Load(); n != 1 {
			t.Errorf("%d loads of half a library", n-1)
		}
		l.put("whole", false)
		w.isReady("digits", longestLook+2*firstLook)
	})
}

func TestWhatAUserDoesMeanwhileIsLeftAlone(t *testing.T) {
	ctx := context.Background()
	for name, do := range map[string]func(w *world) error{
		"delete": func(w *world) error { return w.Delete(ctx, "digits") },
		"stop":   func(w *world) error { _, err := w.Stop(ctx, "digits", "ann"); return err },
		"close":  func(w *world) error { return w.Close(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.ready(one("digits"))
				w.Close(t.Context())
				l := &library{}
				w.launcher.load, w.runtime = l.load, l.find
				w.reopen()
				w.fails("digits")
				if err := do(w); err != nil {
					t.Fatal(err)
				}
				time.Sleep(longestLook + firstLook) // one last look may have been due
				looks, launches := l.looks.Load(), w.launcher.launches.Load()
				l.put("one", false)
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := l.looks.Load(); n != looks {
					t.Errorf("%d looks for what waits no more", n-looks)
				}
				if n := w.launcher.launches.Load(); n != launches {
					t.Errorf("%d loads that nobody asked for", n-launches)
				}
			})
		})
	}
}

// A new endpoint of the same name is not the one that waited.
func TestANewEndpointOfTheSameNameIsAnother(t *testing.T) {
	without(t, func(t *testing.T, w *world, l *library) {
		w.create(one("digits"))
		w.fails("digits")
		if err := w.Delete(t.Context(), "digits"); err != nil {
			t.Fatal(err)
		}
		w.launcher.load = func(context.Context, runtime.Spec) error { return &runtime.LoadError{Message: "It is broken."} }
		w.create(one("digits"))
		l.put("one", false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := w.launcher.launches.Load(); n != 2 {
			t.Errorf("%d loads, want 2", n)
		}
	})
}

// While the disk is full nothing can be deployed: it is tried until it can.
func TestAFullDiskPutsItOff(t *testing.T) {
	without(t, func(t *testing.T, w *world, l *library) {
		w.create(one("digits"))
		w.fails("digits")
		w.table.SetBefore(tabletest.Full(syscall.ENOSPC))
		l.put("one", false)
		time.Sleep(time.Minute)
		w.fails("digits")
		w.table.SetBefore(nil)
		w.isReady("digits", longestLook)
	})
}
