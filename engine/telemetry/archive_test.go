package telemetry

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// life is a Servery whose clock and disk the test holds.
type life struct {
	t     testing.TB
	clock *clock
	disk  *memory
	*Telemetry
}

func newLife(t testing.TB) *life {
	l := &life{t: t, clock: newClock(), disk: newMemory()}
	l.clock.set(time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC))
	l.start()
	return l
}

// start leaves the writing to second: what a kill finds on the disk is then the same in
// each run.
func (l *life) start() {
	l.Telemetry = New(l.clock.now, nil, nil)
	w := newWriter(l.disk, "figures", maxPending)
	w.running = true
	l.openFigures(w)
}

// second lets a second pass, at the end of which all that waits is written.
func (l *life) second() {
	l.clock.add(time.Second)
	l.Tick()
	if err := l.figures.flush(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) seconds(n int) {
	for range n {
		l.second()
	}
}

// kill ends Servery without a word; down is how long until it starts again.
func (l *life) kill(down time.Duration) {
	l.clock.add(down)
	l.start()
}

func (l *life) restart(down time.Duration) {
	if err := l.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.kill(down)
}

func (l *life) record(name string, n int) {
	for range n {
		l.Endpoint(name).Record(Sample{Status: 200, Total: 10 * time.Millisecond, Queue: time.Microsecond,
			Decode: time.Millisecond, Model: 5 * time.Millisecond, Encode: 2 * time.Millisecond})
	}
}

// requests is how many a window shows.
func (l *life) requests(name string, window time.Duration, points int) float64 {
	s := l.Series(name, window, points)
	width := int64(1)
	switch {
	case window > fineWindow && window/time.Duration(points) >= time.Hour:
		width = 3600
	case window > fineWindow:
		width = 60
	}
	units := int64(window/time.Second) / width
	end := floor(l.clock.now().Unix(), width) + 1
	all := 0.0
	for i, p := range s.Points {
		from := end - units + units*int64(i)/int64(len(s.Points))
		to := end - units + units*int64(i+1)/int64(len(s.Points))
		all += p.OK * elapsed(from, to, width, l.clock.now())
	}
	return math.Round(all*1000) / 1000
}

const day = 24 * time.Hour

func TestFourteenDaysAreKeptByTheMinuteAndTheHour(t *testing.T) {
	l := newLife(t)
	const every = 7 // minutes between requests
	n := 0
	for minute := range 15 * 24 * 60 {
		if minute%every == 0 {
			l.record("digits", 3)
			n += 3
		}
		l.clock.add(time.Minute)
		l.Tick()
	}
	if err := l.figures.flush(); err != nil {
		t.Fatal(err)
	}
	for name, then := range map[string]func(){"running": func() {}, "restarted": func() { l.restart(time.Second) }} {
		then()
		if got, want := l.requests("digits", day, 120), 3*math.Round(24*60./every); math.Abs(got-want) > 3 {
			t.Errorf("%s: a day shows %g requests, want %g", name, got, want)
		}
		if got, want := l.requests("digits", 14*day, 120), 3*14*24*60./every; math.Abs(got-want) > 60 {
			t.Errorf("%s: 14 days show %g requests, want about %g", name, got, want)
		}
		p := l.Series("digits", 14*day, 120).Points[60]
		for stage, got := range map[float64]Spent{0.001: p.Queue, 1: p.Decode, 5: p.Model, 2: p.Encode} {
			if !near(got.Mean, stage) || !near(got.P50, stage) || !near(got.P99, stage) {
				t.Errorf("%s: a week ago a stage of %g ms shows %+v", name, stage, got)
			}
		}
	}
	oldest := l.clock.now().Add(-14*day - 3*time.Hour).Unix()
	for key := range l.disk.records {
		if r, number, _, ok := parseChunkKey(key); ok && (number+1)*r.per*r.width < oldest {
			t.Errorf("%s is older than 14 days", key)
		}
	}
	if n := len(l.Endpoint("digits").archive.tiers[bySecond].chunks); n > 64 {
		t.Errorf("%d minutes are in memory by the second", n)
	}
	if n := len(l.Endpoint("digits").archive.tiers[byMinute].chunks); n > 2 {
		t.Errorf("%d hours are in memory by the minute", n)
	}
}

// A kill at any moment loses at most the minute that was under way, and nothing twice.
func TestAKillLosesAtMostAMinute(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := newLife(t)
		kept := 0
		for range rapid.IntRange(1, 5).Draw(r, "lives") {
			perMinute := 0
			for range rapid.IntRange(1, 400).Draw(r, "seconds") {
				if l.clock.now().Second() == 0 {
					perMinute = 0
				}
				if rapid.IntRange(0, 3).Draw(r, "busy") == 0 {
					l.record("digits", 2)
					kept, perMinute = kept+2, perMinute+2
				}
				l.second()
			}
			down := time.Duration(rapid.SampledFrom([]int{0, 1, 59, 60, 1800, 3600, 7300}).Draw(r, "down")) * time.Second
			before := kept
			if rapid.Bool().Draw(r, "killed") {
				// What the last minutes had: a minute is written two seconds after its end.
				lost := perMinute
				if l.clock.now().Second() <= settles {
					lost = 240
				}
				l.kill(down)
				kept = int(l.requests("digits", 14*day, 14*24))
				if kept > before || kept < before-lost {
					r.Fatalf("%d requests of %d after a kill, at most %d may be lost", kept, before, lost)
				}
			} else {
				l.restart(down)
			}
			for _, window := range []time.Duration{day, 14 * day} {
				points := int(window / time.Hour)
				if window == day {
					points = 1440
				}
				if got := l.requests("digits", window, points); got != float64(kept) {
					r.Fatalf("%v shows %g requests of %d", window, got, kept)
				}
			}
		}
	})
}

