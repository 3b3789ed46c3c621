package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
)

// The objective for a small model's start from zero, and what the memory may be above that
// of before once all has scaled to zero.
const (
	coldStart  = 200 * time.Millisecond
	memoryLeft = 1.10
)

// From a request to a sleeping endpoint to its answer; fifty first requests at once, which
// one load answers; and what memory is left when all sleep.
func TestFiguresScaleToZero(t *testing.T) {
	wantFigures(t)
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	p.must("PATCH", "/api/2.0/servery/settings", map[string]any{"scale_to_zero_after_seconds": 10}, nil)
	large := filepath.Join(t.TempDir(), "large.onnx")
	if err := os.WriteFile(large, onnxtest.Dense(1024, 8192, 1024), 0o600); err != nil {
		t.Fatal(err)
	}
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.mnist")
	p.upload(large, "main.default.large")
	time.Sleep(5 * time.Second) // what the start took for a moment goes back to the system
	start := memory(t, p)

	bodies := map[string]any{
		"mnist": map[string]any{"inputs": [1][1][28][28]float32{}},
		"large": map[string]any{"inputs": [1][1024]float32{}},
	}
	for name := range bodies {
		body := createBody(name, "main.default."+name)
		entityOf(body)["scale_to_zero_enabled"] = true
		p.must("POST", "/api/2.0/serving-endpoints", body, nil)
		p.awaitReady(name)
		p.must("POST", "/serving-endpoints/"+name+"/invocations", bodies[name], nil)
	}
	awake := memory(t, p)
	var took, warm []time.Duration
	var asleep []int64
	for range 5 {
		p.awaitZero("mnist")
		p.awaitZero("large")
		time.Sleep(2 * time.Second) // as above, of the processes that ended
		asleep = append(asleep, memory(t, p))
		began := time.Now()
		p.must("POST", "/serving-endpoints/mnist/invocations", bodies["mnist"], nil)
		took = append(took, time.Since(began))
		began = time.Now()
		p.must("POST", "/serving-endpoints/mnist/invocations", bodies["mnist"], nil)
		warm = append(warm, time.Since(began))
		began = time.Now()
		p.must("POST", "/serving-endpoints/large/invocations", bodies["large"], nil)
		t.Logf("start from zero, 67 MB of weights: %v", time.Since(began).Round(time.Millisecond))
	}
	slices.Sort(took)
	t.Logf("start from zero, mnist.onnx, from the request to its answer: %v; awake: %v", took, warm)
	t.Logf("memory of all processes: %.1f MB at the start, %.1f MB awake, %.1f MB asleep after five starts", float64(start)/1e6, float64(awake)/1e6, float64(asleep[len(asleep)-1])/1e6)
	if median := took[len(took)/2]; median > coldStart {
		t.Errorf("the start of a small model takes %v, to be %v", median, coldStart)
	}
	if last := asleep[len(asleep)-1]; float64(last) > memoryLeft*float64(start) {
		t.Errorf("when all sleep the memory is %d MiB, at the start it was %d MiB", last>>20, start>>20)
	}

	p.awaitZero("mnist")
	starts := p.startsFromZero("mnist")
	const many = 50
	var all sync.WaitGroup
	answers := make([]int, many)
	began := time.Now()
	for i := range answers {
		all.Go(func() { answers[i], _ = p.call("POST", "/serving-endpoints/mnist/invocations", bodies["mnist"], nil) })
	}
	all.Wait()
	lasted := time.Since(began)
	time.Sleep(time.Second)
	starts = p.startsFromZero("mnist") - starts
	t.Logf("%d first requests at once: all answered within %v, by %d start", many, lasted.Round(time.Millisecond), starts)
	if starts != 1 || slices.ContainsFunc(answers, func(status int) bool { return status != 200 }) {
		t.Errorf("%d starts, answers %v", starts, answers)
	}
}

// memory is what all of a program's processes have resident, in bytes.
func memory(t *testing.T, p *program) (sum int64) {
	t.Helper()
	pid := p.cmd.Process.Pid
	for _, pid := range append(children(t, pid), pid) {
		sum += resident(t, pid)
	}
	return sum
}

// awaitZero waits until an endpoint has scaled to zero.
func (p *program) awaitZero(name string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(100 * time.Millisecond) {
		var list struct {
			Workers []struct{ PID, Provisioned int }
		}
		p.must("GET", "/api/2.0/servery/endpoints/"+name+"/workers", nil, &list)
		if len(list.Workers) == 1 && list.Workers[0].PID == 0 && list.Workers[0].Provisioned == 0 {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s does not scale to zero: %+v", name, list)
		}
	}
}

// startsFromZero counts an endpoint's events of one.
func (p *program) startsFromZero(name string) (n int) {
	p.t.Helper()
	var list struct{ Events []struct{ Message string } }
	p.must("GET", "/api/2.0/servery/endpoints/"+name+"/events", nil, &list)
	for _, e := range list.Events {
		if strings.HasPrefix(e.Message, "0 → ") {
			n++
		}
	}
	return n
}
