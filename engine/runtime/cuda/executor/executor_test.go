//go:build cuda && linux && (amd64 || arm64)

package executor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"servery/engine/runtime/cuda/driver"
	"servery/engine/runtime/cuda/driver/standin"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

// The code is host functions of the stand-in: kernels.cpp.
var modules = []*kernels.Module{
	{Name: "scales", Entries: map[string]int{"scale": 16, "slow_scale": 16}, PTX: []byte(`
.version 7.0
.target sm_80
.address_size 64
.visible .entry scale(.param .align 8 .b8 p[16]) { ret; }
.visible .entry slow_scale(.param .align 8 .b8 p[16]) { ret; }
`)},
	{Name: "weights", Entries: map[string]int{"weigh": 32}, PTX: []byte(`
.version 7.0
.target sm_80
.address_size 64
.visible .entry weigh(.param .align 8 .b8 p[32]) { ret; }
`)},
	{Name: "refusals", Entries: map[string]int{"refuse": 24}, PTX: []byte(`
.version 7.0
.target sm_80
.address_size 64
.visible .entry refuse(.param .align 8 .b8 p[24]) { ret; }
`)},
	{Name: "bad", Entries: map[string]int{"refused": 16}, PTX: []byte("no PTX")},
	{Name: "newer", Entries: map[string]int{"newer": 16}, Capability: 100},
	{Name: "other", Entries: map[string]int{"other": 12}},
}

func find(kernel string) (*kernels.Module, error) {
	for _, m := range modules {
		if m.Entries[kernel] > 0 {
			return m, nil
		}
	}
	return nil, errors.New("there is no " + kernel)
}

// bind loads the stand-in as the driver.
func bind(t testing.TB) *standin.Library {
	t.Helper()
	lib := standin.Open(t, standin.Path(t))
	if _, err := driver.Load(standin.Path(t)); err != nil {
		t.Fatal(err)
	}
	return lib
}

