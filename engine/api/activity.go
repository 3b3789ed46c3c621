package api

import (
	"net/http"
	"strconv"

	"servery/engine/endpoint"
	"servery/engine/telemetry"
)

// What an endpoint did and does, on Servery's own routes.
type (
	wireEvent struct {
		ID      string              `json:"event_id"`  // of this endpoint; it stays
		At      int64               `json:"timestamp"` // Unix ms
		Type    telemetry.EventType `json:"event_type"`
		Entity  string              `json:"served_entity_name,omitempty"`
		Version int                 `json:"config_version,omitempty"`
		Actor   string              `json:"actor,omitempty"` // the user who asked for it
		Message string              `json:"message"`
		Reason  string              `json:"reason,omitempty"`
	}
	wireEvents struct {
		Events []wireEvent `json:"events"` // newest first
	}
	wireWorker struct {
		Entity      string `json:"entity"`
		Version     int    `json:"config_version"`
		PID         int    `json:"pid"` // 0 where no process runs
		MemoryBytes int64  `json:"memory_bytes"`
		Provisioned int    `json:"provisioned"`
		InFlight    int    `json:"in_flight"`
		Queued      int    `json:"queued"`
		Restarts    int    `json:"restarts"`
	}
	wireWorkers struct {
		Workers []wireWorker `json:"workers"`
	}
)

// Events listed unless max_results asks for fewer or more, and at most.
const (
	usualEvents = 200
	mostEvents  = 1000
)

func (s *Server) listEvents(w http.ResponseWriter, r *http.Request, v values) error {
	n := usualEvents
	if text := r.URL.Query().Get("max_results"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > mostEvents {
			return invalid("max_results is %q: give a whole number from 1 to %d.", cut(text, 40), mostEvents)
		}
	}
	if _, err := s.services.Endpoint(v[0]); err != nil {
		return err
	}
	list := wireEvents{Events: []wireEvent{}}
	for _, e := range s.services.Events(v[0], n) {
		list.Events = append(list.Events, wireEvent{strconv.FormatUint(e.ID, 10), millis(e.At), e.Type, e.Entity, e.Version, e.Actor, e.Message, e.Reason})
	}
	return sendJSON(w, list)
}

// listWorkers shows the processes of the active configuration, and while an update runs
// also those that load the pending one. An entity that both have keeps its process and is
// listed once.
func (s *Server) listWorkers(w http.ResponseWriter, _ *http.Request, v values) error {
	e, err := s.services.Endpoint(v[0])
	if err != nil {
		return err
	}
	list := wireWorkers{Workers: []wireWorker{}}
	running := map[int]bool{}
	for _, c := range []*endpoint.Config{e.Active, e.Pending} {
		if c == nil {
			continue
		}
		for _, se := range c.Entities {
			l := se.Live
			if running[l.PID] || (c == e.Pending && l.PID == 0) {
				continue
			}
			running[l.PID] = l.PID != 0
			list.Workers = append(list.Workers, wireWorker{se.Name, c.Version, l.PID, l.MemoryBytes, l.Provisioned, l.InFlight, l.Queued, l.Restarts})
		}
	}
	return sendJSON(w, list)
}
