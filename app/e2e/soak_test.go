package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Mixed load for SOAK (make soak: 30 minutes): requests that are answered and refused, on
// connections that stay and new ones; updates that succeed, fail and are canceled; stops,
// starts, creates and deletes; lists, figures and logs. After the first sixth the memory,
// goroutines, threads and files of the engine and of a worker that lives on must stay flat,
// no process may be left, and the latency at the end must be that of the beginning.
//
// SOAK_BUSY tells that the machine does other work: the latency is told and not judged.
func TestSoakKeepsFlat(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil || length < time.Minute {
		t.Skip("SOAK is no duration of a minute or more: run make soak")
	}
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	u := newUpdater(t, p, data, 1)
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.digits")
	p.must("POST", "/api/2.0/serving-endpoints", map[string]any{"name": "probed", "config": u.first()}, nil)
	p.create("steady", "main.default.digits")
	p.create("stopped", "main.default.plus")
	for _, name := range []string{"probed", "steady", "stopped"} {
		p.awaitReady(name)
	}
	u.settled(1, true)

	s := &soak{p: p, t: t, began: time.Now(), length: length, stop: make(chan struct{})}
	var probes []*probe
	for i := range 4 {
		one := &probe{p: p, path: "/serving-endpoints/probed/invocations", fresh: i == 3, seen: map[answeredBy]int{}}
		probes = append(probes, one)
		s.work.Go(func() { one.run(s.stop) })
	}
	s.work.Go(s.steady)
	s.work.Go(s.mistakes)
	s.work.Go(s.looks)
	s.work.Go(s.restarts)
	s.work.Go(s.sample)
	for n := 0; time.Since(s.began) < length; n++ {
		u.step(n)
		if err := failed(probes); err != nil {
			t.Error(err)
			break
		}
		time.Sleep(time.Second)
	}
	close(s.stop)
	s.work.Wait()
	requests, _ := u.check(probes)
	t.Logf("%v: %d requests to the endpoint that changed (%d updates), %d to the one that did not", time.Since(s.began).Round(time.Second), requests, len(u.times), len(s.latencies))
	s.judge()
	u.leavesNothing(2)
	p.stop()
}

type soak struct {
	t      *testing.T
	p      *program
	began  time.Time
	length time.Duration
	stop   chan struct{}
	work   sync.WaitGroup

	latencies []timed
	samples   []sample
}

// timed is a request's latency and when it was.
type timed struct{ at, took time.Duration }

// sample is what the engine and the worker of "steady" take.
type sample struct {
	at         time.Duration
	goroutines int
	engine     taken
	worker     taken
	processes  int
}

// taken is in kB and numbers. Of the memory, mapped is that of files: the database's.
type taken struct{ memory, mapped, threads, files int }

// pause waits; false where the soak is over.
func (s *soak) pause(d time.Duration) bool {
	select {
	case <-s.stop:
		return false
	case <-time.After(d):
		return true
	}
}

func (s *soak) errorf(format string, args ...any) { s.t.Errorf(format, args...) }

// steady asks an endpoint that nobody changes, 100 times a second, and measures.
func (s *soak) steady() {
	w := dial(s.t, strings.TrimPrefix(s.p.url, "http://"), "/serving-endpoints/steady/invocations", s.p.token, zeros28)
	for s.pause(10 * time.Millisecond) {
		at := time.Now()
		a, err := w.do()
		if err != nil || a.status != http.StatusOK {
			s.errorf("steady: status %d, %v: %s", a.status, err, w.body)
			return
		}
		s.latencies = append(s.latencies, timed{at.Sub(s.began), time.Since(at)})
	}
}

// mistakes sends what is refused.
func (s *soak) mistakes() {
	for s.pause(50 * time.Millisecond) {
		for path, body := range map[string]string{
			"/serving-endpoints/steady/invocations":                     `{"inputs":[[1,2]]}`,
			"/serving-endpoints/none/invocations":                       `{}`,
			"/serving-endpoints/probed/served-models/none/invocations":  probeBody,
			"/serving-endpoints/probed/served-models/other/invocations": `{"inputs":`,
		} {
			if status, err := s.p.call("POST", path, body, nil); err != nil || status < 400 || status >= 500 {
				s.errorf("%s with a mistake: status %d, %v", path, status, err)
				return
			}
		}
	}
}

// looks reads what a window and a monitor read.
func (s *soak) looks() {
	for s.pause(500 * time.Millisecond) {
		for _, path := range []string{
			"/api/2.0/serving-endpoints", "/api/2.0/serving-endpoints/probed", "/api/2.0/serving-endpoints/probed/metrics",
			"/api/2.0/servery/endpoints/probed/events", "/api/2.0/servery/endpoints/probed/config-versions",
			"/api/2.0/serving-endpoints/probed/served-models/base/logs", "/api/2.0/servery/models",
		} {
			if status, err := s.p.call("GET", path, nil, nil); err != nil || status != http.StatusOK {
				s.errorf("%s: status %d, %v", path, status, err)
				return
			}
		}
	}
}

