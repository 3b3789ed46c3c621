package worker

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"servery/engine/batch"
	"servery/engine/runtime"
	"servery/engine/scoring"
	"servery/engine/tensor"
)

// sharer is an evaluator whose runs several requests can share.
type sharer interface {
	evaluator
	// protocol reads and writes requests; it is the same for all of a process.
	protocol() *scoring.Model
	// run evaluates the model. The values are valid until outputs are released, which are
	// nil with an error; after stop that is errStopped.
	run(inputs []tensor.Named) (values []tensor.Named, outputs releaser, err error)
}

type releaser interface{ Release() }

// batcher runs requests that wait for the model together. A request that finds the model
// free runs at once, alone, by its own goroutine. One that does not waits; when a run ends
// a goroutine of the batcher runs what waits, until nothing does. Each request is decoded
// and encoded by its own goroutine, beside the runs.
//
// A request whose time is up or that was canceled leaves a run that goes on for others and
// is answered at once. The last one stops the run and waits for it, as a request alone
// does: the engine ends a process whose run does not stop.
type batcher struct {
	server   *server
	model    *scoring.Model
	settings batching
	full     chan struct{} // wakes the run that waits for more requests
	entries  sync.Pool

	mu        sync.Mutex
	pace      *batch.Pace
	free      []*turn
	running   int      // turns in use
	queue     []*entry // oldest first
	rows      int      // in the queue
	inProcess int      // requests that wait or run
	gathering bool     // a run waits for more requests
	apart     bool     // outputs did not fit: every request runs alone
}

// entry is a decoded request on its way through a run.
type entry struct {
	request *scoring.Request
	rows    int // 0: it runs alone
	arrived time.Time
	done    chan struct{} // a token when the fields below are set

	values         []tensor.Named
	own            releaser // outputs that no other request encodes
	outputs        *shared
	err            error
	started, ended time.Time
	part           batch.Part

	// Guarded by batcher.mu.
	flight  *flight // that it is part of; nil while it waits
	settled bool    // its run is over
	gone    bool    // nobody waits for it: the flight releases it
}

// Share gives what batch.Pick must know.
func (e *entry) Share() (inputs []tensor.Named, rows int) { return e.request.Inputs, e.rows }

// enter makes an entry for a decoded request.
func (b *batcher) enter(request *scoring.Request, at time.Time) *entry {
	e, ok := b.entries.Get().(*entry)
	if !ok {
		e = &entry{done: make(chan struct{}, 1)}
	}
	e.request, e.rows, e.arrived = request, batch.Rows(request.Inputs), at
	return e
}

// leave gives the request and its share of the outputs back.
func (b *batcher) leave(e *entry) {
	if e.own != nil {
		e.own.Release()
	}
	e.outputs.release()
	e.request.Release()
	e.part.Reset()
	*e = entry{done: e.done, part: e.part}
	b.entries.Put(e)
}

// shared are outputs that several requests encode.
type shared struct {
	outputs releaser
	left    atomic.Int32
}

func (s *shared) release() {
	if s != nil && s.left.Add(-1) == 0 {
		s.outputs.Release()
	}
}

// flight is one run, or several one after the other of requests that failed together.
type flight struct {
	turn    *turn
	members []*entry
	inputs  [][]tensor.Named
	joiner  batch.Joiner

	// Guarded by batcher.mu.
	left    int  // members that are waited for
	stopped bool // the last of them waits only for the end
}

// newBatcher takes the evaluators over, all of which are sharers.
func newBatcher(s *server, evaluators []evaluator, settings batching) *batcher {
	b := &batcher{server: s, settings: settings, full: make(chan struct{}, 1),
		pace: batch.NewPace(settings.Cost, len(evaluators), settings.MaxRows, settings.Always)}
	for _, e := range evaluators {
		b.model = e.(sharer).protocol()
		b.free = append(b.free, &turn{evaluator: e})
	}
	return b
}

