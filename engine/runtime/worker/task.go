package worker

import (
	"sync"
	"time"
)

// task is a request in the process.
type task struct {
	frame
	arrived, deadline time.Time
	stop              chan struct{} // wakes a task that waits for its turn

	// Guarded by server.mu.
	stopped  bool // its time has run out, or it was canceled
	canceled bool // nobody waits for it
	turn     *turn
}

var tasks = sync.Pool{New: func() any { return &task{stop: make(chan struct{}, 1)} }}

// halt ends a task that waits or runs. server.mu is held, so that the task is still the
// one that was looked up.
func (t *task) halt() {
	if t.turn != nil {
		t.turn.halt()
		return
	}
	select {
	case t.stop <- struct{}{}:
	default:
	}
}

// cancel ends a request that nobody waits for; one that is done is not found.
func (s *server) cancel(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.active[id]; t != nil {
		t.stopped, t.canceled = true, true
		t.halt()
	}
}

// watch stops the requests whose time has run out and waits for the next deadline. One
// timer for all, set once in a timeout: setting one for each request would wake a thread.
func (s *server) watch() {
	now := time.Now()
	var late []*task
	next := time.Duration(-1)
	s.mu.Lock()
	for _, t := range s.active {
		left := t.deadline.Sub(now)
		switch {
		case t.stopped: // it is on its way out
		case left <= 0:
			t.stopped = true
			late = append(late, t)
		case next < 0 || left < next:
			next = left
		}
	}
	s.watching = next >= 0
	if s.watching {
		time.AfterFunc(next, s.watch)
	}
	for _, t := range late {
		t.halt()
	}
	s.mu.Unlock()
}

// turn waits for a free evaluator; nil where the request was stopped before.
func (s *server) turn(t *task) *turn {
	select {
	case turn := <-s.turns:
		return turn
	default:
	}
	select {
	case turn := <-s.turns:
		return turn
	case <-t.stop:
		return nil
	}
}

// turn is an evaluator that one request at a time uses.
type turn struct {
	evaluator evaluator
	halted    bool // guarded by server.mu
}

// halt ends the evaluation. server.mu is held.
func (t *turn) halt() {
	t.halted = true
	t.evaluator.stop()
}

// calm makes the evaluator fit again after a halt. server.mu is held.
func (t *turn) calm() {
	if t.halted {
		t.halted = false
		t.evaluator.reset()
	}
}

// enter lets stops reach the evaluator; false where the request was stopped before.
func (s *server) enter(t *task, turn *turn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.turn = turn
	return !t.stopped
}

// leave ends that: a stop that came later would hit the next request.
func (s *server) leave(t *task, turn *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.turn = nil
	turn.calm()
}

// halt ends what an evaluator does for requests that share a run.
func (s *server) halt(turn *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	turn.halt()
}

// calm makes the evaluator of such a run fit for the next.
func (s *server) calm(turn *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	turn.calm()
}
