package telemetry

import "math"

// The parts of a request's time, by which histograms are kept.
const (
	inTotal = iota
	inQueue
	inDecode
	inModel
	inEncode
	stages
)

// traffic is the requests that ended in some time.
type traffic struct {
	ok, errors4, errors5 uint64
	spent                [stages]counts
}

func (t *traffic) requests() uint64 { return t.ok + t.errors4 + t.errors5 }

func (t *traffic) addSecond(s *second, latencies bool) {
	t.ok += uint64(s.ok.Load())
	t.errors4 += uint64(s.errors4.Load())
	t.errors5 += uint64(s.errors5.Load())
	if latencies {
		for i := range t.spent {
			t.spent[i].add(&s.spent[i])
		}
	}
}

func (t *traffic) add(o *traffic, latencies bool) {
	t.ok, t.errors4, t.errors5 = t.ok+o.ok, t.errors4+o.errors4, t.errors5+o.errors5
	if !latencies {
		return
	}
	for i := range t.spent {
		to, from := &t.spent[i], &o.spent[i]
		if from.n == 0 {
			continue
		}
		to.n += from.n
		for j, n := range from.bucket {
			to.bucket[j] += n
		}
	}
}

// levels are gauges: one reading or the mean of several.
type levels struct{ provisioned, inFlight, queued, cpu, memory float64 }

func levelsOf(g Gauges) levels {
	return levels{float64(g.Provisioned), float64(g.InFlight), float64(g.Queued), g.CPUPercent, float64(g.MemoryBytes)}
}

// like tells whether a chart would show the same for both: a process at rest takes a
// little more or less processor time and memory from one second to the next.
func (l levels) like(o levels) bool {
	near := func(a, b, by float64) bool { return math.Abs(a-b) < by }
	return near(l.provisioned, o.provisioned, 0.05) && near(l.inFlight, o.inFlight, 0.05) && near(l.queued, o.queued, 0.05) &&
		near(l.cpu, o.cpu, 0.5) && near(l.memory, o.memory, max(1<<20, o.memory/100))
}

// mean sums readings up.
type mean struct {
	sum levels
	n   float64
}

func (m *mean) add(l levels, n float64) {
	m.sum.provisioned += n * l.provisioned
	m.sum.inFlight += n * l.inFlight
	m.sum.queued += n * l.queued
	m.sum.cpu += n * l.cpu
	m.sum.memory += n * l.memory
	m.n += n
}

// value is the mean, all zero without a reading.
func (m *mean) value() levels {
	n := max(m.n, 1e-9)
	return levels{m.sum.provisioned / n, m.sum.inFlight / n, m.sum.queued / n, m.sum.cpu / n, m.sum.memory / n}
}

// sum is what happened in the time of one point.
type sum struct {
	traffic
	levels    mean
	latencies bool // whether histograms are wanted
}

func (s *sum) point(seconds float64) Point {
	g := s.levels.value()
	p := Point{
		P50: s.spent[inTotal].percentile(0.5), P99: s.spent[inTotal].percentile(0.99),
		Queue: s.spent[inQueue].spent(), Decode: s.spent[inDecode].spent(), Model: s.spent[inModel].spent(), Encode: s.spent[inEncode].spent(),
		OK: float64(s.ok) / seconds, Errors4: float64(s.errors4) / seconds, Errors5: float64(s.errors5) / seconds,
		Provisioned: g.provisioned, InFlight: g.inFlight, Queued: g.queued, CPUPercent: g.cpu, MemoryBytes: g.memory,
	}
	p.ModelP50, p.ModelP99 = p.Model.P50, p.Model.P99
	return p
}
