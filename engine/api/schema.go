package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"servery/engine/endpoint"
	"servery/engine/mlmodel"
	"servery/engine/registry"
	"servery/engine/tensor"
)

// node is a part of an OpenAPI document.
type node = map[string]any

// getSchema answers with what the endpoint's models take and give, as OpenAPI 3.1 (spec
// B8). The SDKs and the CLI ask for text/plain and show it as it comes.
func (s *Server) getSchema(w http.ResponseWriter, r *http.Request, v values) error {
	e, err := s.services.Endpoint(v[0])
	if err != nil {
		return err
	}
	paths, err := s.schemaPaths(e)
	if err != nil {
		return err
	}
	body, err := marshal(node{
		"openapi": "3.1.0",
		"info":    node{"title": e.Name, "version": strconv.Itoa(e.Active.Version)},
		"servers": []node{{"url": baseOf(r) + "/serving-endpoints/" + e.Name}},
		"paths":   paths,
	})
	if err != nil {
		return err
	}
	contentType := typeJSON[0]
	if strings.Contains(r.Header.Get("Accept"), "text/plain") {
		contentType = "text/plain; charset=utf-8"
	}
	sendText(w, contentType, body)
	return nil
}

// schemaPaths is a path for each served entity. One without a signature takes any object,
// next to others that have one.
func (s *Server) schemaPaths(e endpoint.Endpoint) (node, error) {
	if e.Active == nil || e.Ready != endpoint.Ready {
		return nil, &requestError{code: codeBadRequest, message: fmt.Sprintf(
			"Endpoint '%s' is not ready, and has a schema only when it is. GET /api/2.0/serving-endpoints/%s tells its state.", e.Name, e.Name)}
	}
	paths, described := node{}, false
	for _, se := range e.Active.Entities {
		m, err := s.services.Model(se.ModelName)
		if err != nil {
			return nil, err
		}
		v, _ := m.Version(se.ModelVersion)
		request, response := node{"type": "object"}, node{}
		if signed(v) {
			request, response, described = requestSchema(v), responseSchema(v), true
		}
		paths["/served-models/"+se.Name+"/invocations"] = node{"post": node{
			"requestBody": node{"content": node{"application/json": node{"schema": request}}},
			"responses": node{"200": node{
				"description": "Successful operation",
				"content": node{"application/json": node{"schema": node{
					"type": "object", "properties": node{"predictions": response},
				}}},
			}},
		}}
	}
	if !described {
		se := e.Active.Entities[0]
		return nil, &requestError{code: codeBadRequest, message: fmt.Sprintf(
			"Endpoint '%s' has no schema: version %d of %s was logged without a signature. Log the model with one (mlflow.onnx.log_model, signature=…) and import it again. GET /api/2.0/servery/models/%s tells what the model's graph takes.",
			e.Name, se.ModelVersion, se.ModelName, se.ModelName)}
	}
	return paths, nil
}

// signed tells whether a version was logged with a signature that says something.
func signed(v registry.Version) bool {
	if v.Signature == nil || v.FromGraph || v.Signature.Inputs.Unchecked() {
		return false
	}
	return len(v.Signature.Inputs.Columns)+len(v.Signature.Inputs.Tensors) > 0
}

// requestSchema is the forms that a request may have: tables by dataframe_split and
// dataframe_records, tensors by inputs and instances. Each names its key as required,
// else every request would be of both forms, and so of none of a oneOf.
func requestSchema(v registry.Version) node {
	in := v.Signature.Inputs
	var forms []node
	add := func(key string, value node, examples ...any) {
		properties := node{key: value}
		if len(v.Signature.Params) > 0 {
			properties["params"] = paramsSchema(v.Signature.Params)
		}
		form := node{"type": "object", "required": []string{key}, "properties": properties}
		if len(examples) > 0 {
			form["examples"] = examples
		}
		forms = append(forms, form)
	}
	if len(in.Tensors) == 0 {
		add("dataframe_split", splitSchema(in.Columns), exampleOf(v, "dataframe_split")...)
		if records := recordsSchema(in.Columns); records != nil {
			add("dataframe_records", records)
		}
		return node{"oneOf": forms}
	}
	add("inputs", byName(in.Tensors, tensorSchema))
	add("instances", node{"type": "array", "items": byName(in.Tensors, rowSchema)})
	return node{"oneOf": forms}
}

