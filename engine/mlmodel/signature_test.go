package mlmodel

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"servery/engine/tensor"
)

func TestWritesSignaturesAsMLflowDoes(t *testing.T) {
	cases := map[string]struct {
		signature Signature
		want      string
	}{
		"columns": {Signature{Inputs: &Schema{Columns: []Column{{Name: "a", Type: Double, Required: true}, {Name: "<b>", Type: String}}}},
			`{"inputs":"[{\"name\":\"a\",\"type\":\"double\",\"required\":true},{\"name\":\"<b>\",\"type\":\"string\",\"required\":false}]","outputs":null,"params":null}`},
		"tensors": {Signature{Outputs: &Schema{Tensors: []TensorSpec{{"y", tensor.String, []int64{-1, 3}}}}},
			`{"inputs":null,"outputs":"[{\"name\":\"y\",\"type\":\"tensor\",\"tensor-spec\":{\"dtype\":\"str\",\"shape\":[-1,3]}}]","params":null}`},
		"scalar without a name": {Signature{Inputs: &Schema{Tensors: []TensorSpec{{Type: tensor.Int64}}}},
			`{"inputs":"[{\"type\":\"tensor\",\"tensor-spec\":{\"dtype\":\"int64\",\"shape\":[]}}]","outputs":null,"params":null}`},
		"params": {Signature{Params: []Param{{Name: "k", Type: Integer, Default: "3"}, {Name: "l", Type: Float, Default: "[1.5]", Shape: []int64{-1}}}},
			`{"inputs":null,"outputs":null,"params":"[{\"name\":\"k\",\"default\":3,\"shape\":null,\"type\":\"integer\"},{\"name\":\"l\",\"default\":[1.5],\"shape\":[-1],\"type\":\"float\"}]"}`},
		"nested": {Signature{Inputs: &Schema{Columns: []Column{{Name: "a", Type: Array, Required: true, Inner: `{"type":"string"}`},
			{Name: "m", Type: Map, Required: true, Inner: `{"type":"array","items":{"type":"long"}}`}}}},
			`{"inputs":"[{\"name\":\"a\",\"type\":\"array\",\"items\":{\"type\":\"string\"},\"required\":true},{\"name\":\"m\",\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":{\"type\":\"long\"}},\"required\":true}]","outputs":null,"params":null}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b, err := c.signature.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if string(b) != c.want {
				t.Errorf("got  %s\nwant %s", b, c.want)
			}
		})
	}
}

func TestReadsColumnsOfEveryVersion(t *testing.T) {
	cases := map[string]struct {
		columns string
		want    []Column
	}{
		"oldest, by position": {`[{"type": "long"}, {"type": "boolean"}]`, []Column{{Type: Long, Required: true}, {Type: Boolean, Required: true}}},
		"optional of 2.5":     {`[{"type": "long", "name": "a", "optional": true}]`, []Column{{Name: "a", Type: Long}}},
		"required":            {`[{"type": "datetime", "name": "a", "required": false}]`, []Column{{Name: "a", Type: Datetime}}},
		"number for a name":   {`[{"type": "double", "name": 0}]`, []Column{{Name: "0", Type: Double, Required: true}}},
		"array":               {`[{"type": "array", "items": {"type": "string"}, "name": "a", "required": null}]`, []Column{{Name: "a", Type: Array, Required: true, Inner: `{"type":"string"}`}}},
		"object": {`[{"type": "object", "properties": {"b": {"type": "long", "required": false}, "a": {"type": "any"}}, "name": "o"}]`,
			[]Column{{Name: "o", Type: Object, Required: true, Inner: `{"b":{"type":"long","required":false},"a":{"type":"any"}}`}}},
		"map":          {`[{"type": "map", "values": {"type": "binary"}, "name": "m"}]`, []Column{{Name: "m", Type: Map, Required: true, Inner: `{"type":"binary"}`}}},
		"spark vector": {`[{"type": "sparkml_vector", "name": "v"}]`, []Column{{Name: "v", Type: SparkVector, Required: true}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inside, _ := json.Marshal(c.columns)
			for _, side := range []string{string(inside), c.columns} {
				var s Signature
				if err := json.Unmarshal([]byte(`{"inputs": `+side+`}`), &s); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(s.Inputs.Columns, c.want) {
					t.Errorf("got %+v, want %+v", s.Inputs.Columns, c.want)
				}
			}
		})
	}
}

func TestReadsTextTypesOfNumpy(t *testing.T) {
	for _, dtype := range []string{"str", "object", "str160", "<U5", "U"} {
		var s Signature
		err := json.Unmarshal([]byte(`{"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "`+dtype+`", "shape": [-1]}}]}`), &s)
		if err != nil || s.Inputs.Tensors[0].Type != tensor.String {
			t.Errorf("%s: %+v, %v", dtype, s.Inputs, err)
		}
	}
}

func TestRefusesSignaturesThatContradictThemselves(t *testing.T) {
	deep := strings.Repeat(`{"type":"array","items":`, maxDepth+2) + `{"type":"any"}` + strings.Repeat("}", maxDepth+2)
	cases := map[string]struct{ inputs, says string }{
		"mixed":               {`[{"type":"long","name":"a"},{"type":"tensor","name":"b","tensor-spec":{"dtype":"int8","shape":[]}}]`, "mixed"},
		"some names":          {`[{"type":"long","name":"a"},{"type":"long"}]`, "some columns or tensors have names"},
		"same names":          {`[{"type":"long","name":"a"},{"type":"long","name":"a"}]`, `"a"`},
		"tensors, no names":   {`[{"type":"tensor","tensor-spec":{"dtype":"int8","shape":[]}},{"type":"tensor","tensor-spec":{"dtype":"int8","shape":[]}}]`, "no names"},
		"no tensor-spec":      {`[{"type":"tensor","name":"a"}]`, "tensor-spec"},
		"dimension":           {`[{"type":"tensor","name":"a","tensor-spec":{"dtype":"int8","shape":[-2]}}]`, "dimension -2"},
		"dimension too large": {`[{"type":"tensor","name":"a","tensor-spec":{"dtype":"int8","shape":[99999999999999999999]}}]`, "not a list"},
		"no type":             {`[{"name":"a"}]`, "type is missing"},
		"array of nothing":    {`[{"name":"a","type":"array"}]`, `"items" is missing`},
		"object of nothing":   {`[{"name":"a","type":"object"}]`, `"properties" is missing`},
		"unknown in a map":    {`[{"name":"a","type":"map","values":{"type":"dream"}}]`, "dream"},
		"too deep":            {`[` + strings.Replace(deep, "{", `{"name":"a",`, 1) + `]`, "nested"},
		"no list":             {`"3"`, "not a list"},
		"name is a list":      {`[{"name":[],"type":"long"}]`, "neither a text nor a number"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := Signature{Params: []Param{{Name: "untouched"}}}
			err := json.Unmarshal([]byte(`{"inputs": `+c.inputs+`}`), &s)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if s.Inputs != nil || len(s.Params) != 1 {
				t.Errorf("a refused signature left %+v", s)
			}
		})
	}
}

// anySchema draws a schema as FromPorts or MLflow could make one.
func anySchema(t *rapid.T, label string) *Schema {
	if rapid.Bool().Draw(t, label+" absent") {
		return nil
	}
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z<é"]{1,8}`), 1, 6, rapid.ID).Draw(t, label+" names")
	s := &Schema{}
	tensors := rapid.Bool().Draw(t, label+" of tensors")
	for _, name := range names {
		if tensors {
			s.Tensors = append(s.Tensors, TensorSpec{Name: name, Type: tensor.Type(rapid.IntRange(1, 16).Draw(t, "type")),
				Shape: append([]int64{}, rapid.SliceOfN(rapid.Int64Min(-1), 0, 5).Draw(t, "shape")...)})
			continue
		}
		s.Columns = append(s.Columns, Column{Name: name, Required: rapid.Bool().Draw(t, "required"),
			Type: rapid.SampledFrom([]ColumnType{Boolean, Integer, Long, Float, Double, String, Binary, Datetime, Any}).Draw(t, "column")})
	}
	return s
}

func TestASignatureSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &Signature{Inputs: anySchema(t, "inputs"), Outputs: anySchema(t, "outputs")}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got *Signature
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}
