//go:build linux && cgo

package ort

/*
#include "shim.h"
*/
import "C"

import (
	"sync/atomic"
	"unsafe"

	"servery/engine/tensor"
)

// Outputs are what one Run gave. The bytes and shapes of its tensors lie in ONNX
// Runtime's memory and must not be read after Release, nor changed. Strings are Go's own
// and may be kept.
type Outputs struct {
	// Values are the graph's outputs in its order. An optional output that the model left
	// out has none of Value's fields set.
	Values []tensor.Named

	session  *Session
	frame    *frame
	released atomic.Bool
	// inline saves the common model, with one or two tensors, three allocations.
	inline struct {
		values  [2]tensor.Named
		tensors [2]tensor.Tensor
	}
}

// Release gives the memory back. A second call does nothing.
func (o *Outputs) Release() {
	if o == nil || !o.released.CompareAndSwap(false, true) {
		return
	}
	C.servery_release(o.session.library.c, o.frame.c)
	o.session.give(o.frame)
	o.Values = nil
}

func newOutputs(s *Session, f *frame) *Outputs {
	o := &Outputs{session: s, frame: f}
	nodes := unsafe.Slice(f.c.out, int(f.c.n_out))
	r := reader{nodes: nodes, tensors: o.inline.tensors[:]}
	o.Values = o.inline.values[:]
	if len(s.outputs) > len(o.Values) {
		o.Values = make([]tensor.Named, len(s.outputs))
	}
	o.Values = o.Values[:len(s.outputs)]
	// One allocation for the tensors of a long sequence of maps.
	tensors := 0
	for i := range nodes {
		if nodes[i].kind == C.ORT_TENSOR {
			tensors++
		}
	}
	if tensors > len(r.tensors) {
		r.tensors = make([]tensor.Tensor, tensors)
	}
	for i := range o.Values {
		o.Values[i].Name = s.outputs[i].Name
		r.read(&nodes[i], &o.Values[i].Value)
	}
	return o
}

// reader makes Go values that view C nodes.
type reader struct {
	nodes   []C.node
	tensors []tensor.Tensor // not yet used
}

func (r *reader) read(n *C.node, v *tensor.Value) {
	switch n.kind {
	case C.ORT_TENSOR:
		v.Tensor = r.tensor(n)
	case C.ORT_SEQUENCE:
		v.Sequence = make([]tensor.Value, int(n.children))
		maps := 0
		for i := range v.Sequence {
			if r.nodes[int(n.first)+i].kind == C.ORT_MAP {
				maps++
			}
		}
		room := make([]tensor.Map, maps)
		for i := range v.Sequence {
			child := &r.nodes[int(n.first)+i]
			if child.kind == C.ORT_MAP {
				v.Sequence[i].Map, room = &room[0], room[1:]
				r.readMap(child, v.Sequence[i].Map)
			} else {
				r.read(child, &v.Sequence[i])
			}
		}
	case C.ORT_MAP:
		v.Map = new(tensor.Map)
		r.readMap(n, v.Map)
	}
}

func (r *reader) readMap(n *C.node, m *tensor.Map) {
	m.Keys = r.tensor(&r.nodes[int(n.first)])
	m.Values = r.tensor(&r.nodes[int(n.first)+1])
}

func (r *reader) tensor(n *C.node) *tensor.Tensor {
	t := &r.tensors[0]
	r.tensors = r.tensors[1:]
	t.Type = tensor.Type(n._type)
	if n.rank > 0 {
		t.Shape = unsafe.Slice((*int64)(n.shape), int(n.rank))
	}
	if t.Type != tensor.String {
		t.Data = unsafe.Slice((*byte)(n.data), int(n.bytes))
		return t
	}
	t.Strings = make([]string, int(n.elements))
	text := string(unsafe.Slice((*byte)(n.data), int(n.bytes)))
	offsets := unsafe.Slice((*int64)(n.offsets), len(t.Strings)+1)
	for i := range t.Strings {
		t.Strings[i] = text[offsets[i]:offsets[i+1]]
	}
	return t
}
