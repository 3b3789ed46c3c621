package worker

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"servery/engine/runtime"
)

// evaluator answers one request at a time. A process has as many as may run at once.
type evaluator interface {
	// evaluate appends the answer's body to out.b and fills in Decode, Run and Encode of
	// timing. contentType and body are as the client sent them.
	evaluate(out *buffer, contentType string, body []byte, timing *runtime.Timing) answer
	// stop ends the evaluation in progress, if it can. Any goroutine may call it, while
	// evaluate runs or shortly before or after.
	stop()
	// reset makes the evaluator fit again after a stop, once evaluate has returned.
	reset()
}

// answer is how an evaluation ended. stopped tells that stop ended it.
type answer struct {
	status      int
	contentType string
	stopped     bool
}

// backend loads what a process serves: ONNX Runtime in the product.
type backend interface {
	// open loads the runtime's library and returns its version.
	open(library string) (version string, err error)
	// load loads the model. It calls probing before it runs the model for the first time.
	load(order loadOrder, probing func()) ([]evaluator, loadReport, error)
}

// server is the process side of a connection.
type server struct {
	link    link
	backend backend
	control chan frame
	loaded  chan struct{} // closed once requests may come
	turns   chan *turn
	batches *batcher // nil where requests do not share runs
	timeout time.Duration
	reading readers
	bodies  []byte // shared memory; nil where there is none

	mu       sync.Mutex
	active   map[uint32]*task
	watching bool // a timer waits for the first deadline
}

// defaultTimeout bounds a request where nobody says otherwise: the product's limit.
const defaultTimeout = 597 * time.Second

// serve speaks the protocol until the engine closes the connection (nil) or breaks the
// protocol. Goroutines of requests may still run then: the caller ends the process.
func serve(conn io.ReadWriter, bodies []byte, b backend) error {
	s := &server{link: link{conn: conn}, bodies: bodies, backend: b, control: make(chan frame, 2),
		loaded: make(chan struct{}), active: map[uint32]*task{}}
	if err := s.link.send(header{Kind: kindHello, Figures: [4]int64{protocolVersion}}, "", nil); err != nil {
		return err
	}
	go s.prepare()
	defer close(s.control)
	return s.read(newFrameReader(conn))
}

// take handles a frame without waiting for anything. It gives a request back that is to be
// answered.
func (s *server) take(f frame) (*task, error) {
	switch f.Kind {
	case kindRequest:
		select {
		case <-s.loaded:
		default:
			return nil, malformed("a request before the model is loaded")
		}
		return s.accept(f)
	case kindCancel:
		s.cancel(f.ID)
	case kindOpen, kindLoad:
		select {
		case s.control <- f:
		default:
			return nil, malformed("more orders than a process takes")
		}
	default:
		return nil, malformed("kind %d sent to a worker", f.Kind)
	}
	return nil, nil
}

// accept makes a request known, so that it can be canceled and its deadline is kept.
func (s *server) accept(f frame) (*task, error) {
	if at, n := f.Figures[1], f.Figures[2]; n > 0 {
		if size := int64(len(s.bodies)); f.Body != nil || at > size || n > size-at {
			return nil, malformed("a body of %d bytes at %d of %d in shared memory", n, at, size)
		}
		f.shared = s.bodies[at : at+n : at+n]
	}
	t := tasks.Get().(*task)
	t.frame, t.arrived = f, time.Now()
	t.deadline = t.arrived.Add(s.timeout)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active[f.ID] != nil {
		return nil, malformed("request %d twice", f.ID)
	}
	s.active[f.ID] = t
	if !s.watching {
		s.watching = true
		time.AfterFunc(s.timeout, s.watch)
	}
	return t, nil
}

// prepare carries out Open and Load, beside the reader so that the end of the engine is
// seen while a model loads.
func (s *server) prepare() {
	for f := range s.control {
		err := s.obey(f)
		f.release()
		if err != nil {
			s.link.sendJSON(kindFailed, newFailure(err))
		}
	}
}

