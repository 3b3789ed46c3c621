//go:build linux && cgo

package worker

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"servery/engine/batch"
	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime"
)

// load is a model under 16 clients.
type load struct {
	name  string
	model []byte
	body  string
	least float64 // of the throughput with batching to that without
}

// floats are n numbers, others for each seed.
func floats(n, seed int) string {
	r := rand.New(rand.NewPCG(1, uint64(seed)))
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("%.6f", r.Float32())
	}
	return strings.Join(texts, ",")
}

// image is one of three planes.
func image(seed, height, width int) string {
	planes := make([]string, 3)
	for p := range planes {
		rows := make([]string, height)
		for i := range rows {
			rows[i] = "[" + floats(width, seed*1000+p*100+i) + "]"
		}
		planes[p] = "[" + strings.Join(rows, ",") + "]"
	}
	return "[" + strings.Join(planes, ",") + "]"
}

// encoderBody is a text of 32 tokens.
func encoderBody(seed int) string {
	r := rand.New(rand.NewPCG(2, uint64(seed)))
	ids, mask := make([]string, 32), make([]string, 32)
	for i := range ids {
		ids[i], mask[i] = fmt.Sprint(r.IntN(100)), "1"
	}
	return `{"inputs":{"input_ids":[[` + strings.Join(ids, ",") + `]],"attention_mask":[[` + strings.Join(mask, ",") + `]]}}`
}

func loads(t testing.TB) []load {
	return []load{
		{"dense, 23 MB", onnxtest.Dense(784, 2048, 2048, 10), `{"inputs":[[` + floats(784, 1) + `]]}`, 2.5},
		{"1,000 trees", onnxtest.Forest(20, 1000, 7), `{"inputs":[[` + floats(20, 1) + `]]}`, 0.97},
		{"CNN", sharedModel(t, "vision/ch_ppocr_mobile_v2.0_cls_infer.onnx"), `{"inputs":[` + image(1, 48, 192) + `]}`, 0.97},
		{"encoder, 32 tokens", onnxtest.Encoder(6, 384, 30522), encoderBody(1), 0.97},
	}
}

// served is a load's model with batching in one mode.
func (l load) launch(t testing.TB, env map[string]string) runtime.Runner {
	spec := model(t, l.model)
	spec.Concurrency = 16
	spec.Example = []byte(l.body)
	spec.Environment = env
	r, _ := launch(t, onnxLauncher(t), spec)
	return r
}

// throughput is the requests a second that clients get for so long.
func throughput(t testing.TB, r runtime.Runner, body []byte, clients int, d time.Duration) float64 {
	var count atomic.Int64
	var work sync.WaitGroup
	began := time.Now()
	for range clients {
		work.Go(func() {
			for time.Since(began) < d {
				a, err := r.Invoke(t.Context(), runtime.Request{Body: body})
				if err != nil || a.Status != 200 {
					t.Errorf("%v %d %.200s", err, a.Status, a.Body)
					return
				}
				a.Release()
				count.Add(1)
			}
		})
	}
	work.Wait()
	return float64(count.Load()) / time.Since(began).Seconds()
}

func TestFiguresOfBatching(t *testing.T) {
	if os.Getenv("SERVERY_BENCH") == "" {
		t.Skip("SERVERY_BENCH=1 measures it, make bench")
	}
	for _, l := range loads(t) {
		began := time.Now()
		off := l.launch(t, map[string]string{batch.ModeVariable: "off"})
		tookOff := time.Since(began)
		began = time.Now()
		auto := l.launch(t, nil)
		t.Logf("%s: run %v, loaded in %v (%v without), %v", l.name, auto.Loaded().RunTime, time.Since(began), tookOff, auto.Loaded().Batching)
		for _, clients := range []int{1, 2, 4, 8, 16} {
			var a, b float64
			for range 3 {
				a += throughput(t, off, []byte(l.body), clients, 400*time.Millisecond) / 3
				b += throughput(t, auto, []byte(l.body), clients, 400*time.Millisecond) / 3
			}
			t.Logf("  %2d clients: off %.0f, auto %.0f: %.2f", clients, a, b, b/a)
		}
	}
}
