package mlmodel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"servery/engine/tensor"
)

const (
	maxDepth = 32 // how deep types may be nested in a signature
	maxRank  = 64 // dimensions of a tensor, numpy's limit
)

// UnmarshalJSON reads a signature as MLflow writes it, of any version: inputs, outputs
// and params are JSON inside strings, or the JSON itself. Python's NaN and Infinity are
// read as null.
func (s *Signature) UnmarshalJSON(b []byte) error {
	if string(bytes.TrimSpace(b)) == "null" {
		return nil
	}
	var sides struct{ Inputs, Outputs, Params json.RawMessage }
	if err := json.Unmarshal(b, &sides); err != nil {
		return err
	}
	var read Signature
	var err error
	if read.Inputs, err = schemaOf(sides.Inputs, true); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	if read.Outputs, err = schemaOf(sides.Outputs, false); err != nil {
		return fmt.Errorf("outputs: %w", err)
	}
	if read.Params, err = paramsOf(sides.Params); err != nil {
		return fmt.Errorf("params: %w", err)
	}
	*s = read
	return nil
}

// specs reads the list of one side. present is false where there is none.
func specs(raw json.RawMessage) (list []specJSON, present bool, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, false, nil
	}
	b := []byte(raw)
	if raw[0] == '"' {
		var inside string
		if err := json.Unmarshal(raw, &inside); err != nil {
			return nil, false, err
		}
		if strings.TrimSpace(inside) == "" {
			return nil, false, nil
		}
		b = plainJSON([]byte(inside))
	}
	if string(bytes.TrimSpace(b)) == "null" {
		return nil, false, nil
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, false, fmt.Errorf("not a list of columns or tensors: %w", err)
	}
	return list, true, nil
}

// schemaOf reads inputs or outputs: all columns or all tensors, all named or none
// (mlflow/types/schema.py, Schema). Only inputs, which a request names, must be unique.
func schemaOf(raw json.RawMessage, unique bool) (*Schema, error) {
	list, present, err := specs(raw)
	if err != nil || !present {
		return nil, err
	}
	schema := &Schema{}
	names := map[string]bool{}
	for i, s := range list {
		name := ""
		if s.Name != nil {
			name = string(*s.Name)
		}
		if (name == "") != (list[0].Name == nil || *list[0].Name == "") {
			return nil, errors.New("some columns or tensors have names and others have none")
		}
		if unique && name != "" && names[name] {
			return nil, fmt.Errorf("two columns or tensors have the name %q", name)
		}
		names[name] = true
		where := name
		if where == "" {
			where = fmt.Sprintf("number %d", i+1)
		}
		if s.Type == "tensor" {
			t, err := tensorOf(s, name)
			if err != nil {
				return nil, fmt.Errorf("tensor %s: %w", where, err)
			}
			schema.Tensors = append(schema.Tensors, t)
			continue
		}
		c, err := columnOf(s, name)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", where, err)
		}
		schema.Columns = append(schema.Columns, c)
	}
	if len(schema.Columns) > 0 && len(schema.Tensors) > 0 {
		return nil, errors.New("columns and tensors are mixed")
	}
	if len(schema.Tensors) > 1 && schema.Tensors[0].Name == "" {
		return nil, errors.New("several tensors have no names")
	}
	return schema, nil
}

func tensorOf(s specJSON, name string) (TensorSpec, error) {
	if s.Tensor == nil {
		return TensorSpec{}, errors.New(`"tensor-spec" is missing`)
	}
	element, ok := tensor.ParseType(s.Tensor.DType)
	if !ok && isNumpyText(s.Tensor.DType) {
		element, ok = tensor.String, true
	}
	if !ok {
		return TensorSpec{}, fmt.Errorf("its dtype %q is not one that a model can take", s.Tensor.DType)
	}
	if len(s.Tensor.Shape) > maxRank {
		return TensorSpec{}, fmt.Errorf("its shape has more than %d dimensions", maxRank)
	}
	for _, d := range s.Tensor.Shape {
		if d < -1 {
			return TensorSpec{}, fmt.Errorf("its shape has the dimension %d", d)
		}
	}
	return TensorSpec{Name: name, Type: element, Shape: s.Tensor.Shape}, nil
}

// isNumpyText tells numpy's names of texts with a length, "str160" and "<U5".
func isNumpyText(dtype string) bool {
	digits, ok := strings.CutPrefix(dtype, "str")
	if !ok {
		digits, ok = strings.CutPrefix(strings.TrimLeft(dtype, "<>="), "U")
	}
	return ok && strings.Trim(digits, "0123456789") == ""
}

func columnOf(s specJSON, name string) (Column, error) {
	c := Column{Name: name, Type: ColumnType(s.Type), Required: true}
	switch {
	case s.Required != nil:
		c.Required = *s.Required
	case s.Optional != nil:
		c.Required = !*s.Optional
	}
	var err error
	c.Inner, err = s.inner(0)
	return c, err
}

// inner checks the spec's type and returns what it holds, as compact JSON.
func (s specJSON) inner(depth int) (string, error) {
	if depth > maxDepth {
		return "", fmt.Errorf("its type is nested more than %d deep", maxDepth)
	}
	key, raw := "items", s.Items
	switch ColumnType(s.Type) {
	case Boolean, Integer, Long, Float, Double, String, Binary, Datetime, Any, SparkVector:
		return "", nil
	case Object:
		return s.properties(depth)
	case Map:
		key, raw = "values", s.Values
	case Array:
	case "":
		return "", errors.New("its type is missing")
	default:
		return "", fmt.Errorf("its type %q is unknown", s.Type)
	}
	var held specJSON
	if err := json.Unmarshal(raw, &held); err != nil || len(raw) == 0 {
		return "", fmt.Errorf("%q is missing from its %s, or is no type", key, s.Type)
	}
	if _, err := held.inner(depth + 1); err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	return compact(raw), nil
}

func (s specJSON) properties(depth int) (string, error) {
	var held map[string]specJSON
	if err := json.Unmarshal(s.Properties, &held); err != nil || held == nil {
		return "", errors.New(`"properties" is missing from its object, or holds no types`)
	}
	for name, p := range held {
		if _, err := p.inner(depth + 1); err != nil {
			return "", fmt.Errorf("property %s: %w", name, err)
		}
	}
	return compact(s.Properties), nil
}

func paramsOf(raw json.RawMessage) ([]Param, error) {
	list, present, err := specs(raw)
	if err != nil || !present {
		return nil, err
	}
	params := make([]Param, 0, len(list))
	for i, s := range list {
		if s.Name == nil || *s.Name == "" {
			return nil, fmt.Errorf("param number %d has no name", i+1)
		}
		if s.Type == "" {
			s.Type = s.DType
		}
		p := Param{Name: string(*s.Name), Type: ColumnType(s.Type), Default: "null"}
		if p.Inner, err = s.inner(0); err != nil {
			return nil, fmt.Errorf("param %s: %w", p.Name, err)
		}
		if len(s.Default) > 0 {
			p.Default = compact(s.Default)
		}
		if len(s.Shape) > 0 {
			if err := json.Unmarshal(s.Shape, &p.Shape); err != nil {
				return nil, fmt.Errorf("param %s: its shape is no list of numbers", p.Name)
			}
		}
		params = append(params, p)
	}
	return params, nil
}

// compact is JSON without its white space; it must be valid.
func compact(raw []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return "null"
	}
	return b.String()
}
