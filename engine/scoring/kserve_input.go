package scoring

import (
	"encoding/binary"
	"math"
	"unsafe"

	"servery/engine/tensor"
)

// kserveTensor is one of the inputs while it is read.
type kserveTensor struct {
	port  int // -1 until its name is known
	name  string
	shape []int64
	typed bool
	// datatype is to be compared: it stands before the name.
	datatype string
	compare  bool
	data     int // where its data begin, 0 for none
	read     bool
	size     int // binary_data_size, -1 for none
}

func (r *Request) kserveInput(i int, body []byte) error {
	d := &r.d
	t := kserveTensor{port: -1, size: -1, name: "inputs[" + decimal(i) + "]"}
	var shape [maxRank]int64
	t.shape = shape[:0]
	shaped := false
	err := d.object(t.name, func(key []byte) error {
		switch string(key) {
		case "name":
			return r.kserveName(&t)
		case "shape":
			shaped = true
			return d.listOf(t.name+".shape", func(int) error { return d.dimension(&t) })
		case "datatype":
			return r.kserveDatatype(&t)
		case "parameters":
			return d.object(t.name+".parameters", func(key []byte) error {
				if string(key) != "binary_data_size" {
					return d.skip(4)
				}
				n, ok := d.whole(math.MaxInt32)
				if !ok {
					return d.isNo(t.name+".parameters.binary_data_size", "a number of bytes")
				}
				t.size = int(n)
				return nil
			})
		case "data":
			if t.data != 0 {
				return badRequest("%s.data appears twice", t.name)
			}
			t.data = d.i
			if t.read = t.port >= 0; t.read {
				return r.kserveData(&t)
			}
			return d.skip(3)
		}
		return d.skip(3)
	})
	switch {
	case err != nil:
		return err
	case t.port < 0:
		return badRequest("%s.name is missing", t.name)
	case !shaped || !t.typed:
		return badRequest("input %s: it takes a shape and a datatype", pyString(t.name))
	}
	return r.kserveFeed(&t, body)
}

func (r *Request) kserveName(t *kserveTensor) error {
	d := &r.d
	var scratch [64]byte
	if d.space() != '"' {
		return d.isNo(t.name+".name", "a text")
	}
	name, err := d.str(scratch[:0])
	if err != nil {
		return err
	}
	for i, p := range r.model.inputs {
		if p.Name == string(name) {
			if t.port >= 0 || r.fed[i] {
				return badRequest("input %s appears twice", pyString(p.Name))
			}
			t.port, t.name = i, p.Name
			if !feedable(p) {
				return badRequest("input %s: it is a %s, which no request can hold", pyString(p.Name), p.TypeString())
			}
			r.nests[i].reset(newCast(tensor.Undefined, p.Type))
			return nil
		}
	}
	return badRequest("%s.name: the model has no input %s; its inputs are %s", t.name, pyString(string(name)), pyList(allNames(r.model.inputs)))
}

func allNames(ports []tensor.Port) []string {
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = p.Name
	}
	return names
}

// kserveDatatype keeps the name of the type, which is compared once the input is known.
func (r *Request) kserveDatatype(t *kserveTensor) error {
	d := &r.d
	var scratch [16]byte
	if d.space() != '"' {
		return d.isNo(t.name+".datatype", "a text")
	}
	start := d.i
	name, err := d.str(scratch[:0])
	if err != nil {
		return err
	}
	t.typed = true
	if t.port < 0 {
		t.datatype, t.compare = excerpt(name), true
		return nil
	}
	if want := KServeTypeName(r.model.inputs[t.port].Type); string(name) != want {
		return badRequest("input %s: its datatype is %s, the model takes %s", pyString(t.name), excerpt(d.b[start:d.i]), want)
	}
	return nil
}

// whole reads a number of 0 to most.
func (d *decoder) whole(most uint64) (uint64, bool) {
	n := scanNumber(d.b, d.i)
	if n.end == 0 || n.negative() {
		return 0, false
	}
	m, f := n.integer(d.b[d.i:n.end])
	if f != fine || m > most {
		return 0, false
	}
	d.i = n.end
	return m, true
}

func (d *decoder) dimension(t *kserveTensor) error {
	n, ok := d.whole(math.MaxInt32)
	if !ok {
		return d.isNo("a dimension of "+t.name+".shape", "a whole number of 0 or more")
	}
	if len(t.shape) == cap(t.shape) {
		return badRequest("input %s: its shape has more than %d dimensions", pyString(t.name), cap(t.shape))
	}
	t.shape = append(t.shape, int64(n))
	return nil
}

// kserveData reads "data": a list of elements, flat or nested.
func (r *Request) kserveData(t *kserveTensor) error {
	if err := r.d.value(&r.nests[t.port], 0); err != nil {
		return inTensor(err, []byte(t.name))
	}
	return nil
}

