package autoscale

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestDecide(t *testing.T) {
	large := Limits{Min: 16, Max: 64}
	custom := Limits{Min: 4, Max: 64}
	zero := Limits{Max: 16, ScaleToZero: true}
	for _, c := range []struct {
		name   string
		o      Observed
		l      Limits
		want   int
		reason string // a part of it
	}{
		{"a fixed size stays", Observed{Ready: 4, Busy: 4, Queued: 50, Mean: 54}, Limits{Min: 4, Max: 4}, 4, ""},
		{"a queue below the tolerance does not grow the pool", Observed{Ready: 8, Busy: 8, Queued: 4, Mean: 3}, custom, 8, ""},
		{"a queue above the tolerance grows it at once", Observed{Ready: 8, Busy: 8, Queued: 6, Mean: 3}, custom, 16, "queued 6 > 50 % of 8 ready"},
		{"permits on their way count as there", Observed{Ready: 0, Starting: 8, Queued: 2}, zero, 0, ""},
		{"growth ends at the maximum", Observed{Ready: 60, Busy: 60, Queued: 900, Mean: 900}, custom, 64, ""},
		{"the mean alone grows the pool: 9 + √9 needs 12", Observed{Ready: 8, Busy: 8, Mean: 9}, custom, 12, "9.0 requests at once on average"},
		{"a size that was wanted lately stays", Observed{Ready: 16, Busy: 1, Mean: 1, Wanted: 16}, custom, 16, ""},
		{"a size that was enough for the quiet time is taken", Observed{Ready: 16, Busy: 1, Mean: 2, Wanted: 4}, custom, 4, "4 were enough for the last 30 s"},
		{"it shrinks to the minimum", Observed{Ready: 64}, large, 16, "16 were enough"},
		{"it does not shrink below what runs", Observed{Ready: 32, Busy: 17, Mean: 1, Wanted: 4}, custom, 20, "20 were enough"},
		{"nothing shrinks while permits start", Observed{Ready: 16, Starting: 4, Mean: 1, Wanted: 4}, custom, 16, ""},
		{"idle for the idle time goes to zero", Observed{Ready: 4, LastArrival: noon.Add(-DefaultIdle)}, zero, 0, "no request for 30 min"},
		{"idle a second less stays", Observed{Ready: 4, LastArrival: noon.Add(time.Second - DefaultIdle)}, zero, 4, ""},
		{"a laptop that slept for a day keeps what runs", Observed{Ready: 4, Busy: 1, LastArrival: noon.Add(-24 * time.Hour)}, zero, 4, ""},
		{"a laptop that slept for a day keeps what waits", Observed{Ready: 4, Queued: 1, LastArrival: noon.Add(-24 * time.Hour)}, zero, 4, ""},
		{"a clock set back does not scale to zero", Observed{Ready: 4, LastArrival: noon.Add(24 * time.Hour)}, zero, 4, ""},
		{"without scale to zero idle changes nothing", Observed{Ready: 4, LastArrival: noon.Add(-24 * time.Hour)}, Limits{Min: 4, Max: 4}, 4, ""},
		{"at zero nothing wakes without a request", Observed{LastArrival: noon}, zero, 0, ""},
		{"the first request wakes one unit", Observed{Queued: 1}, zero, 4, "a request arrived while scaled to zero"},
		{"what must run comes back by itself", Observed{}, large, 16, "the configured minimum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Decide(noon, c.o, c.l)
			if got.Desired != c.want || !strings.Contains(got.Reason, c.reason) || (got.Reason != "") != (got.Desired != c.o.Ready) {
				t.Errorf("%d, reason %q; want %d, %q", got.Desired, got.Reason, c.want, c.reason)
			}
		})
	}
}

