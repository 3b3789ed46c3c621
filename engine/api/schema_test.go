package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"servery/engine/endpoint"
	"servery/engine/mlmodel"
	"servery/engine/registry"
	"servery/engine/tensor"
)

// signature reads a signature as MLflow writes it.
func signature(t testing.TB, text string) *mlmodel.Signature {
	t.Helper()
	var s mlmodel.Signature
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// signedDigits is the fake's endpoint with a model that was logged with that signature.
func signedDigits(t testing.TB, text, example string) *fake {
	f := withDigits(newFake())
	sign(t, f, text, example)
	return f
}

func sign(t testing.TB, f *fake, text, example string) {
	v := &f.models["main.default.digits"].Versions[1]
	v.Signature, v.FromGraph, v.InputExample = signature(t, text), false, []byte(example)
}

const (
	schemaPath = "/api/2.0/serving-endpoints/digits/openapi"
	// documented is the signature of the model in the product's documentation.
	documented = `{"inputs": "[{\"name\": \"int_col\", \"type\": \"long\"}, {\"name\": \"float_col\", \"type\": \"double\"}, {\"name\": \"string_col\", \"type\": \"string\", \"required\": false}, {\"name\": \"becx_col\", \"type\": \"any\", \"required\": false}]", "outputs": "[{\"type\": \"double\"}]", "params": "[{\"name\": \"sentiment\", \"type\": \"double\", \"default\": 0.5, \"shape\": null}]"}`
)

// The form is that of the product's documentation (spec B8).
func TestASchemaIsInTheProductsForm(t *testing.T) {
	f := signedDigits(t, documented, `{"dataframe_split":{"columns":["int_col"],"data":[[3]]}}`)
	f.models["main.default.digits"].Versions[1].Graph = nil
	const params = `"params":{"type":"object","properties":{"sentiment":{"type":"number","format":"double","default":0.5}}}`
	const want = `{"openapi":"3.1.0","info":{"title":"digits","version":"2"},
		"servers":[{"url":"http://127.0.0.1:8642/serving-endpoints/digits"}],
		"paths":{"/served-models/digits-1/invocations":{"post":{
			"requestBody":{"content":{"application/json":{"schema":{"oneOf":[
				{"type":"object","required":["dataframe_split"],"properties":{"dataframe_split":{"type":"object","properties":{
					"columns":{"description":"required fields: int_col, float_col","type":"array","items":{"type":"string","enum":["int_col","float_col","string_col","becx_col"]}},
					"data":{"type":"array","items":{"type":"array","prefixItems":[
						{"type":"integer","format":"int64"},{"type":"number","format":"double"},{"type":"string"},{"type":"object","format":"unknown"}]}}}},` + params + `},
					"examples":[{"columns":["int_col"],"data":[[3]]}]},
				{"type":"object","required":["dataframe_records"],"properties":{"dataframe_records":{"type":"array","items":{
					"required":["int_col","float_col"],"type":"object","properties":{
						"int_col":{"type":"integer","format":"int64"},"float_col":{"type":"number","format":"double"},
						"string_col":{"type":"string"},"becx_col":{"type":"object","format":"unknown"}}}},` + params + `}}]}}}},
			"responses":{"200":{"description":"Successful operation","content":{"application/json":{"schema":{
				"type":"object","properties":{"predictions":{"type":"array","items":{"type":"number","format":"double"}}}}}}}}}}}}`
	s := New(f, Options{})
	for accept, contentType := range map[string]string{"text/plain": "text/plain; charset=utf-8", "application/json": "application/json", "": "application/json"} {
		a := ask(t, s, "GET", schemaPath+"?", "", "Accept: "+accept)
		if got := a.header.Get("Content-Type"); a.status != 200 || got != contentType {
			t.Fatalf("status %d, %s: %s", a.status, got, a.body)
		}
		if got, want := again(t, a.body), again(t, want); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// again is a document in one spelling.
func again(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// compiled is a schema as a validator has it.
func compiled(t interface{ Fatal(...any) }, schema any) *jsonschema.Schema {
	b, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///schema.json")
	if err != nil {
		t.Fatal(err, string(b))
	}
	return s
}

func valid(s *jsonschema.Schema, text string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestASchemaTakesWhatTheModelTakes(t *testing.T) {
	const (
		table   = `{"inputs": "[{\"name\": \"x\", \"type\": \"double\", \"required\": true}, {\"name\": \"tags\", \"type\": \"array\", \"items\": {\"type\": \"string\"}, \"required\": false}, {\"name\": \"o\", \"type\": \"object\", \"properties\": {\"m\": {\"type\": \"map\", \"values\": {\"type\": \"long\"}, \"required\": true}}, \"required\": false}]"}`
		unnamed = `{"inputs": "[{\"type\": \"long\"}, {\"type\": \"boolean\"}]"}`
		tensors = `{"inputs": "[{\"name\": \"x\", \"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1, 2]}}]"}`
		pair    = `{"inputs": "[{\"name\": \"x\", \"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"int64\", \"shape\": [-1]}}, {\"name\": \"s\", \"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"str\", \"shape\": [-1, 1]}}]"}`
	)
	for _, c := range []struct {
		signature, body string
		want            bool
	}{
		{table, `{"dataframe_split":{"columns":["x"],"data":[[1],[2.5]]}}`, true},
		{table, `{"dataframe_split":{"columns":["x","tags","o"],"data":[[1,["a"],{"m":{"k":1}}]]}}`, true},
		{table, `{"dataframe_split":{"columns":["y"],"data":[[1]]}}`, false},
		{table, `{"dataframe_split":{"columns":["x"],"data":[["1"]]}}`, false},
		{table, `{"dataframe_records":[{"x":1.5,"tags":["a","b"]}]}`, true},
		{table, `{"dataframe_records":[{"tags":["a"]}]}`, false},
		{table, `{"dataframe_records":[{"x":1.5,"o":{"m":{"k":"no"}}}]}`, false},
		{table, `{"inputs":[[1]]}`, false},
		{unnamed, `{"dataframe_split":{"data":[[1,true]]}}`, true},
		{unnamed, `{"dataframe_split":{"data":[[1.5,true]]}}`, false},
		{tensors, `{"inputs":{"x":[[1,2],[3,4.5]]}}`, true},
		{tensors, `{"inputs":[[1,2]]}`, true},
		{tensors, `{"inputs":{"x":[[1,2,3]]}}`, false},
		{tensors, `{"inputs":{"y":[[1,2]]}}`, false},
		{tensors, `{"instances":[[1,2],[3,4]]}`, true},
		{tensors, `{"instances":[{"x":[1,2]}]}`, true},
		{tensors, `{"instances":[1]}`, false},
		{pair, `{"inputs":{"x":[1],"s":[["a"]]}}`, true},
		{pair, `{"inputs":{"x":[1]}}`, false},
		{pair, `{"instances":[{"x":1,"s":["a"]}]}`, true},
		{pair, `{"instances":[{"x":1.5,"s":["a"]}]}`, false},
	} {
		schema := compiled(t, requestSchema(registry.Version{Signature: signature(t, c.signature)}))
		if err := valid(schema, c.body); (err == nil) != c.want {
			t.Errorf("%s: %v", c.body, err)
		}
	}
}

// A request of zeros, made for a signature, is one that the signature's schema takes.
func TestASchemaTakesARequestMadeForIt(t *testing.T) {
	types := []tensor.Type{tensor.Float32, tensor.Float64, tensor.Int8, tensor.Int64, tensor.Uint16, tensor.Bool, tensor.String}
	columns := []mlmodel.ColumnType{mlmodel.Boolean, mlmodel.Integer, mlmodel.Long, mlmodel.Float, mlmodel.Double, mlmodel.String}
	rapid.Check(t, func(r *rapid.T) {
		sig := &mlmodel.Signature{Inputs: &mlmodel.Schema{}}
		var ports []tensor.Port
		table := rapid.Bool().Draw(r, "table")
		for i := range rapid.IntRange(1, 4).Draw(r, "inputs") {
			name := fmt.Sprint("in", i)
			if table {
				sig.Inputs.Columns = append(sig.Inputs.Columns, mlmodel.Column{Name: name, Type: rapid.SampledFrom(columns).Draw(r, "column"), Required: true})
				continue
			}
			kind := rapid.SampledFrom(types).Draw(r, "type")
			shape := append([]int64{-1}, rapid.SliceOfN(rapid.Int64Range(1, 3), 0, 3).Draw(r, "shape")...)
			sig.Inputs.Tensors = append(sig.Inputs.Tensors, mlmodel.TensorSpec{Name: name, Type: kind, Shape: shape})
			ports = append(ports, tensor.Port{Name: name, Type: kind, Shape: shape})
		}
		body := mlmodel.ExampleFor(sig, ports)
		if body == nil {
			r.Skip("no example")
		}
		if err := valid(compiled(r, requestSchema(registry.Version{Signature: sig})), string(body)); err != nil {
			r.Fatalf("%s: %v", body, err)
		}
	})
}

func TestAResponsesSchemaNamesItsOutputs(t *testing.T) {
	graph := &registry.Graph{Outputs: []tensor.Port{{Name: "sum"}}}
	const column, tensors = `"inputs": "[{\"name\": \"x\", \"type\": \"double\"}]"`, `"inputs": "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1, 2]}}]"`
	for _, c := range []struct {
		signature, answer string
		graph             *registry.Graph
		want              bool
	}{
		{`{` + column + `}`, `7`, nil, true},
		{`{` + column + `, "outputs": "[{\"type\": \"double\"}]"}`, `[1,2.5]`, nil, true},
		{`{` + column + `, "outputs": "[{\"type\": \"double\"}]"}`, `[{"sum":1}]`, graph, true},
		{`{` + column + `, "outputs": "[{\"type\": \"double\"}]"}`, `[{"sum":"1"}]`, graph, false},
		{`{` + column + `, "outputs": "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1]}}]"}`, `[{"sum":1}]`, graph, true},
		{`{` + tensors + `, "outputs": "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1, 3]}}]"}`, `{"sum":[[1,2,3]]}`, graph, true},
		{`{` + tensors + `, "outputs": "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1, 3]}}]"}`, `{"sum":[[1,2]]}`, graph, false},
		{`{` + tensors + `, "outputs": "[{\"type\": \"double\"}]"}`, `{"sum":[1,2]}`, graph, true},
	} {
		schema := compiled(t, responseSchema(registry.Version{Signature: signature(t, c.signature), Graph: c.graph}))
		if err := valid(schema, c.answer); (err == nil) != c.want {
			t.Errorf("%s %s: %v", c.signature, c.answer, err)
		}
	}
}

func TestWithoutASignatureThereIsNoSchema(t *testing.T) {
	s := New(withDigits(newFake()), Options{}) // its signature is the graph's
	ask(t, s, "GET", schemaPath, "").wantError(t, 400, "BAD_REQUEST", "version 1 of main.default.digits", "signature")
	ask(t, s, "GET", "/api/2.0/serving-endpoints/none/openapi", "").wantError(t, 404, "RESOURCE_DOES_NOT_EXIST", "'none'")

	f := signedDigits(t, documented, "")
	e := f.endpoints["digits"]
	e.Active.Entities = append(e.Active.Entities, endpoint.ServedEntity{Name: "old", ModelName: "main.default.digits", ModelVersion: 2})
	e.Ready = endpoint.NotReady
	f.endpoints["digits"] = e
	s = New(f, Options{})
	ask(t, s, "GET", schemaPath, "").wantError(t, 400, "BAD_REQUEST", "'digits' is not ready")
	e.Ready = endpoint.Ready
	f.endpoints["digits"] = e
	a := ask(t, s, "GET", schemaPath, "")
	if a.status != 200 || !strings.Contains(a.body, `"/served-models/old/invocations":{"post":{"requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}}`) {
		t.Errorf("next to an entity with a signature: status %d %s", a.status, a.body)
	}
	delete(f.models, "main.default.digits")
	ask(t, s, "GET", schemaPath, "").wantError(t, 404, "RESOURCE_DOES_NOT_EXIST")
}

// Whatever a signature says, its schema is one that a validator takes.
func FuzzASchema(f *testing.F) {
	f.Add(documented)
	f.Add(`{"inputs": "[]"}`)
	f.Add(`{"inputs": "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": []}}]", "outputs": "[{\"type\": \"any\"}]"}`)
	f.Add(`{"inputs": "[{\"name\": \"o\", \"type\": \"object\", \"properties\": {\"$ref\": {\"type\": \"array\", \"items\": {\"type\": \"map\", \"values\": {\"type\": \"long\"}}}}}]"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var s mlmodel.Signature
		if json.Unmarshal([]byte(text), &s) != nil {
			t.Skip()
		}
		v := registry.Version{Signature: &s}
		if !signed(v) {
			t.Skip()
		}
		compiled(t, requestSchema(v))
		compiled(t, responseSchema(v))
	})
}
