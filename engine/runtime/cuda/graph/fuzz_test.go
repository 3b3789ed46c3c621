package graph

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"servery/engine/onnx"
	"servery/engine/onnx/conformance"
	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// FuzzResolve checks that no file makes the resolver panic or take much memory, that each
// refusal has a reason, and that what is resolved holds together.
func FuzzResolve(f *testing.F) {
	for _, b := range [][]byte{onnxtest.Add(3), onnxtest.Identity(tensor.String, []int64{-1, 2}), onnxtest.DivInt64(),
		onnxtest.Huge(), onnxtest.Loop(), onnxtest.ManyInputs(), onnxtest.ZipMap(), onnxtest.Encoder(1, 32, 50)} {
		f.Add(b, byte(2), true)
	}
	if all, _, err := conformance.Cases(); err == nil {
		for _, c := range all {
			if b, err := os.ReadFile(c.Model); err == nil && len(b) < 4<<10 && filepath.Base(filepath.Dir(filepath.Dir(c.Model))) == "node" {
				f.Add(b, byte(3), len(b)%2 == 0)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, size byte, known bool) {
		m, err := Decode(b)
		if err != nil {
			return // package onnx has a fuzzer of its own
		}
		m.limits = limits{folded: 1 << 16, foldedAll: 1 << 20, read: 1 << 16, readAll: 1 << 22}
		shapes, values := map[string][]int64{}, map[string]*tensor.Tensor{}
		for _, p := range m.Inputs() {
			var shape []int64
			for _, d := range p.Shape {
				if d < 0 {
					d = int64(size % 5)
				}
				shape = append(shape, d)
			}
			shapes[p.Name] = shape
			if n := elements(shape); known && p.Type.Size() > 0 && tooLarge(p.Type, shape) == "" && n < 1000 {
				values[p.Name] = zeros(p.Type, shape)
				for i := range values[p.Name].Data {
					values[p.Name].Data[i] = byte(i) & size
				}
			}
		}
		g, err := m.Resolve(shapes, values)
		if err != nil {
			var shape *ShapeError
			var unsupported *UnsupportedError
			var format *onnx.FormatError
			if !errors.As(err, &shape) && !errors.As(err, &unsupported) && !errors.As(err, &format) {
				t.Fatalf("an error of no kind: %T %v", err, err)
			}
			if len(err.Error()) > 2000 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		checkGraph(t, "the graph", g)
	})
}
