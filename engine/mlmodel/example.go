package mlmodel

import (
	"encoding/json"
	"errors"
	"os"
	"path"
)

// exampleInfo is MLmodel's saved_input_example_info (mlflow/models/utils.py, _Example).
type exampleInfo struct {
	Path    scalar `yaml:"artifact_path"`      // the example as it was given
	Serving scalar `yaml:"serving_input_path"` // the same as a scoring request, since MLflow 2.14
	Type    scalar `yaml:"type"`
	Orient  scalar `yaml:"pandas_orient"`
	Params  scalar `yaml:"params"` // "true": the file is {"inputs": …, "params": …}
}

// check refuses paths that lead out of the folder.
func (e exampleInfo) check() error {
	for _, p := range []scalar{e.Serving, e.Path} {
		if p == "" {
			continue
		}
		if err := localPath(string(p)); err != nil {
			return err
		}
	}
	return nil
}

// read returns the example as the body of a scoring request, or nil where there is none
// that can be sent: a broken example does not make a model unusable. Only paths that lead
// out of the folder are errors.
func (e exampleInfo) read(root *os.Root) ([]byte, error) {
	if e.Serving != "" {
		raw, err := exampleFile(root, string(e.Serving))
		if err != nil {
			return nil, err
		}
		if isRequest(raw) {
			return raw, nil
		}
	}
	if e.Path == "" {
		return nil, nil
	}
	raw, err := exampleFile(root, string(e.Path))
	if err != nil || raw == nil {
		return nil, err
	}
	return e.request(raw), nil
}

// exampleFile reads a file of JSON and returns it without white space; nil where it is
// missing, too large or no JSON.
func exampleFile(root *os.Root, name string) (json.RawMessage, error) {
	b, err := readFile(root, path.Clean(name), maxExample)
	if unsafe := (*UnsafeError)(nil); errors.As(err, &unsafe) {
		return nil, err
	}
	if b = plainJSON(b); err != nil || !json.Valid(b) {
		return nil, nil
	}
	return json.RawMessage(compact(b)), nil
}

// requestKeys are the keys of a scoring request of which one must be there
// (mlflow/pyfunc/scoring_server).
var requestKeys = []string{"dataframe_split", "dataframe_records", "instances", "inputs"}

func isRequest(raw json.RawMessage) bool {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return false
	}
	for _, key := range requestKeys {
		if _, ok := object[key]; ok {
			return true
		}
	}
	return false
}

// request makes a scoring request of an example file's JSON, or nil.
func (e exampleInfo) request(raw json.RawMessage) []byte {
	var params json.RawMessage
	if e.Params != "" && e.Params != "false" {
		var wrapped struct{ Inputs, Data, Params json.RawMessage }
		if json.Unmarshal(raw, &wrapped) != nil {
			return nil
		}
		params = wrapped.Params
		if raw = wrapped.Inputs; raw == nil {
			raw = wrapped.Data // MLflow 2.6 to 2.8
		}
		if raw == nil {
			return nil
		}
	}
	body := e.body(raw)
	if body == nil {
		return nil
	}
	if params != nil && string(params) != "null" {
		body["params"] = params
	}
	b, err := encode(body)
	if err != nil {
		return nil
	}
	return b
}

// body is the request's keys: what MLflow itself would send for the example.
func (e exampleInfo) body(raw json.RawMessage) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	isObject := json.Unmarshal(raw, &object) == nil
	isRows := raw[0] == '['
	switch {
	case e.Type == "sparse_matrix_csc" || e.Type == "sparse_matrix_csr":
		return nil // no scoring request can hold them
	case e.Type == "json_object":
		return map[string]json.RawMessage{"inputs": raw}
	case isRequest(raw):
		return object // tensors: {"inputs": …}, already in tf-serving's form
	case isObject && object["data"] != nil:
		delete(object, "index") // not a request's, and not needed
		split, err := encode(object)
		if err != nil {
			return nil
		}
		return map[string]json.RawMessage{"dataframe_split": split}
	case isRows && (e.Orient == "records" || (e.Type != "ndarray" && holdsObjects(raw))):
		return map[string]json.RawMessage{"dataframe_records": raw}
	case isRows && e.Type == "dataframe": // orient "values" of MLflow 1
		split, err := encode(map[string]json.RawMessage{"data": raw})
		if err != nil {
			return nil
		}
		return map[string]json.RawMessage{"dataframe_split": split}
	case isRows, isObject:
		return map[string]json.RawMessage{"inputs": raw}
	}
	return nil
}

func holdsObjects(rows json.RawMessage) bool {
	var objects []map[string]json.RawMessage
	return json.Unmarshal(rows, &objects) == nil && len(objects) > 0
}
