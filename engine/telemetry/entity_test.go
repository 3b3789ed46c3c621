package telemetry

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAnEntityHasItsOwnFigures(t *testing.T) {
	c := newClock()
	x := New(c.now, nil, nil)
	r := x.Endpoint("digits")
	one, two := r.Entity("digits-1", 1), r.Entity("digits-2", 2)
	r.Record(Sample{Status: 200, Total: 3 * time.Millisecond, Queue: time.Millisecond, Model: 300 * time.Microsecond, Entity: one})
	r.Record(Sample{Status: 429, Total: time.Microsecond, Entity: one})
	r.Record(Sample{Status: 500, Total: time.Second, Entity: two})
	r.Record(Sample{Status: 404, Total: time.Microsecond})

	f := x.EntityFigures("digits", "digits-1", 1)
	if f.Requests != 2 || f.Errors4 != 1 || f.Errors5 != 0 {
		t.Errorf("counts of digits-1: %+v", f)
	}
	if f.Latency.Count() != 2 || math.Abs(f.Latency.Sum-3.001) > 1e-9 || f.Queue.Count() != 2 || f.Queue.Sum != 1 || f.Model.Count() != 1 || f.Model.Sum != 0.3 {
		t.Errorf("distributions of digits-1: %+v", f)
	}
	if f := x.EntityFigures("digits", "digits-2", 2); f.Requests != 1 || f.Errors5 != 1 || f.Errors4 != 0 || f.Model.Count() != 0 {
		t.Errorf("digits-2: %+v", f)
	}
	for _, f := range []EntityFigures{x.EntityFigures("digits", "digits-1", 2), x.EntityFigures("none", "digits-1", 1)} {
		if f != (EntityFigures{}) {
			t.Errorf("what is not known has %+v", f)
		}
	}
	if p := x.Summary("digits"); p.RequestsPerSecond == 0 {
		t.Error("the endpoint's own figures are gone")
	}

	c.add(59 * time.Second)
	if f := x.EntityFigures("digits", "digits-1", 1); f.Requests != 2 {
		t.Errorf("after 59 s %d requests of the last minute", f.Requests)
	}
	c.add(time.Second)
	if f := x.EntityFigures("digits", "digits-1", 1); f.Requests != 0 || f.Latency.Count() != 2 {
		t.Errorf("after 60 s %d requests of the last minute, %d since the start", f.Requests, f.Latency.Count())
	}
	x.Forget("digits")
	if f := x.EntityFigures("digits", "digits-1", 1); f != (EntityFigures{}) {
		t.Errorf("after Forget %+v", f)
	}
}

// Each value is in the first bucket whose bound it does not exceed, as Prometheus has it.
func TestADistributionsBucketsHoldTheirBounds(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := time.Duration(rapid.OneOf(
			rapid.Int64Range(-1, int64(20*time.Minute)),
			rapid.Map(rapid.SampledFrom(Bounds[:]), func(ms float64) int64 { return int64(ms * 1e6) }),
		).Draw(r, "ns"))
		var x tally
		x.add(d)
		got := x.read()
		for i, n := range got.Counts {
			fits := (i == len(Bounds) || float64(d) <= Bounds[i]*1e6) && (i == 0 || float64(d) > Bounds[i-1]*1e6)
			if (n == 1) != fits {
				r.Fatalf("%v: %d in bucket %d", d, n, i)
			}
		}
	})
}

func TestAnEntityIsTheSameOneUntilManyOthersCame(t *testing.T) {
	r := New(time.Now, nil, nil).Endpoint("digits")
	kept, dropped := r.Entity("kept", 1), r.Entity("dropped", 1)
	for i := range maxEntities + 1 {
		r.Entity(fmt.Sprint(i), 1)
		if r.Entity("kept", 1) != kept {
			t.Fatalf("another one after %d others", i)
		}
	}
	if r.Entity("dropped", 1) == dropped {
		t.Error("one that nobody asked for is kept for ever")
	}
	if len(r.entities) != maxEntities {
		t.Errorf("%d entities are kept", len(r.entities))
	}
}

func TestManyGoroutinesRecordOneEntity(t *testing.T) {
	const writers, each = 8, 1000
	c := newClock()
	x := New(c.now, nil, nil)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			r := x.Endpoint("digits")
			e := r.Entity("digits-1", 1)
			for range each {
				r.Record(Sample{Status: 200, Total: time.Millisecond, Model: time.Microsecond, Entity: e})
			}
			x.EntityFigures("digits", "digits-1", 1)
		})
	}
	wg.Wait()
	if f := x.EntityFigures("digits", "digits-1", 1); f.Requests != writers*each || f.Model.Count() != writers*each || f.Latency.Sum != writers*each {
		t.Errorf("%+v", f)
	}
}

func TestRecordOfAnEntityAllocatesNothing(t *testing.T) {
	c := newClock()
	r := New(c.now, nil, nil).Endpoint("digits")
	s := Sample{Status: 200, Total: time.Millisecond, Model: time.Microsecond, Entity: r.Entity("digits-1", 1)}
	if n := testing.AllocsPerRun(100, func() { r.Record(s) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkRecordOfAnEntity(b *testing.B) {
	r := New(time.Now, nil, nil).Endpoint("digits")
	s := Sample{Status: 200, Total: 1234567, Queue: 1000, Model: 123456, Entity: r.Entity("digits-1", 1)}
	b.ReportAllocs()
	for b.Loop() {
		r.Record(s)
	}
}

func BenchmarkRecordOfAnEntityFromAllCores(b *testing.B) {
	r := New(time.Now, nil, nil).Endpoint("digits")
	s := Sample{Status: 200, Total: 1234567, Queue: 1000, Model: 123456, Entity: r.Entity("digits-1", 1)}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Record(s)
		}
	})
}
