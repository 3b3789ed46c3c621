package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	goruntime "runtime"
	"sync"
	"time"

	"servery/engine/runtime"
	"servery/engine/runtime/ortlib"
)

// Options say how worker processes are started.
type Options struct {
	// Executable is the command line of a worker: the program and "worker".
	Executable []string
	// Library finds ONNX Runtime's library, or fails with a *runtime.MissingError. It is
	// asked for each process, so that the library can be put in place later.
	Library func() (string, error)
	// MemoryTotal is the machine's memory in bytes: half of it, and at least 1 GiB, bounds
	// a model whose Spec states no limit. 0 leaves such a model unbounded.
	MemoryTotal int64
	// Log takes what concerns no model. Nil discards it.
	Log *slog.Logger
}

const (
	// loadLimit bounds the load of a model: 2 GiB from a slow disk, checked and loaded.
	loadLimit = 5 * time.Minute
	// openLimit bounds the start of a process and the load of the library, about 50 ms.
	openLimit = 30 * time.Second
	// stopGrace is how long a run may go on after it was told to stop.
	stopGrace = 2 * time.Second
	// leastLimit is the least default bound of a model's memory.
	leastLimit = 1 << 30
)

// Launcher starts worker processes: it is the product's runtime.Launcher.
type Launcher struct {
	options                     Options
	loadLimit, openLimit, grace time.Duration
	stop                        context.Context // ends with Close
	cancel                      context.CancelCauseFunc

	mu      sync.Mutex
	closed  bool
	warm    bool // a spare is kept
	filling bool // a spare is being started
	spare   *process
	library string // that the spare has open
	runners map[*runner]struct{}
	starts  chan func() // to the thread that starts processes; nil until the first
	work    sync.WaitGroup
}

// New makes a Launcher. It starts nothing.
func New(options Options) *Launcher {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	l := &Launcher{options: options, loadLimit: loadLimit, openLimit: openLimit, grace: stopGrace,
		runners: map[*runner]struct{}{}}
	l.stop, l.cancel = context.WithCancelCause(context.Background())
	return l
}

// errClosed answers a launch on a closed Launcher.
var errClosed = errors.New("the launcher of worker processes is closed")

// Launch starts a process that serves spec: see runtime.Launcher.
func (l *Launcher) Launch(ctx context.Context, spec runtime.Spec, notify func(runtime.Notice)) (runtime.Runner, error) {
	began := time.Now()
	if notify == nil {
		notify = func(runtime.Notice) {}
	}
	r := &runner{launcher: l, spec: spec, timeout: spec.Timeout, notify: notify,
		idle: make(chan struct{}, 1), trial: make(chan struct{}, 1), stopped: make(chan struct{}),
		changed: make(chan struct{})}
	if r.timeout <= 0 {
		r.timeout = defaultTimeout
	}
	p, report, err := l.launch(ctx, spec, nil, r.line)
	if err != nil {
		return nil, err
	}
	r.report = report
	r.loaded = report.loaded(time.Since(began))
	if !report.onGPU() { // what could not be had is not asked for again
		r.spec.GPU = nil
	}
	r.stop, r.cancel = context.WithCancel(context.Background())
	r.current = p
	r.active.Store(p)
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		r.cancel()
		p.kill("the engine was closed")
		<-p.gone
		return nil, errClosed
	}
	l.runners[r] = struct{}{}
	l.mu.Unlock()
	go r.supervise(p, began)
	return r, nil
}

func (l *Launcher) remove(r *runner) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runners, r)
}

