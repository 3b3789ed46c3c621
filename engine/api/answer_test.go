package api

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// timed notes until when its client may take to read.
type timed struct {
	header   http.Header
	deadline time.Time
}

func (w *timed) Header() http.Header                 { return w.header }
func (w *timed) WriteHeader(int)                     {}
func (w *timed) Write(b []byte) (int, error)         { return len(b), nil }
func (w *timed) SetWriteDeadline(at time.Time) error { w.deadline = at; return nil }

// A client that stops reading keeps neither its connection nor its answer for ever; one
// that reads a large answer slowly has the time it takes.
func TestEveryAnswerHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for path, want := range map[string]time.Duration{
			"GET /.well-known/databricks-config":       sendPatience,
			"GET /nowhere":                             sendPatience,
			"POST /serving-endpoints/ten/invocations":  sendPatience + 64*time.Second, // 16 MiB at 256 KiB/s
			"POST /serving-endpoints/none/invocations": sendPatience,
		} {
			method, target, _ := strings.Cut(path, " ")
			f := newFake()
			if strings.Contains(target, "ten") {
				f = echoing()
			}
			r := newRequest(method, target, strings.NewReader(strings.Repeat(" ", maxScoringBody)))
			r.ContentLength = maxScoringBody
			w := &timed{header: http.Header{}}
			New(f, Options{}).Handler().ServeHTTP(w, r)
			if got := time.Until(w.deadline); got != want {
				t.Errorf("%s: %v for reading, want %v", path, got, want)
			}
		}
	})
}

func TestMillisecondsHaveThreeDecimals(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.000", 999: "0.000", time.Microsecond: "0.001", 12_345_678: "12.345", time.Second: "1000.000", 90 * time.Millisecond: "90.000", -5 * time.Second: "0.000",
	} {
		if got := string(appendMillis(nil, d)); got != want {
			t.Errorf("%d ns: %s, want %s", d, got, want)
		}
	}
}
