//go:build cuda && linux && (amd64 || arm64)

package executor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

// Outputs are what one Run gave. The bytes must not be read after Release; shapes must not be
// changed.
type Outputs struct {
	// Values are the program's outputs in its order.
	Values []tensor.Named

	tensors  []tensor.Tensor
	memory   []byte
	from     *pool
	released atomic.Bool
}

// pool keeps outputs for use again.
type pool struct{ sync.Pool }

// Release gives the memory back. A second call does nothing.
func (o *Outputs) Release() {
	if o == nil || !o.released.CompareAndSwap(false, true) {
		return
	}
	o.from.Put(o)
}

// tensorInput is an input that is a tensor.
type tensorInput struct {
	name   string
	tensor *tensor.Tensor
}

// short tells whether the content may decide about a program: few whole numbers.
func (in tensorInput) short() bool {
	switch in.tensor.Type {
	case tensor.Int64, tensor.Int32, tensor.Bool:
		return len(in.tensor.Shape) <= 1 && len(in.tensor.Data) <= longestShort
	}
	return false
}

// longestShort is the bytes of an input whose content may decide: a shape has at most 8
// dimensions in practice.
const longestShort = 128

// Run evaluates the model: inputs are copied to the device, outputs from it. It waits for a
// free lane until ctx ends; a run that has begun goes on to its end. A shape that was not
// seen before is planned first. The error is ctx's, an *InputError, an *IndexError, a
// *MemoryError, a *LostError, ErrTooManyShapes, ErrClosed, the planner's or the driver's.
func (m *Model) Run(ctx context.Context, inputs []tensor.Named) (*Outputs, error) {
	out, err := m.runFree(ctx, inputs)
	var full *MemoryError
	if errors.As(err, &full) && full.again {
		return m.runAlone(ctx, inputs)
	}
	return out, err
}

// runFree runs in the first lane that is free.
func (m *Model) runFree(ctx context.Context, inputs []tensor.Named) (*Outputs, error) {
	l, err := m.device.take(ctx)
	if err != nil {
		return nil, err
	}
	defer m.device.give(l)
	return m.runIn(l, inputs)
}

func (m *Model) runIn(l *lane, inputs []tensor.Named) (out *Outputs, err error) {
	err = l.do(func() (err error) {
		out, err = m.run(l, inputs)
		return err
	})
	return out, err
}

// runAlone takes all lanes, frees what they hold and runs.
func (m *Model) runAlone(ctx context.Context, inputs []tensor.Named) (*Outputs, error) {
	d := m.device
	d.alone.Lock()
	defer d.alone.Unlock()
	for range d.lanes {
		l, err := d.take(ctx)
		if err != nil {
			return nil, err
		}
		defer d.give(l)
	}
	for _, l := range d.lanes {
		err := l.do(func() error {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.failed(l.drop())
		})
		if err != nil {
			return nil, err
		}
	}
	return m.runIn(d.lanes[0], inputs)
}

