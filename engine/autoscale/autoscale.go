// Package autoscale decides how much concurrency a served entity is provisioned with.
// Every decision is a pure function of what was observed: there is no clock, no
// goroutine and no state here but Window, which its owner feeds. It knows nothing of
// endpoints, pools or processes.
package autoscale

import (
	"fmt"
	"math"
	"time"
)

// Unit is the step of provisioned concurrency: the product takes multiples of 4 only.
const Unit = 4

// The policy's constants; the figures behind them are those of a replay of real arrival
// traces (Azure LLM conversation and code, a day of Twitter): with a quiet time of 30 s
// over 99.9 % of the requests wait less than 100 ms, at no more than 12 changes in ten
// minutes.
const (
	// QuietTime is how long a smaller size must have been enough before it is taken.
	QuietTime = 30 * time.Second
	// Tolerance is the share of the ready permits that may queue before the pool grows
	// at once, without waiting for the mean to follow. With a quarter, Poisson arrivals of
	// 6 at once change the size 14 times in ten minutes; with a half, hardly ever.
	Tolerance = 0.5
	// Headroom is the factor of square-root staffing: for a mean of m requests at once,
	// m + Headroom·√m permits. E.g. m = 9 is given 12.
	Headroom = 1.0
	// DefaultIdle is the product's time without requests before scaling to zero.
	DefaultIdle = 30 * time.Minute
)

// Observed is a served entity at one moment.
type Observed struct {
	Ready    int // permits open now
	Starting int // permits on their way: a model that loads counts as capacity here
	Busy     int // requests that run
	Queued   int // requests that wait
	// Mean is the mean number of requests at once, running or waiting, over the last
	// seconds (20 is a good number).
	Mean float64
	// Wanted is the largest Decision.Wanted of the last QuietTime.
	Wanted int
	// LastArrival is when the last request came, or when the entity became ready.
	LastArrival time.Time
}

// Limits is what the configuration allows: 0 <= Min <= Max, both multiples of Unit.
type Limits struct {
	Min, Max int
	// ScaleToZero lets the entity go to 0 permits after Idle without a request.
	ScaleToZero bool
	Idle        time.Duration // 0 is DefaultIdle
}

// Decision is what to do. Desired is the number of permits to have, equal to Ready where
// nothing changes; Reason says why it differs, in words for the event log. Wanted is what
// this moment alone would ask for: the caller remembers it for Observed.Wanted.
type Decision struct {
	Desired int
	Wanted  int
	Reason  string
}

// Decide returns the number of permits that the entity should have.
//
// It grows at once and shrinks late. E.g. 8 ready, 8 busy, 6 queued, limits 4 to 64: 6 is
// more than half of 8, so 14 at once is rounded up to 16, "queued 6 > 50 % of 8 ready". Later 2 busy on average: √2 above it is 3.4, so 4 would do; but 16 was wanted
// 20 s ago, so 16 stays until that is 30 s past. From zero the first request asks for the
// smallest size, at least one unit, and the permits that start count as there: a queue
// that exists only because the model loads is not taken for load twice.
func Decide(now time.Time, o Observed, l Limits) Decision {
	atOnce := o.Busy + o.Queued
	have := o.Ready + o.Starting
	if have == 0 {
		return fromZero(o, l, atOnce)
	}
	if idle := idleTime(l); l.ScaleToZero && o.Starting == 0 && atOnce == 0 && now.Sub(o.LastArrival) >= idle {
		return Decision{Desired: 0, Reason: fmt.Sprintf("no request for %s", words(idle))}
	}
	floor := restSize(l)
	wanted := quantise(max(float64(o.Busy), o.Mean+Headroom*math.Sqrt(max(0, o.Mean))), floor, l.Max)
	reason := fmt.Sprintf("%.1f requests at once on average", o.Mean)
	if float64(o.Queued) > Tolerance*float64(have) {
		if burst := quantise(float64(atOnce), floor, l.Max); burst > wanted {
			wanted = burst
			reason = fmt.Sprintf("queued %d > %.0f %% of %d ready", o.Queued, 100*Tolerance, have)
		}
	}
	switch kept := max(wanted, quantise(float64(o.Wanted), floor, l.Max)); {
	case wanted > have:
		return Decision{Desired: wanted, Wanted: wanted, Reason: reason}
	case kept < o.Ready && o.Starting == 0:
		// Never below what runs: a request in flight keeps its permit.
		down := max(kept, quantise(float64(atOnce), floor, l.Max))
		if down < o.Ready {
			return Decision{Desired: down, Wanted: wanted,
				Reason: fmt.Sprintf("%d were enough for the last %s", down, words(QuietTime))}
		}
	}
	return Decision{Desired: clampReady(o.Ready, l), Wanted: wanted}
}

// fromZero decides for an entity without a permit, open or starting.
func fromZero(o Observed, l Limits, atOnce int) Decision {
	if atOnce == 0 && l.ScaleToZero {
		return Decision{}
	}
	size := restSize(l)
	if atOnce == 0 {
		return Decision{Desired: size, Wanted: size, Reason: "the configured minimum"}
	}
	return Decision{Desired: size, Wanted: size, Reason: "a request arrived while scaled to zero"}
}

// restSize is the smallest size of an entity that runs: its minimum, and one unit where
// the minimum is 0.
func restSize(l Limits) int { return min(max(l.Min, Unit), max(l.Max, Unit)) }

// StartSize is the number of permits that an entity opens with.
func StartSize(l Limits) int { return restSize(l) }

func clampReady(ready int, l Limits) int {
	if ready == 0 {
		return 0
	}
	return min(max(ready, restSize(l)), max(l.Max, Unit))
}

// quantise rounds up to a whole unit within the limits.
func quantise(n float64, low, high int) int {
	units := int(math.Ceil(min(n, 1<<20)/Unit - 1e-9))
	return min(max(units*Unit, low), max(high, low))
}

func idleTime(l Limits) time.Duration {
	if l.Idle > 0 {
		return l.Idle
	}
	return DefaultIdle
}

// words writes a duration as a person says it: "30 min", "30 s".
func words(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
