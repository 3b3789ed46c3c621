package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/serving"

	"servery/engine/access"
	"servery/engine/endpoint"
)

const configPath = "/api/2.0/serving-endpoints/digits/config"

// The recorded body of the CLI (spec, clients on the wire 3.2), and the same as the
// product's documentation has it.
const (
	updateBody = `{"served_entities":[{"entity_name":"main.default.digits","entity_version":"1","name":"digits-1","scale_to_zero_enabled":false,"workload_size":"Small"},{"entity_name":"main.default.digits","entity_version":"2","name":"digits-2","scale_to_zero_enabled":false,"workload_size":"Small"}],"traffic_config":{"routes":[{"served_model_name":"digits-1","traffic_percentage":90},{"served_model_name":"digits-2","traffic_percentage":10}]}}`
	nestedBody = `{"name":"digits","config":` + updateBody + `}`
)

const updatingDigits = `{
	"name": "digits", "id": "00000000000000000000000000000001", "creator": "ada@example.com",
	"creation_timestamp": 1764000000000, "last_updated_timestamp": 1764000000000,
	"state": {"ready": "READY", "config_update": "IN_PROGRESS", "suspend": "NOT_SUSPENDED"},
	"config": {"config_version": 2,
		"served_entities": [{"name": "digits-1", "entity_name": "main.default.digits", "entity_version": "1",
			"workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": false,
			"state": {"deployment": "DEPLOYMENT_READY", "deployment_state_message": ""}, "creator": "ada@example.com", "creation_timestamp": 1764000000000}],
		"served_models": [{"name": "digits-1", "model_name": "main.default.digits", "model_version": "1",
			"workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": false,
			"state": {"deployment": "DEPLOYMENT_READY", "deployment_state_message": ""}, "creator": "ada@example.com", "creation_timestamp": 1764000000000}],
		"traffic_config": {"routes": [{"served_model_name": "digits-1", "served_entity_name": "digits-1", "traffic_percentage": 100}]}},
	"pending_config": {"config_version": 3, "start_time": 1764000000001,
		"served_entities": [
			{"name": "digits-1", "entity_name": "main.default.digits", "entity_version": "1",
			"workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": false,
			"state": {"deployment": "DEPLOYMENT_CREATING", "deployment_state_message": "Creating resources for served entity."}, "creator": "ada@example.com", "creation_timestamp": 1764000000000},
			{"name": "digits-2", "entity_name": "main.default.digits", "entity_version": "2",
			"workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": false,
			"state": {"deployment": "DEPLOYMENT_CREATING", "deployment_state_message": "Creating resources for served entity."}, "creator": "ada@example.com", "creation_timestamp": 1764000000000}],
		"served_models": [
			{"name": "digits-1", "model_name": "main.default.digits", "model_version": "1",
			"workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": false,
			"state": {"deployment": "DEPLOYMENT_CREATING", "deployment_state_message": "Creating resources for served entity."}, "creator": "ada@example.com", "creation_timestamp": 1764000000000},
			{"name": "digits-2", "model_name": "main.default.digits", "model_version": "2",
			"workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": false,
			"state": {"deployment": "DEPLOYMENT_CREATING", "deployment_state_message": "Creating resources for served entity."}, "creator": "ada@example.com", "creation_timestamp": 1764000000000}],
		"traffic_config": {"routes": [{"served_model_name": "digits-1", "served_entity_name": "digits-1", "traffic_percentage": 90},
			{"served_model_name": "digits-2", "served_entity_name": "digits-2", "traffic_percentage": 10}]}},
	"permission_level": "CAN_MANAGE","creator_kind":"User", "route_optimized": false, "description": ""
}`

