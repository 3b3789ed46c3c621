//go:build linux && cgo

package ort

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

func TestZipMapGivesASequenceOfMaps(t *testing.T) {
	s := load(t, file(t, onnxtest.ZipMap()), Options{})
	got := run(t, s, named("x", floats([]int64{3, 2}, 1, 0, 0.25, 0.75, 0.5, 0.5)))
	if label := tensor.View[int64](got[0].Tensor); !reflect.DeepEqual(label, []int64{0, 1, 0}) {
		t.Errorf("label %v", label)
	}
	want := [][]float32{{1, 0}, {0.25, 0.75}, {0.5, 0.5}}
	if len(got[1].Sequence) != len(want) {
		t.Fatalf("%d maps, want %d", len(got[1].Sequence), len(want))
	}
	for i, v := range got[1].Sequence {
		if v.Map == nil || !reflect.DeepEqual(tensor.View[int64](v.Map.Keys), []int64{0, 1}) ||
			!reflect.DeepEqual(tensor.View[float32](v.Map.Values), want[i]) {
			t.Errorf("row %d: %+v", i, v)
		}
	}
}

func TestZipMapOfStringsAndOfNoRows(t *testing.T) {
	s := load(t, shared(t, "tabular", "tab_strings_zipmap.onnx"), Options{})
	for _, rows := range []int64{0, 1, 700} {
		number := make([]float32, rows)
		text := make([]string, rows)
		for i := range text {
			number[i], text[i] = float32(i), "Kraków"
		}
		shape := []int64{rows, 1}
		got := run(t, s, named("age", floats(shape, number...)), named("income", floats(shape, number...)),
			named("city", texts(shape, text...)), named("plan", texts(shape, text...)))
		if len(got[0].Tensor.Strings) != int(rows) || len(got[1].Sequence) != int(rows) || got[1].Sequence == nil {
			t.Fatalf("%d rows: %d labels, %d maps", rows, len(got[0].Tensor.Strings), len(got[1].Sequence))
		}
		for i, v := range got[1].Sequence {
			p := tensor.View[float32](v.Map.Values)
			if !reflect.DeepEqual(v.Map.Keys.Strings, []string{"churn", "stay"}) || p[0]+p[1] < 0.999 || p[0]+p[1] > 1.001 {
				t.Fatalf("row %d of %d: %v %v", i, rows, v.Map.Keys.Strings, p)
			}
		}
	}
}

func TestSequenceOfTensorsOut(t *testing.T) {
	s := load(t, file(t, onnxtest.Model(onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "SplitToSequence", Inputs: []string{"x"}, Outputs: []string{"parts"}}},
		Inputs:  []tensor.Port{onnxtest.Port("x", tensor.Int64, -1, 2)},
		Outputs: []tensor.Port{{Name: "parts", Kind: tensor.KindSequence, Type: tensor.Int64}},
	})), Options{})
	if p := s.Outputs()[0]; p.Kind != tensor.KindSequence || p.OfMaps || p.Type != tensor.Int64 {
		t.Errorf("port %+v", p)
	}
	got := run(t, s, named("x", int64s([]int64{3, 2}, 1, 2, 3, 4, 5, 6)))[0].Sequence
	if len(got) != 3 {
		t.Fatalf("%d parts", len(got))
	}
	for i, v := range got {
		if !equal(v.Tensor, int64s([]int64{1, 2}, int64(2*i+1), int64(2*i+2))) {
			t.Errorf("part %d: %+v", i, v.Tensor)
		}
	}
}

