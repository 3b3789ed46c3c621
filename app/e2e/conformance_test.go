package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// operations are the rows of the conformance table, as far as a client has them.
var operations = []string{
	"me", "create", "wait", "get", "list",
	"query dataframe_split", "query dataframe_records", "query instances", "query inputs", "query CSV",
	"update", "stop", "start", "tags", "permissions", "gateway", "rate limits", "notifications", "telemetry",
	"logs", "build logs", "metrics", "schema", "secrets", "tokens", "registry", "chat is refused",
	"catalogs", "schemas", "register", "log and register", "models", "versions", "aliases", "files",
	"download", "load", "rename", "no signature", "broken model", "delete",
}

// excused are the cells that cannot pass, with the reason: what the client itself cannot do,
// or what it cannot do with the product either. A cell that passes after all is an error too.
var excused = map[string]map[string]string{
	// @databricks/sdk-experimental 0.17.0, dist/api-client.js: "for POST/PUT methods".
	"JavaScript SDK": {
		"tags":          "sends no body with PATCH, to the product either",
		"notifications": "sends no body with PATCH, to the product either",
	},
}

// installedClients is the folder that make clients fills. A plain run of the stories does
// without it, for the installation takes minutes.
func installedClients(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SERVERY_CLIENTS")
	if dir == "" {
		t.Skip("make conformance (and make test) installs the clients and sets SERVERY_CLIENTS")
	}
	return dir
}

// TestConformance drives the real clients, each on an endpoint of its own, through what they
// offer, and prints a table client × operation.
func TestConformance(t *testing.T) {
	clients := installedClients(t)
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	for range 2 { // versions 1 and 2
		importModel(t, data, shared(t, "mlflow/sum_columns"), "main.default.sums")
	}
	scripts, err := filepath.Abs("conformance")
	if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(clients, "python", "bin", "python")
	table := map[string]map[string]string{}
	for _, c := range []struct {
		name    string
		command []string
	}{
		{"Databricks CLI", nil},
		{"Python SDK", []string{python, filepath.Join(scripts, "python_sdk.py")}},
		{"MLflow Deployments", []string{python, filepath.Join(scripts, "mlflow_deployments.py")}},
		{"JavaScript SDK", []string{"node", filepath.Join(scripts, "js_sdk.cjs")}},
		{"openai (npm)", []string{"node", filepath.Join(scripts, "openai_npm.cjs")}},
		{"MLflow registry", []string{python, filepath.Join(scripts, "register.py")}},
		{"curl", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			endpoint := "of-" + strings.NewReplacer(" ", "-", "(", "", ")", "").Replace(strings.ToLower(c.name))
			home := t.TempDir()
			env := environment(home,
				"DATABRICKS_HOST="+p.url, "DATABRICKS_TOKEN="+p.token, "SERVERY_ENDPOINT="+endpoint,
				"SERVERY_MODEL=main.default.sums", "PYTHONPATH="+scripts, "PYTHONDONTWRITEBYTECODE=1",
				"NODE_PATH="+filepath.Join(clients, "js", "node_modules"), "DATABRICKS_CACHE_DIR="+filepath.Join(home, "cache"),
				"MLFLOW_TRACKING_URI=sqlite:///"+filepath.Join(home, "mlflow.db"), "NODE_NO_WARNINGS=1")
			switch {
			case c.name == "Databricks CLI":
				table[c.name] = cli{t, filepath.Join(clients, "databricks"), env, endpoint}.drive()
			case c.name == "curl":
				table[c.name] = curls(t, p, env)
			default:
				if c.name == "openai (npm)" {
					p.create(endpoint, "main.default.sums")
					p.awaitReady(endpoint)
				}
				table[c.name] = lines(t, env, c.command)
			}
			judge(t, c.name, table[c.name])
		})
	}
	writeConformance(t, table)
}

// judge compares a client's column with what is excused.
func judge(t *testing.T, client string, column map[string]string) {
	t.Helper()
	if len(column) == 0 {
		t.Error("the client said nothing")
	}
	for operation, result := range column {
		if !slices.Contains(operations, operation) {
			t.Errorf("operation %q is no row of the table", operation)
		}
		reason := excused[client][operation]
		switch {
		case result == "pass" && reason != "":
			t.Errorf("%s passes, although it is excused: %s", operation, reason)
		case result != "pass" && reason == "":
			t.Errorf("%s: %s", operation, result)
		}
	}
}

