package api

import (
	"net/http"
	"slices"
	"strconv"

	"servery/engine/endpoint"
	"servery/engine/telemetry"
)

// wireLogs is the product's answer (databricks-sdk-go service/serving/model.go,
// ServerLogsResponse and BuildLogsResponse).
type wireLogs struct {
	Logs string `json:"logs"`
}

func (s *Server) serviceLog(w http.ResponseWriter, r *http.Request, v values) error {
	return s.sendLog(w, r, v, telemetry.ServiceLog)
}

func (s *Server) buildLog(w http.ResponseWriter, r *http.Request, v values) error {
	return s.sendLog(w, r, v, telemetry.BuildLog)
}

// sendLog answers with a log of a served entity: of one that is configured, or that was in
// the last 30 days.
func (s *Server) sendLog(w http.ResponseWriter, r *http.Request, v values, kind telemetry.LogKind) error {
	version, err := configVersion(w, r)
	if err != nil {
		return err
	}
	e, err := s.services.Endpoint(v[0])
	if err != nil {
		return err
	}
	text, known := s.services.Log(e.Name, kind, v[1], version)
	if !known && !configured(e, v[1]) {
		return &endpoint.NotFoundError{Name: e.Name, Entity: v[1]}
	}
	return sendJSON(w, wireLogs{text})
}

func configured(e endpoint.Endpoint, entity string) bool {
	is := func(se endpoint.ServedEntity) bool { return se.Name == entity }
	return (e.Active != nil && slices.ContainsFunc(e.Active.Entities, is)) ||
		(e.Pending != nil && slices.ContainsFunc(e.Pending.Entities, is))
}

// configVersion is the configuration that a client asks for, in the query or, as the
// product's documentation shows it, in the body of the GET; 0 for all.
func configVersion(w http.ResponseWriter, r *http.Request) (int, error) {
	const name = "config_version"
	n := 0
	if text := r.URL.Query().Get(name); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			return 0, invalid("%s is %q: give the number of a configuration, 1 or more.", name, cut(text, 40))
		}
		return n, nil
	}
	if r.ContentLength == 0 {
		return 0, nil
	}
	body, err := readBody(w, r, maxControlBody)
	if err != nil {
		return 0, err
	}
	defer body.free()
	if len(body.data) == 0 {
		return 0, nil
	}
	o, err := parseObject(body.data)
	if err != nil {
		return 0, err
	}
	if given := o.integer(name); given != nil {
		if n = *given; n < 1 {
			return 0, invalid("'%s' is %d: give the number of a configuration, 1 or more.", name, n)
		}
	}
	return n, o.failed()
}
