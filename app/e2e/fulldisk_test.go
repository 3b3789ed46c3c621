package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The disk fills up under load, to the last block, and is freed again. No request fails
// because of it, at any moment; what would change something is refused with 507 and can be
// done once there is room.
func TestNoRequestFailsBecauseTheDiskIsFull(t *testing.T) {
	dir := smallDisk(t, "128m")
	p := serve(t, filepath.Join(dir, "data"))
	p.upload(shared(t, "vision/mnist.onnx"), "main.default.digits")
	p.create("digits", "main.default.digits")
	p.awaitReady("digits")
	var load sync.WaitGroup
	var asked, failed atomic.Int64
	stop := make(chan struct{})
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var text string
				asked.Add(1)
				if status, err := p.call("POST", "/serving-endpoints/digits/invocations", zeros28, &text); err != nil || status != http.StatusOK {
					if failed.Add(1) == 1 {
						t.Errorf("a request failed: %d %v %s", status, err, text)
					}
				}
			}
		})
	}
	tag := map[string]any{"add_tags": []any{map[string]string{"key": "a", "value": "b"}}}
	patch := func(want int) {
		t.Helper()
		var text string
		if status, err := p.call("PATCH", "/api/2.0/serving-endpoints/digits/tags", tag, &text); err != nil || status != want {
			t.Errorf("a change answers %d %v %s, want %d", status, err, text, want)
		}
	}
	ballast := filepath.Join(dir, "ballast")
	for range 3 {
		patch(http.StatusOK)
		fill(t, ballast)
		for range 10 {
			patch(http.StatusInsufficientStorage)
			<-time.After(150 * time.Millisecond) // events and figures are written meanwhile, or are not
		}
		if n := left(t, dir); n != 0 {
			t.Errorf("%d bytes are left", n)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	patch(http.StatusOK)
	close(stop)
	load.Wait()
	t.Logf("%d requests while the disk was filled and freed three times, %d failed", asked.Load(), failed.Load())
	p.kill()
	p = serve(t, filepath.Join(dir, "data"))
	p.awaitReady("digits")
}
