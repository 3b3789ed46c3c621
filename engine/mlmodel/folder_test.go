package mlmodel

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"servery/engine/tensor"
)

// folder writes a model folder and opens it.
func folder(t *testing.T, files map[string]string) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, dir)
}

func open(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// shared opens a folder of the models that all tests share.
func shared(t *testing.T, name string) *os.Root {
	t.Helper()
	dir := os.Getenv("SERVERY_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	dir = filepath.Join(dir, "models", "mlflow", name)
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("the shared models are missing: set SERVERY_SHARED to the folder that holds models/ (%v)", err)
	}
	return open(t, dir)
}

func TestReadsTheSharedFolders(t *testing.T) {
	double := func(name string) Column { return Column{Name: name, Type: Double, Required: true} }
	cases := map[string]struct {
		signature *Signature
		example   string
	}{
		"sum_columns": {
			signature: &Signature{Inputs: &Schema{Columns: []Column{double("x"), double("y")}},
				Outputs: &Schema{Columns: []Column{double("sum")}}},
			example: `{"dataframe_split":{"columns":["x","y"],"data":[[1.0,2.0],[3.0,4.0]]}}`,
		},
		"tensor_4_to_3": {signature: &Signature{
			Inputs:  &Schema{Tensors: []TensorSpec{{"x", tensor.Float32, []int64{-1, 4}}}},
			Outputs: &Schema{Tensors: []TensorSpec{{"y", tensor.Float32, []int64{-1, 3}}}}}},
		"no_signature": {},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, err := Read(shared(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(f.Signature, c.signature) {
				t.Errorf("signature %+v, want %+v", f.Signature, c.signature)
			}
			if string(f.Example) != c.example {
				t.Errorf("example %s, want %s", f.Example, c.example)
			}
			want := Folder{Flavor: "onnx", ModelFile: "model.onnx", UUID: "5f1c3d0a7a9e4a0f9c1d2e3f4a5b6c7d",
				MLflowVersion: "2.14.1", Time: "2026-10-01 10:00:00.000000", Flavors: []string{"onnx", "python_function"}}
			f.Signature, f.Example = nil, nil
			if !reflect.DeepEqual(*f, want) {
				t.Errorf("got %+v, want %+v", *f, want)
			}
		})
	}
}

// The onnx flavor of MLflow 1.11 says little, and its environment is a text.
const oldest = `artifact_path: model
flavors:
  onnx: {data: sub/model.onnx, onnx_version: 1.8.0}
  python_function: {data: model.onnx, env: conda.yaml, loader_module: mlflow.onnx}
run_id: 0123456789
utc_time_created: 2020-10-01 10:00:00
`

func TestReadsOldestForm(t *testing.T) {
	f, err := Read(folder(t, map[string]string{"MLmodel": oldest, "sub/model.onnx": ""}))
	if err != nil {
		t.Fatal(err)
	}
	if f.ModelFile != "sub/model.onnx" || f.RunID != "0123456789" || f.Time != "2020-10-01 10:00:00" || f.Signature != nil {
		t.Errorf("%+v", f)
	}
}

func TestReadsSignatureFoldedOverLinesAndParams(t *testing.T) {
	f, err := Read(folder(t, map[string]string{"model.onnx": "", "MLmodel": `
flavors: {onnx: {}}
model_id: m-1
metadata: {whatever: [1, 2]}
signature:
  inputs: '[{"type": "double", "name": "sepal length
    (cm)"}, {"type": "string", "name": "é", "optional": true}]'
  outputs: null
  params: '[{"name": "t", "dtype": "float", "default": NaN, "shape": null},
    {"name": "stop", "type": "string", "default": ["NaN"], "shape": [-1]}]'
`}))
	if err != nil {
		t.Fatal(err)
	}
	want := &Signature{
		Inputs: &Schema{Columns: []Column{{Name: "sepal length (cm)", Type: Double, Required: true}, {Name: "é", Type: String}}},
		Params: []Param{{Name: "t", Type: Float, Default: "null"},
			{Name: "stop", Type: String, Default: `["NaN"]`, Shape: []int64{-1}}},
	}
	if !reflect.DeepEqual(f.Signature, want) || f.ModelID != "m-1" {
		t.Errorf("got %+v, want %+v", f.Signature, want)
	}
}

func TestRefusesFoldersThatCannotBeServed(t *testing.T) {
	const flavor = "flavors: {onnx: {data: model.onnx}}\n"
	cases := map[string]struct {
		files map[string]string
		says  string
	}{
		"no MLmodel":        {map[string]string{"model.onnx": ""}, "MLmodel is missing"},
		"no YAML":           {map[string]string{"MLmodel": "a: [b"}, "not valid YAML"},
		"a text":            {map[string]string{"MLmodel": "hello"}, "not valid YAML"},
		"empty":             {map[string]string{"MLmodel": ""}, "names no flavors"},
		"no model file":     {map[string]string{"MLmodel": flavor}, "model.onnx is missing"},
		"model is a folder": {map[string]string{"MLmodel": flavor, "model.onnx/x": ""}, "model.onnx is a folder"},
		"flavor is a list":  {map[string]string{"MLmodel": "flavors: {onnx: [1]}"}, "no map"},
		"signature is text": {map[string]string{"MLmodel": flavor + "signature: hello"}, "signature that is no map"},
		"unknown type":      {map[string]string{"MLmodel": flavor + `signature: {inputs: '[{"type": "quaternion", "name": "q"}]'}`}, `column q: its type "quaternion" is unknown`},
		"unknown dtype":     {map[string]string{"MLmodel": flavor + `signature: {inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "void", "shape": [1]}}]'}`}, `number 1: its dtype "void"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Read(folder(t, c.files))
			var format *FormatError
			if !errors.As(err, &format) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %T %v, want a FormatError that says %q", err, err, c.says)
			}
		})
	}
}

func TestNamesTheFlavorsOfAModelWithoutONNX(t *testing.T) {
	_, err := Read(folder(t, map[string]string{"MLmodel": "flavors: {sklearn: {}, python_function: {}}"}))
	var unsupported *UnsupportedError
	if !errors.As(err, &unsupported) || !reflect.DeepEqual(unsupported.Flavors, []string{"python_function", "sklearn"}) ||
		!strings.Contains(err.Error(), "python_function, sklearn") {
		t.Errorf("got %v", err)
	}
}

func TestRefusesPathsThatLeadOut(t *testing.T) {
	for _, path := range []string{"../../x", "..", "a/../../x", "/etc/passwd", `..\x`, `C:\x`, `\\host\x`, "file:///etc/passwd", "\x00"} {
		quoted, _ := json.Marshal(path)
		for where, text := range map[string]string{
			"data":    "flavors: {onnx: {data: " + string(quoted) + "}}",
			"example": "flavors: {onnx: {}}\nsaved_input_example_info: {artifact_path: " + string(quoted) + "}",
			"serving": "flavors: {onnx: {}}\nsaved_input_example_info: {serving_input_path: " + string(quoted) + "}",
		} {
			_, err := Read(folder(t, map[string]string{"MLmodel": text, "model.onnx": ""}))
			var unsafe *UnsafeError
			if !errors.As(err, &unsafe) || unsafe.Path != path {
				t.Errorf("%q as %s: got %v", path, where, err)
			}
		}
	}
}

func TestRefusesLinksThatLeadOut(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret.json")
	if err := os.WriteFile(outside, []byte(`{"inputs": [1]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"MLmodel", "model.onnx", "input_example.json"} {
		dir := t.TempDir()
		for name, content := range map[string]string{"model.onnx": "", "input_example.json": "{}",
			"MLmodel": "flavors: {onnx: {}}\nsaved_input_example_info: {artifact_path: input_example.json}"} {
			if name == link {
				if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Read(open(t, dir))
		var unsafe *UnsafeError
		if !errors.As(err, &unsafe) {
			t.Errorf("%s is a link that leads out: got %v", link, err)
		}
	}
}

func TestMakesARequestOfEveryFormOfExample(t *testing.T) {
	cases := map[string]struct{ info, file, want string }{
		"split":                {"{type: dataframe, pandas_orient: split}", `{"columns": ["a"], "data": [[1]]}`, `{"dataframe_split":{"columns":["a"],"data":[[1]]}}`},
		"split with index":     {"{type: dataframe, pandas_orient: split}", `{"columns": ["a"], "index": [0], "data": [[1]]}`, `{"dataframe_split":{"columns":["a"],"data":[[1]]}}`},
		"values":               {"{type: dataframe, pandas_orient: values}", `{"data": [[1, 2]]}`, `{"dataframe_split":{"data":[[1,2]]}}`},
		"old values":           {"{type: dataframe, pandas_orient: values}", `[[1, 2]]`, `{"dataframe_split":{"data":[[1,2]]}}`},
		"records":              {"{type: dataframe, pandas_orient: records}", `[{"a": 1}]`, `{"dataframe_records":[{"a":1}]}`},
		"records, no type":     {"{}", `[{"a": 1}]`, `{"dataframe_records":[{"a":1}]}`},
		"array":                {"{type: ndarray, format: tf-serving}", `{"inputs": [[1.5, 2]]}`, `{"inputs":[[1.5,2]]}`},
		"arrays":               {"{type: ndarray, format: tf-serving}", `{"inputs": {"a": [1], "b": [2]}}`, `{"inputs":{"a":[1],"b":[2]}}`},
		"instances":            {"{type: ndarray, format: tf-serving}", `{"instances": [[1]]}`, `{"instances":[[1]]}`},
		"bare array":           {"{type: ndarray}", `[[1, 2]]`, `{"inputs":[[1,2]]}`},
		"JSON object":          {"{type: json_object}", `{"q": "hi <b>"}`, `{"inputs":{"q":"hi <b>"}}`},
		"object of MLflow 3":   {"{type: ndarray}", `{"a": [0, 1], "b": [[1.5]]}`, `{"inputs":{"a":[0,1],"b":[[1.5]]}}`},
		"params":               {`{type: dataframe, pandas_orient: split, params: "true"}`, `{"inputs": {"data": [[1]]}, "params": {"k": 2}}`, `{"dataframe_split":{"data":[[1]]},"params":{"k":2}}`},
		"params of an array":   {`{type: ndarray, params: "true"}`, `{"inputs": {"inputs": [1]}, "params": {"k": 2}}`, `{"inputs":[1],"params":{"k":2}}`},
		"params, old":          {"{type: ndarray, params: true}", `{"data": {"inputs": [1]}, "params": {"k": 2}}`, `{"inputs":[1],"params":{"k":2}}`},
		"NaN":                  {"{type: ndarray}", `{"inputs": [NaN, -Infinity, "NaN \" NaN"]}`, `{"inputs":[null,null,"NaN \" NaN"]}`},
		"sparse":               {"{type: sparse_matrix_csr}", `{"data": [1], "indices": [0], "indptr": [0, 1], "shape": [1, 1]}`, ""},
		"no JSON":              {"{type: ndarray}", `{"inputs": [`, ""},
		"neither rows nor map": {"{type: ndarray}", `3`, ""},
		"empty":                {"{type: ndarray}", ``, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, err := Read(folder(t, map[string]string{"model.onnx": "", "input_example.json": c.file,
				"MLmodel": "flavors: {onnx: {}}\nsaved_input_example_info: " + strings.Replace(c.info, "{", "{artifact_path: input_example.json, ", 1)}))
			if err != nil {
				t.Fatal(err)
			}
			if string(f.Example) != c.want {
				t.Errorf("got %s, want %s", f.Example, c.want)
			}
		})
	}
}

func TestPrefersTheServingExample(t *testing.T) {
	files := map[string]string{"model.onnx": "", "input_example.json": `{"inputs": [1]}`,
		"serving_input_example.json": "{\n  \"dataframe_split\": {\"data\": [[2]]}\n}",
		"MLmodel": "flavors: {onnx: {}}\nsaved_input_example_info: {artifact_path: input_example.json, " +
			"serving_input_path: serving_input_example.json, type: ndarray}"}
	for serving, want := range map[string]string{
		"{\n  \"dataframe_split\": {\"data\": [[2]]}\n}": `{"dataframe_split":{"data":[[2]]}}`,
		`{"nothing": 1}`: `{"inputs":[1]}`,
	} {
		files["serving_input_example.json"] = serving
		f, err := Read(folder(t, files))
		if err != nil {
			t.Fatal(err)
		}
		if string(f.Example) != want {
			t.Errorf("got %s, want %s", f.Example, want)
		}
	}
}

func TestAMissingExampleDoesNotMatter(t *testing.T) {
	f, err := Read(folder(t, map[string]string{"model.onnx": "",
		"MLmodel": "flavors: {onnx: {}}\nsaved_input_example_info: {artifact_path: input_example.json, serving_input_path: s.json}"}))
	if err != nil || f.Example != nil {
		t.Errorf("got %v, %v", f, err)
	}
}
