// Package placement decides what a model runs on, the CPU or one of the machine's GPUs, and says
// why. It is pure: everything it goes by is a parameter, but for Supported, which says what the
// device code computes.
//
// The rule. The CPU types of the product run on the CPU. A GPU type runs on a GPU where one of
// the machine's cards serves, the device code has all of the model's operators, its inputs and
// outputs are tensors of numbers, and the card holds it. Otherwise the model runs on the CPU:
// what the product accepts is never refused for what this machine lacks.
package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

// Supported are the operators that a GPU computes or that are settled before a run, by the names
// that registry.OperatorCount.FullName gives: "Conv", "com.microsoft.Gelu". A form or type of one
// may still be refused at the load.
var Supported = func() map[string]bool {
	all := map[string]bool{}
	for _, op := range plan.Operators() {
		all[op] = true
	}
	return all
}()

// Workload is a compute type of the product.
type Workload struct {
	Name string
	// Memory is what a served entity of the type may take, in bytes: on the CPU of the
	// machine's memory, on GPUs of all of theirs together.
	Memory int64
	// Cards is how many GPUs the type has in the cloud; 0 for a CPU type.
	Cards int
}

// GPU tells whether the type has GPUs.
func (w Workload) GPU() bool { return w.Cards > 0 }

// Model is what matters of a model.
type Model struct {
	// Operators are the names of all that its graph and its subgraphs use, as in Supported;
	// nil is not known.
	Operators []string
	// Ports are its inputs and outputs.
	Ports []tensor.Port
	// Bytes is the size of its files, which its weights are nearly all of.
	Bytes int64
}

// ModelOf is what matters of a registered version.
func ModelOf(v registry.Version) Model {
	m := Model{Bytes: v.Size}
	if g := v.Graph; g != nil {
		m.Operators = []string{}
		for _, o := range g.Operators {
			m.Operators = append(m.Operators, o.FullName())
		}
		m.Ports = slices.Concat(g.Inputs, g.Outputs)
	}
	return m
}

// Placement is what a model runs on, and why. The zero value is the CPU that was asked for.
type Placement struct {
	// OnGPU tells a GPU from the CPU; Index and Name are the card's.
	OnGPU bool
	Index int
	Name  string
	// Reason is a clause for a person, without a full stop: why not on a GPU, where one was
	// asked for.
	Reason string
}

// String is the device: "GPU 0, NVIDIA L4".
func (p Placement) String() string {
	if p.OnGPU {
		return fmt.Sprintf("GPU %d, %s", p.Index, p.Name)
	}
	return "CPU"
}

// Same tells whether a model that runs as p says can go on running where another decision of
// the same model is q: which of several cards it is depends on what uses them at the moment.
func (p Placement) Same(q Placement) bool { return p.OnGPU && q.OnGPU || p == q }

// Decide places a model of a compute type on a machine whose GPUs are g. supported is Supported,
// or another set in tests.
func Decide(m Model, w Workload, g hardware.GPUs, supported map[string]bool) Placement {
	if !w.GPU() {
		return Placement{}
	}
	return OnGPU(m, g, supported)
}

// OnGPU places a model on a GPU where one can run it.
func OnGPU(m Model, g hardware.GPUs, supported map[string]bool) Placement {
	if why := g.Absence(); why != "" {
		return Placement{Reason: why}
	}
	if why := m.Refusal(supported); why != "" {
		return Placement{Reason: why}
	}
	cards := g.Fit()
	if len(cards) == 0 {
		return Placement{Reason: "no GPU of this machine can run models"}
	}
	fits := slices.DeleteFunc(slices.Clone(cards), func(c hardware.GPU) bool { return Need(m.Bytes) > c.Memory })
	if len(fits) == 0 {
		largest := slices.MaxFunc(cards, func(a, b hardware.GPU) int { return cmp.Compare(a.Memory, b.Memory) })
		return Placement{Reason: fmt.Sprintf("it needs about %s of a GPU's memory, and %s has %s", GiB(Need(m.Bytes)), largest.Name, GiB(largest.Memory))}
	}
	// The first of the freest.
	best := fits[0]
	for _, c := range fits[1:] {
		if c.Free() > best.Free() {
			best = c
		}
	}
	return Placement{OnGPU: true, Index: best.Index, Name: best.Name}
}

// contextBytes is what a process takes of a card's memory before it holds a model: the CUDA
// context with the device code, 300 to 500 MiB by NVIDIA's documentation of its own libraries.
const contextBytes = 512 << 20

// Need is about how much of a GPU's memory a model of that many bytes takes: its weights, a
// quarter as much for what it computes, and the CUDA context.
func Need(bytes int64) int64 { return bytes + bytes/4 + contextBytes }

// mostNamed is how many operators a reason names.
const mostNamed = 3

// Refusal says as a clause why no GPU can run the model, whatever card it is; "" where one can.
func (m Model) Refusal(supported map[string]bool) string {
	switch {
	case m.Operators == nil:
		return "its operators are not known"
	case len(supported) == 0:
		return "Servery runs no operators on the GPU yet"
	}
	for _, p := range m.Ports {
		if p.Kind != tensor.KindTensor || p.Type == tensor.String {
			return fmt.Sprintf("'%s' is %s, and the GPU takes tensors of numbers", p.Name, p.TypeString())
		}
	}
	var missing []string
	for _, o := range m.Operators {
		if !supported[o] {
			missing = append(missing, o)
		}
	}
	switch n := len(missing); {
	case n == 0:
		return ""
	case n == 1:
		return "the operator " + missing[0] + " is not on the GPU"
	case n <= mostNamed:
		return "the operators " + strings.Join(missing[:n-1], ", ") + " and " + missing[n-1] + " are not on the GPU"
	default:
		return fmt.Sprintf("the operators %s and %d more are not on the GPU", strings.Join(missing[:mostNamed], ", "), n-mostNamed)
	}
}
