package autoscale

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// seen is a layer of quickPolicy that has looked at a load for five minutes, up to noon.
func seen(atOnce int) *layer {
	y := newLayer(quickPolicy, noon.Add(-5*time.Minute))
	for s := -300; s <= 0; s++ {
		y.window.observe(noon.Add(time.Duration(s)*time.Second), atOnce)
	}
	return &y
}

func TestDecide(t *testing.T) {
	large := Limits{Min: 16, Max: 64}
	custom := Limits{Min: 4, Max: 64}
	zero := Limits{Max: 16, ScaleToZero: true}
	for _, c := range []struct {
		name   string
		load   int // of the last minutes
		wanted int // 29 s ago
		o      Observed
		l      Limits
		want   int
		reason string // a part of it
	}{
		{"a fixed size stays", 54, 0, Observed{Ready: 4, Busy: 4, Queued: 50}, Limits{Min: 4, Max: 4}, 4, ""},
		{"what exceeds it within the tolerance does not grow it", 3, 0, Observed{Ready: 8, Busy: 8, Queued: 4}, custom, 8, ""},
		{"one more grows it at once", 3, 0, Observed{Ready: 8, Busy: 8, Queued: 5}, custom, 16, "13 requests at once, 5 more than the 8 provisioned"},
		{"requests on permits beyond it are as good a reason", 3, 0, Observed{Ready: 8, Busy: 13}, custom, 16, "13 requests at once, 5 more than the 8 provisioned"},
		{"and within the tolerance none", 3, 0, Observed{Ready: 8, Busy: 12}, custom, 8, ""},
		{"what is on its way counts as there", 0, 0, Observed{Ready: 4, Starting: 8, Busy: 4, Queued: 14}, custom, 12, ""},
		{"growth ends at the maximum", 900, 0, Observed{Ready: 60, Busy: 60, Queued: 900}, custom, 64, "requests at once"},
		{"the load alone grows it: 9 + √9 needs 12", 9, 0, Observed{Ready: 8, Busy: 8}, custom, 12, "9.0 requests at once over 20 s"},
		{"a size that was wanted lately stays", 1, 16, Observed{Ready: 16, Busy: 1}, custom, 16, ""},
		{"a size that was enough for the quiet time is taken", 2, 0, Observed{Ready: 16, Busy: 1}, custom, 4, "4 were enough for the last 30 s"},
		{"it shrinks to what was wanted lately", 2, 12, Observed{Ready: 16, Busy: 1}, custom, 12, "12 were enough for the last 30 s"},
		{"it shrinks to the minimum", 0, 0, Observed{Ready: 64}, large, 16, "16 were enough"},
		{"it does not shrink below what runs", 1, 0, Observed{Ready: 32, Busy: 17}, custom, 20, "20 were enough"},
		{"nothing shrinks while something starts", 1, 0, Observed{Ready: 16, Starting: 4}, custom, 20, ""},
		{"idle for the idle time goes to zero", 0, 0, Observed{Ready: 4, LastArrival: noon.Add(-DefaultIdle)}, zero, 0, "no request for 30 min"},
		{"idle a second less stays", 0, 0, Observed{Ready: 4, LastArrival: noon.Add(time.Second - DefaultIdle)}, zero, 4, ""},
		{"a shorter idle time counts", 0, 0, Observed{Ready: 4, LastArrival: noon.Add(-10 * time.Second)}, Limits{Max: 4, ScaleToZero: true, Idle: 10 * time.Second}, 0, "no request for 10 s"},
		{"a laptop that slept for a day keeps what runs", 0, 0, Observed{Ready: 4, Busy: 1, LastArrival: noon.Add(-24 * time.Hour)}, zero, 4, ""},
		{"a laptop that slept for a day keeps what waits", 0, 0, Observed{Ready: 4, Queued: 1, LastArrival: noon.Add(-24 * time.Hour)}, zero, 4, ""},
		{"a clock set back does not scale to zero", 0, 0, Observed{Ready: 4, LastArrival: noon.Add(24 * time.Hour)}, zero, 4, ""},
		{"without scale to zero idle changes nothing", 0, 0, Observed{Ready: 4, LastArrival: noon.Add(-24 * time.Hour)}, Limits{Min: 4, Max: 4}, 4, ""},
		{"at zero nothing wakes without a request", 0, 0, Observed{LastArrival: noon}, zero, 0, ""},
		{"the first request wakes one unit", 0, 0, Observed{Queued: 1}, zero, 4, "a request arrived while scaled to zero"},
		{"what must run comes back by itself", 0, 0, Observed{}, large, 16, "the configured minimum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := seen(c.load)
			if c.wanted > 0 {
				y.window.sizes[slot(noon.Unix()-29, len(y.window.sizes))] = c.wanted
			}
			got := y.decide(noon, c.o, c.l)
			if got.Provisioned != c.want || !strings.Contains(got.Reason, c.reason) || (got.Reason != "") != (got.Provisioned != c.o.Ready+c.o.Starting) {
				t.Errorf("%d, reason %q; want %d, %q", got.Provisioned, got.Reason, c.want, c.reason)
			}
		})
	}
}

