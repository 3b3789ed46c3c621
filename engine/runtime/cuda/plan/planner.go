package plan

import (
	"crypto/sha256"
	"fmt"
	"runtime/debug"
	"sync"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

// Precision is that of matrix products and convolutions. Everything else is in float32.
type Precision uint8

// The precisions. TF32 and Float16 round the factors to 10 bits and add up in float32; a
// factor above 65504 is infinite in Float16. They take compute capability 8.0; older cards
// compute in Float32.
const (
	TF32 Precision = iota
	Float32
	Float16
)

// String is "tf32", "fp32" or "fp16".
func (p Precision) String() string {
	switch p {
	case Float32:
		return "fp32"
	case Float16:
		return "fp16"
	}
	return "tf32"
}

// ParsePrecision reads what String writes; "" is TF32.
func ParsePrecision(s string) (Precision, error) {
	for _, p := range []Precision{TF32, Float32, Float16} {
		if s == p.String() {
			return p, nil
		}
	}
	if s == "" {
		return TF32, nil
	}
	return 0, fmt.Errorf("the precision on a GPU is tf32, fp32 or fp16, not %q", s)
}

// Options are what a plan depends on beside the model.
type Options struct {
	Precision Precision
	// Capability is the device's compute capability, 90 for 9.0; Processors are its streaming
	// multiprocessors, which products are split among.
	Capability, Processors int
}

// Planner makes programs of a model for one kind of device. Several goroutines may use it.
type Planner struct {
	model   *graph.Model
	options Options

	lock      sync.Mutex
	constants []Constant
	known     map[any]place
}

// New is a planner for a model, which stays open as long as the planner is used.
func New(model *graph.Model, options Options) *Planner {
	if options.Capability < 80 {
		options.Precision = Float32
	}
	return &Planner{model: model, options: options, known: map[any]place{}}
}

// BrokenError is a mistake in the planner.
type BrokenError struct {
	What  string
	Stack string // of the goroutine
}

func (e *BrokenError) Error() string {
	return "it cannot be planned for a GPU by a mistake in Servery, please report it: " + e.What
}

// Precision is what products are computed in: Float32 where the device has no other.
func (p *Planner) Precision() Precision { return p.options.Precision }

// Constants are what the programs made so far refer to. It only ever grows.
func (p *Planner) Constants() []Constant {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.constants
}

// Plan makes the program for inputs of these shapes. values are inputs whose content decides
// shapes, which are then part of the program. Errors are graph's: *graph.UnsupportedError for
// what has no kernel, *graph.ShapeError for inputs that do not fit, and *BrokenError.
func (p *Planner) Plan(shapes map[string][]int64, values map[string]*tensor.Tensor) (program *Program, err error) {
	// A model that meets a mistake of the planner still has the CPU.
	defer func() {
		if mistake := recover(); mistake != nil {
			program, err = nil, &BrokenError{fmt.Sprint(mistake), string(debug.Stack())}
		}
	}()
	g, err := p.model.Resolve(shapes, values)
	if err != nil {
		return nil, err
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	b := &builder{planner: p, places: map[*graph.Value]place{}}
	for _, v := range g.Inputs {
		if v.Constant == nil {
			b.result(v)
		}
	}
	if err := b.lower(g); err != nil {
		return nil, err
	}
	for _, v := range g.Outputs {
		if at := b.operand(v); at.constant >= 0 {
			b.nodes = "output " + v.Name
			if err := b.copyOf(v); err != nil {
				return nil, err
			}
		}
	}
	return b.finish(g)
}

// constant is the place of a value of the model, which every program shares.
func (p *Planner) constant(name string, t *tensor.Tensor) place {
	if at, ok := p.known[t]; ok {
		return at
	}
	at := p.add(name, t.Data)
	p.known[t] = at
	return at
}

// made is the place of a constant that the planner computes: from a weight, for all programs, where
// key tells it apart.
func (p *Planner) made(key any, name string, compute func() []byte) place {
	if at, ok := p.known[key]; ok {
		return at
	}
	at := p.add(name, compute())
	p.known[key] = at
	return at
}

// table is the place of a small constant that depends on shapes; equal ones are one.
func (p *Planner) table(name string, data []byte) place {
	return p.made(sha256.Sum256(data), name, func() []byte { return data })
}

func (p *Planner) add(name string, data []byte) place {
	p.constants = append(p.constants, Constant{Name: name, Data: data})
	return place{&buffer{bytes: int64(len(data)), constant: len(p.constants) - 1, first: never, last: never}, 0}
}
