package autoscale

import (
	"fmt"
	"time"
)

// The product's published timings, with which its clients can be tested at home.
const (
	// ColdStart is a start from zero: "usually 10 to 20 s".
	ColdStart = 15 * time.Second
	// ReplicaStart is how long four more requests at once take to be possible.
	ReplicaStart = 10 * time.Second
	// Deployment is how long a new configuration takes, "about 10 minutes"; one that
	// changes the traffic split only takes TrafficChange.
	Deployment    = 10 * time.Minute
	TrafficChange = 30 * time.Second

	decideEvery  = 5 * time.Second
	upLookBack   = 20 * time.Second
	downLookBack = 300 * time.Second
)

// NewDatabricks makes a scaler that behaves as the product's own is published to (Databricks,
// "AI serving platform adapts to your model", 2026): each 5 s it wants as much as there were
// requests at once on average over 20 s. It grows to that, which takes 10 s, and shrinks to the
// most that was wanted in 300 s. There are as many permits as are provisioned: what exceeds
// them queues.
func NewDatabricks(now time.Time) Scaler {
	return &databricks{window: newWindow(upLookBack, downLookBack, now)}
}

type databricks struct {
	window  window
	decided time.Time
}

func (s *databricks) Look(now time.Time, atOnce int) { s.window.observe(now, atOnce) }

// Decide grows, e.g., from 4 to 8 where there were 4.3 requests at once over the last 20 s,
// and goes back when there were 4 or fewer all through the last 300 s.
func (s *databricks) Decide(now time.Time, o Observed, l Limits) Decision {
	have := o.Ready + o.Starting
	if have == 0 {
		d := asleep(l, o.Busy+o.Queued)
		if d.Provisioned > 0 {
			d.After = ColdStart
		}
		return d
	}
	if d, ok := idle(now, o, l); ok {
		return d
	}
	stay := Decision{Provisioned: within(have, l), Permits: o.Ready}
	if since := now.Sub(s.decided); since >= 0 && since < decideEvery {
		return stay
	}
	s.decided = now
	mean := s.window.mean(now, int(upLookBack/time.Second))
	wanted := quantise(mean, restSize(l), l.Max)
	s.window.want(now, wanted)
	if wanted > have {
		return Decision{Provisioned: wanted, After: ReplicaStart, Permits: o.Ready,
			Reason: fmt.Sprintf("%.1f requests at once over %s; ready in %s", mean, words(upLookBack), words(ReplicaStart))}
	}
	enough := max(s.window.wanted(now), quantise(float64(min(o.Busy, have)), restSize(l), l.Max))
	if enough < have && o.Starting == 0 && s.window.full(now) {
		return Decision{Provisioned: enough, Permits: enough,
			Reason: fmt.Sprintf("%d were enough for the last %s", enough, words(downLookBack))}
	}
	return stay
}