// launch gives a process that has loaded the model. known is what an earlier load showed,
// so that it need not be found out again; nil asks for a trial run. The error is a
// *runtime.LoadError, a *runtime.MissingError, or ctx's.
func (l *Launcher) launch(ctx context.Context, spec runtime.Spec, known *loadReport, line func(string)) (*process, loadReport, error) {
	if !l.begin() {
		return nil, loadReport{}, errClosed
	}
	defer l.work.Done()
	defer l.refill()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.stop, func() { cancel(errClosed) })()
	p, spare, err := l.take(spec)
	if err != nil {
		return nil, loadReport{}, err
	}
	order := l.order(spec, known)
	report, probed, err := l.prepare(ctx, p, order, line)
	var died *diedError
	if errors.As(err, &died) && spare && !probed {
		// The spare may have been ended from outside while it waited.
		if p, err = l.start(spec); err != nil {
			return nil, loadReport{}, err
		}
		report, probed, err = l.prepare(ctx, p, order, line)
	}
	if errors.As(err, &died) && died.death.gpu {
		order.GPU = nil
		left := "the GPU was lost while the model was loaded." + died.death.words
		line("the model runs on the CPU, not on the GPU: " + left)
		if p, err = l.start(spec); err != nil {
			return nil, loadReport{}, err
		}
		report, probed, err = l.prepare(ctx, p, order, line)
		report.Reason = left
	}
	if errors.As(err, &died) && probed && order.Probe {
		// The model is sound as far as loading goes; zeros may be input it never gets.
		line("a trial run ended the model's process (" + died.death.cause + "); it is loaded again without one")
		order.Probe = false
		if p, err = l.start(spec); err != nil {
			return nil, loadReport{}, err
		}
		report, _, err = l.prepare(ctx, p, order, line)
	}
	if errors.As(err, &died) {
		err = &runtime.LoadError{Message: "The process ended while it loaded the model: " + died.death.cause + "." + died.death.words}
	}
	if err != nil {
		return nil, loadReport{}, err
	}
	return p, report, nil
}

// begin tells whether there is still something to be started. Close waits for work.Done.
func (l *Launcher) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.work.Add(1)
	}
	return !l.closed
}

// prepare brings a started process to where it serves, or ends it.
func (l *Launcher) prepare(ctx context.Context, p *process, order loadOrder, line func(string)) (report loadReport, probed bool, err error) {
	p.onLine.Store(&line)
	late := &runtime.LoadError{Message: fmt.Sprintf("The model was not loaded within %v.", l.loadLimit)}
	ctx, cancel := context.WithTimeoutCause(ctx, l.loadLimit, late)
	defer cancel()
	if err = l.open(ctx, p); err == nil {
		report, probed, err = p.load(ctx, order)
	}
	if err != nil {
		p.kill("its model could not be loaded")
		<-p.gone
	}
	return report, probed, err
}

// open waits for the library. A process that ends over it has a broken library.
func (l *Launcher) open(ctx context.Context, p *process) error {
	if p.opened.Load() {
		return nil
	}
	late := &runtime.MissingError{Message: fmt.Sprintf("ONNX Runtime's library could not be loaded within %v.", l.openLimit), Hint: ortlib.Hint("")}
	ctx, cancel := context.WithTimeoutCause(ctx, l.openLimit, late)
	defer cancel()
	err := p.open(ctx)
	var died *diedError
	if errors.As(err, &died) {
		return &runtime.MissingError{Message: "ONNX Runtime's library ended the process that loaded it: " + died.death.cause + "." + died.death.words, Hint: ortlib.Hint("")}
	}
	if err != nil {
		return err
	}
	p.opened.Store(true)
	return nil
}

// order is what goes over to the process.
func (l *Launcher) order(spec runtime.Spec, known *loadReport) loadOrder {
	o := loadOrder{Entity: spec.Entity, Dir: spec.Dir, ModelFile: spec.ModelFile, SHA256: spec.SHA256,
		Signature: spec.Signature, Example: spec.Example, MemoryLimit: spec.MemoryLimit,
		Concurrency: spec.Concurrency, Timeout: spec.Timeout, Probe: known == nil, GPU: spec.GPU}
	if o.MemoryLimit <= 0 && l.options.MemoryTotal > 0 {
		o.MemoryLimit = max(l.options.MemoryTotal/2, leastLimit)
	}
	if known != nil {
		o.RunTime, o.Sessions, o.Batching = known.RunTime, known.Sessions, known.Batching
	}
	return o
}