func TestAConfigurationIsTakenFlatAndNested(t *testing.T) {
	for name, body := range map[string]string{
		"flat":        updateBody,
		"nested":      nestedBody,
		"old words":   strings.NewReplacer("served_entities", "served_models", "entity_name", "model_name", "entity_version", "model_version").Replace(updateBody),
		"old, nested": strings.NewReplacer("served_entities", "served_models", "entity_name", "model_name", "entity_version", "model_version").Replace(nestedBody),
		"text":        strings.NewReplacer(":90", `:"90"`, `"entity_version":"2"`, `"entity_version":2`).Replace(updateBody),
		"null config": strings.Replace(updateBody, "{", `{"config":null,"unknown":[1],`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			a := ask(t, New(withDigits(newFake()), Options{}), "PUT", configPath, body)
			if a.status != http.StatusOK {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			sameJSON(t, a.body, updatingDigits)
		})
	}
}

func TestAConfigurationThatCannotBeSaysWhere(t *testing.T) {
	for body, want := range map[string][]string{
		``:                                   {"INVALID_PARAMETER_VALUE", "served_entities: A configuration has 1 to 10 served entities, this has 0."},
		`{}`:                                 {"INVALID_PARAMETER_VALUE", "served_entities: A configuration"},
		`{"config":{}}`:                      {"INVALID_PARAMETER_VALUE", "config.served_entities: A configuration"},
		`[]`:                                 {"MALFORMED_REQUEST", "a list"},
		`{"config":[]}`:                      {"MALFORMED_REQUEST", "'config' takes an object"},
		`{"served_entities":{}}`:             {"MALFORMED_REQUEST", "'served_entities' takes a list"},
		`{"config":{"served_entities":[7]}}`: {"MALFORMED_REQUEST", "'config.served_entities[0]' takes an object"},
		`{"name":"other","config":{}}`:       {"INVALID_PARAMETER_VALUE", "'name' is \"other\"", "'digits'"},
		`{"config":{},"served_entities":[]}`: {"INVALID_PARAMETER_VALUE", "'served_entities' stands beside 'config'"},
		`{"served_models":[],"served_entities":[]}`:   {"INVALID_PARAMETER_VALUE", "two names of one list"},
		`{"served_entities":[{"external_model":{}}]}`: {"INVALID_PARAMETER_VALUE", "'served_entities[0].external_model'"},
	} {
		t.Run(body, func(t *testing.T) {
			ask(t, New(withDigits(newFake()), Options{}), "PUT", configPath, body).wantError(t, 400, want[0], want[1:]...)
		})
	}
	ask(t, New(newFake(), Options{}), "PUT", configPath, updateBody).wantError(t, 404, "RESOURCE_DOES_NOT_EXIST", "Endpoint with name 'digits' does not exist.")
}

func TestAnUpdateDuringAnUpdateIsAConflict(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	ask(t, s, "PUT", configPath, updateBody)
	ask(t, s, "PUT", configPath, updateBody).wantError(t, 409, "RESOURCE_CONFLICT", "Endpoint 'digits' is currently updating. Wait for the update to complete, or cancel it, before changing its configuration.")
	ask(t, s, "POST", configPath+":stop", "").wantError(t, 400, "BAD_REQUEST", "currently updating")
	ask(t, s, "POST", configPath+":start", "").wantError(t, 400, "BAD_REQUEST", "not stopped")
}

