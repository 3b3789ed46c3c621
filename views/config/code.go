package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"servery/engine/endpoint"
)

// Snippet is one tab of "The same, as code".
type Snippet struct{ Title, Text string }

// CreateSnippets says the same endpoint in the ways a person may create it: each can be copied
// and run as it stands. address is the REST server's, "http://127.0.0.1:8642"; where it
// is "" the clients take it from DATABRICKS_HOST.
func CreateSnippets(spec endpoint.Spec, address string) []Snippet {
	return []Snippet{
		{"REST", curl(address, "", "/api/2.0/serving-endpoints", tree(spec))},
		{"MLflow", pyMLflow(address, "create_endpoint(\n  config="+inPython.write(tree(spec), "  ")+")")},
		{"Databricks SDK", pySDK(spec, address)},
		{"CLI", cli(address, "create", tree(spec))},
	}
}

// UpdateSnippets says the same for another configuration of an endpoint.
func UpdateSnippets(name string, c endpoint.ConfigSpec, address string) []Snippet {
	body := configTree(c)
	return []Snippet{
		{"REST", curl(address, "-X PUT ", "/api/2.0/serving-endpoints/"+name+"/config", body)},
		{"MLflow", pyMLflow(address, "update_endpoint_config(\n  endpoint="+pyString(name)+",\n  config="+inPython.write(body, "  ")+")")},
		{"Databricks SDK", pySDKUpdate(name, c, address)},
		{"CLI", cli(address, "update-config "+name, body)},
	}
}

// curl is the request itself, in short lines: the panel is 45 characters wide.
func curl(address, method, path string, body []field) string {
	host := "$DATABRICKS_HOST"
	if address != "" {
		host = address
	}
	return "HOST=" + host + "\nTOKEN=$DATABRICKS_TOKEN\n" +
		"curl " + method + "$HOST" + path + " \\\n" +
		"  -H \"Authorization: Bearer $TOKEN\" \\\n" +
		"  -H \"Content-Type: application/json\" \\\n" +
		"  -d " + shellQuote(inJSON.write(body, ""))
}

// cli is the Databricks CLI's command.
func cli(address, command string, body []field) string {
	export := ""
	if address != "" {
		export = "export DATABRICKS_HOST=" + address + "\n"
	}
	return export + "databricks serving-endpoints " + command + " --json \\\n" + shellQuote(inJSON.write(body, ""))
}

// field is one member of an object that is written with its order kept.
type field struct {
	key   string
	value any // string, int, bool, []field (object) or []any (list)
}

// tree is the body of the create request (spec B2), without what was left out.
func tree(spec endpoint.Spec) []field {
	fields := []field{{"name", spec.Name}}
	if c := spec.Config; c != nil {
		fields = append(fields, field{"config", configTree(*c)})
	}
	if len(spec.Tags) > 0 {
		var tags []any
		for _, t := range spec.Tags {
			tag := []field{{"key", t.Key}}
			if t.Value != "" {
				tag = append(tag, field{"value", t.Value})
			}
			tags = append(tags, tag)
		}
		fields = append(fields, field{"tags", tags})
	}
	if spec.Description != "" {
		fields = append(fields, field{"description", spec.Description})
	}
	return fields
}

func configTree(c endpoint.ConfigSpec) []field {
	var entities, routes []any
	for _, e := range c.Entities {
		entities = append(entities, entityTree(e))
	}
	for _, r := range c.Routes {
		routes = append(routes, []field{{"served_model_name", r.EntityName}, {"traffic_percentage", r.Percent}})
	}
	fields := []field{{"served_entities", entities}}
	if len(routes) > 0 {
		fields = append(fields, field{"traffic_config", []field{{"routes", routes}}})
	}
	if t := c.AutoCapture; t != nil {
		fields = append(fields, field{"auto_capture_config", []field{{"enabled", t.Enabled}, {"catalog_name", t.Catalog},
			{"schema_name", t.Schema}, {"table_name_prefix", t.TablePrefix}}})
	}
	return fields
}

func entityTree(e endpoint.EntitySpec) []field {
	var fields []field
	text := func(key, value string) {
		if value != "" {
			fields = append(fields, field{key, value})
		}
	}
	text("name", e.Name)
	text("entity_name", e.ModelName)
	text("entity_version", e.ModelVersion)
	text("workload_type", e.WorkloadType)
	text("workload_size", e.WorkloadSize)
	if e.MinConcurrency != nil {
		fields = append(fields, field{"min_provisioned_concurrency", *e.MinConcurrency})
	}
	if e.MaxConcurrency != nil {
		fields = append(fields, field{"max_provisioned_concurrency", *e.MaxConcurrency})
	}
	if e.ScaleToZero != nil {
		fields = append(fields, field{"scale_to_zero_enabled", *e.ScaleToZero})
	}
	if len(e.EnvironmentVars) > 0 {
		var vars []field
		for _, key := range slices.Sorted(maps.Keys(e.EnvironmentVars)) {
			vars = append(vars, field{key, e.EnvironmentVars[key]})
		}
		fields = append(fields, field{"environment_vars", vars})
	}
	text("instance_profile_arn", e.InstanceProfileARN)
	return fields
}

// language writes values as one notation does.
type language struct {
	str     func(string) string
	yes, no string
}

var (
	inJSON   = language{jsonString, "true", "false"}
	inPython = language{pyString, "True", "False"}
)

