//go:build linux && cgo

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
)

// batched is one load of TestFiguresOfBatching: a model, a request for it, and the least
// throughput with batching as a share of that without.
type batched struct {
	name, model, body string
	least             float64
}

// numbers are n numbers of six digits.
func numbers(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("%.6f", r.Float32())
	}
	return strings.Join(texts, ",")
}

// repeated is a list of n times the same.
func repeated(what string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(what+",", n), ",") + "]"
}

// TestFiguresOfBatching measures the requests a second that 16 clients get over HTTP of a
// model whose requests share runs where the load found that this pays, against the same
// model in the same program with SERVERY_BATCHING=off: in turns, so that both have the
// machine as it is. A ratio is the median of the ratios of turns that follow one another.
func TestFiguresOfBatching(t *testing.T) {
	wantFigures(t)
	dir := t.TempDir()
	write := func(name string, model []byte) string {
		path := filepath.Join(dir, name+".onnx")
		if err := os.WriteFile(path, model, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ids := make([]string, 32)
	for i := range ids {
		ids[i] = fmt.Sprint(100 + 37*i)
	}
	p := serve(t, filepath.Join(dir, "data"))
	for i, c := range []batched{
		{"dense, 23 MB", write("dense", onnxtest.Dense(784, 2048, 2048, 10)), `{"inputs":[[` + numbers(784) + `]]}`, 2.5},
		{"2,000 trees, a map a row", write("trees", onnxtest.Forest(20, 2000, 7)), `{"inputs":[[` + numbers(20) + `]]}`, 0.97},
		{"CNN, PP-OCR direction", shared(t, "vision/ch_ppocr_mobile_v2.0_cls_infer.onnx"), `{"inputs":[` + repeated(repeated("["+numbers(96)+"]", 48), 3) + `]}`, 0.97},
		{"encoder, 32 tokens", write("encoder", onnxtest.Encoder(6, 384, 30522)), `{"inputs":{"input_ids":[[` + strings.Join(ids, ",") + `]],"attention_mask":[` + repeated("1", 32) + `]}}`, 0.97},
	} {
		t.Run(c.name, func(t *testing.T) { p.batching(t, fmt.Sprint("load", i), c) })
	}
}

func (p *program) batching(t *testing.T, name string, c batched) {
	const turns, turn = 7, 2 * time.Second
	p.upload(c.model, "main.default."+name)
	entity := func(mode string) map[string]any {
		return map[string]any{"name": mode, "entity_name": "main.default." + name, "entity_version": "1",
			"min_provisioned_concurrency": 16, "max_provisioned_concurrency": 16, "scale_to_zero_enabled": false,
			"environment_vars": map[string]string{"SERVERY_BATCHING": mode}}
	}
	p.must("POST", "/api/2.0/serving-endpoints", map[string]any{"name": name, "config": map[string]any{
		"served_entities": []any{entity("auto"), entity("off")},
		"traffic_config":  map[string]any{"routes": []any{map[string]any{"served_model_name": "auto", "traffic_percentage": 100}}},
	}}, nil)
	p.awaitReady(name)
	var log struct{ Logs string }
	p.must("GET", "/api/2.0/serving-endpoints/"+name+"/served-models/auto/build-logs", nil, &log)
	decision := "?"
	for line := range strings.SplitSeq(log.Logs, "\n") {
		if _, text, found := strings.Cut(line, "Batching: "); found {
			decision = text
		}
	}
	load := func(mode string) wrked {
		return wrk(t, 16, turn, strings.TrimPrefix(p.url, "http://"), "/serving-endpoints/"+name+"/served-models/"+mode+"/invocations", p.token, c.body)
	}
	load("off") // warm
	load("auto")
	var ratios []float64
	var off, auto batchedTurns
	for range turns {
		off.add(t, p, load, "off")
		auto.add(t, p, load, "auto")
		ratios = append(ratios, auto.last().rate/off.last().rate)
	}
	slices.Sort(ratios)
	const half = turns / 2
	t.Logf("%s: processor time of a request %v and %v, ratio %.2f", c.name, off.each(), auto.each(), off.each().Seconds()/auto.each().Seconds())
	t.Logf("%s: off %s; auto %s; ratio %.2f (%.2f to %.2f); batching %s", c.name, off, auto, ratios[half], ratios[0], ratios[turns-1], decision)
	if ratios[half] < c.least {
		t.Errorf("%s: %.2f of the throughput without, at least %.2f is due", c.name, ratios[half], c.least)
	}
	p.must("DELETE", "/api/2.0/serving-endpoints/"+name, nil, nil)
}

// batchedTurns are the turns of one mode, with the processors' time of engine and model.
type batchedTurns struct {
	turns    []wrked
	time     time.Duration
	requests int
}

func (b *batchedTurns) add(t *testing.T, p *program, load func(mode string) wrked, mode string) {
	before := treeTime(t, p.cmd.Process.Pid)
	w := load(mode)
	b.time += treeTime(t, p.cmd.Process.Pid) - before
	b.turns, b.requests = append(b.turns, w), b.requests+w.requests
}

func (b *batchedTurns) last() wrked { return b.turns[len(b.turns)-1] }

// each is the processor time of a request.
func (b *batchedTurns) each() time.Duration {
	return (b.time / time.Duration(b.requests)).Round(time.Microsecond)
}

// String gives the medians of the turns.
func (b batchedTurns) String() string {
	return fmt.Sprintf("%.0f requests/s, p50 %.1f ms, p99 %.1f ms", middle(b.turns, func(w wrked) float64 { return w.rate }),
		middle(b.turns, func(w wrked) float64 { return w.p50.Seconds() * 1000 }), middle(b.turns, func(w wrked) float64 { return w.p99.Seconds() * 1000 }))
}
