package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// wire is one keep-alive HTTP/1.1 connection written by hand: a load generator that costs
// next to nothing, on the same two cores as what it measures.
type wire struct {
	conn    net.Conn
	r       *bufio.Reader
	request []byte
	body    []byte
}

func dial(t testing.TB, address, path, token, body string, headers ...string) *wire {
	t.Helper()
	w, err := connect(address, path, token, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.conn.Close() })
	return w
}

// connect is dial for who closes the connection.
func connect(address, path, token, body string, headers ...string) (*wire, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if len(headers) == 0 {
		headers = []string{"Content-Type: application/json"}
	}
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s\r\nContent-Length: %d\r\n\r\n%s",
		path, address, token, strings.Join(headers, "\r\n"), len(body), body)
	return &wire{conn: conn, r: bufio.NewReader(conn), request: []byte(request)}, nil
}

// answered is one request's answer: its status and, from Server-Timing, the model's run
// and the time that the engine had the request.
type answered struct {
	status     int
	entity     string // that answered; "" where the answer names none
	version    int    // of its configuration
	run, total time.Duration
}

func (w *wire) do() (answered, error) {
	if _, err := w.conn.Write(w.request); err != nil {
		return answered{}, err
	}
	var a answered
	length := -1
	for first := true; ; first = false {
		line, err := w.r.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if first {
			a.status, err = strconv.Atoi(string(line[9:12]))
			if err != nil {
				return a, err
			}
			continue
		}
		name, value, _ := strings.Cut(string(line), ": ")
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length":
			length, err = strconv.Atoi(value)
			if err != nil {
				return a, err
			}
		case "Served-Model-Name":
			a.entity = value
		case "Servery-Config-Version":
			if a.version, err = strconv.Atoi(value); err != nil {
				return a, err
			}
		case "Server-Timing":
			a.run, a.total = stage(value, "model"), stage(value, "total")
		}
	}
	if length < 0 {
		return a, fmt.Errorf("an answer without Content-Length")
	}
	w.body = slices.Grow(w.body[:0], length)[:length]
	_, err := io.ReadFull(w.r, w.body)
	return a, err
}

// stage reads one duration of a Server-Timing header ("queue;dur=0.01, model;dur=1.2"), in
// milliseconds there.
func stage(header, name string) time.Duration {
	for part := range strings.SplitSeq(header, ",") {
		n, dur, ok := strings.Cut(strings.TrimSpace(part), ";dur=")
		if ok && n == name {
			ms, _ := strconv.ParseFloat(dur, 64)
			return time.Duration(ms * float64(time.Millisecond))
		}
	}
	return 0
}

// figures are the latencies of one load, sorted.
type figures []time.Duration

func (f figures) at(q float64) time.Duration {
	if len(f) == 0 {
		return 0
	}
	return f[min(int(q*float64(len(f))), len(f)-1)]
}

// openLoop sends at a constant rate whatever the answers take, the connections in turn. A
// request that was due while its connection still waited for an answer counts from the
// moment it was due, so that a stall is not hidden by requests that were never sent; one
// whose connection was free counts from the moment it was sent, so that the late wake-up
// of a timer (60 µs to 1 ms here) is not taken for the server's time. overhead is each
// latency less the model's run as the worker told it, inside is the time that the engine
// had the request less the same run.
func openLoop(t testing.TB, conns []*wire, rate int, length time.Duration) (total, overhead, inside figures) {
	t.Helper()
	var mu sync.Mutex
	var failed error
	var work sync.WaitGroup
	began := time.Now()
	n := int(length.Seconds() * float64(rate))
	for k, c := range conns {
		work.Go(func() {
			var mine, less, within figures
			for i := k; i < n; i += len(conns) {
				at := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
				if d := time.Until(at); d > 0 {
					time.Sleep(d)
					at = time.Now()
				}
				a, err := c.do()
				took := time.Since(at)
				if err != nil || a.status != http.StatusOK {
					mu.Lock()
					failed = fmt.Errorf("status %d: %v: %s", a.status, err, c.body)
					mu.Unlock()
					return
				}
				mine, less, within = append(mine, took), append(less, took-a.run), append(within, a.total-a.run)
			}
			mu.Lock()
			total, overhead, inside = append(total, mine...), append(overhead, less...), append(inside, within...)
			mu.Unlock()
		})
	}
	work.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
	slices.Sort(total)
	slices.Sort(overhead)
	slices.Sort(inside)
	return total, overhead, inside
}

// closedLoop keeps every connection busy for a time and returns requests per second.
func closedLoop(t testing.TB, conns []*wire, length time.Duration) (rate float64, total figures) {
	t.Helper()
	var mu sync.Mutex
	var work sync.WaitGroup
	var failed error
	began := time.Now()
	for _, c := range conns {
		work.Go(func() {
			var mine figures
			for time.Since(began) < length {
				at := time.Now()
				a, err := c.do()
				if err != nil || a.status != http.StatusOK {
					mu.Lock()
					failed = fmt.Errorf("status %d: %v: %s", a.status, err, c.body)
					mu.Unlock()
					return
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			total = append(total, mine...)
			mu.Unlock()
		})
	}
	work.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
	took := time.Since(began)
	slices.Sort(total)
	return float64(len(total)) / took.Seconds(), total
}
