package api

import (
	"net/http"
	"testing"

	"servery/engine/endpoint"
)

const versionsPath = "/api/2.0/servery/endpoints/digits/config-versions"

func TestVersionsAreListedAndShown(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	a := ask(t, s, "GET", versionsPath, "")
	sameJSON(t, a.body, `{"config_versions": [
		{"config_version": 2, "state": "ACTIVE", "config": {
			"served_entities": [{"name": "digits-1", "entity_name": "main.default.digits", "entity_version": "1"}],
			"served_models": [{"name": "digits-1", "model_name": "main.default.digits", "model_version": "1"}]}},
		{"config_version": 1, "state": "REPLACED", "origin": "CREATED", "creator": "ada@example.com",
			"accepted_timestamp": 1763999997000, "active_from_timestamp": 1763999998000, "ended_timestamp": 1763999999000, "config": {
			"served_entities": [{"name": "digits-0", "entity_name": "main.default.digits", "entity_version": "1"}],
			"served_models": [{"name": "digits-0", "model_name": "main.default.digits", "model_version": "1"}]}}]}`)

	a = ask(t, s, "GET", versionsPath+"/1", "")
	if a.status != http.StatusOK {
		t.Fatalf("status %d %s", a.status, a.body)
	}
	a = ask(t, s, "GET", versionsPath+"/2/diff", "")
	const changed = `"added": [{"name": "digits-1", "entity_name": "main.default.digits", "entity_version": "1", "workload_type": "CPU", "workload_size": "Small",
			"scale_to_zero_enabled": false, "creator": "ada@example.com", "creation_timestamp": 1764000000000,
			"state": {"deployment": "DEPLOYMENT_READY", "deployment_state_message": ""}}],
		"removed": [{"name": "digits-0", "entity_name": "main.default.digits", "entity_version": "1", "workload_type": "CPU",
			"min_provisioned_concurrency": 4, "max_provisioned_concurrency": 8,
			"scale_to_zero_enabled": false, "creator": "ada@example.com", "creation_timestamp": 1764000000000,
			"state": {"deployment": "DEPLOYMENT_STOPPED", "deployment_state_message": "Replaced by a later configuration."}}],
		"changed": [], "routes": [{"served_entity_name": "digits-1", "from": null, "to": 100}, {"served_entity_name": "digits-0", "from": 100, "to": null}],
		"auto_capture_config": []}`
	sameJSON(t, a.body, `{"from": 1, "to": 2, `+changed)
	sameJSON(t, ask(t, s, "GET", versionsPath+"/2/diff?from=1", "").body, `{"from": 1, "to": 2, `+changed)
	sameJSON(t, ask(t, s, "GET", versionsPath+"/2/diff?from=2", "").body,
		`{"from": 2, "to": 2, "added": [], "removed": [], "changed": [], "routes": [], "auto_capture_config": []}`)
}

func TestAChangedEntityIsToldFieldByField(t *testing.T) {
	f := withDigits(newFake())
	was := &f.past["digits"][0].Config
	was.Entities[0].Name, was.Routes[0].EntityName, was.Routes[0].Percent = "digits-1", "digits-1", 90
	was.Entities[0].EnvironmentVars = map[string]string{"A": "1"}
	s := New(f, Options{})
	sameJSON(t, ask(t, s, "GET", versionsPath+"/2/diff", "").body, `{"from": 1, "to": 2, "added": [], "removed": [],
		"changed": [{"name": "digits-1", "fields": [
			{"field": "workload_size", "from": "", "to": "Small"},
			{"field": "min_provisioned_concurrency", "from": "4", "to": ""}, {"field": "max_provisioned_concurrency", "from": "8", "to": ""},
			{"field": "environment_vars.A", "from": "1", "to": ""}]}],
		"routes": [{"served_entity_name": "digits-1", "from": 90, "to": 100}], "auto_capture_config": []}`)
}

func TestAVersionIsRestored(t *testing.T) {
	f := withDigits(newFake())
	s := New(f, Options{})
	if a := ask(t, s, "POST", versionsPath+"/1/restore", ""); a.status != http.StatusOK {
		t.Fatalf("status %d %s", a.status, a.body)
	}
	if p := f.endpoints["digits"].Pending; p == nil || p.Entities[0].Name != "digits-0" || f.endpoints["digits"].Update != endpoint.InProgress {
		t.Errorf("pending %+v", p)
	}
	ask(t, s, "POST", versionsPath+"/1/restore", "").wantError(t, 409, "RESOURCE_CONFLICT", "currently updating")
}

func TestAVersionThatIsNotKeptIsMissing(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	for _, a := range []answer{
		ask(t, s, "GET", versionsPath+"/7", ""), ask(t, s, "GET", versionsPath+"/7/diff", ""),
		ask(t, s, "GET", versionsPath+"/1/diff?from=7", ""), ask(t, s, "POST", versionsPath+"/7/restore", ""),
	} {
		a.wantError(t, 404, "RESOURCE_DOES_NOT_EXIST", "Endpoint 'digits' has no configuration 7", "100")
	}
	for _, n := range []string{"0", "-1", "x", "1.5", "99999999999999999999"} {
		ask(t, s, "GET", versionsPath+"/"+n, "").wantError(t, 400, "INVALID_PARAMETER_VALUE", n)
		ask(t, s, "POST", versionsPath+"/"+n+"/restore", "").wantError(t, 400, "INVALID_PARAMETER_VALUE", n)
	}
	ask(t, s, "GET", "/api/2.0/servery/endpoints/none/config-versions", "").wantError(t, 404, "RESOURCE_DOES_NOT_EXIST", "none")
}
