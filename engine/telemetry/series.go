package telemetry

import (
	"math"
	"time"
)

// MaxWindow is the longest history: 14 days, as the product's.
const MaxWindow = longWindow

// holds is for how many seconds a reading of levels stands where no newer ones come: longer
// than the once a second at which they come, shorter than a person would call stale.
const holds = 10

// reader reads a tier, unit by unit in the order of time. The archive's lock is held all
// the while.
type reader struct {
	tier   *tier
	now    int64
	spans  []span
	chunk  int64
	rest   decoder
	stands standing
	open   []openUnit
	live   []*second
}

// openUnit is what is not in a chunk yet, of this tier and finer ones.
type openUnit struct {
	*unit
	number int64 // in the tier that is read
}

// reader begins at the unit from of a tier.
func (a *archive) reader(k int, from, now int64) *reader {
	t := a.tiers[k]
	r := &reader{tier: t, now: now, spans: a.up.all(), chunk: floor(from, t.per)}
	if k == byMinute { // what stood is known without reading an older chunk from the disk
		r.stands = a.tiers[byHour].standingBefore(r.chunk)
	} else {
		r.stands = t.standingBefore(r.chunk)
	}
	r.rest = newDecoder(t.data(r.chunk))
	for _, finer := range a.tiers[:k+1] {
		for n, u := range finer.open {
			r.open = append(r.open, openUnit{u, floor(n*finer.width, t.width)})
		}
	}
	r.live = append(r.live, a.taken...)
	for i := range a.present.slots {
		if s := a.present.slots[i].Load(); s != nil {
			r.live = append(r.live, s)
		}
	}
	return r
}

// unit adds what happened in a unit to s.
func (r *reader) unit(n int64, s *sum) {
	t := r.tier
	if number := floor(n, t.per); number != r.chunk {
		r.chunk, r.rest = number, newDecoder(t.data(number))
	}
	if !ran(r.spans, n*t.width, (n+1)*t.width) {
		r.stands = standing{}
	}
	offset := int(n - r.chunk*t.per)
	for at, ok := r.rest.peek(); ok && at <= offset; at, ok = r.rest.peek() {
		into := &s.traffic
		if at < offset {
			into = nil
		}
		x := r.rest.next(into, s.latencies)
		r.stands.follow(&x)
	}
	read := false
	for _, o := range r.open {
		if o.number != n {
			continue
		}
		if o.traffic != nil {
			s.add(o.traffic, s.latencies)
		}
		if o.levels.n > 0 {
			read = true
			s.levels.add(o.levels.value(), o.levels.n)
			r.stands = standing{o.levels.value(), true}
		}
	}
	for _, x := range r.live {
		if floor(x.at, t.width) == n {
			s.addSecond(x, s.latencies)
		}
	}
	if !read && r.stands.ok && (n+1)*t.width <= r.now {
		s.levels.add(r.stands.levels, float64(t.width))
	}
}

// Series is an endpoint's history over the last window, in that many points, the last one
// ending now. The window is between a second and MaxWindow. Up to an hour it is read by the
// second, beyond by the minute, and by the hour where a point covers one or more; a point
// covers at least one of them, so there may be fewer points. Levels are means over a point's
// time; where none were read in it, the last reading within 10 s before its end counts,
// else they are 0. An endpoint that is not known has no traffic.
//
// More than an hour is brought up to date once a minute.
func (t *Telemetry) Series(name string, window time.Duration, points int) Series {
	window, points = min(max(window, time.Second), MaxWindow), max(points, 1)
	now := t.now()
	if r := t.find(name); r != nil {
		return r.archive.series(now, window, points)
	}
	return newArchive(name, newWriter(nil, "", 0), t.uptime).series(now, window, points)
}

func (a *archive) series(now time.Time, window time.Duration, points int) Series {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := bySecond
	if window > fineWindow {
		k = byMinute
		if window/time.Duration(points) >= time.Hour {
			k = byHour
		}
	}
	minute := floor(now.Unix(), 60)
	if l := &a.long; k != bySecond && l.window == window && l.points == points && l.minute == minute {
		return l.series
	}
	s := a.readSeries(k, now, window, points)
	if k != bySecond {
		a.long = longSeries{window, points, minute, s}
	}
	return s
}

func (a *archive) readSeries(k int, now time.Time, window time.Duration, points int) Series {
	a.advance(now.Unix())
	width := a.tiers[k].width
	units := int64(window/time.Second) / width
	points = int(min(int64(points), units))
	s := Series{Step: time.Duration(units*width) * time.Second / time.Duration(points), Points: make([]Point, points)}
	end := floor(now.Unix(), width) + 1
	r := a.reader(k, end-units, now.Unix())
	for i := range points {
		// Units from..to-1: e.g. 10 s in 4 points are 2, 3, 2 and 3 of them.
		from := end - units + units*int64(i)/int64(points)
		to := end - units + units*int64(i+1)/int64(points)
		x := sum{latencies: true}
		for n := from; n < to; n++ {
			r.unit(n, &x)
		}
		if x.levels.n == 0 && r.stands.ok {
			x.levels.add(r.stands.levels, 1)
		}
		s.Points[i] = x.point(elapsed(from, to, width, now))
		s.Points[i].At = now.Add(-s.Step * time.Duration(points-1-i))
	}
	return s
}

// elapsed is how many seconds of the units from..to-1 have passed. The unit that goes on
// counts for what has passed of it; of a single unit all counts, else the first request
// after a full second would look like a thousand.
func elapsed(from, to, width int64, now time.Time) float64 {
	seconds := float64((to - from) * width)
	if left := float64(to*width-now.Unix()) - float64(now.Nanosecond())/1e9; left > 0 && to-from > 1 {
		seconds -= left
	}
	return seconds
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
	a := r.archive
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advance(now.Unix())
	end := now.Unix() + 1
	if a.quiet(end - points*step) {
		return s
	}
	seconds := a.reader(bySecond, end-points*step, now.Unix())
	minute := sum{latencies: true}
	for i := range points {
		var x sum
		from := end - step*int64(points-i)
		for second := from; second < from+step; second++ {
			if second < end-60 {
				seconds.unit(second, &x)
				continue
			}
			before := minute.requests()
			seconds.unit(second, &minute)
			x.ok += minute.requests() - before
		}
		s.Recent[i] = float32(float64(x.requests()) / elapsed(from, from+step, 1, now))
	}
	s.RequestsPerSecond = float64(minute.requests()) / elapsed(end-60, end, 1, now)
	if minute.requests() == 0 {
		seconds = a.reader(bySecond, end-points*step, now.Unix())
		for second := end - points*step; second < end; second++ {
			seconds.unit(second, &minute)
		}
	}
	s.P50, s.P99 = minute.spent[inTotal].percentile(0.5), minute.spent[inTotal].percentile(0.99)
	return s
}

// quiet tells that no request can have ended since the second from.
func (a *archive) quiet(from int64) bool {
	for number := range a.tiers[bySecond].chunks {
		if (number+1)*60 > from {
			return false
		}
	}
	for _, u := range a.tiers[bySecond].open {
		if u.traffic != nil {
			return false
		}
	}
	return len(a.taken) == 0 && a.present.slots[0].Load() == nil && a.present.slots[1].Load() == nil
}
