package e2e

import (
	"image"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// changing is what the story reads of an endpoint that is changed.
type changing struct {
	State struct {
		Ready        string
		ConfigUpdate string `json:"config_update"`
		Suspend      string
	}
	Config *struct {
		Version  int        `json:"config_version"`
		Entities []struct{} `json:"served_entities"`
		Traffic  struct {
			Routes []struct {
				Name    string `json:"served_entity_name"`
				Percent int    `json:"traffic_percentage"`
			}
		} `json:"traffic_config"`
	}
	Pending *struct{} `json:"pending_config"`
}

// split is the traffic as "80 20".
func (c changing) split() string {
	var all []string
	if c.Config != nil {
		for _, r := range c.Config.Traffic.Routes {
			all = append(all, strconv.Itoa(r.Percent))
		}
	}
	return strings.Join(all, " ")
}

func (w *window) changing(name string) (c changing) {
	w.must("GET", "/api/2.0/serving-endpoints/"+name, nil, &c)
	return c
}

// A person splits an endpoint's traffic anew, adds a served entity, cancels an update that
// takes too long, and stops and starts the endpoint, all in the window. What was active
// answers throughout.
func TestAPersonChangesAnEndpointInTheWindow(t *testing.T) {
	s := newScreen(t)
	w := openWindow(t, s, filepath.Join(t.TempDir(), "data"), "light")
	for range 3 {
		importModel(t, w.data, shared(t, "mlflow/sum_columns"), "main.default.sums")
	}
	entity := func(version string) map[string]any {
		return map[string]any{"entity_name": "main.default.sums", "entity_version": version, "workload_size": "Small", "scale_to_zero_enabled": false}
	}
	route := func(name string, percent int) map[string]any {
		return map[string]any{"served_entity_name": name, "traffic_percentage": percent}
	}
	w.must("POST", "/api/2.0/serving-endpoints", map[string]any{"name": "sums", "config": map[string]any{
		"served_entities": []any{entity("1"), entity("2")},
		"traffic_config":  map[string]any{"routes": []any{route("sums-1", 80), route("sums-2", 20)}}}}, nil)
	w.awaitReady("sums")
	w.click("sums", button)
	w.find("Active configuration", head)

	w.click("Edit traffic")
	w.find("100 % of traffic")
	w.write("60")
	w.find("80 % of traffic, must be 100 %")
	w.press("Tab", "ctrl+a")
	w.write("40")
	w.press("Return")
	w.wait("the traffic to be split anew", func() bool { return w.changing("sums").split() == "60 40" })
	w.find("60 %")

	w.click("Edit endpoint")
	w.find("Edit sums", title)
	w.click("Add served entity")
	w.find("Select served entity", head)
	w.click("Confirm", button) // what is marked is the newest version
	w.find("3 of 10")
	w.find("New", badge)
	w.find("3 of 10")
	w.press("ctrl+Return")
	w.find("Active configuration", head)
	w.wait("the third served entity", func() bool { c := w.changing("sums"); return c.Config.Version == 3 && len(c.Config.Entities) == 3 })
	w.awaitReady("sums")

	workers := children(t, w.cmd.Process.Pid)
	for _, pid := range workers {
		syscall.Kill(pid, syscall.SIGSTOP) // nothing can be loaded
	}
	w.must("PUT", "/api/2.0/serving-endpoints/sums/config", map[string]any{"served_entities": []any{entity("3")}}, nil)
	w.find("Ready (Updating)", badge)
	w.find("Pending configuration", head)
	w.click("Cancel update")
	w.find("Ready (Update canceled)", badge)
	for _, pid := range workers {
		syscall.Kill(pid, syscall.SIGCONT)
	}
	if c := w.changing("sums"); c.Config.Version != 3 || c.State.ConfigUpdate != "UPDATE_CANCELED" {
		t.Fatalf("after the update was canceled: %+v", c)
	}
	const body = `{"dataframe_split":{"columns":["x","y"],"data":[[1,2]]}}`
	w.must("POST", "/serving-endpoints/sums/invocations", body, nil)

	w.clickAt(w.find("Permissions", button).Add(image.Pt(81, 0))) // the three dots beside it
	w.click("Stop endpoint…")
	w.find("Stop sums?", head)
	w.press("Tab", "Return")
	w.find("Not ready (Stopped)", badge)
	var refusal string
	if status, err := w.call("POST", "/serving-endpoints/sums/invocations", body, &refusal); err != nil || status != 400 {
		t.Fatalf("a stopped endpoint answers %d %v %s", status, err, refusal)
	}
	w.click("Start", button)
	w.find("Ready", badge)
	w.awaitReady("sums")
	w.must("POST", "/serving-endpoints/sums/invocations", body, nil)
	w.stop()
}