func open(t testing.TB, lanes int) *Device {
	t.Helper()
	d, err := Open(Options{Find: find, Lanes: lanes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func load(t testing.TB, d *Device, p Planner, limits Limits) *Model {
	t.Helper()
	m, err := d.NewModel(p, limits)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// weighing plans y = 2 * (x * w) + the number of x's elements, w being 4 weights, and passes z
// through. The kernel for the second step can be chosen.
type weighing struct {
	weights   int // so many sets of the weights, of which the last is used
	growing   bool
	step      string
	byContent bool // the second step leaves the last k values as they are, k being an input
	beyond    int  // that the second step writes past the end
	plans     int
	constants []plan.Constant
	breaks    error
	panics    bool
}

var factors = []float32{1, 10, 100, 1000}

func (w *weighing) Constants() []plan.Constant {
	for len(w.constants) < max(w.weights, 1) {
		w.constants = append(w.constants, plan.Constant{Name: "w", Data: bytesOf(factors...)})
	}
	return w.constants
}

func (w *weighing) Plan(inputs map[string][]int64, values map[string]*tensor.Tensor) (*plan.Program, error) {
	w.plans++
	if w.panics {
		panic("the planner")
	}
	if w.breaks != nil {
		return nil, w.breaks
	}
	if w.byContent {
		k := values["k"]
		if k == nil {
			return nil, fmt.Errorf("plan: %w", &graph.UnsupportedError{Reason: "k is known only while it runs"})
		}
		w.beyond = -int(tensor.View[int64](k)[0])
	}
	if w.growing {
		w.weights = max(w.weights, 1) + 1
	}
	shape := inputs["x"]
	n := (&tensor.Tensor{Shape: shape}).Elements()
	size := aligned(4 * n)
	step := w.step
	if step == "" {
		step = "scale"
	}
	weigh := binary.NativeEndian.AppendUint64(make([]byte, 24), uint64(n))
	scale := binary.NativeEndian.AppendUint32(make([]byte, 8), math.Float32bits(2))
	scale = binary.NativeEndian.AppendUint32(scale, uint32(int(n)+w.beyond))
	blocks := uint32(min(n, 1)) // none of an empty tensor
	one := [3]uint32{1, 1, 1}
	return &plan.Program{
		Inputs: []plan.Slot{
			{Name: "z", Type: tensor.Uint8, Shape: inputs["z"], Offset: 2 * size, Bytes: (&tensor.Tensor{Shape: inputs["z"]}).Elements()},
			{Name: "x", Type: tensor.Float32, Shape: shape, Bytes: 4 * n},
		},
		Outputs: []plan.Slot{
			{Name: "y", Type: tensor.Float32, Shape: shape, Offset: size, Bytes: 4 * n},
			{Name: "z", Type: tensor.Uint8, Shape: inputs["z"], Offset: 2 * size, Bytes: (&tensor.Tensor{Shape: inputs["z"]}).Elements()},
		},
		Launches: []plan.Launch{
			{Kernel: "weigh", Grid: [3]uint32{blocks, 1, 1}, Block: one, Params: weigh, Nodes: "Mul", Pointers: []plan.Pointer{
				{At: 0}, {At: 8, Space: plan.Constants, Constant: max(w.weights, 1) - 1}, {At: 16, Offset: size}}},
			{Kernel: step, Grid: [3]uint32{blocks, 1, 1}, Block: one, Params: scale, Nodes: "Scale", Shared: 64 << 10,
				Pointers: []plan.Pointer{{At: 0, Offset: size}}},
		},
		Arena: 2*size + aligned((&tensor.Tensor{Shape: inputs["z"]}).Elements()),
	}, nil
}

func bytesOf(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.NativeEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// request is n values from first on, and z.
func request(first float32, n int) []tensor.Named {
	x := make([]float32, n)
	for i := range x {
		x[i] = first + float32(i)
	}
	return []tensor.Named{
		{Name: "x", Value: tensor.Value{Tensor: &tensor.Tensor{Type: tensor.Float32, Shape: []int64{1, int64(n)}, Data: bytesOf(x...)}}},
		{Name: "z", Value: tensor.Value{Tensor: &tensor.Tensor{Type: tensor.Uint8, Shape: []int64{3}, Data: []byte("abc")}}},
	}
}

// check runs a request and compares what comes of it.
func check(m *Model, first float32, n int) error {
	out, err := m.Run(context.Background(), request(first, n))
	if err != nil {
		return err
	}
	defer out.Release()
	y, z := out.Values[0], out.Values[1]
	if y.Name != "y" || y.Tensor.Type != tensor.Float32 || !slices.Equal(y.Tensor.Shape, []int64{1, int64(n)}) || z.Name != "z" || string(z.Tensor.Data) != "abc" {
		return fmt.Errorf("outputs %+v %+v", y, z)
	}
	got := tensor.View[float32](y.Tensor)
	for i := range n {
		if want := 2*(first+float32(i))*factors[i%4] + float32(n); got[i] != want {
			return fmt.Errorf("y[%d] is %v, want %v", i, got[i], want)
		}
	}
	return nil
}

func TestRuns(t *testing.T) {
	for lanes := 1; lanes <= 2; lanes++ {
		t.Run(fmt.Sprint(lanes), func(t *testing.T) {
			lib := bind(t)
			d := open(t, lanes)
			m := load(t, d, &weighing{weights: 3}, Limits{})
			for _, n := range []int{5, 1000, 5, 0, 7, 20000, 5, 1000} { // arenas and staging grow
				if err := check(m, 1, n); err != nil {
					t.Errorf("%d values: %v", n, err)
				}
			}
			var wait sync.WaitGroup
			for i := range 8 {
				wait.Go(func() {
					for j := range 20 {
						if err := check(m, float32(i), 10+(i+j)%5); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wait.Wait()
			if n := lib.Calls()["cuMemcpyHtoD_v2"]; n != 3 {
				t.Errorf("%d constants are copied", n)
			}
			if err := errors.Join(m.Close(), m.Close()); err != nil {
				t.Error(err)
			}
			if err := check(m, 1, 5); !errors.Is(err, ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

func TestAWarmRunIsTwoCalls(t *testing.T) {
	lib := bind(t)
	m := load(t, open(t, 1), &weighing{}, Limits{})
	if err := errors.Join(check(m, 1, 100), check(m, 1, 10)); err != nil {
		t.Fatal(err)
	}
	before := lib.Calls()
	if err := errors.Join(check(m, 3, 10), check(m, 4, 100)); err != nil {
		t.Fatal(err)
	}
	for call, n := range lib.Calls() {
		n -= before[call]
		if want := map[string]int{"cuGraphLaunch": 2, "cuStreamSynchronize": 2}[call]; n != want {
			t.Errorf("%s is called %d times, want %d", call, n, want)
		}
	}
	inputs := request(1, 10)
	allocations := testing.AllocsPerRun(100, func() {
		out, err := m.Run(context.Background(), inputs)
		if err != nil {
			t.Fatal(err)
		}
		out.Release()
	})
	if allocations > 6 {
		t.Errorf("a run allocates %v times", allocations)
	}
}

func TestConstantsThatComeWithAShape(t *testing.T) {
	lib := bind(t)
	w := &weighing{growing: true}
	m := load(t, open(t, 2), w, Limits{})
	for n := range 20 {
		if err := check(m, 1, n); err != nil {
			t.Fatal(err)
		}
	}
	if n := lib.Calls()["cuMemcpyHtoD_v2"]; n != 21 {
		t.Errorf("%d constants are copied", n)
	}
	if u := m.Memory(); u.Weights != leastChunk {
		t.Errorf("%+v", u)
	}
}

func TestShapesBringOnlySoManyConstants(t *testing.T) {
	bind(t)
	// A set of weights for each shape, of which a chunk takes so many.
	const sets = leastChunk / plan.Alignment
	m := load(t, open(t, 1), &weighing{growing: true, weights: sets}, Limits{ConstantBytes: leastChunk - 1, Graphs: 1})
	for n := range 3 {
		err := check(m, 1, n)
		if n == 0 && err != nil || n > 0 && !errors.Is(err, ErrTooManyShapes) {
			t.Errorf("shape %d: %v", n, err)
		}
	}
	if err := check(m, 1, 0); err != nil {
		t.Errorf("a shape that is known: %v", err)
	}
}

func TestThoseShapesStayThatAreUsed(t *testing.T) {
	for name, limits := range map[string]Limits{"count": {Graphs: 2}, "bytes": {GraphBytes: 2 * 3 * bytesPerLaunch}} {
		t.Run(name, func(t *testing.T) {
			lib := bind(t)
			w := &weighing{}
			m := load(t, open(t, 1), w, limits)
			for _, step := range []struct{ n, plans int }{{9, 1}, {8, 2}, {9, 2}, {7, 3}, {9, 3}, {8, 4}, {7, 5}} {
				if err := check(m, 1, step.n); err != nil {
					t.Fatal(err)
				}
				if w.plans != step.plans {
					t.Errorf("%d values: %d plans, want %d", step.n, w.plans, step.plans)
				}
			}
			if n := lib.Live()["executable graph"]; n != 2 || len(m.programs) != 2 || m.Memory().Graphs != 2 {
				t.Errorf("%d graphs, %d programs, %+v", n, len(m.programs), m.Memory())
			}
		})
	}
}

func TestAPlanOutlivesItsMemory(t *testing.T) {
	bind(t)
	w := &weighing{}
	m := load(t, open(t, 1), w, Limits{})
	if err := errors.Join(check(m, 1, 8), check(m, 1, 20000), check(m, 1, 8)); err != nil || w.plans != 2 {
		t.Errorf("%v, %d plans", err, w.plans)
	}
}

func TestAnInputWhoseContentDecides(t *testing.T) {
	bind(t)
	w := &weighing{byContent: true}
	m := load(t, open(t, 1), w, Limits{})
	if err := check(m, 1, 6); err == nil || !strings.Contains(err.Error(), "known only while it runs") {
		t.Errorf("without it: %v", err)
	}
	w.plans = 0
	data := make([]byte, 8)
	for i, k := range []byte{2, 3, 2, 3} {
		data[0] = k // the request's memory is used again
		in := append(request(1, 6), tensor.Named{Name: "k", Value: tensor.Value{Tensor: &tensor.Tensor{Type: tensor.Int64, Shape: []int64{1}, Data: data}}})
		out, err := m.Run(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		// The value 3 of 6 is scaled where fewer than 3 are left alone.
		want := []float32{4*1000*2 + 4, 4 * 1000}[k-2]
		if got := tensor.View[float32](out.Values[0].Tensor)[3]; got != want {
			t.Errorf("run %d, k %d: %v, want %v", i, k, got, want)
		}
		out.Release()
	}
	if w.plans != 3 { // the first shows that k is needed
		t.Errorf("%d plans", w.plans)
	}
}

// refusing plans y = x, and refuses an x whose first value is above 5.
type refusing struct{}

func (refusing) Constants() []plan.Constant { return nil }

func (refusing) Plan(shapes map[string][]int64, _ map[string]*tensor.Tensor) (*plan.Program, error) {
	n := (&tensor.Tensor{Shape: shapes["x"]}).Elements()
	x := plan.Slot{Name: "x", Type: tensor.Float32, Shape: shapes["x"], Offset: 256, Bytes: 4 * n}
	params := binary.NativeEndian.AppendUint32(make([]byte, 16), 2)
	params = binary.NativeEndian.AppendUint32(params, math.Float32bits(5))
	return &plan.Program{Inputs: []plan.Slot{x}, Outputs: []plan.Slot{x}, Arena: 256 + aligned(4*n),
		Fault: &plan.Slot{Bytes: 4},
		Launches: []plan.Launch{
			{Kernel: "refuse", Nodes: "nothing"}, // no block
			{Kernel: "refuse", Grid: [3]uint32{1, 1, 1}, Block: [3]uint32{1, 1, 1}, Nodes: "Gather", Params: params,
				Pointers: []plan.Pointer{{At: 0, Offset: 256}, {At: 8}}},
		}}, nil
}

func TestAnIndexOutOfRange(t *testing.T) {
	bind(t)
	m := load(t, open(t, 1), refusing{}, Limits{})
	for _, first := range []float32{1, 6, 1, 7, 5} {
		out, err := m.Run(context.Background(), request(first, 3)[:1])
		var index *IndexError
		if refused := errors.As(err, &index); refused != (first > 5) || refused && err.Error() != "Gather: an index is out of range" {
			t.Errorf("%v: %v", first, err)
		}
		if err == nil && tensor.View[float32](out.Values[0].Tensor)[2] != first+2 {
			t.Errorf("%v: %v", first, out.Values[0].Tensor)
		}
		out.Release()
	}
}

func TestAnInputOfNothing(t *testing.T) {
	bind(t)
	m := load(t, open(t, 1), &weighing{}, Limits{})
	for range 2 {
		in := request(1, 0)
		in[1].Tensor.Shape, in[1].Tensor.Data = []int64{0}, nil
		out, err := m.Run(context.Background(), in)
		if err != nil || len(out.Values) != 2 || len(out.Values[0].Tensor.Data) != 0 {
			t.Errorf("%+v, %v", out, err)
		}
		out.Release()
	}
}

func TestInputsThatDoNotFit(t *testing.T) {
	bind(t)
	m := load(t, open(t, 1), &weighing{}, Limits{})
	for says, change := range map[string]func(in []tensor.Named) []tensor.Named{
		`"z" is missing`:                      func(in []tensor.Named) []tensor.Named { return in[:1] },
		`"x" is of int32, not of float32`:     func(in []tensor.Named) []tensor.Named { in[0].Tensor.Type = tensor.Int32; return in },
		`"x" has 16 bytes`:                    func(in []tensor.Named) []tensor.Named { in[0].Tensor.Data = in[0].Tensor.Data[:16]; return in },
		`"x" is no tensor of numbers`:         func(in []tensor.Named) []tensor.Named { in[0].Tensor.Type = tensor.String; return in },
		`"z" is no tensor`:                    func(in []tensor.Named) []tensor.Named { in[1].Value = tensor.Value{}; return in },
		`"z" has 3 bytes, its shape [4] need`: func(in []tensor.Named) []tensor.Named { in[1].Tensor.Shape = []int64{4}; return in },
	} {
		_, err := m.Run(context.Background(), change(request(1, 6)))
		var input *InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if err := check(m, 1, 6); err != nil {
		t.Error(err)
	}
}

func TestAPlannerThatRefusesOrBreaks(t *testing.T) {
	bind(t)
	w := &weighing{breaks: errors.New("no such operator")}
	m := load(t, open(t, 1), w, Limits{})
	if err := check(m, 1, 6); !errors.Is(err, w.breaks) {
		t.Errorf("%v", err)
	}
	w.breaks, w.panics = nil, true
	func() {
		defer func() {
			if v := recover(); v != "the planner" {
				t.Errorf("%v", v)
			}
		}()
		_ = check(m, 1, 6)
	}()
	w.panics = false
	for step, says := range map[string]string{
		"refused": "CUDA_ERROR_INVALID_PTX",
		"newer":   "needs a GPU of compute capability 10.0, this one has 9.0",
		"other":   "takes 12 bytes of parameters, not 16",
		"nowhere": "there is no nowhere",
	} {
		w.step = step
		if err := check(m, 1, 6); err == nil || !strings.Contains(err.Error(), "Scale: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", step, err)
		}
	}
	w.step = ""
	if err := check(m, 1, 6); err != nil {
		t.Error(err)
	}
}

func TestARunIsNotBegunForNobody(t *testing.T) {
	bind(t)
	d := open(t, 1)
	m := load(t, d, &weighing{}, Limits{})
	ctx, cancel := context.WithCancel(context.Background())
	busy := <-d.free
	failed := make(chan error)
	go func() {
		_, err := m.Run(ctx, request(1, 6))
		failed <- err
	}()
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	d.give(busy)
	if _, err := m.Run(ctx, request(1, 6)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := check(m, 1, 6); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	bind(t)
	for _, index := range []int{-1, 1} {
		if _, err := Open(Options{Index: index, Find: find}); !errors.Is(err, driver.ErrNoDevice) {
			t.Errorf("device %d: %v", index, err)
		}
	}
	d, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Close(), d.Close()); err != nil || d.Info().Name != "Stand-in 0" {
		t.Errorf("%v, %+v", err, d.Info())
	}
	if _, err := d.NewModel(&weighing{}, Limits{}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}