func TestSequencesIn(t *testing.T) {
	sequence := func(typ tensor.Type) tensor.Port {
		return tensor.Port{Name: "s", Kind: tensor.KindSequence, Type: typ}
	}
	at := func(typ tensor.Type) *Session {
		return load(t, file(t, onnxtest.Model(onnxtest.Graph{
			Nodes:   []onnxtest.Node{{Op: "SequenceAt", Inputs: []string{"s", "i"}, Outputs: []string{"y"}}},
			Inputs:  []tensor.Port{sequence(typ), onnxtest.Port("i", tensor.Int64)},
			Outputs: []tensor.Port{{Name: "y", Type: typ, Unranked: true}},
		})), Options{})
	}
	s := at(tensor.Float32)
	// A large tensor is pinned, a small one copied: both come out of one sequence.
	large := floats([]int64{2000}, make([]float32, 2000)...)
	values := []tensor.Value{{Tensor: floats([]int64{1, 2}, 1, 2)}, {Tensor: large}, {Tensor: floats(nil, 7)}}
	for i, v := range values {
		got := run(t, s, tensor.Named{Name: "s", Value: tensor.Value{Sequence: values}}, named("i", int64s(nil, int64(i))))
		if !equal(got[0].Tensor, v.Tensor) {
			t.Errorf("element %d: %+v", i, got[0].Tensor)
		}
	}
	text := []tensor.Value{{Tensor: texts([]int64{1}, "a")}, {Tensor: texts([]int64{2}, "b", "ć")}}
	got := run(t, at(tensor.String), tensor.Named{Name: "s", Value: tensor.Value{Sequence: text}}, named("i", int64s(nil, 1)))
	if !equal(got[0].Tensor, text[1].Tensor) {
		t.Errorf("strings: %+v", got[0].Tensor)
	}
}

func TestSequencePassesThrough(t *testing.T) {
	s := load(t, file(t, onnxtest.Model(onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Identity", Inputs: []string{"s"}, Outputs: []string{"out"}}},
		Inputs:  []tensor.Port{{Name: "s", Kind: tensor.KindSequence, Type: tensor.Float32}},
		Outputs: []tensor.Port{{Name: "out", Kind: tensor.KindSequence, Type: tensor.Float32}},
	})), Options{})
	large := floats([]int64{5000}, make([]float32, 5000)...)
	large.Data[0] = 9
	got := run(t, s, tensor.Named{Name: "s", Value: tensor.Value{Sequence: []tensor.Value{{Tensor: large}, {Tensor: floats(nil, 1)}}}})
	// The output must not lie in the caller's memory.
	large.Data[0] = 1
	if v := got[0].Sequence; len(v) != 2 || len(v[0].Tensor.Data) != 20000 || v[0].Tensor.Data[0] != 9 || !equal(v[1].Tensor, floats(nil, 1)) {
		t.Errorf("got %+v", v)
	}
}

func TestMapsIn(t *testing.T) {
	s := load(t, file(t, onnxtest.Model(onnxtest.Graph{
		Nodes: []onnxtest.Node{{Op: "DictVectorizer", Domain: "ai.onnx.ml", Inputs: []string{"m"}, Outputs: []string{"y"},
			Attributes: []onnxtest.Attribute{{Name: "string_vocabulary", Value: []string{"a", "b", "c"}}}}},
		Inputs:  []tensor.Port{{Name: "m", Kind: tensor.KindMap, Key: tensor.String, Type: tensor.Float32}},
		Outputs: []tensor.Port{{Name: "y", Type: tensor.Float32, Unranked: true}},
	})), Options{})
	if p := s.Inputs()[0]; p.Kind != tensor.KindMap || p.Key != tensor.String || p.Type != tensor.Float32 {
		t.Errorf("port %+v", p)
	}
	m := &tensor.Map{Keys: texts([]int64{2}, "c", "a"), Values: floats([]int64{2}, 3, 1)}
	got := run(t, s, tensor.Named{Name: "m", Value: tensor.Value{Map: m}})
	if y := tensor.View[float32](got[0].Tensor); !reflect.DeepEqual(y, []float32{1, 0, 3}) {
		t.Errorf("got %v", y)
	}
	var e *Error
	if _, err := s.Run([]tensor.Named{{Name: "m", Value: tensor.Value{Map: &tensor.Map{Keys: m.Keys}}}}, nil); !errors.As(err, &e) {
		t.Errorf("a map without values: %v", err)
	}
}

