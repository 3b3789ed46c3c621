package mlmodel

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// specJSON is a column, a tensor or a param as MLflow writes it. Reading takes the keys
// of older versions too: "optional" (1.x to 2.5) and, of params, "dtype".
type specJSON struct {
	Name       *nameJSON       `json:"name,omitempty"`
	Default    json.RawMessage `json:"default,omitempty"`
	Shape      json.RawMessage `json:"shape,omitempty"`
	Type       string          `json:"type"`
	Tensor     *tensorJSON     `json:"tensor-spec,omitempty"`
	Items      json.RawMessage `json:"items,omitempty"`
	Properties json.RawMessage `json:"properties,omitempty"`
	Values     json.RawMessage `json:"values,omitempty"`
	Required   *bool           `json:"required,omitempty"`
	Optional   *bool           `json:"optional,omitempty"`
	DType      string          `json:"dtype,omitempty"`
}

type tensorJSON struct {
	DType string  `json:"dtype"`
	Shape []int64 `json:"shape"`
}

// nameJSON is a name; pandas' columns may have numbers for names.
type nameJSON string

// UnmarshalJSON implements json.Unmarshaler.
func (n *nameJSON) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*n = nameJSON(s)
		return nil
	}
	var number json.Number
	if err := json.Unmarshal(b, &number); err != nil {
		return fmt.Errorf("a name is %s, neither a text nor a number", b)
	}
	*n = nameJSON(number)
	return nil
}

// MarshalJSON writes the signature as MLflow's ModelSignature.to_dict does: inputs,
// outputs and params are JSON inside strings, null where there is none.
func (s *Signature) MarshalJSON() ([]byte, error) {
	var sides struct {
		Inputs  *string `json:"inputs"`
		Outputs *string `json:"outputs"`
		Params  *string `json:"params"`
	}
	var err error
	if sides.Inputs, err = s.Inputs.text(); err != nil {
		return nil, err
	}
	if sides.Outputs, err = s.Outputs.text(); err != nil {
		return nil, err
	}
	if len(s.Params) > 0 {
		specs := make([]specJSON, len(s.Params))
		for i, p := range s.Params {
			specs[i] = p.spec()
		}
		if sides.Params, err = text(specs); err != nil {
			return nil, err
		}
	}
	return encode(sides)
}

// text is the schema's JSON; nil for a nil schema.
func (s *Schema) text() (*string, error) {
	if s == nil {
		return nil, nil
	}
	specs := make([]specJSON, 0, len(s.Columns)+len(s.Tensors))
	for _, c := range s.Columns {
		specs = append(specs, c.spec())
	}
	for _, t := range s.Tensors {
		shape := t.Shape
		if shape == nil {
			shape = []int64{}
		}
		specs = append(specs, specJSON{Name: named(t.Name), Type: "tensor",
			Tensor: &tensorJSON{DType: t.Type.String(), Shape: shape}})
	}
	return text(specs)
}

func (c Column) spec() specJSON {
	s := specJSON{Name: named(c.Name), Type: string(c.Type), Required: &c.Required}
	s.setInner(c.Type, c.Inner)
	return s
}

func (p Param) spec() specJSON {
	name := nameJSON(p.Name)
	s := specJSON{Name: &name, Type: string(p.Type), Default: json.RawMessage(p.Default), Shape: json.RawMessage("null")}
	if p.Default == "" {
		s.Default = json.RawMessage("null")
	}
	if p.Shape != nil {
		s.Shape, _ = json.Marshal(p.Shape)
	}
	s.setInner(p.Type, p.Inner)
	return s
}

func (s *specJSON) setInner(t ColumnType, inner string) {
	if inner == "" {
		return
	}
	switch t {
	case Array:
		s.Items = json.RawMessage(inner)
	case Object:
		s.Properties = json.RawMessage(inner)
	case Map:
		s.Values = json.RawMessage(inner)
	}
}

func named(name string) *nameJSON {
	if name == "" {
		return nil
	}
	n := nameJSON(name)
	return &n
}

// encode is json.Marshal without the escapes for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

func text(v any) (*string, error) {
	b, err := encode(v)
	s := string(b)
	return &s, err
}