// kserveFeed gives the graph a tensor whose description has been read.
func (r *Request) kserveFeed(t *kserveTensor, body []byte) error {
	p := &r.model.inputs[t.port]
	if t.compare && t.datatype != KServeTypeName(p.Type) {
		return badRequest("input %s: its datatype is %q, the model takes %s", pyString(t.name), t.datatype, KServeTypeName(p.Type))
	}
	if !p.Unranked && !sameShape(p.Shape, t.shape) {
		return badRequest("input %s: its shape is %v, the model takes %v", pyString(t.name), t.shape, p.Shape)
	}
	elements := uint64(1)
	for _, n := range t.shape {
		if high := uint64(n); n > 0 && elements > math.MaxInt32/high {
			elements = math.MaxInt32 // more than any body holds
		} else {
			elements *= high
		}
	}
	n := &r.nests[t.port]
	switch {
	case t.size >= 0 && t.data != 0:
		return badRequest("input %s: it has data as well as binary_data_size, which takes it from behind the JSON", pyString(t.name))
	case t.size >= 0:
		if err := r.kserveBinary(t, n, int(elements), body); err != nil {
			return err
		}
	case t.data == 0:
		return badRequest("input %s: it has neither data nor parameters.binary_data_size", pyString(t.name))
	case !t.read:
		end := r.d.i
		r.d.i = t.data
		if err := r.kserveData(t); err != nil {
			return err
		}
		r.d.i = end
	}
	if uint64(n.n) != elements {
		return badRequest("input %s: its shape %v has %d elements, its data have %d", pyString(t.name), t.shape, elements, n.n)
	}
	r.feed(t.port, &n.sink, n.n, append(r.shapes[t.port][:0], t.shape...))
	return nil
}

// kserveBinary takes a tensor's bytes from behind the JSON: numbers as they lie in memory,
// the lowest byte first, and texts each behind its length in four bytes.
func (r *Request) kserveBinary(t *kserveTensor, n *nest, elements int, body []byte) error {
	k := &r.v2
	if k.header < 0 {
		return badRequest("input %s: binary_data_size is for requests with the header Inference-Header-Content-Length", pyString(t.name))
	}
	if t.size > len(body)-k.raw {
		return badRequest("input %s: its binary_data_size is %d, but the body has only %d bytes left", pyString(t.name), t.size, len(body)-k.raw)
	}
	raw := body[k.raw : k.raw+t.size]
	k.raw += t.size
	if n.to == tensor.String {
		return r.kserveTexts(t, n, elements, raw)
	}
	if len(raw) != elements*n.size {
		return badRequest("input %s: its shape %v has %d elements of %d bytes, its binary_data_size is %d", pyString(t.name), t.shape, elements, n.size, t.size)
	}
	n.room(elements)
	copy(n.data, raw)
	n.n = elements
	if n.to == tensor.Bool && !booleans(n.data[:elements]) {
		return badRequest("input %s: its BOOL elements have bytes other than 0 and 1", pyString(t.name))
	}
	return nil
}

// booleans tells whether all bytes are 0 or 1.
func booleans(b []byte) bool {
	var all uint64
	for ; len(b) >= 8; b = b[8:] {
		all |= binary.LittleEndian.Uint64(b)
	}
	for _, c := range b {
		all |= uint64(c)
	}
	return all&^0x0101010101010101 == 0
}

func (r *Request) kserveTexts(t *kserveTensor, n *nest, elements int, raw []byte) error {
	if elements > len(raw)/4 {
		return badRequest("input %s: its shape %v has %d elements, for which %d bytes are too few", pyString(t.name), t.shape, elements, len(raw))
	}
	n.room(elements)
	for i := range elements {
		if len(raw) < 4 {
			return badRequest("input %s: its bytes end before element %d", pyString(t.name), i)
		}
		length := uint64(binary.LittleEndian.Uint32(raw))
		if raw = raw[4:]; length > uint64(len(raw)) {
			return badRequest("input %s: element %d has %d bytes, but only %d are left", pyString(t.name), i, length, len(raw))
		}
		text := r.keepRaw(raw[:length])
		n.strings[i] = unsafe.String(unsafe.SliceData(text), len(text))
		raw = raw[length:]
	}
	if len(raw) > 0 {
		return badRequest("input %s: %d bytes are left behind its last element", pyString(t.name), len(raw))
	}
	n.n = elements
	return nil
}

// keepRaw is keep while d.b is the JSON only: the arena must have room for the whole body.
func (r *Request) keepRaw(text []byte) []byte {
	a := &r.d.arena
	if cap(*a)-len(*a) < len(text) {
		// What was kept before stays where it is.
		*a = make([]byte, 0, max(2*cap(*a), len(text), 4096))
	}
	start := len(*a)
	*a = append(*a, text...)
	return (*a)[start:len(*a):len(*a)]
}
