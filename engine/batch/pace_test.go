package batch

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is a model served to clients that send the next request when they have the answer
// to the last. Times are in runs of one row.
type world struct {
	turns, clients, rows, limit int
	slope                       float64 // of the model
	think                       float64 // from an answer to the client's next request, on average
}

// serve gives the rows served in a time of one run. Without a pace every request runs
// alone. It does what worker's batcher does: a run begins when a request comes and a turn
// may be used, and when one ends and something waits.
func (w world) serve(p *Pace, horizon float64) float64 {
	type run struct {
		ends     float64
		began    float64
		requests int
	}
	random := rand.New(rand.NewPCG(1, 2))
	arrivals := make([]float64, w.clients)
	for i := range arrivals {
		arrivals[i] = random.Float64() * (w.think + 1)
	}
	var runs []run
	queue, inProcess, served := 0, 0, 0
	begin := func(now float64) {
		may, share := w.turns, 1
		if p != nil {
			may = p.Runs()
		}
		if queue == 0 || len(runs) >= may {
			return
		}
		if p != nil {
			share = max(min(p.Share(queue), w.limit/w.rows), 1)
		}
		queue -= share
		runs = append(runs, run{now + 1 + w.slope*float64(share*w.rows-1), now, share})
	}
	for {
		// The next thing that happens: an arrival or the end of a run.
		next, client, over := horizon, -1, -1
		for i, at := range arrivals {
			if at < next {
				next, client = at, i
			}
		}
		for i, r := range runs {
			if r.ends < next {
				next, over = r.ends, i
			}
		}
		switch {
		case over >= 0:
			r := runs[over]
			runs = append(runs[:over], runs[over+1:]...)
			served += r.requests * w.rows
			inProcess -= r.requests
			if p != nil {
				p.Done(r.requests, r.requests*w.rows, time.Duration((r.ends-r.began)*1e6), inProcess)
			}
			for i, n := 0, r.requests; n > 0; i++ {
				if arrivals[i] > horizon {
					arrivals[i] = next + w.think*(0.5+random.Float64())
					n--
				}
			}
			begin(next)
		case client >= 0:
			arrivals[client] = horizon + 1
			queue++
			inProcess++
			if p != nil {
				p.Arrive(w.rows, inProcess)
			}
			begin(next)
		default:
			return float64(served) / horizon
		}
	}
}

func (w world) pace(measured float64) *Pace {
	return NewPace(Cost{One: time.Millisecond, Many: time.Duration((1 + 7*measured) * 1e6), Rows: 8}, w.turns, w.limit, false)
}

// Whatever the model, the machine and the load: sharing runs costs no throughput.
func TestSharingRunsCostsNoThroughput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world{
			turns:   rapid.IntRange(1, 16).Draw(t, "turns"),
			clients: rapid.IntRange(1, 64).Draw(t, "clients"),
			rows:    rapid.SampledFrom([]int{1, 1, 2, 5, 10, 20}).Draw(t, "rows"),
			limit:   rapid.SampledFrom([]int{16, 16, 4, 64}).Draw(t, "limit"),
			slope:   rapid.Float64Range(0, 1).Draw(t, "slope"),
			think:   rapid.SampledFrom([]float64{0.001, 0.05, 0.3, 1, 5}).Draw(t, "think"),
		}
		horizon := 60 * (1 + w.slope*float64(max(w.limit, w.rows)))
		off, on := w.serve(nil, horizon), w.serve(w.pace(w.slope), horizon)
		if on < 0.93*off { // a twentieth is the part of a run that the end cuts off
			t.Fatalf("%+v: %.2f rows with sharing, %.2f without (%.2f)", w, on, off, on/off)
		}
	})
}

// A model whose trial promised more than its requests keep, since the trial had rows of
// one word and they have hundreds, is found out within two dozen runs, and the other way
// round.
func TestAWrongTrialIsFoundOut(t *testing.T) {
	for _, slope := range []float64{0.6, 0.9, 1, 1.35} {
		w := world{turns: 2, clients: 16, rows: 1, limit: 16, slope: slope, think: 0.05}
		p := w.pace(0.01)
		p.one.value /= 8
		for _, c := range []struct{ horizon, least float64 }{{100, 0.9}, {400, 0.97}} {
			if on, off := w.serve(p, c.horizon), w.serve(nil, c.horizon); on < c.least*off {
				t.Errorf("slope %.2f, within %.0f: %.2f rows, %.2f without sharing", slope, c.horizon, on, off)
			}
		}
	}
	w := world{turns: 2, clients: 16, rows: 1, limit: 16, slope: 0.05, think: 0.05}
	p := w.pace(1)
	w.serve(p, 500)
	if on, off := w.serve(p, 400), w.serve(nil, 400); on < 2*off {
		t.Errorf("a model that gains: %.2f rows, %.2f without sharing", on, off)
	}
}

// Noise as a busy machine makes it, where one run in ten takes ten times as long, does not
// move the middle from where it is.
func TestAFewLongRunsDoNotMoveTheMiddle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	m := middle{value: 100}
	for range 1000 {
		sample := 1000 * (0.9 + 0.2*r.Float64())
		if r.IntN(10) == 0 {
			sample *= 10
		}
		m.follow(sample)
	}
	if m.value < 800 || m.value > 1300 {
		t.Errorf("the middle is %.0f, want about 1000", m.value)
	}
}

// The figures of a dense model of 23 MB and an encoder on two processors (design figures:
// 5.9 and 1.55 times a row at 8 rows), and what a run of each takes.
func TestHowManyRunsGoOnAtOnce(t *testing.T) {
	for _, c := range []struct {
		gain    float64
		clients int
		want    int // runs at once
		least   float64
	}{
		{5.9, 1, 2, 0.99}, {5.9, 2, 2, 0.99}, {5.9, 4, 2, 0.97}, {5.9, 8, 1, 1.4}, {5.9, 16, 1, 2.5},
		{1.55, 2, 2, 0.99}, {1.55, 16, 2, 1.15},
		{0.93, 16, 2, 0.97},
	} {
		t.Run(fmt.Sprintf("%.2f times, %d clients", c.gain, c.clients), func(t *testing.T) {
			w := world{turns: 2, clients: c.clients, rows: 1, limit: 16, slope: (8/c.gain - 1) / 7, think: 0.03}
			p := w.pace(w.slope)
			on, off := w.serve(p, 1000), w.serve(nil, 1000)
			t.Logf("%.2f against %.2f: %.2f", on, off, on/off)
			if p.Runs() != c.want || on < c.least*off {
				t.Errorf("%d runs at once, want %d; %.2f times the throughput, want %.2f", p.Runs(), c.want, on/off, c.least)
			}
		})
	}
}
