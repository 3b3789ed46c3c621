package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"servery/engine/runtime"
)

// process is the engine's side of one worker process, from its start to its end. It is
// never started again: see runner.
type process struct {
	cmd     *exec.Cmd
	conn    *socket
	input   input        // of reader
	reader  *frameReader // belongs to who reads: see receive.go
	link    link         // writes to conn and closes it
	bodies  *bodyMemory
	grace   time.Duration // between a stop and a kill
	control chan frame    // what the process says besides responses
	gone    chan struct{} // closed when the process has ended and nothing of it is left
	death   death         // how, once gone is closed
	onLine  atomic.Pointer[func(string)]
	opened  atomic.Bool // the library is loaded
	lines   *lineReader
	work    sync.WaitGroup // the reader of frames and the reader of lines

	mu       sync.Mutex
	ended    bool   // takes no more calls
	reason   string // why the engine killed it; "" where it ended by itself
	nextID   uint32
	pending  map[uint32]*call
	watching bool
	reading  bool // somebody reads, or is about to

	crowd crowd
}

// starter starts processes from one thread that lives as long as they do: Linux ends a
// worker when the thread that started it ends, not only when the engine does.
type starter func(*exec.Cmd) error

// startProcess starts a worker and orders it to open the library. It returns at once.
func startProcess(start starter, executable, environment []string, library string, grace time.Duration) (*process, error) {
	conn, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	out, in, err := os.Pipe()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("make a pipe for the log: %w", err)
	}
	defer in.Close()
	cmd := exec.Command(executable[0], executable[1:]...)
	cmd.Env = environment
	cmd.Dir = os.TempDir()
	memory, file, err := newBodyMemory()
	if err != nil { // long bodies go through the socket
		memory = &bodyMemory{}
		if file, err = os.Open(os.DevNull); err != nil {
			conn.Close()
			out.Close()
			return nil, err
		}
	}
	defer file.Close()
	cmd.ExtraFiles = []*os.File{theirs, file} // socketFD, bodiesFD
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = processAttributes()
	if err := start(cmd); err != nil {
		memory.close()
		conn.Close()
		out.Close()
		return nil, fmt.Errorf("start a worker process: %w", err)
	}
	p := &process{cmd: cmd, conn: conn, bodies: memory, grace: grace,
		control: make(chan frame, 4), gone: make(chan struct{}), pending: map[uint32]*call{},
		reading: true, crowd: crowd{span: crowdFor}, lines: &lineReader{file: out}}
	p.reader = newFrameReader(&p.input)
	p.link = link{conn: conn, gather: p.crowd.is}
	p.work.Go(p.read)
	p.work.Go(func() { p.lines.read(p.line) })
	go p.reap()
	p.link.send(header{Kind: kindOpen}, "", []byte(library)) // an error shows as the process's end
	return p, nil
}

// pid is the process's number.
func (p *process) pid() int { return p.cmd.Process.Pid }

// line passes on what the process wrote.
func (p *process) line(text string) {
	if f := p.onLine.Load(); f != nil {
		(*f)(text)
	}
}

// reap waits for the end of the process and for everything that belongs to it.
func (p *process) reap() {
	p.cmd.Wait()
	p.mu.Lock()
	p.ended = true
	reason := p.reason
	p.mu.Unlock()
	p.conn.shutdown()
	p.lines.finish()
	p.work.Wait()
	p.link.close(p.conn)
	p.bodies.close()
	signal, status := endOf(p.cmd.ProcessState)
	p.death = newDeath(reason, signal, status, p.lines.last())
	p.death.words = p.lines.lastWords(time.Now())
	close(p.gone)
}

// kill ends the process at once; reason says why, for a person. The first reason stays.
func (p *process) kill(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killLocked(reason)
}

func (p *process) killLocked(reason string) {
	if p.ended || p.reason != "" {
		return
	}
	// While ended is false the process has not been waited for, so that its number is
	// still its own.
	p.reason = reason
	killGroup(p.pid())
}

// discard ends a process whose connection broke. Mostly it is ending by itself, and what
// ended it is the cause to tell.
func (p *process) discard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		killGroup(p.pid())
	}
}

// isGone tells whether the process has ended.
func (p *process) isGone() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// next waits for the next control frame, which must be of the kind wanted. The error is
// what a failure frame says, ctx's cause, or *diedError; no frame comes with it, for its
// body is released already, and a body released twice is handed out twice.
func (p *process) next(ctx context.Context, wanted kind) (frame, error) {
	var f frame
	select {
	case f = <-p.control:
	case <-ctx.Done():
		return f, context.Cause(ctx)
	case <-p.gone:
		return f, &diedError{p.death}
	}
	switch f.Kind {
	case wanted:
		return f, nil
	case kindFailed:
		defer f.release()
		return frame{}, parseFailure(f.bytes())
	}
	f.release()
	return frame{}, malformed("kind %d where %d was due", f.Kind, wanted)
}

// diedError is a process that ended before it was ready.
type diedError struct{ death death }

func (e *diedError) Error() string { return "the process ended: " + e.death.cause }

// open waits until the process has loaded the library.
func (p *process) open(ctx context.Context) error {
	hello, err := p.next(ctx, kindHello)
	if err != nil {
		return err
	}
	if v := hello.Figures[0]; v != protocolVersion {
		return &runtime.LoadError{Message: fmt.Sprintf("The worker process speaks version %d of its protocol and the engine version %d: the program's file was replaced while it ran. Start Servery again.", v, protocolVersion)}
	}
	opened, err := p.next(ctx, kindOpened)
	opened.release()
	return err
}

// load sends the order and waits for the report. probed tells whether a trial run had
// begun.
func (p *process) load(ctx context.Context, order loadOrder) (report loadReport, probed bool, err error) {
	p.link.sendJSON(kindLoad, order) // an error shows as the process's end
	if order.Probe {
		f, err := p.next(ctx, kindProbing)
		if err != nil {
			return report, false, err
		}
		f.release()
	}
	f, err := p.next(ctx, kindLoaded)
	if err != nil {
		return report, true, err
	}
	defer f.release()
	if err := json.Unmarshal(f.bytes(), &report); err != nil {
		return report, true, malformed("the report of a load cannot be read: %v", err)
	}
	return report, true, nil
}
