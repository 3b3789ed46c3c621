package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"servery/engine/endpoint"
)

// The recorded body of the CLI (spec, clients on the wire 3.1).
const createBody = `{"config":{"served_entities":[{"entity_name":"main.default.digits","entity_version":"1","environment_vars":{"K":"V"},"name":"digits-1","scale_to_zero_enabled":false,"workload_size":"Small","workload_type":"CPU"}],"traffic_config":{"routes":[{"served_model_name":"digits-1","traffic_percentage":100}]}},"name":"digits","tags":[{"key":"team","value":"a"}]}`

const pendingDigits = `{
	"name": "digits", "id": "0123456789abcdef0123456789abcdef", "creator": "ada@example.com",
	"creation_timestamp": 1764000000000, "last_updated_timestamp": 1764000000000,
	"state": {"ready": "NOT_READY", "config_update": "IN_PROGRESS","suspend":"NOT_SUSPENDED"},
	"pending_config": {
		"config_version": 1, "start_time": 1764000000001,
		"served_entities": [{"name": "digits-1", "entity_name": "main.default.digits", "entity_version": "1",
			"workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": false, "environment_vars": {"K": "V"},
			"state": {"deployment": "DEPLOYMENT_CREATING", "deployment_state_message": "Creating resources for served entity."},
			"creator": "ada@example.com", "creation_timestamp": 1764000000000}],
		"served_models": [{"name": "digits-1", "model_name": "main.default.digits", "model_version": "1",
			"workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": false, "environment_vars": {"K": "V"},
			"state": {"deployment": "DEPLOYMENT_CREATING", "deployment_state_message": "Creating resources for served entity."},
			"creator": "ada@example.com", "creation_timestamp": 1764000000000}],
		"traffic_config": {"routes": [{"served_model_name": "digits-1", "served_entity_name": "digits-1", "traffic_percentage": 100}]}
	},
	"permission_level": "CAN_MANAGE","creator_kind":"User", "tags": [{"key": "team", "value": "a"}], "route_optimized": false, "description": ""
}`

func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Spec B3 and C2: no config until the first one is active, then no pending_config.
func TestAnEndpointGoesFromPendingToActive(t *testing.T) {
	s := New(newFake(), Options{})
	created := ask(t, s, "POST", "/api/2.0/serving-endpoints/", createBody)
	sameJSON(t, created.body, pendingDigits)
	for range 2 {
		sameJSON(t, ask(t, s, "GET", "/api/2.0/serving-endpoints/digits?", "").body, pendingDigits)
	}
	ready := ask(t, s, "GET", "/api/2.0/serving-endpoints/digits", "").into(t)
	if got := fmt.Sprint(ready["state"]); got != "map[config_update:NOT_UPDATING ready:READY suspend:NOT_SUSPENDED]" {
		t.Errorf("state %s", got)
	}
	config, _ := ready["config"].(map[string]any)
	if _, pending := ready["pending_config"]; pending || config == nil {
		t.Fatalf("the ready endpoint is %v", ready)
	}
	if _, started := config["start_time"]; started {
		t.Error("an active configuration has no start_time")
	}
	entity := config["served_entities"].([]any)[0].(map[string]any)
	if got := fmt.Sprint(entity["state"]); got != "map[deployment:DEPLOYMENT_READY deployment_state_message:]" {
		t.Errorf("entity state %s", got)
	}
}

func TestTheListHasSummariesOnly(t *testing.T) {
	s := New(newFake(), Options{})
	sameJSON(t, ask(t, s, "GET", "/api/2.0/serving-endpoints/", "").body, `{"endpoints":[]}`)
	s = New(withDigits(newFake()), Options{})
	sameJSON(t, ask(t, s, "GET", "/api/2.0/serving-endpoints", "").body, `{"endpoints":[{
		"name":"digits","id":"00000000000000000000000000000001","creator":"ada@example.com",
		"creation_timestamp":1764000000000,"last_updated_timestamp":1764000000000,
		"state":{"ready":"READY","config_update":"NOT_UPDATING","suspend":"NOT_SUSPENDED"},
		"config":{"served_entities":[{"name":"digits-1","entity_name":"main.default.digits","entity_version":"1"}],
		          "served_models":[{"name":"digits-1","model_name":"main.default.digits","model_version":"1"}]},
		"permission_level":"CAN_MANAGE","creator_kind":"User","route_optimized":false,"description":""}]}`)
}

