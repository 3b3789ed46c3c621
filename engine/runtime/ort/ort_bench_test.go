//go:build linux && cgo

package ort

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"servery/engine/runtime/ort/internal/peer"
	"servery/engine/tensor"
)

// BenchmarkRun holds a Run against a loop in C over ONNX Runtime's C API, which makes
// the same calls with nothing around them. Both run in turns, so that a busy machine is
// busy for both; ×C is the median of the rounds' ratios and ns-over-C what Go adds.
func BenchmarkRun(b *testing.B) {
	for _, c := range []struct {
		model, input, output string
		shape                []int64
		chunk                int
	}{
		{"tabular/mlp10.onnx", "x", "y", []int64{1, 10}, 2000},
		{"tabular/mlp10.onnx", "x", "y", []int64{1000, 10}, 50},
		{"vision/mnist.onnx", "Input3", "Plus214_Output_0", []int64{1, 1, 28, 28}, 200},
		{"vision/light_squeezenet.onnx", "data_0", "softmaxout_1", []int64{1, 3, 224, 224}, 2},
	} {
		b.Run(fmt.Sprintf("%s/%d", c.model, c.shape[0]), func(b *testing.B) {
			path := shared(b, c.model)
			other, err := peer.Load(libraryPath(b), path, c.input, c.output, c.shape)
			if err != nil {
				b.Fatal(err)
			}
			s := load(b, path, Options{})
			x := &tensor.Tensor{Type: tensor.Float32, Shape: c.shape}
			x.Data = make([]byte, 4*x.Elements())
			inputs := []tensor.Named{named(c.input, x)}
			var sum float32
			ours := func(n int) time.Duration {
				start := time.Now()
				for range n {
					o, err := s.Run(inputs, nil)
					if err != nil {
						b.Fatal(err)
					}
					sum += tensor.View[float32](o.Values[0].Tensor)[0]
					o.Release()
				}
				return time.Since(start)
			}
			var ratios, over []float64
			b.ReportAllocs()
			ours(c.chunk)
			b.ResetTimer()
			for done := 0; done < b.N; {
				n := min(c.chunk, b.N-done)
				done += n
				took := ours(n)
				b.StopTimer()
				direct, err := other.Loop(n)
				if err != nil {
					b.Fatal(err)
				}
				ratios = append(ratios, float64(took)/float64(direct))
				over = append(over, float64(took-direct)/float64(n))
				b.StartTimer()
			}
			b.StopTimer()
			b.ReportMetric(median(ratios), "×C")
			b.ReportMetric(median(over), "ns-over-C")
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
