//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime/cuda/executor"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

// BenchmarkModels times runs on a GPU, the copies of inputs and outputs included. The estimates to
// compare with, in ms, are of an H100 in tf32: from its bandwidth, its arithmetic and some 3 µs for each
// of the launches that follow each other.
func BenchmarkModels(b *testing.B) {
	if answers.bundle == nil {
		b.Skip("times of the stand-in tell nothing: make gpu-bench measures on a GPU")
	}
	d := open(b)
	for _, c := range []struct {
		name     string
		model    *sample
		batch    int64
		inputs   func(s *sample, batch int64) []tensor.Named
		estimate float64
	}{
		{"ResNet50", newResNet(), 1, images, 0.9},
		{"ResNet50", newResNet(), 32, images, 2.5},
		{"MiniLM", newEncoder(6, 30522), 1, texts, 0.5},
		{"MiniLM", newEncoder(6, 30522), 32, texts, 0},
	} {
		path := filepath.Join(b.TempDir(), "model.onnx")
		if err := os.WriteFile(path, onnxtest.Model(c.model.graph), 0o600); err != nil {
			b.Fatal(err)
		}
		inputs := c.inputs(c.model, c.batch)
		for _, precision := range precisions {
			b.Run(fmt.Sprintf("%s/%d/%v", c.name, c.batch, precision), func(b *testing.B) {
				model, err := graph.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				defer model.Close()
				m, err := d.NewModel(planner(d, model, precision), executor.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				defer m.Close()
				for range 3 { // compiled, captured, and the clocks up
					once(b, m, inputs)
				}
				for b.Loop() {
					once(b, m, inputs)
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N), "ms/run")
				if c.estimate > 0 {
					b.ReportMetric(c.estimate, "ms-estimated-on-H100")
				}
			})
		}
	}
}

func once(b *testing.B, m *executor.Model, inputs []tensor.Named) {
	out, err := m.Run(context.Background(), inputs)
	if err != nil {
		b.Fatal(err)
	}
	out.Release()
}

func images(s *sample, batch int64) []tensor.Named {
	return []tensor.Named{{Name: "image", Value: tensor.Value{Tensor: s.floats([]int64{batch, 3, 224, 224})}}}
}

// texts are of 128 tokens, of which none is absent from the first one.
func texts(s *sample, batch int64) []tensor.Named { return s.tokens(batch, 128) }
