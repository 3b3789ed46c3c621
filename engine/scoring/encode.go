package scoring

import (
	"fmt"
	"math"
	"strconv"

	"servery/engine/tensor"
)

// Encode appends the response to dst: {"predictions": …}. To a request that was a table
// it answers with a list of records, one a row, to another with an object of nested
// lists by the outputs' names (mlflow/onnx, _OnnxModelWrapper.predict). NaN and the
// infinities, which JSON lacks, are null. Options change both.
//
// As in MLflow, a table's outputs are flattened: [2, 3] gives six records. Where outputs
// that are flattened differ in length, which MLflow cannot answer, a record holds its
// row's part of each output as nested lists.
func (m *Model) Encode(dst []byte, r *Request, outputs []tensor.Named) ([]byte, error) {
	if r.protocol2 {
		return m.encodeKServe(dst, r, outputs)
	}
	dst = append(dst, `{"predictions": `...)
	var err error
	if r.table {
		dst, err = m.appendRecords(dst, outputs)
	} else {
		dst, err = m.appendDict(dst, outputs)
	}
	if err != nil {
		return nil, err
	}
	return append(dst, '}'), nil
}

func (m *Model) appendDict(dst []byte, outputs []tensor.Named) ([]byte, error) {
	if m.options.WrapOutputs {
		dst = append(dst, '[')
	}
	dst = append(dst, '{')
	var err error
	for i := range outputs {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendString(dst, outputs[i].Name)
		dst = append(dst, ": "...)
		if dst, err = m.options.appendValue(dst, &outputs[i].Value); err != nil {
			return nil, fmt.Errorf("the output %s: %w", outputs[i].Name, err)
		}
	}
	dst = append(dst, '}')
	if m.options.WrapOutputs {
		dst = append(dst, ']')
	}
	return dst, nil
}

