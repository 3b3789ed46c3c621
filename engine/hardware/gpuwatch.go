package hardware

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// GPUWatch knows the machine's GPUs through a process that it starts: see package inventory of
// engine/runtime/cuda. All methods may be called from many goroutines at once.
type GPUWatch struct {
	options GPUOptions
	current atomic.Pointer[GPUs]
	life    context.Context
	end     context.CancelFunc

	mu   sync.Mutex
	look look // the present one
	stop context.CancelFunc
}

// look is a process from its start to its end.
type look struct {
	first chan struct{} // closed when it has found what there is
	full  chan struct{} // closed when it has measured that, too
	ended chan struct{} // closed when it has ended
}

// GPUOptions say how to look for GPUs.
type GPUOptions struct {
	// Command is the command line of the process that looks. It writes a GPUs as a line of
	// JSON, and further ones until its standard input ends. Empty is a program without CUDA.
	Command []string
	// Without is what is told where Command is empty.
	Without GPUs
	// Patience bounds the wait for the first line; 0 is 30 s: the driver wakes the cards of a
	// machine with eight for 10 s and more.
	Patience time.Duration
	// Changed is called, from a goroutine, after each line. found is true where the cards are
	// told anew and not only their figures.
	Changed func(found bool)
}

const (
	gpuPatience = 30 * time.Second
	// lastWords is how long a process that is to end may take for it; one that hangs in the
	// driver cannot be killed, and is left behind.
	lastWords = 2 * time.Second
	// figuresWithin is how long a Refresh waits for figures once the cards are known.
	figuresWithin = 5 * time.Second
)

// WatchGPUs starts to look and does not wait for what is found.
func WatchGPUs(options GPUOptions) *GPUWatch {
	if options.Patience == 0 {
		options.Patience = gpuPatience
	}
	if options.Changed == nil {
		options.Changed = func(bool) {}
	}
	w := &GPUWatch{options: options}
	w.life, w.end = context.WithCancel(context.Background())
	w.current.Store(&GPUs{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin()
	return w
}

// GPUs are those that were found last, with the last figures. It costs one atomic load.
func (w *GPUWatch) GPUs() GPUs { return *w.current.Load() }

// Wait gives what the present look finds, or what is known when ctx ends.
func (w *GPUWatch) Wait(ctx context.Context) GPUs {
	w.mu.Lock()
	first := w.look.first
	w.mu.Unlock()
	select {
	case <-first:
	case <-ctx.Done():
	}
	return w.GPUs()
}

// Refresh looks anew, as after a driver was installed, and waits for what is found and for the
// first figures of it.
func (w *GPUWatch) Refresh(ctx context.Context) GPUs {
	w.mu.Lock()
	select {
	case <-w.look.first: // else a look is under way
		w.stop()
		w.begin()
	default:
	}
	full := w.look.full
	w.mu.Unlock()
	w.Wait(ctx)
	patience := time.NewTimer(figuresWithin)
	defer patience.Stop()
	select {
	case <-full:
	case <-patience.C:
	case <-ctx.Done():
	}
	return w.GPUs()
}

// Close ends the process.
func (w *GPUWatch) Close() {
	w.end()
	w.mu.Lock()
	ended := w.look.ended
	w.mu.Unlock()
	<-ended
}

// begin starts a look. The caller holds mu.
func (w *GPUWatch) begin() {
	w.look = look{make(chan struct{}), make(chan struct{}), make(chan struct{})}
	if len(w.options.Command) == 0 {
		w.stop = func() {}
		w.current.Store(&w.options.Without)
		close(w.look.first)
		close(w.look.full)
		close(w.look.ended)
		return
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(w.life)
	go w.run(ctx, w.look, w.stop)
}

// run is a look; stop ends it.
func (w *GPUWatch) run(ctx context.Context, l look, stop func()) {
	defer close(l.ended)
	defer stop()
	told := sync.OnceFunc(func() { close(l.first) })
	measured := sync.OnceFunc(func() { close(l.full) })
	defer measured()
	defer told()
	late := time.NewTimer(w.options.Patience)
	defer late.Stop()

	lines, result := make(chan GPUs), make(chan error, 1)
	go func() { result <- w.read(ctx, lines) }()
	known := false
	for {
		select {
		case <-ctx.Done(): // Close, or Refresh
			w.abandon(result)
			return
		case <-late.C:
			stop()
			w.abandon(result)
			w.show(probeFails(fmt.Sprintf("it gave no answer in %s", w.options.Patience)), true)
			return
		case g := <-lines:
			late.Stop()
			w.show(g, !known)
			known = true
			told()
			if g.measured() {
				measured()
			}
		case err := <-result:
			switch {
			case ctx.Err() != nil || known && err == nil:
			case known:
				w.show(unmeasured(w.GPUs(), err), true)
			case err == nil:
				w.show(probeFails("it said nothing"), true)
			default:
				w.show(probeFails(err.Error()), true)
			}
			return
		}
	}
}

// abandon waits a little for a process that was told to end.
func (w *GPUWatch) abandon(result <-chan error) {
	patience := time.NewTimer(lastWords)
	defer patience.Stop()
	select {
	case <-result:
	case <-patience.C:
	}
}

func probeFails(how string) GPUs {
	return GPUs{Known: true, Cards: []GPU{}, None: &NoGPU{Kind: ProbeFails,
		Reason: "the process that asks the NVIDIA driver failed (" + how + ")",
		Advice: "Look at nvidia-smi and at the kernel's log (dmesg)."}}
}

// unmeasured is g once the process that measured has ended: the cards are there all the same.
func unmeasured(g GPUs, err error) GPUs {
	g.Cards = slices.Clone(g.Cards)
	for i := range g.Cards {
		g.Cards[i].Now = nil
	}
	g.Unmeasured = "the process that measures the GPUs ended (" + err.Error() + ")"
	return g
}

func (w *GPUWatch) show(g GPUs, found bool) {
	w.current.Store(&g)
	w.options.Changed(found)
}

// read runs the process and passes its lines on until it ends.
func (w *GPUWatch) read(ctx context.Context, lines chan<- GPUs) error {
	cmd := exec.CommandContext(ctx, w.options.Command[0], w.options.Command[1:]...)
	cmd.WaitDelay = lastWords
	said := &head{}
	cmd.Stderr = said
	in, err := cmd.StdinPipe() // held open: the process ends when the engine's has ended
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var wrong error
	text := bufio.NewScanner(out)
	text.Buffer(nil, 1<<20)
	for wrong == nil && text.Scan() {
		var g GPUs
		if err := json.Unmarshal(text.Bytes(), &g); err != nil || !g.Known {
			wrong = errors.New("it wrote what is no inventory of GPUs")
			break
		}
		select {
		case lines <- g:
		case <-ctx.Done():
			wrong = ctx.Err()
		}
	}
	in.Close()
	out.Close()
	err = cmd.Wait()
	if wrong != nil {
		return wrong
	}
	if line, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n"); err != nil && line != "" {
		return fmt.Errorf("%w: %s", err, line)
	}
	return err
}

// head keeps the beginning of what is written to it.
type head struct{ strings.Builder }

func (h *head) Write(b []byte) (int, error) {
	h.Builder.Write(b[:min(max(0, 4096-h.Len()), len(b))])
	return len(b), nil
}
