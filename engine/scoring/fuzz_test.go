package scoring

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

// fuzzModels are one model for each way in which a request is matched with a graph.
func fuzzModels(t testing.TB) []*Model {
	many := []string{}
	for i := range 20 {
		many = append(many, "c"+decimal(i)+":double?")
	}
	in := func(kind tensor.Type) tensor.Port { return port("x", kind, -1, -1) }
	return []*Model{
		newModel(t, nil, in(tensor.Float32)),
		newModel(t, nil, in(tensor.String)),
		newModel(t, nil, port("a", tensor.Float64, -1), port("b", tensor.Int64, -1, 1), port("c", tensor.Bool)),
		newModel(t, columnSig("x:double", "y:double"), in(tensor.Float32)),
		newModel(t, columnSig("x:long", "y:boolean?", "z:float"), in(tensor.Float16)),
		newModel(t, columnSig("x:string", "y:long"), in(tensor.String)),
		newModel(t, columnSig(":double", ":integer"), in(tensor.Int32)),
		newModel(t, columnSig("x:binary", "y:datetime", "z:any?"), port("x", tensor.String, -1), port("y", tensor.Int64, -1), tensor.Port{Name: "z", Type: tensor.Float32, Optional: true}),
		newModel(t, columnSig(many...), in(tensor.Float32)),
		newModel(t, &mlmodel.Signature{Inputs: &mlmodel.Schema{Columns: []mlmodel.Column{
			{Name: "x", Type: mlmodel.Double, Required: true}, {Name: "y", Type: mlmodel.Double}, {Name: "a", Type: mlmodel.Array, Inner: `{"type":"array","items":{"type":"long"}}`},
			{Name: "b", Type: mlmodel.Object, Inner: `{"q":{"type":"string","required":false},"p":{"type":"map","values":{"type":"boolean"}}}`}, {Name: "c", Type: mlmodel.Binary}, {Name: "e", Type: mlmodel.Datetime, Required: true},
		}}}, port("x", tensor.Float32, -1), port("y", tensor.Float32, -1)),
		newModel(t, tensorSig(spec("", tensor.Float32, -1, 2)), in(tensor.Float32)),
		newModel(t, tensorSig(spec("a", tensor.Uint8, -1, 2, 2), spec("b", tensor.String, -1)), port("a", tensor.Uint8, -1, 2, 2), port("b", tensor.String, -1)),
	}
}

// checkRequest fails where a tensor's memory does not hold what its shape says.
func checkRequest(t *testing.T, r *Request, body []byte) {
	t.Helper()
	total := int64(0)
	for _, in := range r.Inputs {
		x := in.Tensor
		n := x.Elements()
		for _, d := range x.Shape {
			if d < 0 {
				t.Fatalf("%s has the shape %v", in.Name, x.Shape)
			}
		}
		total += n
		held := int64(len(x.Strings))
		if x.Type != tensor.String {
			held = int64(len(x.Data) / x.Type.Size())
			if len(x.Data)%x.Type.Size() != 0 {
				t.Fatalf("%s has %d bytes of %s", in.Name, len(x.Data), x.Type)
			}
		}
		if held != n {
			t.Fatalf("%s has the shape %v and %d elements", in.Name, x.Shape, held)
		}
		for _, s := range x.Strings {
			if len(s) > len(body) {
				t.Fatalf("%s has a text of %d bytes", in.Name, len(s))
			}
		}
	}
	if total > int64(8*len(body)+2<<20) {
		t.Fatalf("%d elements from a body of %d bytes", total, len(body))
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range readRecorded(f).Cases {
		f.Add([]byte(c.Body), strings.HasPrefix(c.ContentType, "text/csv"))
	}
	for _, s := range []string{
		`{"dataframe_records": [{}, {"c1": 1}, {"c19": null}]}`, `{"inputs": {"a": [1, null], "b": [[2]], "c": true}}`, `{"dataframe_split": {"data": [], "columns": []}}`,
		`{"dataframe_split": {"data": [[[[1]]]], "columns": ["x"]}}`, `{"instances": [{"a": [[1, 2], [3, 4]], "b": "q"}]}`, `{"inputs": [[], [[]]]}`,
		`{"dataframe_records": [{"x": "AA==", "y": "2020-01-01"}]}`, `{"dataframe_split": {"index": [], "data": [{"x": 1}]}}`, `{"inputs": "\ud800"}`,
		`{"dataframe_records": [{"x": 1, "a": [[1, 2], []], "b": {"p": {"k": true}, "q": null}, "c": "AQI=", "e": "2020-01-02T03:04:05Z"}]}`, `{"dataframe_split": {"columns": ["b", "e"], "data": [[{"z": [1], "p": {}}, 5]]}}`,
	} {
		f.Add([]byte(s), false)
	}
	models := fuzzModels(f)
	f.Fuzz(func(t *testing.T, body []byte, csv bool) {
		contentType := ""
		if csv {
			contentType = "text/csv"
		}
		kept := bytes.Clone(body)
		for i, m := range models {
			r, err := m.Decode(contentType, body)
			if !bytes.Equal(body, kept) {
				t.Fatal("the body was changed")
			}
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Message == "" || len(e.Message) > 8192 || !utf8.ValidString(e.Message) {
					t.Fatalf("model %d: %T %v", i, err, err)
				}
				if e.Code != "" && !json.Valid(e.Body()) {
					t.Fatalf("the error's body is no JSON: %s", e.Body())
				}
				continue
			}
			checkRequest(t, r, body)
			if !csv && !json.Valid(body) && !bytes.Contains(body, []byte("NaN")) && !bytes.Contains(body, []byte("Infinity")) {
				t.Fatalf("model %d took what is no JSON", i)
			}
			var outputs []tensor.Named
			outputs = append(outputs, r.Inputs...)
			if b, err := m.Encode(nil, r, outputs); err == nil && !json.Valid(b) {
				t.Fatalf("the response is no JSON: %s", b)
			}
			r.Release()
		}
	})
}
