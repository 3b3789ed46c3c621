package endpoint

import (
	"errors"
	"maps"
	"sync"
	"time"

	"servery/engine/runtime"
	"servery/engine/telemetry"
)

// The pauses between two looks for a runtime that something waits for: each is twice the
// one before. A look costs a few calls of the system.
const (
	firstLook   = 500 * time.Millisecond
	longestLook = 4 * time.Second
)

// messageFound is the event of what goes on by itself.
const messageFound = "The runtime's library was put in place: trying again."

// waiter is something that failed for want of the runtime's library.
type waiter interface {
	waits() bool   // nothing else has become of it meanwhile
	resume() error // there is another library now; an error asks to be called again
}

// lacking is all that waits for the runtime's library. One goroutine looks for it, which is
// there only as long as something waits.
type lacking struct {
	mu      sync.Mutex
	waiting map[waiter]string // the library that it failed with, "" for none
	looking bool
}

// found tells which library there is, "" where there is none.
func (s *Service) found() string {
	if s.options.Runtime == nil {
		return ""
	}
	library, err := s.options.Runtime()
	if err != nil {
		return ""
	}
	return library
}

// lacks has w go on once there is another library than the one it failed with, where the
// library is what it failed for.
func (s *Service) lacks(w waiter, failedWith string, err error) {
	var missing *runtime.MissingError
	if s.options.Runtime == nil || !errors.As(err, &missing) {
		return
	}
	l := &s.lacking
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting = map[waiter]string{}
	}
	l.waiting[w] = failedWith
	if !l.looking {
		l.looking = s.spawn(s.look)
	}
}

// look looks until nothing waits any more. A library counts once two looks have found the
// same: one that is being copied grows.
func (s *Service) look() {
	pause, last := firstLook, ""
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(pause):
		}
		now := s.found()
		if now != last {
			pause = firstLook
		} else {
			pause = min(2*pause, longestLook)
			s.lacking.resume(now)
		}
		last = now
		if s.lacking.rest() {
			return
		}
	}
}

// resume has everything go on that failed with another library than this one.
func (l *lacking) resume(library string) {
	if library == "" {
		return
	}
	l.mu.Lock()
	waiting := maps.Clone(l.waiting)
	l.mu.Unlock()
	for w, failedWith := range waiting {
		if failedWith == library || !w.waits() {
			continue
		}
		l.mu.Lock()
		delete(l.waiting, w) // before it can fail once more
		l.mu.Unlock()
		if w.resume() != nil && w.waits() {
			l.mu.Lock()
			l.waiting[w] = failedWith
			l.mu.Unlock()
		}
	}
}

// rest forgets what does not wait any more, and tells whether nothing is left.
func (l *lacking) rest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.waiting, func(w waiter, _ string) bool { return !w.waits() })
	l.looking = len(l.waiting) > 0
	return !l.looking
}

// failedRollout is a configuration that was not deployed, as a waiter.
type failedRollout struct {
	o       *owner
	pending bool
	version int
}

func (f failedRollout) waits() bool {
	e := f.o.picture.Load()
	return !f.o.gone.Load() && f.of(e)
}

// of tells whether e still shows the failure.
func (f failedRollout) of(e *Endpoint) bool {
	if f.pending {
		return e.Update == UpdateFailed && e.Pending != nil && e.Pending.Version == f.version
	}
	return e.Active != nil && e.Active.Version == f.version && !e.Suspended && f.o.serving.Load() == nil && !e.toBringBack()
}

// resume deploys it once more, as a Retry does, and nothing else of the endpoint.
func (f failedRollout) resume() error {
	o, done, err := f.o.s.command(f.o.name)
	if err != nil {
		return err
	}
	defer done()
	now := time.Now()
	err = o.commit(func(e *Endpoint) error {
		switch {
		case o != f.o || !f.of(e):
			return errOvertaken
		case f.pending:
			e.Update, e.Pending.StartedAt, e.Pending.EndedAt = InProgress, now, time.Time{}
			e.Pending.setStates(DeploymentCreating, messageCreating)
			return nil
		case e.Pending == nil:
			e.Update = NotUpdating
		}
		e.Active.setStates(DeploymentRecovering, messageReloading)
		return nil
	})
	if err != nil {
		return err
	}
	o.event(telemetry.EntityLoading, "", f.version, messageFound)
	o.start()
	return nil
}

// A served entity at zero that could not start is a waiter too.

func (e *served) waits() bool {
	return !e.retired.Load() && e.asleep.Load() && e.health.Load() == down
}

// resume lets the next request try at once.
func (e *served) resume() error {
	e.mended.Store(true)
	e.health.Store(up)
	e.o.event(telemetry.Scaled, e.name, int(e.version.Load()), "The runtime's library was put in place: the next request starts the model.")
	e.show()
	return nil
}