// idleFor lets a scaler look at nothing, and counts the seconds until it shrinks.
func idleFor(s Scaler, from time.Time, o Observed, l Limits) (seconds int, d Decision) {
	for seconds = 1; seconds < 1000; seconds++ {
		now := from.Add(time.Duration(seconds) * time.Second)
		s.Look(now, o.Busy)
		if d = s.Decide(now, o, l); d.Provisioned < o.Ready {
			break
		}
	}
	return seconds, d
}

// What an entity takes over from one before it, and what it has after the engine's start, it
// keeps for as long as it takes to know better.
func TestNothingShrinksBeforeTheLoadIsKnown(t *testing.T) {
	for _, p := range []Policy{quickPolicy, slowPolicy, heldPolicy} {
		o := Observed{Ready: 32, Permits: 32, LastArrival: noon}
		seconds, d := idleFor(NewScaler(p, noon), noon, o, Limits{Min: 4, Max: 64})
		if want := int(max(p.History, p.Quiet) / time.Second); seconds != want || d.Provisioned != 4 {
			t.Errorf("history %v, quiet %v: shrinks to %d after %d s, want %d s", p.History, p.Quiet, d.Provisioned, seconds, want)
		}
	}
	o := Observed{Ready: 32, Permits: 32, LastArrival: noon}
	if seconds, d := idleFor(NewDatabricks(noon), noon, o, Limits{Min: 4, Max: 64}); seconds < 300 || seconds > 305 || d.Provisioned != 4 {
		t.Errorf("with Databricks' timings it shrinks to %d after %d s", d.Provisioned, seconds)
	}
}

// A clock that jumps, as it does where a laptop was asleep, begins that anew.
func TestAJumpOfTheClockShrinksNothing(t *testing.T) {
	for _, jump := range []time.Duration{8 * time.Hour, -time.Hour, 2 * time.Minute, -10 * time.Second} {
		s, l := NewScaler(quickPolicy, noon), Limits{Min: 4, Max: 64}
		o := Observed{Ready: 32, Permits: 32, Busy: 20, LastArrival: noon}
		for i := range 60 {
			s.Look(noon.Add(time.Duration(i)*time.Second), 20)
			s.Decide(noon.Add(time.Duration(i)*time.Second), o, l)
		}
		o.Busy = 0
		if seconds, _ := idleFor(s, noon.Add(time.Minute+jump), o, l); seconds < 20 {
			t.Errorf("after a jump by %v it shrinks within %d s", jump, seconds)
		}
	}
}

