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
	"time"

	"servery/engine/endpoint"
	"servery/engine/runtime"
)

// listening starts a server on a free port and stops it with the test, which fails if
// Serve does not end.
func listening(t testing.TB, s *Server) (address string) {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		served.Wait()
	})
	return l.Addr().String()
}

// plug opens a connection on which a test writes what no HTTP client would.
func plug(t testing.TB, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// head is the beginning of a request with the right Host and token, without the empty
// line after its headers.
func head(address, method, path string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", method, path, address, goodToken)
}

// next reads one answer with its body.
func next(t testing.TB, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("half an answer: %v", err)
	}
	return res, string(b)
}

const invocations = "/serving-endpoints/digits/invocations"

func TestAConnectionLivesOnAfterAnError(t *testing.T) {
	address := listening(t, New(withDigits(newFake()), Options{}))
	c, r := plug(t, address)
	post := func(path, body string) string {
		return head(address, "POST", path) + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	fmt.Fprint(c, post("/serving-endpoints/none/invocations", `{"inputs":[1]}`)+post("/api/2.0/serving-endpoints", `{`)+post("/nowhere", "x")+
		"GET / HTTP/1.1\r\nHost: "+address+"\r\n\r\n"+post(invocations, `{"inputs":[1]}`))
	for i, want := range []int{404, 400, 404, 401, 200} {
		if res, body := next(t, r); res.StatusCode != want {
			t.Errorf("answer %d: status %d %s, want %d", i, res.StatusCode, body, want)
		}
	}
}

func TestAHostIsAskedFor(t *testing.T) {
	address := listening(t, New(newFake(), Options{}))
	_, port, _ := net.SplitHostPort(address)
	for request, want := range map[string]int{
		"GET /.well-known/databricks-config HTTP/1.0\r\n\r\n":                                                                              403,
		"GET /.well-known/databricks-config HTTP/1.1\r\n\r\n":                                                                              400,
		"GET /.well-known/databricks-config HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                                                        400,
		"GET /.well-known/databricks-config HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n":                                                         403,
		"GET /.well-known/databricks-config HTTP/1.1\r\nHost: localhost:" + port + "\r\n\r\n":                                              200,
		"GET http://evil.com/.well-known/databricks-config HTTP/1.1\r\nHost: localhost:" + port + "\r\n\r\n":                               403,
		"GET /.well-known/databricks-config HTTP/1.1\r\nHost: localhost:" + port + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n": 200,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                                                                 403,
		"OPTIONS * HTTP/1.1\r\nHost: localhost:" + port + "\r\n\r\n":                                                                       401,
		"CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com:443\r\n\r\n":                                                                      403,
		"CONNECT localhost:" + port + " HTTP/1.1\r\nHost: localhost:" + port + "\r\n\r\n":                                                  401,
	} {
		c, r := plug(t, address)
		fmt.Fprint(c, request)
		if res, body := next(t, r); res.StatusCode != want {
			t.Errorf("%q: status %d %s, want %d", request, res.StatusCode, body, want)
		}
	}
}

func TestAHugeHeaderIsRefused(t *testing.T) {
	address := listening(t, New(newFake(), Options{}))
	c, r := plug(t, address)
	go fmt.Fprint(c, head(address, "GET", "/api/2.0/serving-endpoints")+"X-Long: "+strings.Repeat("a", maxHeader+8<<10)+"\r\n\r\n")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", res.StatusCode)
	}
}

// Half a million chunks of one byte (CVE-2025-23310 in Triton: each took its own place on the
// stack).
func TestChunksOfOneByte(t *testing.T) {
	f := withDigits(newFake())
	var got int
	good := f.invoke
	f.invoke = func(ctx context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error) {
		got = len(r.Body)
		return good(ctx, name, entity, r)
	}
	address := listening(t, New(f, Options{}))
	c, r := plug(t, address)
	const chunks = 500_000
	go func() {
		w := bufio.NewWriterSize(c, 1<<20)
		fmt.Fprint(w, head(address, "POST", invocations)+"Transfer-Encoding: chunked\r\n\r\n")
		for range chunks {
			_, _ = w.WriteString("1\r\n \r\n")
		}
		_, _ = w.WriteString("0\r\n\r\n")
		_ = w.Flush()
	}()
	if res, body := next(t, r); res.StatusCode != 200 || got != chunks {
		t.Errorf("status %d %s, %d bytes arrived", res.StatusCode, body, got)
	}
}

// A length beside chunks must not let one request hide in another: the chunks count, and
// what follows is a request of its own, which has no token here.
func TestALengthBesideChunksHidesNothing(t *testing.T) {
	f := withDigits(newFake())
	var bodies []string
	good := f.invoke
	f.invoke = func(ctx context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error) {
		bodies = append(bodies, string(r.Body))
		return good(ctx, name, entity, r)
	}
	address := listening(t, New(f, Options{}))
	c, r := plug(t, address)
	fmt.Fprint(c, head(address, "POST", invocations)+"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"+
		"DELETE /api/2.0/serving-endpoints/digits HTTP/1.1\r\nHost: "+address+"\r\n\r\n")
	if res, _ := next(t, r); res.StatusCode != 200 || len(bodies) != 1 || bodies[0] != "{}" {
		t.Errorf("status %d, bodies %q", res.StatusCode, bodies)
	}
	if res, err := http.ReadResponse(r, nil); err == nil && res.StatusCode != 401 {
		t.Errorf("the hidden request was answered with %d", res.StatusCode)
	}
	for _, bad := range []string{"Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: -1\r\n", "Content-Length: 1,1\r\n", "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding : chunked\r\n"} {
		c, r := plug(t, address)
		fmt.Fprint(c, head(address, "POST", invocations)+bad+"\r\n{}")
		if res, _ := next(t, r); res.StatusCode < 400 || !res.Close {
			t.Errorf("%q: status %d", bad, res.StatusCode)
		}
	}
}

