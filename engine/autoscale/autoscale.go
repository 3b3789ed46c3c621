// Package autoscale decides how much concurrency a served entity has. There are two
// layers. Provisioned concurrency is what the product calls so: what is shown, what counts
// as cost, what an event tells of, and what scaling to zero takes away. Permits are what
// lets requests in. All permits of an entity share one worker process, so that one more
// costs nothing: there are as many as are provisioned, and more as long as more requests
// come, up to the entity's maximum.
//
// Every decision is a function of what was observed: there is no clock, no goroutine and no
// state but that of a Scaler, which its owner feeds. The package knows nothing of
// endpoints, pools or processes.
package autoscale

import (
	"fmt"
	"time"
)

// Unit is the step of provisioned concurrency: the product takes multiples of 4 only.
const Unit = 4

// DefaultIdle is the product's time without requests before scaling to zero.
const DefaultIdle = 30 * time.Minute

// Observed is a served entity at one moment.
type Observed struct {
	Ready    int // provisioned now
	Starting int // on its way: it counts as capacity
	Permits  int // open now, at least Ready
	Busy     int // requests that run
	Queued   int // requests that wait
	// LastArrival is when the last request came, or when the entity became ready.
	LastArrival time.Time
}

// Limits is what the configuration allows: 0 <= Min <= Max, both multiples of Unit.
type Limits struct {
	Min, Max int
	// ScaleToZero lets the entity go to 0 after Idle without a request.
	ScaleToZero bool
	Idle        time.Duration // 0 is DefaultIdle
}

// Decision is what to do. Provisioned is the concurrency to have, equal to Ready+Starting
// where nothing changes; Reason says why it differs, in words for the event log. Growth is
// ready After that time. Permits is how many to have open now, at least what is ready; it
// changes without a reason.
type Decision struct {
	Provisioned int
	After       time.Duration
	Permits     int
	Reason      string
}

// Scaler decides for one served entity, and remembers what it needs of the past. It is not
// safe for concurrent use. Its times are those of one clock; one that jumps, forward or
// back, makes it forget, and shrink nothing until it has seen the load again.
type Scaler interface {
	// Look adds the number of requests at once, running or waiting, at now. It is to be
	// called once a second; a second without counts as one without requests.
	Look(now time.Time, atOnce int)
	// Decide returns what the entity should have. It may be called at any time, and is to
	// be after each Look and when a request has to wait.
	Decide(now time.Time, o Observed, l Limits) Decision
}

// NewScaler makes the one of Servery's own timings for an entity that is ready since now.
// For its first History it does not shrink: an entity that takes 32 over from another
// version keeps them until it has seen for itself how little comes.
//
// Permits answer the moment, provisioned concurrency follows the load, once a Look. E.g. 4
// are provisioned, and 7 requests come at once: the 5th opens 8 permits, and nobody is told.
// Were they there still at the next Look, 8 would be provisioned.
func NewScaler(p Policy, now time.Time) Scaler {
	return &layered{provisioned: newLayer(p, now), permits: newLayer(permitPolicy, now)}
}

// layered is both layers.
type layered struct {
	provisioned, permits layer
	looked               bool // since provisioned decided
}

func (s *layered) Look(now time.Time, atOnce int) {
	s.provisioned.window.observe(now, atOnce)
	s.permits.window.observe(now, atOnce)
	s.looked = true
}

func (s *layered) Decide(now time.Time, o Observed, l Limits) Decision {
	d := Decision{Provisioned: o.Ready + o.Starting}
	if d.Provisioned == 0 || s.looked {
		s.looked = false
		d = s.provisioned.decide(now, o, l)
	}
	if d.Permits = d.Provisioned; d.Permits > 0 && o.Permits > 0 {
		open := o
		open.Ready, open.Starting = o.Permits, 0
		d.Permits = s.permits.decide(now, open, Limits{Min: d.Provisioned, Max: max(l.Max, d.Provisioned)}).Provisioned
	}
	return d
}

// restSize is the smallest size of an entity that runs: its minimum, and one unit where
// the minimum is 0.
func restSize(l Limits) int { return min(max(l.Min, Unit), max(l.Max, Unit)) }

// StartSize is the concurrency that an entity opens with.
func StartSize(l Limits) int { return restSize(l) }

// asleep decides for an entity that has nothing, ready or starting.
func asleep(l Limits, atOnce int) Decision {
	if atOnce == 0 && l.ScaleToZero {
		return Decision{}
	}
	size := restSize(l)
	if atOnce == 0 {
		return Decision{Provisioned: size, Reason: "the configured minimum"}
	}
	return Decision{Provisioned: size, Reason: "a request arrived while scaled to zero"}
}

// idle tells that an entity is to scale to zero. A clock set forward does not end what
// runs or waits, and one set back makes the time longer, not shorter.
func idle(now time.Time, o Observed, l Limits) (Decision, bool) {
	after := l.Idle
	if after <= 0 {
		after = DefaultIdle
	}
	if !l.ScaleToZero || o.Starting > 0 || o.Busy+o.Queued > 0 || now.Sub(o.LastArrival) < after {
		return Decision{}, false
	}
	return Decision{Reason: "no request for " + words(after)}, true
}

// words writes a duration as a person says it: "30 min", "30 s".
func words(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
