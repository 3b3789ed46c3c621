package scoring

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unsafe"

	"servery/engine/tensor"
)

// This file and kserve_encode.go speak KServe's protocol, version 2 (the Open Inference
// Protocol), with its extension for binary tensors
// (github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md, and
// Triton's extension_binary_data.md). Tensors go to the graph as the client names them:
// MLflow's signature is for MLflow's forms.

// KServeType is the media type that tells Decode of a request in KServe's protocol. No client
// sends it: whoever takes requests on KServe's paths says so with KServeContentType.
const KServeType = "application/x-kserve-v2+json"

// KServeContentType is the content type of a request to a model of that name and version
// (either may be ""). header is the length of the JSON that stands before the bytes of
// binary tensors; negative where there are none. Names must hold letters, digits, "-", "_"
// and "." only.
func KServeContentType(model, version string, header int) string {
	b := append(make([]byte, 0, 128), KServeType...)
	b = append(append(b, ";model="...), model...)
	b = append(append(b, ";version="...), version...)
	if header >= 0 {
		b = strconv.AppendInt(append(b, ";header="...), int64(header), 10)
	}
	return string(b)
}

// KServeHeader reads the content type of an answer: the length of the JSON before binary
// tensors, -1 where the answer is JSON only. ok is false for an answer in another protocol.
func KServeHeader(contentType string) (header int, ok bool) {
	header = -1
	rest, ok := strings.CutPrefix(contentType, KServeType)
	if !ok {
		return header, false
	}
	for part := range strings.SplitSeq(rest, ";") {
		if digits, found := strings.CutPrefix(part, "header="); found {
			n, err := strconv.Atoi(digits)
			if err != nil || n < 0 {
				return -1, false
			}
			header = n
		}
	}
	return header, true
}

// kserve is a request in KServe's protocol.
type kserve struct {
	model, version string
	id             []byte // as JSON, in the arena; nil for none
	header         int    // length of the JSON; -1 where the whole body is JSON
	raw            int    // where the next binary tensor begins
	binary         bool   // outputs are binary unless they say otherwise
	outputs        []kserveOutput
	listed         bool // outputs holds what the client asks for, else all are wanted
	// answered is the length of the JSON before the answer's binary tensors, -1 without.
	answered int
}

// kserveOutput is an output that is asked for: its index in the graph's list.
type kserveOutput struct {
	port   int
	binary int8 // 1 yes, -1 no, 0 as the request says
}

// KServeTypeName is the protocol's name of an element type, "" for one that it lacks.
func KServeTypeName(t tensor.Type) string {
	if int(t) < len(kserveNames) {
		return kserveNames[t]
	}
	return ""
}

var kserveNames = [...]string{tensor.Float32: "FP32", tensor.Uint8: "UINT8", tensor.Int8: "INT8", tensor.Uint16: "UINT16", tensor.Int16: "INT16", tensor.Int32: "INT32", tensor.Int64: "INT64",
	tensor.String: "BYTES", tensor.Bool: "BOOL", tensor.Float16: "FP16", tensor.Float64: "FP64", tensor.Uint32: "UINT32", tensor.Uint64: "UINT64", tensor.BFloat16: "BF16"}

// beginKServe reads the content type.
func (r *Request) beginKServe(contentType string) error {
	k := &r.v2
	*k = kserve{header: -1, answered: -1, outputs: k.outputs[:0]}
	for part := range strings.SplitSeq(contentType[len(KServeType):], ";") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "model":
			k.model = value
		case "version":
			k.version = value
		case "header":
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 || n > len(r.d.b) {
				return badRequest("Inference-Header-Content-Length is %s, but the body has %d bytes: it takes the length of the JSON at the body's start", excerpt([]byte(value)), len(r.d.b))
			}
			k.header = n
		}
	}
	k.raw = len(r.d.b)
	if k.header >= 0 {
		k.raw = k.header
	}
	return nil
}

// kserve reads a request.
func (r *Request) kserve(contentType string) error {
	r.protocol2 = true
	if err := r.beginKServe(contentType); err != nil {
		return err
	}
	body, k := r.d.b, &r.v2
	if k.header >= 0 {
		r.d.b = body[:k.header]
	}
	err := r.kserveJSON(body)
	r.d.b = body
	if err == nil && k.header >= 0 && k.raw != len(body) {
		err = badRequest("The body has %d bytes of binary data behind the JSON, and the binary_data_size of its inputs adds up to %d", len(body)-k.header, k.raw-k.header)
	}
	return err
}

