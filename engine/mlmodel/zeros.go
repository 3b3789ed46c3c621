package mlmodel

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"servery/engine/tensor"
)

const (
	// maxZeros is the most elements that ExampleFor writes: a picture of 1,024 × 1,024.
	maxZeros = 1 << 20
	// freeEdge is what a free height or width of a picture becomes: 1 would be less than
	// what most convolutions and poolings take.
	freeEdge = 32
)

// ExampleFor is the body of a scoring request with one row of zeros, "" and false that
// has the signature's form, or the graph's where the signature enforces nothing. Free
// dimensions become 1, those of pictures 32. It is nil where no such request can be
// written: inputs that are sequences, maps or complex numbers, or more than a million
// elements.
func ExampleFor(sig *Signature, inputs []tensor.Port) []byte {
	schema := schemaOfPorts(inputs)
	if sig != nil && !sig.Inputs.Unchecked() {
		if len(sig.Inputs.Columns) > 0 {
			return tableExample(sig.Inputs.Columns)
		}
		if len(sig.Inputs.Tensors) > 0 {
			schema = &Schema{Tensors: filled(sig.Inputs.Tensors, inputs)}
		}
	}
	if schema == nil || len(schema.Tensors) == 0 {
		return nil
	}
	return tensorsExample(schema.Tensors)
}

// filled takes the dimensions that a signature leaves free from the graph.
func filled(specs []TensorSpec, inputs []tensor.Port) []TensorSpec {
	specs = slices.Clone(specs)
	for i, s := range specs {
		for _, p := range inputs {
			same := p.Name == s.Name || (len(specs) == 1 && len(inputs) == 1)
			if !same || len(p.Shape) != len(s.Shape) {
				continue
			}
			specs[i].Shape = slices.Clone(s.Shape)
			for d := range s.Shape {
				if s.Shape[d] < 0 {
					specs[i].Shape[d] = p.Shape[d]
				}
			}
		}
	}
	return specs
}

func tensorsExample(specs []TensorSpec) []byte {
	b := []byte(`{"inputs": `)
	if len(specs) > 1 {
		b = append(b, '{')
	}
	left := int64(maxZeros)
	for i, s := range specs {
		if len(specs) > 1 {
			if i > 0 {
				b = append(b, ", "...)
			}
			name, err := encode(s.Name)
			if err != nil {
				return nil
			}
			b = append(append(b, name...), ": "...)
		}
		shape := exampleShape(s.Shape)
		size := int64(1) // of the text: an empty list takes its place too
		for _, d := range shape {
			if d > left/size {
				return nil
			}
			size *= max(d, 1)
		}
		if left -= size; left < 0 {
			return nil
		}
		zero := zeroElement(s.Type)
		if zero == "" {
			return nil
		}
		b = appendZeros(b, shape, zero)
	}
	if len(specs) > 1 {
		b = append(b, '}')
	}
	return append(b, '}')
}

// exampleShape gives free dimensions a size: 1, or freeEdge for the height and width of
// [batch, channels, height, width] and [batch, height, width, channels].
func exampleShape(shape []int64) []int64 {
	shape = slices.Clone(shape)
	edges := 0 // the first of the two edges' index
	if len(shape) == 4 {
		channels := func(d int64) bool { return d == 1 || d == 3 || d == 4 }
		if channels(shape[1]) {
			edges = 2
		} else if channels(shape[3]) {
			edges = 1
		}
	}
	for i, d := range shape {
		switch {
		case d >= 0:
		case edges > 0 && (i == edges || i == edges+1):
			shape[i] = freeEdge
		default:
			shape[i] = 1
		}
	}
	return shape
}

func appendZeros(b []byte, shape []int64, zero string) []byte {
	if len(shape) == 0 {
		return append(b, zero...)
	}
	b = append(b, '[')
	for i := range shape[0] {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendZeros(b, shape[1:], zero)
	}
	return append(b, ']')
}

// zeroElement is the JSON of a type's zero, "" for types that JSON does not have.
func zeroElement(t tensor.Type) string {
	switch t {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
		return "0.0"
	case tensor.Bool:
		return "false"
	case tensor.String:
		return `""`
	case tensor.Undefined, tensor.Complex64, tensor.Complex128:
		return ""
	}
	if t.Size() == 0 {
		return ""
	}
	return "0"
}

// tableExample is a dataframe_split with one row.
func tableExample(columns []Column) []byte {
	var names, row [][]byte
	for _, c := range columns {
		if c.Name != "" {
			name, err := encode(c.Name)
			if err != nil {
				return nil
			}
			names = append(names, name)
		}
		row = append(row, zeroValue(specOf(c.Type, c.Inner)))
	}
	b := []byte(`{"dataframe_split": {`)
	if len(names) > 0 {
		b = append(b, `"columns": [`...)
		b = append(b, bytes.Join(names, []byte(", "))...)
		b = append(b, "], "...)
	}
	b = append(b, `"data": [[`...)
	b = append(b, bytes.Join(row, []byte(", "))...)
	return append(b, "]]}}"...)
}

func specOf(t ColumnType, inner string) specJSON {
	s := specJSON{Type: string(t)}
	s.setInner(t, inner)
	return s
}

// zeroValue is the JSON of a column type's zero.
func zeroValue(s specJSON) []byte {
	switch ColumnType(s.Type) {
	case Boolean:
		return []byte("false")
	case Integer, Long:
		return []byte("0")
	case Float, Double:
		return []byte("0.0")
	case String, Binary:
		return []byte(`""`)
	case Datetime:
		return []byte(`"2000-01-01T00:00:00"`)
	case SparkVector:
		return []byte("[0.0]")
	case Map:
		return []byte("{}")
	case Array:
		var item specJSON
		if json.Unmarshal(s.Items, &item) != nil {
			return []byte("[]")
		}
		return append(append([]byte{'['}, zeroValue(item)...), ']')
	case Object:
		return zeroObject(s.Properties)
	}
	return []byte("null")
}

// zeroObject gives every property that is required, by name.
func zeroObject(properties json.RawMessage) []byte {
	var held map[string]specJSON
	if json.Unmarshal(properties, &held) != nil {
		return []byte("{}")
	}
	b := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(held)) {
		p := held[name]
		if p.Required != nil && !*p.Required {
			continue
		}
		if len(b) > 1 {
			b = append(b, ", "...)
		}
		key, err := encode(name)
		if err != nil {
			continue
		}
		b = append(append(append(b, key...), ": "...), zeroValue(p)...)
	}
	return append(b, '}')
}