// restarts stops and starts one endpoint, and makes and deletes another.
func (s *soak) restarts() {
	do := func(method, path string, body any) {
		if status, err := s.p.call(method, path, body, nil); err != nil || status != http.StatusOK {
			s.errorf("%s %s: status %d, %v", method, path, status, err)
		}
	}
	for s.pause(2 * time.Second) {
		do("POST", "/api/2.0/serving-endpoints/stopped/config:stop", nil)
		do("POST", "/api/2.0/serving-endpoints/stopped/config:start", nil)
		do("POST", "/api/2.0/serving-endpoints", createBody("passing", "main.default.plus"))
		s.p.awaitReady("stopped")
		do("DELETE", "/api/2.0/serving-endpoints/passing", nil)
	}
}

func (s *soak) sample() {
	every := min(10*time.Second, s.length/60)
	worker := s.p.worker("steady")
	for s.pause(every) {
		var status struct{ Goroutines int }
		if _, err := s.p.call("GET", "/api/2.0/servery/status", nil, &status); err != nil {
			s.errorf("%v", err)
			return
		}
		pid := s.p.cmd.Process.Pid
		s.samples = append(s.samples, sample{time.Since(s.began), status.Goroutines, taking(pid), taking(worker), len(children(s.t, pid))})
	}
}

// taking is what a process has now.
func taking(pid int) (u taken) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "VmRSS":
			u.memory = n
		case "RssFile":
			u.mapped = n
		case "Threads":
			u.threads = n
		}
	}
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	u.files = len(files)
	return u
}

// judge compares the second sixth with the last.
func (s *soak) judge() {
	sixth := s.length / 6
	early, late := s.between(sixth, 2*sixth), s.between(5*sixth, s.length)
	if len(early) < 5 || len(late) < 5 {
		s.t.Fatalf("%d and %d samples: the run was too short", len(early), len(late))
	}
	for i := 0; i < len(s.samples); i += max(1, len(s.samples)/30) {
		x := s.samples[i]
		s.t.Logf("%8v engine %d kB (%d of files), %d goroutines, %d threads, %d files; worker %d kB", x.at.Round(time.Second),
			x.engine.memory, x.engine.mapped, x.goroutines, x.engine.threads, x.engine.files, x.worker.memory)
	}
	for _, figure := range []struct {
		name  string
		of    func(sample) int
		share float64 // by which it may grow
		more  int     // and by how many beside
	}{
		{"engine: memory, kB", func(x sample) int { return x.engine.memory - x.engine.mapped }, 0.10, 4 << 10},
		// Mapped files are the program's and the database's, whose log of 8 MiB fills and is
		// begun anew; the system takes their pages back whenever it wants them.
		{"engine: mapped, kB", func(x sample) int { return x.engine.mapped }, 0, 10 << 10},
		{"engine: goroutines", func(x sample) int { return x.goroutines }, 0.05, 5},
		{"engine: threads", func(x sample) int { return x.engine.threads }, 0.10, 3},
		{"engine: files", func(x sample) int { return x.engine.files }, 0.05, 4},
		{"worker: memory, kB", func(x sample) int { return x.worker.memory }, 0.05, 1 << 10},
		{"worker: threads", func(x sample) int { return x.worker.threads }, 0.10, 1},
		{"worker: files", func(x sample) int { return x.worker.files }, 0, 1},
		{"processes", func(x sample) int { return x.processes }, 0, 2},
	} {
		a, b := middle(early, figure.of), middle(late, figure.of)
		s.t.Logf("%-20s %8d %8d", figure.name, a, b)
		if float64(b) > float64(a)*(1+figure.share)+float64(figure.more) {
			s.errorf("%s grows from %d to %d", figure.name, a, b)
		}
	}
	before, after := s.latency(0, sixth), s.latency(5*sixth, s.length)
	s.t.Logf("latency: p50 %v, p99 %v in the first sixth; p50 %v, p99 %v in the last", before.at(0.5), before.at(0.99), after.at(0.5), after.at(0.99))
	if os.Getenv("SOAK_BUSY") == "" && after.at(0.99) > before.at(0.99)*12/10 {
		s.errorf("p99 grows from %v to %v", before.at(0.99), after.at(0.99))
	}
}

func (s *soak) between(from, to time.Duration) (part []sample) {
	for _, x := range s.samples {
		if x.at >= from && x.at < to {
			part = append(part, x)
		}
	}
	return part
}

func (s *soak) latency(from, to time.Duration) (part figures) {
	for _, l := range s.latencies {
		if l.at >= from && l.at < to {
			part = append(part, l.took)
		}
	}
	slices.Sort(part)
	return part
}

// middle is the median: a sample in the middle of an update has more of everything.
func middle[T any, N cmp.Ordered](samples []T, of func(T) N) N {
	var all []N
	for _, x := range samples {
		all = append(all, of(x))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