func (l language) write(v any, margin string) string {
	switch v := v.(type) {
	case string:
		return l.str(v)
	case int:
		return strconv.Itoa(v)
	case bool:
		if v {
			return l.yes
		}
		return l.no
	case []field:
		if len(v) == 0 {
			return "{}"
		}
		lines := make([]string, len(v))
		for i, f := range v {
			lines[i] = margin + "  " + l.str(f.key) + ": " + l.write(f.value, margin+"  ")
		}
		return "{\n" + strings.Join(lines, ",\n") + "\n" + margin + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = l.write(item, margin)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	panic(fmt.Sprintf("config: a %T in a snippet", v))
}

// pyMLflow is a call of MLflow's deployments client. Creating, it takes the whole request
// as config, and tells it from a bare configuration by its key "config"
// (mlflow/deployments/databricks, create_endpoint); name and configuration apart are
// deprecated there.
func pyMLflow(address, call string) string {
	head := "from mlflow import deployments\n\n# DATABRICKS_HOST and DATABRICKS_TOKEN\n# are set outside\n"
	if address != "" {
		head = "import os\nfrom mlflow import deployments\n\n" +
			"os.environ[\"DATABRICKS_HOST\"] = (\n  " + pyString(address) + ")\n# DATABRICKS_TOKEN is set outside\n"
	}
	return head + "client = deployments.get_deploy_client(\n  \"databricks\")\nclient." + call
}

// pyClient begins a program with the Databricks SDK for Python, which takes typed objects.
func pyClient(address string, types []string) string {
	var b strings.Builder
	b.WriteString("from databricks.sdk import WorkspaceClient\n")
	if len(types) > 0 {
		b.WriteString("from databricks.sdk.service.serving import (\n  " + strings.Join(types, ",\n  ") + ")\n")
	}
	if address == "" {
		b.WriteString("\n# DATABRICKS_HOST and DATABRICKS_TOKEN\n# are set outside\nw = WorkspaceClient()\n")
	} else {
		fmt.Fprintf(&b, "\n# the token is DATABRICKS_TOKEN\nw = WorkspaceClient(\n  host=%s)\n", pyString(address))
	}
	return b.String()
}

func pySDK(spec endpoint.Spec, address string) string {
	var types []string
	if spec.Config != nil {
		types = append([]string{"EndpointCoreConfigInput"}, pyTypes(*spec.Config)...)
	}
	if len(spec.Tags) > 0 {
		types = append(types, "EndpointTag")
	}
	var b strings.Builder
	b.WriteString(pyClient(address, types))
	fmt.Fprintf(&b, "w.serving_endpoints.create_and_wait(\n  name=%s,\n", pyString(spec.Name))
	if c := spec.Config; c != nil { // which wants the endpoint's name once more
		fmt.Fprintf(&b, "  config=EndpointCoreConfigInput(\n    name=%s,\n", pyString(spec.Name))
		pyConfig(&b, *c, "    ")
		b.WriteString("  ),\n")
	}
	if len(spec.Tags) > 0 {
		b.WriteString("  tags=[\n")
		for _, t := range spec.Tags {
			fmt.Fprintf(&b, "    EndpointTag(key=%s, value=%s),\n", pyString(t.Key), pyString(t.Value))
		}
		b.WriteString("  ],\n")
	}
	if spec.Description != "" {
		fmt.Fprintf(&b, "  description=%s,\n", pyString(spec.Description))
	}
	b.WriteString(")")
	return b.String()
}

func pySDKUpdate(name string, c endpoint.ConfigSpec, address string) string {
	var b strings.Builder
	b.WriteString(pyClient(address, pyTypes(c)))
	fmt.Fprintf(&b, "w.serving_endpoints.update_config_and_wait(\n  name=%s,\n", pyString(name))
	pyConfig(&b, c, "  ")
	b.WriteString(")")
	return b.String()
}

// pyConfig writes a configuration as keyword arguments.
func pyConfig(b *strings.Builder, c endpoint.ConfigSpec, margin string) {
	b.WriteString(margin + "served_entities=[\n")
	for _, e := range c.Entities {
		b.WriteString(margin + "  ServedEntityInput(" + arguments(entityTree(e), margin+"    ") + "),\n")
	}
	b.WriteString(margin + "],\n")
	if len(c.Routes) > 0 {
		b.WriteString(margin + "traffic_config=TrafficConfig(routes=[\n")
		for _, r := range c.Routes {
			fmt.Fprintf(b, "%s  Route(served_model_name=%s,\n%s        traffic_percentage=%d),\n", margin, pyString(r.EntityName), margin, r.Percent)
		}
		b.WriteString(margin + "]),\n")
	}
}

// pyTypes are the SDK's types that a configuration needs.
func pyTypes(c endpoint.ConfigSpec) (names []string) {
	if len(c.Entities) > 0 {
		names = append(names, "ServedEntityInput")
	}
	if slices.ContainsFunc(c.Entities, func(e endpoint.EntitySpec) bool { return e.WorkloadType != "" }) {
		names = append(names, "ServingModelWorkloadType")
	}
	if len(c.Routes) > 0 {
		names = append(names, "Route", "TrafficConfig")
	}
	return names
}

// arguments writes an entity's members as keyword arguments, one a line. The SDK takes
// a workload type as a member of its enumeration, not as a text.
func arguments(fields []field, margin string) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		value := inPython.write(f.value, margin)
		if kind, ok := f.value.(string); ok && f.key == "workload_type" {
			value = "\n" + margin + "  ServingModelWorkloadType." + kind
		}
		all[i] = "\n" + margin + f.key + "=" + value
	}
	return strings.Join(all, ",")
}

func jsonString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// pyString is a Python string literal. JSON's escapes are all Python's too.
func pyString(s string) string { return jsonString(s) }

// shellQuote is s as one word of a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
