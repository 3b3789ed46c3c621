package scoring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

func port(name string, t tensor.Type, shape ...int64) tensor.Port {
	return tensor.Port{Name: name, Type: t, Shape: shape}
}

func columnSig(specs ...string) *mlmodel.Signature {
	s := &mlmodel.Schema{}
	for _, spec := range specs {
		name, kind, _ := strings.Cut(spec, ":")
		kind, optional := strings.CutSuffix(kind, "?")
		s.Columns = append(s.Columns, mlmodel.Column{Name: name, Type: mlmodel.ColumnType(kind), Required: !optional})
	}
	return &mlmodel.Signature{Inputs: s}
}

func tensorSig(specs ...mlmodel.TensorSpec) *mlmodel.Signature {
	return &mlmodel.Signature{Inputs: &mlmodel.Schema{Tensors: specs}}
}

func spec(name string, t tensor.Type, shape ...int64) mlmodel.TensorSpec {
	return mlmodel.TensorSpec{Name: name, Type: t, Shape: shape}
}

func newModel(t testing.TB, sig *mlmodel.Signature, ports ...tensor.Port) *Model {
	t.Helper()
	m, err := New(sig, ports, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// show is the inputs of a request as text: x=float32(2, 2)[1.0, 2.0, 3.0, 4.0].
func show(t testing.TB, r *Request) string {
	t.Helper()
	var parts []string
	for _, in := range r.Inputs {
		flat := *in.Tensor
		flat.Shape = []int64{in.Tensor.Elements()}
		b, err := Options{}.appendValue(nil, &tensor.Value{Tensor: &flat})
		if err != nil {
			t.Fatalf("%s: %v", in.Name, err)
		}
		parts = append(parts, fmt.Sprintf("%s=%s%s%s", in.Name, in.Tensor.Type, pyShape(in.Tensor.Shape), b))
	}
	return strings.Join(parts, " ")
}

func TestFormsBecomeTheTensorsThatTheGraphTakes(t *testing.T) {
	xy := columnSig("x:double", "y:double")
	matrix := []tensor.Port{port("in", tensor.Float32, -1, -1)}
	two := []tensor.Port{port("x", tensor.Float32, -1), port("y", tensor.Float64, -1, 1)}
	image := tensorSig(spec("", tensor.Float32, -1, 2, 2))
	named := tensorSig(spec("a", tensor.Float32, -1, 2), spec("b", tensor.Int64, -1))
	ab := []tensor.Port{port("a", tensor.Float32, -1, 2), port("b", tensor.Int64, -1)}
	tests := []struct {
		name  string
		sig   *mlmodel.Signature
		ports []tensor.Port
		body  string
		want  string
	}{
		{"split", xy, matrix, `{"dataframe_split": {"columns": ["x", "y"], "data": [[1, 2], [3, 4.5]]}}`, "in=float32(2, 2)[1.0, 2.0, 3.0, 4.5]"},
		{"split, another order, a surplus column", xy, matrix, `{"dataframe_split": {"columns": ["y", "z", "x"], "data": [[1, [9], 2], [3, {}, 4]]}}`, "in=float32(2, 2)[2.0, 1.0, 4.0, 3.0]"},
		{"split, the data first", xy, matrix, `{"dataframe_split": {"data": [[1, 2]], "index": [7], "columns": ["y", "x"]}}`, "in=float32(1, 2)[2.0, 1.0]"},
		{"split, texts are cast", xy, matrix, `{"dataframe_split": {"columns": ["x", "y"], "data": [["5", true]]}}`, "in=float32(1, 2)[5.0, 1.0]"},
		{"split, missing values", xy, matrix, `{"dataframe_split": {"columns": ["x", "y"], "data": [[null, NaN]]}}`, "in=float32(1, 2)[null, null]"},
		{"split, no rows", xy, matrix, `{"dataframe_split": {"columns": ["x", "y"], "data": []}}`, "in=float32(0, 2)[]"},
		{"split, several inputs", xy, two, `{"dataframe_split": {"columns": ["y", "x"], "data": [[1, 2], [3, 4]]}}`, "x=float32(2,)[2.0, 4.0] y=float64(2, 1)[1.0, 3.0]"},
		{"split, no signature", nil, matrix, `{"dataframe_split": {"data": [[1, 2, 3]]}}`, "in=float32(1, 3)[1.0, 2.0, 3.0]"},
		{"split, no signature, one column", nil, matrix, `{"dataframe_split": {"data": [[1], [2]]}}`, "in=float32(2, 1)[1.0, 2.0]"},
		{"split, no signature, single values", nil, matrix, `{"dataframe_split": {"data": [1, 2]}}`, "in=float32(2, 1)[1.0, 2.0]"},
		{"split, lists in one column", nil, matrix, `{"dataframe_split": {"columns": ["v"], "data": [[[1, 2]], [[3, 4]]]}}`, "in=float32(2, 2)[1.0, 2.0, 3.0, 4.0]"},
		{"split, unnamed tensor", image, []tensor.Port{port("in", tensor.Float32, -1, 2, 2)}, `{"dataframe_split": {"data": [[[1, 2, 3, 4]]]}}`, "in=float32(1, 2, 2)[1.0, 2.0, 3.0, 4.0]"},
		{"split, named tensors", named, ab, `{"dataframe_split": {"columns": ["a", "b"], "data": [[[1, 2], 3], [[4, 5], 6]]}}`, "a=float32(2, 2)[1.0, 2.0, 4.0, 5.0] b=int64(2,)[3, 6]"},
		{"unnamed columns", columnSig(":double", ":long"), matrix, `{"dataframe_split": {"columns": ["p", "q", "r"], "data": [[1.5, 2, 3]]}}`, "in=float32(1, 2)[1.5, 2.0]"},
		{"an optional column that is absent", columnSig("x:double", "y:double?", "z:double"), matrix, `{"dataframe_split": {"columns": ["x", "z"], "data": [[1, 2], [3, 4]]}}`, "in=float32(2, 2)[1.0, 2.0, 3.0, 4.0]"},
		{"a long column is cut", columnSig("x:long", "y:double"), matrix, `{"dataframe_split": {"columns": ["x", "y"], "data": [[1.7, 1.7]]}}`, "in=float32(1, 2)[1.0, 1.7000000476837158]"},
		{"records", xy, matrix, `{"dataframe_records": [{"x": 1, "y": 2}, {"y": 3, "x": 4, "z": 5}]}`, "in=float32(2, 2)[1.0, 2.0, 4.0, 3.0]"},
		{"records with gaps", xy, matrix, `{"dataframe_records": [{"y": 2}, {"x": 4}]}`, "in=float32(2, 2)[null, 2.0, 4.0, null]"},
		{"records, several inputs", xy, two, `{"dataframe_records": [{"x": 1, "y": 2}, {"x": 3}]}`, "x=float32(2,)[1.0, 3.0] y=float64(2, 1)[2.0, null]"},
		{"records, no signature", nil, matrix, `{"dataframe_records": [{"a": 1, "b\u0062": 2}, {"bb": 3, "a": 4}]}`, "in=float32(2, 2)[1.0, 2.0, 4.0, 3.0]"},
		{"records, no signature, one column", nil, matrix, `{"dataframe_records": [{"a": 1}, {"a": 2}]}`, "in=float32(2, 1)[1.0, 2.0]"},
		{"instances", image, []tensor.Port{port("in", tensor.Float32, -1, 2, 2)}, `{"instances": [[[1, 2], [3, 4]]]}`, "in=float32(1, 2, 2)[1.0, 2.0, 3.0, 4.0]"},
		{"instances by row", named, ab, `{"instances": [{"a": [1, 2], "b": 3}, {"b": 6, "a": [4, 5]}]}`, "a=float32(2, 2)[1.0, 2.0, 4.0, 5.0] b=int64(2,)[3, 6]"},
		{"inputs by name", named, ab, `{"inputs": {"b": [9007199254740993], "a": [[1, 2]], "c": 0}}`, "a=float32(1, 2)[1.0, 2.0] b=int64(1,)[9007199254740993]"},
		{"inputs, no signature", nil, ab, `{"client_request_id": "1", "inputs": {"a": [[1, 2]], "b": 3}}`, "a=float32(1, 2)[1.0, 2.0] b=int64()[3]"},
		{"inputs, a scalar", nil, matrix, `{"inputs": 3.5}`, "in=float32()[3.5]"},
		{"inputs, nothing", nil, matrix, `{"inputs": [[], []]}`, "in=float32(2, 0)[]"},
		{"inputs, columns by name", xy, matrix, `{"inputs": {"y": [1, 2], "x": [3, 4]}}`, "in=float32(2, 2)[3.0, 1.0, 4.0, 2.0]"},
		{"inputs, columns as scalars", xy, matrix, `{"inputs": {"y": 1, "x": 3}}`, "in=float32(1, 2)[3.0, 1.0]"},
		{"inputs, columns as records", xy, matrix, `{"inputs": [{"y": 1, "x": 3}]}`, "in=float32(1, 2)[3.0, 1.0]"},
		{"instances, one column", columnSig("x:double"), matrix, `{"instances": [1, 2]}`, "in=float32(2, 1)[1.0, 2.0]"},
		{"texts", columnSig("s:string"), []tensor.Port{port("s", tensor.String, -1, 1)}, `{"dataframe_split": {"columns": ["s"], "data": [["a\u00e9"], ["\"b\""], ["żółw"]]}}`, `s=str(3, 1)["a\u00e9", "\"b\"", "\u017c\u00f3\u0142w"]`},
		{"base64", columnSig("s:binary"), []tensor.Port{port("s", tensor.String, -1, 1)}, `{"dataframe_split": {"columns": ["s"], "data": [["aGVs\nbG8="]]}}`, `s=str(1, 1)["hello"]`},
		{"times", columnSig("s:datetime"), []tensor.Port{port("s", tensor.Int64, -1)}, `{"dataframe_split": {"columns": ["s"], "data": [["1970-01-01T00:00:01"]]}}`, `s=int64(1,)[1000000000]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newModel(t, test.sig, test.ports...)
			for range 2 { // the second in the first one's memory
				r, err := m.Decode("application/json; charset=utf-8", []byte(test.body))
				if err != nil {
					t.Fatal(err)
				}
				if got := show(t, r); got != test.want {
					t.Fatalf("got  %s\nwant %s", got, test.want)
				}
				r.Release()
			}
		})
	}
}

func TestEncodeWritesWhatMLflowWrites(t *testing.T) {
	m := newModel(t, nil, port("x", tensor.Float32, -1))
	f := &tensor.Tensor{Type: tensor.Float32, Shape: []int64{2, 2}, Data: make([]byte, 16)}
	copy(tensor.View[float32](f), []float32{0.1, 2, 1e20, -0.00001})
	outputs := []tensor.Named{{Name: "y", Value: tensor.Value{Tensor: f}}}
	got, err := m.Encode(nil, &Request{}, outputs)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"predictions": {"y": [[0.10000000149011612, 2.0], [1.0000000200408773e+20, -9.999999747378752e-06]]}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got, err = m.Encode([]byte("#"), &Request{table: true}, outputs)
	if err != nil {
		t.Fatal(err)
	}
	want = `#{"predictions": [{"y": 0.10000000149011612}, {"y": 2.0}, {"y": 1.0000000200408773e+20}, {"y": -9.999999747378752e-06}]}`
	if string(got) != want || !json.Valid(bytes.TrimPrefix(got, []byte("#"))) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
