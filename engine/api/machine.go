package api

import (
	"net/http"
	"time"

	"servery/engine/endpoint"
)

var machineRoutes = []route{
	at("GET", "/api/2.0/servery/hardware", (*Server).getHardware).administrators(),
	at("GET", "/api/2.0/servery/settings", (*Server).getMachine).administrators(),
	at("PATCH", "/api/2.0/servery/settings", (*Server).patchMachine).administrators(),
}

// wireMachine are the settings of the machine, which count for all endpoints.
type wireMachine struct {
	// ScaleToZeroAfter is the time without a request before scaling to zero, in seconds.
	ScaleToZeroAfter int64 `json:"scale_to_zero_after_seconds"`
	// Timings are "local" or "databricks".
	Timings endpoint.Timings `json:"timings"`
}

func machineWire(s endpoint.Scaling) wireMachine {
	return wireMachine{int64(s.ScaleToZeroAfter / time.Second), s.Timings}
}

func (s *Server) getMachine(w http.ResponseWriter, _ *http.Request, _ values) error {
	return sendJSON(w, machineWire(s.services.Scaling()))
}

// patchMachine changes what was sent, and answers with all of it.
func (s *Server) patchMachine(w http.ResponseWriter, r *http.Request, _ values) error {
	o, done, err := readObject(w, r)
	if err != nil {
		return err
	}
	defer done()
	var change endpoint.ScalingChange
	if seconds := o.integer("scale_to_zero_after_seconds"); seconds != nil {
		// Within what a duration holds; its bounds are far within.
		idle := time.Duration(max(-1, min(*seconds, 1<<30))) * time.Second
		change.ScaleToZeroAfter = &idle
	}
	if o.has("timings") {
		timings := endpoint.Timings(o.text("timings"))
		change.Timings = &timings
	}
	if err := o.failed(); err != nil {
		return err
	}
	now, err := s.services.SetScaling(r.Context(), change)
	if err != nil {
		return err
	}
	return sendJSON(w, machineWire(now))
}