// message is a protobuf field that holds the parts one after another.
func message(n protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), bytes.Join(parts, nil))
}

func number(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}

// floatType is the TypeProto of tensor(float) without a shape.
func floatType() []byte { return message(1, number(1, uint64(tensor.Float32))) }

// withOptionalOutput adds an output of type optional(tensor(float)), and nodes, to a
// model: protobuf joins a graph that is given twice.
func withOptionalOutput(model []byte, name string, nodes ...[]byte) []byte {
	port := message(12, message(1, []byte(name)), message(2, message(9, message(1, floatType()))))
	return append(model, message(7, append(nodes, port)...)...)
}

func TestOptionalOutput(t *testing.T) {
	graph := onnxtest.Graph{
		Nodes:  []onnxtest.Node{{Op: "Optional", Inputs: []string{"x"}, Outputs: []string{"o"}}},
		Inputs: []tensor.Port{onnxtest.Port("x", tensor.Float32, -1)},
	}
	s := load(t, file(t, withOptionalOutput(onnxtest.Model(graph), "o")), Options{})
	if p := s.Outputs()[0]; !p.Optional || p.Kind != tensor.KindTensor || p.Type != tensor.Float32 {
		t.Errorf("port %+v", p)
	}
	if got := run(t, s, named("x", floats([]int64{2}, 1, 2))); !equal(got[0].Tensor, floats([]int64{2}, 1, 2)) {
		t.Errorf("with a value: %+v", got[0])
	}
}

func TestOptionalOutputThatIsLeftOut(t *testing.T) {
	// NodeProto of o = Optional(), whose attribute says what o would hold.
	none := message(1, message(2, []byte("o")), message(4, []byte("Optional")),
		message(5, message(1, []byte("type")), message(14, floatType()), number(20, 13)))
	graph := onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Neg", Inputs: []string{"x"}, Outputs: []string{"y"}}},
		Inputs:  []tensor.Port{onnxtest.Port("x", tensor.Float32, -1)},
		Outputs: []tensor.Port{onnxtest.Port("y", tensor.Float32, -1)},
	}
	s := load(t, file(t, withOptionalOutput(onnxtest.Model(graph), "o", none)), Options{})
	got := run(t, s, named("x", floats([]int64{1}, 3)))
	if !equal(got[0].Tensor, floats([]int64{1}, -3)) {
		t.Errorf("y = %+v", got[0].Tensor)
	}
	if v := got[1].Value; got[1].Name != "o" || v.Tensor != nil || v.Sequence != nil || v.Map != nil {
		t.Errorf("o = %+v, want no value", v)
	}
}

func TestModelThatReturnsItsInput(t *testing.T) {
	s := load(t, file(t, onnxtest.Model(onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Neg", Inputs: []string{"x"}, Outputs: []string{"y"}}},
		Inputs:  []tensor.Port{onnxtest.Port("x", tensor.Float32, -1)},
		Outputs: []tensor.Port{onnxtest.Port("x", tensor.Float32, -1), onnxtest.Port("y", tensor.Float32, -1)},
	})), Options{})
	for _, n := range []int64{3, 5000} {
		x := floats([]int64{n}, make([]float32, n)...)
		tensor.View[float32](x)[1] = 4
		got := run(t, s, named("x", x))
		// The caller uses its memory again while the outputs are read.
		clear(x.Data)
		if v := tensor.View[float32](got[0].Tensor); v[1] != 4 {
			t.Errorf("%d elements: x lies in the caller's memory", n)
		}
		if v := tensor.View[float32](got[1].Tensor); v[1] != -4 {
			t.Errorf("%d elements: y = %v", n, v[1])
		}
	}
}