// appendValue writes a value of any kind.
func (o Options) appendValue(dst []byte, v *tensor.Value) ([]byte, error) {
	switch {
	case v.Tensor != nil:
		e, err := o.elementsOf(v.Tensor)
		if err != nil {
			return nil, err
		}
		return e.nested(dst, v.Tensor.Shape, 0), nil
	case v.Map != nil:
		return o.appendMap(dst, v.Map)
	}
	dst = append(dst, '[')
	var err error
	for i := range v.Sequence {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if dst, err = o.appendValue(dst, &v.Sequence[i]); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// appendMap writes {"key": value}; whole numbers for keys become texts.
func (o Options) appendMap(dst []byte, m *tensor.Map) ([]byte, error) {
	keys, err := o.elementsOf(m.Keys)
	if err != nil {
		return nil, err
	}
	values, err := o.elementsOf(m.Values)
	if err != nil {
		return nil, err
	}
	if keys.n != values.n {
		return nil, fmt.Errorf("a map has %d keys and %d values", keys.n, values.n)
	}
	dst = append(dst, '{')
	for i := range keys.n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if m.Keys.Type == tensor.String {
			dst = keys.one(dst, i)
		} else {
			dst = append(dst, '"')
			dst = keys.one(dst, i)
			dst = append(dst, '"')
		}
		dst = append(dst, ": "...)
		dst = values.one(dst, i)
	}
	return append(dst, '}'), nil
}

// elements writes a tensor's elements. The view of its type is made once.
type elements struct {
	kind tensor.Type
	n    int
	f32  []float32
	f64  []float64
	i64  []int64
	t    *tensor.Tensor
	// faithful is Options.FaithfulNaN.
	faithful bool
}

// elementsOf fails for tensors whose memory does not hold what their shape says, and for
// complex numbers, which JSON cannot hold.
func (o Options) elementsOf(t *tensor.Tensor) (elements, error) {
	if t == nil {
		return elements{}, fmt.Errorf("it has no value")
	}
	e := elements{kind: t.Type, n: int(t.Elements()), t: t, faithful: o.FaithfulNaN}
	held := len(t.Strings)
	switch {
	case t.Type == tensor.String:
	case !takesJSON(t.Type):
		return e, fmt.Errorf("elements of the type %s cannot be written as JSON", t.Type)
	default:
		held = len(t.Data) / t.Type.Size()
	}
	if held != e.n {
		return e, fmt.Errorf("its shape %s needs %d elements, it has %d", pyShape(t.Shape), e.n, held)
	}
	switch t.Type {
	case tensor.Float32:
		e.f32 = tensor.View[float32](t)
	case tensor.Float64:
		e.f64 = tensor.View[float64](t)
	case tensor.Int64:
		e.i64 = tensor.View[int64](t)
	}
	return e, nil
}

// one writes element i.
func (e *elements) one(dst []byte, i int) []byte {
	switch e.kind {
	case tensor.Float32:
		return e.float(dst, float64(e.f32[i]))
	case tensor.Float64:
		return e.float(dst, e.f64[i])
	case tensor.Int64:
		return strconv.AppendInt(dst, e.i64[i], 10)
	}
	return e.rare(dst, i)
}

// float writes f, also where it is no number.
func (e *elements) float(dst []byte, f float64) []byte {
	if math.Abs(f) <= math.MaxFloat64 {
		return appendFloat(dst, f)
	}
	switch {
	case !e.faithful:
		return append(dst, "null"...)
	case f != f:
		return append(dst, "NaN"...)
	case f < 0:
		return append(dst, "-Infinity"...)
	}
	return append(dst, "Infinity"...)
}

func (e *elements) rare(dst []byte, i int) []byte {
	t := e.t
	switch e.kind {
	case tensor.String:
		return appendString(dst, t.Strings[i])
	case tensor.Bool:
		return strconv.AppendBool(dst, t.Data[i] != 0)
	case tensor.Float16:
		return e.float(dst, tensor.Float16Value(tensor.View[uint16](t)[i]))
	case tensor.BFloat16:
		return e.float(dst, tensor.BFloat16Value(tensor.View[uint16](t)[i]))
	case tensor.Int8:
		return strconv.AppendInt(dst, int64(int8(t.Data[i])), 10)
	case tensor.Int16:
		return strconv.AppendInt(dst, int64(tensor.View[int16](t)[i]), 10)
	case tensor.Int32:
		return strconv.AppendInt(dst, int64(tensor.View[int32](t)[i]), 10)
	case tensor.Uint8:
		return strconv.AppendUint(dst, uint64(t.Data[i]), 10)
	case tensor.Uint16:
		return strconv.AppendUint(dst, uint64(tensor.View[uint16](t)[i]), 10)
	case tensor.Uint32:
		return strconv.AppendUint(dst, uint64(tensor.View[uint32](t)[i]), 10)
	}
	return strconv.AppendUint(dst, tensor.View[uint64](t)[i], 10)
}

// nested writes lists of a shape from element i on.
func (e *elements) nested(dst []byte, shape []int64, i int) []byte {
	if len(shape) == 0 {
		return e.one(dst, i)
	}
	dst = append(dst, '[')
	if len(shape) == 1 {
		for j := range int(shape[0]) {
			if j > 0 {
				dst = append(dst, ", "...)
			}
			dst = e.one(dst, i+j)
		}
		return append(dst, ']')
	}
	step := 1
	for _, d := range shape[1:] {
		step *= int(d)
	}
	for j := range int(shape[0]) {
		if j > 0 {
			dst = append(dst, ", "...)
		}
		dst = e.nested(dst, shape[1:], i+j*step)
	}
	return append(dst, ']')
}

// appendFloat writes Python's repr of a finite float: the shortest digits that give it
// back, "2.0", "1e-05", "1e+16".
func appendFloat(dst []byte, f float64) []byte {
	a := math.Abs(f)
	switch {
	case a < 1<<53 && f == math.Trunc(f) && a < 1e16:
		if f == 0 && math.Signbit(f) {
			return append(dst, "-0.0"...)
		}
		return append(strconv.AppendInt(dst, int64(f), 10), ".0"...)
	case a >= 1e16 || a < 1e-4:
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}
