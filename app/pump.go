package app

import (
	"context"
	"time"

	"servery/engine/telemetry"
)

const (
	// stateEvery and metricsEvery are the least times between two refreshes of the page:
	// each repaints the whole window, 20 to 50 ms of a core where there is no GPU.
	stateEvery   = 100 * time.Millisecond
	metricsEvery = 500 * time.Millisecond
	// idleEvery lets the charts' time go on where nothing happens.
	idleEvery = 15 * time.Second
)

// pump carries what changed in the engine to the UI goroutine: one function at a time,
// with everything that changed since the last one.
type pump struct {
	changes *telemetry.Subscription
	post    func(func())
	deliver func([]telemetry.Change) // on the UI goroutine
}

// run pumps until ctx ends.
func (p *pump) run(ctx context.Context) {
	var (
		held     []telemetry.Change // figures that changed too short after the last ones
		lastHeld = time.Now()
		timer    = time.NewTimer(idleEvery)
	)
	defer timer.Stop()
	for {
		wait := idleEvery
		if len(held) > 0 {
			wait = time.Until(lastHeld.Add(metricsEvery))
		}
		timer.Reset(max(wait, 0))
		idle := false
		select {
		case <-ctx.Done():
			return
		case <-p.changes.Wake():
		case <-timer.C:
			idle = len(held) == 0
		}
		var now []telemetry.Change
		now, held = sortOut(p.changes.Take(), held)
		if idle {
			held = append(held, telemetry.Change{Kind: telemetry.MetricsChanged})
		}
		if len(held) > 0 && time.Since(lastHeld) >= metricsEvery {
			now, held, lastHeld = append(now, held...), nil, time.Now()
		}
		if len(now) > 0 && !p.pass(ctx, now) {
			return
		}
	}
}

// sortOut parts figures, which may wait, from states.
func sortOut(changes, held []telemetry.Change) (now, later []telemetry.Change) {
	for _, c := range changes {
		if c.Kind != telemetry.MetricsChanged {
			now = append(now, c)
			continue
		}
		again := false
		for _, h := range held {
			again = again || h == c
		}
		if !again {
			held = append(held, c)
		}
	}
	return now, held
}

// pass delivers changes and waits until the page has taken them, and stateEvery at least.
func (p *pump) pass(ctx context.Context, changes []telemetry.Change) bool {
	taken := make(chan struct{})
	p.post(func() {
		defer close(taken)
		p.deliver(changes)
	})
	pause := time.NewTimer(stateEvery)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-taken:
	}
	select {
	case <-ctx.Done():
		return false
	case <-pause.C:
		return true
	}
}
