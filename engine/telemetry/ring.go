package telemetry

import "sync/atomic"

// pages is how many minutes a ring holds: the last 60 seconds can touch two.
const pages = 4

// ring holds a page of type P for each of the last minutes. A page is made when its
// minute is first written, all zero, and is never zeroed again: the next lap puts a new
// page into its place. So a writer that was held up for minutes writes into a page that
// nobody reads, and a clock that jumps, in whatever direction, mixes up nothing.
type ring[P any] struct {
	slots [pages]atomic.Pointer[page[P]]
}

type page[P any] struct {
	minute int64
	data   P
}

// minuteOf is the minute of a second since 1970; at is the second's place in it.
func minuteOf(second int64) int64 { return (second - at(second)) / 60 }

func at(second int64) int64 { return (second%60 + 60) % 60 }

func (r *ring[P]) slot(minute int64) *atomic.Pointer[page[P]] {
	return &r.slots[uint64(minute)%pages]
}

// write is the page of a second.
func (r *ring[P]) write(second int64) *P {
	minute := minuteOf(second)
	slot := r.slot(minute)
	for {
		p := slot.Load()
		if p != nil && p.minute == minute {
			return &p.data
		}
		next := &page[P]{minute: minute}
		if slot.CompareAndSwap(p, next) {
			return &next.data
		}
	}
}

// read is the page of a second, nil where nothing was written in its minute.
func (r *ring[P]) read(second int64) *P {
	minute := minuteOf(second)
	if p := r.slot(minute).Load(); p != nil && p.minute == minute {
		return &p.data
	}
	return nil
}