// Whatever is seen, a decision is a size that the configuration allows and that does not
// take a permit from under a running request.
func TestADecisionIsAlwaysAllowed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := Limits{
			Min:         Unit * rapid.IntRange(0, 16).Draw(r, "min"),
			ScaleToZero: rapid.Bool().Draw(r, "scale to zero"),
			Idle:        time.Duration(rapid.IntRange(0, 3600).Draw(r, "idle")) * time.Second,
		}
		if l.ScaleToZero {
			l.Min = 0
		}
		l.Max = max(Unit, l.Min) + Unit*rapid.IntRange(0, 16).Draw(r, "above")
		o := Observed{
			Ready:    min(l.Max, max(StartSize(l), Unit*rapid.IntRange(0, 40).Draw(r, "ready"))) * rapid.IntRange(0, 1).Draw(r, "runs"),
			Starting: Unit * rapid.IntRange(0, 4).Draw(r, "starting"),
			Queued:   rapid.IntRange(0, 5000).Draw(r, "queued"),
			Mean:     rapid.Float64Range(0, 1e7).Draw(r, "mean"),
			Wanted:   Unit * rapid.IntRange(0, 500).Draw(r, "wanted"),
			// The clock may have jumped by days either way.
			LastArrival: noon.Add(time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(r, "arrival")) * time.Second),
		}
		o.Busy = rapid.IntRange(0, o.Ready).Draw(r, "busy")
		d := Decide(noon, o, l)
		switch {
		case d.Desired%Unit != 0 || d.Wanted%Unit != 0:
			r.Fatalf("no multiple of %d: %+v", Unit, d)
		case d.Desired > l.Max || d.Wanted > l.Max:
			r.Fatalf("above the maximum: %+v", d)
		case d.Desired < o.Busy:
			r.Fatalf("below what runs: %+v", d)
		case d.Desired < l.Min && (o.Ready > 0 || o.Starting == 0):
			r.Fatalf("below the minimum: %+v", d)
		case d.Desired == 0 && o.Ready > 0 && (o.Queued > 0 || !l.ScaleToZero):
			r.Fatalf("scaled to zero against the rules: %+v", d)
		case d.Desired != o.Ready && d.Reason == "":
			r.Fatalf("a change without a reason: %+v", d)
		}
	})
}

// Constant load never makes the size go up and down: after the window has filled, a
// steady load changes nothing, and Poisson arrivals change it seldom.
func TestConstantLoadDoesNotOscillate(t *testing.T) {
	for _, atOnce := range []int{0, 1, 3, 4, 7, 12, 33, 64} {
		l, w, ready, changes := Limits{Min: 4, Max: 64}, Window{}, 64, 0
		for s := range 600 {
			now := noon.Add(time.Duration(s) * time.Second)
			busy := min(atOnce, ready)
			w.Observe(now, atOnce)
			d := Decide(now, Observed{Ready: ready, Busy: busy, Queued: atOnce - busy, Mean: w.Mean(now), Wanted: w.Wanted(now)}, l)
			w.Want(now, d.Wanted)
			if d.Desired != ready && s > 60 {
				changes++
			}
			ready = d.Desired
		}
		if changes > 0 {
			t.Errorf("%d at once: %d changes after the first minute", atOnce, changes)
		}
	}
	for _, mean := range []int{2, 6, 12, 20} {
		if changes := poisson(mean); changes > 12 {
			t.Errorf("Poisson arrivals, %d at once on average: %d changes in ten minutes", mean, changes)
		} else {
			t.Logf("Poisson arrivals, %d at once on average: %d changes in ten minutes", mean, changes)
		}
	}
}

// poisson runs an M/D/c queue of 100 ms requests for eleven minutes in steps of 10 ms and
// counts the changes of the last ten.
func poisson(mean int) (changes int) {
	random := rand.New(rand.NewPCG(1, uint64(mean)))
	l, w, ready := Limits{Min: 4, Max: 64}, Window{}, 4
	var ends []int // steps at which running requests end
	queued, next := 0, 0.0
	for step := range 66000 {
		now := noon.Add(time.Duration(step) * 10 * time.Millisecond)
		for len(ends) > 0 && ends[0] <= step {
			ends = ends[1:]
		}
		arrived := false
		for ; next <= float64(step); next += random.ExpFloat64() * 10 / float64(mean) {
			queued, arrived = queued+1, true
		}
		look := func() {
			w.Observe(now, len(ends)+queued)
			d := Decide(now, Observed{Ready: ready, Busy: len(ends), Queued: queued, Mean: w.Mean(now), Wanted: w.Wanted(now)}, l)
			w.Want(now, d.Wanted)
			if d.Desired != ready && step > 6000 {
				changes++
			}
			ready = d.Desired
		}
		for ; queued > 0 && len(ends) < ready; queued-- {
			ends = append(ends, step+10)
		}
		if step%100 == 0 || (arrived && queued > 0) {
			look()
		}
		for ; queued > 0 && len(ends) < ready; queued-- {
			ends = append(ends, step+10)
		}
	}
	return changes
}

// N first requests to a sleeping entity ask for at most one unit more than N.
func TestWakingDoesNotOvershoot(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(r, "requests")
		l := Limits{Max: 64, ScaleToZero: true}
		starting := 0
		for q := 1; q <= n; q++ {
			if d := Decide(noon, Observed{Starting: starting, Queued: q}, l); d.Desired > starting {
				starting = d.Desired
			}
		}
		if starting > min(n+Unit, l.Max) || starting < Unit {
			r.Fatalf("%d requests started %d permits", n, starting)
		}
	})
}
