package ratelimit

import (
	"sync"
	"time"
)

// Groups tells who is in which group.
type Groups interface {
	// In tells whether the principal of an id is in the group of a name, itself or through
	// another group.
	In(id, group string) bool
}

// Caller is who calls.
type Caller struct {
	ID   string // names one caller for ever
	Name string // a user's name or an application id, in lower case
}

// Limiter counts the calls to one endpoint. The counts stay when its limits change: the
// new ones are in effect for the next call. All methods may be called from many goroutines
// at once.
type Limiter struct {
	groups Groups
	began  time.Time

	everyone window
	users    windows // by the caller's id

	mu   sync.Mutex
	kept map[Limit]*kept // with Calls 0
}

// New makes a limiter that has counted nothing.
func New(groups Groups, now time.Time) *Limiter {
	// A second that is not 0, so that 0 is before all of them.
	return &Limiter{groups: groups, began: now.Add(-time.Second), kept: map[Limit]*kept{}}
}

// maxKept is more than an endpoint has limits: what is kept of those that went is dropped.
const maxKept = 256

// keep finds what is kept of a limit.
func (l *Limiter) keep(key Key, name string) *kept {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := Limit{Key: key, Principal: name}
	k := l.kept[at]
	if k == nil {
		if len(l.kept) >= maxKept {
			clear(l.kept)
		}
		k = &kept{}
		l.kept[at] = k
	}
	return k
}

// Take lets a call pass and counts it, or says which limit refuses it; ok is true for a
// call that passes. It takes about 100 ns and waits for nobody.
func (l *Limiter) Take(limits *Limits, caller Caller, now time.Time) (refusal Refusal, ok bool) {
	if limits == nil {
		return refusal, true
	}
	var t taking
	t.now = int64(now.Sub(l.began) / time.Second)
	if !l.own(limits, caller, &t) {
		return t.refusal(), false
	}
	r := limits.everyone
	if r == nil || l.everyone.take(t.now, r.calls) != nil {
		return refusal, true
	}
	t.undo()
	t.by = nil // a group without room is not why
	t.refused(r, &l.everyone)
	return t.refusal(), false
}

// own counts a call by the limits that are for its caller.
func (l *Limiter) own(limits *Limits, caller Caller, t *taking) bool {
	if r := limits.named[caller.Name]; r != nil {
		return t.takeOf(r, &l.users, caller.ID)
	}
	member, passed := false, false
	for _, r := range limits.groups {
		if l.groups.In(caller.ID, r.name) {
			member = true
			passed = t.take(r, &r.shared) || passed
		}
	}
	switch {
	case member:
		return passed
	case limits.each != nil:
		return t.takeOf(limits.each, &l.users, caller.ID)
	}
	return true
}

// taking is one call on its way through the limits.
type taking struct {
	now   int64
	taken [8]*second // counted in; there are limits of five groups at most
	n     int

	by   *rule // refused by: the one that has room first
	wait int64 // seconds until then
}

// take counts the call in w, which is never swept, where that has room.
func (t *taking) take(r *rule, w *window) bool {
	if s := w.take(t.now, r.calls); s != nil {
		return t.passed(s)
	}
	return t.refused(r, w)
}

// takeOf counts the call in the window of a caller where that has room.
func (t *taking) takeOf(r *rule, of *windows, id string) bool {
	for {
		w := of.find(id, t.now)
		switch s := w.take(t.now, r.calls); s {
		case nil:
			return t.refused(r, w)
		case gone: // swept since it was found
			of.drop(id, w)
		default:
			return t.passed(s)
		}
	}
}

func (t *taking) passed(s *second) bool {
	if t.n < len(t.taken) {
		t.taken[t.n] = s
		t.n++
	}
	return true
}

func (t *taking) refused(r *rule, w *window) bool {
	wait := int64(0)
	if r.calls > 0 {
		wait = w.wait(t.now, r.calls)
	}
	if t.by == nil || t.wait == 0 || (wait > 0 && wait < t.wait) {
		t.by, t.wait = r, wait
	}
	return false
}

func (t *taking) undo() {
	for _, s := range t.taken[:t.n] {
		s.undo()
	}
}

func (t *taking) refusal() Refusal { return t.by.refuse(t.now, t.wait) }