// Permits rise with a moment's requests, without a reason, and go when those have gone.
func TestPermitsAnswerTheMoment(t *testing.T) {
	s, l := NewScaler(quickPolicy, noon), Limits{Min: 4, Max: 64}
	now := noon
	for range 60 {
		now = now.Add(time.Second)
		s.Look(now, 2)
		if d := s.Decide(now, Observed{Ready: 4, Permits: 4, Busy: 2}, l); d.Provisioned != 4 || d.Permits != 4 {
			t.Fatalf("2 at once: %+v", d)
		}
	}
	d := s.Decide(now, Observed{Ready: 4, Permits: 4, Busy: 4, Queued: 1}, l)
	if d.Provisioned != 4 || d.Permits != 8 || d.Reason != "" {
		t.Errorf("5 at once open %+v", d)
	}
	d = s.Decide(now, Observed{Ready: 4, Permits: 8, Busy: 8, Queued: 92}, l)
	if d.Provisioned != 4 || d.Permits != 64 {
		t.Errorf("100 at once open %+v", d)
	}
	now = now.Add(2 * time.Second)
	s.Look(now, 1)
	if d = s.Decide(now, Observed{Ready: 4, Permits: 64, Busy: 1}, l); d.Provisioned != 4 || d.Permits != 4 {
		t.Errorf("two seconds later there are %+v", d)
	}
	now = now.Add(time.Second)
	s.Look(now, 30)
	if d = s.Decide(now, Observed{Ready: 4, Permits: 4, Busy: 4, Queued: 26}, l); d.Provisioned != 32 || d.Permits != 32 || d.Reason == "" {
		t.Errorf("30 at once at a look: %+v", d)
	}
}

// Whatever is seen, and whatever the clock does, a decision is a size that the configuration
// allows and that takes nothing from under a running request.
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
		now := noon
		s := rapid.SampledFrom([]func(time.Time) Scaler{
			func(now time.Time) Scaler { return NewScaler(quickPolicy, now) },
			func(now time.Time) Scaler { return NewScaler(slowPolicy, now) },
			func(now time.Time) Scaler { return NewScaler(heldPolicy, now) },
			NewDatabricks,
		}).Draw(r, "policy")(now)
		o := Observed{Ready: StartSize(l), Permits: StartSize(l), LastArrival: now}
		for range rapid.IntRange(1, 60).Draw(r, "looks") {
			switch rapid.IntRange(0, 9).Draw(r, "clock") {
			case 0: // it jumps by days either way
				now = now.Add(time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(r, "jump")) * time.Second)
			default:
				now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(r, "ms")) * time.Millisecond)
			}
			o.Busy = rapid.IntRange(0, o.Permits).Draw(r, "busy")
			o.Queued = rapid.IntRange(0, 300).Draw(r, "queued")
			if rapid.Bool().Draw(r, "look") {
				s.Look(now, o.Busy+o.Queued)
			}
			d := s.Decide(now, o, l)
			have := o.Ready + o.Starting
			switch {
			case d.Provisioned%Unit != 0 || d.Permits%Unit != 0:
				r.Fatalf("no multiple of %d: %+v", Unit, d)
			case max(d.Provisioned, d.Permits) > l.Max:
				r.Fatalf("above the maximum: %+v", d)
			case d.Provisioned < min(o.Busy, have) || d.Permits < min(o.Busy, o.Permits):
				r.Fatalf("below what runs: %+v of %+v", d, o)
			case d.Provisioned < l.Min:
				r.Fatalf("below the minimum: %+v", d)
			case d.Provisioned == 0 && have > 0 && (o.Busy+o.Queued > 0 || !l.ScaleToZero):
				r.Fatalf("scaled to zero against the rules: %+v", d)
			case (d.Provisioned != have) != (d.Reason != ""):
				r.Fatalf("a change without a reason, or a reason without one: %+v of %+v", d, o)
			case d.Permits < min(d.Provisioned, o.Ready):
				r.Fatalf("fewer permits than are ready: %+v of %+v", d, o)
			case d.After < 0 || d.After > 0 && d.Provisioned <= have:
				r.Fatalf("to wait for what shrinks: %+v", d)
			}
			// As the owner does it.
			if d.After > 0 && rapid.Bool().Draw(r, "still starting") {
				o.Starting = d.Provisioned - o.Ready
			} else {
				o.Ready, o.Starting = d.Provisioned, 0
			}
			if o.Permits = max(d.Permits, o.Ready); o.Ready == 0 {
				o.Permits = 0
			}
		}
	})
}

