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

// What sharing runs costs a request that finds the model free: the same request to the same
// model, with turns and with a batcher.
func BenchmarkARequestAlone(b *testing.B) {
	l := onnxLauncher(b)
	path, err := l.options.Library()
	if err != nil {
		b.Fatal(err)
	}
	var here onnxRuntime
	if _, err := here.open(path); err != nil {
		b.Fatal(err)
	}
	spec := model(b, onnxtest.Dense(10, 64, 64, 1))
	evaluators, report, err := here.load(loadOrder{Dir: spec.Dir, ModelFile: spec.ModelFile, Concurrency: 1}, func() {})
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"inputs":[[` + floats(10, 1) + `]]}`)
	for _, name := range []string{"turns", "batcher"} {
		b.Run(name, func(b *testing.B) {
			s := &server{link: link{conn: io.Discard}, active: map[uint32]*task{}, timeout: time.Minute, turns: make(chan *turn, 1)}
			s.turns <- &turn{evaluator: evaluators[0]}
			if name == "batcher" {
				report.Batching = batching{On: true, MaxRows: 16, Cost: batch.Cost{One: 5, Many: 6, Rows: 8}}
				s.batches = newBatcher(s, evaluators, report.Batching)
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
