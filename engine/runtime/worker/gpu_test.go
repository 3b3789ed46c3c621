//go:build cuda && linux && (amd64 || arm64)

package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime"
	"servery/engine/runtime/cuda/driver"
	"servery/engine/runtime/cuda/driver/standin"
	"servery/engine/runtime/cuda/executor"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

// "worker gpu PATH" has the driver at PATH and plans of its own: on the GPU the model of
// these tests multiplies by 3, so that its answers tell where they come from. On the CPU it
// adds 1. "worker gpu PATH CALL N CODE" lets the Nth CALL of the driver fail with CODE.
func init() {
	gpuWorker = func(path string, fault ...string) backend {
		if path != "" {
			if _, err := driver.Load(path); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
		if len(fault) == 3 {
			nth, _ := strconv.Atoi(fault[1])
			code, _ := strconv.Atoi(fault[2])
			standin.Open(inWorker{}, path).Fail(fault[0], nth, code)
		}
		return &onnxRuntime{gpu: gpuCode{plan: planTriple, find: findTriple}}
	}
}

// inWorker is the test that a worker process is part of.
type inWorker struct{ testing.TB }

func (inWorker) Helper()        {}
func (inWorker) Cleanup(func()) {}

var weigh = &kernels.Module{Entries: map[string]int{"weigh": 32}, PTX: []byte(`
.version 7.0
.target sm_80
.address_size 64
.visible .entry weigh(.param .align 8 .b8 p[32]) { ret; }
`)}

func findTriple(kernel string) (*kernels.Module, error) {
	if weigh.Entries[kernel] == 0 {
		return nil, errors.New("there is no kernel " + kernel)
	}
	return weigh, nil
}

// triple plans y = 3 x. What goes wrong is in the precision, or in the number of rows.
type triple struct{ folder, precision string }

// The rows at which something goes wrong; at rowsFaulty and one more, as often as setFaults says.
const rowsUnsupported, rowsTooMany, rowsMisfit, rowsBroken, rowsFaulty = 100, 101, 102, 103, 104

func planTriple(path, precision string, device driver.Info) (executor.Planner, string, io.Closer, error) {
	if precision == "refused" {
		return nil, "", nil, &graph.UnsupportedError{Node: "n", Op: "Frobnicate", Reason: "nobody knows it"}
	}
	return &triple{filepath.Dir(path), precision}, precision, io.NopCloser(nil), nil
}

func (p *triple) Constants() []plan.Constant {
	var w []byte
	for range 4 {
		w = binary.NativeEndian.AppendUint32(w, math.Float32bits(3))
	}
	return []plan.Constant{{Name: "w", Data: w}}
}

func (p *triple) Plan(shapes map[string][]int64, values map[string]*tensor.Tensor) (*plan.Program, error) {
	shape := shapes["x"]
	n := shape[0] * shape[1]
	size := (4*n + 255) / 256 * 256
	arena, count, kernel := 2*size, n, "weigh"
	switch {
	case shape[0] == rowsUnsupported || p.precision == "unsupported":
		return nil, &graph.UnsupportedError{Node: "n", Op: "Add", Reason: "of so many rows"}
	case shape[0] == rowsTooMany || p.precision == "full":
		arena = 4 << 30
	case shape[0] == rowsMisfit:
		return nil, &graph.ShapeError{Node: "n", Op: "Add", Inputs: "x", Reason: "they do not fit"}
	case shape[0] == rowsBroken:
		kernel = "nowhere"
	case p.precision == "faulty", shape[0] >= rowsFaulty && p.faults():
		count = 1 << 20
	}
	return &plan.Program{
		Inputs:  []plan.Slot{{Name: "x", Type: tensor.Float32, Shape: shape, Bytes: 4 * n}},
		Outputs: []plan.Slot{{Name: "y", Type: tensor.Float32, Shape: shape, Offset: size, Bytes: 4 * n}},
		Launches: []plan.Launch{{Kernel: kernel, Grid: [3]uint32{1, 1, 1}, Block: [3]uint32{1, 1, 1}, Nodes: "Mul",
			Params:   binary.NativeEndian.AppendUint64(make([]byte, 24), uint64(count)),
			Pointers: []plan.Pointer{{At: 0}, {At: 8, Space: plan.Constants}, {At: 16, Offset: size}}}},
		Arena: arena,
	}, nil
}

// faults takes one of the faults that are left.
func (p *triple) faults() bool {
	name := filepath.Join(p.folder, "faults")
	text, _ := os.ReadFile(name)
	left, _ := strconv.Atoi(string(text))
	if left > 0 {
		os.WriteFile(name, []byte(strconv.Itoa(left-1)), 0o600)
	}
	return left > 0
}

// gpuLauncher starts workers whose driver is at path.
func gpuLauncher(t testing.TB, path string) *Launcher {
	l := onnxLauncher(t)
	l.options.Executable = []string{os.Args[0], "worker", "gpu", path}
	return l
}

func onGPU(t testing.TB, precision string) runtime.Spec {
	spec := model(t, onnxtest.Add(2))
	spec.SHA256 = "" // faults lies in the folder
	spec.GPU = &runtime.GPU{Precision: precision}
	return spec
}

// rows is a request of that many rows, and its answers on the GPU and on the CPU.
func rows(n int) (body, gpu, cpu string) {
	var in, three, one []string
	for i := range n {
		in = append(in, fmt.Sprintf("[%d,2]", i))
		three = append(three, fmt.Sprintf("[%d,6]", 3*i))
		one = append(one, fmt.Sprintf("[%d,3]", i+1))
	}
	answer := func(rows []string) string { return `{"predictions":{"y":[` + strings.Join(rows, ",") + `]}}` }
	return `{"inputs":[` + strings.Join(in, ",") + `]}`, answer(three), answer(one)
}

func TestAModelIsServedOnTheGPU(t *testing.T) {
	r, n := launch(t, gpuLauncher(t, standin.Path(t)), onGPU(t, "tf32"))
	got := r.Loaded()
	if got.Runtime != "CUDA · Stand-in 0 · tf32" || got.Device != "Stand-in 0" || got.Reason != "" || got.GPUBytes < 2<<20 || got.RunTime <= 0 || got.Sessions != 1 {
		t.Errorf("%+v", got)
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 20 {
				body, gpu, _ := rows(1 + (i+j)%3)
				a, err := r.Invoke(t.Context(), runtime.Request{Body: []byte(body)})
				if err != nil || a.Status != 200 || compact(t, string(a.Body)) != gpu {
					t.Errorf("%v, %d %s", err, a.Status, a.Body)
				}
			}
		})
	}
	wait.Wait()
	// What is beyond the GPU runs on the CPU.
	for _, count := range []int{rowsUnsupported, rowsTooMany, rowsTooMany, rowsBroken, 1} {
		body, gpu, cpu := rows(count)
		want := cpu
		if count == 1 {
			want = gpu
		}
		if text := ask(t, r, body, 200); compact(t, text) != want {
			t.Errorf("%d rows: %s", count, text)
		}
	}
	n.wait(t, runtime.LogLine, "requests that the GPU cannot take run on the CPU; the first: the model cannot be resolved: the operator Add")
	ask(t, r, `{"inputs":[["no number"]]}`, 400)
	body, _, _ := rows(rowsMisfit)
	if text := ask(t, r, body, 400); !strings.Contains(text, "they do not fit") {
		t.Error(text)
	}
}