// Warm keeps one process ready that has loaded the library, so that a launch costs only
// the load of the model. It returns at once.
func (l *Launcher) Warm() {
	l.mu.Lock()
	l.warm = true
	l.mu.Unlock()
	l.refill()
}

// refill starts a spare if one is due.
func (l *Launcher) refill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.warm || l.closed || l.filling || l.spare != nil && !l.spare.isGone() {
		return
	}
	l.filling = true
	l.work.Go(func() {
		p, library, err := l.newSpare()
		l.mu.Lock()
		l.filling = false
		closed := l.closed
		if err == nil && !closed {
			l.spare, l.library = p, library
		}
		l.mu.Unlock()
		switch {
		case err != nil && !closed:
			l.options.Log.Warn("no worker process is kept ready", "error", err)
		case err == nil && closed:
			p.kill("the engine was closed")
			<-p.gone
		}
	})
}

func (l *Launcher) newSpare() (*process, string, error) {
	library, err := l.options.Library()
	if err != nil {
		return nil, "", err
	}
	p, err := l.startWith(library, nil)
	if err != nil {
		return nil, "", err
	}
	if err := l.open(l.stop, p); err != nil {
		p.kill("the library could not be loaded")
		<-p.gone
		return nil, "", err
	}
	return p, library, nil
}

// take gives a process for spec: the spare one if it fits, else a new one.
func (l *Launcher) take(spec runtime.Spec) (p *process, spare bool, err error) {
	library, err := l.options.Library()
	if err != nil {
		return nil, false, err
	}
	l.mu.Lock()
	s := l.spare
	if s != nil && l.library != library { // another library was put in place
		s.kill("its library is not the one in use any more")
		l.spare, s = nil, nil
	}
	if s != nil && len(spec.Environment) == 0 && !s.isGone() {
		l.spare = nil
		l.mu.Unlock()
		return s, true, nil
	}
	l.mu.Unlock()
	p, err = l.startWith(library, spec.Environment)
	return p, false, err
}

// start starts a new process for spec.
func (l *Launcher) start(spec runtime.Spec) (*process, error) {
	library, err := l.options.Library()
	if err != nil {
		return nil, err
	}
	return l.startWith(library, spec.Environment)
}

func (l *Launcher) startWith(library string, extra map[string]string) (*process, error) {
	return startProcess(l.exec, l.options.Executable, environment(os.LookupEnv, extra), library, l.grace)
}

// exec is the starter: it starts a process from the one thread that does so. The caller
// holds a begun work.
func (l *Launcher) exec(cmd *exec.Cmd) error {
	l.mu.Lock()
	if l.starts == nil {
		l.starts = make(chan func())
		go func(starts <-chan func()) {
			// The thread is not unlocked: it must end with this goroutine, not before.
			goruntime.LockOSThread()
			for start := range starts {
				start()
			}
		}(l.starts)
	}
	starts := l.starts
	l.mu.Unlock()
	done := make(chan error)
	starts <- func() { done <- cmd.Start() }
	return <-done
}

// Close closes all runners, each as its own Close does, and ends the spare process.
func (l *Launcher) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	spare := l.spare
	l.spare = nil
	var runners []*runner
	for r := range l.runners {
		runners = append(runners, r)
	}
	l.mu.Unlock()
	l.cancel(errClosed)
	if spare != nil {
		spare.kill("the engine was closed")
		<-spare.gone
	}
	var closing sync.WaitGroup
	for _, r := range runners {
		closing.Go(func() { r.Close(ctx) })
	}
	closing.Wait()
	l.work.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	// Every process has ended by now; the thread may.
	if l.starts != nil {
		close(l.starts)
		l.starts = nil
	}
	return nil
}
