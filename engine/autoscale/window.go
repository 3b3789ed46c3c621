package autoscale

import "time"

// meanSeconds is the span of Window's mean.
const meanSeconds = 20

const quietSeconds = int(QuietTime / time.Second)

// Window remembers what Decide needs of the past: the concurrency of the last 20 s and
// the sizes wanted in the last QuietTime. It is fed with the time of each look; a clock
// that jumps forward forgets, one that jumps back forgets too, and neither asks for less
// than a fresh start. The zero value is ready to use. It is not safe for concurrent use.
type Window struct {
	second int64 // unix second of the newest slot
	atOnce [meanSeconds]struct {
		sum float64
		n   int
	}
	wanted [quietSeconds]int
}

// Observe adds the number of requests at once, running or waiting, at now.
func (w *Window) Observe(now time.Time, atOnce int) {
	w.advance(now)
	at := &w.atOnce[slot(w.second, meanSeconds)]
	at.sum += float64(atOnce)
	at.n++
}

// Want adds a size that was wanted at now.
func (w *Window) Want(now time.Time, size int) {
	w.advance(now)
	at := &w.wanted[slot(w.second, quietSeconds)]
	*at = max(*at, size)
}

// Mean is the mean over the last 20 s. A second in which nobody looked counts as one
// without requests: an owner need not look at what is idle.
func (w *Window) Mean(now time.Time) float64 {
	w.advance(now)
	sum := 0.0
	for _, s := range w.atOnce {
		if s.n > 0 {
			sum += s.sum / float64(s.n)
		}
	}
	return sum / meanSeconds
}

// Wanted is the largest size wanted within QuietTime.
func (w *Window) Wanted(now time.Time) int {
	w.advance(now)
	most := 0
	for _, n := range w.wanted {
		most = max(most, n)
	}
	return most
}

// slot is a second's place in a ring of n; a clock before 1970 has places too.
func slot(second int64, n int) int { return int((second%int64(n) + int64(n)) % int64(n)) }

// advance clears the slots between the newest second and now.
func (w *Window) advance(now time.Time) {
	second := now.Unix()
	if second == w.second {
		return
	}
	steps := second - w.second
	if steps < 0 || steps >= int64(quietSeconds) { // a jump: laptop asleep, clock set
		keep := w.wanted
		*w = Window{second: second}
		if steps < 0 { // nothing says how old the sizes are: keep the largest a while
			for _, n := range keep {
				newest := &w.wanted[slot(second, quietSeconds)]
				*newest = max(*newest, n)
			}
		}
		return
	}
	for s := w.second + 1; s <= second; s++ {
		w.atOnce[slot(s, meanSeconds)] = struct {
			sum float64
			n   int
		}{}
		w.wanted[slot(s, quietSeconds)] = 0
	}
	w.second = second
}
