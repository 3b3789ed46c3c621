package autoscale

import "time"

// Policy says how a size follows the load.
//
// E.g. {Quantile: 0.5, History: 20 s, Headroom: 1, Tolerance: 0.5, Quiet: 30 s}: in half of
// the last 20 seconds there were 9 requests at once or fewer. 9 + 1·√9 = 12 is wanted. With
// 12 there, 18 at once are borne. The 19th is the 7th too many, and 7 > 0.5·12: the size goes
// to the 19 that there are, 20, at once. It comes back to 12 when nothing above 12 was wanted
// for 30 s.
type Policy struct {
	// Quantile of the load of the last History, second by second: 0.5 is the median, 1 the
	// highest.
	Quantile float64
	History  time.Duration // whole seconds
	// Headroom is the factor of square-root staffing: for a load of m requests at once,
	// m + Headroom·√m. The number of requests of a Poisson stream deviates by √m.
	Headroom float64
	// Tolerance is the share of the size by which requests may exceed it before it grows
	// at once, without waiting for the quantile to follow.
	Tolerance float64
	// Quiet is how long a smaller size must have been enough before it is taken, and how
	// long a size rests after it has fallen.
	Quiet time.Duration
}

// The policies of provisioned concurrency; the figures behind them are those of replays of
// real arrivals (make autoscale-eval; docs/reliability.md keeps them).
//
// Where a start takes no time the median with little headroom does: what exceeds it is met as
// it comes. Where a start takes a second a burst is half over before it is met, and only
// headroom that is there beforehand helps. Beyond 10 s nobody can chase a burst: the highest
// load of five minutes stays provisioned.
var (
	quickPolicy = Policy{Quantile: 0.5, History: 20 * time.Second, Headroom: 1, Tolerance: 0.5, Quiet: 30 * time.Second}
	slowPolicy  = Policy{Quantile: 0.9, History: 60 * time.Second, Headroom: 2, Tolerance: 0, Quiet: 60 * time.Second}
	heldPolicy  = Policy{Quantile: 1, History: 300 * time.Second, Headroom: 1, Tolerance: 0, Quiet: 60 * time.Second}
)

// permitPolicy is that of permits, which are there at once, cost nothing and are told to
// nobody: no request waits for one as long as the maximum allows it. To bear a quarter more,
// as the size of a pool of workers should, would make those requests wait for nothing.
var permitPolicy = Policy{Quantile: 0.5, History: 20 * time.Second}

// PolicyFor chooses how the provisioned concurrency of an entity follows its load, by how
// long it takes to start: see Starts. 0 is not known yet, and taken for quick.
func PolicyFor(startUp time.Duration) Policy {
	switch {
	case startUp <= 250*time.Millisecond:
		return quickPolicy
	case startUp < 10*time.Second:
		return slowPolicy
	}
	return heldPolicy
}
