package api

import (
	"net/http"

	"servery/engine/access"
	"servery/engine/endpoint"
)

var endpointRoutes = []route{ // 1 to 4 of the spec's table B1, and Servery's own
	at("GET", "/api/2.0/serving-endpoints/{name}", (*Server).getEndpoint).needing(access.CanView),
	at("DELETE", "/api/2.0/serving-endpoints/{name}", (*Server).deleteEndpoint).needing(access.CanManage),
	at("GET", "/api/2.0/serving-endpoints", (*Server).listEndpoints),
	at("POST", "/api/2.0/serving-endpoints", (*Server).createEndpoint),
	at("GET", "/api/2.0/servery/endpoints/{name}/events", (*Server).listEvents).needing(access.CanView),
	at("GET", "/api/2.0/servery/endpoints/{name}/workers", (*Server).listWorkers).needing(access.CanView),
}

func (s *Server) listEndpoints(w http.ResponseWriter, r *http.Request, _ values) error {
	user, _ := access.UserFrom(r.Context())
	all := s.services.Endpoints()
	list := wireList{Endpoints: make([]wireEndpoint, 0, len(all))} // never null: MLflow's client reads the key
	for _, e := range all {
		if level := s.services.Permission(user, e); level >= access.CanView {
			list.Endpoints = append(list.Endpoints, summary(e, level))
		}
	}
	return sendJSON(w, list)
}

func (s *Server) getEndpoint(w http.ResponseWriter, r *http.Request, v values) error {
	e, err := s.services.Endpoint(v[0])
	if err != nil {
		return err
	}
	return s.sendEndpoint(w, r, e)
}

func (s *Server) createEndpoint(w http.ResponseWriter, r *http.Request, _ values) error {
	body, err := readBody(w, r, maxControlBody)
	if err != nil {
		return err
	}
	defer body.free()
	spec, err := decodeCreate(body.data)
	if err != nil {
		return err
	}
	e, err := s.services.CreateEndpoint(r.Context(), spec)
	if err != nil {
		return err
	}
	return s.sendEndpoint(w, r, e)
}

func (s *Server) deleteEndpoint(w http.ResponseWriter, r *http.Request, v values) error {
	if err := s.services.DeleteEndpoint(r.Context(), v[0]); err != nil {
		return err
	}
	return sendJSON(w, struct{}{}) // MLflow's client reads every answer as JSON
}

// sendEndpoint answers with an endpoint in full.
func (s *Server) sendEndpoint(w http.ResponseWriter, r *http.Request, e endpoint.Endpoint) error {
	user, _ := access.UserFrom(r.Context())
	return sendJSON(w, detailed(e, s.services.Permission(user, e), baseOf(r)))
}