// lines runs a client's script and reads what it says of each operation.
func lines(t *testing.T, env, command []string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = env
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	err := cmd.Run()
	column := map[string]string{}
	for line := range strings.Lines(out.String()) {
		operation, result, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if ok {
			column[operation] = result
		}
	}
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(command, " "), err, clip(trouble.String(), 4000))
	}
	return column
}

// writeConformance prints the table, and writes it where SERVERY_CONFORMANCE_TABLE says.
func writeConformance(t *testing.T, table map[string]map[string]string) {
	t.Helper()
	names := []string{"Databricks CLI", "Python SDK", "MLflow Deployments", "JavaScript SDK", "openai (npm)", "MLflow registry", "curl"}
	var b strings.Builder
	fmt.Fprintf(&b, "| operation | %s |\n|%s\n", strings.Join(names, " | "), strings.Repeat(" --- |", len(names)+1))
	passed, failed := 0, 0
	for _, operation := range operations {
		row, any := make([]string, len(names)), false
		for i, name := range names {
			switch result, tried := table[name][operation]; {
			case !tried:
				row[i] = "–"
			case result == "pass":
				row[i], any = "pass", true
				passed++
			case excused[name][operation] != "":
				row[i], any = excused[name][operation], true
				failed++
			default:
				row[i], any = strings.ReplaceAll(clip(result, 120), "|", "/"), true
				failed++
			}
		}
		if any {
			fmt.Fprintf(&b, "| %s | %s |\n", operation, strings.Join(row, " | "))
		}
	}
	t.Logf("%d of %d pass; – is an operation that the client does not have\n%s", passed, passed+failed, b.String())
	if path := os.Getenv("SERVERY_CONFORMANCE_TABLE"); path != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// cli is the Databricks CLI with a home of its own.
type cli struct {
	t        *testing.T
	path     string
	env      []string
	endpoint string
}

// run gives what the command printed; its standard input is empty.
func (c cli) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	if !slices.Contains([]string{"export-metrics", "get-open-api"}, args[1]) { // those are text
		args = append(args, "-o", "json")
	}
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Env = c.env
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(args[:min(len(args), 3)], " "), err, clip(strings.TrimSpace(trouble.String()), 300))
	}
	return out.String(), nil
}

// step is a command of the CLI whose answer must hold all of some texts.
type step struct {
	args  []string
	holds []string
}

