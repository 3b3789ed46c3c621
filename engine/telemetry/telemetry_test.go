package telemetry

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a time that tests set.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock() *clock {
	c := &clock{}
	c.set(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
	return c
}

func (c *clock) now() time.Time      { return *c.at.Load() }
func (c *clock) set(t time.Time)     { c.at.Store(&t) }
func (c *clock) add(d time.Duration) { c.set(c.now().Add(d)) }

func near(got, want float64) bool { return math.Abs(got-want) <= 0.05*want }

// The stated error: a percentile is within 5 % of the exact one, by nearest rank.
func TestPercentilesAreWithinFivePercent(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		// Magnitudes as likely as values: from 1 µs to 13 minutes.
		latency := rapid.Custom(func(r *rapid.T) time.Duration {
			top := rapid.Int64Range(0, 29).Draw(r, "octave")
			d := time.Duration(rapid.Int64Range(1000<<top, 2000<<top).Draw(r, "ns"))
			return min(d, longest)
		})
		values := rapid.SliceOfN(latency, 1, 200).Draw(r, "values")
		var h histogram
		for _, v := range values {
			h.add(v)
		}
		var c counts
		c.add(&h)
		slices.Sort(values)
		p := rapid.SampledFrom([]float64{0, 0.01, 0.5, 0.9, 0.99, 1}).Draw(r, "p")
		rank := max(1, int(math.Ceil(p*float64(len(values)))))
		exact := float64(values[rank-1]) / float64(time.Millisecond)
		if got := c.percentile(p); !near(got, exact) {
			r.Fatalf("p%g of %d values is %g ms, exactly %g", 100*p, len(values), got, exact)
		}
	})
}

func TestBucketsOfAnyDurationExist(t *testing.T) {
	for _, d := range []time.Duration{math.MinInt64, -1, 0, 1, 999, 1000, time.Second, longest, longest + 1, math.MaxInt64} {
		if b := bucketOf(d); b < 0 || b >= buckets {
			t.Errorf("%v is in bucket %d", d, b)
		}
	}
	last := -1
	for d := time.Duration(1); d < longest; d += d/50 + 1 {
		b := bucketOf(d)
		if b < last {
			t.Fatalf("%v is in bucket %d, a shorter one was in %d", d, b, last)
		}
		last = b
	}
	for i, bound := range bounds[:buckets-1] {
		if b := bucketOf(time.Duration(bound) - 1); b != i {
			t.Errorf("%d ns is in bucket %d, want %d", bound-1, b, i)
		}
		if b := bucketOf(time.Duration(bound)); b != i+1 {
			t.Errorf("%d ns is in bucket %d, want %d", bound, b, i+1)
		}
	}
	if longest < 10*time.Minute {
		t.Errorf("the longest latency is %v", longest)
	}
}

func TestASeriesShowsWhatHappenedWhen(t *testing.T) {
	c := newClock()
	x := New(c.now, nil, nil)
	r := x.Endpoint("digits")
	if x.Endpoint("digits") != r {
		t.Error("the recorder of an endpoint changed")
	}
	for i := range 20 { // 20 s ago and 19, 18 ...: one request more each second
		for range i {
			r.Record(Sample{Status: 200, Total: 20 * time.Millisecond, Model: 5 * time.Millisecond})
		}
		r.Record(Sample{Status: 429, Total: 20 * time.Millisecond})
		r.Record(Sample{Status: 503, Total: 20 * time.Millisecond})
		r.SetGauges(Gauges{Provisioned: 4 * i, InFlight: i, CPUPercent: float64(i) / 2, MemoryBytes: int64(i) << 20})
		c.add(time.Second)
	}
	s := x.Series("digits", 20*time.Second, 4)
	if s.Step != 5*time.Second || len(s.Points) != 4 {
		t.Fatalf("step %v, %d points", s.Step, len(s.Points))
	}
	// The second that runs has just begun, so the last point has 4 seconds so far.
	for i, want := range []float64{3, 8, 13, (16. + 17 + 18 + 19) / 4} { // means of 1..5, 6..10, ...
		p := s.Points[i]
		if at := c.now().Add(-time.Duration(3-i) * 5 * time.Second); !p.At.Equal(at) {
			t.Errorf("point %d is at %v, want %v", i, p.At, at)
		}
		if p.OK != want || p.Errors4 != 1 || p.Errors5 != 1 {
			t.Errorf("point %d: %g + %g + %g requests a second, want %g + 1 + 1", i, p.OK, p.Errors4, p.Errors5, want)
		}
		if !near(p.P50, 20) || !near(p.P99, 20) || !near(p.ModelP50, 5) || !near(p.ModelP99, 5) {
			t.Errorf("point %d: latencies %g, %g, model %g, %g ms", i, p.P50, p.P99, p.ModelP50, p.ModelP99)
		}
		if p.InFlight != want || p.Provisioned != 4*want || p.CPUPercent != want/2 {
			t.Errorf("point %d: gauges %+v", i, p)
		}
	}
}

