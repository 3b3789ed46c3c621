package autoscale

import (
	"testing"
	"time"
)

// A decision that changes nothing, as each request that queues asks for one.
func BenchmarkDecide(b *testing.B) {
	s := NewScaler(quickPolicy, noon)
	l := Limits{Min: 4, Max: 64}
	for i := range 60 {
		s.Look(noon.Add(time.Duration(i)*time.Second), 40)
	}
	o := Observed{Ready: 64, Permits: 64, Busy: 64, Queued: 100, LastArrival: noon}
	now := noon.Add(time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		s.Decide(now, o, l)
	}
}
