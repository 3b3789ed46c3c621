//go:build linux && cgo

package ort

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// resident is the process's resident memory in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// rounds is how often grown measures. Heaps and the race detector's shadow grow in some
// rounds of a sound program; a leak shows in every one.
const rounds = 4

// grown runs once n times to warm up, then n times a round, and gives the least that a
// round added to resident memory.
func grown(t *testing.T, n int, once func()) int64 {
	t.Helper()
	for range n {
		once()
	}
	least := int64(1) << 62
	for range rounds {
		before := resident(t)
		for range n {
			once()
		}
		least = min(least, resident(t)-before)
	}
	return least
}

// bound is what 10,000 runs that leak 100 bytes each would add.
const bound = 1 << 20

func TestTenThousandRunsKeepTheirMemory(t *testing.T) {
	long := strings.Repeat("x", 600)
	add := load(t, file(t, onnxtest.Add(200)), Options{})
	div := load(t, file(t, onnxtest.DivInt64()), Options{})
	many := load(t, file(t, onnxtest.Identity(tensor.String, []int64{-1})), Options{})
	zip := load(t, file(t, onnxtest.ZipMap()), Options{})
	sequence := load(t, file(t, onnxtest.Model(onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Identity", Inputs: []string{"s"}, Outputs: []string{"out"}}},
		Inputs:  []tensor.Port{{Name: "s", Kind: tensor.KindSequence, Type: tensor.Float32}},
		Outputs: []tensor.Port{{Name: "out", Kind: tensor.KindSequence, Type: tensor.Float32}},
	})), Options{})
	small, large := make([]float32, 200), make([]float32, 20*200)
	elements := []tensor.Value{{Tensor: floats([]int64{200}, small...)}, {Tensor: floats([]int64{4000}, large...)}}
	one := int64s([]int64{1}, 1)
	for name, c := range map[string]struct {
		s      *Session
		inputs []tensor.Named
		fails  bool
	}{
		"copied":               {add, []tensor.Named{named("x", floats([]int64{1, 200}, small...))}, false},
		"pinned":               {add, []tensor.Named{named("x", floats([]int64{20, 200}, large...))}, false},
		"strings":              {many, []tensor.Named{named("x", texts([]int64{2}, long, long))}, false},
		"maps":                 {zip, []tensor.Named{named("x", floats([]int64{10, 2}, small[:20]...))}, false},
		"sequence":             {sequence, []tensor.Named{{Name: "s", Value: tensor.Value{Sequence: elements}}}, false},
		"refused by us":        {add, []tensor.Named{named(long, floats([]int64{1, 200}, small...))}, true},
		"refused by runtime":   {add, []tensor.Named{named("x", floats([]int64{1, 1, 200}, small...))}, true},
		"fails in an operator": {div, []tensor.Named{named("a", one), named("b", int64s([]int64{1}, 0))}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := grown(t, 10000, func() {
				o, err := c.s.Run(c.inputs, nil)
				if (err != nil) != c.fails {
					t.Fatal(err)
				}
				o.Release()
			})
			if got > bound {
				t.Errorf("10,000 runs added %d KiB to resident memory", got>>10)
			}
		})
	}
}

func TestSessionsGiveTheirMemoryBack(t *testing.T) {
	path, broken := file(t, onnxtest.ManyInputs()), file(t, []byte("broken"))
	squeezenet := shared(t, "vision", "light_squeezenet.onnx")
	for name, c := range map[string]struct {
		n    int
		once func()
	}{
		"small": {200, func() {
			s, err := library(t).NewSession(path, Options{Config: map[string]string{"session.disable_prepacking": "1"}})
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
		}},
		"broken": {1000, func() {
			if _, err := library(t).NewSession(broken, Options{}); err == nil {
				t.Fatal("a broken file loads")
			}
		}},
		"squeezenet with a run": {8, func() {
			s, err := library(t).NewSession(squeezenet, Options{})
			if err != nil {
				t.Fatal(err)
			}
			x := floats([]int64{1, 3, 224, 224}, make([]float32, 3*224*224)...)
			o, err := s.Run([]tensor.Named{named("data_0", x)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			o.Release()
		}},
		"cancel": {20000, func() { library(t).NewCancel().Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			if got := grown(t, c.n, c.once); got > bound {
				t.Errorf("%d rounds added %d KiB to resident memory", c.n, got>>10)
			}
		})
	}
}
