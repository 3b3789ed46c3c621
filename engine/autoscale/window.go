package autoscale

import (
	"math"
	"slices"
	"time"
)

// window remembers the load of each second of a history, and the sizes wanted in a time of
// quiet. It is fed with the time of each look.
type window struct {
	second int64  // unix second of the newest slots
	since  int64  // the first second that it knows
	loads  []load // one slot more than the history: the second that runs counts for nothing yet
	sizes  []int  // the largest wanted in a second

	sorted   []float32
	asked    float64 // the quantile that was asked for last
	answered float64
	at       int64 // the second in which it was
}

// load is the mean of the looks of one second.
type load struct {
	mean  float32
	looks int32
}

func newWindow(history, quiet time.Duration, now time.Time) window {
	n := max(1, int(history/time.Second))
	return window{
		second: now.Unix(), since: now.Unix(),
		loads: make([]load, n+1), sizes: make([]int, max(1, int(quiet/time.Second))),
		sorted: make([]float32, n), at: math.MinInt64,
	}
}

// observe adds the number of requests at once, running or waiting, at now.
func (w *window) observe(now time.Time, atOnce int) {
	w.advance(now)
	l := &w.loads[slot(w.second, len(w.loads))]
	l.looks++
	l.mean += (float32(atOnce) - l.mean) / float32(l.looks)
}

// want adds a size that was wanted at now.
func (w *window) want(now time.Time, size int) {
	w.advance(now)
	s := &w.sizes[slot(w.second, len(w.sizes))]
	*s = max(*s, size)
}

// quantile is that of the load of the history's seconds, 0 < q <= 1. A second without a look
// is one without requests: an owner need not look at what is idle.
func (w *window) quantile(now time.Time, q float64) float64 {
	w.advance(now)
	if w.at == w.second && w.asked == q {
		return w.answered
	}
	w.sorted = w.sorted[:0]
	for i, l := range w.loads {
		if i != slot(w.second, len(w.loads)) {
			w.sorted = append(w.sorted, l.mean)
		}
	}
	slices.Sort(w.sorted)
	i := int(math.Ceil(q*float64(len(w.sorted)))) - 1
	w.at, w.asked, w.answered = w.second, q, float64(w.sorted[max(i, 0)])
	return w.answered
}

// mean is that of the last n seconds that have passed, or of as many as are known; 0 where
// none is.
func (w *window) mean(now time.Time, n int) float64 {
	w.advance(now)
	n = min(n, len(w.loads)-1, int(w.second-w.since))
	sum := 0.0
	for s := w.second - int64(n); s < w.second; s++ {
		sum += float64(w.loads[slot(s, len(w.loads))].mean)
	}
	return sum / float64(max(n, 1))
}

// wanted is the largest size wanted within the time of quiet.
func (w *window) wanted(now time.Time) int {
	w.advance(now)
	return slices.Max(w.sizes)
}

// full tells that all that the window looks back on is known.
func (w *window) full(now time.Time) bool {
	w.advance(now)
	return w.second-w.since >= int64(max(len(w.loads)-1, len(w.sizes)))
}

// slot is a second's place in a ring of n; a clock before 1970 has places too.
func slot(second int64, n int) int { return int((second%int64(n) + int64(n)) % int64(n)) }

// advance clears the slots between the newest second and now. A clock that was set back, or
// forward by more than the window holds, begins it anew.
func (w *window) advance(now time.Time) {
	second := now.Unix()
	if second == w.second {
		return
	}
	if steps := second - w.second; steps < 0 || steps >= int64(max(len(w.loads), len(w.sizes))) {
		clear(w.loads)
		clear(w.sizes)
		w.second, w.since, w.at = second, second, math.MinInt64
		return
	}
	for w.second < second {
		w.second++
		w.loads[slot(w.second, len(w.loads))] = load{}
		w.sizes[slot(w.second, len(w.sizes))] = 0
	}
}
