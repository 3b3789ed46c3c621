package worker

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// Who reads a process's connection. While calls are in flight somebody does, and nobody
// while there are none: the first call reads the answer to itself, which takes it two
// wake-ups less than having it handed over: of the goroutine that reads, and of its own.
// What it reads of other calls it hands on. Once it has its answer, or nothing has come
// for readPatience, a goroutine reads on for those that are left, until none is.
// The goroutine also reads while the process starts and loads.

// readPatience is how long a read waits at most, of which a call that reads learns that it
// was canceled.
const readPatience = 5 * time.Millisecond

// begin tells whether a call that is now registered is to read. With a long body it is
// not: sending it may take as long as others' answers. p.mu is held.
func (p *process) begin(body int) (lead bool) {
	if p.reading {
		return false
	}
	p.reading = true
	if body > copied {
		p.work.Go(p.read)
		return false
	}
	p.work.Add(1)
	return true
}

// lead reads until the answer to the call id has come, or reading on is better left to a
// goroutine.
func (p *process) lead(ctx context.Context, id uint32) {
	defer p.work.Done()
	for {
		f, err := p.reader.next()
		if err == nil {
			var last bool
			if last, err = p.take(f); last {
				return
			}
		}
		switch {
		case err == nil && f.ID != id && ctx.Err() == nil:
		case err == nil, errors.Is(err, syscall.EAGAIN):
			p.work.Go(p.read)
			return
		default:
			p.broken(err)
			return
		}
	}
}

// read reads as long as calls are in flight or the process is not ready for them.
func (p *process) read() {
	for {
		f, err := p.reader.next()
		if errors.Is(err, syscall.EAGAIN) {
			err = awaitInput(p.conn)
			if err == nil {
				continue
			}
		}
		var last bool
		if err == nil {
			last, err = p.take(f)
		}
		switch {
		case err != nil:
			p.broken(err)
			return
		case last:
			return
		}
	}
}

// broken ends the process after its connection has ended. Nobody reads any more.
func (p *process) broken(err error) {
	var bad *frameError
	if errors.As(err, &bad) {
		p.kill("it sent " + bad.Error())
	}
	p.discard()
}

// take handles a frame. last tells that the reading is over.
func (p *process) take(f frame) (last bool, err error) {
	switch f.Kind {
	case kindResponse:
		return p.answer(f)
	case kindHello, kindOpened, kindProbing, kindLoaded, kindFailed:
		select {
		case p.control <- f:
		default:
			return false, malformed("more of kind %d than was asked for", f.Kind)
		}
		return f.Kind == kindLoaded && p.rest(), nil
	}
	return false, malformed("kind %d sent to the engine", f.Kind)
}

// rest ends the reading if no call is in flight.
func (p *process) rest() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading = len(p.pending) > 0
	return !p.reading
}
