//go:build linux && cgo

package e2e

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"servery/engine/runtime/ort"
	"servery/engine/runtime/ortlib"
	"servery/engine/tensor"
)

// against is one load of TestFiguresAgainstPeers.
type against struct {
	name, model, input, output string
	shape                      []int64
	columns                    int // of a table; 0 for a tensor
	conns                      int
}

// round is how long each side of a load runs.
const round = 5 * time.Second

// TestFiguresAgainstPeers measures requests/s and latency of whole requests, one side after
// the other in one run on the same cores: Servery by JSON and by KServe's binary tensors, a
// Node server with onnxruntime-node, MLflow's own scoring server, and the bare loop over
// ONNX Runtime in process, which no server can beat.
func TestFiguresAgainstPeers(t *testing.T) {
	wantFigures(t)
	clients := os.Getenv("SERVERY_CLIENTS")
	if clients == "" {
		t.Fatal("the peers are installed by make clients; SERVERY_CLIENTS names their folder")
	}
	image := []int64{1, 3, 224, 224}
	for _, c := range []against{
		{"one row of ten columns", "tabular/mlp10.onnx", "x", "y", []int64{1, 10}, 10, 16},
		{"1,000 rows of ten columns", "tabular/mlp10.onnx", "x", "y", []int64{1000, 10}, 10, 4},
		{"image, SqueezeNet", "vision/light_squeezenet.onnx", "data_0", "softmaxout_1", image, 0, 4},
		{"image, ResNet-50", "vision/light_resnet50.onnx", "gpu_0/data_0", "gpu_0/softmax_1", image, 0, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := bareLoop(t, c)
			t.Logf("%-34s %9.1f requests/s  %v of processor time each", "bare loop, in process", raw.rate, raw.cpu)
			p := serve(t, filepath.Join(t.TempDir(), "data"))
			p.upload(shared(t, c.model), "main.default.peer")
			body := createBody("peer", "main.default.peer")
			entityOf(body)["workload_size"] = "Medium" // as many at once as there are connections
			p.must("POST", "/api/2.0/serving-endpoints", body, nil)
			p.awaitReady("peer")
			address := strings.TrimPrefix(p.url, "http://")
			text := c.json()
			ours := c.load(t, "Servery, JSON", raw, p.cmd, address, "/serving-endpoints/peer/invocations", p.token, text)
			head, message := c.binary()
			c.load(t, "Servery, KServe v2 binary", raw, p.cmd, address, "/v2/models/peer/infer", p.token, message,
				"Content-Type: application/octet-stream", fmt.Sprintf("Inference-Header-Content-Length: %d", head))
			p.kill()
			node := server(t, append(os.Environ(), "NODE_PATH="+filepath.Join(clients, "js", "node_modules")),
				"node", filepath.Join("peers", "node_server.cjs"), shared(t, c.model), c.input, c.output)
			peer := c.load(t, "Node, onnxruntime-node", raw, node.cmd, node.address, "/", "", text)
			node.end()
			t.Logf("Servery by JSON: %.2f × Node", ours/peer)
			scoring := server(t, environment(t.TempDir()),
				filepath.Join(clients, "python", "bin", "python"), filepath.Join("peers", "mlflow_server.py"), shared(t, c.model), fmt.Sprint(c.columns))
			awaitHTTP(t, scoring.address)
			peer = c.load(t, "MLflow's scoring server", raw, scoring.cmd, scoring.address, "/invocations", "", text)
			scoring.end()
			t.Logf("Servery by JSON: %.2f × MLflow", ours/peer)
		})
	}
}

// load drives one side with wrk, whose own requests cost little, and reports it against the
// bare loop: by requests/s, of which the load generator takes its share of the cores, and by
// the processor time that a request costs the server and its children, of which it takes none.
func (c against) load(t *testing.T, name string, raw cost, server *exec.Cmd, address, path, token, body string, headers ...string) float64 {
	t.Helper()
	if a, err := dial(t, address, path, token, body, headers...).do(); err != nil || a.status != http.StatusOK {
		t.Fatalf("%s: status %d, %v", name, a.status, err)
	}
	wrk(t, c.conns, round/4, address, path, token, body, headers...) // warm
	before := treeTime(t, server.Process.Pid)
	f := wrk(t, c.conns, round, address, path, token, body, headers...)
	each := (treeTime(t, server.Process.Pid) - before) / time.Duration(f.requests)
	t.Logf("%-34s %9.1f requests/s  %.3f × bare  %8v of processor time each, %.3f × bare  p50 %v  p99 %v", name, f.rate, f.rate/raw.rate,
		each.Round(time.Microsecond/10), raw.cpu.Seconds()/each.Seconds(), f.p50, f.p99)
	return f.rate
}

