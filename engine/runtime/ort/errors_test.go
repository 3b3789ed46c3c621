//go:build linux && cgo

package ort

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime"
	"servery/engine/tensor"
)

func TestOpenSaysWhyTheLibraryCannotBeUsed(t *testing.T) {
	text := filepath.Join(t.TempDir(), "libonnxruntime.so.1")
	if err := os.WriteFile(text, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	libc, err := filepath.Glob("/lib/*-linux-gnu/libm.so.6")
	if err != nil || len(libc) == 0 {
		t.Fatal("this test needs a shared library that is not ONNX Runtime, and /lib/*/libm.so.6 is none")
	}
	for path, says := range map[string]string{
		filepath.Join(t.TempDir(), "absent.so"): "absent.so",
		text:                                    "file too short",
		libc[0]:                                 "not ONNX Runtime",
	} {
		l, err := Open(path)
		var missing *runtime.MissingError
		if l != nil || !errors.As(err, &missing) || !strings.Contains(missing.Message, says) ||
			!strings.Contains(missing.Hint, "make onnxruntime") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestNewSessionRefusesBrokenFiles(t *testing.T) {
	whole := onnxtest.Add(2)
	noSuchOperator := onnxtest.Model(onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Frobnicate", Inputs: []string{"x"}, Outputs: []string{"y"}}},
		Inputs:  []tensor.Port{onnxtest.Port("x", tensor.Float32, 1)},
		Outputs: []tensor.Port{onnxtest.Port("y", tensor.Float32, 1)},
	})
	for name, c := range map[string]struct {
		path string
		code int
		says string
	}{
		"absent":          {filepath.Join(t.TempDir(), "no.onnx"), CodeNoSuchFile, "no.onnx"},
		"not protobuf":    {file(t, []byte("pip install model")), CodeInvalidProtobuf, "Protobuf"},
		"cut short":       {file(t, whole[:len(whole)/2]), CodeInvalidProtobuf, "Protobuf"},
		"no operator":     {file(t, noSuchOperator), CodeInvalidGraph, "Frobnicate"},
		"weights missing": {file(t, onnxtest.WithExternal(4, "weights.bin")), CodeFail, "weights.bin"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := library(t).NewSession(c.path, Options{})
			var e *Error
			if s != nil || !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Message, c.says) {
				t.Errorf("got %+v", err)
			}
		})
	}
}

func TestRunRefusesWrongInputs(t *testing.T) {
	add := load(t, file(t, onnxtest.Add(2)), Options{})
	div := load(t, file(t, onnxtest.DivInt64()), Options{})
	text := load(t, file(t, onnxtest.Identity(tensor.String, []int64{-1})), Options{})
	x := func(t *tensor.Tensor) []tensor.Named { return []tensor.Named{named("x", t)} }
	one := int64s([]int64{1}, 1)
	cut := floats([]int64{1, 2}, 1, 2)
	cut.Data = cut.Data[:7]
	for name, c := range map[string]struct {
		s      *Session
		inputs []tensor.Named
		says   string
	}{
		"none":               {add, nil, "Missing Input: x"},
		"another name":       {add, []tensor.Named{named("z", cut)}, "z"},
		"unknown name":       {add, []tensor.Named{named("z", floats([]int64{1, 2}, 1, 2))}, `no input "z"`},
		"too many":           {add, []tensor.Named{named("x", cut), named("y", cut)}, "2 inputs for a model that takes 1"},
		"twice":              {div, []tensor.Named{named("a", one), named("a", one)}, `"a" is given twice`},
		"one missing":        {div, []tensor.Named{named("b", one)}, "Missing Input: a"},
		"another type":       {add, x(int64s([]int64{1, 2}, 1, 2)), "Unexpected input data type"},
		"another rank":       {add, x(floats([]int64{2}, 1, 2)), "Invalid rank"},
		"another dimension":  {add, x(floats([]int64{1, 3}, 1, 2, 3)), "Expected: 2"},
		"bytes missing":      {add, x(cut), "7 bytes for the shape [1 2] of float32, which takes 8"},
		"negative dimension": {add, x(floats([]int64{-1, 2})), "negative dimension"},
		"overflow":           {add, x(floats([]int64{1 << 40, 1 << 40})), "too many elements"},
		"overflow to zero":   {add, x(floats([]int64{1 << 32, 1 << 32})), "too many elements"},
		"no type":            {add, x(&tensor.Tensor{}), "undefined cannot be given"},
		"a type of no name":  {add, x(&tensor.Tensor{Type: 17}), "cannot be given"},
		"strings missing":    {text, x(texts([]int64{2}, "a")), "1 strings for the shape [2]"},
		"no value":           {add, []tensor.Named{{Name: "x"}}, `input "x": no value`},
		"a sequence":         {add, []tensor.Named{{Name: "x", Value: tensor.Value{Sequence: []tensor.Value{{Tensor: floats(nil, 1)}}}}}, ""},
		"an empty sequence":  {add, []tensor.Named{{Name: "x", Value: tensor.Value{Sequence: []tensor.Value{}}}}, ""},
		"division by zero":   {div, []tensor.Named{named("a", one), named("b", int64s([]int64{1}, 0))}, "zero"},
		"no common shape":    {div, []tensor.Named{named("a", int64s([]int64{2}, 1, 2)), named("b", int64s([]int64{3}, 1, 2, 3))}, "broadcast"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := c.s.Run(c.inputs, nil)
			var e *Error
			if o != nil || !errors.As(err, &e) || e.Code == 0 || !strings.Contains(strings.ToLower(e.Message), strings.ToLower(c.says)) {
				t.Errorf("got %+v", err)
			}
			if errors.Is(err, ErrCanceled) {
				t.Error("it says that it was canceled")
			}
		})
	}
	// The sessions still work.
	if got := run(t, add, named("x", floats([]int64{1, 2}, 1, 2))); !equal(got[0].Tensor, floats([]int64{1, 2}, 2, 3)) {
		t.Errorf("after the errors: %+v", got[0].Tensor)
	}
	if got := run(t, div, named("a", int64s([]int64{1}, 7)), named("b", int64s([]int64{1}, 2))); !equal(got[0].Tensor, int64s([]int64{1}, 3)) {
		t.Errorf("after the errors: %+v", got[0].Tensor)
	}
}

func TestAllocationThatFailsIsAnError(t *testing.T) {
	s := load(t, file(t, onnxtest.Huge()), Options{})
	o, err := s.Run([]tensor.Named{named("n", int64s([]int64{1}, 1<<50))}, nil)
	var e *Error
	if o != nil || !errors.As(err, &e) {
		t.Errorf("4 PiB: %v", err)
	}
	if got := run(t, s, named("n", int64s([]int64{1}, 10))); len(got) != 1 {
		t.Error("the session is unusable afterwards")
	}
}
