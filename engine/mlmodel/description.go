package mlmodel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"gopkg.in/yaml.v3"
)

// description is a parsed MLmodel file.
type description struct {
	folder  Folder
	example exampleInfo
}

// scalar is a YAML value read as its text, whatever its type; lists, maps and null are
// read as "". Fields that are only shown must not make a model unreadable.
type scalar string

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *scalar) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		*s = scalar(n.Value)
	}
	return nil
}

// fields are those of MLmodel that are read (mlflow/models/model.py, Model.to_dict);
// there are others, which are left alone.
type fields struct {
	Flavors       map[string]yaml.Node `yaml:"flavors"`
	Signature     yaml.Node            `yaml:"signature"`
	Example       exampleInfo          `yaml:"saved_input_example_info"`
	RunID         scalar               `yaml:"run_id"`
	ModelID       scalar               `yaml:"model_id"`
	UUID          scalar               `yaml:"model_uuid"`
	MLflowVersion scalar               `yaml:"mlflow_version"`
	Time          scalar               `yaml:"utc_time_created"`
}

// parseDescription reads an MLmodel file.
func parseDescription(b []byte) (d *description, err error) {
	// The YAML parser is not ours and meets files from anywhere: should it panic, the
	// file is refused like any other that cannot be read.
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, broken("is not valid YAML: %v", r)
		}
	}()
	var f fields
	if err := yaml.Unmarshal(bytes.TrimPrefix(b, []byte("\ufeff")), &f); err != nil {
		return nil, &FormatError{File: descriptionFile, Message: "is not valid YAML: " + err.Error(), Err: err}
	}
	if len(f.Flavors) == 0 {
		return nil, broken("names no flavors")
	}
	d = &description{example: f.Example, folder: Folder{
		RunID: string(f.RunID), ModelID: string(f.ModelID), UUID: string(f.UUID),
		MLflowVersion: string(f.MLflowVersion), Time: string(f.Time),
	}}
	for name := range f.Flavors {
		d.folder.Flavors = append(d.folder.Flavors, name)
	}
	slices.Sort(d.folder.Flavors)
	flavor, ok := f.Flavors["onnx"]
	if !ok {
		return nil, &UnsupportedError{Flavors: d.folder.Flavors}
	}
	d.folder.Flavor = "onnx"
	if d.folder.ModelFile, err = modelFile(&flavor); err != nil {
		return nil, err
	}
	if err := d.example.check(); err != nil {
		return nil, err
	}
	d.folder.Signature, err = signatureOf(&f.Signature)
	return d, err
}

// modelFile is the onnx flavor's data: model.onnx where it is not said
// (mlflow/onnx/__init__.py).
func modelFile(flavor *yaml.Node) (string, error) {
	var onnx struct {
		Data scalar `yaml:"data"`
	}
	if err := flavor.Decode(&onnx); err != nil {
		return "", broken("has an onnx flavor that is no map")
	}
	if onnx.Data == "" {
		return "model.onnx", nil
	}
	if err := localPath(string(onnx.Data)); err != nil {
		return "", err
	}
	return path.Clean(string(onnx.Data)), nil
}

// signatureOf reads the signature's map: inputs, outputs and params hold JSON text, or
// null. Some writers leave the JSON as YAML.
func signatureOf(n *yaml.Node) (*Signature, error) {
	if n.IsZero() || n.Tag == "!!null" {
		return nil, nil
	}
	var sides map[string]any
	if err := n.Decode(&sides); err != nil {
		return nil, broken("has a signature that is no map")
	}
	b, err := json.Marshal(sides)
	if err != nil {
		return nil, broken("has a signature that cannot be read: %v", err)
	}
	s := &Signature{}
	if err := s.UnmarshalJSON(b); err != nil {
		return nil, &FormatError{File: descriptionFile, Message: "has a signature that cannot be read: " + err.Error(), Err: err}
	}
	if s.Inputs == nil && s.Outputs == nil && s.Params == nil {
		return nil, nil
	}
	return s, nil
}

// broken is a FormatError of the MLmodel file.
func broken(format string, args ...any) error {
	return &FormatError{File: descriptionFile, Message: fmt.Sprintf(format, args...)}
}