// evaluate answers one request.
func (b *batcher) evaluate(t *task, out *buffer, timing *runtime.Timing) (a answer) {
	defer func() {
		if v := recover(); v != nil {
			a = panicked(out, v)
		}
	}()
	began := time.Now()
	request, err := b.model.Decode(t.Text, t.bytes())
	decoded := time.Now()
	timing.Wait, timing.Decode = began.Sub(t.arrived), decoded.Sub(began)
	if err != nil {
		return refuse(out, err)
	}
	e := b.enter(request, decoded)
	if turn := b.join(e); turn != nil {
		b.alone(t, turn, e)
	} else if !b.await(t, e) {
		timing.Wait += time.Since(decoded)
		return b.server.ended(t, out)
	}
	defer b.leave(e)
	timing.Wait += e.started.Sub(decoded)
	timing.Run = e.ended.Sub(e.started)
	switch {
	case errors.Is(e.err, errStopped):
		return b.server.ended(t, out)
	case e.err != nil:
		return refuse(out, scoring.NewEvaluationError(e.err.Error()))
	}
	encoding := time.Now()
	out.b, err = b.model.Encode(out.b, request, e.values)
	timing.Encode = time.Since(encoding)
	if err != nil {
		return refuse(out, err)
	}
	return answer{status: 200, contentType: request.ContentType()}
}

// join gives a turn to run at once; nil where the request is to wait.
func (b *batcher) join(e *entry) *turn {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inProcess++
	b.pace.Arrive(e.rows, b.inProcess)
	if len(b.queue) == 0 && b.settings.Delay == 0 && b.ready() {
		return b.take()
	}
	b.queue = append(b.queue, e)
	b.rows += max(e.rows, 1)
	b.start()
	return nil
}

// ready tells whether another run may begin. b.mu is held, as for all below that say so.
func (b *batcher) ready() bool { return len(b.free) > 0 && b.running < b.pace.Runs() }

// take takes a free turn. b.mu is held.
func (b *batcher) take() *turn {
	last := len(b.free) - 1
	turn := b.free[last]
	b.free = b.free[:last]
	b.running++
	return turn
}

// give gives a turn back. b.mu is held.
func (b *batcher) give(t *turn) {
	b.free = append(b.free, t)
	b.running--
}

// start begins a run of what waits, if one may begin, or lets one that waits for more go
// on. b.mu is held.
func (b *batcher) start() {
	switch {
	case len(b.queue) == 0:
	case b.gathering:
		if b.rows >= b.settings.MaxRows {
			select {
			case b.full <- struct{}{}:
			default:
			}
		}
	case b.ready():
		go b.work(b.take())
	}
}

// alone runs a request by its own goroutine.
func (b *batcher) alone(t *task, turn *turn, e *entry) {
	e.started = time.Now()
	e.ended = e.started
	e.err = errStopped // until it has run
	defer func() {
		b.server.leave(t, turn)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.inProcess--
		b.pace.Done(1, e.rows, e.ended.Sub(e.started), b.inProcess)
		b.give(turn)
		b.start()
	}()
	if !b.server.enter(t, turn) {
		return
	}
	e.values, e.own, e.err = turn.evaluator.(sharer).run(e.request.Inputs)
	e.ended = time.Now()
}

// share makes outputs, which may be nil, ready for so many requests.
func share(outputs releaser, requests int) *shared {
	if outputs == nil {
		return nil
	}
	s := &shared{outputs: outputs}
	s.left.Store(int32(requests))
	return s
}

// await waits for the run of a request; false where the request is to be answered without.
func (b *batcher) await(t *task, e *entry) bool {
	select {
	case <-e.done:
		return true
	case <-t.stop:
	}
	if b.withdraw(e) {
		return false
	}
	<-e.done
	return true
}

// withdraw takes a request out that was stopped. It is false where its run is over or,
// since the request was the last in it, is being stopped: the request waits for that.
func (b *batcher) withdraw(e *entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := e.flight
	switch {
	case e.settled:
		return false
	case f == nil:
		at := slices.Index(b.queue, e)
		b.queue = slices.Delete(b.queue, at, at+1)
		b.rows -= max(e.rows, 1)
		b.inProcess--
		b.leave(e)
		return true
	case f.left > 1:
		f.left--
		e.gone = true
		return true
	}
	f.stopped = true
	b.server.halt(f.turn)
	return false
}

// work runs what waits until nothing does.
func (b *batcher) work(t *turn) {
	f := &flight{turn: t}
	for b.pick(f) {
		b.fly(f, f.members)
	}
}

// pick chooses the members of the next run; false where there is none to begin: then the
// turn is given back.
func (b *batcher) pick(f *flight) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gather()
	if len(b.queue) == 0 || b.running > b.pace.Runs() {
		b.give(f.turn)
		return false
	}
	requests := b.pace.Share(len(b.queue))
	if b.apart {
		requests = 1
	}
	f.members, b.queue = batch.Pick(f.members[:0], b.queue, requests, b.settings.MaxRows)
	f.left, f.stopped = len(f.members), false
	for _, e := range f.members {
		e.flight = f
		b.rows -= max(e.rows, 1)
	}
	return true
}

