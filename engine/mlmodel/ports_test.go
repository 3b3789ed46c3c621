package mlmodel

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"servery/engine/tensor"
)

func TestDerivesASignatureFromPorts(t *testing.T) {
	x := tensor.Port{Name: "x", Type: tensor.Float32, Shape: []int64{-1, 4}}
	zipmap := tensor.Port{Name: "p", Kind: tensor.KindSequence, OfMaps: true, Key: tensor.Int64, Type: tensor.Float32}
	tensors := func(specs ...TensorSpec) *Schema { return &Schema{Tensors: specs} }
	spec := TensorSpec{"x", tensor.Float32, []int64{-1, 4}}
	cases := map[string]struct {
		in, out []tensor.Port
		want    Signature
	}{
		"tensors":          {[]tensor.Port{x}, []tensor.Port{x, x}, Signature{Inputs: tensors(spec), Outputs: tensors(spec, spec)}},
		"maps":             {[]tensor.Port{x}, []tensor.Port{x, zipmap}, Signature{Inputs: tensors(spec)}},
		"unknown rank":     {[]tensor.Port{{Name: "u", Type: tensor.Int8, Unranked: true}}, []tensor.Port{x}, Signature{Outputs: tensors(spec)}},
		"no inputs at all": {nil, []tensor.Port{x}, Signature{Inputs: &Schema{}, Outputs: tensors(spec)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := FromPorts(c.in, c.out)
			if !reflect.DeepEqual(*got, c.want) {
				t.Errorf("got %+v, want %+v", *got, c.want)
			}
			b, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			var again Signature
			if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again, *got) {
				t.Errorf("through JSON: %+v, %v", again, err)
			}
		})
	}
}

func TestWritesAnExampleOfZeros(t *testing.T) {
	port := func(name string, kind tensor.Type, shape ...int64) tensor.Port {
		return tensor.Port{Name: name, Type: kind, Shape: shape}
	}
	cases := map[string]struct {
		signature *Signature
		inputs    []tensor.Port
		want      string
	}{
		"one tensor":      {nil, []tensor.Port{port("x", tensor.Float32, -1, 3)}, `{"inputs": [[0.0, 0.0, 0.0]]}`},
		"scalar":          {nil, []tensor.Port{port("x", tensor.Int64)}, `{"inputs": 0}`},
		"several tensors": {nil, []tensor.Port{port("a", tensor.String, -1), port("b<", tensor.Bool, 2)}, `{"inputs": {"a": [""], "b<": [false, false]}}`},
		"no elements":     {nil, []tensor.Port{port("x", tensor.Uint8, 2, 0)}, `{"inputs": [[], []]}`},
		"free in the signature": {&Signature{Inputs: &Schema{Tensors: []TensorSpec{{"", tensor.Int8, []int64{-1, -1}}}}},
			[]tensor.Port{port("x", tensor.Int8, -1, 2)}, `{"inputs": [[0, 0]]}`},
		"nothing enforced": {&Signature{Inputs: &Schema{Columns: []Column{{Type: Any, Required: true}}}},
			[]tensor.Port{port("x", tensor.Int8, 2)}, `{"inputs": [0, 0]}`},
		"table": {&Signature{Inputs: &Schema{Columns: []Column{{Name: "a", Type: Double}, {Name: "b", Type: String}, {Name: "c", Type: Long},
			{Name: "d", Type: Boolean}, {Name: "e", Type: Array, Inner: `{"type":"float"}`}, {Name: "f", Type: Map, Inner: `{"type":"float"}`},
			{Name: "g", Type: Object, Inner: `{"q":{"type":"long"},"p":{"type":"any"},"o":{"type":"any","required":false}}`}}}}, nil,
			`{"dataframe_split": {"columns": ["a", "b", "c", "d", "e", "f", "g"], "data": [[0.0, "", 0, false, [0.0], {}, {"p": null, "q": 0}]]}}`},
		"table by position": {&Signature{Inputs: &Schema{Columns: []Column{{Type: Double}, {Type: Datetime}}}}, nil,
			`{"dataframe_split": {"data": [[0.0, "2000-01-01T00:00:00"]]}}`},
		"sequence":       {nil, []tensor.Port{{Name: "s", Kind: tensor.KindSequence, Type: tensor.Int8}}, ""},
		"complex":        {nil, []tensor.Port{port("c", tensor.Complex64, 1)}, ""},
		"too many":       {nil, []tensor.Port{port("x", tensor.Int8, 1<<20, 2)}, ""},
		"overflow":       {nil, []tensor.Port{port("x", tensor.Int8, 1<<20, 1<<62, 1<<62)}, ""},
		"too many empty": {nil, []tensor.Port{port("x", tensor.Int8, 1<<20, 0), port("y", tensor.Int8, 1<<20, 0)}, ""},
		"no inputs":      {nil, nil, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := string(ExampleFor(c.signature, c.inputs))
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got != "" && !json.Valid([]byte(got)) {
				t.Error("not JSON")
			}
		})
	}
}

func TestAnExamplePictureHasAnEdge(t *testing.T) {
	for name, shape := range map[string][]int64{"channels first": {-1, 3, -1, -1}, "channels last": {-1, -1, -1, 3}} {
		b := ExampleFor(nil, []tensor.Port{{Name: "x", Type: tensor.Float32, Shape: shape}})
		if n := strings.Count(string(b), "0.0"); n != 3*freeEdge*freeEdge {
			t.Errorf("%s: %d numbers", name, n)
		}
	}
}
