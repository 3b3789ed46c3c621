package placement

import (
	"strings"
	"testing"

	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/tensor"
)

const gibibyte = 1 << 30

var supported = map[string]bool{"Conv": true, "Relu": true, "com.microsoft.Gelu": true}

var (
	gpuMedium   = Workload{"GPU_MEDIUM", 24 * gibibyte, 1}
	gpuMedium8  = Workload{"GPU_MEDIUM_8", 192 * gibibyte, 8}
	multi       = Workload{"MULTIGPU_MEDIUM", 96 * gibibyte, 4}
	cpu         = Workload{"CPU", 4 * gibibyte, 0}
	noDriver    = hardware.GPUs{Known: true, None: &hardware.NoGPU{Kind: hardware.NoDriver, Reason: "no NVIDIA driver is installed on this machine"}}
	float       = tensor.Port{Name: "x", Type: tensor.Float32, Shape: []int64{1, 3}}
	convolution = Model{Operators: []string{"Conv", "Relu"}, Ports: []tensor.Port{float}, Bytes: 100 << 20}
)

func card(index int, memory float64, used float64) hardware.GPU {
	c := hardware.GPU{Index: index, Name: "NVIDIA L4", Memory: int64(memory * gibibyte)}
	if used >= 0 {
		c.Now = &hardware.GPUFigures{MemoryUsed: int64(used * gibibyte)}
	}
	return c
}

func machine(cards ...hardware.GPU) hardware.GPUs { return hardware.GPUs{Known: true, Cards: cards} }

func TestDecide(t *testing.T) {
	with := func(change func(*Model)) Model {
		m := convolution
		change(&m)
		return m
	}
	old := card(0, 8, -1)
	old.Unfit = "too old"
	for name, c := range map[string]struct {
		model    Model
		workload Workload
		gpus     hardware.GPUs
		want     Placement
	}{
		"a card":         {convolution, gpuMedium, machine(card(0, 24, -1)), Placement{OnGPU: true, Index: 0, Name: "NVIDIA L4"}},
		"a CPU type":     {convolution, cpu, machine(card(0, 24, -1)), Placement{}},
		"no driver":      {convolution, gpuMedium, noDriver, Placement{Reason: "no NVIDIA driver is installed on this machine"}},
		"not known":      {convolution, gpuMedium, hardware.GPUs{}, Placement{Reason: "it is not known yet whether this machine has a GPU"}},
		"the freest":     {convolution, gpuMedium, machine(card(0, 24, 20), card(1, 24, 3), card(2, 24, 3)), Placement{OnGPU: true, Index: 1, Name: "NVIDIA L4"}},
		"the fit one":    {convolution, gpuMedium, machine(old, card(1, 24, 20)), Placement{OnGPU: true, Index: 1, Name: "NVIDIA L4"}},
		"a smaller card": {convolution, gpuMedium8, machine(card(0, 4, -1)), Placement{OnGPU: true, Index: 0, Name: "NVIDIA L4"}},
		"no fit card":    {convolution, gpuMedium, machine(old), Placement{Reason: "no GPU of this machine can run models"}},
		"too large": {with(func(m *Model) { m.Bytes = 20 * gibibyte }), gpuMedium, machine(card(0, 16, -1), card(1, 24, -1)),
			Placement{Reason: "it needs about 26 GiB of a GPU's memory, and NVIDIA L4 has 24 GiB"}},
		"large":        {with(func(m *Model) { m.Bytes = 18 * gibibyte }), gpuMedium, machine(card(0, 16, 0), card(1, 24, 9)), Placement{OnGPU: true, Index: 1, Name: "NVIDIA L4"}},
		"one operator": {with(func(m *Model) { m.Operators = []string{"Conv", "Loop"} }), gpuMedium, machine(card(0, 24, -1)), Placement{Reason: "the operator Loop is not on the GPU"}},
		"operators": {with(func(m *Model) { m.Operators = []string{"Loop", "Conv", "ai.onnx.ml.ZipMap"} }), gpuMedium, machine(card(0, 24, -1)),
			Placement{Reason: "the operators Loop and ai.onnx.ml.ZipMap are not on the GPU"}},
		"many operators": {with(func(m *Model) { m.Operators = []string{"A", "B", "C", "D", "E", "Conv"} }), gpuMedium, machine(card(0, 24, -1)),
			Placement{Reason: "the operators A, B, C and 2 more are not on the GPU"}},
		"unknown graph": {Model{}, gpuMedium, machine(card(0, 24, -1)), Placement{Reason: "its operators are not known"}},
		"text":          {with(func(m *Model) { m.Ports = []tensor.Port{float, {Name: "t", Type: tensor.String, Shape: []int64{-1}}} }), gpuMedium, machine(card(0, 24, -1)), Placement{Reason: "'t' is str[-1], and the GPU takes tensors of numbers"}},
		"a sequence": {with(func(m *Model) {
			m.Ports = []tensor.Port{{Name: "s", Kind: tensor.KindSequence, Type: tensor.Float32, Unranked: true}}
		}), gpuMedium, machine(card(0, 24, -1)), Placement{Reason: "'s' is sequence(float32), and the GPU takes tensors of numbers"}},
	} {
		if got := Decide(c.model, c.workload, c.gpus, supported); got != c.want {
			t.Errorf("%s: %#v, want %#v", name, got, c.want)
		}
	}
	shipped := Model{Operators: []string{"Conv", "Flatten", "Dropout", "Gemm", "Shape"}, Ports: []tensor.Port{float}}
	if got := Decide(shipped, gpuMedium, machine(card(0, 24, -1)), Supported); !got.OnGPU {
		t.Errorf("what the device code computes: %+v", got)
	}
}