// gather waits until the oldest request has waited for the delay or there is enough for a
// full run. b.mu is held, but not while it waits.
func (b *batcher) gather() {
	for len(b.queue) > 0 && b.rows < b.settings.MaxRows {
		left := b.settings.Delay - time.Since(b.queue[0].arrived)
		if left <= 0 {
			return
		}
		select {
		case <-b.full:
		default:
		}
		b.gathering = true
		b.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-b.full:
		}
		timer.Stop()
		b.mu.Lock()
		b.gathering = false
	}
}

// fly runs members of a flight together and hands out what came of it. Where the joint run
// fails each runs alone: one request's values never fail another.
func (b *batcher) fly(f *flight, members []*entry) {
	rows := 0
	for _, e := range members {
		rows += e.rows
	}
	r := ran{started: time.Now(), rows: rows}
	r.values, r.outputs, r.err = f.run(members)
	r.ended = time.Now()
	if len(members) > 1 && !errors.Is(r.err, errStopped) {
		misfit := ""
		if r.err == nil {
			misfit = batch.Misfit(r.values, rows)
		}
		if r.err != nil || misfit != "" {
			if r.outputs != nil {
				r.outputs.Release()
			}
			b.separate(f, members, misfit)
			return
		}
	}
	b.deliver(f, members, r)
}

// ran is what came of a run.
type ran struct {
	values         []tensor.Named
	outputs        releaser
	err            error
	rows           int
	started, ended time.Time
}

// deliver hands each of the members its part of what came of their run.
func (b *batcher) deliver(f *flight, members []*entry, r ran) {
	alive := b.settle(f, members, r.rows, r.ended.Sub(r.started))
	outputs := share(r.outputs, alive)
	if alive == 0 && r.outputs != nil {
		r.outputs.Release()
	}
	from := 0
	for _, e := range members {
		mine := e.rows
		if e.gone { // which does not change any more
			b.leave(e)
		} else {
			e.started, e.ended, e.err, e.outputs, e.values = r.started, r.ended, r.err, outputs, r.values
			if len(members) > 1 && r.err == nil {
				e.values = e.part.Take(r.values, from, mine, r.rows)
			}
			e.done <- struct{}{} // from here on it is its goroutine's
		}
		from += mine
	}
}

// separate runs each of the members alone that is still waited for. misfit is the output
// that has not one entry a row, "" where the joint run failed otherwise.
func (b *batcher) separate(f *flight, members []*entry, misfit string) {
	b.mu.Lock()
	if misfit != "" && !b.apart {
		b.apart = true
		fmt.Fprintf(os.Stderr, "batching is switched off: the output %q of a joint run had not one entry a row\n", misfit)
	}
	b.mu.Unlock()
	for i, e := range members {
		b.mu.Lock()
		over := e.gone || f.stopped
		b.mu.Unlock()
		if over {
			now := time.Now()
			b.deliver(f, members[i:i+1], ran{err: errStopped, rows: e.rows, started: now, ended: now})
		} else {
			b.fly(f, members[i:i+1])
		}
	}
}

// settle marks the members' run as over: nobody withdraws any more. It gives how many are
// waited for.
func (b *batcher) settle(f *flight, members []*entry, rows int, took time.Duration) (alive int) {
	b.mu.Lock()
	for _, e := range members {
		e.settled = true
		if !e.gone {
			alive++
		}
	}
	f.left -= alive
	b.inProcess -= len(members)
	if took > 0 {
		b.pace.Done(len(members), rows, took, b.inProcess)
	}
	b.mu.Unlock()
	b.server.calm(f.turn)
	return alive
}

// run runs the model once for all members. A panic is an error.
func (f *flight) run(members []*entry) (values []tensor.Named, outputs releaser, err error) {
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(os.Stderr, "panic in a run: %v\n%s", v, debug.Stack())
			values, outputs, err = nil, nil, fmt.Errorf("an error in Servery: %v", v)
		}
	}()
	s := f.turn.evaluator.(sharer)
	if len(members) == 1 {
		return s.run(members[0].request.Inputs)
	}
	f.inputs = f.inputs[:0]
	for _, e := range members {
		f.inputs = append(f.inputs, e.request.Inputs)
	}
	values, outputs, err = s.run(f.joiner.Join(f.inputs))
	f.joiner.Reset()
	clear(f.inputs)
	return values, outputs, err
}
