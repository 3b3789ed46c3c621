// Package mlmodel reads the MLflow model format: the MLmodel file of a model folder,
// its signature and its input example (MLflow, "The MLflow Model format" and
// mlflow/types/schema.py). It reads files and knows nothing of runtimes, endpoints or
// HTTP.
package mlmodel

import "servery/engine/tensor"

// Signature is what a model takes and gives. A nil schema means that the model was
// logged without one: nothing is enforced on that side.
type Signature struct {
	Inputs  *Schema
	Outputs *Schema
	Params  []Param
}

// Schema is either a list of columns (a table) or a list of tensors, never both.
type Schema struct {
	Columns []Column
	Tensors []TensorSpec
}

// Unchecked tells that nothing is enforced: there is no schema, or it is the one column
// of type any without a name that MLflow writes where it cannot infer one
// (mlflow/models/signature.py, infer_signature).
func (s *Schema) Unchecked() bool {
	return s == nil || (len(s.Columns) == 1 && s.Columns[0].Name == "" && s.Columns[0].Type == Any)
}

// Column is one column of a table. Name may be empty: then columns go by position.
type Column struct {
	Name     string
	Type     ColumnType
	Required bool
	// Inner is the compact JSON of what an Array, Object or Map holds: an array's "items"
	// ({"type":"string"}), an object's "properties", a map's "values". Empty otherwise.
	Inner string
}

// ColumnType is MLflow's DataType name, as written in a signature.
type ColumnType string

// MLflow's column types (mlflow/types/schema.py, DataType). Array, Object and Map carry
// inner types: see Column.Inner.
const (
	Boolean  ColumnType = "boolean"
	Integer  ColumnType = "integer" // int32
	Long     ColumnType = "long"    // int64
	Float    ColumnType = "float"
	Double   ColumnType = "double"
	String   ColumnType = "string"
	Binary   ColumnType = "binary" // base64 in JSON
	Datetime ColumnType = "datetime"
	Array    ColumnType = "array"
	Object   ColumnType = "object"
	Map      ColumnType = "map"
	Any      ColumnType = "any"
	// SparkVector is Spark ML's vector: numbers, in JSON a list of them.
	SparkVector ColumnType = "sparkml_vector"
)

// TensorSpec is one tensor of a tensor schema; a dimension of -1 is free. Name may be
// empty where there is one tensor only.
type TensorSpec struct {
	Name  string
	Type  tensor.Type
	Shape []int64
}

// Param is one parameter of a model's params schema. Default is its JSON text.
type Param struct {
	Name    string
	Type    ColumnType
	Default string
	Shape   []int64 // nil for a scalar, [-1] for a list
	Inner   string  // an Object's properties, as in Column
}
