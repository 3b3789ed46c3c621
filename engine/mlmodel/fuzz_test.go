package mlmodel

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

// FuzzMLmodel checks that no MLmodel file makes the parser panic, that its errors have a
// type, and that it lets no path out of the folder through.
func FuzzMLmodel(f *testing.F) {
	f.Add([]byte(oldest))
	f.Add([]byte("flavors: {onnx: {data: ../x}}"))
	f.Add([]byte("flavors: {sklearn: {}}"))
	f.Add([]byte("flavors: {onnx: &a {data: m.onnx}, b: *a}\nsignature: {inputs: '[{\"type\": \"long\", \"name\": \"a\"}]'}\n" +
		"saved_input_example_info: {artifact_path: e.json, type: dataframe, pandas_orient: split}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseDescription(b)
		if err != nil {
			var format *FormatError
			var unsupported *UnsupportedError
			var unsafe *UnsafeError
			if !errors.As(err, &format) && !errors.As(err, &unsupported) && !errors.As(err, &unsafe) {
				t.Fatalf("an error of no kind: %T %v", err, err)
			}
			return
		}
		for _, path := range []string{d.folder.ModelFile, string(d.example.Path), string(d.example.Serving)} {
			if path != "" {
				if err := localPath(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		if d.folder.Flavor != "onnx" || d.folder.ModelFile == "" {
			t.Fatalf("%+v", d.folder)
		}
	})
}

// FuzzSignature checks that a signature that can be read can be written and read again.
func FuzzSignature(f *testing.F) {
	f.Add([]byte(`{"inputs": "[{\"type\": \"double\", \"name\": \"x\", \"required\": true}]", "outputs": null, "params": null}`))
	f.Add([]byte(`{"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 4]}}]}`))
	f.Add([]byte(`{"inputs": [{"type": "array", "items": {"type": "object", "properties": {"a": {"type": "map", "values": {"type": "any"}}}}, "name": "n"}]}`))
	f.Add([]byte(`{"params": "[{\"name\": \"t\", \"dtype\": \"float\", \"default\": NaN, \"shape\": [-1]}]"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Signature
		if json.Unmarshal(b, &s) != nil {
			return
		}
		written, err := json.Marshal(&s)
		if err != nil {
			t.Fatal(err)
		}
		var again Signature
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		rewritten, err := json.Marshal(&again)
		if err != nil || !reflect.DeepEqual(rewritten, written) {
			t.Fatalf("%s became %s (%v)", written, rewritten, err)
		}
		ExampleFor(&s, nil)
	})
}

// FuzzExample checks that what is made of an example file is a scoring request.
func FuzzExample(f *testing.F) {
	for _, s := range []string{`{"columns": ["a"], "data": [[1]]}`, `[[1]]`, `[{"a": 1}]`, `{"inputs": [NaN]}`,
		`{"inputs": {"inputs": 1}, "params": {}}`, `null`, `"x"`} {
		f.Add(s, "dataframe", "split", "")
		f.Add(s, "ndarray", "", "true")
	}
	f.Fuzz(func(t *testing.T, file, kind, orient, params string) {
		b := plainJSON([]byte(file))
		if !json.Valid(b) {
			return
		}
		e := exampleInfo{Type: scalar(kind), Orient: scalar(orient), Params: scalar(params)}
		request := e.request(json.RawMessage(compact(b)))
		if request != nil && (!json.Valid(request) || !isRequest(request)) {
			t.Fatalf("%q became %q", file, request)
		}
	})
}
