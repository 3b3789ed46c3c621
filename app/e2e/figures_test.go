package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
)

// The figures of docs/benchmarks.md. They are measured, written and compared with a peer
// in the same run; none is asserted as an absolute time, because a slower machine is no
// defect. SERVERY_BENCH=1 asks for them (make bench sets it).

const tenColumns = `{"dataframe_split":{"columns":["a","b","c","d","e","f","g","h","i","j"],"data":[[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1.0]]}}`

func wantFigures(t *testing.T) {
	if os.Getenv("SERVERY_BENCH") == "" {
		t.Skip("make bench measures this")
	}
}

// Requests/s and latency of the request path against net/http's echo of the same body,
// under the same generator in the same run.
func TestFiguresRequestPath(t *testing.T) {
	wantFigures(t)
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	p.upload(tenModel(t), "main.default.ten")
	p.create("ten", "main.default.ten")
	p.awaitReady("ten")
	address := strings.TrimPrefix(p.url, "http://")
	peer := echoServer(t)

	connect := func(address, path string, n int) []*wire {
		var conns []*wire
		for range n {
			conns = append(conns, dial(t, address, path, p.token, tenColumns))
		}
		return conns
	}
	openLoop(t, connect(address, "/serving-endpoints/ten/invocations", 8), 1000, 2*time.Second) // warm
	total, overhead, inside := openLoop(t, connect(address, "/serving-endpoints/ten/invocations", 8), 1000, 20*time.Second)
	echo, _, _ := openLoop(t, connect(peer, "/", 8), 1000, 20*time.Second)
	report(t, "1,000 requests/s, ten columns: total", total)
	report(t, "1,000 requests/s, ten columns: less the model's run", overhead)
	report(t, "1,000 requests/s, ten columns: inside the engine, less the run", inside)
	report(t, "1,000 requests/s: peer net/http echo", echo)
	t.Logf("overhead above the echo at 1,000 requests/s: p50 %v, p99 %v; ratio p50 %.2f, p99 %.2f",
		overhead.at(0.5)-echo.at(0.5), overhead.at(0.99)-echo.at(0.99),
		ratio(overhead.at(0.5), echo.at(0.5)), ratio(overhead.at(0.99), echo.at(0.99)))

	rate, closed := closedLoop(t, connect(address, "/serving-endpoints/ten/invocations", 4), 8*time.Second)
	echoRate, echoClosed := closedLoop(t, connect(peer, "/", 4), 8*time.Second)
	report(t, "4 connections, as fast as they go", closed)
	report(t, "4 connections: peer net/http echo", echoClosed)
	t.Logf("throughput: %.0f requests/s, echo %.0f: ratio %.2f", rate, echoRate, rate/echoRate)
}

// tenModel is the file of a model that takes tenColumns.
func tenModel(t *testing.T) string {
	t.Helper()
	model := filepath.Join(t.TempDir(), "ten.onnx")
	if err := os.WriteFile(model, onnxtest.Add(10), 0o600); err != nil {
		t.Fatal(err)
	}
	return model
}

func report(t *testing.T, what string, f figures) {
	t.Logf("%-55s n %6d  p50 %8v  p90 %8v  p99 %8v  max %8v", what, len(f),
		f.at(0.5).Round(time.Microsecond), f.at(0.9).Round(time.Microsecond), f.at(0.99).Round(time.Microsecond), f.at(1).Round(time.Microsecond))
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// echoServer starts this test's own binary as a bare net/http server that sends each body
// back: what any Go server pays before it has done anything.
func echoServer(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^$")
	cmd.Env = append(os.Environ(), "SERVERY_E2E_ECHO=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestMain(m *testing.M) {
	if os.Getenv("SERVERY_E2E_ECHO") != "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(l.Addr())
		http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			w.Write(b)
		}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// From the create request's answer to READY, on a small model, by a client that polls.
func TestFiguresReady(t *testing.T) {
	wantFigures(t)
	p := serve(t, filepath.Join(t.TempDir(), "data"))
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.digits")
	var all figures
	for i := range 20 {
		name := fmt.Sprintf("digits%d", i)
		began := time.Now()
		p.create(name, "main.default.digits")
		p.awaitReady(name)
		all = append(all, time.Since(began))
		p.must("DELETE", "/api/2.0/serving-endpoints/"+name, nil, nil)
	}
	t.Logf("create to READY, mnist.onnx, in order: %v", all)
}

// A data folder in which nothing has happened yet.
func TestANewDataFolderIsSmall(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	running := folderSize(t, data)
	p.stop()
	stopped := folderSize(t, data)
	t.Logf("a new data folder: %.1f MiB while running, %.1f MiB after", running/(1<<20), stopped/(1<<20))
	if most := max(running, stopped); most >= 64<<20 {
		t.Errorf("a new data folder takes %.1f MiB: it must stay below 64", most/(1<<20))
	}
}

// folderSize is the apparent size of all files, in bytes: the larger of the two measures,
// because Badger's files are sparse while it runs.
func folderSize(t *testing.T, dir string) float64 {
	t.Helper()
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return float64(size)
}

// resident is the resident memory of a process in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("process %d tells no VmRSS", pid)
	return 0
}

// processorTime is what a process has used, user and system.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ
}

// children are the direct child processes of a process.
func children(t *testing.T, pid int) []int {
	t.Helper()
	var all []int
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue // gone meanwhile
		}
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if fields[1] == strconv.Itoa(pid) {
			all = append(all, child)
		}
	}
	return all
}
