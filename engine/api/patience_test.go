package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/endpoint"
	"servery/engine/registry"
	"servery/engine/runtime"
)

// pipes is a listener without a network, so that time can be a test's own.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8642} }

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// piped serves in a synctest bubble until the test ends, and opens connections.
func piped(t *testing.T, s *Server) (dial func() (net.Conn, *bufio.Reader)) {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Serve(p); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		served.Wait()
	})
	return func() (net.Conn, *bufio.Reader) {
		client, server := net.Pipe()
		t.Cleanup(func() { client.Close() })
		p.conns <- server
		return client, bufio.NewReader(client)
	}
}

const pipedAddress = "127.0.0.1:8642"

// ends reads until the server closes the connection, and tells how long that took.
func ends(t *testing.T, r *bufio.Reader) time.Duration {
	t.Helper()
	began := time.Now()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	if strings.Contains(string(b), "200 OK") {
		t.Errorf("answered %q", b)
	}
	return time.Since(began)
}

func TestSlowClientsAreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial := piped(t, New(withDigits(newFake()), Options{}))

		c, r := dial()
		fmt.Fprint(c, "GET /api/2.0/serving-endpoints HTTP/1.1\r\nHost: ")
		if took := ends(t, r); took != headerPatience {
			t.Errorf("half a header was waited for %v", took)
		}

		c, r = dial()
		began := time.Now()
		fmt.Fprint(c, head(pipedAddress, "POST", invocations)+"Content-Length: 100\r\n\r\n{")
		for range 5 { // a byte every ten seconds does not help
			time.Sleep(10 * time.Second)
			fmt.Fprint(c, " ")
		}
		res, body := next(t, r)
		if took := time.Since(began); res.StatusCode != http.StatusRequestTimeout || !strings.Contains(body, "REQUEST_TIMEOUT") || took != bodyPatience {
			t.Errorf("half a body: status %d %s after %v", res.StatusCode, body, took)
		}
		if took := ends(t, r); took > time.Second {
			t.Errorf("its connection stayed open for %v", took)
		}

		c, r = dial()
		fmt.Fprint(c, head(pipedAddress, "GET", "/api/2.0/serving-endpoints")+"\r\n")
		next(t, r)
		if took := ends(t, r); took != idlePatience {
			t.Errorf("an idle connection was kept for %v", took)
		}
	})
}

func TestAClientThatStopsReadingIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withDigits(newFake())
		released := make(chan time.Time, 1)
		f.invoke = func(context.Context, string, string, runtime.Request) (endpoint.Answer, error) {
			return endpoint.Answer{Response: runtime.Response{Body: make([]byte, 1<<20), Release: func() { released <- time.Now() }}}, nil
		}
		c, r := piped(t, New(f, Options{}))()
		began := time.Now()
		fmt.Fprint(c, head(pipedAddress, "POST", invocations)+"Content-Length: 2\r\n\r\n{}")
		if _, err := r.ReadByte(); err != nil {
			t.Fatal(err)
		}
		if took, want := (<-released).Sub(began), sendPatience+4*time.Second; took != want {
			t.Errorf("the answer was held for %v, want %v", took, want)
		}
	})
}

// The patience for bodies ends with the body: a run may take the product's 597 s.
func TestALongRunOutlivesThePatienceForBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withDigits(newFake())
		good := f.invoke
		f.invoke = func(ctx context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error) {
			pause(ctx, 597*time.Second)
			if ctx.Err() != nil {
				return endpoint.Answer{}, ctx.Err()
			}
			return good(ctx, name, entity, r)
		}
		dial := piped(t, New(f, Options{}))
		for _, framing := range []string{"Content-Length: 2\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "Content-Length: 0\r\n\r\n"} {
			c, r := dial()
			fmt.Fprint(c, head(pipedAddress, "POST", invocations)+framing)
			if res, body := next(t, r); res.StatusCode != 200 {
				t.Errorf("%q: status %d %s", framing, res.StatusCode, body)
			}
		}
	})
}

// An upload has a minute for each MiB, and its import as long as it takes.
func TestALongUploadIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.onImport = func(ctx context.Context, _ registry.Import) (registry.Version, error) {
			pause(ctx, time.Hour)
			return registry.Version{Number: 1, Status: registry.Ready}, ctx.Err()
		}
		dial := piped(t, New(f, Options{UploadDir: t.TempDir()}))
		body, contentType := form(t, part{"files", "a.onnx", strings.Repeat("a", 5<<20)})
		begin := fmt.Sprintf("%sContent-Type: %s\r\nContent-Length: %d\r\n\r\n", head(pipedAddress, "POST", "/api/2.0/servery/models/import"), contentType, len(body))
		c, r := dial()
		fmt.Fprint(c, begin)
		for i := range 10 {
			time.Sleep(15 * time.Second)
			fmt.Fprint(c, body[i*len(body)/10:(i+1)*len(body)/10])
		}
		if res, text := next(t, r); res.StatusCode != 200 {
			t.Errorf("status %d %s", res.StatusCode, text)
		}
		c, r = dial()
		began := time.Now()
		fmt.Fprint(c, begin+body[:1000])
		if res, text := next(t, r); res.StatusCode != http.StatusRequestTimeout || time.Since(began) != bodyPatience {
			t.Errorf("a form that stands still: status %d %s after %v", res.StatusCode, text, time.Since(began))
		}
	})
}