func TestAJointRunOnTheGPU(t *testing.T) {
	spec := onGPU(t, "tf32")
	spec.Environment = map[string]string{"SERVERY_BATCHING": "on"}
	spec.Concurrency = 16
	r, _ := launch(t, gpuLauncher(t, standin.Path(t)), spec)
	if b := r.Loaded().Batching; !b.On {
		t.Fatalf("%v", b)
	}
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			for j := range 20 {
				body := fmt.Sprintf(`{"inputs":[[%d,%d]]}`, i, j)
				a, err := r.Invoke(t.Context(), runtime.Request{Body: []byte(body)})
				if want := fmt.Sprintf(`{"predictions":{"y":[[%d,%d]]}}`, 3*i, 3*j); err != nil || compact(t, string(a.Body)) != want {
					t.Errorf("%v, %d %s, want %s", err, a.Status, a.Body, want)
				}
			}
		})
	}
	wait.Wait()
}

func TestWhatCannotRunOnTheGPURunsOnTheCPU(t *testing.T) {
	for name, c := range map[string]struct {
		path, precision string
		index           int
		says            string
	}{
		"no driver":      {says: driver.ErrNoDriver.Error()},
		"no such card":   {path: standin.Path(t), index: 1, says: "there is none of the number 1, the driver shows 1"},
		"a refused file": {path: standin.Path(t), precision: "refused", says: `the operator Frobnicate of the node "n" is not supported`},
		"a refused plan": {path: standin.Path(t), precision: "unsupported", says: "of so many rows"},
		"no room":        {path: standin.Path(t), precision: "full", says: "a run needs 4.0 GiB"},
		"a fault":        {path: standin.Path(t), precision: "faulty", says: "CUDA_ERROR_ILLEGAL_ADDRESS"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := onGPU(t, c.precision)
			spec.GPU.Index = c.index
			r, n := launch(t, gpuLauncher(t, c.path), spec)
			got := r.Loaded()
			if !strings.HasPrefix(got.Runtime, "ONNX Runtime") || got.Device != runtime.CPU || !strings.Contains(got.Reason, c.says) || got.GPUBytes != 0 || got.RunTime <= 0 {
				t.Errorf("%+v", got)
			}
			if strings.Contains(got.Reason, spec.Dir) {
				t.Errorf("the reason names the folder: %s", got.Reason)
			}
			n.wait(t, runtime.LogLine, "the model runs on the CPU, not on the GPU: ")
			body, _, cpu := rows(1)
			if text := ask(t, r, body, 200); compact(t, text) != cpu {
				t.Error(text)
			}
			if n.count(runtime.Died) > 0 {
				t.Error("a load that goes well at last is told as a death")
			}
		})
	}
}

