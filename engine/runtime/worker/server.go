package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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
	timeout time.Duration

	mu     sync.Mutex
	active map[uint32]*task
}

// defaultTimeout bounds a request where nobody says otherwise: the product's limit.
const defaultTimeout = 597 * time.Second

// serve speaks the protocol until the engine closes the connection (nil) or breaks the
// protocol. Goroutines of requests may still run then: the caller ends the process.
func serve(conn net.Conn, b backend) error {
	s := &server{link: link{conn: conn}, backend: b, control: make(chan frame, 2),
		loaded: make(chan struct{}), active: map[uint32]*task{}}
	if err := s.link.send(header{Kind: kindHello, Figures: [4]int64{protocolVersion}}, "", nil); err != nil {
		return err
	}
	go s.prepare()
	defer close(s.control)
	reader := newFrameReader(conn)
	for {
		f, err := reader.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.take(f); err != nil {
			return err
		}
	}
}

// take handles a frame without waiting for anything.
func (s *server) take(f frame) error {
	switch f.Kind {
	case kindRequest:
		select {
		case <-s.loaded:
		default:
			return malformed("a request before the model is loaded")
		}
		t := &task{frame: f, arrived: time.Now(), stop: make(chan struct{}, 1)}
		s.mu.Lock()
		_, twice := s.active[f.ID]
		s.active[f.ID] = t
		s.mu.Unlock()
		if twice {
			return malformed("request %d twice", f.ID)
		}
		go s.handle(t)
	case kindCancel:
		s.cancel(f.ID)
	case kindOpen, kindLoad:
		select {
		case s.control <- f:
		default:
			return malformed("more orders than a process takes")
		}
	default:
		return malformed("kind %d sent to a worker", f.Kind)
	}
	return nil
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
	s.turns = make(chan *turn, len(evaluators))
	for _, e := range evaluators {
		s.turns <- newTurn(e)
	}
	close(s.loaded)
	return s.link.sendJSON(kindLoaded, report)
}

// task is a request in the process.
type task struct {
	frame
	arrived time.Time
	stop    chan struct{} // wakes a task that waits for its turn

	// Guarded by server.mu.
	canceled bool
	turn     *turn
}

// cancel ends a request that nobody waits for, whether it waits, runs or is done.
func (s *server) cancel(id uint32) {
	s.mu.Lock()
	t := s.active[id]
	if t == nil {
		s.mu.Unlock()
		return
	}
	t.canceled = true
	turn := t.turn
	s.mu.Unlock()
	if turn != nil {
		turn.cancel(t)
		return
	}
	select {
	case t.stop <- struct{}{}:
	default:
	}
}

// statusCanceled marks an answer that nobody waits for.
const statusCanceled = 499

// handle answers one request.
func (s *server) handle(t *task) {
	defer t.release()
	var timing runtime.Timing
	out := newBuffer(smallestBuffer)
	defer func() { out.release() }()
	a := s.evaluate(t, out, &timing)
	s.mu.Lock()
	delete(s.active, t.ID)
	s.mu.Unlock()
	if len(out.b) > maxPayload-1<<10 {
		e := tooLong(len(out.b))
		a, out.b = answer{status: e.Status, contentType: e.ContentType()}, append(out.b[:0], e.Body()...)
	}
	// An error means that the engine is gone, which the reader sees as well.
	s.link.send(header{Kind: kindResponse, ID: t.ID, Status: uint16(a.status),
		Figures: [4]int64{int64(timing.Wait), int64(timing.Decode), int64(timing.Run), int64(timing.Encode)}},
		a.contentType, out.b)
}

// evaluate waits for a turn and uses it.
func (s *server) evaluate(t *task, out *buffer, timing *runtime.Timing) (a answer) {
	deadline := t.arrived.Add(s.timeout)
	turn := s.turn(t, deadline)
	timing.Wait = time.Since(t.arrived)
	if turn == nil {
		return s.ended(t, out)
	}
	defer func() { s.turns <- turn }()
	turn.begin(t, deadline)
	defer turn.end()
	s.mu.Lock()
	t.turn = turn
	canceled := t.canceled
	s.mu.Unlock()
	if canceled {
		return answer{status: statusCanceled}
	}
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(os.Stderr, "panic in a request: %v\n%s", v, debug.Stack())
			e := newInternalError(v)
			out.b = append(out.b[:0], e.Body()...)
			a = answer{status: e.Status, contentType: e.ContentType()}
		}
	}()
	a = turn.evaluator.evaluate(out, t.Text, t.bytes(), timing)
	if a.stopped {
		return s.ended(t, out)
	}
	return a
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

// turn waits for a free evaluator; nil where the request was canceled or its time ran out.
func (s *server) turn(t *task, deadline time.Time) *turn {
	select {
	case turn := <-s.turns:
		return turn
	default:
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case turn := <-s.turns:
		return turn
	case <-t.stop:
	case <-timer.C:
	}
	return nil
}

// turn is an evaluator with what ends its evaluation early.
type turn struct {
	evaluator evaluator
	timer     *time.Timer

	mu       sync.Mutex
	running  *task
	deadline time.Time
	stopped  bool
}

func newTurn(e evaluator) *turn {
	t := &turn{evaluator: e}
	t.timer = time.AfterFunc(time.Hour, t.expire)
	t.timer.Stop()
	return t
}

func (t *turn) begin(of *task, deadline time.Time) {
	t.mu.Lock()
	t.running, t.deadline, t.stopped = of, deadline, false
	t.mu.Unlock()
	t.timer.Reset(time.Until(deadline))
}

func (t *turn) end() {
	t.timer.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = nil
	// No stop comes from here on: it would hit the next request.
	if t.stopped {
		t.evaluator.reset()
	}
}

// expire is the timer's. It may come late, when another request runs already.
func (t *turn) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running != nil && !time.Now().Before(t.deadline) {
		t.stopLocked()
	}
}

func (t *turn) cancel(of *task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == of {
		t.stopLocked()
	}
}

func (t *turn) stopLocked() {
	t.stopped = true
	t.evaluator.stop()
}
