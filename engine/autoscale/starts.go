package autoscale

import (
	"slices"
	"time"
)

// keptStarts is how many of the last starts count.
const keptStarts = 10

// Starts are how long the last starts of a served entity took. The zero value knows none.
type Starts struct {
	took [keptStarts]time.Duration
	n    int // of all starts
}

// Add notes a start.
func (s *Starts) Add(took time.Duration) {
	s.took[s.n%keptStarts] = took
	s.n++
}

// Typical is the 90th percentile of the last ten starts, 0 where there was none. E.g. of nine
// that took 0.2 s and one that took 3 s, on a cold disk, it is 0.2 s; after a second slow one
// it is 3 s.
func (s *Starts) Typical() time.Duration {
	n := min(s.n, keptStarts)
	if n == 0 {
		return 0
	}
	sorted := s.took
	slices.Sort(sorted[:n])
	return sorted[(9*n+9)/10-1]
}
