package app

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/telemetry"
)

// pumped is a pump whose UI goroutine takes everything at once, with what it was given
// and when.
type pumped struct {
	hub   *telemetry.Hub
	got   [][]telemetry.Change
	at    []time.Time
	began time.Time
	stop  func()
}

func startPump(t *testing.T) *pumped {
	t.Helper()
	p := &pumped{hub: telemetry.NewHub(), began: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	pump := pump{changes: p.hub.Subscribe(), post: func(fn func()) { fn() }, deliver: func(c []telemetry.Change) {
		p.got = append(p.got, c)
		p.at = append(p.at, time.Now())
	}}
	go func() {
		defer close(ended)
		pump.run(ctx)
	}()
	p.stop = func() { cancel(); <-ended }
	return p
}

func TestStatesPassAtOnceAndAtMostTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPump(t)
		defer p.stop()
		for range 100 {
			p.hub.Publish(telemetry.Change{Kind: telemetry.EndpointChanged, Name: "a"})
			p.hub.Publish(telemetry.Change{Kind: telemetry.ModelChanged, Name: "m"})
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if n := len(p.got); n < 9 || n > 11 {
			t.Errorf("%d refreshes in a second, want about 10", n)
		}
		if d := p.at[0].Sub(p.began); d > 0 {
			t.Errorf("the first change waited %v", d)
		}
		if last := p.got[len(p.got)-1]; len(last) != 2 {
			t.Errorf("a refresh got %v, want each thing once", last)
		}
	})
}

func TestFiguresPassAtMostTwiceASecondAndHoldNoStateBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPump(t)
		defer p.stop()
		time.Sleep(time.Second)
		for range 100 {
			p.hub.Publish(telemetry.Change{Kind: telemetry.MetricsChanged, Name: "a"})
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if n := len(p.got); n < 2 || n > 3 {
			t.Errorf("%d refreshes for figures in a second, want 2", n)
		}
		p.hub.Publish(telemetry.Change{Kind: telemetry.MetricsChanged, Name: "a"})
		before := len(p.got)
		at := time.Now()
		p.hub.Publish(telemetry.Change{Kind: telemetry.EndpointChanged, Name: "a"})
		time.Sleep(stateEvery)
		synctest.Wait()
		if len(p.got) == before || p.at[before].Sub(at) > stateEvery {
			t.Errorf("a state waited for figures")
		}
		if c := p.got[before]; !slices.Contains(c, telemetry.Change{Kind: telemetry.EndpointChanged, Name: "a"}) {
			t.Errorf("got %v", c)
		}
	})
}

func TestChartsMoveOnSlowlyWhenNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPump(t)
		defer p.stop()
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if n := len(p.got); n < 39 || n > 40 {
			t.Errorf("%d refreshes in ten idle minutes, want one each %v", n, idleEvery)
		}
	})
}

func TestAPageThatHangsHoldsThePumpNotTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := telemetry.NewHub()
		ctx, cancel := context.WithCancel(t.Context())
		posted := 0
		p := pump{changes: hub.Subscribe(), post: func(func()) { posted++ }}
		ended := make(chan struct{})
		go func() { defer close(ended); p.run(ctx) }()
		for range 1000 {
			hub.Publish(telemetry.Change{Kind: telemetry.EndpointChanged, Name: "a"})
			time.Sleep(time.Millisecond)
		}
		if posted != 1 {
			t.Errorf("%d functions were posted to a UI goroutine that took none", posted)
		}
		cancel()
		<-ended
	})
}
