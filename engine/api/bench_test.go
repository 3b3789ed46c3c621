package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"servery/engine/endpoint"
	"servery/engine/runtime"
)

// tenColumns is the request of docs/benchmarks.md: one row, ten columns.
const tenColumns = `{"dataframe_split":{"columns":["a","b","c","d","e","f","g","h","i","j"],"data":[[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1.0]]}}`

func echoing() *fake {
	f := newFake()
	f.invoke = func(_ context.Context, _, entity string, r runtime.Request) (endpoint.Answer, error) {
		return endpoint.Answer{Entity: "ten-1", Response: runtime.Response{Status: 200, ContentType: "application/json", Body: append([]byte(nil), r.Body...)}}, nil
	}
	return f
}

// BenchmarkInvocations is one keep-alive connection over loopback; the metric vs-echo is
// the time of a request over that of a bare net/http handler that sends the same body
// back, measured alternately in the same run.
func BenchmarkInvocations(b *testing.B) {
	address := listening(b, New(echoing(), Options{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	echo := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})}
	done := make(chan struct{})
	go func() { _ = echo.Serve(l); close(done) }()
	defer func() { echo.Close(); <-done }()

	ours, oursAnswers := plug(b, address)
	bare, bareAnswers := plug(b, l.Addr().String())
	_, _ = ours.SetDeadline(time.Time{}), bare.SetDeadline(time.Time{})
	request := []byte(head(address, "POST", "/serving-endpoints/ten/invocations") + fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(tenColumns), tenColumns))
	var inOurs, inBare time.Duration
	b.ReportAllocs()
	for b.Loop() {
		inOurs += exchange(b, ours, oursAnswers, request)
		inBare += exchange(b, bare, bareAnswers, request)
	}
	b.ReportMetric(float64(inOurs.Nanoseconds())/float64(b.N), "ns/invocation")
	b.ReportMetric(float64(inBare.Nanoseconds())/float64(b.N), "ns/echo")
	b.ReportMetric(float64(inOurs)/float64(inBare), "vs-echo")
}

// exchange sends one request and reads its answer without an HTTP client's own cost.
func exchange(b *testing.B, c net.Conn, r *bufio.Reader, request []byte) time.Duration {
	began := time.Now()
	if _, err := c.Write(request); err != nil {
		b.Fatal(err)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		if len(line) == 2 {
			break
		}
		if text, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			if _, err := fmt.Sscanf(text, "%d", &length); err != nil {
				b.Fatal(err)
			}
		}
	}
	if length != len(tenColumns) {
		b.Fatalf("an answer of %d bytes", length)
	}
	if _, err := r.Discard(length); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// BenchmarkInvokeHandler is the handler alone, with all its guards.
func BenchmarkInvokeHandler(b *testing.B) {
	s := New(echoing(), Options{})
	h := s.Handler()
	body := strings.NewReader("")
	r := newRequest("POST", "/serving-endpoints/ten/invocations", body)
	r.ContentLength = int64(len(tenColumns))
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(tenColumns)
		clear(w.header)
		h.ServeHTTP(w, r)
	}
	if w.status != 200 {
		b.Fatal(w.status)
	}
}

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header              { return d.header }
func (d *discard) WriteHeader(status int)           { d.status = status }
func (d *discard) Write(b []byte) (int, error)      { return len(b), nil }
func (d *discard) SetReadDeadline(time.Time) error  { return nil }
func (d *discard) SetWriteDeadline(time.Time) error { return nil }
