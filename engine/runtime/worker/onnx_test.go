//go:build linux && cgo

package worker

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"servery/engine/artifact"
	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime"
)

// model writes a model into a folder of its own and gives the Spec that serves it.
func model(t testing.TB, content []byte) runtime.Spec {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "model.onnx"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	sum, _, err := artifact.Digest(root)
	if err != nil {
		t.Fatal(err)
	}
	return runtime.Spec{Entity: "test/1", Dir: dir, ModelFile: "model.onnx", SHA256: sum, Concurrency: 2}
}

const (
	addBody   = `{"inputs":[[1,2]]}`
	addAnswer = `{"predictions":{"y":[[2,3]]}}`
)

// compact makes answers comparable: how they are spaced is scoring's business.
func compact(t testing.TB, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %.200s", err, text)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAModelIsServed(t *testing.T) {
	r, _ := launch(t, onnxLauncher(t), model(t, onnxtest.Add(2)))
	a, err := r.Invoke(t.Context(), runtime.Request{Body: []byte(addBody)})
	if err != nil || a.Status != 200 || a.ContentType != "application/json" || compact(t, string(a.Body)) != addAnswer {
		t.Fatalf("%v %d %s %s", err, a.Status, a.ContentType, a.Body)
	}
	if a.Timing.Decode <= 0 || a.Timing.Run <= 0 || a.Timing.Encode <= 0 {
		t.Errorf("timing %+v", a.Timing)
	}
	got := r.Loaded()
	if !strings.HasPrefix(got.Runtime, "ONNX Runtime 1.") || got.Bytes < 10<<20 || got.RunTime <= 0 || got.RunTime > tinyRun || got.Sessions < 1 {
		t.Errorf("loaded %+v", got)
	}
	if text := ask(t, r, `{"inputs":"x"}`, 400); !strings.Contains(text, "error_code") {
		t.Errorf("a bad request: %s", text)
	}
}

// A small model must be served within a second of its launch.
func TestAWarmLaunchIsQuick(t *testing.T) {
	l := onnxLauncher(t)
	l.Warm()
	l.work.Wait()
	spec := model(t, onnxtest.Add(2))
	began := time.Now()
	r, _ := launch(t, l, spec)
	took := time.Since(began)
	t.Logf("launched in %v", took)
	if took > time.Second {
		t.Errorf("a launch took %v, at most 1s is due", took)
	}
	ask(t, r, addBody, 200)
}

