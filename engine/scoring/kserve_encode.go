package scoring

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"servery/engine/tensor"
)

// ContentType is the media type of the answer, once Encode has written it.
func (r *Request) ContentType() string {
	if !r.protocol2 {
		return "application/json"
	}
	if r.v2.answered < 0 {
		return KServeType
	}
	return KServeType + ";header=" + strconv.Itoa(r.v2.answered)
}

// encodeKServe appends the response in KServe's protocol: JSON, and behind it the bytes of
// the outputs that are to be binary, in the order in which the JSON names them. Outputs that
// are no tensors, which the protocol does not have, are left out unless they are asked for.
func (m *Model) encodeKServe(dst []byte, r *Request, outputs []tensor.Named) ([]byte, error) {
	k := &r.v2
	if !k.listed {
		k.outputs = k.outputs[:0]
		for i := range outputs {
			if outputs[i].Tensor != nil {
				k.outputs = append(k.outputs, kserveOutput{port: i})
			}
		}
	}
	start := len(dst)
	dst = append(dst, `{"model_name":`...)
	dst = appendString(dst, k.model)
	if k.version != "" {
		dst = appendString(append(dst, `,"model_version":`...), k.version)
	}
	if k.id != nil {
		dst = append(append(dst, `,"id":`...), k.id...)
	}
	dst = append(dst, `,"outputs":[`...)
	anyBinary := false
	for i, out := range k.outputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		if out.port >= len(outputs) || outputs[out.port].Tensor == nil {
			return nil, fmt.Errorf("the output %s is no tensor, and KServe's protocol has nothing else", pyString(m.outputs[out.port].Name))
		}
		o := &outputs[out.port]
		e, err := m.options.elementsOf(o.Tensor)
		if err != nil {
			return nil, fmt.Errorf("the output %s: %w", o.Name, err)
		}
		dst = append(append(dst, `{"name":`...), m.outputKey(out.port, o.Name)...)
		dst = append(append(dst, `,"datatype":"`...), KServeTypeName(o.Tensor.Type)...)
		dst = append(dst, `","shape":[`...)
		for j, n := range o.Tensor.Shape {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(dst, n, 10)
		}
		if out.isBinary(k) {
			anyBinary = true
			dst = append(dst, `],"parameters":{"binary_data_size":`...)
			dst = append(strconv.AppendInt(dst, int64(binarySize(o.Tensor)), 10), "}}"...)
			continue
		}
		dst = e.flat(append(dst, `],"data":[`...))
		dst = append(dst, "]}"...)
	}
	dst = append(dst, "]}"...)
	if !anyBinary {
		return dst, nil
	}
	k.answered = len(dst) - start
	for _, out := range k.outputs {
		if out.isBinary(k) {
			dst = appendBinary(dst, outputs[out.port].Tensor)
		}
	}
	return dst, nil
}

func (o kserveOutput) isBinary(k *kserve) bool { return o.binary > 0 || o.binary == 0 && k.binary }

// binarySize is the bytes of a tensor as appendBinary writes it.
func binarySize(t *tensor.Tensor) int {
	if t.Type != tensor.String {
		return len(t.Data)
	}
	size := 4 * len(t.Strings)
	for _, s := range t.Strings {
		size += len(s)
	}
	return size
}

func appendBinary(dst []byte, t *tensor.Tensor) []byte {
	if t.Type != tensor.String {
		return append(dst, t.Data...)
	}
	for _, s := range t.Strings {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

// flat writes all elements, separated by commas. Numbers of 32 bits have the shortest digits
// that give the 32 bits back.
func (e *elements) flat(dst []byte) []byte {
	for i := range e.n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if e.kind == tensor.Float32 {
			if f := e.f32[i]; !math.IsInf(float64(f), 0) && f == f {
				dst = appendFloat32(dst, f)
				continue
			}
		}
		dst = e.one(dst, i)
	}
	return dst
}

func appendFloat32(dst []byte, f float32) []byte {
	a := math.Abs(float64(f))
	if a < 1<<24 && f == float32(int32(f)) && (f != 0 || !math.Signbit(float64(f))) {
		return append(strconv.AppendInt(dst, int64(f), 10), ".0"...)
	}
	if a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(dst, float64(f), 'e', -1, 32)
	}
	return strconv.AppendFloat(dst, float64(f), 'f', -1, 32)
}