// exampleOf is what the input example holds under a key of a request.
func exampleOf(v registry.Version, key string) []any {
	var request map[string]json.RawMessage
	if json.Unmarshal(v.InputExample, &request) != nil || request[key] == nil {
		return nil
	}
	return []any{request[key]}
}

func splitSchema(columns []mlmodel.Column) node {
	names, required, items := []string{}, []string{}, []node{}
	for _, c := range columns {
		if c.Name != "" {
			names = append(names, c.Name)
			if c.Required {
				required = append(required, c.Name)
			}
		}
		items = append(items, columnSchema(c.Type, c.Inner))
	}
	properties := node{"data": node{"type": "array", "items": node{"type": "array", "prefixItems": items}}}
	if len(names) > 0 {
		list := node{"type": "array", "items": node{"type": "string", "enum": names}}
		if len(required) > 0 {
			list["description"] = "required fields: " + strings.Join(required, ", ")
		}
		properties["columns"] = list
	}
	return node{"type": "object", "properties": properties}
}

// recordsSchema is nil where the columns have no names: records could not name them.
func recordsSchema(columns []mlmodel.Column) node {
	properties, required := node{}, []string{}
	for _, c := range columns {
		if c.Name == "" {
			return nil
		}
		properties[c.Name] = columnSchema(c.Type, c.Inner)
		if c.Required {
			required = append(required, c.Name)
		}
	}
	record := node{"type": "object", "properties": properties}
	if len(required) > 0 {
		record["required"] = required
	}
	return node{"type": "array", "items": record}
}

func paramsSchema(params []mlmodel.Param) node {
	properties := node{}
	for _, p := range params {
		one := columnSchema(p.Type, p.Inner)
		if p.Shape != nil {
			one = node{"type": "array", "items": one}
		}
		if json.Valid([]byte(p.Default)) {
			one["default"] = json.RawMessage(p.Default)
		}
		properties[p.Name] = one
	}
	return node{"type": "object", "properties": properties}
}

// columnTypes are MLflow's types in OpenAPI's words (spec B8).
var columnTypes = map[mlmodel.ColumnType][2]string{
	mlmodel.Boolean:     {"boolean"},
	mlmodel.Integer:     {"integer", "int32"},
	mlmodel.Long:        {"integer", "int64"},
	mlmodel.Float:       {"number", "float"},
	mlmodel.Double:      {"number", "double"},
	mlmodel.String:      {"string"},
	mlmodel.Binary:      {"string", "byte"},
	mlmodel.Datetime:    {"string", "date-time"},
	mlmodel.SparkVector: {"array"},
}

// columnSchema is a column's values; inner is mlmodel.Column.Inner, which nests 32 deep at
// most.
func columnSchema(kind mlmodel.ColumnType, inner string) node {
	switch kind {
	case mlmodel.Array:
		return node{"type": "array", "items": innerSchema([]byte(inner))}
	case mlmodel.Map:
		return node{"type": "object", "additionalProperties": innerSchema([]byte(inner))}
	case mlmodel.Object:
		return propertiesSchema([]byte(inner))
	}
	return plainSchema(kind)
}

func plainSchema(kind mlmodel.ColumnType) node {
	words, ok := columnTypes[kind]
	switch {
	case !ok:
		return node{"type": "object", "format": "unknown"}
	case words[1] == "":
		return node{"type": words[0]}
	}
	return node{"type": words[0], "format": words[1]}
}