func TestTheLastHourIsKeptByTheSecondAcrossARestart(t *testing.T) {
	l := newLife(t)
	for i := range 1200 {
		l.record("digits", 1+i%3)
		l.second()
	}
	before := l.Series("digits", time.Hour, 3600)
	l.restart(0)
	after := l.Series("digits", time.Hour, 3600)
	for i := range before.Points {
		if before.Points[i].OK != after.Points[i].OK {
			t.Fatalf("second %d had %g requests, has %g", i, before.Points[i].OK, after.Points[i].OK)
		}
	}
}

// What costs a thousand idle endpoints: nothing but one small record a minute for all.
func TestEndpointsAtRestAreNotWritten(t *testing.T) {
	l := newLife(t)
	g := Gauges{Provisioned: 4, CPUPercent: 0.1, MemoryBytes: 50 << 20}
	step := func() {
		for i := range 20 {
			g.CPUPercent = 0.1 + 0.3*float64(i%2) // as /proc's clock ticks
			l.Endpoint(fmt.Sprint("idle-", i)).SetGauges(g)
		}
		l.second()
	}
	for range 3 * 3600 {
		step()
	}
	records := maps.Clone(l.disk.records)
	applies := l.disk.applies
	for range 3600 {
		step()
	}
	if n := l.disk.applies - applies; n > 62 {
		t.Errorf("%d transactions in an hour", n)
	}
	for key, value := range l.disk.records {
		if string(records[key]) != string(value) && !strings.HasPrefix(key, "u/") {
			t.Errorf("%s was written for endpoints at rest", key)
		}
	}
	for _, window := range []time.Duration{5 * time.Minute, time.Hour, 2 * time.Hour} {
		for i, p := range l.Series("idle-7", window, 120).Points {
			if p.Provisioned != 4 || math.Abs(p.MemoryBytes-50<<20) > 1<<20 {
				t.Fatalf("%v, point %d: %+v", window, i, p)
			}
		}
	}
}

func TestLevelsEndWithWhoReadThem(t *testing.T) {
	l := newLife(t)
	levels := func(ago time.Duration) float64 {
		s := l.Series("digits", 6*time.Hour, 360)
		return s.Points[len(s.Points)-1-int(ago/time.Minute)].Provisioned
	}
	run := func(n int) {
		for range n {
			l.Endpoint("digits").SetGauges(Gauges{Provisioned: 4})
			l.second()
		}
	}
	run(30 * 60)
	l.seconds(30 * 60) // stopped: nobody reads its levels
	run(30 * 60)
	l.kill(30 * time.Minute)
	run(30 * 60)
	l.clock.add(30 * time.Minute) // the machine slept
	run(30 * 60)
	for ago, want := range map[time.Duration]float64{195: 4, 165: 0, 135: 4, 105: 0, 75: 4, 45: 0, 15: 4, 1: 4} {
		if got := levels(ago * time.Minute); got != want {
			t.Errorf("%d minutes ago %g were provisioned, want %g", ago, got, want)
		}
	}
}