// object calls each for every key of the object at d.i, with d.i at the key's value. each
// must read the value.
func (d *decoder) object(what string, each func(key []byte) error) error {
	if c := d.space(); c != '{' {
		return d.isNo(what, "an object")
	}
	var scratch [64]byte
	for more := !d.enter('}'); more; {
		key, err := d.key(scratch[:0])
		if err != nil {
			return err
		}
		d.space()
		if err := each(key); err != nil {
			return err
		}
		if more, err = d.next('}'); err != nil {
			return err
		}
	}
	return nil
}

// listOf calls each for every element of the list at d.i.
func (d *decoder) listOf(what string, each func(i int) error) error {
	if d.space() != '[' {
		return d.isNo(what, "a list")
	}
	more := !d.enter(']')
	for i := 0; more; i++ {
		d.space()
		if err := each(i); err != nil {
			return err
		}
		var err error
		if more, err = d.next(']'); err != nil {
			return err
		}
	}
	return nil
}

// isNo says that the value at d.i is of a wrong type.
func (d *decoder) isNo(what, want string) error {
	start := d.i
	if err := d.skip(0); err != nil {
		return err
	}
	return badRequest("%s is %s: it takes %s", what, excerpt(d.b[start:d.i]), want)
}

func (r *Request) kserveJSON(body []byte) error {
	d, k := &r.d, &r.v2
	found := false
	err := d.object("the request", func(key []byte) error {
		switch string(key) {
		case "id":
			start := d.i
			if d.space() != '"' {
				return d.isNo("id", "a text")
			}
			if err := d.skip(1); err != nil {
				return err
			}
			k.id = d.keep(d.b[start:d.i])
		case "inputs":
			if found {
				return badRequest("inputs appears twice")
			}
			found = true
			return d.listOf("inputs", func(i int) error { return r.kserveInput(i, body) })
		case "outputs":
			err := d.listOf("outputs", r.kserveOutput)
			k.listed = len(k.outputs) > 0
			return err
		case "parameters":
			return d.object("parameters", func(key []byte) error {
				if string(key) != "binary_data_output" {
					return d.skip(2)
				}
				yes, err := d.truth("parameters.binary_data_output")
				k.binary = yes
				return err
			})
		default:
			return d.skip(1)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case d.space() != 0 || d.i < len(d.b):
		return d.fail("Extra data")
	case !found:
		return badRequest("inputs is missing: the request takes {\"inputs\": [{\"name\": …, \"shape\": […], \"datatype\": …, \"data\": […]}]}")
	}
	return nil
}

// truth reads true or false.
func (d *decoder) truth(what string) (bool, error) {
	if d.scanner.word("true") {
		return true, nil
	}
	if d.scanner.word("false") {
		return false, nil
	}
	return false, d.isNo(what, "true or false")
}

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

func (r *Request) kserveOutput(i int) error {
	d := &r.d
	what := "outputs[" + decimal(i) + "]"
	out := kserveOutput{port: -1}
	err := d.object(what, func(key []byte) error {
		switch string(key) {
		case "name":
			var scratch [64]byte
			if d.space() != '"' {
				return d.isNo(what+".name", "a text")
			}
			name, err := d.str(scratch[:0])
			if err != nil {
				return err
			}
			for j, p := range r.model.outputs {
				if p.Name == string(name) {
					out.port = j
					return nil
				}
			}
			return badRequest("%s.name: the model has no output %s; its outputs are %s", what, pyString(string(name)), pyList(allNames(r.model.outputs)))
		case "parameters":
			return d.object(what+".parameters", func(key []byte) error {
				switch string(key) {
				case "binary_data":
					yes, err := d.truth(what + ".parameters.binary_data")
					if out.binary = -1; yes {
						out.binary = 1
					}
					return err
				case "classification":
					return badRequest("%s.parameters.classification: the extension for classification is not supported", what)
				}
				return d.skip(4)
			})
		}
		return d.skip(3)
	})
	switch {
	case err != nil:
		return err
	case out.port < 0:
		return badRequest("%s.name is missing", what)
	case len(r.v2.outputs) >= 2*len(r.model.outputs)+16:
		return badRequest("outputs asks for more than the model's %d outputs", len(r.model.outputs))
	}
	r.v2.outputs = append(r.v2.outputs, out)
	return nil
}

// explainKServe makes the client's answer of a failed decode.
func (m *Model) explainKServe(err error, body []byte) *Error {
	switch e := err.(type) {
	case *Error:
		return e
	case *syntaxError:
		return badRequest("The request is not valid JSON: %s", e.describe(body))
	case *valueError:
		_, text := e.reason()
		return badRequest("input %s: %s", e.place, text)
	}
	return badRequest("%s", fmt.Sprint(err))
}