// innerSchema reads a type as MLflow nests it: {"type": "array", "items": {…}}.
func innerSchema(raw []byte) node {
	var t struct {
		Type                      mlmodel.ColumnType
		Items, Values, Properties json.RawMessage
	}
	if json.Unmarshal(raw, &t) != nil {
		return plainSchema("")
	}
	switch t.Type {
	case mlmodel.Array:
		return node{"type": "array", "items": innerSchema(t.Items)}
	case mlmodel.Map:
		return node{"type": "object", "additionalProperties": innerSchema(t.Values)}
	case mlmodel.Object:
		return propertiesSchema(t.Properties)
	}
	return plainSchema(t.Type)
}

func propertiesSchema(raw []byte) node {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return plainSchema("")
	}
	properties := node{}
	for name, field := range fields {
		properties[name] = innerSchema(field)
	}
	return node{"type": "object", "properties": properties}
}

// byName is an object of tensors by their names, or the one that has none. A single one
// that has a name may come without it too, as MLflow has it.
func byName(tensors []mlmodel.TensorSpec, schema func(mlmodel.TensorSpec) node) node {
	if len(tensors) == 1 && tensors[0].Name == "" {
		return schema(tensors[0])
	}
	properties, names := node{}, []string{}
	for _, t := range tensors {
		properties[t.Name] = schema(t)
		names = append(names, t.Name)
	}
	object := node{"type": "object", "required": names, "properties": properties}
	if len(tensors) == 1 {
		return node{"anyOf": []node{object, schema(tensors[0])}}
	}
	return object
}

func tensorSchema(t mlmodel.TensorSpec) node { return nested(t.Type, t.Shape) }

// rowSchema is one row of a tensor: what instances lists.
func rowSchema(t mlmodel.TensorSpec) node {
	return nested(t.Type, t.Shape[min(1, len(t.Shape)):])
}

// nested is lists in lists, one for each dimension; a dimension that is fixed has just so
// many items.
func nested(kind tensor.Type, shape []int64) node {
	if len(shape) == 0 {
		return elementSchema(kind)
	}
	list := node{"type": "array", "items": nested(kind, shape[1:])}
	if shape[0] >= 0 {
		list["minItems"], list["maxItems"] = shape[0], shape[0]
	}
	return list
}

func elementSchema(kind tensor.Type) node {
	switch kind {
	case tensor.Float16, tensor.BFloat16, tensor.Float32:
		return node{"type": "number", "format": "float"}
	case tensor.Float64:
		return node{"type": "number", "format": "double"}
	case tensor.Bool:
		return node{"type": "boolean"}
	case tensor.String:
		return node{"type": "string"}
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		return node{"type": "integer", "format": kind.String()}
	}
	return node{"type": "object", "format": "unknown"}
}

// responseSchema is the predictions: a list of records to a table, an object of lists to
// tensors. Outputs that the signature does not name have the names of the graph's; without
// any name there is a list of values.
func responseSchema(v registry.Version) node {
	out := v.Signature.Outputs
	if out.Unchecked() {
		return node{}
	}
	name := func(given string, i int) string {
		if given == "" && v.Graph != nil && len(v.Graph.Outputs) == len(out.Columns)+len(out.Tensors) {
			given = v.Graph.Outputs[i].Name
		}
		return given
	}
	table, properties := len(v.Signature.Inputs.Tensors) == 0, node{}
	for i, c := range out.Columns {
		one := columnSchema(c.Type, c.Inner)
		if !table {
			one = node{"type": "array", "items": one}
		}
		properties[cmp.Or(name(c.Name, i), strconv.Itoa(i))] = one
	}
	for i, t := range out.Tensors {
		one := tensorSchema(t)
		if table {
			one = rowSchema(t)
		}
		properties[cmp.Or(name(t.Name, i), strconv.Itoa(i))] = one
	}
	switch {
	case !table:
		return node{"type": "object", "properties": properties}
	case len(out.Columns) == 1 && name(out.Columns[0].Name, 0) == "":
		return node{"type": "array", "items": properties["0"]}
	}
	return node{"type": "array", "items": node{"type": "object", "properties": properties}}
}