func TestAStepWithoutRequestsHasNoLatency(t *testing.T) {
	c := newClock()
	x := New(c.now, nil, nil)
	r := x.Endpoint("digits")
	r.Record(Sample{Status: 429, Total: time.Millisecond}) // refused: it ran no model
	r.SetGauges(Gauges{Provisioned: 4})
	c.add(30 * time.Second)
	s := x.Series("digits", time.Minute, 6)
	for i, p := range s.Points {
		switch {
		case math.IsNaN(p.P50) != (i != 2) || math.IsNaN(p.P99) != (i != 2):
			t.Errorf("point %d: P50 %g, P99 %g", i, p.P50, p.P99)
		case !math.IsNaN(p.ModelP50) || !math.IsNaN(p.ModelP99):
			t.Errorf("point %d: model time %g, %g", i, p.ModelP50, p.ModelP99)
		case p.OK != 0 || p.Errors5 != 0 || p.Errors4 > 0 != (i == 2):
			t.Errorf("point %d: rates %+v", i, p)
		case p.Provisioned != 0 && i != 2 && i != 3 || i == 2 && p.Provisioned != 4:
			t.Errorf("point %d: %g provisioned", i, p.Provisioned)
		}
	}
	for _, s := range []Series{x.Series("unknown", time.Hour, 60), New(c.now, nil, nil).Series("x", time.Hour, 60)} {
		for _, p := range s.Points {
			if !math.IsNaN(p.P50) || p.OK != 0 || p.Provisioned != 0 {
				t.Fatalf("an unknown endpoint has %+v", p)
			}
		}
	}
}

func TestAWholeHourIsKept(t *testing.T) {
	c := newClock()
	x := New(c.now, nil, nil)
	r := x.Endpoint("digits")
	for range 2 * 3600 {
		r.Record(Sample{Status: 200, Total: time.Millisecond})
		c.add(time.Second)
	}
	c.add(-time.Nanosecond)
	s := x.Series("digits", time.Hour, 120)
	for i, p := range s.Points {
		if math.Abs(p.OK-1) > 1e-6 || !near(p.P50, 1) {
			t.Fatalf("point %d of %d: %+v", i, len(s.Points), p)
		}
	}
}

// Whatever is asked for, a series is well-formed and counts each request once.
func TestASeriesCountsEachRequestOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := newClock()
		x := New(c.now, nil, nil)
		rec := x.Endpoint("digits")
		n := rapid.IntRange(0, 60).Draw(r, "requests")
		for range n {
			c.add(time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(r, "pause")))
			rec.Record(Sample{Status: 200, Total: time.Millisecond})
		}
		window := time.Duration(rapid.Int64Range(int64(3*time.Minute), int64(time.Hour)).Draw(r, "window"))
		points := rapid.IntRange(-1, 500).Draw(r, "points")
		s := x.Series("digits", window, points)
		if len(s.Points) == 0 || len(s.Points) > max(points, 1) || s.Step < time.Second {
			r.Fatalf("%d points of %v", len(s.Points), s.Step)
		}
		if !s.Points[len(s.Points)-1].At.Equal(c.now()) {
			r.Fatalf("the last point ends at %v, now is %v", s.Points[len(s.Points)-1].At, c.now())
		}
		seconds := int64(window / time.Second)
		total := 0.0
		for i, p := range s.Points {
			from := c.now().Unix() + 1 - seconds + seconds*int64(i)/int64(len(s.Points))
			to := c.now().Unix() + 1 - seconds + seconds*int64(i+1)/int64(len(s.Points))
			total += p.OK * elapsed(from, to, 1, c.now())
		}
		if math.Abs(total-float64(n)) > 1e-6 {
			r.Fatalf("%g requests of %d", total, n)
		}
	})
}

func TestASummaryIsOfTheLastMinute(t *testing.T) {
	c := newClock()
	x := New(c.now, nil, nil)
	empty := x.Summary("digits")
	if !math.IsNaN(empty.P50) || !math.IsNaN(empty.P99) || empty.RequestsPerSecond != 0 || len(empty.Recent) != 60 {
		t.Errorf("an unknown endpoint: %+v", empty)
	}
	r := x.Endpoint("digits")
	for range 120 {
		r.Record(Sample{Status: 200, Total: time.Second})
	}
	c.add(5 * time.Minute)
	s := x.Summary("digits")
	if s.RequestsPerSecond != 0 || !near(s.P50, 1000) {
		t.Errorf("5 minutes after: %+v", s)
	}
	if i := slices.IndexFunc(s.Recent, func(f float32) bool { return f > 0 }); i != 59-20 || s.Recent[i] != 8 {
		t.Errorf("5 minutes after, the last 15 are %v", s.Recent)
	}
	for range 60 {
		c.add(time.Second)
		r.Record(Sample{Status: 200, Total: 10 * time.Millisecond})
		r.Record(Sample{Status: 500, Total: 10 * time.Millisecond})
	}
	s = x.Summary("digits")
	if s.RequestsPerSecond < 2 || s.RequestsPerSecond > 2.05 || !near(s.P50, 10) || !near(s.P99, 10) {
		t.Errorf("with traffic: %+v", s)
	}
	c.add(16 * time.Minute)
	if s = x.Summary("digits"); !math.IsNaN(s.P50) || slices.Max(s.Recent) != 0 {
		t.Errorf("16 minutes after: %+v", s)
	}
}