// drive tries every operation that the CLI has.
func (c cli) drive() map[string]string {
	e := c.endpoint
	entity := func(version string) string {
		return `{"entity_name":"main.default.sums","entity_version":"` + version + `","workload_size":"Small","scale_to_zero_enabled":false}`
	}
	query := func(body string) []step {
		return []step{{[]string{"serving-endpoints", "query", e, "--json", body}, []string{"3.5", "7"}}}
	}
	if _, err := c.run("serving-endpoints", "list"); err != nil {
		c.t.Fatal(err)
	}
	id := ""
	column := map[string]string{}
	for _, o := range []struct {
		name  string
		steps func() []step
	}{
		{"me", func() []step { return []step{{[]string{"current-user", "me"}, []string{"userName"}}} }},
		{"create", func() []step {
			return []step{{[]string{"serving-endpoints", "create", "--no-wait", "--json", `{"name":"` + e + `","config":{"served_entities":[` + entity("1") + `]}}`}, []string{`"config_update"`}}}
		}},
		{"wait", func() []step {
			return []step{{[]string{"serving-endpoints", "create", "--json", `{"name":"` + e + `-2","config":{"served_entities":[` + entity("1") + `]}}`}, []string{`"READY"`}},
				{[]string{"serving-endpoints", "delete", e + "-2"}, nil}}
		}},
		{"get", func() []step {
			return []step{{[]string{"serving-endpoints", "get", e}, []string{`"sums-1"`, `"CAN_MANAGE"`}}}
		}},
		{"list", func() []step { return []step{{[]string{"serving-endpoints", "list"}, []string{e}}} }},
		{"query dataframe_split", func() []step { return query(`{"dataframe_split":{"columns":["x","y"],"data":[[1.5,2],[3,4]]}}`) }},
		{"query dataframe_records", func() []step { return query(`{"dataframe_records":[{"x":1.5,"y":2},{"x":3,"y":4}]}`) }},
		{"query instances", func() []step { return query(`{"instances":[{"x":1.5,"y":2},{"x":3,"y":4}]}`) }},
		{"query inputs", func() []step { return query(`{"inputs":{"x":[1.5,3],"y":[2,4]}}`) }},
		{"update", func() []step {
			return []step{{[]string{"serving-endpoints", "update-config", e, "--json", `{"served_entities":[` + entity("1") + `,` + entity("2") + `],"traffic_config":{"routes":[{"served_model_name":"sums-1","traffic_percentage":90},{"served_model_name":"sums-2","traffic_percentage":10}]}}`}, []string{`"sums-2"`, `"NOT_UPDATING"`}}}
		}},
		{"stop", func() []step {
			return []step{{[]string{"api", "post", "/api/2.0/serving-endpoints/" + e + "/config:stop"}, []string{"NOT_READY"}}}
		}},
		{"start", func() []step {
			return []step{{[]string{"api", "post", "/api/2.0/serving-endpoints/" + e + "/config:start"}, []string{e}}}
		}},
		{"tags", func() []step {
			return []step{{[]string{"serving-endpoints", "patch", e, "--json", `{"add_tags":[{"key":"a","value":"b"}],"delete_tags":["c"]}`}, []string{`"a"`}}}
		}},
		{"permissions", func() []step {
			return []step{{[]string{"serving-endpoints", "get-permission-levels", id}, []string{"CAN_QUERY"}},
				{[]string{"serving-endpoints", "get-permissions", id}, []string{"/serving-endpoints/" + id}},
				{[]string{"users", "create", "--json", `{"userName":"carol@example.com","displayName":"Carol"}`}, []string{"carol@example.com"}},
				{[]string{"serving-endpoints", "set-permissions", id, "--json", `{"access_control_list":[{"permission_level":"CAN_QUERY","user_name":"carol@example.com"}]}`}, []string{"carol@example.com"}},
				{[]string{"serving-endpoints", "update-permissions", id, "--json", `{"access_control_list":[{"permission_level":"CAN_VIEW","group_name":"users"}]}`}, []string{"carol@example.com", "users"}}}
		}},
		{"gateway", func() []step {
			return []step{{[]string{"serving-endpoints", "put-ai-gateway", e, "--json", `{"inference_table_config":{"catalog_name":"main","enabled":true,"schema_name":"default","table_name_prefix":"demo"},"rate_limits":[{"calls":100000,"key":"endpoint","renewal_period":"minute"}],"usage_tracking_config":{"enabled":true}}`}, []string{`"demo"`}}}
		}},
		{"rate limits", func() []step {
			return []step{{[]string{"serving-endpoints", "put", e, "--json", `{"rate_limits":[{"calls":100000,"key":"user","renewal_period":"minute"}]}`}, []string{"100000"}}}
		}},
		{"notifications", func() []step {
			return []step{{[]string{"serving-endpoints", "update-notifications", e, "--json", `{"email_notifications":{"on_update_failure":["a@example.com"]}}`}, []string{"a@example.com"}}}
		}},
		{"telemetry", func() []step {
			return []step{{[]string{"serving-endpoints", "patch-telemetry-config", e, "--json", `{"telemetry_config":{"inference_table_config":{"sampling_fraction":0.5}}}`}, []string{e}}}
		}},
		{"logs", func() []step { return []step{{[]string{"serving-endpoints", "logs", e, "sums-1"}, []string{"logs"}}} }},
		{"build logs", func() []step {
			return []step{{[]string{"serving-endpoints", "build-logs", e, "sums-1"}, []string{"logs"}}}
		}},
		{"metrics", func() []step {
			return []step{{[]string{"serving-endpoints", "export-metrics", e}, []string{"request_count_total"}}}
		}},
		{"schema", func() []step {
			return []step{{[]string{"serving-endpoints", "get-open-api", e}, []string{"openapi", "dataframe_split"}}}
		}},
		{"secrets", func() []step {
			return []step{{[]string{"secrets", "create-scope", "sc"}, nil}, {[]string{"secrets", "list-scopes"}, []string{"sc"}},
				{[]string{"secrets", "put-secret", "sc", "k", "--string-value", "v"}, nil}, {[]string{"secrets", "list-secrets", "sc"}, []string{`"k"`}},
				{[]string{"secrets", "get-secret", "sc", "k"}, []string{"dg=="}}, {[]string{"secrets", "delete-scope", "sc"}, nil}}
		}},
		{"tokens", func() []step {
			return []step{{[]string{"tokens", "create", "--comment", "cli", "--lifetime-seconds", "600"}, []string{"token_value"}}, {[]string{"tokens", "list"}, []string{"cli"}}}
		}},
		{"registry", func() []step {
			return []step{{[]string{"registered-models", "list"}, []string{"main.default.sums"}},
				{[]string{"registered-models", "list", "--catalog-name", "main", "--schema-name", "default"}, []string{"main.default.sums"}},
				{[]string{"registered-models", "get", "main.default.sums"}, []string{"main.default.sums"}},
				{[]string{"registered-models", "set-alias", "main.default.sums", "prod", "2"}, nil},
				{[]string{"model-versions", "list", "main.default.sums"}, []string{"READY"}},
				{[]string{"model-versions", "get", "main.default.sums", "1"}, []string{"READY"}},
				{[]string{"model-versions", "get-by-alias", "main.default.sums", "prod"}, []string{`2`}},
				{[]string{"registered-models", "delete-alias", "main.default.sums", "prod"}, nil},
				{[]string{"catalogs", "list"}, []string{"main"}}, {[]string{"schemas", "list", "main"}, []string{"default"}}}
		}},
		{"delete", func() []step {
			return []step{{[]string{"serving-endpoints", "delete", e}, nil}}
		}},
	} {
		column[o.name] = "pass"
		for _, s := range o.steps() {
			out, err := c.run(s.args...)
			for _, text := range s.holds {
				if err == nil && !strings.Contains(out, text) {
					err = fmt.Errorf("%s: no %s in %s", strings.Join(s.args[:2], " "), text, clip(out, 300))
				}
			}
			if err != nil {
				column[o.name] = strings.Join(strings.Fields(err.Error()), " ")
				break
			}
		}
		if o.name == "start" {
			// The updates that follow want the endpoint at rest.
			c.settle()
		}
		if o.name == "get" {
			out, _ := c.run("serving-endpoints", "get", e)
			var got struct{ ID string }
			_ = json.Unmarshal([]byte(out), &got)
			id = got.ID
		}
	}
	return column
}