func TestAForgottenEndpointLeavesNothingOnTheDisk(t *testing.T) {
	l := newLife(t)
	for range 3 * 60 {
		l.record("digits", 1)
		l.record("other", 1)
		l.clock.add(time.Minute)
		l.second()
	}
	l.Forget("digits")
	if err := l.figures.flush(); err != nil {
		t.Fatal(err)
	}
	others := 0
	for key := range l.disk.records {
		if strings.HasSuffix(key, "/digits") {
			t.Errorf("%s is left", key)
		}
		if strings.HasSuffix(key, "/other") {
			others++
		}
	}
	if others == 0 {
		t.Error("the other endpoint has nothing on the disk")
	}
	l.restart(0)
	if n := l.requests("digits", 14*day, 120); n != 0 {
		t.Errorf("it has %g requests", n)
	}
}

// A disk that takes nothing keeps no request and no reader waiting.
func TestFiguresOfAFullDiskAreTriedAgain(t *testing.T) {
	l := newLife(t)
	l.disk.fail = fmt.Errorf("no space")
	for range 180 {
		l.record("digits", 1)
		l.clock.add(time.Second)
		l.Tick()
	}
	if n := l.requests("digits", time.Hour, 60); n != 180 {
		t.Errorf("%g requests", n)
	}
	if l.figures.flush() == nil {
		t.Fatal("the disk took something")
	}
	l.disk.mu.Lock()
	l.disk.fail = nil
	l.disk.mu.Unlock()
	l.restart(0)
	if n := l.requests("digits", time.Hour, 60); n != 180 {
		t.Errorf("%g requests after a restart", n)
	}
}

// Whatever is in a chunk, putting a sample into it keeps all others, and counts add up.
func TestSamplesMerge(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		type kept struct {
			ok     uint64
			model  uint64
			levels *levels
		}
		want := map[int]*kept{}
		var data []byte
		last := -1
		for range rapid.IntRange(1, 30).Draw(r, "samples") {
			offset := rapid.IntRange(0, 59).Draw(r, "offset")
			s := sample{}
			w := want[offset]
			if w == nil {
				w = &kept{}
				want[offset] = w
			}
			if n := rapid.IntRange(0, 3).Draw(r, "requests"); n > 0 {
				s.traffic = &traffic{ok: uint64(n)}
				for range n {
					b := rapid.IntRange(0, buckets-1).Draw(r, "bucket")
					s.traffic.spent[inModel].bucket[b]++
					s.traffic.spent[inModel].n++
				}
				w.ok, w.model = w.ok+uint64(n), w.model+uint64(n)
			}
			if rapid.Bool().Draw(r, "levels") {
				s.changed, s.levels = true, levels{provisioned: float64(rapid.IntRange(0, 64).Draw(r, "p")), memory: 1 << 20}
				w.levels = &s.levels
			}
			data = merge(data, last, offset, &s)
			last = max(last, offset)
		}
		if got, err := lastOffset(data); err != nil || got != last {
			r.Fatalf("last offset %d, %v", got, err)
		}
		d := newDecoder(data)
		got := []int{}
		for at, ok := d.peek(); ok; at, ok = d.peek() {
			var x traffic
			s := d.next(&x, true)
			got = append(got, at)
			w := want[at]
			if x.ok != w.ok || x.spent[inModel].n != w.model {
				r.Fatalf("unit %d has %d requests, %d of the model, want %+v", at, x.ok, x.spent[inModel].n, w)
			}
			if s.changed != (w.levels != nil) || s.changed && s.levels != *w.levels {
				r.Fatalf("unit %d has levels %+v, want %+v", at, s.levels, w.levels)
			}
		}
		if !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			r.Fatalf("units %v, want %v", got, want)
		}
	})
}