// A client that goes away ends its run.
func TestAClientThatLeavesEndsItsRun(t *testing.T) {
	f := withDigits(newFake())
	running, ended := make(chan struct{}), make(chan error, 1)
	f.invoke = func(ctx context.Context, _, _ string, _ runtime.Request) (endpoint.Answer, error) {
		close(running)
		<-ctx.Done()
		ended <- ctx.Err()
		return endpoint.Answer{}, ctx.Err()
	}
	address := listening(t, New(f, Options{}))
	c, _ := plug(t, address)
	fmt.Fprint(c, head(address, "POST", invocations)+"Content-Length: 2\r\n\r\n{}")
	<-running
	c.Close()
	if err := <-ended; err != context.Canceled {
		t.Errorf("the run ended with %v", err)
	}
}

// Expect: 100-continue is answered before the body, and a refusal comes instead of it.
func TestExpectContinue(t *testing.T) {
	address := listening(t, New(withDigits(newFake()), Options{}))
	c, r := plug(t, address)
	fmt.Fprint(c, head(address, "POST", invocations)+"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q %v", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "{}")
	if res, body := next(t, r); res.StatusCode != 200 {
		t.Errorf("status %d %s", res.StatusCode, body)
	}
	c, r = plug(t, address)
	fmt.Fprintf(c, "%sContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", head(address, "POST", invocations), maxScoringBody+1)
	if res, body := next(t, r); res.StatusCode != 413 {
		t.Errorf("status %d %s", res.StatusCode, body)
	}
}

// Close waits for what runs, refuses what is new, and does not wait for idle connections.
func TestCloseLetsRunningRequestsFinish(t *testing.T) {
	f := withDigits(newFake())
	running, finish := make(chan struct{}), make(chan struct{})
	good := f.invoke
	f.invoke = func(ctx context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error) {
		close(running)
		<-finish
		return good(ctx, name, entity, r)
	}
	s := New(f, Options{})
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	address := l.Addr().String()
	plug(t, address) // never sends anything
	c, r := plug(t, address)
	fmt.Fprint(c, head(address, "POST", invocations)+"Content-Length: 2\r\n\r\n{}")
	<-running
	closed := make(chan error, 1)
	go func() { closed <- s.Close(context.Background()) }()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("a closed server still listens")
	}
	select {
	case err := <-closed:
		t.Fatalf("Close did not wait for the request: %v", err)
	default:
	}
	close(finish)
	if res, body := next(t, r); res.StatusCode != 200 {
		t.Errorf("the request in flight: status %d %s", res.StatusCode, body)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	f := withDigits(newFake())
	running := make(chan struct{})
	f.invoke = func(ctx context.Context, _, _ string, _ runtime.Request) (endpoint.Answer, error) {
		close(running)
		<-ctx.Done()
		return endpoint.Answer{}, ctx.Err()
	}
	s := New(f, Options{})
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c, _ := plug(t, l.Addr().String())
	fmt.Fprint(c, head(l.Addr().String(), "POST", invocations)+"Content-Length: 2\r\n\r\n{}")
	<-running
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ctx); err == nil {
		t.Error("Close tells nothing of the request it cut off")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// When all connections are taken, the one idle longest makes room, and one that works
// never does.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	inner, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := capListener(inner, 3)
	defer l.Close()
	accept := func() (*countedConn, net.Conn) {
		client, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c.(*countedConn), client
	}
	now := time.Now()
	busy, _ := accept()
	old, oldClient := accept()
	young, youngClient := accept()
	busy.busy()
	old.idle(now.Add(-2 * time.Minute))
	young.idle(now.Add(-time.Minute))
	fourth, _ := accept()
	if _, err := oldClient.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection idle longest is not closed: %v", err)
	}
	fourth.busy()
	fifth, _ := accept()
	if _, err := youngClient.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the next one is not closed: %v", err)
	}
	fifth.busy()
	accepted := make(chan struct{})
	go func() {
		accept()
		close(accepted)
	}()
	fifth.Close()
	<-accepted
	if len(l.open) != 3 {
		t.Errorf("%d connections are open", len(l.open))
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.168.1.2:0", "example.com:80", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:70000", "127.0.0.2:0", "[::]:0", ""} {
		if l, err := Listen(address); err == nil {
			l.Close()
			t.Errorf("%q was listened on", address)
		}
	}
	l, err := Listen("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if _, err := Listen(l.Addr().String()); err == nil || err.Error() != "port "+port+" is in use by another program" {
		t.Errorf("a taken port: %v", err)
	}
}