func (s *server) obey(f frame) (err error) {
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(os.Stderr, "panic while loading: %v\n%s", v, debug.Stack())
			err = fmt.Errorf("loading failed by an error in Servery: %v", v)
		}
	}()
	if f.Kind == kindOpen {
		version, err := s.backend.open(string(f.bytes()))
		if err != nil {
			return err
		}
		return s.link.send(header{Kind: kindOpened}, "", []byte(version))
	}
	var order loadOrder
	if err := json.Unmarshal(f.bytes(), &order); err != nil {
		return malformed("what to load cannot be read: %v", err)
	}
	evaluators, report, err := s.backend.load(order, func() { s.link.send(header{Kind: kindProbing}, "", nil) })
	if err != nil {
		return err
	}
	s.timeout = order.Timeout
	if s.timeout <= 0 {
		s.timeout = defaultTimeout
	}
	if report.Batching.On {
		s.batches = newBatcher(s, evaluators, report.Batching)
	} else {
		s.turns = make(chan *turn, len(evaluators))
		for _, e := range evaluators {
			s.turns <- &turn{evaluator: e}
		}
		s.reading.short = report.RunTime > 0 && report.RunTime < tinyRun
	}
	close(s.loaded)
	return s.link.sendJSON(kindLoaded, report)
}

// statusCanceled marks an answer that nobody waits for.
const statusCanceled = 499

// handle answers one request. The answer may be held: see link.put.
func (s *server) handle(t *task, hold bool) {
	var timing runtime.Timing
	out := newBuffer(smallestBuffer)
	a := s.evaluate(t, out, &timing)
	s.mu.Lock()
	delete(s.active, t.ID)
	s.mu.Unlock()
	if len(out.b) > maxPayload-longestText {
		e := tooLong(len(out.b))
		a, out.b = answer{status: e.Status, contentType: e.ContentType()}, append(out.b[:0], e.Body()...)
	}
	// An error means that the engine is gone, which the reader sees as well.
	s.link.put(header{Kind: kindResponse, ID: t.ID, Status: uint16(a.status),
		Figures: [4]int64{int64(timing.Wait), int64(timing.Decode), int64(timing.Run), int64(timing.Encode)}},
		a.contentType, out.b, hold)
	out.release()
	t.release()
	select {
	case <-t.stop:
	default:
	}
	*t = task{stop: t.stop}
	tasks.Put(t)
}

// evaluate waits for a turn and uses it.
func (s *server) evaluate(t *task, out *buffer, timing *runtime.Timing) (a answer) {
	if s.batches != nil {
		return s.batches.evaluate(t, out, timing)
	}
	turn := s.turn(t)
	timing.Wait = time.Since(t.arrived)
	if turn == nil {
		return s.ended(t, out)
	}
	defer func() {
		s.leave(t, turn)
		s.turns <- turn
	}()
	if !s.enter(t, turn) {
		return s.ended(t, out)
	}
	defer func() {
		if v := recover(); v != nil {
			a = panicked(out, v)
		}
	}()
	a = turn.evaluator.evaluate(out, t.Text, t.bytes(), timing)
	if a.stopped {
		return s.ended(t, out)
	}
	return a
}

// panicked answers a request in which Servery's own code failed. It is called while the
// panic is recovered.
func panicked(out *buffer, v any) answer {
	fmt.Fprintf(os.Stderr, "panic in a request: %v\n%s", v, debug.Stack())
	e := newInternalError(v)
	out.b = append(out.b[:0], e.Body()...)
	return answer{status: e.Status, contentType: e.ContentType()}
}

// ended answers a request that did not get to its end.
func (s *server) ended(t *task, out *buffer) answer {
	s.mu.Lock()
	canceled := t.canceled
	s.mu.Unlock()
	out.b = out.b[:0]
	if canceled {
		return answer{status: statusCanceled}
	}
	e := newTimeoutError()
	out.b = append(out.b, e.Body()...)
	return answer{status: e.Status, contentType: e.ContentType()}
}