// settle waits until the endpoint is not updating any more.
func (c cli) settle() {
	end := time.Now().Add(patience)
	for {
		out, err := c.run("serving-endpoints", "get", c.endpoint)
		if err != nil || !strings.Contains(out, "IN_PROGRESS") {
			return
		}
		if time.Now().After(end) {
			c.t.Errorf("%s is still updating after %v", c.endpoint, patience)
			return
		}
	}
}

// curls are the invocations as the documentation prints them, with curl.
func curls(t *testing.T, p *program, env []string) map[string]string {
	t.Helper()
	p.create("curls", "main.default.sums")
	p.awaitReady("curls")
	url := p.url + "/serving-endpoints/curls/invocations"
	column := map[string]string{}
	for _, c := range []struct{ operation, user, kind, body string }{
		{"query dataframe_split", "-u", "application/json", `{"dataframe_split":{"columns":["x","y"],"data":[[1.5,2],[3,4]]}}`},
		{"query dataframe_records", "-H", "application/json", `{"dataframe_records":[{"x":1.5,"y":2},{"x":3,"y":4}]}`},
		{"query instances", "-H", "application/json; charset=utf-8", `{"instances":[{"x":1.5,"y":2},{"x":3,"y":4}]}`},
		{"query inputs", "-u", "application/json", `{"inputs":{"x":[1.5,3],"y":[2,4]}}`},
		{"query CSV", "-H", "text/csv", "x,y\n1.5,2\n3,4\n"},
	} {
		credential := []string{"-u", "token:" + p.token}
		if c.user == "-H" {
			credential = []string{"-H", "Authorization: Bearer " + p.token}
		}
		args := append(credential, "-sS", "--fail-with-body", "-X", "POST", "-H", "Content-Type: "+c.kind, "--data-binary", c.body, url)
		cmd := exec.CommandContext(t.Context(), "curl", args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		var answer struct{ Predictions []struct{ Sum float64 } }
		switch {
		case err != nil:
			column[c.operation] = fmt.Sprintf("%v: %s", err, clip(string(out), 200))
		case json.Unmarshal(out, &answer) != nil || len(answer.Predictions) != 2 || answer.Predictions[0].Sum != 3.5 || answer.Predictions[1].Sum != 7:
			column[c.operation] = clip(string(out), 200)
		default:
			column[c.operation] = "pass"
		}
	}
	return column
}
