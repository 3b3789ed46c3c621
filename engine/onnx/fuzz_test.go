package onnx

import (
	"errors"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// FuzzParse checks that no file makes the reader panic, and that what it accepts holds
// together.
func FuzzParse(f *testing.F) {
	for _, b := range [][]byte{onnxtest.Add(3), onnxtest.Identity(tensor.String, []int64{-1, 2}), onnxtest.DivInt64(),
		onnxtest.Huge(), onnxtest.HugeAtLoad(), onnxtest.Loop(), onnxtest.ManyInputs(), onnxtest.ZipMap(),
		onnxtest.WithExternal(4, "w.bin"), onnxtest.WithExternal(4, "../w.bin")} {
		f.Add(b)
	}
	for _, b := range externalEverywhere("w.bin") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err == nil {
			checkDecode(t, b)
		}
		if err != nil {
			var format *FormatError
			var unsupported *UnsupportedError
			var unsafe *UnsafeError
			if !errors.As(err, &format) && !errors.As(err, &unsupported) && !errors.As(err, &unsafe) {
				t.Fatalf("an error of no kind: %T %v", err, err)
			}
			return
		}
		nodes := 0
		for _, o := range m.Operators {
			nodes += o.Count
		}
		if nodes != m.Nodes || m.Parameters < 0 || len(m.Outputs) == 0 {
			t.Fatalf("%+v", m)
		}
		for _, p := range append(m.Inputs, m.Outputs...) {
			if p.Name == "" || len(p.Shape) != len(p.Dims) {
				t.Fatalf("port %+v", p)
			}
		}
		for _, location := range m.External {
			if err := safeLocation(location); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// checkDecode checks that the content of a file that Parse accepts is whole, or refused with
// a reason.
func checkDecode(t *testing.T, b []byte) {
	c, err := Decode(b)
	if err != nil {
		var format *FormatError
		var unsupported *UnsupportedError
		if !errors.As(err, &format) && !errors.As(err, &unsupported) {
			t.Fatalf("an error of no kind: %T %v", err, err)
		}
		return
	}
	for name, w := range c.Graph.Initializers {
		if w.Type == tensor.String {
			continue
		}
		if n := w.Elements() * int64(w.Type.Size()); n != int64(len(w.Data)) {
			t.Fatalf("%q: %d bytes of %v %v", name, len(w.Data), w.Type, w.Shape)
		}
	}
}