func TestAModelThatIsNoneIsALoadError(t *testing.T) {
	l := onnxLauncher(t)
	changed := model(t, onnxtest.Add(2))
	if err := os.WriteFile(filepath.Join(changed.Dir, "more"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := model(t, onnxtest.Add(2))
	gone.Dir = filepath.Join(gone.Dir, "gone")
	for name, c := range map[string]struct {
		spec runtime.Spec
		says string
	}{
		"no ONNX":           {model(t, []byte("not a model")), "ONNX Runtime cannot load the model"},
		"changed files":     {changed, "have changed since they were imported"},
		"a folder gone":     {gone, "folder cannot be opened"},
		"12 GB at the load": {limited(model(t, onnxtest.HugeAtLoad()), 1<<30), ""},
	} {
		_, err := l.Launch(t.Context(), c.spec, nil)
		var load *runtime.LoadError
		if name == "12 GB at the load" && err == nil {
			continue // folding is the library's choice
		}
		if !errors.As(err, &load) || !strings.Contains(load.Message, c.says) {
			t.Errorf("%s: got %v", name, err)
		}
		if strings.Contains(err.Error(), c.spec.Dir) {
			t.Errorf("%s: it tells where the files lie: %v", name, err)
		}
	}
}

func limited(s runtime.Spec, limit int64) runtime.Spec {
	s.MemoryLimit = limit
	return s
}

func TestABrokenLibraryIsAMissingError(t *testing.T) {
	l := onnxLauncher(t)
	path := filepath.Join(t.TempDir(), "libonnxruntime.so.1")
	if err := os.WriteFile(path, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.options.Library = func() (string, error) { return path, nil }
	_, err := l.Launch(t.Context(), model(t, onnxtest.Add(2)), nil)
	var missing *runtime.MissingError
	if !errors.As(err, &missing) || !strings.Contains(missing.Message, path) || missing.Hint == "" {
		t.Errorf("got %v", err)
	}
}

func TestTheSmallestIntegerDividedByMinusOne(t *testing.T) {
	l := onnxLauncher(t)
	l.Warm()
	r, n := launch(t, l, model(t, onnxtest.DivInt64()))
	ask(t, r, `{"inputs":{"a":[6],"b":[3]}}`, 200)
	var died *runtime.DiedError
	_, err := r.Invoke(t.Context(), runtime.Request{Body: []byte(`{"inputs":{"a":[-9223372036854775808],"b":[-1]}}`)})
	if !errors.As(err, &died) || died.Cause != "SIGFPE: arithmetic error" {
		t.Fatalf("got %v", err)
	}
	began := time.Now()
	ask(t, r, `{"inputs":{"a":[6],"b":[3]}}`, 200)
	t.Logf("served again after %v", time.Since(began))
	n.wait(t, runtime.Restarted, "was restarted")
}

func TestTwelveGigabytesAreRefused(t *testing.T) {
	for name, limit := range map[string]int64{"half of the machine": 0, "a limit of 512 MiB": 512 << 20} {
		t.Run(name, func(t *testing.T) {
			r, _ := launch(t, onnxLauncher(t), limited(model(t, onnxtest.Huge()), limit))
			pid := r.Usage().PID
			if text := ask(t, r, `{"inputs":[3221225472]}`, 400); !strings.Contains(text, "error_code") {
				t.Errorf("got %s", text)
			}
			ask(t, r, `{"inputs":[3]}`, 200)
			if r.Usage().PID != pid {
				t.Error("the process was restarted")
			}
		})
	}
}

func TestAnEndlessRunIsStopped(t *testing.T) {
	spec := model(t, onnxtest.Loop())
	spec.Timeout = 500 * time.Millisecond
	r, _ := launch(t, onnxLauncher(t), spec)
	pid := r.Usage().PID
	endless := `{"inputs":[9223372036854775807]}`
	if math.MaxInt64 != 9223372036854775807 {
		t.Fatal("the body says less than the largest integer")
	}
	if text := ask(t, r, endless, 400); !strings.Contains(text, "Timed out") {
		t.Errorf("got %s", text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Invoke(ctx, runtime.Request{Body: []byte(endless)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	ask(t, r, `{"inputs":[2]}`, 200)
	if r.Usage().PID != pid {
		t.Error("the process was restarted")
	}
}

func TestManyClientsOfOneModel(t *testing.T) {
	spec := model(t, onnxtest.Add(2))
	spec.Concurrency = 8
	r, _ := launch(t, onnxLauncher(t), spec)
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 100 {
				if got := compact(t, ask(t, r, addBody, 200)); got != addAnswer {
					t.Errorf("got %s", got)
					return
				}
			}
		})
	}
	work.Wait()
}

// The official builds of ONNX Runtime keep a device id and a database below the home
// folder and send events to their vendor, unless they are told not to or CI is set.
func TestAWorkerReportsNothing(t *testing.T) {
	home := t.TempDir()
	t.Setenv("CI", "")
	l := onnxLauncher(t)
	spec := model(t, onnxtest.Add(2))
	spec.Environment = map[string]string{"HOME": home, "XDG_CACHE_HOME": filepath.Join(home, ".cache"), telemetryVariable: "0"}
	r, _ := launch(t, l, spec)
	ask(t, r, addBody, 200)
	r.Close(t.Context())
	filepath.WalkDir(home, func(path string, _ fs.DirEntry, _ error) error {
		if path != home {
			t.Errorf("the worker made %s", path)
		}
		return nil
	})
}

func TestSessionsAreSharedByLongRuns(t *testing.T) {
	for run, want := range map[time.Duration]int{0: 1, 5 * time.Microsecond: 4, tinyRun: 1, time.Second: 1} {
		if got := sessions(run, 4); got != want {
			t.Errorf("a run of %v: %d sessions, want %d", run, got, want)
		}
	}
}

// What a process costs a real model: tiny (2 numbers), and with a body of 1.5 MB that must
// be read, against the same code in this process.
func BenchmarkModel(b *testing.B) {
	numbers := strings.Repeat("0.123456,", 150_000)
	for name, c := range map[string]struct {
		n    int
		body string
	}{
		"2 numbers":       {2, addBody},
		"150,000 numbers": {150_000, `{"inputs":[[` + numbers[:len(numbers)-1] + `]]}`},
	} {
		body := []byte(c.body)
		b.Run(name+", in process", func(b *testing.B) {
			l := onnxLauncher(b)
			path, err := l.options.Library()
			if err != nil {
				b.Fatal(err)
			}
			var here onnxRuntime
			if _, err := here.open(path); err != nil {
				b.Fatal(err)
			}
			spec := model(b, onnxtest.Add(c.n))
			evaluators, _, err := here.load(loadOrder{Dir: spec.Dir, ModelFile: spec.ModelFile, Concurrency: 1}, func() {})
			if err != nil {
				b.Fatal(err)
			}
			measure(b, func() {
				out := newBuffer(smallestBuffer)
				var timing runtime.Timing
				if a := evaluators[0].evaluate(out, "", body, &timing); a.status != 200 {
					b.Fatalf("%s", out.b)
				}
				out.release()
			})
		})
		b.Run(name+", worker process", func(b *testing.B) {
			r, _ := launch(b, onnxLauncher(b), model(b, onnxtest.Add(c.n)))
			measure(b, func() { invoke(b, r, body) })
		})
	}
}

// What a launch takes, with a spare process ready and without.
func BenchmarkLaunch(b *testing.B) {
	spec := model(b, onnxtest.Add(2))
	for name, warm := range map[string]bool{"cold": false, "warm": true} {
		b.Run(name, func(b *testing.B) {
			l := onnxLauncher(b)
			for b.Loop() {
				if warm {
					b.StopTimer()
					l.Warm()
					l.work.Wait()
					b.StartTimer()
				}
				r, err := l.Launch(b.Context(), spec, nil)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				r.Close(b.Context())
				b.StartTimer()
			}
		})
	}
}

func TestAMissingLocaleIsNamedWithWhatToDo(t *testing.T) {
	err := explainLoad(errors.New("Exception during initialization: string_normalizer.cc:235 Failed to construct locale with name:ja_JP.UTF-8:locale::facet::_S_create_c_locale name not valid:Please, install necessary language-pack-XX and configure locales"))
	if !strings.Contains(err.Error(), "localedef -i ja_JP -f UTF-8 ja_JP.UTF-8") {
		t.Errorf("%v", err)
	}
	if err := explainLoad(errors.New("bad graph")); err.Error() != "ONNX Runtime cannot load the model: bad graph" {
		t.Errorf("%v", err)
	}
}