func TestAnEndpointWithoutAConfigurationHasNone(t *testing.T) {
	s := New(newFake(), Options{})
	got := ask(t, s, "POST", "/api/2.0/serving-endpoints", `{"name":"bare"}`).into(t)
	for _, key := range []string{"config", "pending_config", "endpoint_url", "data_plane_info", "tags"} {
		if v, there := got[key]; there {
			t.Errorf("%s is %v", key, v)
		}
	}
}

func TestARouteOptimizedEndpointHasItsAddress(t *testing.T) {
	s := New(newFake(), Options{})
	got := ask(t, s, "POST", "/api/2.0/serving-endpoints", `{"name":"fast","route_optimized":true}`, "Host: localhost:9").into(t)
	const url = "http://localhost:9/serving-endpoints/fast/invocations"
	info, _ := json.Marshal(got["data_plane_info"])
	if got["endpoint_url"] != url || string(info) != `{"query_info":{"authorization_details":"","endpoint_url":"`+url+`"}}` {
		t.Errorf("endpoint_url %v, data_plane_info %s", got["endpoint_url"], info)
	}
}

// What was asked for in numbers comes back in numbers, what was asked for as a size as a
// size: Terraform compares.
func TestComputeIsEchoedAsItWasAsked(t *testing.T) {
	s := New(newFake(), Options{})
	body := strings.Replace(createBody, `"workload_size":"Small"`, `"min_provisioned_concurrency":"4","max_provisioned_concurrency":8.0`, 1)
	got := ask(t, s, "POST", "/api/2.0/serving-endpoints", body).body
	if strings.Count(got, `"min_provisioned_concurrency":4,"max_provisioned_concurrency":8,`) != 2 || strings.Contains(got, "workload_size") {
		t.Errorf("answer %s", got)
	}
}