func TestAStoppedEndpointSaysSo(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	stopped := ask(t, s, "POST", configPath+":stop", "")
	sameJSON(t, stopped.body, `{
		"name": "digits", "id": "00000000000000000000000000000001", "creator": "ada@example.com",
		"creation_timestamp": 1764000000000, "last_updated_timestamp": 1764000000000,
		"state": {"ready": "NOT_READY", "config_update": "NOT_UPDATING", "suspend": "SUSPENDED"},
		"config": {"config_version": 2,
			"served_entities": [{"name": "digits-1", "entity_name": "main.default.digits", "entity_version": "1",
				"workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": false,
				"state": {"deployment": "DEPLOYMENT_STOPPED", "deployment_state_message": "Stopped"}, "creator": "ada@example.com", "creation_timestamp": 1764000000000}],
			"served_models": [{"name": "digits-1", "model_name": "main.default.digits", "model_version": "1",
				"workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": false,
				"state": {"deployment": "DEPLOYMENT_STOPPED", "deployment_state_message": "Stopped"}, "creator": "ada@example.com", "creation_timestamp": 1764000000000}],
			"traffic_config": {"routes": [{"served_model_name": "digits-1", "served_entity_name": "digits-1", "traffic_percentage": 100}]}},
		"permission_level": "CAN_MANAGE","creator_kind":"User", "route_optimized": false, "description": ""}`)
	started := ask(t, s, "POST", configPath+":start?", "{}")
	for _, want := range []string{`"state":{"ready":"NOT_READY","config_update":"IN_PROGRESS","suspend":"NOT_SUSPENDED"}`, `"pending_config":{"config_version":3,`} {
		if started.status != 200 || !strings.Contains(started.body, want) {
			t.Errorf("started: status %d %s, want %s", started.status, started.body, want)
		}
	}
	canceled := ask(t, s, "POST", configPath+":cancel", "")
	if !strings.Contains(canceled.body, `"state":{"ready":"NOT_READY","config_update":"UPDATE_CANCELED","suspend":"SUSPENDED"}`) {
		t.Errorf("canceled: %s", canceled.body)
	}
	ask(t, s, "POST", configPath+":cancel", "").wantError(t, 400, "BAD_REQUEST", "no update that runs")
}

func TestChangesNeedManage(t *testing.T) {
	f := withDigits(newFake())
	s := New(f, Options{})
	for _, r := range configRoutes {
		f.level = access.CanQuery
		path := strings.ReplaceAll("/"+strings.Join(r.pattern.at[:r.pattern.n], "/"), "{name}", "digits")
		ask(t, s, r.method, path, "{}", "Authorization: Bearer "+guestToken).wantError(t, 403, "PERMISSION_DENIED", "CAN_MANAGE")
	}
}

func TestTheSDKChangesAConfiguration(t *testing.T) {
	w := sdk(t, New(withDigits(newFake()), Options{}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	update := serving.EndpointCoreConfigInput{Name: "digits", ServedEntities: []serving.ServedEntityInput{
		{EntityName: "main.default.digits", EntityVersion: "2", WorkloadSize: "Small", ForceSendFields: []string{"ScaleToZeroEnabled"}}}}
	waiter, err := w.ServingEndpoints.UpdateConfig(ctx, update)
	if err != nil {
		t.Fatal(err)
	}
	e, err := waiter.Get()
	if err != nil {
		t.Fatal(err)
	}
	if e.State.ConfigUpdate != serving.EndpointStateConfigUpdateNotUpdating || e.Config.ConfigVersion != 3 || e.Config.ServedEntities[0].Name != "digits-2" || e.PendingConfig != nil {
		t.Errorf("%+v %+v", e, e.Config)
	}
	if _, err := w.ServingEndpoints.UpdateConfig(ctx, update); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ServingEndpoints.UpdateConfig(ctx, update); !errors.Is(err, apierr.ErrResourceConflict) {
		t.Errorf("during an update: %v", err)
	}
}

// sdk is the official Go SDK's client of a server.
func sdk(t *testing.T, s *Server) *databricks.WorkspaceClient {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	w, err := databricks.NewWorkspaceClient(&databricks.Config{Host: server.URL, Token: goodToken, AuthType: "pat"})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Whatever the body of an update is, it becomes a configuration or a refusal with a short
// text.
func FuzzUpdate(f *testing.F) {
	for _, seed := range []string{updateBody, nestedBody, "", "{}", "[]", `{"config":null}`, `{"config":{"config":{}}}`, `{"name":1,"config":{}}`,
		`{"config":{"traffic_config":{"routes":[{"traffic_percentage":"1e400"}]}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := parseObject(body)
		var spec endpoint.ConfigSpec
		if err == nil {
			spec, _, err = decodeUpdate(o, "digits")
		}
		if err == nil {
			return
		}
		var known *requestError
		if !errors.As(err, &known) || known.code.status != 400 || known.message == "" || len(known.message) > 100*mostSaid+10*len(body)+200 {
			t.Fatalf("%q: %+v %v", body, spec, err)
		}
	})
}
