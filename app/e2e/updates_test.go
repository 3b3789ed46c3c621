package e2e

import (
	"encoding/json"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Of a hundred updates at once one is accepted; the others are told that it runs.
func TestOfAHundredUpdatesAtOnceOneIsAccepted(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	u := newUpdater(t, p, data, 1)
	p.must("POST", "/api/2.0/serving-endpoints", map[string]any{"name": "probed", "config": u.first()}, nil)
	p.awaitReady("probed")
	slow := u.now.clone()
	u.bad(&slow, "main.default.slow")
	var mu sync.Mutex
	var asking sync.WaitGroup
	accepted, refused := 0, 0
	for range 100 {
		asking.Go(func() {
			var text string
			status, err := p.call("PUT", "/api/2.0/serving-endpoints/probed/config", slow, &text)
			mu.Lock()
			defer mu.Unlock()
			var said struct {
				Code    string `json:"error_code"`
				Message string
			}
			switch {
			case err == nil && status == http.StatusOK:
				accepted++
			case err == nil && status == http.StatusConflict && json.Unmarshal([]byte(text), &said) == nil && said.Code == "RESOURCE_CONFLICT" &&
				strings.HasPrefix(said.Message, "Endpoint 'probed' is currently updating."):
				refused++
			default:
				t.Errorf("status %d, %v: %s", status, err, text)
			}
		})
	}
	asking.Wait()
	if accepted != 1 || refused != 99 {
		t.Errorf("%d accepted, %d refused", accepted, refused)
	}
	p.must("POST", "/api/2.0/serving-endpoints/probed/config:cancel", nil, nil)
}

// Traffic is split by percentage; a seed repeats the split, request for request; and an
// entity of 0 % is ready and answers who names it.
func TestASeedRepeatsTheSplit(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data, "--seed", "7")
	u := newUpdater(t, p, data, 1)
	config := u.first()
	config.Entities = append(config.Entities, plusEntity("shadow", 3))
	config.Traffic.Routes = []probedRoute{{"base", 80}, {"other", 20}, {"shadow", 0}}
	p.must("POST", "/api/2.0/serving-endpoints", map[string]any{"name": "probed", "config": config}, nil)
	const n = 2000
	ask := func() (sequence string, share int) {
		p.awaitReady("probed")
		address := strings.TrimPrefix(p.url, "http://")
		w := dial(t, address, "/serving-endpoints/probed/invocations", p.token, probeBody)
		for range n {
			a, err := w.do()
			if err != nil || a.status != http.StatusOK {
				t.Fatalf("status %d, %v: %s", a.status, err, w.body)
			}
			sequence += a.entity[:1]
			if a.entity == "other" {
				share++
			}
		}
		shadow := dial(t, address, "/serving-endpoints/probed/served-models/shadow/invocations", p.token, probeBody)
		if a, err := shadow.do(); err != nil || a.status != http.StatusOK || a.entity != "shadow" || string(shadow.body) != `{"predictions": {"y": [[3.5]]}}` {
			t.Errorf("the entity of 0 %%: %+v, %v: %s", a, err, shadow.body)
		}
		p.stop()
		return sequence, share
	}
	first, share := ask()
	if off := math.Abs(float64(share) - 0.2*n); off > 3.29*math.Sqrt(n*0.2*0.8) { // 99.9 % of all samples
		t.Errorf("20 %% of %d requests were %d", n, share)
	}
	p = serve(t, data, "--seed", "7")
	if again, _ := ask(); again != first {
		t.Error("the same seed splits the traffic in another way")
	}
	p = serve(t, data)
	if other, _ := ask(); other == first {
		t.Error("without a seed the traffic is split in the same way")
	}
}
