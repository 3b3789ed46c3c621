package config

import (
	"encoding/json"
	"strings"
	"testing"

	"servery/engine/endpoint"
)

func specForTest() endpoint.Spec {
	low, high, zero, stay := 4, 12, true, false
	return endpoint.Spec{
		Name: "ads-ranking",
		Config: &endpoint.ConfigSpec{
			Entities: []endpoint.EntitySpec{
				{Name: "ranker-2", ModelName: "main.ads.ranker", ModelVersion: "2", WorkloadSize: "Small", ScaleToZero: &zero},
				{Name: "ranker-3", ModelName: "main.ads.ranker", ModelVersion: "3", MinConcurrency: &low, MaxConcurrency: &high, ScaleToZero: &stay,
					EnvironmentVars: map[string]string{"B": `it's "b"`, "A": "1"}},
			},
			Routes: []endpoint.Route{{EntityName: "ranker-2", Percent: 80}, {EntityName: "ranker-3", Percent: 20}},
		},
		Tags: []endpoint.Tag{{Key: "team", Value: "ads"}, {Key: "demo"}},
	}
}

func TestTheRESTSnippetCarriesTheCreateBody(t *testing.T) {
	rest := CreateSnippets(specForTest(), "http://127.0.0.1:8642")[0].Text
	body := strings.ReplaceAll(strings.TrimSuffix(rest[strings.Index(rest, "-d '")+4:], "'"), `'\''`, "'")
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	entities := got["config"].(map[string]any)["served_entities"].([]any)
	second := entities[1].(map[string]any)
	if got["name"] != "ads-ranking" || len(entities) != 2 || second["max_provisioned_concurrency"] != 12.0 ||
		second["scale_to_zero_enabled"] != false || second["environment_vars"].(map[string]any)["B"] != `it's "b"` {
		t.Errorf("the body does not say what the form says:\n%s", body)
	}
	routes := got["config"].(map[string]any)["traffic_config"].(map[string]any)["routes"].([]any)
	if len(routes) != 2 || routes[1].(map[string]any)["traffic_percentage"] != 20.0 {
		t.Errorf("routes: %v", routes)
	}
}

func TestPythonSnippetsUsePythonsWords(t *testing.T) {
	all := CreateSnippets(specForTest(), "http://127.0.0.1:8642")
	for _, s := range all[1:3] {
		for _, foreign := range []string{"true", "false", "null"} {
			if strings.Contains(s.Text, foreign) {
				t.Errorf("%s has the JSON word %s:\n%s", s.Title, foreign, s.Text)
			}
		}
		if strings.Count(s.Text, "(") != strings.Count(s.Text, ")") || strings.Count(s.Text, "{") != strings.Count(s.Text, "}") {
			t.Errorf("%s is not balanced:\n%s", s.Title, s.Text)
		}
	}
}

func TestEverySnippetSaysEverything(t *testing.T) {
	spec := specForTest()
	spec.Description = "Ranks ads"
	for _, s := range CreateSnippets(spec, "http://127.0.0.1:8642") {
		for _, want := range []string{"http://127.0.0.1:8642", "ads-ranking", "main.ads.ranker", "ranker-3", "12", "80", "team", "Ranks ads", "DATABRICKS_TOKEN"} {
			if s.Title == "CLI" && want == "DATABRICKS_TOKEN" {
				continue // the CLI reads it from its environment
			}
			if !strings.Contains(s.Text, want) {
				t.Errorf("%s does not have %q:\n%s", s.Title, want, s.Text)
			}
		}
	}
}

// The Python SDK (0.162) has no default for EndpointCoreConfigInput's name, and asks a
// workload type for its value.
func TestTheSDKSnippetTakesTheSDKsTypes(t *testing.T) {
	spec := specForTest()
	spec.Config.Entities[0].WorkloadType = "CPU"
	text := CreateSnippets(spec, "http://127.0.0.1:8642")[2].Text
	for _, want := range []string{
		"config=EndpointCoreConfigInput(\n    name=\"ads-ranking\",\n    served_entities=[",
		"workload_type=\n          ServingModelWorkloadType.CPU,", "  ServingModelWorkloadType,\n", "  EndpointTag)\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not have %q:\n%s", want, text)
		}
	}
	if bare := CreateSnippets(endpoint.Spec{Name: "a"}, "http://127.0.0.1:8642")[2].Text; strings.Contains(bare, "serving import") {
		t.Errorf("it imports nothing by name, which Python refuses:\n%s", bare)
	}
}

// MLflow's client deprecates a name beside a configuration, and tells the two ways of
// calling it by the key "config".
func TestTheMLflowSnippetGivesTheWholeRequest(t *testing.T) {
	spec := specForTest()
	spec.Tags = nil
	text := CreateSnippets(spec, "http://127.0.0.1:8642")[1].Text
	if !strings.Contains(text, "create_endpoint(\n  config={\n    \"name\": \"ads-ranking\",\n    \"config\": {\n") {
		t.Errorf("name and config are not one request:\n%s", text)
	}
}

func TestWithoutAnAddressTheEnvironmentSaysWhere(t *testing.T) {
	for _, s := range CreateSnippets(specForTest(), "") {
		if strings.Contains(s.Text, "os.environ") || strings.Contains(s.Text, "export") || strings.Contains(s.Text, "host=") || strings.Contains(s.Text, "HOST=\n") {
			t.Errorf("%s names an address that there is not:\n%s", s.Title, s.Text)
		}
	}
}

func TestAShellWordSurvivesQuotes(t *testing.T) {
	if got, want := shellQuote(`a'b`), `'a'\''b'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
