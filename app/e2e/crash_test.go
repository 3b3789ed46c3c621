package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Killed at random moments while endpoints and versions are being made, Servery comes
// back each time with everything it had acknowledged, and all of it becomes READY
// without a hand.
func TestFiftyKillsLoseNothingAcknowledged(t *testing.T) {
	const kills = 50
	data := filepath.Join(t.TempDir(), "data")
	random := rand.New(rand.NewPCG(20261124, 1))
	endpoints := map[string]bool{} // acknowledged
	versions := 0                  // acknowledged versions of main.default.digits
	model := shared(t, "vision/mnist.onnx")

	p := serve(t, data)
	p.upload(model, "main.default.base")
	for round := range kills {
		var mu sync.Mutex
		var work sync.WaitGroup
		stop := make(chan struct{})
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				// At most six endpoints live at once: the test is about crashes, not size.
				name := fmt.Sprintf("e%d-%d", round, i)
				if status, err := p.call("POST", "/api/2.0/serving-endpoints", createBody(name, "main.default.base"), nil); err == nil && status == http.StatusOK {
					mu.Lock()
					endpoints[name] = true
					mu.Unlock()
				}
				if i >= 2 {
					return
				}
			}
		})
		work.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if n, err := p.tryUpload(model, "main.default.digits"); err == nil {
					mu.Lock()
					versions = max(versions, n)
					mu.Unlock()
				}
			}
		})
		<-time.After(time.Duration(random.IntN(250)) * time.Millisecond)
		p.kill()
		close(stop)
		work.Wait()

		p = serve(t, data)
		for name := range endpoints {
			p.awaitReady(name)
		}
		var have struct {
			Versions []struct {
				Version int
				Status  string
			}
		}
		if versions > 0 {
			p.must("GET", "/api/2.0/servery/models/main.default.digits", nil, &have)
			ready := map[int]string{}
			for _, v := range have.Versions {
				ready[v.Version] = v.Status
			}
			for n := 1; n <= versions; n++ {
				if s := ready[n]; s != "READY" && s != "FAILED_REGISTRATION" {
					t.Fatalf("round %d: version %d, at most %d acknowledged, is %q", round, n, versions, s)
				}
			}
			if ready[versions] != "READY" {
				t.Fatalf("round %d: acknowledged version %d is %q", round, versions, ready[versions])
			}
		}
		// Make room, by an acknowledged delete that must hold too.
		for name := range endpoints {
			if len(endpoints) <= 3 {
				break
			}
			p.must("DELETE", "/api/2.0/serving-endpoints/"+name, nil, nil)
			delete(endpoints, name)
		}
		var list struct{ Endpoints []wireEndpoint }
		p.must("GET", "/api/2.0/serving-endpoints", nil, &list)
		for _, e := range list.Endpoints {
			if !endpoints[e.Name] {
				// Accepted but not acknowledged before the kill: allowed to be there, once.
				p.must("DELETE", "/api/2.0/serving-endpoints/"+e.Name, nil, nil)
			}
		}
	}
	t.Logf("%d kills: %d versions acknowledged, %d endpoints at the end", kills, versions, len(endpoints))
	if versions == 0 || len(endpoints) == 0 {
		t.Fatal("nothing was acknowledged between the kills: the test proved nothing")
	}
}