// Whatever the machine and the model, a placement is on a card that is there, or says why not.
func TestAPlacementIsACardOrAReason(t *testing.T) {
	for _, bytes := range []int64{0, 1 << 20, 3 * gibibyte, 1 << 40} {
		for _, operators := range [][]string{nil, {}, {"Conv"}, {"Conv", "If"}} {
			for _, w := range []Workload{cpu, gpuMedium, gpuMedium8} {
				for _, g := range []hardware.GPUs{{}, noDriver, machine(), machine(card(3, 4, -1)), machine(card(0, 2, 1), card(1, 80, 79))} {
					p := Decide(Model{Operators: operators, Bytes: bytes}, w, g, supported)
					there := false
					for _, c := range g.Fit() {
						there = there || c.Index == p.Index && c.Memory >= Need(bytes)
					}
					if w.GPU() && p.OnGPU != (p.Reason == "") || !w.GPU() && p != (Placement{}) || p.OnGPU && (!there || !w.GPU() || p.String() == "CPU") || !p.OnGPU && p.String() != "CPU" {
						t.Errorf("%d bytes, %v, %s, %+v: %+v", bytes, operators, w.Name, g, p)
					}
				}
			}
		}
	}
}

func TestSamePlaces(t *testing.T) {
	one, other := Placement{OnGPU: true, Name: "a"}, Placement{OnGPU: true, Index: 1, Name: "b"}
	cpu, why := Placement{Reason: "x"}, Placement{Reason: "y"}
	if !one.Same(other) || one.Same(cpu) || cpu.Same(one) || cpu.Same(why) || !cpu.Same(cpu) {
		t.Error("what may go on running where")
	}
}

func TestWhatStandsInForAType(t *testing.T) {
	big := hardware.GPU{Name: "NVIDIA H100 80GB HBM3", Memory: 796 * gibibyte / 10}
	for name, c := range map[string]struct {
		workload Workload
		gpus     hardware.GPUs
		want     string
	}{
		"none":                  {gpuMedium, noDriver, "no GPU here: runs on the CPU"},
		"not looked yet":        {gpuMedium, hardware.GPUs{}, "no GPU here: runs on the CPU"},
		"as large as it shows":  {gpuMedium, machine(card(0, 22.5, -1)), "NVIDIA L4, 22 GiB"},
		"larger":                {gpuMedium, machine(card(0, 8, -1), big), "NVIDIA H100 80GB HBM3, 80 GiB"},
		"smaller":               {gpuMedium, machine(card(0, 8, -1), card(1, 14.7, -1)), "NVIDIA L4, 15 GiB of the type's 24 GiB"},
		"all of several":        {multi, machine(big, big, big, big), "4 × NVIDIA H100 80GB HBM3, 80 GiB each"},
		"one of several":        {multi, machine(big, card(1, 6.5, -1)), "NVIDIA H100 80GB HBM3, 1 of the type's 4 GPUs of 24 GiB"},
		"several that are less": {gpuMedium8, machine(card(0, 6.5, -1), card(1, 6.5, -1)), "NVIDIA L4, 1 of the type's 8 GPUs of 24 GiB"},
	} {
		if got := StandIn(c.workload, c.gpus); got != c.want {
			t.Errorf("%s: %#v, want %#v", name, got, c.want)
		}
	}
}

func TestWhatMattersOfAVersion(t *testing.T) {
	v := registry.Version{Size: 7, Graph: &registry.Graph{Inputs: []tensor.Port{float}, Outputs: []tensor.Port{{Name: "y"}},
		Operators: []registry.OperatorCount{{Name: "Conv", Count: 3}, {Domain: "com.microsoft", Name: "Gelu", Count: 1}}}}
	m := ModelOf(v)
	if m.Bytes != 7 || strings.Join(m.Operators, " ") != "Conv com.microsoft.Gelu" || len(m.Ports) != 2 || m.Ports[1].Name != "y" {
		t.Errorf("%+v", m)
	}
	if m := ModelOf(registry.Version{}); m.Operators != nil {
		t.Errorf("a graph that could not be read: %+v", m)
	}
}
