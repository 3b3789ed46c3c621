package engine

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"servery/engine/api"
)

// listening is the REST server, where there is one.
type listening struct {
	mu      sync.Mutex
	closed  bool
	err     error
	address string
	server  *api.Server
	served  sync.WaitGroup
}

// Listen starts the REST server on a loopback address, "127.0.0.1:8642", where it does
// not listen already, and tells other programs of this user where it is. What it returns
// is also in ListenError: *api.PortInUseError where another program has the port.
func (e *Engine) Listen(address string) error {
	n := &e.listening
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return net.ErrClosed
	case n.server != nil:
		return nil
	}
	var l net.Listener
	if l, n.err = api.Listen(address); n.err != nil {
		return n.err
	}
	n.address = "http://" + l.Addr().(*net.TCPAddr).String()
	server := api.New(e, api.Options{
		Log:       e.options.Log,
		UploadDir: filepath.Join(e.options.DataDir, "uploads"),
		Traces:    e.traces,
	})
	n.server = server
	n.served.Go(func() {
		if err := server.Serve(l); err != nil {
			e.options.Log.Error("the REST server stopped", "error", err)
		}
	})
	if err := writeRunning(e.options.DataDir, Running{Address: n.address, Token: e.token, PID: os.Getpid()}); err != nil {
		e.options.Log.Warn("other programs will not find this engine by its data folder", "error", err)
	}
	return nil
}

// Address is where the REST server listens, "http://127.0.0.1:8642"; "" where it does not.
func (e *Engine) Address() string {
	e.listening.mu.Lock()
	defer e.listening.mu.Unlock()
	return e.listening.address
}

// ListenError says why the REST server does not listen; nil where it does or need not.
func (e *Engine) ListenError() error {
	e.listening.mu.Lock()
	defer e.listening.mu.Unlock()
	return e.listening.err
}

// closeServer lets requests in flight finish until ctx ends; nothing listens after it.
func (e *Engine) closeServer(ctx context.Context) error {
	n := &e.listening
	n.mu.Lock()
	n.closed = true
	server := n.server
	n.mu.Unlock()
	if server == nil {
		return nil
	}
	removeRunning(e.options.DataDir)
	err := server.Close(ctx)
	n.served.Wait()
	if err != nil {
		return fmt.Errorf("closing the REST server: %w", err)
	}
	return nil
}