// take waits for a lane that runs nothing.
func (d *Device) take(ctx context.Context) (*lane, error) {
	if err := errors.Join(ctx.Err(), d.usable()); err != nil {
		return nil, err
	}
	select {
	case l := <-d.free:
		return l, nil
	default:
	}
	select {
	case l := <-d.free:
		return l, nil
	case <-d.done:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *Device) give(l *lane) { d.free <- l }

// run is what Run does on the lane's goroutine.
func (m *Model) run(l *lane, values []tensor.Named) (*Outputs, error) {
	if err := l.device.usable(); err != nil {
		return nil, err
	}
	if m.closed.Load() {
		return nil, ErrClosed
	}
	var err error
	if l.inputs, err = tensors(l.inputs[:0], values); err != nil {
		return nil, err
	}
	defer func() { clear(l.inputs) }()
	r, err := m.recorded(l, l.inputs)
	if err != nil {
		return nil, err
	}
	for i, s := range r.program.Inputs {
		data := l.inputs[r.order[i]].tensor.Data
		if int64(len(data)) != s.Bytes {
			return nil, &InputError{fmt.Sprintf("the input %q has %d bytes, its shape %v needs %d", s.Name, len(data), s.Shape, s.Bytes)}
		}
		if s.Bytes > 0 {
			copy(l.staging.Bytes()[r.places[i]:], data)
		}
	}
	if r.graph != nil {
		if err := l.stream.Run(r.graph); err != nil {
			l.device.mu.Lock()
			defer l.device.mu.Unlock()
			return nil, l.device.explain(l.context, "a run", err)
		}
		// Where this fails nobody knows when the memory is free again.
		if err := l.stream.Synchronize(); err != nil {
			return nil, l.device.lose(err)
		}
	}
	if p := r.program; p.Fault != nil {
		at := r.places[len(r.places)-1]
		if n := binary.NativeEndian.Uint32(l.staging.Bytes()[at:]); n > 0 && int(n) <= len(p.Launches) {
			return nil, &IndexError{p.Launches[n-1].Nodes}
		}
	}
	return m.outputs.collect(l, r), nil
}

// tensors appends the inputs, all of which must be tensors of numbers.
func tensors(all []tensorInput, values []tensor.Named) ([]tensorInput, error) {
	for _, v := range values {
		if v.Tensor == nil || v.Tensor.Type.Size() == 0 {
			return all, &InputError{fmt.Sprintf("the input %q is no tensor of numbers", v.Name)}
		}
		all = append(all, tensorInput{v.Name, v.Tensor})
	}
	return all, nil
}

// recorded gives the graph for inputs of that shape, and makes it where there is none.
func (m *Model) recorded(l *lane, inputs []tensorInput) (*recorded, error) {
	g := &m.graphs[l.index]
	key := g.shape(inputs, m.byContent.Load())
	g.clock++
	if r := g.byShape[string(key)]; r != nil && r.moved == l.moved {
		r.used = g.clock
		return r, nil
	}
	d := l.device
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := m.record(l, g, inputs)
	if err != nil {
		return nil, d.explain(l.context, "a run", err)
	}
	r.used = g.clock
	return r, nil
}

// record plans the run, makes room for it and captures it. Device.mu is held.
func (m *Model) record(l *lane, g *graphs, inputs []tensorInput) (*recorded, error) {
	p, err := m.program(l, string(g.shape(inputs, m.byContent.Load())), inputs)
	if err != nil {
		return nil, err
	}
	key := string(g.shape(inputs, m.byContent.Load())) // the plan may have shown that content decides
	order, err := match(p, inputs)
	if err != nil {
		return nil, err
	}
	_, staging := staged(p)
	if err := l.reserve(p.Arena, staging); err != nil {
		return nil, err
	}
	r, err := l.capture(m, p)
	if err != nil {
		return nil, err
	}
	r.order = order
	return r, g.put(m, key, r)
}

// match finds the program's inputs among the given ones.
func match(p *plan.Program, inputs []tensorInput) ([]int, error) {
	var order []int
next:
	for _, s := range p.Inputs {
		for i, in := range inputs {
			if in.name != s.Name {
				continue
			}
			if in.tensor.Type != s.Type {
				return nil, &InputError{fmt.Sprintf("the input %q is of %v, not of %v", s.Name, in.tensor.Type, s.Type)}
			}
			order = append(order, i)
			continue next
		}
		return nil, &InputError{fmt.Sprintf("the input %q is missing", s.Name)}
	}
	return order, nil
}

// collect copies the outputs out of the lane's staging.
func (p *pool) collect(l *lane, r *recorded) *Outputs {
	o, ok := p.Get().(*Outputs)
	if !ok {
		o = &Outputs{from: p}
	}
	slots, places := r.program.Outputs, r.places[len(r.program.Inputs):]
	var size int64
	for _, s := range slots {
		size += aligned(s.Bytes)
	}
	if int64(cap(o.memory)) < size {
		o.memory = make([]byte, size)
	}
	if cap(o.tensors) < len(slots) {
		o.tensors, o.Values = make([]tensor.Tensor, len(slots)), make([]tensor.Named, len(slots))
	}
	o.tensors, o.Values = o.tensors[:len(slots)], o.Values[:len(slots)]
	var at int64
	for i, s := range slots {
		data := o.memory[at : at+s.Bytes : at+s.Bytes]
		if s.Bytes > 0 {
			copy(data, l.staging.Bytes()[places[i]:])
		}
		at += aligned(s.Bytes)
		o.tensors[i] = tensor.Tensor{Type: s.Type, Shape: s.Shape, Data: data}
		o.Values[i] = tensor.Named{Name: s.Name, Value: tensor.Value{Tensor: &o.tensors[i]}}
	}
	o.released.Store(false)
	return o
}
