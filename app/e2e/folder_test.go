package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A second Servery on the same data folder says who has it and leaves it alone.
func TestADataFolderInUseIsRefused(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	out, code := run(t, environment(t.TempDir()), "serve", "--data-dir", data, "--listen", "127.0.0.1:0")
	t.Logf("status %d: %s", code, strings.TrimSpace(out))
	if code != 1 || !strings.Contains(out, fmt.Sprint(p.cmd.Process.Pid)) {
		t.Errorf("the refusal does not name process %d", p.cmd.Process.Pid)
	}
	p.must("GET", "/api/2.0/serving-endpoints", nil, nil)
}

// A port that another program has is named, with what to do.
func TestATakenPortIsNamed(t *testing.T) {
	p := serve(t, filepath.Join(t.TempDir(), "data"))
	address := strings.TrimPrefix(p.url, "http://")
	out, code := run(t, environment(t.TempDir()), "serve", "--data-dir", filepath.Join(t.TempDir(), "other"), "--listen", address)
	t.Logf("status %d: %s", code, strings.TrimSpace(out))
	if code != 1 || !strings.Contains(out, address[strings.LastIndexByte(address, ':')+1:]) {
		t.Error("the refusal does not name the port")
	}
}

// Each file of the database damaged in turn: Servery opens what is there or says what is
// wrong in words, and never panics; the damaged file stays as it was.
func TestADamagedDatabaseGivesAMessageAndIsLeftAlone(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.digits")
	p.stop()
	entries, err := os.ReadDir(filepath.Join(data, "state"))
	if err != nil || len(entries) < 3 {
		t.Fatalf("the database has the files %v: %v", entries, err)
	}
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(folder, os.DirFS(data)); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(folder, "state", e.Name())
			broken, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i := range broken {
				if i%37 == 0 {
					broken[i] ^= 0x5a
				}
			}
			if err := os.WriteFile(file, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			out, code := run(t, environment(t.TempDir()), "models", "list", "--data-dir", folder)
			t.Logf("status %d: %s", code, strings.TrimSpace(out))
			if strings.Contains(out, "panic") || strings.Contains(out, "goroutine ") {
				t.Error("a panic reached the person")
			}
			switch {
			case code == 0 && !strings.Contains(out, "main.default.digits"):
				t.Error("it opened and has lost a model")
			case code != 0 && !strings.Contains(out, "servery: "):
				t.Error("it failed without a message")
			}
			if code == 0 {
				return
			}
			after, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(after, broken) {
				t.Errorf("the damaged file was changed: %v", err)
			}
		})
	}
}

// smallDisk mounts a file system of its own, of a size such as "96m", and gives its folder.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system takes root")
	}
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// A full disk refuses what would change something, with a message; what serves goes on,
// and nothing that was acknowledged is lost.
func TestAFullDiskLosesNothing(t *testing.T) {
	dir := smallDisk(t, "96m")
	data := filepath.Join(dir, "data")
	p := serve(t, data)
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.digits")
	p.create("before", "main.default.digits")
	p.awaitReady("before")

	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	_, err := p.tryUpload(shared(t, "vision/ch_PP-OCRv4_rec_infer.onnx"), "main.default.rec")
	if err == nil {
		t.Error("a model of 10 MB was imported onto a full disk")
	}
	t.Logf("import on a full disk: %v", err)
	var text string
	status, err := p.call("POST", "/serving-endpoints/before/invocations", zeros28, &text)
	if err != nil || status != http.StatusOK {
		t.Errorf("a full disk stopped an endpoint: %d %v %s", status, err, text)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.after")
	p.create("after", "main.default.after")
	p.awaitReady("after")
	p.kill()
	p = serve(t, data)
	p.awaitReady("before")
	p.awaitReady("after")
}

// zeros28 is a request with an empty picture.
var zeros28 = `{"inputs":{"Input3":[[[` + strings.TrimSuffix(strings.Repeat(`[`+strings.TrimSuffix(strings.Repeat("0,", 28), ",")+`],`, 28), ",") + `]]]}}`

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := 1 << 20; block >= 512; block /= 2 {
		for {
			if _, err := f.Write(make([]byte, block)); err != nil {
				break
			}
		}
	}
}