// A damaged record is left alone, and never read beyond its end.
func FuzzDecodeChunk(f *testing.F) {
	t := &traffic{ok: 3}
	t.spent[inTotal].bucket[7], t.spent[inTotal].n = 3, 3
	s := sample{traffic: t, changed: true, levels: levels{4, 1, 0, 12.5, 1 << 26}}
	f.Add(merge(merge(nil, -1, 3, &s), 3, 5, &s))
	f.Add([]byte{format, 0, 1, 1, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		last, err := lastOffset(data)
		if err != nil {
			return
		}
		if len(data) > 0 && last >= 0 {
			a := newArchive("digits", newWriter(nil, "", 0), &uptime{spans: []span{{0, 1 << 40}}})
			a.restore(&resolutions[bySecond], 1000, data)
			a.rebuild(60_050)
			a.series(time.Unix(60_059, 0), time.Hour, 60)
		}
		again := merge(data, last, 59, &sample{gone: true})
		if n, err := lastOffset(again); err != nil || n != 59 {
			t.Errorf("after a merge: %d, %v", n, err)
		}
	})
}

func BenchmarkTickOfAThousandAtRest(b *testing.B) {
	l := newLife(b)
	var all []*Recorder
	for i := range 1000 {
		all = append(all, l.Endpoint(fmt.Sprint("idle-", i)))
	}
	for b.Loop() {
		for _, r := range all {
			r.SetGauges(Gauges{Provisioned: 4, MemoryBytes: 50 << 20})
		}
		l.clock.add(time.Second)
		l.Tick()
	}
}

func BenchmarkSeriesOfADay(b *testing.B)   { benchmarkLong(b, day) }
func BenchmarkSeriesOf14Days(b *testing.B) { benchmarkLong(b, 14*day) }
func benchmarkLong(b *testing.B, window time.Duration) {
	l := newLife(b)
	for i := range 14 * 24 * 60 {
		for j := range 50 {
			l.Endpoint("digits").Record(Sample{Status: 200, Total: time.Duration(5+i%7+j) * time.Millisecond, Decode: time.Duration(j) * time.Microsecond,
				Model: time.Duration(3+j%9) * time.Millisecond, Encode: time.Duration(10+j) * time.Microsecond})
		}
		l.clock.add(time.Minute)
		l.Tick()
	}
	_ = l.figures.flush()
	size := 0
	for key, value := range l.disk.records {
		size += len(key) + len(value)
	}
	b.ReportMetric(float64(size), "B/disk")
	b.ResetTimer()
	for b.Loop() {
		l.Endpoint("digits").archive.long = longSeries{}
		l.Series("digits", window, 120)
	}
}

// BenchmarkRoom is what an endpoint takes: one at rest in memory; one with 1,000 requests in
// each second of an hour in memory, and what a day of it takes on the disk.
func BenchmarkRoom(b *testing.B) {
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		l := newLife(b)
		before := heap()
		for range 3700 {
			for i := range 100 {
				l.Endpoint(fmt.Sprint("idle-", i)).SetGauges(Gauges{Provisioned: 4, MemoryBytes: 50 << 20})
			}
			l.second()
		}
		b.ReportMetric((heap()-before)/100, "B/rest")
		runtime.KeepAlive(l)

		l = newLife(b)
		before = heap()
		random := rand.New(rand.NewPCG(1, 2))
		around := func(ms float64) time.Duration { return time.Duration(ms * math.Exp(random.NormFloat64()/4) * 1e6) }
		written, r := 0, l.Endpoint("busy")
		for i := range 3700 {
			for range 1000 {
				r.Record(Sample{Status: 200, Total: around(2), Queue: around(0.01), Decode: around(0.1), Model: around(1), Encode: around(0.05)})
			}
			r.SetGauges(Gauges{Provisioned: 4, InFlight: i % 4, CPUPercent: around(20).Seconds() * 1e3, MemoryBytes: 50<<20 + int64(i)<<10})
			l.clock.add(time.Second)
			l.Tick()
			l.figures.mu.Lock()
			for key, value := range l.figures.pending {
				written += len(key) + len(value)
			}
			l.figures.mu.Unlock()
			_ = l.figures.flush()
		}
		kept := 0
		for key, value := range l.disk.records {
			if key[0] == 'm' || key[0] == 'h' {
				kept += len(key) + len(value)
			}
		}
		b.ReportMetric(heap()-before, "B/busy")
		b.ReportMetric(float64(kept), "B/hour-kept")
		b.ReportMetric(float64(written), "B/hour-written")
		runtime.KeepAlive(l)
	}
}
