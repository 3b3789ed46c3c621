package app

import (
	"context"
	"sync/atomic"
	"time"
)

// Fyne's loop looks for events and for something to draw 60 times a second, also where
// nothing happens: an empty window takes 1.6 % of a core, most of it for waking threads.
// So an idle window sleeps on the UI goroutine until an event comes or a function is
// posted; between two naps the loop runs on for a frame.
const (
	shortNap = 16 * time.Millisecond
	// longNap bounds how late Fyne's own functions come, which wake nobody: a desktop
	// that turns to its dark theme.
	longNap = 500 * time.Millisecond
	// blinkNap lets the cursor of a focused entry blink, in steps.
	blinkNap = 100 * time.Millisecond

	// frame is the time in which the loop draws what a nap brought: a tick and a half.
	frame = 25 * time.Millisecond
	// settled is the same where the page was refreshed: a layout may take two frames.
	settled = 100 * time.Millisecond
	// lively is how long the loop runs freely after an event: an animation may follow, or
	// the second click of two.
	lively = time.Second
)

// idle posts functions to the UI goroutine and lets it sleep where there are none.
type idle struct {
	do       func(func())        // fyne.Do
	sleep    func(time.Duration) // on the UI goroutine: until an event, wake, or that long
	wake     func()              // ends sleep, the one under way or the next
	blinking func() bool         // on the UI goroutine: whether an entry's cursor blinks

	waiting atomic.Int64 // posted functions that have not begun
}

// post runs fn on the UI goroutine, at once where that sleeps.
func (i *idle) post(fn func()) {
	i.waiting.Add(1)
	i.do(func() {
		i.waiting.Add(-1)
		fn()
	})
	i.wake()
}

// end is what ended a nap.
type end int

const (
	byTime end = iota
	byPost
	byEvent
)

// run lets the UI goroutine sleep again and again until ctx ends: after an event not for a
// while, then longer each time.
func (i *idle) run(ctx context.Context) {
	length, pause := shortNap, lively
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		timer.Reset(pause)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		woke := make(chan end, 1)
		i.do(func() {
			if ctx.Err() == nil {
				woke <- i.nap(length)
			}
		})
		select {
		case <-ctx.Done():
			return
		case by := <-woke:
			switch by {
			case byTime:
				length, pause = min(2*length, longNap), frame
			case byPost:
				pause = settled
			case byEvent:
				length, pause = shortNap, lively
			}
		}
	}
}

// nap sleeps, on the UI goroutine. A function that is posted after the look at waiting
// wakes it.
func (i *idle) nap(d time.Duration) end {
	if i.waiting.Load() > 0 {
		return byPost
	}
	if i.blinking() {
		d = min(d, blinkNap)
	}
	began := time.Now()
	i.sleep(d)
	switch {
	case i.waiting.Load() > 0:
		return byPost
	case time.Since(began) < d-time.Millisecond:
		return byEvent
	}
	return byTime
}
