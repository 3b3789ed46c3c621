package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/mlmodel"
	"servery/engine/registry"
)

// shape is a JSON object in one line: its fields between spaces, each a name, "!" where it
// must be there, and ":" with what it is where it is no string: int, number, bool, any,
// object, []T, {}T (an object of T by name), "A|B" for either, or the name of a component.
//
//	name! max_results:int tags:[]Tag version!:int|string
type shape string

// shapes are the components that no Go type stands for: what requests say.
var shapes = map[string]shape{
	"ConfigRequest":       "served_entities:[]ServedEntityRequest served_models:[]ServedModelRequest traffic_config:TrafficRequest auto_capture_config:InferenceTableRequest",
	"ServedEntityRequest": "name entity_name! entity_version!:int|string " + computeShape,
	"ServedModelRequest":  "name model_name! model_version!:int|string " + computeShape,
	"TrafficRequest":      "routes:[]RouteRequest",
	"RouteRequest":        "served_entity_name served_model_name traffic_percentage!:int|string",
	"TagRequest":          "key! value",
	"TagChanges":          "add_tags:[]TagRequest remove:[]string",

	"RateLimitRequest":       "calls:int|string tokens:int|string key principal renewal_period!",
	"EnabledRequest":         "enabled:bool",
	"InferenceTableRequest":  "enabled:bool catalog_name schema_name table_name_prefix",
	"GatewayRequest":         gatewayShape,
	"NotificationsRequest":   "on_update_success:[]string on_update_failure:[]string",
	"TelemetryRequest":       "table_names:TelemetryTablesRequest telemetry_profile_id inference_table_config:SamplingRequest enabled_telemetry_features:[]string",
	"TelemetryTablesRequest": "logs_table metrics_table traces_table",
	"SamplingRequest":        "sampling_fraction:number",

	"MemberRequest":        "value!",
	"PatchRequest":         "op! path value:any",
	"AccessControlRequest": "user_name group_name service_principal_name permission_level!",
	"KServeInput":          "name! shape!:[]int datatype! parameters:object data:any",
	"KServeOutput":         "name! parameters:object",
	"KServeAnswer":         "name! datatype! shape!:[]int parameters:object data:any",

	"SecretScope":    "name! backend_type!",
	"SecretMetadata": "key! last_updated_timestamp!:int",
}

const computeShape = "workload_type workload_size min_provisioned_concurrency:int max_provisioned_concurrency:int " +
	"scale_to_zero_enabled!:bool environment_vars:{}string instance_profile_arn"

type field struct {
	name, kind string
	needed     bool
}

func (s shape) fields() (list []field) {
	for word := range strings.FieldsSeq(string(s)) {
		name, kind, _ := strings.Cut(word, ":")
		name, needed := strings.CutSuffix(name, "!")
		list = append(list, field{name, kind, needed})
	}
	return list
}

// schemas are a document's components by their names.
type schemas map[string]component

type component struct {
	of   reflect.Type // nil for a shape
	node node
}

func (c schemas) nodes() node {
	all := node{}
	for name, one := range c {
		all[name] = one.node
	}
	return all
}

// shaped is the schema of a shape.
func (c schemas) shaped(s shape) node {
	properties, needed := node{}, []string{}
	for _, f := range s.fields() {
		properties[f.name] = c.kind(f.kind)
		if f.needed {
			needed = append(needed, f.name)
		}
	}
	return objectNode(properties, needed)
}

func objectNode(properties node, needed []string) node {
	n := node{"type": "object", "properties": properties}
	if len(needed) > 0 {
		n["required"] = needed
	}
	return n
}

// kind is the schema of a field's kind, see shape.
func (c schemas) kind(kind string) node {
	if either := strings.Split(kind, "|"); len(either) > 1 {
		var all []node
		for _, one := range either {
			all = append(all, c.kind(one))
		}
		return node{"anyOf": all}
	}
	if of, ok := strings.CutPrefix(kind, "[]"); ok {
		return node{"type": "array", "items": c.kind(of)}
	}
	if of, ok := strings.CutPrefix(kind, "{}"); ok {
		return node{"type": "object", "additionalProperties": c.kind(of)}
	}
	switch kind {
	case "", "string":
		return node{"type": "string"}
	case "int":
		return node{"type": "integer"}
	case "bool":
		return node{"type": "boolean"}
	case "number", "object":
		return node{"type": kind}
	case "any":
		return node{}
	}
	return node{"$ref": "#/components/schemas/" + kind}
}

// of is the schema of an answer: of a shape, or of the Go type of v, as encoding/json
// writes it. nil is an empty object.
func (c schemas) of(v any) node {
	switch v := v.(type) {
	case nil:
		return c.shaped("")
	case shape:
		return c.shaped(v)
	}
	return c.typed(reflect.TypeOf(v))
}

