package worker

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"time"
)

// Who reads a process's connection. While calls are in flight somebody does, and nobody
// while there are none: the first call reads the answer to itself, which takes it two
// wake-ups less than having it handed over: of the goroutine that reads, and from it of
// its own. What it reads of other calls it hands on. Once it has its answer, or nothing has come
// for readPatience, a goroutine reads on for those that are left, until none is.
// Where calls come close together (see crowd) a goroutine reads from the first on, and
// stays between them: it waits in Go's poller, where the connections of clients are waited
// for as well, and a thread that sleeps in a read would keep others from running meanwhile.
// The goroutine also reads while the process starts and loads.

// readPatience is how long a read waits at most, of which a call that reads learns that it
// was canceled.
const readPatience = 5 * time.Millisecond

// input is where frames are read from: the socket, or the same in Go's poller while the
// goroutine reads. It belongs to who reads.
type input struct{ io.Reader }

// crowd tells whether calls come close together: one found another in flight within the
// last span. One client, however fast, never makes a crowd.
type crowd struct {
	span  time.Duration
	until atomic.Int64 // ns since epoch
}

// crowdFor is the span of every process's crowd.
const crowdFor = time.Millisecond

// epoch is what crowds count from.
var epoch = time.Now()

func (c *crowd) seen()    { c.until.Store(int64(time.Since(epoch) + c.span)) }
func (c *crowd) is() bool { return int64(time.Since(epoch)) < c.until.Load() }

// begin tells whether a call that is now registered is to read. With a long body it is
// not: sending it may take as long as others' answers. p.mu is held.
func (p *process) begin(body int) (lead bool) {
	if len(p.pending) > 1 {
		p.crowd.seen()
	}
	if p.reading {
		return false
	}
	p.reading = true
	if body > copied || p.crowd.is() {
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
	p.input.Reader = p.conn
	for {
		f, err := p.reader.next()
		if err == nil {
			var last bool
			if last, err = p.take(f, false); last {
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

// read reads as long as calls are in flight or come close together, or the process is not
// ready for them.
func (p *process) read() {
	polled, err := p.conn.polled()
	if err != nil {
		p.broken(err)
		return
	}
	defer polled.Close()
	p.input.Reader = polled
	for {
		f, err := p.reader.next()
		var last bool
		if err == nil {
			last, err = p.take(f, true)
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

// take handles a frame. last tells that the reading is over; in a crowd the goroutine
// reads on.
func (p *process) take(f frame, goroutine bool) (last bool, err error) {
	switch f.Kind {
	case kindResponse:
		return p.answer(f, goroutine)
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
