package telemetry

import (
	"math"
	"time"
)

// holds is how long gauges stand where no newer ones came: longer than the once a second
// at which they come, shorter than a person would call stale.
const holds = 10

// sum is what happened in some seconds.
type sum struct {
	seconds              float64 // how long they were, so far
	ok, errors4, errors5 uint64
	total, model         counts
	gauges               Gauges // sums
	readings             int
}

// requests is how many requests ended.
func (s *sum) requests() uint64 { return s.ok + s.errors4 + s.errors5 }

func (s *sum) addTraffic(r *Recorder, second int64, latencies bool) {
	page := r.traffic.read(second)
	if page == nil {
		return
	}
	b := &page[at(second)]
	ok, e4, e5 := uint64(b.ok.Load()), uint64(b.errors4.Load()), uint64(b.errors5.Load())
	s.ok, s.errors4, s.errors5 = s.ok+ok, s.errors4+e4, s.errors5+e5
	if latencies && ok+e4+e5 > 0 {
		s.total.add(&b.total)
		s.model.add(&b.model)
	}
}

func (r *Recorder) gaugesAt(second int64) *Gauges {
	page := r.levels.read(second)
	if page == nil {
		return nil
	}
	return page[at(second)].Load()
}

func (s *sum) addGauges(g *Gauges) {
	s.readings++
	s.gauges.Provisioned += g.Provisioned
	s.gauges.InFlight += g.InFlight
	s.gauges.CPUPercent += g.CPUPercent
	s.gauges.MemoryBytes += g.MemoryBytes
}

func (s *sum) point(end time.Time) Point {
	n := float64(max(1, s.readings))
	return Point{
		At:          end,
		P50:         s.total.percentile(0.5),
		P99:         s.total.percentile(0.99),
		ModelP50:    s.model.percentile(0.5),
		ModelP99:    s.model.percentile(0.99),
		OK:          float64(s.ok) / s.seconds,
		Errors4:     float64(s.errors4) / s.seconds,
		Errors5:     float64(s.errors5) / s.seconds,
		Provisioned: float64(s.gauges.Provisioned) / n,
		InFlight:    float64(s.gauges.InFlight) / n,
		CPUPercent:  s.gauges.CPUPercent / n,
		MemoryBytes: float64(s.gauges.MemoryBytes) / n,
	}
}

// Series is an endpoint's history over the last window, in that many points, the last one
// ending now. The window is between a second and MaxWindow, and a point covers at least a
// second: there are fewer points where the window has fewer seconds. Gauges are means
// over a point's readings; where a point has none, the last reading within 10 s before
// its end counts, else they are 0. An endpoint that is not known has no traffic.
func (t *Telemetry) Series(name string, window time.Duration, points int) Series {
	window = min(max(window, time.Second), MaxWindow).Truncate(time.Second)
	seconds := int64(window / time.Second)
	points = int(min(int64(max(points, 1)), seconds))
	now := t.now()
	s := Series{Step: window / time.Duration(points), Points: make([]Point, points)}
	r := t.find(name)
	if r == nil {
		r = &Recorder{}
	}
	last := now.Unix()
	for i := range points {
		// Seconds from..to-1: e.g. 10 s in 4 points are 2, 3, 2 and 3 of them.
		from := last + 1 - seconds + seconds*int64(i)/int64(points)
		to := last + 1 - seconds + seconds*int64(i+1)/int64(points)
		var x sum
		for second := from; second < to; second++ {
			x.addTraffic(r, second, true)
			if g := r.gaugesAt(second); g != nil {
				x.addGauges(g)
			}
		}
		for second := from - 1; x.readings == 0 && second >= to-holds; second-- {
			if g := r.gaugesAt(second); g != nil {
				x.addGauges(g)
			}
		}
		x.seconds = elapsed(from, to, now)
		s.Points[i] = x.point(now.Add(-s.Step * time.Duration(points-1-i)))
	}
	return s
}

// elapsed is how much of the seconds from..to-1 has passed. The one that goes on counts
// for what has passed of it; of a single second all counts, else the first request after
// a full second would look like a thousand.
func elapsed(from, to int64, now time.Time) float64 {
	n := float64(to - from)
	if to > now.Unix() && n > 1 {
		n -= 1 - float64(now.Nanosecond())/1e9
	}
	return n
}

// Summary is an endpoint's last minute, and its rate over the last 15. The percentiles
// are of the last minute, or of the last 15 where that had no request.
func (t *Telemetry) Summary(name string) Summary {
	const points, step = 60, 15
	s := Summary{P50: math.NaN(), P99: math.NaN(), Recent: make([]float32, points)}
	r := t.find(name)
	if r == nil {
		return s
	}
	now := t.now()
	end := now.Unix() + 1
	for i := range points {
		var x sum
		from := end - step*int64(points-i)
		for second := from; second < from+step; second++ {
			x.addTraffic(r, second, false)
		}
		s.Recent[i] = float32(float64(x.requests()) / elapsed(from, from+step, now))
	}
	minute := r.total(end-60, end)
	s.RequestsPerSecond = float64(minute.requests()) / elapsed(end-60, end, now)
	if minute.requests() == 0 {
		minute = r.total(end-points*step, end)
	}
	s.P50, s.P99 = minute.total.percentile(0.5), minute.total.percentile(0.99)
	return s
}

func (r *Recorder) total(from, to int64) *sum {
	var x sum
	for second := from; second < to; second++ {
		x.addTraffic(r, second, true)
	}
	return &x
}
