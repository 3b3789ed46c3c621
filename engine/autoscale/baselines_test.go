package autoscale

import (
	"math"
	"time"
)

// fixed keeps one size.
type fixed int

func (fixed) tick() time.Duration          { return time.Minute }
func (f fixed) size(*simulation, bool) int { return int(f) }

// kpa is Knative's pod autoscaler as its defaults have it (knative/serving,
// pkg/autoscaler/scaling/autoscaler.go): a decision each 2 s from the mean of 60 s, or of
// 6 s once that asks for twice what is ready; until a whole 60 s have passed without, the
// size never falls. A pod is a unit of 4 permits and is to be utilised by 70 %.
type kpa struct {
	least, most int
	panicSince  time.Duration // of the last 6 s mean above the threshold
	panics      bool
	panicPods   int
}

func (*kpa) tick() time.Duration { return 2 * time.Second }

func (k *kpa) size(s *simulation, queued bool) int {
	have := s.ready + s.coming()
	if queued {
		return have
	}
	const target = 0.7 * Unit
	ready := max(s.ready/Unit, 1)
	pods := func(seconds int) int { return int(math.Ceil(s.meanOf(min(seconds, max(len(s.seconds), 1))) / target)) }
	bound := func(n int) int { return min(max(n, ready/2), 1000*ready) }
	rawStable, rawPanic := pods(60), pods(6)
	want, inPanic := bound(rawStable), bound(rawPanic)
	over := float64(rawPanic)/float64(ready) >= 2
	switch {
	case !k.panics && over:
		k.panics, k.panicSince = true, s.now
	case k.panics && over:
		k.panicSince = s.now
	case k.panics && s.now > k.panicSince+60*time.Second:
		k.panics, k.panicPods = false, 0
	}
	if k.panics {
		k.panicPods = max(k.panicPods, inPanic)
		want = k.panicPods
	}
	return min(max(want*Unit, k.least), k.most)
}
