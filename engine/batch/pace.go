package batch

import (
	"math"
	"time"
)

// Cost is what trial runs showed: how long a run of one row takes, and one of Rows.
type Cost struct {
	One, Many time.Duration
	Rows      int // 2 or more
}

// Gain is how many times as many rows a second a run of Rows rows does as one of a row.
func (c Cost) Gain() float64 {
	return float64(c.Rows) * float64(c.One) / float64(max(c.Many, 1))
}

// slope is the time that each row more takes, as a share of the time of a run of one row:
// 0 for a row that costs nothing, 1 where joining gains nothing.
func (c Cost) slope() float64 {
	return (float64(c.Many)/float64(max(c.One, 1)) - 1) / float64(c.Rows-1)
}

// Pace says how many runs are worth going on at once and how much each takes, from what a
// row more costs and how many requests are in the process. It follows both. A Pace belongs
// to one goroutine at a time.
//
// With n clients and one run at a time, a run of the request that comes first is followed
// by one of the others, which came meanwhile: n requests in the time T(1) + T(n-1). With k
// runs at once it is n/k requests each, k times. For a dense model with a slope of 0.05 and
// 16 clients that is 5.9 requests in the time of a run of one row with one run at a time,
// and 7.0 with two, for twice the processor time: one is enough. With 2 clients it is 1
// against 2: two are needed.
type Pace struct {
	turns, rows int
	always      bool    // joins also where it does not seem to pay
	slope       middle  // see Cost.slope
	one         middle  // ns of a run of one row
	each        float64 // rows of a request, on average
	level       float64 // requests in the process: the most of late
	joint       int     // joint runs so far
	starts      int     // counts runs while joining does not pay

	// What runs was computed for.
	forLevel, forEach int
	forSlope          float64
	runs              int
}

const (
	// steepest is the slope from which on joining is not worth its copies: 1.13 times the
	// rows at 8 rows.
	steepest = 0.87
	// flattest and tooSteep bound what the slope is thought to be, so that it comes back soon
	// when requests become others.
	flattest, tooSteep = 0.01, 1.2
	// retryEvery is the number of runs after which two are joined where it did not pay, in
	// case the requests have become others.
	retryEvery = 48
	// trusted is how many joint runs must have been seen until fewer runs than turns go on
	// at once: a trial with one word says little of texts, and a processor left idle is lost.
	trusted = 12
	// sparing is the share of the best throughput for which fewer runs at once are taken:
	// each takes a processor from the engine and its clients.
	sparing = 0.75
	// certainty is how many times the throughput without joining they must promise: clients
	// that think between two requests leave less waiting than is expected here.
	certainty = 1.5
)

// NewPace makes a Pace for as many runs at once as turns, of at most rows rows. With always
// what waits is joined also while it does not seem to pay.
func NewPace(c Cost, turns, rows int, always bool) *Pace {
	return &Pace{turns: max(turns, 1), rows: max(rows, 1), always: always,
		slope: middle{value: c.slope()}, one: middle{value: float64(c.One)}, each: 1}
}

// Arrive notes that a request has come, which makes inProcess of them.
func (p *Pace) Arrive(rows, inProcess int) {
	p.each += (float64(max(rows, 1)) - p.each) / 16
	p.level = max(p.level, float64(inProcess))
}

// Done notes that a run of requests with so many rows in all took so long. inProcess are
// the requests that are left.
func (p *Pace) Done(requests, rows int, took time.Duration, inProcess int) {
	if left := float64(inProcess); left < p.level {
		p.level += (left - p.level) / 8
	}
	switch {
	case rows == 1 && requests == 1:
		p.one.follow(float64(took))
	case rows > 1 && requests > 1 && p.one.value > 0:
		p.joint++
		p.slope.follow((float64(took)/p.one.value - 1) / float64(rows-1))
		p.slope.value = min(max(p.slope.value, flattest), tooSteep)
	}
}

// middle follows the middle of samples, whatever a few of them are that were taken while
// another program had the processor. It moves by a share of itself towards each sample: by
// more as long as they lie on the same side, so that it is soon where they are.
type middle struct {
	value, step float64
	up          bool
}

const leastStep, mostStep = 1.03, 1.5

func (m *middle) follow(sample float64) {
	up := sample > m.value
	if up == m.up {
		m.step = min(m.step*1.1, mostStep)
	} else {
		m.step, m.up = m.step/1.3, up
	}
	if m.step = max(m.step, leastStep); up {
		m.value *= m.step
	} else {
		m.value /= m.step
	}
}

// Runs is how many runs should go on at once: 1 to turns.
func (p *Pace) Runs() int {
	if p.joint < trusted && !p.always {
		return p.turns
	}
	level, each := int(p.level+0.5), int(p.each+0.5)
	if p.runs == 0 || level != p.forLevel || each != p.forEach || math.Abs(p.slope.value-p.forSlope) > 0.02 {
		p.forLevel, p.forEach, p.forSlope = level, each, p.slope.value
		p.runs = p.choose(float64(level), float64(each))
	}
	return p.runs
}

// choose gives the fewest runs at once that promise nearly as much as the best number, and
// more than not joining.
func (p *Pace) choose(level, each float64) int {
	if p.slope.value >= steepest {
		return p.turns
	}
	alone := min(level, float64(p.turns)) * each / p.time(each)
	best := 0.0
	for k := 1; k <= p.turns; k++ {
		best = max(best, p.through(k, level, each))
	}
	for k := 1; k < p.turns; k++ {
		if t := p.through(k, level, each); t >= sparing*best && t >= certainty*alone {
			return k
		}
	}
	return p.turns
}

// time is how long a run of so many rows takes, in runs of one row.
func (p *Pace) time(rows float64) float64 { return 1 + p.slope.value*(rows-1) }

// through is the rows a run's time of one row that k runs at once do with level requests
// of each rows.
func (p *Pace) through(k int, level, each float64) float64 {
	share := level / float64(k) // requests a run
	if share < 1 {
		return level * each / p.time(each)
	}
	single := each / p.time(each)
	joint := 0.0
	most := math.Floor(float64(p.rows) / each) // requests that a run has room for
	switch {
	case most < 2:
	case share-1 >= most: // more wait than fit: full runs only
		joint = most * each / p.time(most*each)
	case share >= 2:
		joint = share * each / (p.time(each) + p.time((share-1)*each))
	}
	return float64(k) * max(single, joint)
}

// Share is how many of the waiting requests the next run takes at most: what waits is
// divided among the runs that may go on at once.
func (p *Pace) Share(waiting int) int {
	if p.slope.value >= steepest && !p.always {
		if p.starts++; p.starts%retryEvery != 0 {
			return 1
		}
		return min(waiting, 2)
	}
	k := p.Runs()
	return (waiting + k - 1) / k
}