// When all who waited have gone, what was provisioned for them goes too.
func TestWhenAllHaveGoneItIsIdleAgain(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := NewScaler(quickPolicy, noon)
		l := Limits{Max: 64, ScaleToZero: true, Idle: 10 * time.Minute}
		o := Observed{Ready: 4, Permits: 4, LastArrival: noon}
		crowd := rapid.IntRange(0, 400).Draw(r, "requests")
		stay := rapid.IntRange(1, 30).Draw(r, "seconds")
		for second := range 11 * 60 {
			now := noon.Add(time.Duration(second) * time.Second)
			o.Busy, o.Queued = 0, 0
			if second < stay && crowd > 0 {
				o.Busy, o.Queued = min(crowd, o.Permits), max(0, crowd-o.Permits)
				o.LastArrival = now
			}
			s.Look(now, o.Busy+o.Queued)
			d := s.Decide(now, o, l)
			o.Ready, o.Permits = d.Provisioned, d.Permits
			if second == stay+100 && o.Ready != 4 {
				r.Fatalf("100 s after the last has gone %d are provisioned", o.Ready)
			}
		}
		if o.Ready != 0 {
			r.Fatalf("ten minutes after the last has gone %d are provisioned", o.Ready)
		}
	})
}

// N first requests to a sleeping entity ask for at most one unit more than N.
func TestWakingDoesNotOvershoot(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(r, "requests")
		l := Limits{Max: 64, ScaleToZero: true}
		s, starting := NewScaler(quickPolicy, noon), 0
		for q := 1; q <= n; q++ {
			if q%7 == 0 {
				s.Look(noon, q)
			}
			starting = s.Decide(noon, Observed{Starting: starting, Queued: q}, l).Provisioned
		}
		if starting > min(n+Unit, l.Max) || starting < Unit {
			r.Fatalf("%d requests started %d permits", n, starting)
		}
	})
}

func TestTheStartUpTimeChoosesThePolicy(t *testing.T) {
	for took, want := range map[time.Duration]Policy{
		0: quickPolicy, 250 * time.Millisecond: quickPolicy, 251 * time.Millisecond: slowPolicy,
		9 * time.Second: slowPolicy, 10 * time.Second: heldPolicy, time.Hour: heldPolicy,
	} {
		if got := PolicyFor(took); got != want {
			t.Errorf("%v: %+v", took, got)
		}
	}
	var s Starts
	if s.Typical() != 0 {
		t.Error("no start takes time")
	}
	s.Add(3 * time.Second)
	if s.Typical() != 3*time.Second {
		t.Errorf("one start of 3 s: %v", s.Typical())
	}
	for range 9 {
		s.Add(200 * time.Millisecond)
	}
	if s.Typical() != 200*time.Millisecond {
		t.Errorf("one slow start of ten: %v", s.Typical())
	}
	s.Add(2 * time.Second) // in place of the slow one
	s.Add(4 * time.Second)
	if s.Typical() != 2*time.Second {
		t.Errorf("two slow starts of ten: %v", s.Typical())
	}
}

// Only growth takes time: one that stays at zero has nothing to wait for.
func TestAtZeroThereIsNothingToWaitFor(t *testing.T) {
	l := Limits{Max: 64, ScaleToZero: true}
	s := NewDatabricks(noon)
	if d := s.Decide(noon, Observed{}, l); d != (Decision{}) {
		t.Errorf("without a request: %+v", d)
	}
	if d := s.Decide(noon, Observed{Queued: 1}, l); d.Provisioned != Unit || d.After != ColdStart {
		t.Errorf("with one that waits: %+v", d)
	}
}
