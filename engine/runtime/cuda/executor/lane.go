//go:build cuda && linux && (amd64 || arm64)

package executor

import (
	"errors"

	"servery/engine/runtime/cuda/driver"
)

// lane does one run after the other on a stream of its own. Its goroutine is locked to a
// thread, and the fields belong to it.
type lane struct {
	device *Device
	index  int
	jobs   chan job
	ended  chan struct{}

	context *driver.Context
	stream  *driver.Stream
	arena   *driver.Buffer // nil where nothing has needed one
	staging *driver.Pinned // inputs, then results
	// moved counts how often arena or staging was replaced: graphs keep their addresses.
	moved int

	inputs []tensorInput // scratch
}

// job is something that a lane does for another goroutine, which waits for it.
type job struct {
	do   func() error
	done chan<- result
}

type result struct {
	err      error
	panicked any
}

func newLane(d *Device, index int) (*lane, error) {
	l := &lane{device: d, index: index, jobs: make(chan job), ended: make(chan struct{})}
	go l.work()
	if err := l.do(func() error { return l.open(d.info.Index) }); err != nil {
		close(l.jobs)
		<-l.ended
		return nil, err
	}
	return l, nil
}

func (l *lane) open(index int) (err error) {
	if l.context, err = driver.Open(index); err != nil {
		return err
	}
	if l.stream, err = l.context.NewStream(); err != nil {
		return errors.Join(err, l.context.Close())
	}
	return nil
}

// work is the lane's goroutine.
func (l *lane) work() {
	defer close(l.ended)
	for j := range l.jobs {
		j.done <- try(j.do)
	}
}

// try keeps a panic from ending the process: it is whoever asked that fails.
func try(f func() error) (r result) {
	defer func() { r.panicked = recover() }()
	r.err = f()
	return r
}

// do lets the lane's goroutine call f, after what it does already, and waits for it.
func (l *lane) do(f func() error) error {
	done := make(chan result, 1)
	l.jobs <- job{f, done}
	r := <-done
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.err
}

// close gives back all that the lane has.
func (l *lane) close() error {
	l.device.mu.Lock()
	defer l.device.mu.Unlock()
	return errors.Join(l.drop(), l.stream.Close(), l.context.Close())
}

// drop gives the memory of runs back. Device.mu is held.
func (l *lane) drop() error { return errors.Join(l.move(), l.freeArena(), l.freeStaging()) }

// move frees the graphs, since the memory that they address goes. Device.mu is held.
func (l *lane) move() error {
	l.moved++
	var errs []error
	for _, m := range l.device.models {
		errs = append(errs, m.graphs[l.index].drop())
	}
	return errors.Join(errs...)
}

func (l *lane) freeArena() error {
	if l.arena == nil {
		return nil
	}
	b := l.arena
	l.arena = nil
	return b.Free()
}

func (l *lane) freeStaging() error {
	if l.staging == nil {
		return nil
	}
	p := l.staging
	l.staging = nil
	return p.Free()
}

func (l *lane) arenaSize() int64 {
	if l.arena == nil {
		return 0
	}
	return l.arena.Size()
}

func (l *lane) stagingSize() int64 {
	if l.staging == nil {
		return 0
	}
	return int64(len(l.staging.Bytes()))
}

// reserve makes sure of an arena and of staging of at least so many bytes. Where it replaces
// one, the graphs of the lane are gone. Device.mu is held.
func (l *lane) reserve(arena, staging int64) error {
	if arena > l.arenaSize() {
		size, err := l.roomFor(arena)
		if err != nil {
			return err
		}
		// The old one first: there may not be room for both.
		if err := errors.Join(l.move(), l.freeArena()); err != nil {
			return err
		}
		if l.arena, err = l.device.alloc(l.context, "a run", size); err != nil {
			return err
		}
	}
	if staging > l.stagingSize() {
		if err := errors.Join(l.move(), l.freeStaging()); err != nil {
			return err
		}
		var err error
		size := staging + staging/4
		if l.staging, err = l.context.AllocPinned(size); err != nil {
			if errors.Is(err, driver.ErrOutOfMemory) {
				err = &MemoryError{What: "a run", Needed: size, Host: true, Err: err}
			}
			return err
		}
	}
	return nil
}

// roomFor gives the size of the next arena: a quarter more than needed where there is plenty,
// so that growing shapes do not each replace it.
func (l *lane) roomFor(needed int64) (int64, error) {
	free, total, err := l.context.Memory()
	if err != nil {
		return 0, err
	}
	room := free + l.arenaSize()
	if needed > room {
		return 0, &MemoryError{What: "a run", Needed: needed, Free: room, Total: total,
			Err: driver.ErrOutOfMemory, again: needed <= free+l.device.arenas()}
	}
	if generous := needed + needed/4; generous <= room/2 {
		return generous, nil
	}
	return needed, nil
}
