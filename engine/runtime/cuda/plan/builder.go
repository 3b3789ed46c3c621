package plan

import (
	"cmp"
	"fmt"
	"slices"
	"unsafe"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

// buffer is memory of a program, or a constant of the model.
type buffer struct {
	bytes    int64
	constant int // index, or -1
	// first and last are the launches that touch it; -1 and the number of launches stand for the
	// copies in and out.
	first, last int
	offset      int64
}

// place is where a value lies.
type place struct {
	*buffer
	at int64 // bytes from the start of the buffer
}

// after is the place bytes further on.
func (p place) after(bytes int64) place { return place{p.buffer, p.at + bytes} }

// binding says which place goes into a field of a launch's structure.
type binding struct {
	field *kernels.Pointer
	place place
}

func bind(field *kernels.Pointer, p place) binding { return binding{field, p} }

// pending is a launch whose addresses are not known yet.
type pending struct {
	Launch
	refs []reference
}

type reference struct {
	at    int
	place place
}

// builder collects the launches of one program.
type builder struct {
	planner  *Planner
	places   map[*graph.Value]place
	buffers  []*buffer
	launches []pending
	nodes    string // those that launches are for at the moment
	fault    place  // the word for indices out of range; its buffer is nil until one may be
}

const never = -2

// scratch is new memory of the arena.
func (b *builder) scratch(bytes int64) place {
	buf := &buffer{bytes: max(bytes, 1), constant: -1, first: never, last: never}
	b.buffers = append(b.buffers, buf)
	return place{buf, 0}
}

// result is the memory of a value that is about to be computed.
func (b *builder) result(v *graph.Value) place {
	if v == nil {
		return place{}
	}
	p := b.scratch(v.Elements() * int64(v.Type.Size()))
	b.places[v] = p
	return p
}

// operand is where a value lies that was computed, given or known.
func (b *builder) operand(v *graph.Value) place {
	if p, ok := b.places[v]; ok {
		return p
	}
	if v.Constant == nil {
		panic(fmt.Sprintf("plan: %q is used before it is computed", v.Name))
	}
	p := b.planner.constant(v.Name, v.Constant)
	b.places[v] = p
	return p
}

// launch enqueues a kernel with its structure.
func launch[P any](b *builder, kernel string, grid, block [3]uint32, params *P, bindings ...binding) {
	size := int(unsafe.Sizeof(*params))
	l := pending{Launch: Launch{Kernel: kernel, Grid: grid, Block: block, Nodes: b.nodes,
		Params: slices.Clone(unsafe.Slice((*byte)(unsafe.Pointer(params)), size))}}
	for _, bind := range bindings {
		if bind.place.buffer == nil {
			continue // a null pointer
		}
		at := int(uintptr(unsafe.Pointer(bind.field)) - uintptr(unsafe.Pointer(params)))
		if at < 0 || at > size-8 {
			panic("plan: the field of a binding lies in another structure")
		}
		l.refs = append(l.refs, reference{at, bind.place})
	}
	b.launches = append(b.launches, l)
}

// maxBlocks bounds a grid along x: kernels walk on by the size of the grid. It is some waves of
// blocks on the largest cards.
const maxBlocks = 16384

// spread is a grid of one thread an element, or a walk.
func spread(n int64, threads uint32) (grid, block [3]uint32) {
	blocks := min(max((n+int64(threads)-1)/int64(threads), 1), maxBlocks)
	return [3]uint32{uint32(blocks), 1, 1}, [3]uint32{threads, 1, 1}
}

// touch extends a buffer's life to launch i.
func (buf *buffer) touch(i int) {
	if buf.first == never {
		buf.first = i
	}
	buf.first, buf.last = min(buf.first, i), max(buf.last, i)
}

// finish lays out the arena and fills in the addresses.
func (b *builder) finish(g *graph.Graph) (*Program, error) {
	for i := range b.launches {
		for _, r := range b.launches[i].refs {
			r.place.touch(i)
		}
	}
	program := &Program{}
	for _, v := range g.Inputs {
		if v.Constant != nil {
			continue
		}
		b.operand(v).touch(-1)
	}
	for _, v := range g.Outputs {
		b.operand(v).touch(len(b.launches))
	}
	if b.fault.buffer != nil {
		b.fault.touch(-1)
		b.fault.touch(len(b.launches))
	}
	program.Arena = layOut(b.buffers)
	slot := func(v *graph.Value, name string) Slot {
		p := b.operand(v)
		return Slot{Name: name, Type: v.Type, Shape: v.Shape, Offset: p.offset + p.at, Bytes: v.Elements() * int64(v.Type.Size())}
	}
	for _, v := range g.Inputs {
		if v.Constant == nil {
			program.Inputs = append(program.Inputs, slot(v, v.Name))
		}
	}
	for i, v := range g.Outputs {
		program.Outputs = append(program.Outputs, slot(v, g.OutputNames[i]))
	}
	if b.fault.buffer != nil {
		program.Fault = &Slot{Name: "fault", Type: tensor.Int32, Shape: []int64{1}, Offset: b.fault.offset, Bytes: 4}
	}
	for _, l := range b.launches {
		for _, r := range l.refs {
			p := Pointer{At: r.at, Offset: r.place.at}
			if r.place.constant >= 0 {
				p.Space, p.Constant = Constants, r.place.constant
			} else {
				p.Offset += r.place.offset
			}
			l.Pointers = append(l.Pointers, p)
		}
		program.Launches = append(program.Launches, l.Launch)
	}
	return program, nil
}

// layOut gives every buffer that is used an offset such that no two that live at the same time
// overlap, largest first, each as low as it fits, and returns the size of all. (Pisarchyk and Lee,
// "Efficient Memory Management for Deep Neural Net Inference", 2020: greedy by size.)
func layOut(buffers []*buffer) int64 {
	var placed []*buffer // by offset
	order := slices.DeleteFunc(slices.Clone(buffers), func(b *buffer) bool { return b.first == never || b.constant >= 0 })
	slices.SortStableFunc(order, func(a, b *buffer) int { return cmp.Compare(b.bytes, a.bytes) })
	var size int64
	for _, buf := range order {
		at := int64(0)
		for _, other := range placed {
			if other.last < buf.first || buf.last < other.first {
				continue
			}
			if other.offset-at >= buf.bytes {
				break
			}
			at = max(at, align(other.offset+other.bytes))
		}
		buf.offset = at
		size = max(size, align(at+buf.bytes))
		i, _ := slices.BinarySearchFunc(placed, at, func(b *buffer, at int64) int { return cmp.Compare(b.offset, at) })
		placed = slices.Insert(placed, i, buf)
	}
	return size
}

func align(n int64) int64 { return (n + Alignment - 1) / Alignment * Alignment }
