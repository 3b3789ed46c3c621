//go:build cuda && linux && (amd64 || arm64)

package executor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"servery/engine/runtime/cuda/driver"
	"servery/engine/runtime/cuda/plan"
)

// graphs are a lane's graphs of one model by the shape of its inputs; those used last stay.
// The lane's goroutine uses them, and changes them with Device.mu held.
type graphs struct {
	byShape map[string]*recorded
	bytes   int64
	clock   uint64
	key     []byte // scratch
}

// recorded is the graph of a program in a lane.
type recorded struct {
	program *plan.Program
	graph   *driver.Graph // nil where the program does nothing
	moved   int           // the lane's, when it was captured
	used    uint64        // the clock at its last run
	places  []int64       // of inputs and results in staging
	order   []int         // of the program's inputs among the given ones
}

func (r *recorded) bytes() int64 { return bytesPerLaunch * int64(len(r.program.Launches)+1) }

func (r *recorded) close() error {
	if r.graph == nil {
		return nil
	}
	err := r.graph.Close()
	r.graph = nil
	return err
}

// shape writes what decides about the program: types and shapes, and the content of short
// inputs where it does.
func (g *graphs) shape(inputs []tensorInput, content bool) []byte {
	g.key = g.key[:0]
	for _, in := range inputs {
		g.key = append(g.key, in.name...)
		g.key = append(g.key, 0, byte(in.tensor.Type), byte(len(in.tensor.Shape)))
		for _, n := range in.tensor.Shape {
			g.key = binary.AppendVarint(g.key, n)
		}
		if content && in.short() {
			g.key = append(g.key, in.tensor.Data...)
		}
	}
	return g.key
}

// put keeps a graph and lets those go that were not used for longest.
func (g *graphs) put(m *Model, key string, r *recorded) error {
	var errs []error
	if g.byShape[key] != nil { // its addresses are those of before
		errs = append(errs, g.remove(m, key))
	}
	for len(g.byShape) > 0 && (len(g.byShape) >= m.limits.Graphs || g.bytes+r.bytes() > m.limits.GraphBytes) {
		oldest := ""
		for k, other := range g.byShape {
			if oldest == "" || other.used < g.byShape[oldest].used {
				oldest = k
			}
		}
		errs = append(errs, g.remove(m, oldest))
	}
	g.byShape[key] = r
	g.bytes += r.bytes()
	m.keep(key, r.program)
	return errors.Join(errs...)
}

func (g *graphs) remove(m *Model, key string) error {
	r := g.byShape[key]
	delete(g.byShape, key)
	g.bytes -= r.bytes()
	m.forget(key)
	return r.close()
}

// drop frees the graphs and keeps what they were made of.
func (g *graphs) drop() error {
	var errs []error
	for _, r := range g.byShape {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// close frees all.
func (g *graphs) close(m *Model) error {
	var errs []error
	for key := range g.byShape {
		errs = append(errs, g.remove(m, key))
	}
	return errors.Join(errs...)
}

// capture records a run of the program with the lane's memory as a graph. Device.mu is held.
func (l *lane) capture(m *Model, p *plan.Program) (*recorded, error) {
	r := &recorded{program: p, moved: l.moved}
	var size int64
	r.places, size = staged(p)
	launches, err := l.launches(m, p)
	if err != nil || size == 0 && len(launches) == 0 {
		return r, err
	}
	r.graph, err = l.stream.Capture(func() error {
		if p.Fault != nil {
			if err := l.stream.Fill(l.arena, p.Fault.Offset, p.Fault.Bytes, 0); err != nil {
				return err
			}
		}
		for i, s := range p.Inputs {
			if s.Bytes > 0 {
				if err := l.stream.Upload(l.arena, s.Offset, l.staging, r.places[i], s.Bytes); err != nil {
					return err
				}
			}
		}
		for _, launch := range launches {
			if err := launch(); err != nil {
				return err
			}
		}
		for i, s := range results(p) {
			if s.Bytes > 0 {
				if err := l.stream.Download(l.staging, r.places[len(p.Inputs)+i], l.arena, s.Offset, s.Bytes); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return r, err
}

// results are the slots that are copied from the arena: the outputs, and the fault after them
// where there may be one.
func results(p *plan.Program) []plan.Slot {
	if p.Fault == nil {
		return p.Outputs
	}
	return append(slices.Clip(p.Outputs), *p.Fault)
}

// staged lays the inputs and the results out in staging.
func staged(p *plan.Program) (places []int64, size int64) {
	for _, slots := range [][]plan.Slot{p.Inputs, results(p)} {
		for _, s := range slots {
			places = append(places, size)
			size += aligned(s.Bytes)
		}
	}
	return places, size
}

// launches makes the program's launches ready: their kernels loaded, their addresses set.
func (l *lane) launches(m *Model, p *plan.Program) ([]func() error, error) {
	var all []func() error
	for i := range p.Launches {
		launch := &p.Launches[i]
		grid, block := driver.Dim{X: launch.Grid[0], Y: launch.Grid[1], Z: launch.Grid[2]}, driver.Dim{X: launch.Block[0], Y: launch.Block[1], Z: launch.Block[2]}
		if grid.X == 0 || grid.Y == 0 || grid.Z == 0 {
			continue // of an empty tensor
		}
		f, err := l.device.code.function(l.context, launch)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", launch.Nodes, err)
		}
		params, err := l.params(m, launch)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", launch.Nodes, err)
		}
		all = append(all, func() error {
			if err := l.stream.Launch(f, grid, block, int(launch.Shared), params); err != nil {
				return fmt.Errorf("%s: %w", launch.Nodes, err)
			}
			return nil
		})
	}
	return all, nil
}

// params gives a launch's parameters with its addresses in them.
func (l *lane) params(m *Model, launch *plan.Launch) ([]byte, error) {
	params := append([]byte(nil), launch.Params...)
	for _, p := range launch.Pointers {
		if p.At < 0 || p.At+8 > len(params) {
			return nil, fmt.Errorf("an address at byte %d of %d parameters' bytes", p.At, len(params))
		}
		var base uint64
		switch {
		case p.Space == plan.Constants && (p.Constant < 0 || p.Constant >= len(m.weights.addresses)):
			return nil, fmt.Errorf("the constant %d of %d", p.Constant, len(m.weights.addresses))
		case p.Space == plan.Constants:
			base = m.weights.addresses[p.Constant]
		case l.arena != nil:
			base = l.arena.Address()
		}
		binary.NativeEndian.PutUint64(params[p.At:], base+uint64(p.Offset))
	}
	return params, nil
}
