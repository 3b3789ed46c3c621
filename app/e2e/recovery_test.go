package e2e

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"servery/engine/runtime/ortlib"
)

// Servery without ONNX Runtime says how to get it, and goes on by itself once the library
// is in the data folder: nobody asks for anything but to see.
func TestEndpointsComeUpOnceTheLibraryIsThere(t *testing.T) {
	library, err := ortlib.Find("", "")
	if err != nil {
		library, err = ortlib.Find(filepath.Join("..", "..", ".onnxruntime"), "")
	}
	if err != nil {
		t.Fatal(err)
	}
	// Away from the source tree, so that there is no library near the program.
	alone := filepath.Join(t.TempDir(), "servery")
	copyTo(t, executable(t), alone, 0o700)
	t.Setenv("SERVERY_BINARY", alone)
	data := filepath.Join(t.TempDir(), "data")
	installed := filepath.Join(data, "lib", ortlib.FileName())
	install := func() time.Time {
		// Slowly, as a download: half a library must not be taken for one.
		b, err := os.ReadFile(library)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(installed), 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(installed)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for part := range bytes.Lines(b) {
			if _, err := f.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		return time.Now()
	}

	p := serve(t, data)
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.digits")
	p.create("digits", "main.default.digits")
	p.awaitFailed("digits", filepath.Join(data, "lib"))
	there := install()
	p.awaitRecovered("digits")
	t.Logf("created without the library: READY %v after it was put in place", time.Since(there).Round(time.Millisecond))
	p.must("POST", "/serving-endpoints/digits/invocations", zeros28, nil)
	p.stop()

	// And one that served before, after a start without the library.
	if err := os.Remove(installed); err != nil {
		t.Fatal(err)
	}
	p = serve(t, data)
	p.awaitFailed("digits", filepath.Join(data, "lib"))
	there = install()
	p.awaitRecovered("digits")
	t.Logf("started without the library: READY %v after it was put in place", time.Since(there).Round(time.Millisecond))
	p.must("POST", "/serving-endpoints/digits/invocations", zeros28, nil)
	p.stop()
}

func copyTo(t *testing.T, from, to string, mode fs.FileMode) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// awaitFailed looks at an endpoint until its update has failed, with words that hold hint.
func (p *program) awaitFailed(name, hint string) {
	p.t.Helper()
	p.awaitLook(name, func(e wireEndpoint, text string) bool {
		return e.State.ConfigUpdate == "UPDATE_FAILED" && strings.Contains(text, "DEPLOYMENT_FAILED") && strings.Contains(text, hint)
	})
}

// awaitRecovered looks at an endpoint that has failed until it is READY.
func (p *program) awaitRecovered(name string) {
	p.t.Helper()
	p.awaitLook(name, func(e wireEndpoint, _ string) bool {
		return e.State.Ready == "READY" && e.State.ConfigUpdate == "NOT_UPDATING"
	})
}

func (p *program) awaitLook(name string, is func(e wireEndpoint, text string) bool) {
	p.t.Helper()
	path := "/api/2.0/serving-endpoints/" + name
	for began := time.Now(); ; <-time.After(20 * time.Millisecond) {
		var e wireEndpoint
		var text string
		p.must("GET", path, nil, &e)
		p.must("GET", path, nil, &text)
		if is(e, text) {
			return
		}
		if time.Since(began) > patience {
			p.t.Fatalf("endpoint %s after %v: %s\n%s", name, patience, text, p.written())
		}
	}
}

// On a disk without a block left a person can delete, and so make room; what was deleted
// stays deleted after kill -9.
func TestAFullDiskIsFreedByDeleting(t *testing.T) {
	dir := smallDisk(t, "128m")
	data := filepath.Join(dir, "data")
	p := serve(t, data)
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.digits")
	p.upload(shared(t, "vision/ch_PP-OCRv4_rec_infer.onnx"), "main.default.rec")
	p.upload(shared(t, "vision/ch_PP-OCRv4_rec_infer.onnx"), "main.default.rec")
	for _, name := range []string{"kept", "gone"} {
		p.create(name, "main.default.digits")
		p.awaitReady(name)
	}
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	if n := left(t, dir); n != 0 {
		t.Fatalf("%d bytes are left", n)
	}
	var text string
	if status, err := p.call("POST", "/api/2.0/serving-endpoints", createBody("new", "main.default.digits"), &text); err != nil || status == http.StatusOK {
		t.Errorf("an endpoint was created on a full disk: %d %v", status, err)
	}
	t.Logf("a create on a full disk: %s", text)
	p.must("DELETE", "/api/2.0/serving-endpoints/gone", nil, nil)
	p.must("DELETE", "/api/2.1/unity-catalog/models/main.default.rec/versions/1", nil, nil)
	freed := left(t, dir)
	p.must("DELETE", "/api/2.1/unity-catalog/models/main.default.rec/versions/2", nil, nil)
	t.Logf("two versions made room for %d and %d MB", freed/1e6, left(t, dir)/1e6)
	if freed < 8e6 || left(t, dir) < 2*8e6 {
		t.Errorf("two versions of 10 MB made room for %d and %d bytes", freed, left(t, dir))
	}
	check := func() {
		t.Helper()
		for path, want := range map[string]int{
			"/api/2.0/serving-endpoints/kept":                              http.StatusOK,
			"/api/2.0/serving-endpoints/gone":                              http.StatusNotFound,
			"/api/2.1/unity-catalog/models/main.default.digits/versions/1": http.StatusOK,
			"/api/2.1/unity-catalog/models/main.default.rec/versions/1":    http.StatusNotFound,
			"/api/2.1/unity-catalog/models/main.default.rec/versions/2":    http.StatusNotFound,
		} {
			if status, err := p.call("GET", path, nil, nil); err != nil || status != want {
				t.Errorf("%s: %d %v, want %d", path, status, err, want)
			}
		}
		for _, version := range []string{"1", "2"} {
			if _, err := os.Stat(filepath.Join(data, "models", "main", "default", "rec", version)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the files of version %s: %v", version, err)
			}
		}
		p.must("POST", "/serving-endpoints/kept/invocations", zeros28, nil)
	}
	check()
	p.kill()
	// With 8 of the 21 MB that were made left to it, it starts.
	more := filepath.Join(dir, "more")
	if err := os.WriteFile(more, make([]byte, left(t, dir)-8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	p = serve(t, data)
	p.awaitReady("kept")
	check()
	if err := os.Remove(more); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	p.create("gone", "main.default.digits") // a name is free again
	p.awaitReady("gone")
	p.stop()
	p = serve(t, data)
	p.awaitReady("gone")
	p.awaitReady("kept")
}

// left is the room on dir's disk in bytes.
func left(t *testing.T, dir string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
