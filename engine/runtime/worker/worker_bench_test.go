package worker

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"servery/engine/runtime"
)

// report gives the median and the 99th percentile of durations.
func report(b *testing.B, took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
}

// measure times each call of one.
func measure(b *testing.B, one func()) {
	one()
	took := make([]time.Duration, 0, 1<<20)
	for b.Loop() {
		began := time.Now()
		one()
		if len(took) < cap(took) {
			took = append(took, time.Since(began))
		}
	}
	report(b, took)
}

// What a process costs: a request that does nothing, through a real process, against the
// same call in this process and against net/http answering the same bytes.
func BenchmarkRoundTrip(b *testing.B) {
	body := []byte("echo " + string(bytes.Repeat([]byte("1"), 160)))
	b.Run("in process", func(b *testing.B) {
		e := &script{}
		measure(b, func() {
			out := newBuffer(smallestBuffer)
			var timing runtime.Timing
			e.evaluate(out, "", body, &timing)
			out.release()
		})
	})
	b.Run("worker process", func(b *testing.B) {
		r, _ := launch(b, scriptedLauncher(b), runtime.Spec{Concurrency: 4})
		b.ReportAllocs()
		measure(b, func() { invoke(b, r, body) })
	})
	b.Run("worker process, 16 clients", func(b *testing.B) {
		r, _ := launch(b, scriptedLauncher(b), runtime.Spec{Concurrency: 4})
		b.SetParallelism(8)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				invoke(b, r, body)
			}
		})
	})
	b.Run("HTTP", func(b *testing.B) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got, _ := io.ReadAll(r.Body)
			w.Write(got)
		})}
		go server.Serve(listener)
		defer server.Close()
		client := &http.Client{}
		measure(b, func() {
			response, err := client.Post("http://"+listener.Addr().String(), "application/json", bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		})
	})
}

func invoke(b *testing.B, r runtime.Runner, body []byte) {
	a, err := r.Invoke(b.Context(), runtime.Request{ContentType: "application/json", Body: body})
	if err != nil {
		b.Fatal(err)
	}
	a.Release()
}

// A body of 16 MB there and back.
func BenchmarkLongBody(b *testing.B) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	r, _ := launch(b, scriptedLauncher(b), runtime.Spec{Concurrency: 4})
	b.SetBytes(2 * int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		invoke(b, r, body)
	}
}
