package autoscale

import (
	"fmt"
	"os"
	"testing"
	"time"
)

var evaluated = Limits{Min: 4, Max: 64}

// The policies of the table. Servery's row is what runs: what it provisions is its cost. Above
// it are its layers, each alone letting requests in, and permits as they would have to be if
// they cost something: a quarter more than there are is borne.
const (
	rowFixed       = "fixed at 64"
	rowKPA         = "Knative KPA, 70 %"
	rowDatabricks  = "Databricks-like APA"
	rowFrugal      = "permits, 25 % borne"
	rowPermits     = "permits alone"
	rowProvisioned = "provisioned alone"
	rowServery     = "Servery, both layers"
)

var rows = []struct {
	name string
	make func(Policy) policy
}{
	{rowFixed, func(Policy) policy { return fixed(evaluated.Max) }},
	{rowKPA, func(Policy) policy { return &kpa{least: evaluated.Min, most: evaluated.Max} }},
	{rowDatabricks, func(Policy) policy { return &published{NewDatabricks(noon)} }},
	{rowFrugal, func(Policy) policy {
		return &alone{newLayer(Policy{Quantile: 0.5, History: 20 * time.Second, Headroom: 1, Tolerance: 0.25}, noon)}
	}},
	{rowPermits, func(Policy) policy { return &alone{newLayer(permitPolicy, noon)} }},
	{rowProvisioned, func(p Policy) policy { return &alone{newLayer(p, noon)} }},
	{rowServery, func(p Policy) policy { return &both{NewScaler(p, noon)} }},
}

// observed is what the engine would see of a simulation.
func (s *simulation) observed() Observed {
	return Observed{Ready: s.ready, Starting: s.coming(), Permits: s.ready, Busy: len(s.busy), Queued: len(s.queue), LastArrival: noon.Add(s.arrived)}
}

// alone is one layer whose size is what lets requests in.
type alone struct{ layer }

func (*alone) tick() time.Duration { return time.Second }

func (p *alone) size(s *simulation, queued bool) int {
	now := noon.Add(s.now)
	if !queued {
		p.window.observe(now, s.atOnce())
	}
	return p.decide(now, s.observed(), evaluated).Provisioned
}

// both is a Scaler asked as the engine asks it.
type both struct{ Scaler }

func (*both) tick() time.Duration { return time.Second }

func (p *both) size(s *simulation, queued bool) int {
	now := noon.Add(s.now)
	if !queued {
		p.Look(now, s.atOnce())
	}
	o := s.observed()
	o.Ready, o.Starting, o.Permits = s.sizeOf(s.ready), 0, s.ready+s.coming()
	d := p.Decide(now, o, evaluated)
	s.shown = d.Provisioned
	return d.Permits
}

// published is the Scaler of Databricks' timings; it does not look when a request queues.
type published struct{ Scaler }

func (*published) tick() time.Duration { return time.Second }

func (p *published) size(s *simulation, queued bool) int {
	if queued {
		return s.ready + s.coming()
	}
	now := noon.Add(s.now)
	p.Look(now, s.atOnce())
	return p.Decide(now, s.observed(), evaluated).Provisioned
}

// evaluate fills a table's column: a stream under all policies.
func evaluate(s stream, startUp time.Duration) map[string]result {
	results := map[string]result{}
	for _, r := range rows {
		results[r.name] = simulate(s, r.make(PolicyFor(startUp)), startUp, evaluated.Min)
	}
	return results
}

// bars are what the autoscaler is to reach. slack is what a short slice may miss them by.
func bars(t *testing.T, s stream, got map[string]result, slack float64) {
	t.Helper()
	check := func(name string, cost, churn bool) {
		r, limit := got[name], got[rowKPA].cost*(1+slack)
		if r.inTime < 0.999-0.01*slack {
			t.Errorf("%s, %s: %.3f %% in time, to be 99.9", s.name, name, 100*r.inTime)
		}
		if cost && r.cost > limit {
			t.Errorf("%s, %s: cost %.2f, KPA's is %.2f", s.name, name, r.cost, got[rowKPA].cost)
		}
		if churn && r.churn > 20*(1+slack) {
			t.Errorf("%s, %s: %.1f changes in ten minutes, to be 20 at most", s.name, name, r.churn)
		}
	}
	check(rowFrugal, true, false)
	check(rowPermits, false, false)
	check(rowProvisioned, s.isTrace, true)
	check(rowServery, true, true)
}

