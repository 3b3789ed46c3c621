//go:build linux && cgo

package ort

/*
#cgo noescape servery_run
#cgo nocallback servery_run
#cgo noescape servery_release
#cgo nocallback servery_release
#include "shim.h"
*/
import "C"

import (
	"fmt"
	goruntime "runtime"
	"unsafe"

	"servery/engine/tensor"
)

// Run evaluates the model on inputs, in any order, and gives every output of the graph.
// The inputs' memory must not change until it returns. Several goroutines may call it.
// cancel may be nil. The error is an *Error; where cancel ended the run it is also
// ErrCanceled.
func (s *Session) Run(inputs []tensor.Named, cancel *Cancel) (*Outputs, error) {
	f, err := s.take()
	if err != nil {
		return nil, err
	}
	if err := f.fill(s, inputs); err != nil {
		f.unpin()
		s.give(f)
		return nil, err
	}
	options := cancel.begin()
	failed := C.servery_run(s.c, f.c, options) != 0
	if options != nil {
		cancel.end()
	}
	f.unpin()
	goruntime.KeepAlive(inputs)
	if failed {
		err := error(takeFailure(&f.c.error))
		s.give(f)
		if cancel.Canceled() {
			err = fmt.Errorf("%w: %w", ErrCanceled, err)
		}
		return nil, err
	}
	return newOutputs(s, f), nil
}

const (
	// copied is the size up to which an input's bytes are copied into the frame. Beyond
	// it the Go memory is pinned, which costs about as much as copying 4 KiB.
	copied = 4 << 10
	// keptArena and keptNodes bound what an idle frame holds on to.
	keptArena = 1 << 20
	keptNodes = 1 << 12
)

// frame is the memory of one run. Its C side holds the inputs as a flat tree of nodes in
// one arena: nodes, then shapes and string offsets, then bytes.
type frame struct {
	c      *C.frame
	pinner goruntime.Pinner
	pinned bool

	nodes    []C.node
	integers []int64
	bytes    []byte
}

func (f *frame) unpin() {
	if f.pinned {
		f.pinner.Unpin()
		f.pinned = false
	}
}

// need is the room that values take in the arena.
type need struct{ nodes, integers, bytes int }

const (
	nodeBytes = int(unsafe.Sizeof(C.node{}))
	// alignment of copied data: the widest register's, for the library's kernels.
	alignment = 64
)

// copies tells whether a tensor's bytes go into the arena: small ones, those that are not
// aligned for their type (C code may not read them in place), and strings.
func copies(t *tensor.Tensor) bool {
	if len(t.Data) <= copied {
		return true
	}
	return uintptr(unsafe.Pointer(unsafe.SliceData(t.Data)))%uintptr(min(t.Type.Size(), 8)) != 0
}

