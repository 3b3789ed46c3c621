package api

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A client that keeps its connection has its next request on its way when Close begins, and
// could not know what became of it: it is answered, and told that the connection ends.
func TestCloseAnswersWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(withDigits(newFake()), Options{})
		c, r := piped(t, s)()
		ask := func() (closing bool) {
			fmt.Fprint(c, head(pipedAddress, "POST", invocations)+"Content-Length: 2\r\n\r\n{}")
			res, body := next(t, r)
			if res.StatusCode != 200 {
				t.Errorf("status %d %s", res.StatusCode, body)
			}
			return res.Close
		}
		if ask() {
			t.Error("the connection ends before Close")
		}
		closed := make(chan error, 1)
		go func() { closed <- s.Close(context.Background()) }()
		synctest.Wait()
		if !ask() {
			t.Error("the answer does not say that the connection ends")
		}
		began := time.Now()
		if err := <-closed; err != nil || time.Since(began) > drainPatience {
			t.Errorf("Close: %v after %v", err, time.Since(began))
		}
	})
}

// lingering is a listener whose Accept returns some time after Close, as a thread that the
// system does not schedule does: meanwhile net/http closes the listener a second time.
type lingering struct {
	closed chan struct{}
	leave  chan struct{}
}

func (l *lingering) Accept() (net.Conn, error) {
	<-l.closed
	<-l.leave
	return nil, net.ErrClosed
}

func (l *lingering) Close() error {
	select {
	case <-l.closed:
		return net.ErrClosed
	default:
		close(l.closed)
		return nil
	}
}

func (l *lingering) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8642} }

func TestCloseIsNoErrorWhileServeHasNotReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newFake(), Options{})
		l := &lingering{make(chan struct{}), make(chan struct{})}
		served, closed := make(chan error, 1), make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		synctest.Wait()
		go func() { closed <- s.Close(context.Background()) }()
		time.Sleep(drainPatience + freshPatience)
		close(l.leave)
		if err := <-closed; err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}
