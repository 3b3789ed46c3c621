//go:build cuda && linux && (amd64 || arm64)

package executor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

const (
	defaultGraphs     = 64
	defaultGraphBytes = 256 << 20
	bytesPerLaunch    = 8 << 10

	defaultConstantBytes = 256 << 20
)

func (l Limits) orDefaults() Limits {
	if l.Graphs <= 0 {
		l.Graphs = defaultGraphs
	}
	if l.GraphBytes <= 0 {
		l.GraphBytes = defaultGraphBytes
	}
	if l.ConstantBytes <= 0 {
		l.ConstantBytes = defaultConstantBytes
	}
	return l
}

// Model is a model whose weights are on a device. Any goroutine may use it.
type Model struct {
	device  *Device
	planner Planner
	limits  Limits
	outputs pool

	// Device.mu guards these; graphs belong to the lanes.
	weights  weights
	loaded   int64               // bytes of weights that were there from the first
	programs map[string]*planned // by the shape of the inputs
	graphs   []graphs            // one a lane

	// byContent tells that the content of short inputs of whole numbers decides about the
	// program: a shape, an axis, a count.
	byContent atomic.Bool

	closed  atomic.Bool
	closing sync.Once
	failure error // of Close
}

// planned is a program and how many lanes have a graph of it.
type planned struct {
	program *plan.Program
	lanes   int
}

// NewModel copies the weights to the device. The error is a *MemoryError where there is no
// room for them, a *LostError, or the driver's.
func (d *Device) NewModel(p Planner, limits Limits) (*Model, error) {
	m := &Model{device: d, planner: p, limits: limits.orDefaults(), programs: map[string]*planned{},
		graphs: make([]graphs, len(d.lanes))}
	for i := range m.graphs {
		m.graphs[i].byShape = map[string]*recorded{}
	}
	l, err := d.take(context.Background())
	if err != nil {
		return nil, err
	}
	defer d.give(l)
	err = l.do(func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if err := m.weights.add(d, l.context, p.Constants()); err != nil {
			return errors.Join(d.explain(l.context, "loading the weights", err), m.weights.free())
		}
		m.loaded = m.weights.bytes()
		d.models = append(d.models, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Memory tells what the model and its device hold.
func (m *Model) Memory() Memory {
	d := m.device
	d.mu.Lock()
	defer d.mu.Unlock()
	u := Memory{Weights: m.weights.bytes(), Arenas: d.arenas()}
	for i, l := range d.lanes {
		u.Staging += l.stagingSize()
		u.Graphs += len(m.graphs[i].byShape)
	}
	return u
}

// Close lets runs end and gives the model's memory back. A second Close gives the same.
func (m *Model) Close() error {
	m.closing.Do(func() {
		m.closed.Store(true)
		d := m.device
		var errs []error
		for i, l := range d.lanes {
			errs = append(errs, l.do(func() error {
				d.mu.Lock()
				defer d.mu.Unlock()
				err := m.graphs[i].close(m)
				if i == len(d.lanes)-1 { // no lane uses the weights any more
					d.models = slices.DeleteFunc(d.models, func(o *Model) bool { return o == m })
					err = errors.Join(err, m.weights.free())
				}
				return err
			}))
		}
		m.failure = errors.Join(errs...)
	})
	return m.failure
}

// program gives the program for inputs, with the constants it needs on the device. Device.mu
// is held.
func (m *Model) program(l *lane, key string, inputs []tensorInput) (*plan.Program, error) {
	if p := m.programs[key]; p != nil {
		return p.program, nil
	}
	if added := m.weights.bytes() - m.loaded; added > m.limits.ConstantBytes {
		return nil, ErrTooManyShapes
	}
	p, err := m.plan(inputs)
	if err != nil {
		return nil, err
	}
	return p, m.weights.add(l.device, l.context, m.planner.Constants())
}

// plan asks the planner, with the content of short inputs where it does not do without.
func (m *Model) plan(inputs []tensorInput) (*plan.Program, error) {
	shapes, short := make(map[string][]int64, len(inputs)), map[string]*tensor.Tensor{}
	for _, in := range inputs {
		shapes[in.name] = slices.Clone(in.tensor.Shape)
		if in.short() {
			t := *in.tensor
			t.Shape, t.Data = shapes[in.name], slices.Clone(t.Data)
			short[in.name] = &t
		}
	}
	if m.byContent.Load() {
		return m.planner.Plan(shapes, short)
	}
	p, err := m.planner.Plan(shapes, nil)
	var unsupported *graph.UnsupportedError
	if !errors.As(err, &unsupported) || len(short) == 0 {
		return p, err
	}
	p, err = m.planner.Plan(shapes, short)
	if err != nil {
		return nil, err
	}
	if len(p.Launches) == 0 { // the planner would compute each request
		return nil, unsupported
	}
	m.byContent.Store(true)
	return p, nil
}

// keep counts a lane more that has a graph of the program. Device.mu is held.
func (m *Model) keep(key string, p *plan.Program) {
	if m.programs[key] == nil {
		m.programs[key] = &planned{program: p}
	}
	m.programs[key].lanes++
}

// forget counts one less. Device.mu is held.
func (m *Model) forget(key string) {
	if p := m.programs[key]; p.lanes > 1 {
		p.lanes--
	} else {
		delete(m.programs, key)
	}
}
