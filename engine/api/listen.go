package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// DefaultAddress is where the window serves, and `servery serve` unless told otherwise.
const DefaultAddress = "127.0.0.1:8642"

// Listen opens a TCP listener on a loopback address of this machine: "127.0.0.1:8642",
// "localhost:8642", "[::1]:8642"; port 0 takes a free one. Every other address is
// refused: the server has no encryption and answers whoever holds a token, which is
// right for one person on one machine only.
func Listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address to listen on: give it as 127.0.0.1:PORT", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return nil, fmt.Errorf("%q is not a port to listen on: give a number from 0 (any free port) to 65535", port)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip := net.ParseIP(host)
	if ip == nil || !ip.IsLoopback() || (ip.To4() != nil && !ip.Equal(net.IPv4(127, 0, 0, 1))) {
		return nil, fmt.Errorf("Servery listens on this machine only, so %q is refused: use 127.0.0.1:%s. To reach it from another machine, forward a port over SSH", address, port) //nolint:staticcheck // a product's name
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &PortInUseError{Port: port}
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on port %s: choose one above 1023", port)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return l, nil
}

// PortInUseError refuses a port that another program listens on.
type PortInUseError struct{ Port string }

func (e *PortInUseError) Error() string { return "port " + e.Port + " is in use by another program" }

// cappedListener holds at most max connections open. When a further one comes, the
// connection that has been idle longest makes room; where none is idle, the newcomer
// waits in the system's queue until one ends. So ten thousand idle connections lock
// nobody out.
type cappedListener struct {
	net.Listener
	max int

	mu      sync.Mutex
	open    map[*countedConn]struct{}
	freed   chan struct{} // one token: something closed or fell idle, or the listener closed
	waiting atomic.Bool   // a newcomer waits for freed
	closed  atomic.Bool
}

func capListener(l net.Listener, most int) *cappedListener {
	return &cappedListener{Listener: l, max: most, open: map[*countedConn]struct{}{}, freed: make(chan struct{}, 1)}
}

// countedConn is a connection with its idle state, written by net/http's ConnState
// without a lock: Unix nanoseconds since when it is idle, 0 while it works. Before its
// first request it is idle: whoever only connects makes room like whoever only waits.
type countedConn struct {
	net.Conn
	listener  *cappedListener
	idleSince atomic.Int64
	once      sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.listener.gone(c) })
	return c.Conn.Close()
}

func (c *countedConn) busy() { c.idleSince.Store(0) }

func (c *countedConn) idle(now time.Time) {
	c.idleSince.Store(now.UnixNano())
	if c.listener.waiting.Load() {
		c.listener.signal()
	}
}

func (l *cappedListener) Accept() (net.Conn, error) {
	for !l.room() {
		l.waiting.Store(true)
		if !l.room() { // one may have fallen idle before waiting was set
			<-l.freed
		}
		l.waiting.Store(false)
		if l.closed.Load() {
			return nil, net.ErrClosed
		}
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &countedConn{Conn: conn, listener: l}
	c.idleSince.Store(time.Now().UnixNano()) // until its first request begins
	l.mu.Lock()
	l.open[c] = struct{}{}
	l.mu.Unlock()
	return c, nil
}

func (l *cappedListener) gone(c *countedConn) {
	l.mu.Lock()
	delete(l.open, c)
	l.mu.Unlock()
	l.signal()
}

// room tells whether a connection may be accepted, after closing the one idle longest
// where there are too many.
func (l *cappedListener) room() bool {
	l.mu.Lock()
	if len(l.open) < l.max {
		l.mu.Unlock()
		return true
	}
	var oldest *countedConn
	var since int64
	for c := range l.open {
		if at := c.idleSince.Load(); at != 0 && (oldest == nil || at < since) {
			oldest, since = c, at
		}
	}
	l.mu.Unlock()
	if oldest == nil {
		return false
	}
	oldest.Close()
	return true
}

// drain waits until no connection is open, for patience at most and not beyond ctx.
func (l *cappedListener) drain(ctx context.Context, patience time.Duration) {
	late := time.NewTimer(patience)
	defer late.Stop()
	look := time.NewTicker(patience / 20)
	defer look.Stop()
	for {
		l.mu.Lock()
		n := len(l.open)
		l.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-look.C:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// closeIdle closes every connection on which no request runs.
func (l *cappedListener) closeIdle() {
	var idle []*countedConn
	l.mu.Lock()
	for c := range l.open {
		if c.idleSince.Load() != 0 {
			idle = append(idle, c)
		}
	}
	l.mu.Unlock()
	for _, c := range idle {
		c.Close()
	}
}

func (l *cappedListener) signal() {
	select {
	case l.freed <- struct{}{}:
	default:
	}
}

// Close stops listening. The server closes it first, net/http's Shutdown once more unless
// Serve has already returned: the second is no error.
func (l *cappedListener) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	l.signal()
	return l.Listener.Close()
}