// localStart is what the table charges for growth: a permit is there within microseconds, a
// worker of the other systems in 50 ms at best.
const localStart = 50 * time.Millisecond

// TestTheBarsOnASlice replays ten minutes of each load. A slice begins with an autoscaler
// that knows nothing, and one change more or less is a tenth of its bar.
func TestTheBarsOnASlice(t *testing.T) {
	const length = 10 * time.Minute
	slices := []stream{bursty(1, length), diurnal(1, 9, length)}
	if haveTraces() {
		slices = append(slices, conversation(t).until(length), code(t).until(length))
	} else {
		t.Logf("the traces are not in %s: only the loads that are made up are tried", traces)
	}
	for _, s := range slices {
		got := evaluate(s, localStart)
		t.Log(table(s, got))
		bars(t, s, got, 0.15)
	}
}

// TestTheWholeEvaluation prints the tables of docs/reliability.md: make autoscale-eval.
func TestTheWholeEvaluation(t *testing.T) {
	if os.Getenv("SERVERY_EVAL") == "" {
		t.Skip("it takes two minutes: make autoscale-eval")
	}
	loads := []stream{conversation(t), code(t), bursty(1, 2*time.Hour), diurnal(1, 0, 24*time.Hour)}
	for _, startUp := range []time.Duration{localStart, time.Second, ReplicaStart} {
		fmt.Printf("\nGrowth is there after %v. In time (wait in the queue of at most 100 ms, LLM 500 ms), permit-seconds for each second that a model ran, size changes in ten minutes.\n", startUp)
		for _, s := range loads {
			got := evaluate(s, startUp)
			fmt.Println(table(s, got))
			if startUp == localStart {
				bars(t, s, got, 0)
			}
		}
	}
	// Loads that nobody looked at when the constants were chosen.
	for seed := uint64(6); seed < 10; seed++ {
		s := bursty(seed, 2*time.Hour)
		bars(t, s, evaluate(s, localStart), 0)
	}
}

func table(s stream, got map[string]result) string {
	text := fmt.Sprintf("\n%s: %d requests in %v, %.1f at once on average\n", s.name, len(s.requests), s.lasts().Round(time.Second), s.work()/s.lasts().Seconds())
	for _, r := range rows {
		g := got[r.name]
		text += fmt.Sprintf("| %-20s | %7.3f %% | %5.2f | %5.1f |\n", r.name, 100*g.inTime, g.cost, g.churn)
	}
	return text
}

// Constant load does not make the size go up and down: as often as it must, for 12 requests
// at once are now and then 24, and never more often than 8 times in ten minutes; 6 times where
// the time of quiet is a minute.
func TestConstantLoadDoesNotOscillate(t *testing.T) {
	minute := quickPolicy
	minute.Quiet = time.Minute
	for _, mean := range []float64{2, 4, 6, 12} {
		s := arrivals("constant", 1, 30*time.Minute, 10*mean, func(time.Duration) float64 { return 10 * mean })
		for most, p := range map[float64]Policy{8: quickPolicy, 6: minute} {
			r := simulate(s, &both{NewScaler(p, noon)}, localStart, evaluated.Min)
			t.Logf("%.0f at once, quiet %v: %.3f %% in time, cost %.2f, %.1f changes in ten minutes", mean, p.Quiet, 100*r.inTime, r.cost, r.churn)
			if r.churn > most {
				t.Errorf("%.0f at once on average, quiet %v: %.1f changes in ten minutes", mean, p.Quiet, r.churn)
			}
			if r.inTime < 0.999 {
				t.Errorf("%.0f at once on average, quiet %v: %.3f %% in time", mean, p.Quiet, 100*r.inTime)
			}
		}
	}
}
