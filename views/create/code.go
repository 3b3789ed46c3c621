package create

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"servery/engine/endpoint"
)

// snippet is one tab of "The same, as code".
type snippet struct{ title, text string }

// snippets says the same endpoint in the ways a person may create it: each can be copied
// and run as it stands. address is the REST server's, "http://127.0.0.1:8642"; where it
// is "" the clients take it from DATABRICKS_HOST.
func snippets(spec endpoint.Spec, address string) []snippet {
	body := jsonBody(spec)
	host, export := "$DATABRICKS_HOST", ""
	if address != "" {
		host, export = address, "export DATABRICKS_HOST="+address+"\n"
	}
	return []snippet{
		{"REST", "HOST=" + host + "\nTOKEN=$DATABRICKS_TOKEN\n" + // short lines: the panel is 45 characters wide
			"curl $HOST/api/2.0/serving-endpoints \\\n" +
			"  -H \"Authorization: Bearer $TOKEN\" \\\n" +
			"  -H \"Content-Type: application/json\" \\\n" +
			"  -d " + shellQuote(body)},
		{"MLflow", pyMLflow(spec, address)},
		{"Databricks SDK", pySDK(spec, address)},
		{"CLI", export + "databricks serving-endpoints create --json \\\n" + shellQuote(body)},
	}
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

func jsonBody(spec endpoint.Spec) string { return inJSON.write(tree(spec), "") }

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
	panic(fmt.Sprintf("create: a %T in a snippet", v))
}

// pyMLflow is MLflow's deployments client. It takes the whole request as config, and
// tells it from a bare configuration by its key "config" (mlflow/deployments/databricks,
// create_endpoint); name and configuration apart are deprecated there.
func pyMLflow(spec endpoint.Spec, address string) string {
	head := "from mlflow import deployments\n\n# DATABRICKS_HOST and DATABRICKS_TOKEN\n# are set outside\n"
	if address != "" {
		head = "import os\nfrom mlflow import deployments\n\n" +
			"os.environ[\"DATABRICKS_HOST\"] = (\n  " + pyString(address) + ")\n# DATABRICKS_TOKEN is set outside\n"
	}
	return head + "client = deployments.get_deploy_client(\n  \"databricks\")\n" +
		"client.create_endpoint(\n  config=" + inPython.write(tree(spec), "  ") + ")"
}

// pySDK is the Databricks SDK for Python, which takes typed objects.
func pySDK(spec endpoint.Spec, address string) string {
	var b strings.Builder
	b.WriteString("from databricks.sdk import WorkspaceClient\n")
	if types := pyTypes(spec); len(types) > 0 {
		b.WriteString("from databricks.sdk.service.serving import (\n  " + strings.Join(types, ",\n  ") + ")\n")
	}
	if address == "" {
		b.WriteString("\n# DATABRICKS_HOST and DATABRICKS_TOKEN\n# are set outside\nw = WorkspaceClient()\n")
	} else {
		fmt.Fprintf(&b, "\n# the token is DATABRICKS_TOKEN\nw = WorkspaceClient(\n  host=%s)\n", pyString(address))
	}
	fmt.Fprintf(&b, "w.serving_endpoints.create_and_wait(\n  name=%s,\n", pyString(spec.Name))
	if c := spec.Config; c != nil {
		pyConfig(&b, spec.Name, c)
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

// pyConfig writes the SDK's configuration, which wants the endpoint's name once more.
func pyConfig(b *strings.Builder, name string, c *endpoint.ConfigSpec) {
	fmt.Fprintf(b, "  config=EndpointCoreConfigInput(\n    name=%s,\n    served_entities=[\n", pyString(name))
	for _, e := range c.Entities {
		b.WriteString("      ServedEntityInput(" + arguments(entityTree(e), "        ") + "),\n")
	}
	b.WriteString("    ],\n")
	if len(c.Routes) > 0 {
		b.WriteString("    traffic_config=TrafficConfig(routes=[\n")
		for _, r := range c.Routes {
			fmt.Fprintf(b, "      Route(served_model_name=%s,\n            traffic_percentage=%d),\n", pyString(r.EntityName), r.Percent)
		}
		b.WriteString("    ]),\n")
	}
	b.WriteString("  ),\n")
}

// pyTypes are the SDK's types that a spec needs.
func pyTypes(spec endpoint.Spec) (names []string) {
	if c := spec.Config; c != nil {
		names = append(names, "EndpointCoreConfigInput")
		if len(c.Entities) > 0 {
			names = append(names, "ServedEntityInput")
		}
		if slices.ContainsFunc(c.Entities, func(e endpoint.EntitySpec) bool { return e.WorkloadType != "" }) {
			names = append(names, "ServingModelWorkloadType")
		}
		if len(c.Routes) > 0 {
			names = append(names, "Route", "TrafficConfig")
		}
	}
	if len(spec.Tags) > 0 {
		names = append(names, "EndpointTag")
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
