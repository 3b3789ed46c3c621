//go:build linux && cgo

package ort

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime/ortlib"
	"servery/engine/tensor"
)

// libraryPath is the library in the source tree, or the one that SERVERY_ONNXRUNTIME names.
func libraryPath(tb testing.TB) string {
	tb.Helper()
	explicit := ""
	if os.Getenv(ortlib.Variable) == "" {
		explicit = filepath.Join("..", "..", "..", ".onnxruntime")
	}
	path, err := ortlib.Find(explicit, "")
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

var opened struct {
	sync.Once
	library *Library
	err     error
}

// library is ONNX Runtime, shared by the tests.
func library(tb testing.TB) *Library {
	tb.Helper()
	path := libraryPath(tb)
	opened.Do(func() { opened.library, opened.err = Open(path) })
	if opened.err != nil {
		tb.Fatal(opened.err)
	}
	return opened.library
}

// shared is a file of the shared models.
func shared(tb testing.TB, elements ...string) string {
	tb.Helper()
	root := os.Getenv("SERVERY_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	path := filepath.Join(append([]string{root, "models"}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("the shared models are absent (set SERVERY_SHARED to their folder): %v", err)
	}
	return path
}

// file writes a model into a folder of its own.
func file(tb testing.TB, model []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "model.onnx")
	if err := os.WriteFile(path, model, 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

// load makes a session that closes with the test.
func load(tb testing.TB, path string, o Options) *Session {
	tb.Helper()
	s, err := library(tb).NewSession(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// run gives the outputs, released when the test ends.
func run(tb testing.TB, s *Session, inputs ...tensor.Named) []tensor.Named {
	tb.Helper()
	outputs, err := s.Run(inputs, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(outputs.Release)
	return outputs.Values
}

func named(name string, t *tensor.Tensor) tensor.Named {
	return tensor.Named{Name: name, Value: tensor.Value{Tensor: t}}
}

func floats(shape []int64, values ...float32) *tensor.Tensor {
	return onnxtest.FloatTensor(shape, values...)
}

func int64s(shape []int64, values ...int64) *tensor.Tensor {
	return onnxtest.Int64Tensor(shape, values...)
}

func texts(shape []int64, values ...string) *tensor.Tensor {
	return &tensor.Tensor{Type: tensor.String, Shape: shape, Strings: values}
}

// equal compares tensors by type, shape and elements.
func equal(a, b *tensor.Tensor) bool {
	if a == nil || b == nil || a.Type != b.Type || len(a.Shape) != len(b.Shape) {
		return false
	}
	for i := range a.Shape {
		if a.Shape[i] != b.Shape[i] {
			return false
		}
	}
	return bytes.Equal(a.Data, b.Data) && len(a.Strings) == len(b.Strings) &&
		(len(a.Strings) == 0 || reflect.DeepEqual(a.Strings, b.Strings))
}

func TestVersion(t *testing.T) {
	if got := library(t).Version(); os.Getenv(ortlib.Variable) == "" && got != ortlib.Version {
		t.Errorf("version %q, want %q", got, ortlib.Version)
	}
}

func TestEveryTypeAndShapePassesThrough(t *testing.T) {
	types := []tensor.Type{tensor.Float32, tensor.Uint8, tensor.Int8, tensor.Uint16, tensor.Int16, tensor.Int32,
		tensor.Int64, tensor.String, tensor.Bool, tensor.Float16, tensor.Float64, tensor.Uint32, tensor.Uint64, tensor.BFloat16}
	shapes := map[string][]int64{
		"scalar": {}, "one": {1}, "empty": {0}, "empty inside": {2, 0, 3}, "matrix": {2, 3},
		"copied": {2, 40}, "pinned": {3, 5000},
	}
	for _, typ := range types {
		for name, shape := range shapes {
			t.Run(typ.String()+"/"+name, func(t *testing.T) {
				free := make([]int64, len(shape))
				for i := range free {
					free[i] = -1
				}
				s := load(t, file(t, onnxtest.Identity(typ, free)), Options{})
				want := &tensor.Tensor{Type: typ, Shape: shape}
				n := int(want.Elements())
				if typ == tensor.String {
					want.Strings = make([]string, n)
					for i := range n {
						want.Strings[i] = strings.Repeat("zażółć\x00", i%4)
					}
				} else {
					want.Data = make([]byte, n*typ.Size())
					for i := range want.Data {
						want.Data[i] = byte(i * 7)
						if typ == tensor.Bool {
							want.Data[i] &= 1
						}
					}
				}
				got := run(t, s, named("x", want))
				if len(got) != 1 || got[0].Name != "y" || !equal(got[0].Tensor, want) {
					t.Errorf("got %+v, want %+v", got[0].Tensor, want)
				}
			})
		}
	}
}

func TestInputsMayLieAnywhereInMemory(t *testing.T) {
	s := load(t, file(t, onnxtest.Identity(tensor.Float64, []int64{-1})), Options{})
	for _, offset := range []int{0, 1, 3, 4, 8} {
		for _, elements := range []int{1, 7, 4096} {
			memory := make([]byte, 8*elements+16)
			for i := range memory {
				memory[i] = byte(i)
			}
			want := &tensor.Tensor{Type: tensor.Float64, Shape: []int64{int64(elements)}, Data: memory[offset : offset+8*elements]}
			if got := run(t, s, named("x", want))[0].Tensor; !equal(got, want) {
				t.Errorf("%d elements at offset %d came back changed", elements, offset)
			}
		}
	}
}

func TestPortsAreDescribed(t *testing.T) {
	want := map[string][2][]string{
		"types/types.onnx": {
			{"a float32[-1]", "i int64[-1]", "t bool[-1]", "d float64[-1]"},
			{"b bfloat16[-1]", "i2 int64[-1]", "nt bool[-1]", "ds float64[]"}},
		"tabular/sklearn_randomforest.onnx": {
			{"X float32[-1,4]"}, {"output_label int64[-1]", "output_probability sequence(map(int64,float32))"}},
		"tabular/tab_strings_zipmap.onnx": {
			{"age float32[-1,1]", "income float32[-1,1]", "city str[-1,1]", "plan str[-1,1]"},
			{"label str[-1]", "probabilities sequence(map(str,float32))"}},
		"audio/silero_vad_v5.onnx": {
			{"input float32[-1,-1]", "state float32[2,-1,128]", "sr int64[]"},
			{"output float32[-1,1]", "stateN float32[-1,-1,-1]"}},
		"types/example ż 大 김.onnx": {{"in int32[1,2]"}, {"out int32[1]"}},
	}
	for model, ports := range want {
		s := load(t, shared(t, filepath.FromSlash(model)), Options{})
		for i, got := range [][]tensor.Port{s.Inputs(), s.Outputs()} {
			var texts []string
			for _, p := range got {
				texts = append(texts, p.String())
			}
			if !reflect.DeepEqual(texts, ports[i]) {
				t.Errorf("%s: got %q, want %q", model, texts, ports[i])
			}
		}
	}
	s := load(t, shared(t, "types", "types.onnx"), Options{})
	if got := s.Inputs()[0].Dims; len(got) != 1 || got[0] != "N" {
		t.Errorf("the free dimension's name is %q, want N", got)
	}
}

func TestOverridableInitializersAreOptional(t *testing.T) {
	g := onnxtest.Graph{
		Nodes:        []onnxtest.Node{{Op: "Add", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Inputs:       []tensor.Port{onnxtest.Port("x", tensor.Float32, -1), onnxtest.Port("w", tensor.Float32, 1)},
		Outputs:      []tensor.Port{onnxtest.Port("y", tensor.Float32, -1)},
		Initializers: []onnxtest.Initializer{{Name: "w", Tensor: floats([]int64{1}, 10)}},
	}
	s := load(t, file(t, onnxtest.Model(g)), Options{})
	if len(s.Inputs()) != 1 || len(s.Overridable()) != 1 || s.Overridable()[0].Name != "w" || !s.Overridable()[0].Optional {
		t.Fatalf("inputs %v, overridable %v", s.Inputs(), s.Overridable())
	}
	x := named("x", floats([]int64{1}, 1))
	if got := tensor.View[float32](run(t, s, x)[0].Tensor)[0]; got != 11 {
		t.Errorf("with the default: %v, want 11", got)
	}
	if got := tensor.View[float32](run(t, s, named("w", floats([]int64{1}, 5)), x)[0].Tensor)[0]; got != 6 {
		t.Errorf("with w given, before x: %v, want 6", got)
	}
}

func TestSeveralInputsInAnyOrder(t *testing.T) {
	s := load(t, shared(t, "types", "types.onnx"), Options{})
	truth := &tensor.Tensor{Type: tensor.Bool, Shape: []int64{2}, Data: []byte{1, 0}}
	double := &tensor.Tensor{Type: tensor.Float64, Shape: []int64{2}}
	for _, v := range []float64{1.5, 2.25} {
		double.Data = binary.LittleEndian.AppendUint64(double.Data, math.Float64bits(v))
	}
	got := run(t, s, named("d", double), named("t", truth), named("a", floats([]int64{2}, 1, -2)), named("i", int64s([]int64{2}, 3, 4)))
	if !bytes.Equal(got[2].Tensor.Data, []byte{0, 1}) {
		t.Errorf("nt = %v, want the inverse of t", got[2].Tensor.Data)
	}
	if ds := got[3].Tensor; len(ds.Shape) != 0 || tensor.View[float64](ds)[0] != 3.75 {
		t.Errorf("ds = %+v, want the scalar 3.75", ds)
	}
	if b := tensor.View[uint16](got[0].Tensor); b[0] != 0x3f80 || b[1] != 0xc000 {
		t.Errorf("b = %#x, want bfloat16 of 1 and -2", b)
	}
}

func TestExternalWeightsAreFound(t *testing.T) {
	s := load(t, shared(t, "types", "mlp_ext.onnx"), Options{})
	x := floats([]int64{1, 100}, make([]float32, 100)...)
	if got := run(t, s, named("x", x))[0].Tensor; got.Elements() != 10 {
		t.Errorf("got %v", got.Shape)
	}
}

func TestMnistRecognizesAOne(t *testing.T) {
	s := load(t, shared(t, "vision", "mnist.onnx"), Options{IntraThreads: 2})
	image := make([]float32, 28*28)
	for y := 4; y < 24; y++ {
		image[28*y+13], image[28*y+14] = 255, 255
	}
	scores := tensor.View[float32](run(t, s, named("Input3", floats([]int64{1, 1, 28, 28}, image...)))[0].Tensor)
	best := 0
	for i, v := range scores {
		if v > scores[best] {
			best = i
		}
	}
	if best != 1 {
		t.Errorf("a vertical line is read as %d: %v", best, scores)
	}
}

func TestRunsSideBySide(t *testing.T) {
	for name, o := range map[string]Options{"arena": {}, "no arena": {NoArena: true}} {
		t.Run(name, func(t *testing.T) {
			s := load(t, file(t, onnxtest.Add(3)), o)
			errs := make(chan error, 8)
			for g := range cap(errs) {
				go func() { errs <- addMany(s, float32(g)) }()
			}
			for range cap(errs) {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			if s.inUse != 0 || len(s.idle) > cap(errs) {
				t.Errorf("%d frames in use and %d idle after all runs", s.inUse, len(s.idle))
			}
		})
	}
}

// addMany runs Add on sizes from 0 to 1999 rows and checks every element.
func addMany(s *Session, first float32) error {
	for i := range 200 {
		x := make([]float32, 3*((i*37)%2000))
		for k := range x {
			x[k] = first + float32(k)
		}
		o, err := s.Run([]tensor.Named{named("x", floats([]int64{int64(len(x) / 3), 3}, x...))}, nil)
		if err != nil {
			return err
		}
		for k, y := range tensor.View[float32](o.Values[0].Tensor) {
			if y != x[k]+1 {
				return fmt.Errorf("row %d: %v + 1 = %v", k/3, x[k], y)
			}
		}
		o.Release()
	}
	return nil
}

func TestCloseWaitsForOutputs(t *testing.T) {
	l, err := Open(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.NewSession(file(t, onnxtest.Add(1)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := []tensor.Named{named("x", floats([]int64{1, 1}, 41))}
	o, err := s.Run(x, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
	l.Close()
	l.Close()
	if s.c == nil || l.c == nil {
		t.Fatal("the session was freed under its outputs")
	}
	if got := tensor.View[float32](o.Values[0].Tensor)[0]; got != 42 {
		t.Errorf("got %v after Close, want 42", got)
	}
	o.Release()
	o.Release()
	if s.c != nil || l.c != nil {
		t.Error("the session or the library is still there after the last release")
	}
	if _, err := s.Run(x, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Run after Close: %v", err)
	}
	if _, err := l.NewSession("x.onnx", Options{}); !errors.Is(err, ErrClosed) {
		t.Errorf("NewSession after Close: %v", err)
	}
	if c := l.NewCancel(); c != nil {
		t.Error("NewCancel after Close gave one")
	}
}

func TestConfigReachesTheLibrary(t *testing.T) {
	path := file(t, onnxtest.Add(1))
	load(t, path, Options{Config: map[string]string{"session.set_denormal_as_zero": "1", "session.disable_prepacking": "1"}})
	_, err := library(t).NewSession(path, Options{Config: map[string]string{strings.Repeat("k", 5000): "1"}})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeInvalidArgument {
		t.Errorf("a key of 5,000 letters: %v", err)
	}
}
