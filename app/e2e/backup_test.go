package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A backup is taken while the endpoint answers; then everything is lost, and the backup
// brings the endpoint, its model and the client's token back.
func TestABackupOfARunningServeryBringsEverythingBack(t *testing.T) {
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), filepath.Join(dir, "b.tar")
	p := serve(t, data)
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.digits")
	p.upload(shared(t, "vision/ch_PP-OCRv4_rec_infer.onnx"), "main.default.rec")
	p.create("digits", "main.default.digits")
	p.awaitReady("digits")
	var before string
	if _, err := p.call("POST", "/serving-endpoints/digits/invocations", zeros28, &before); err != nil {
		t.Fatal(err)
	}

	var load sync.WaitGroup
	var asked, failed atomic.Int64
	stop := make(chan struct{})
	load.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			asked.Add(1)
			if status, err := p.call("POST", "/serving-endpoints/digits/invocations", zeros28, nil); err != nil || status != http.StatusOK {
				failed.Add(1)
			}
		}
	})
	out, code := run(t, environment(t.TempDir()), "backup", file, "--data-dir", data)
	close(stop)
	load.Wait()
	t.Logf("status %d: %s%d requests meanwhile, %d failed", code, out, asked.Load(), failed.Load())
	if code != 0 || !strings.Contains(out, "holds 1 endpoint and 2 model versions with 10.") || failed.Load() > 0 || asked.Load() == 0 {
		t.Fatal("the backup failed, or requests did because of it")
	}
	out, code = run(t, environment(t.TempDir()), "restore", "--force", file, "--data-dir", data)
	if code != 1 || !strings.Contains(out, "in use by another Servery") {
		t.Errorf("a restore under a running Servery: %d %s", code, out)
	}
	p.must("DELETE", "/api/2.0/serving-endpoints/digits", nil, nil)
	p.must("DELETE", "/api/2.1/unity-catalog/models/main.default.digits/versions/1", nil, nil)
	token := p.token
	p.kill()

	out, code = run(t, environment(t.TempDir()), "restore", "--force", file, "--data-dir", data)
	t.Logf("status %d: %s", code, out)
	if code != 0 {
		t.Fatal("the restore failed")
	}
	p = serve(t, data)
	if p.token != token {
		t.Error("the client's token is another one")
	}
	p.awaitReady("digits")
	var after string
	if _, err := p.call("POST", "/serving-endpoints/digits/invocations", zeros28, &after); err != nil || after != before {
		t.Errorf("answers %s, %v; before %s", after, err, before)
	}
}

// Ctrl+C in the middle of a backup leaves no file, and what was there.
func TestABackupThatIsInterruptedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), filepath.Join(dir, "out", "b.tar")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	importModel(t, data, shared(t, "vision/mnist.onnx"), "main.default.digits")
	// A model's folder of 400 MB, so that there is a middle.
	big := filepath.Join(data, "models", "main", "default", "digits", "1", "weights.bin")
	f, err := os.OpenFile(big, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(400 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	cmd := exec.Command(executable(t), "backup", file, "--data-dir", data)
	cmd.Env = environment(t.TempDir())
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for { // once the file has begun
		if parts, _ := filepath.Glob(file + "*"); len(parts) > 0 {
			if info, err := os.Stat(parts[0]); err == nil && info.Size() > 1<<20 {
				break
			}
		}
		if cmd.ProcessState != nil {
			break
		}
	}
	cmd.Process.Signal(os.Interrupt)
	err = cmd.Wait()
	t.Logf("%v: %s", err, said.String())
	if err == nil || !strings.Contains(said.String(), "nothing was written") {
		t.Error("it was not given up")
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