func TestDecodeCreateTakesWhatClientsSend(t *testing.T) {
	whole := func(p *int) int { return *p }
	for name, body := range map[string]string{
		"entities":       createBody,
		"models":         strings.NewReplacer("served_entities", "served_models", "entity_name", "model_name", "entity_version", "model_version").Replace(createBody),
		"version number": strings.Replace(createBody, `"entity_version":"1"`, `"entity_version":1`, 1),
		"percent text":   strings.Replace(createBody, `:100`, `:"100"`, 1),
		"percent float":  strings.Replace(createBody, `:100`, `:1e2`, 1),
		"entity route":   strings.Replace(createBody, "served_model_name", "served_entity_name", 1),
		"both names":     strings.Replace(createBody, `"served_model_name"`, `"served_entity_name":"digits-1","served_model_name"`, 1),
		"nulls":          strings.Replace(createBody, `"name":"digits",`, `"name":"digits","description":null,"ai_gateway":null,"external":null,`, 1),
		"unknown fields": strings.Replace(createBody, `"name":"digits",`, `"name":"digits","email_notifications":{},"later":[1],`, 1),
		"twice":          strings.Replace(createBody, `"name":"digits",`, `"name":"first","name":"digits",`, 1),
		"a mark":         "\ufeff" + createBody,
	} {
		spec, err := decodeCreate([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e := spec.Config.Entities[0]
		if spec.Name != "digits" || e.ModelName != "main.default.digits" || e.ModelVersion != "1" || e.WorkloadSize != "Small" ||
			*e.ScaleToZero || e.EnvironmentVars["K"] != "V" || spec.Config.Routes[0] != (endpoint.Route{EntityName: "digits-1", Percent: 100}) ||
			spec.Tags[0] != (endpoint.Tag{Key: "team", Value: "a"}) {
			t.Errorf("%s: %+v", name, spec)
		}
	}
	spec, err := decodeCreate([]byte(`{"name":"a","config":{"served_entities":[{"min_provisioned_concurrency":4,"max_provisioned_concurrency":"16"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	e := spec.Config.Entities[0]
	if e.ScaleToZero != nil || whole(e.MinConcurrency) != 4 || whole(e.MaxConcurrency) != 16 {
		t.Errorf("%+v", e)
	}
}

func TestDecodeCreateNamesEachWrongField(t *testing.T) {
	for body, words := range map[string][]string{
		``:                          {"empty"},
		`{"name":"a"`:               {"ends too early, after 11 bytes"},
		`{"name":"a"} {}`:           {"follows it at byte"},
		`"a"`:                       {`a JSON object, got the string "a"`},
		`{'a':1}`:                   {"invalid character", "at byte 2"},
		"{\"name\":\"\xff\"}":       {"UTF-8"},
		"\xff\xfe{\x00}\x00":        {"UTF-8"},
		`{"name":1}`:                {"'name' takes a string, got the number 1"},
		`{"route_optimized":"yes"}`: {"'route_optimized' takes true or false"},
		`{"tags":{}}`:               {"'tags' takes a list, got an object"},
		`{"tags":[7]}`:              {"'tags[0]' takes an object"},
		`{"config":[]}`:             {"'config' takes an object, got a list"},
		`{"config":{"served_entities":[{"scale_to_zero_enabled":"true","workload_size":4,"environment_vars":{"A":1}}]}}`: {
			"'config.served_entities[0].scale_to_zero_enabled'", "'config.served_entities[0].workload_size'", "'config.served_entities[0].environment_vars.A'"},
		`{"config":{"served_entities":[{"min_provisioned_concurrency":1e999}]}}`:                                               {"min_provisioned_concurrency", "a whole number"},
		`{"config":{"served_entities":[{"min_provisioned_concurrency":4.5}]}}`:                                                 {"a whole number"},
		`{"config":{"served_entities":[],"served_models":[]}}`:                                                                 {"two names of one list"},
		`{"config":{"served_entities":[{"external_model":{}}]}}`:                                                               {"'config.served_entities[0].external_model'", "elsewhere"},
		`{"config":{"traffic_config":{"routes":[{"served_model_name":"a"}]}}}`:                                                 {"traffic_percentage' is missing"},
		`{"config":{"traffic_config":{"routes":[{"served_model_name":"a","served_entity_name":"b","traffic_percentage":1}]}}}`: {"one served entity"},
		`{"tags":[` + strings.Repeat("0,", 9_000) + `0]}`:                                                                      {"And 8981 more."},
		`{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`:                                            {"not valid JSON", "depth"},
	} {
		_, err := decodeCreate([]byte(body))
		if err == nil {
			t.Errorf("%.80s was accepted", body)
			continue
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%.80s: %q does not have %q", body, err, w)
			}
		}
		if len(err.Error()) > 4<<10 {
			t.Errorf("%.80s: a message of %d bytes", body, len(err.Error()))
		}
	}
}

// Neither the place on the disk nor anything heavy is in a list of models.
func TestModelsShowWhatIsInThem(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	list := ask(t, s, "GET", "/api/2.0/servery/models", "").body
	one := ask(t, s, "GET", "/api/2.0/servery/models/main.default.digits", "").body
	for _, text := range []string{list, one} {
		if strings.Contains(text, "/secret/place") {
			t.Errorf("the answer tells a path: %s", text)
		}
	}
	if strings.Contains(list, "input_example") || strings.Contains(list, "signature") {
		t.Errorf("the list is heavy: %s", list)
	}
	sameJSON(t, one, `{"name":"main.default.digits","comment":"","owner":"ada@example.com","created_at":1764000000000,"created_by":"",
		"updated_at":1764000000000,"updated_by":"","aliases":[{"alias":"champion","version":1}],"versions":[
		{"version":2,"status":"FAILED_REGISTRATION","reason":"an operator is unknown","flavor":"","source":"","comment":"","run_id":"",
		 "created_at":1764000000000,"created_by":"","sha256":"","size_bytes":0,"model_file":"","inputs":[],"outputs":[],"signature":null,
		 "signature_from_graph":false,"input_example":"","opsets":{},"producer":"","ir_version":0,"operators":[],"nodes":0,"parameters":0},
		{"version":1,"status":"READY","reason":"","flavor":"onnx","source":"digits.onnx","comment":"","run_id":"",
		 "created_at":1764000000000,"created_by":"","sha256":"ab","size_bytes":26454,
		 "runs_on":{"gpu":"","reason":"it is not known yet whether this machine has a GPU"},"model_file":"digits.onnx",
		 "inputs":["x float32[-1,64]"],"outputs":["y int64[-1]"],
		 "signature":{"inputs":"[{\"name\":\"x\",\"type\":\"tensor\",\"tensor-spec\":{\"dtype\":\"float32\",\"shape\":[-1,64]}}]","outputs":null,"params":null},
		 "signature_from_graph":true,"input_example":"{\"inputs\":[[0]]}","opsets":{"":13},"producer":"","ir_version":7,
		 "operators":[{"name":"Gemm","count":2},{"domain":"ai.onnx.ml","name":"ArrayFeatureExtractor","count":1}],"nodes":3,"parameters":650}]}`)
}
