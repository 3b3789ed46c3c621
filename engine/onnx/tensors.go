package onnx

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/tensor"
)

// tensorInfo is what counts of a TensorProto.
type tensorInfo struct {
	name     string
	elements int64
}

// tensor reads a TensorProto: its name and size, and where its bytes lie. The bytes
// themselves are skipped, but must be as many as the shape says.
func (p *parser) tensor(f field) tensorInfo {
	var (
		t        tensorInfo
		kind     int64
		dims     []int64
		raw      = int64(-1)
		external bool
		at       = place{offset: 0, length: -1}
		begin    = p.pos
	)
	p.message(f, func(f field) {
		switch f.number {
		case 1:
			p.int64s(f, func(d int64) {
				if len(dims) == maxRank {
					p.fail("a tensor in it has more than %d dimensions", maxRank)
					return
				}
				dims = append(dims, d)
			})
		case 2:
			kind = p.int64(f)
		case 8:
			t.name = p.text(f)
		case 9:
			if f.kind != protowire.BytesType {
				p.fail("a tensor's data in it is not bytes")
			}
			raw = f.end - p.pos
		case 13:
			external = true
			p.externalEntry(f, &at)
		case 14:
			external = external || p.int64(f) == 1
		}
	})
	if p.err != nil {
		return t
	}
	t.elements = p.elements(t.name, dims)
	bytes := tensorBytes(kind, t.elements)
	switch {
	case p.err != nil:
	case external:
		p.external(t.name, at, kind, bytes)
	case raw >= 0 && bytes >= 0 && raw != bytes:
		p.fail("the tensor %q should have %d bytes and has %d", t.name, bytes, raw)
	case raw < 0 && t.elements/8 > f.end-begin:
		// No encoding writes more than eight elements into a byte.
		p.fail("the tensor %q claims %d elements and holds fewer", t.name, t.elements)
	}
	return t
}

// elements is the product of the dimensions, which may not be negative.
func (p *parser) elements(name string, dims []int64) int64 {
	n, problem := countElements(dims)
	if problem != "" {
		p.fail("the tensor %q %s", name, problem)
	}
	return n
}

// The element types of onnx.proto that package tensor does not have, for they cannot be
// sent: 8-bit floats, and types of 4 and 2 bits that are packed.
const (
	float8First, float8Last = 17, 20
	uint4, int4, float4     = 21, 22, 23
	float8E8M0              = 24
	uint2, int2             = 25, 26
)

// tensorBytes is what n elements of a type take as raw data; -1 for strings and types
// that are not known, and where the product leaves int64.
func tensorBytes(kind, n int64) int64 {
	switch {
	case kind >= float8First && kind <= float8Last, kind == float8E8M0:
		return n
	case kind == uint4, kind == int4, kind == float4:
		return n/2 + n%2
	case kind == uint2, kind == int2:
		return n/4 + (n%4+3)/4
	case kind <= 0 || kind > math.MaxUint8:
		return -1
	}
	size := int64(tensor.Type(kind).Size())
	if size == 0 || n > math.MaxInt64/size {
		return -1
	}
	return n * size
}

// externalEntry reads one key and value of a tensor's external_data. Every location
// is looked at, also where a hostile file gives several.
func (p *parser) externalEntry(f field, at *place) {
	var key, value string
	p.message(f, func(f field) {
		switch f.number {
		case 1:
			key = p.text(f)
		case 2:
			value = p.text(f)
		}
	})
	if p.err != nil {
		return
	}
	switch key {
	case "location":
		if err := safeLocation(value); err != nil {
			p.err = err
			return
		}
		if at.location != "" && at.location != value {
			p.fail("a tensor in it has its data in two files, %q and %q", at.location, value)
			return
		}
		at.location = value
	case "offset", "length":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			p.fail("the %s of a tensor's external data is %q, which is no number of bytes", key, value)
			return
		}
		if key == "offset" {
			at.offset = n
		} else {
			at.length = n
		}
	}
}

// external notes how much of its file a tensor with external data needs.
func (p *parser) external(name string, at place, kind, bytes int64) {
	switch {
	case at.location == "":
		p.fail("the tensor %q has external data and does not say where", name)
	case kind == int64(tensor.String):
		p.fail("the tensor %q holds texts, which cannot be external data", name)
	case at.length >= 0 && bytes >= 0 && at.length != bytes:
		p.fail("the tensor %q should have %d bytes and its external data has %d", name, bytes, at.length)
	}
	if p.err != nil {
		return
	}
	need := max(at.length, bytes, 0)
	if at.offset > math.MaxInt64-need {
		p.fail("the external data of the tensor %q ends beyond what a file can hold", name)
		return
	}
	known := p.model.references[at.location]
	if end := at.offset + need; end >= known.end {
		known = extent{end: end, tensor: name}
	}
	p.model.references[at.location] = known
}
