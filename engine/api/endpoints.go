package api

import "net/http"

func (s *Server) listEndpoints(w http.ResponseWriter, _ *http.Request, _ values) error {
	all := s.services.Endpoints()
	list := wireList{Endpoints: make([]wireEndpoint, len(all))} // never null: MLflow's client reads the key
	for i, e := range all {
		list.Endpoints[i] = summary(e)
	}
	return sendJSON(w, list)
}

func (s *Server) getEndpoint(w http.ResponseWriter, r *http.Request, v values) error {
	e, err := s.services.Endpoint(v[0])
	if err != nil {
		return err
	}
	return sendJSON(w, detailed(e, baseOf(r)))
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
	return sendJSON(w, detailed(e, baseOf(r)))
}

func (s *Server) deleteEndpoint(w http.ResponseWriter, r *http.Request, v values) error {
	if err := s.services.DeleteEndpoint(r.Context(), v[0]); err != nil {
		return err
	}
	return sendJSON(w, struct{}{}) // MLflow's client reads every answer as JSON
}