func (n *need) add(v *tensor.Value) error {
	n.nodes++
	switch {
	case v.Tensor != nil:
		return n.addTensor(v.Tensor)
	case v.Map != nil:
		if v.Map.Keys == nil || v.Map.Values == nil {
			return invalid("a map without keys or without values")
		}
		n.nodes += 2
		if err := n.addTensor(v.Map.Keys); err != nil {
			return err
		}
		return n.addTensor(v.Map.Values)
	case v.Sequence != nil:
		for i := range v.Sequence {
			if err := n.add(&v.Sequence[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return invalid("no value")
}

func (n *need) addTensor(t *tensor.Tensor) error {
	elements, err := check(t)
	if err != nil {
		return err
	}
	n.integers += len(t.Shape)
	if t.Type == tensor.String {
		n.integers += elements + 1
		for _, text := range t.Strings {
			n.bytes += len(text)
		}
	} else if copies(t) {
		n.bytes += len(t.Data) + alignment
	}
	return nil
}

// check tells whether a tensor's data fit its type and shape.
func check(t *tensor.Tensor) (elements int, err error) {
	elements = 1
	for _, d := range t.Shape {
		if d < 0 {
			return 0, invalid("the shape %d has a negative dimension", t.Shape)
		}
		if d > 0 && int64(elements) > (1<<46)/d {
			return 0, invalid("the shape %d has too many elements", t.Shape)
		}
		elements *= int(d)
	}
	if t.Type == tensor.String {
		if len(t.Strings) != elements {
			return 0, invalid("%d strings for the shape %d of %d elements", len(t.Strings), t.Shape, elements)
		}
		return elements, nil
	}
	size := t.Type.Size()
	if size == 0 {
		return 0, invalid("a tensor of %s cannot be given to a model", t.Type)
	}
	if len(t.Data) != elements*size {
		return 0, invalid("%d bytes for the shape %d of %s, which takes %d", len(t.Data), t.Shape, t.Type, elements*size)
	}
	return elements, nil
}

// fill writes the inputs into the frame.
func (f *frame) fill(s *Session, inputs []tensor.Named) error {
	if len(inputs) > len(s.inputNames) {
		return invalid("%d inputs for a model that takes %d", len(inputs), len(s.inputNames))
	}
	var n need
	for i := range inputs {
		if err := n.add(&inputs[i].Value); err != nil {
			return inInput(inputs[i].Name, err)
		}
	}
	if err := f.reserve(n); err != nil {
		return err
	}
	names := unsafe.Slice(f.c.names, len(inputs)+1)
	for i := range inputs {
		// Most callers give the inputs in the graph's order.
		if i >= len(s.inputs) || s.inputs[i].Name != inputs[i].Name {
			k, ok := s.byName[inputs[i].Name]
			if !ok {
				return invalid("the model has no input %q", inputs[i].Name)
			}
			names[i] = s.inputNames[k]
		} else {
			names[i] = s.inputNames[i]
		}
		for k := range i {
			if names[k] == names[i] {
				return invalid("the input %q is given twice", inputs[i].Name)
			}
		}
	}
	f.c.n_inputs = C.size_t(len(inputs))
	children := len(inputs)
	for i := range inputs {
		f.put(i, &inputs[i].Value, &children)
	}
	return nil
}

// inInput names the input in an error of this package.
func inInput(name string, err error) error {
	if e, ok := err.(*Error); ok {
		e.Message = fmt.Sprintf("input %q: %s", name, e.Message)
	}
	return err
}

// reserve cuts the arena into the parts that n asks for.
func (f *frame) reserve(n need) error {
	integersAt := n.nodes * nodeBytes
	bytesAt := integersAt + n.integers*8
	total := bytesAt + n.bytes + alignment
	if total > int(f.c.arena_bytes) {
		if C.servery_frame_reserve(f.c, C.size_t(max(total, 2<<10))) != 0 {
			return takeFailure(&f.c.error)
		}
	}
	start := unsafe.Pointer(f.c.arena)
	f.nodes = unsafe.Slice((*C.node)(start), n.nodes)
	clear(f.nodes)
	f.integers = unsafe.Slice((*int64)(unsafe.Add(start, integersAt)), n.integers)
	f.bytes = unsafe.Slice((*byte)(unsafe.Add(start, bytesAt)), n.bytes+alignment)
	f.c.in, f.c.n_in = (*C.node)(start), C.size_t(n.nodes)
	return nil
}

// put writes v into node at. children is the first free node for what a container holds.
func (f *frame) put(at int, v *tensor.Value, children *int) {
	node := &f.nodes[at]
	switch {
	case v.Tensor != nil:
		f.putTensor(at, v.Tensor)
	case v.Map != nil:
		first := *children
		*children += 2
		node.kind, node.first, node.children = C.ORT_MAP, C.size_t(first), 2
		f.putTensor(first, v.Map.Keys)
		f.putTensor(first+1, v.Map.Values)
	default:
		first := *children
		*children += len(v.Sequence)
		node.kind, node.first, node.children = C.ORT_SEQUENCE, C.size_t(first), C.size_t(len(v.Sequence))
		for i := range v.Sequence {
			f.put(first+i, &v.Sequence[i], children)
		}
	}
}

func (f *frame) putTensor(at int, t *tensor.Tensor) {
	node := &f.nodes[at]
	node.kind, node._type = C.ORT_TENSOR, C.int(t.Type)
	shape := f.takeIntegers(len(t.Shape))
	copy(shape, t.Shape)
	node.shape, node.rank = (*C.int64_t)(unsafe.SliceData(shape)), C.size_t(len(shape))
	if t.Type == tensor.String {
		f.putStrings(node, t.Strings)
		return
	}
	node.bytes = C.size_t(len(t.Data))
	if copies(t) {
		skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(f.bytes)))) & (alignment - 1)
		f.bytes = f.bytes[skip:]
		node.data = unsafe.Pointer(unsafe.SliceData(f.bytes))
		f.bytes = f.bytes[copy(f.bytes, t.Data):]
		return
	}
	data := unsafe.SliceData(t.Data)
	f.pinner.Pin(data)
	f.pinned = true
	node.data = unsafe.Pointer(data)
}

func (f *frame) putStrings(node *C.node, texts []string) {
	offsets := f.takeIntegers(len(texts) + 1)
	node.data = unsafe.Pointer(unsafe.SliceData(f.bytes))
	end := 0
	for i, text := range texts {
		offsets[i] = int64(end)
		end += copy(f.bytes[end:], text)
	}
	offsets[len(texts)] = int64(end)
	f.bytes = f.bytes[end:]
	node.bytes, node.elements = C.size_t(end), C.int64_t(len(texts))
	node.offsets = (*C.int64_t)(unsafe.SliceData(offsets))
}

func (f *frame) takeIntegers(n int) []int64 {
	taken := f.integers[:n:n]
	f.integers = f.integers[n:]
	return taken
}