// A laptop sleeps, a clock is set back by hours or forward by years: what is shown is
// what was recorded at the time that the clock says, and nothing else.
func TestAClockThatJumpsMixesUpNothing(t *testing.T) {
	c := newClock()
	start := c.now()
	x := New(c.now, nil, nil)
	r := x.Endpoint("digits")
	seen := func(at time.Time, want float64) {
		t.Helper()
		c.set(at)
		total := 0.0
		for _, p := range x.Series("digits", time.Hour, 3600).Points {
			total += p.OK
		}
		if total != want {
			t.Errorf("at %v: %g requests in the last hour, want %g", at, total, want)
		}
	}
	record := func(at time.Time) {
		c.set(at)
		r.Record(Sample{Status: 200, Total: time.Millisecond})
		r.SetGauges(Gauges{Provisioned: 4})
	}
	record(start)
	seen(start.Add(50*time.Minute), 1)
	seen(start.Add(64*time.Minute), 0) // the same page of the ring, a lap later
	record(start.Add(8 * time.Hour))   // the laptop slept
	seen(start.Add(8*time.Hour+time.Minute), 1)
	record(start.Add(7*time.Hour + 59*time.Minute)) // a little back
	seen(start.Add(8*time.Hour+time.Minute), 2)
	record(start.Add(-64 * 60 * time.Minute)) // far back
	seen(start.Add(-64*60*time.Minute), 1)
	record(time.Unix(-1, 0)) // before 1970
	seen(time.Unix(0, 0), 1)
	record(start.AddDate(500, 0, 0))
	seen(start.AddDate(500, 0, 0), 1)
}

func TestManyGoroutinesRecordAndRead(t *testing.T) {
	const writers, each = 8, 2000
	c := newClock()
	x := New(c.now, nil, nil)
	var wg, readers sync.WaitGroup
	done := make(chan struct{})
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				x.Series("digits", time.Minute, 10)
				x.Summary("digits")
			}
		}
	})
	for w := range writers {
		wg.Go(func() {
			r := x.Endpoint("digits")
			for i := range each {
				r.Record(Sample{Status: 200, Total: time.Millisecond, Model: time.Microsecond})
				if i%100 == 0 {
					r.SetGauges(Gauges{Provisioned: w})
				}
				if w == 0 && i%200 == 0 {
					c.add(time.Second)
				}
			}
		})
	}
	wg.Wait()
	close(done)
	readers.Wait()
	total := 0.0
	for _, p := range x.Series("digits", time.Minute, 60).Points {
		total += p.OK
	}
	if total != writers*each {
		t.Errorf("%g requests were counted of %d", total, writers*each)
	}
}

func TestRecordAllocatesNothing(t *testing.T) {
	c := newClock()
	r := New(c.now, nil, nil).Endpoint("digits")
	s := Sample{Status: 200, Total: time.Millisecond, Model: time.Microsecond}
	if n := testing.AllocsPerRun(100, func() { r.Record(s) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	r := New(time.Now, nil, nil).Endpoint("digits")
	s := Sample{Status: 200, Total: 1234567, Queue: 1000, Model: 123456}
	b.ReportAllocs()
	for b.Loop() {
		r.Record(s)
	}
}

func BenchmarkRecordFromAllCores(b *testing.B) {
	r := New(time.Now, nil, nil).Endpoint("digits")
	s := Sample{Status: 200, Total: 1234567, Queue: 1000, Model: 123456}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Record(s)
		}
	})
}

func busyHour() *Telemetry {
	c := newClock()
	x := New(c.now, nil, nil)
	r := x.Endpoint("digits")
	for i := range 3600 {
		for range 5 {
			r.Record(Sample{Status: 200, Total: time.Duration(i) * time.Millisecond, Model: time.Millisecond})
		}
		r.SetGauges(Gauges{Provisioned: 4})
		c.add(time.Second)
	}
	return x
}

func BenchmarkSeriesOfAnHour(b *testing.B) {
	x := busyHour()
	for b.Loop() {
		x.Series("digits", time.Hour, 120)
	}
}

func BenchmarkSummary(b *testing.B) {
	x := busyHour()
	for b.Loop() {
		x.Summary("digits")
	}
}
