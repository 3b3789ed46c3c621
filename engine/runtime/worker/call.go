package worker

import (
	"context"
	"sync"
	"time"

	"servery/engine/runtime"
)

// outcome is what became of a call on a process.
type outcome uint8

const (
	answered outcome = iota // Response is the answer
	notSent                 // the process was gone before the request went to it
	canceled                // nobody waits for it any more
	retry                   // the process ended through no fault of this request
	suspect                 // the process ended, perhaps because of this request
	guilty                  // the process ended because of this request
	closed                  // the runner was closed under it
)

// call is a request in flight.
type call struct {
	done     chan struct{} // one token when outcome and response are set
	outcome  outcome
	response runtime.Response
	death    death
	body     span // where the process reads its body; none where that went with the frame

	// Guarded by process.mu.
	deadline  time.Time // when the process should have answered at the latest
	trial     int       // 1 and more: it runs alone, for the nth time, to find out whether it ends the process
	retried   bool      // it has been in flight at an end already
	abandoned bool      // nobody waits for it any more; deadline says how long it may go on
	overdue   bool      // the engine killed the process because of it
}

var calls = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

// recycle gives a call back that neither the process nor an Invoke knows any more.
func (c *call) recycle() {
	*c = call{done: c.done}
	calls.Put(c)
}

// longestText bounds the content type that is passed on; no longer one has a meaning.
const longestText = 1 << 10

// do sends a request and waits for what becomes of it. The body is not used after it
// returns. The death is set where the outcome is retry, suspect or guilty.
func (p *process) do(ctx context.Context, request runtime.Request, timeout time.Duration, trial int, retried bool) (runtime.Response, outcome, death) {
	c := calls.Get().(*call)
	c.trial, c.retried = trial, retried
	body, figures := request.Body, [4]int64{int64(timeout)}
	if len(body) > copied {
		if p, ok := p.bodies.put(body); ok {
			c.body = p
			figures[1], figures[2], body = int64(p.at), int64(len(body)), nil
		}
	}
	c.deadline = time.Now().Add(timeout)
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		p.bodies.give(c.body)
		c.recycle()
		return runtime.Response{}, notSent, death{}
	}
	id := p.register(c)
	lead := p.begin(len(body))
	p.mu.Unlock()
	text := request.ContentType
	if len(text) > longestText {
		text = text[:longestText]
	}
	if p.link.send(header{Kind: kindRequest, ID: id, Figures: figures}, text, body) != nil {
		p.discard()
	}
	if lead {
		p.lead(ctx, id)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if p.abandon(id, c) {
			p.link.send(header{Kind: kindCancel, ID: id}, "", nil)
			return runtime.Response{}, canceled, death{}
		}
		<-c.done
	}
	response, out, d := c.response, c.outcome, c.death
	c.recycle()
	return response, out, d
}

// register makes a call known under a new number. p.mu is held.
func (p *process) register(c *call) uint32 {
	for {
		p.nextID++
		if _, taken := p.pending[p.nextID]; !taken && p.nextID != 0 {
			break
		}
	}
	p.pending[p.nextID] = c
	if !p.watching {
		p.watching = true
		time.AfterFunc(p.grace/4, p.watch)
	}
	return p.nextID
}

// answer hands a response to its call. last tells that no other call is in flight, or is
// soon to be: then the reading is over.
func (p *process) answer(f frame, goroutine bool) (last bool, err error) {
	p.mu.Lock()
	c := p.pending[f.ID]
	if c == nil {
		p.mu.Unlock()
		f.release()
		return false, malformed("an answer to request %d, which is not in flight", f.ID)
	}
	delete(p.pending, f.ID)
	abandoned := c.abandoned
	last = len(p.pending) == 0 && !(goroutine && p.crowd.is())
	p.reading = !last
	p.mu.Unlock()
	p.bodies.give(c.body)
	if abandoned {
		f.release()
		c.recycle()
		return last, nil
	}
	c.outcome = answered
	c.response = runtime.Response{Status: int(f.Status), ContentType: f.Text, Body: f.bytes(),
		Timing: runtime.Timing{Wait: time.Duration(f.Figures[0]), Decode: time.Duration(f.Figures[1]),
			Run: time.Duration(f.Figures[2]), Encode: time.Duration(f.Figures[3])}}
	if f.Body != nil {
		c.response.Release = f.Body.release
	}
	c.done <- struct{}{}
	return last, nil
}

// abandon stops waiting for a call. It is false where the call has its outcome, or gets it
// this moment.
func (p *process) abandon(id uint32, c *call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending[id] != c {
		return false
	}
	c.abandoned, c.deadline = true, time.Now()
	return true
}

// watch kills the process where a run goes on long after it was told to stop: ONNX
// Runtime looks between two operators only, and an operator may take for ever.
func (p *process) watch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || len(p.pending) == 0 {
		p.watching = false
		return
	}
	now := time.Now()
	for _, c := range p.pending {
		if now.Sub(c.deadline) > p.grace {
			c.overdue = true
			p.killLocked("it did not stop a run that took too long or was not waited for any more")
		}
	}
	time.AfterFunc(p.grace/4, p.watch)
}

// fairTrials is how often the process must end while a request runs alone until it is to
// blame, where the end may have come from outside: somebody may kill two in a row.
const fairTrials = 2

// settle gives every call left on a dead process its outcome. before is called, while no
// call knows its outcome yet, with how many have become suspects and how many are known to
// be to blame. A call is guilty where it was the only one in flight and either the
// process's own code failed or the call has had its trials.
func (p *process) settle(before func(suspects, blamed int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left, suspects, blamed, hung := p.pending, 0, 0, false
	p.pending = map[uint32]*call{}
	for _, c := range left {
		hung = hung || c.overdue
	}
	for _, c := range left {
		c.death = p.death
		switch {
		case c.overdue:
			e := newTimeoutError()
			blamed++
			c.outcome = answered
			c.response = runtime.Response{Status: e.Status, ContentType: e.ContentType(), Body: e.Body()}
		case len(left) == 1 && !p.death.gpu && (p.death.fault || c.trial >= fairTrials):
			blamed++
			c.outcome = guilty
		case hung && !c.retried:
			c.outcome = retry
		default:
			c.outcome = suspect
			if !c.abandoned && c.trial == 0 {
				suspects++
			}
		}
	}
	before(suspects, blamed)
	for _, c := range left {
		if c.abandoned {
			c.recycle()
			continue
		}
		c.done <- struct{}{}
	}
}

// end gives every call left the outcome closed.
func (p *process) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, c := range p.pending {
		delete(p.pending, id)
		if c.abandoned {
			c.recycle()
			continue
		}
		c.outcome = closed
		c.done <- struct{}{}
	}
}
