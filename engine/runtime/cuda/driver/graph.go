//go:build cuda && linux && (amd64 || arm64)

package driver

// #include "bind.h"
import "C"

import "errors"

// Graph is what was enqueued on a stream while it was captured, to be enqueued again in one
// call. It keeps the addresses of buffers and pinned memory: they must live as long as it.
type Graph struct{ x C.CUgraphExec }

// Capture records what enqueue puts on s, which does not run, as a Graph. enqueue must not wait,
// allocate or free. Its error comes back as it is, and ends the capture.
func (s *Stream) Capture(enqueue func() error) (*Graph, error) {
	// Other threads of the process may allocate meanwhile.
	if err := failed("cuStreamBeginCapture", C.cuStreamBeginCapture(s.c(), C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), ""); err != nil {
		return nil, err
	}
	var g C.CUgraph
	var inner, end error
	func() {
		returned := false
		// A panic too must not leave the stream captured.
		defer func() {
			end = failed("cuStreamEndCapture", C.cuStreamEndCapture(s.c(), &g), "")
			if !returned && g != nil {
				C.cuGraphDestroy(g)
			}
		}()
		inner = enqueue()
		returned = true
	}()
	if g == nil {
		if inner == nil && end == nil {
			end = errors.New("cuda: the driver captured a stream and gave no graph")
		}
		return nil, errors.Join(inner, end)
	}
	if inner != nil || end != nil {
		return nil, errors.Join(inner, end, failed("cuGraphDestroy", C.cuGraphDestroy(g), ""))
	}
	exec := &Graph{}
	err := failed("cuGraphInstantiateWithFlags", C.cuGraphInstantiateWithFlags(&exec.x, g, 0), "")
	// The executable graph stands on its own.
	destroyed := failed("cuGraphDestroy", C.cuGraphDestroy(g), "")
	if err == nil && destroyed != nil {
		return nil, errors.Join(destroyed, exec.Close())
	}
	if err != nil {
		return nil, errors.Join(err, destroyed)
	}
	return exec, nil
}

// Run enqueues g on s. A graph runs once at a time.
func (s *Stream) Run(g *Graph) error {
	return failed("cuGraphLaunch", C.cuGraphLaunch(g.x, s.c()), "")
}

// Close frees g. A second Close does nothing.
func (g *Graph) Close() error {
	if g.x == nil {
		return nil
	}
	r := C.cuGraphExecDestroy(g.x)
	g.x = nil
	return failed("cuGraphExecDestroy", r, "")
}