// words are the strings that a type may be.
var words = map[reflect.Type][]any{
	reflect.TypeFor[endpoint.ReadyState]():  {endpoint.Ready, endpoint.NotReady},
	reflect.TypeFor[endpoint.UpdateState](): {endpoint.NotUpdating, endpoint.InProgress, endpoint.UpdateFailed, endpoint.UpdateCanceled},
	reflect.TypeFor[endpoint.VersionState](): {endpoint.VersionInProgress, endpoint.VersionActive, endpoint.VersionStopped, endpoint.VersionReplaced,
		endpoint.VersionFailed, endpoint.VersionCanceled, endpoint.VersionUnreadable},
	reflect.TypeFor[endpoint.Origin](): {endpoint.Created, endpoint.Updated, endpoint.StartedAgain, endpoint.Restored},
	reflect.TypeFor[hardware.NoGPUKind](): {hardware.NotBuilt, hardware.NoDriver, hardware.NoDevice, hardware.OldDriver, hardware.OldCard,
		hardware.DriverFails, hardware.ProbeFails},
	reflect.TypeFor[registry.Status](): {registry.Pending, registry.Ready, registry.Failed},
}

// written are the types that write their JSON themselves.
var written = map[reflect.Type]node{
	reflect.TypeFor[mlmodel.Signature](): {"type": "object", "description": "As MLflow writes it: JSON in strings.", "properties": node{
		"inputs": node{"type": []string{"string", "null"}}, "outputs": node{"type": []string{"string", "null"}}, "params": node{"type": []string{"string", "null"}},
	}},
}

// held are the types that a field of type any holds.
var held = map[string][]any{
	"wireEndpoint.Config":      {wireConfig{}, wireConfigSummary{}},
	"wireConfigVersion.Config": {wireConfig{}, wireConfigSummary{}},
	"wireError.Details":        {wireRequestInfo{}, wireBadRequest{}},
	"wireNewToken.Info":        {wireToken{}, wireManagedToken{}},
}

var marshaler = reflect.TypeFor[json.Marshaler]()

// typed is the schema of a Go type. A struct that has a name becomes a component.
func (c schemas) typed(t reflect.Type) node {
	if n, ok := written[t]; ok {
		return n
	}
	if t.Kind() != reflect.Pointer && (t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler)) {
		panic(fmt.Sprintf("%v writes its JSON itself: put its schema into written", t))
	}
	switch t.Kind() {
	case reflect.Pointer:
		return node{"anyOf": []node{c.typed(t.Elem()), {"type": "null"}}}
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint64:
		return node{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return node{"type": "number"}
	case reflect.String:
		if enum := words[t]; enum != nil {
			return node{"type": "string", "enum": enum}
		}
		return node{"type": "string"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return node{"type": "string", "contentEncoding": "base64"}
		}
		return node{"type": "array", "items": c.typed(t.Elem())}
	case reflect.Map:
		return node{"type": "object", "additionalProperties": c.typed(t.Elem())}
	case reflect.Struct:
		return c.named(t)
	}
	return node{}
}

func (c schemas) named(t reflect.Type) node {
	if t.Name() == "" {
		return c.structure(t)
	}
	name := strings.TrimPrefix(t.Name(), "wire")
	if known, there := c[name]; there && known.of != t {
		of := t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]
		name = strings.ToUpper(of[:1]) + of[1:] + name // registry.Tag is RegistryTag
	}
	if known, there := c[name]; !there {
		c[name] = component{of: t} // now, for a type that holds itself
		c[name] = component{t, c.structure(t)}
	} else if known.of != t {
		panic(fmt.Sprintf("the component %s is %v and %v", name, known.of, t))
	}
	return node{"$ref": "#/components/schemas/" + name}
}

func (c schemas) structure(t reflect.Type) node {
	properties, needed := node{}, []string{}
	c.addFields(t, properties, &needed, true)
	return objectNode(properties, needed)
}

// addFields adds a struct's fields, those of embedded ones too; always tells that the
// struct is always there.
func (c schemas) addFields(t reflect.Type, properties node, needed *[]string, always bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		kind := f.Type
		if f.Anonymous && name == "" {
			pointer := kind.Kind() == reflect.Pointer
			if pointer {
				kind = kind.Elem()
			}
			c.addFields(kind, properties, needed, always && !pointer)
			continue
		}
		if name == "-" || !f.IsExported() {
			continue
		}
		if optional && kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if name == "" {
			name = f.Name
		}
		properties[name] = c.fieldSchema(t, f.Name, kind)
		if always && !optional {
			*needed = append(*needed, name)
		}
	}
}

func (c schemas) fieldSchema(t reflect.Type, name string, kind reflect.Type) node {
	options := held[t.Name()+"."+name]
	if options == nil {
		return c.typed(kind)
	}
	var all []node
	for _, v := range options {
		all = append(all, c.of(v))
	}
	if kind.Kind() == reflect.Slice {
		return node{"type": "array", "items": node{"anyOf": all}}
	}
	return node{"anyOf": all}
}
