package scoring

import (
	"fmt"
	"strconv"
	"strings"

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