// cost is what a load costs a side.
type cost struct {
	rate float64       // requests/s
	cpu  time.Duration // of all cores together, a request
}

// treeTime is what a process and its children have used.
func treeTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	total := processorTime(t, pid)
	for _, child := range children(t, pid) {
		total += treeTime(t, child)
	}
	return total
}

// values are as many numbers of six digits as the shape has.
func (c against) values() []float32 {
	n := 1
	for _, d := range c.shape {
		n *= int(d)
	}
	r := rand.New(rand.NewPCG(1, 2))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.IntN(1_000_000)) / 1_000_000
	}
	return v
}

// json is the body in MLflow's forms: a table by dataframe_split, a tensor by inputs.
func (c against) json() string {
	values := c.values()
	var nest func(dims []int64) any
	nest = func(dims []int64) any {
		if len(dims) == 0 {
			v := values[0]
			values = values[1:]
			return json.Number(fmt.Sprintf("%.6f", v))
		}
		list := make([]any, dims[0])
		for i := range list {
			list[i] = nest(dims[1:])
		}
		return list
	}
	body := map[string]any{"inputs": nest(c.shape)}
	if c.columns > 0 {
		names := make([]string, c.columns)
		for i := range names {
			names[i] = string(rune('a' + i))
		}
		values = c.values()
		body = map[string]any{"dataframe_split": map[string]any{"columns": names, "data": nest(c.shape)}}
	}
	b, _ := json.Marshal(body)
	return string(b)
}

// binary is the body in KServe's v2 form with a raw tensor, and the length of its JSON head.
func (c against) binary() (head int, body string) {
	raw := littleEndian(c.values())
	h, _ := json.Marshal(map[string]any{
		"inputs": []any{map[string]any{"name": c.input, "datatype": "FP32", "shape": c.shape,
			"parameters": map[string]any{"binary_data_size": len(raw)}}},
		"outputs": []any{map[string]any{"name": c.output, "parameters": map[string]any{"binary_data": true}}},
	})
	return len(h), string(h) + string(raw)
}

func littleEndian(values []float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// bareLoop runs the model on two goroutines with a session each, and nothing around it.
func bareLoop(t *testing.T, c against) cost {
	t.Helper()
	path, err := ortlib.Find("", filepath.Join("..", ".."))
	if err != nil {
		path, err = ortlib.Find(filepath.Join("..", "..", ".onnxruntime"), "")
	}
	if err != nil {
		t.Fatal(err)
	}
	library, err := ort.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	const sides = 2
	var work sync.WaitGroup
	var mu sync.Mutex
	var runs int
	var total cost
	before := ownProcessorTime()
	for range sides {
		s, err := library.NewSession(shared(t, c.model), ort.Options{NoArena: c.shape[0] == 1 && c.columns > 0})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		x := &tensor.Tensor{Type: tensor.Float32, Shape: c.shape, Data: littleEndian(c.values())}
		inputs := []tensor.Named{{Name: c.input, Value: tensor.Value{Tensor: x}}}
		work.Go(func() {
			n, began := 0, time.Now()
			for time.Since(began) < round {
				o, err := s.Run(inputs, nil)
				if err != nil {
					t.Error(err)
					return
				}
				o.Release()
				n++
			}
			mu.Lock()
			defer mu.Unlock()
			total.rate += float64(n) / time.Since(began).Seconds()
			runs += n
		})
	}
	work.Wait()
	total.cpu = (ownProcessorTime() - before) / time.Duration(runs)
	return total
}

func ownProcessorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peerServer is a server of another make, started for one load.
type peerServer struct {
	cmd     *exec.Cmd
	address string
}

// server starts a peer, which writes its address as its first line.
func server(t *testing.T, env []string, command ...string) *peerServer {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(env, "PYTHONDONTWRITEBYTECODE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &peerServer{cmd: cmd}
	t.Cleanup(p.end)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(command, " "), err)
	}
	p.address = strings.TrimSpace(line)
	return p
}

func (p *peerServer) end() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.cmd.Wait()
}

// awaitHTTP waits until something listens.
func awaitHTTP(t *testing.T, address string) {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		out, err := exec.CommandContext(t.Context(), "curl", "-sS", "-o", "/dev/null", "http://"+address+"/ping").CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%v: %s", err, out)
		}
	}
}
