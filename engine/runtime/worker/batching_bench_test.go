//go:build linux && cgo

package worker

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"servery/engine/batch"
	"servery/engine/onnx/onnxtest"
)

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

// loadHere loads a model into this process.
func loadHere(b *testing.B, content []byte) []evaluator {
	b.Helper()
	path, err := onnxLauncher(b).options.Library()
	if err != nil {
		b.Fatal(err)
	}
	var here onnxRuntime
	if _, err := here.open(path); err != nil {
		b.Fatal(err)
	}
	spec := model(b, content)
	evaluators, _, err := here.load(loadOrder{Dir: spec.Dir, ModelFile: spec.ModelFile, Concurrency: 1}, func() {})
	if err != nil {
		b.Fatal(err)
	}
	return evaluators
}

// What a row costs in a run of several: the shortest of many runs, which other programs
// disturb least, and how many times as many rows a second that is as in runs of one.
func BenchmarkRowsOfARun(b *testing.B) {
	for _, c := range []struct {
		name  string
		model []byte
		body  string
	}{
		{"dense 80 kB", onnxtest.Dense(10, 64, 64, 1), `{"inputs":[[` + floats(10, 1) + `]]}`},
		{"dense 1 MB", onnxtest.Dense(100, 512, 512, 10), `{"inputs":[[` + floats(100, 1) + `]]}`},
		{"dense 23 MB", onnxtest.Dense(784, 2048, 2048, 10), `{"inputs":[[` + floats(784, 1) + `]]}`},
		{"100 trees", onnxtest.Forest(20, 100, 8), `{"inputs":[[` + floats(20, 1) + `]]}`},
		{"2,000 trees", onnxtest.Forest(20, 2000, 7), `{"inputs":[[` + floats(20, 1) + `]]}`},
		{"encoder", onnxtest.Encoder(6, 384, 30522), encoderBody(1)},
		{"CNN", sharedModel(b, "vision/ch_ppocr_mobile_v2.0_cls_infer.onnx"), `{"inputs":[` + image(1, 48, 96) + `]}`},
	} {
		e := loadHere(b, c.model)[0].(*evaluation)
		request, err := e.model.Decode("", []byte(c.body))
		if err != nil {
			b.Fatal(err)
		}
		single := 0.0
		for _, rows := range []int{1, 8, 16, 64} {
			b.Run(fmt.Sprintf("%s/%d", c.name, rows), func(b *testing.B) {
				inputs, _ := batch.Vary(request.Inputs, rows, false, 1)
				shortest := time.Hour
				for b.Loop() {
					took, err := e.time(inputs, 0)
					if err != nil {
						b.Fatal(err)
					}
					shortest = min(shortest, took)
				}
				row := float64(shortest) / float64(rows)
				if rows == 1 {
					single = row
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(row/1e3, "µs/row")
				b.ReportMetric(single/row, "times")
			})
		}
	}
}

// What sharing runs costs a request that finds the model free: the same request to the same
// model, with turns and with a batcher.
func BenchmarkARequestAlone(b *testing.B) {
	evaluators := loadHere(b, onnxtest.Dense(10, 64, 64, 1))
	body := []byte(`{"inputs":[[` + floats(10, 1) + `]]}`)
	for _, name := range []string{"turns", "batcher"} {
		b.Run(name, func(b *testing.B) {
			s := &server{link: link{conn: io.Discard}, active: map[uint32]*task{}, timeout: time.Minute, turns: make(chan *turn, 1)}
			s.turns <- &turn{evaluator: evaluators[0]}
			if name == "batcher" {
				s.batches = newBatcher(s, evaluators, batching{On: true, MaxRows: 16, Cost: batch.Cost{One: 5, Many: 6, Rows: 8}})
			}
			b.ReportAllocs()
			measure(b, func() {
				f := frame{header: header{Kind: kindRequest, ID: 1}, Body: newBuffer(len(body))}
				f.Body.b = append(f.Body.b, body...)
				t, err := s.accept(f)
				if err != nil {
					b.Fatal(err)
				}
				s.handle(t, false)
			})
		})
	}
}
