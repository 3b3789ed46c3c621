package autoscale

import (
	"fmt"
	"math"
	"time"
)

// layer follows the load by a policy.
type layer struct {
	policy Policy
	window window
	shrunk time.Time // the last time
}

func newLayer(p Policy, now time.Time) layer {
	return layer{policy: p, window: newWindow(p.History, p.Quiet, now)}
}

// decide returns the size to have, and why. It grows at once and shrinks late.
//
// E.g. 8 are provisioned, 13 requests come at once, and the limits are 4 to 64. 13 is 5 more
// than 8, which is more than half of it: 13 is rounded up to 16, "13 requests at once, 5 more
// than the 8 provisioned". Then half of the last 20 seconds have 2 requests or fewer: √2 above
// it is 3.4, so 4 would do; but 16 was wanted 29 s ago, so 16 stays until nothing above 4 was
// wanted for 30 s. Where 12 was wanted 10 s after the 16 the size goes to 12 first, and 30 s
// later to 4, not 10 s later: a size that falls, rests.
func (y *layer) decide(now time.Time, o Observed, l Limits) Decision {
	atOnce := o.Busy + o.Queued
	have := o.Ready + o.Starting
	if have == 0 {
		return asleep(l, atOnce)
	}
	if d, ok := idle(now, o, l); ok {
		return d
	}
	p, floor := &y.policy, restSize(l)
	load := y.window.quantile(now, p.Quantile)
	// What runs beyond the size, on permits, is no reason to have more as long as it is
	// within the tolerance.
	wanted := quantise(max(float64(min(o.Busy, have)), load+p.Headroom*math.Sqrt(load)), floor, l.Max)
	over, burst := atOnce-have, false
	if float64(over) > p.Tolerance*float64(have) {
		if all := quantise(float64(atOnce), floor, l.Max); all > wanted {
			wanted, burst = all, true
		}
	}
	y.window.want(now, wanted)
	switch {
	case wanted > have && burst:
		return Decision{Provisioned: wanted, Reason: fmt.Sprintf("%d requests at once, %d more than the %d provisioned", atOnce, over, have)}
	case wanted > have:
		return Decision{Provisioned: wanted, Reason: fmt.Sprintf("%.1f requests at once over %s", load, words(p.History))}
	}
	enough := max(y.window.wanted(now), quantise(float64(min(atOnce, have)), floor, l.Max))
	if enough < have && o.Starting == 0 && y.rested(now) {
		y.shrunk = now
		return Decision{Provisioned: enough, Reason: fmt.Sprintf("%d were enough for the last %s", enough, words(p.Quiet))}
	}
	return Decision{Provisioned: within(have, l)}
}

// rested tells that the size may fall: all that the layer looks back on is known, and the
// last fall is a Quiet ago. A clock set back does not make that wait longer than a Quiet.
func (y *layer) rested(now time.Time) bool {
	if since := now.Sub(y.shrunk); since >= 0 && since < y.policy.Quiet {
		return false
	}
	return y.window.full(now)
}

func within(size int, l Limits) int { return min(max(size, restSize(l)), max(l.Max, Unit)) }

// quantise rounds up to a whole unit within the limits.
func quantise(n float64, low, high int) int {
	units := int(math.Ceil(min(n, 1<<20)/Unit - 1e-9))
	return min(max(units*Unit, low), max(high, low))
}
