package endpoint

import (
	"time"

	"servery/engine/autoscale"
	"servery/engine/telemetry"
)

// sampleEvery is how many seconds pass between two looks at the process of an entity
// without traffic: a look reads files of /proc, which a thousand idle endpoints must not
// cost each second.
const sampleEvery = 5

// watch looks at all endpoints once a second: it feeds the gauges, tells of traffic and
// lets the entities that have something to decide decide.
func (s *Service) watch() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	busy := map[string]bool{} // had traffic a second ago
	for second := 0; ; second++ {
		select {
		case <-s.ctx.Done():
			return
		case now := <-ticker.C:
			for name, o := range *s.owners.Load() {
				traffic := o.tick(now, second)
				if traffic || busy[name] {
					s.options.Changes.Publish(telemetry.Change{Kind: telemetry.MetricsChanged, Name: name})
				}
				if traffic {
					busy[name] = true
				} else {
					delete(busy, name)
				}
			}
			s.options.Telemetry.Tick()
		}
	}
}

// tick reads the gauges and reports whether requests came or run.
func (o *owner) tick(now time.Time, second int) (traffic bool) {
	d := o.serving.Load()
	if d == nil {
		return false
	}
	var g telemetry.Gauges
	for i, e := range d.entities {
		s := e.pool.Stats()
		last := e.lastArrival.Load()
		came := s.InFlight+s.Queued > 0 || last != e.seenArrival
		e.seenArrival = last
		e.sample(now, o.s.options.Cores, came || (second+i)%sampleEvery == 0)
		if came || s.Capacity > autoscale.StartSize(e.limits) || e.coming.Load() > 0 || e.limits.ScaleToZero && s.Capacity > 0 {
			e.due.Store(true)
			e.look()
		}
		u := e.usage.Load()
		g.Provisioned += int(e.provisioned.Load())
		g.InFlight += s.InFlight
		g.Queued += s.Queued
		g.CPUPercent += u.cpuPercent
		g.MemoryBytes += u.MemoryBytes
		traffic = traffic || came
	}
	o.recorder.SetGauges(g)
	return traffic
}

// sample reads the process's figures; without due it only forgets those of one that is
// gone.
func (e *served) sample(now time.Time, cores int, due bool) {
	old := e.usage.Load()
	r := e.runner.Load()
	if r == nil {
		if old.PID != 0 {
			e.usage.Store(&usage{})
		}
		return
	}
	if !due {
		return
	}
	u := &usage{Usage: r.Usage(), at: now}
	elapsed := now.Sub(old.at).Seconds()
	if u.PID == old.PID && elapsed > 0 && u.CPUSeconds >= old.CPUSeconds {
		u.cpuPercent = min(100, 100*(u.CPUSeconds-old.CPUSeconds)/elapsed/float64(max(cores, 1)))
	}
	e.usage.Store(u)
}
