package scoring

import (
	"bytes"
	"strings"

	"servery/engine/tensor"
)

// Request is a decoded request. It lives in memory that is used again after Release.
type Request struct {
	// Inputs are the tensors for the graph's inputs, in the graph's order. Their memory,
	// strings included, is the request's: it must not be used after Release.
	Inputs []tensor.Named

	model *Model
	d     decoder
	// table tells that predictions are to be rows: see Encode.
	table   bool
	kind    form
	parsed  bool   // the form is one that MLflow makes a table of before it enforces the signature
	nests   []nest // one for each of the graph's inputs
	tensors []tensor.Tensor
	shapes  [][]int64
	fed     []bool
	t       table
	// protocol2 tells that the request is in KServe's protocol.
	protocol2 bool
	v2        kserve
}

// keptBytes bounds the memory of one request that waits for the next.
const keptBytes = 64 << 20

func (m *Model) newRequest() *Request {
	n := len(m.inputs)
	r := &Request{model: m, Inputs: make([]tensor.Named, 0, n), nests: make([]nest, n),
		tensors: make([]tensor.Tensor, n), shapes: make([][]int64, n), fed: make([]bool, n)}
	for i := range r.shapes {
		r.shapes[i] = make([]int64, 0, 4)
	}
	return r
}

// Release gives the request's memory back. Neither the request nor its tensors may be
// used afterwards.
func (r *Request) Release() {
	held := cap(r.d.arena) + len(r.t.column.data) + 16*len(r.t.column.strings)
	for i := range r.nests {
		held += len(r.nests[i].data) + 16*len(r.nests[i].strings)
	}
	r.d.b = nil
	if held <= keptBytes {
		r.model.pool.Put(r)
	}
}

func (r *Request) reset(body []byte) {
	r.Inputs = r.Inputs[:0]
	r.table, r.parsed, r.protocol2 = false, false, false
	r.d.reset(body)
	clear(r.fed)
}

// feed makes the tensor of the graph's input number port from n elements of k.
func (r *Request) feed(port int, k *sink, n int, shape []int64) {
	t := &r.tensors[port]
	k.take(t, n)
	r.shapes[port] = shape
	t.Shape = shape
	r.fed[port] = true
}

// finish lists the inputs in the graph's order. It fails where one is missing that the
// graph needs.
func (r *Request) finish() error {
	for i, p := range r.model.inputs {
		if r.fed[i] {
			r.Inputs = append(r.Inputs, tensor.Named{Name: p.Name, Value: tensor.Value{Tensor: &r.tensors[i]}})
		} else if !p.Optional {
			return r.model.missingFeed(r.fed)
		}
	}
	return nil
}

// Decode reads the body of an invocations request. contentType is the header as the
// client sent it; "" is application/json. The error is an *Error. The body may be used
// for something else once Decode has returned.
func (m *Model) Decode(contentType string, body []byte) (*Request, error) {
	csv := false
	if strings.HasPrefix(contentType, KServeType) {
		return m.decodeKServe(contentType, body)
	}
	if contentType != "" && contentType != "application/json" {
		var e *Error
		if csv, e = mediaType(contentType); e != nil {
			return nil, e
		}
	}
	r := m.pool.Get().(*Request)
	r.reset(body)
	var err error
	if csv {
		if bytes.IndexByte(body, '\n') < 0 && bytes.IndexByte(body, '\r') >= 0 {
			body = bytes.ReplaceAll(body, []byte{'\r'}, []byte{'\n'}) // lines as old spreadsheets end them
		}
		err = r.csv(bytes.NewReader(body))
	} else {
		err = r.json()
	}
	if err == nil {
		err = r.finish()
	}
	if err == nil {
		r.d.b = nil
		return r, nil
	}
	e := m.explain(err, body, csv)
	r.Release()
	return nil, e
}

func (m *Model) decodeKServe(contentType string, body []byte) (*Request, error) {
	r := m.pool.Get().(*Request)
	r.reset(body)
	err := r.kserve(contentType)
	if err == nil {
		err = r.finish()
	}
	if err == nil {
		r.d.b = nil
		return r, nil
	}
	e := m.explainKServe(err, body)
	r.Release()
	return nil, e
}