// setFaults says how many of the next plans for rowsFaulty and more fault.
func setFaults(t *testing.T, spec runtime.Spec, n int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(spec.Dir, "faults"), []byte(strconv.Itoa(n)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestALostGPUIsTakenAgain(t *testing.T) {
	spec := onGPU(t, "tf32")
	r, n := launch(t, gpuLauncher(t, standin.Path(t)), spec)
	for i := range fairLosses - 1 {
		setFaults(t, spec, 1)
		body, gpu, _ := rows(rowsFaulty + i)
		if text := ask(t, r, body, 200); compact(t, text) != gpu {
			t.Error(text)
		}
	}
	n.wait(t, runtime.Died, "it lost the GPU. ")
	n.wait(t, runtime.LogLine, "the process has lost the GPU: cuStreamSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS")
	if got := r.Loaded(); got.Device != "Stand-in 0" || n.count(runtime.LeftGPU) > 0 || n.count(runtime.Died) != fairLosses-1 {
		t.Errorf("%+v, %d deaths", got, n.count(runtime.Died))
	}
}

func TestAGPUThatIsLostAgainAndAgainIsLeft(t *testing.T) {
	spec := onGPU(t, "tf32")
	r, n := launch(t, gpuLauncher(t, standin.Path(t)), spec)
	setFaults(t, spec, 1000)
	var wait sync.WaitGroup
	failures := make(chan error, 100)
	for i := range 6 {
		wait.Go(func() {
			count := 1 + i
			if i == 3 {
				count = rowsFaulty
			}
			body, gpu, cpu := rows(count)
			a, err := r.Invoke(t.Context(), runtime.Request{Body: []byte(body)})
			if text := string(a.Body); err != nil || a.Status != 200 || !slices.Contains([]string{gpu, cpu}, compact(t, text)) {
				failures <- fmt.Errorf("%d rows: %w, %d %s", count, errors.Join(err), a.Status, text)
			}
		})
	}
	wait.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	n.wait(t, runtime.LeftGPU, "The model runs on the CPU from now on: the GPU was lost 3 times within 10 minutes.")
	if got := r.Loaded(); got.Device != runtime.CPU || !strings.HasPrefix(got.Runtime, "ONNX") || got.RunTime <= 0 || got.Reason == "" {
		t.Errorf("%+v", got)
	}
	if deaths := n.count(runtime.Died); deaths != fairLosses {
		t.Errorf("%d deaths", deaths)
	}
	body, _, cpu := rows(rowsFaulty)
	if text := ask(t, r, body, 200); compact(t, text) != cpu {
		t.Error(text)
	}
}

// Whichever call of the driver fails, at the load or in a run, requests are answered.
func TestACallOfTheDriverFails(t *testing.T) {
	for _, c := range []struct {
		call string
		nth  []int
	}{
		{"cuDeviceGetCount", []int{1}}, {"cuDevicePrimaryCtxRetain", []int{1, 2}}, {"cuStreamCreate", []int{1, 2}},
		{"cuMemGetInfo_v2", []int{1}}, {"cuMemAlloc_v2", []int{1, 2, 3}}, {"cuMemAllocHost_v2", []int{1}}, {"cuMemcpyHtoD_v2", []int{1}},
		{"cuModuleLoadDataEx", []int{1}}, {"cuModuleGetFunction", []int{1}}, {"cuStreamBeginCapture_v2", []int{1, 3}},
		{"cuGraphInstantiateWithFlags", []int{1, 3}}, {"cuGraphLaunch", []int{1, 3, 15}}, {"cuStreamSynchronize", []int{1, 3, 15}},
	} {
		for _, nth := range c.nth {
			for _, code := range []int{2, 999} {
				l := gpuLauncher(t, standin.Path(t))
				l.options.Executable = append(l.options.Executable, c.call, strconv.Itoa(nth), strconv.Itoa(code))
				r, n := launch(t, l, onGPU(t, "tf32"))
				loaded := r.Loaded()
				for i := range 4 {
					body, gpu, cpu := rows(1 + i)
					a, err := r.Invoke(t.Context(), runtime.Request{Body: []byte(body)})
					if text := string(a.Body); err != nil || a.Status != 200 || !slices.Contains([]string{gpu, cpu}, compact(t, text)) {
						t.Errorf("%s fails at %d with %d: %v, %d %s", c.call, nth, code, err, a.Status, text)
					}
				}
				if (loaded.Device == runtime.CPU) != (loaded.Reason != "") {
					t.Errorf("%s fails at %d with %d: %+v", c.call, nth, code, loaded)
				}
				t.Logf("%s fails at %d with %d: %s, %d ends; %s", c.call, nth, code, r.Loaded().Device, n.count(runtime.Died), loaded.Reason)
				l.Close(canceledContext())
			}
		}
	}
}

func TestLossesLongAgoDoNotCount(t *testing.T) {
	r := &runner{spec: runtime.Spec{GPU: &runtime.GPU{}}}
	at := time.Unix(1e9, 0)
	for range 20 {
		r.lose(at)
		at = at.Add(lossWindow / (fairLosses - 1))
	}
	if r.spec.GPU == nil {
		t.Error("the model leaves the GPU")
	}
	r.lose(at)
	r.lose(at)
	if r.spec.GPU != nil {
		t.Error("the model stays on the GPU")
	}
}

// What the way to the GPU and back adds to the run itself: to reach are 0.2 ms.
func BenchmarkWayToTheGPU(b *testing.B) {
	r, _ := launch(b, gpuLauncher(b, standin.Path(b)), onGPU(b, "tf32"))
	body, _, _ := rows(1)
	var run time.Duration
	b.ResetTimer()
	for b.Loop() {
		a, err := r.Invoke(b.Context(), runtime.Request{Body: []byte(body)})
		if err != nil || a.Status != 200 {
			b.Fatalf("%v %d", err, a.Status)
		}
		run += a.Timing.Run
		if a.Release != nil {
			a.Release()
		}
	}
	b.ReportMetric(float64(run.Nanoseconds())/float64(b.N)/1000, "run-µs/op")
	b.ReportMetric(float64((b.Elapsed()-run).Nanoseconds())/float64(b.N)/1000, "added-µs/op")
}
