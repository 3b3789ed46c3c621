package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"servery/engine/access"
	"servery/engine/endpoint"
)

var configRoutes = []route{ // 5 and 16 to 18 of the spec's table B1
	at("PUT", "/api/2.0/serving-endpoints/{name}/config", (*Server).updateConfig).needing(access.CanManage),
	at("POST", "/api/2.0/serving-endpoints/{name}/config:stop", (*Server).stopEndpoint).needing(access.CanManage),
	at("POST", "/api/2.0/serving-endpoints/{name}/config:start", (*Server).startEndpoint).needing(access.CanManage),
	// Servery's own: the product has a button for it and no route.
	at("POST", "/api/2.0/serving-endpoints/{name}/config:cancel", (*Server).cancelUpdate).needing(access.CanManage),
}

func (s *Server) updateConfig(w http.ResponseWriter, r *http.Request, v values) error {
	o, done, err := readObject(w, r)
	if err != nil {
		return err
	}
	defer done()
	spec, nested, err := decodeUpdate(o, v[0])
	if err != nil {
		return err
	}
	e, err := s.services.UpdateConfig(r.Context(), v[0], spec)
	if err != nil {
		if !nested {
			err = within(err, "config.")
		}
		return err
	}
	return s.sendEndpoint(w, r, e)
}

// readObject reads a body that is one JSON object; an empty one counts as {}, as the CLI
// sends where nothing was given. done gives the body's memory back.
func readObject(w http.ResponseWriter, r *http.Request) (o object, done func(), err error) {
	body, err := readBody(w, r, maxControlBody)
	if err != nil {
		return o, nil, err
	}
	data := body.data
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	if o, err = parseObject(data); err != nil {
		body.free()
		return o, nil, err
	}
	return o, body.free, nil
}

// decodeUpdate reads the body of PUT …/config: the configuration's fields, as the SDKs
// send them, or the same under "config", as the product's documentation shows it (spec,
// head: the first trap of the seed).
func decodeUpdate(o object, name string) (spec endpoint.ConfigSpec, nested bool, err error) {
	fields := o
	var invalid []string
	if config, ok := o.object("config"); ok {
		fields, nested = config, true
		if said := o.text("name"); said != "" && said != name {
			invalid = append(invalid, fmt.Sprintf("'name' is %q, but the path names the endpoint '%s': a name cannot be changed.", cut(said, 80), name))
		}
		for _, field := range []string{"served_entities", "served_models", "traffic_config", "auto_capture_config"} {
			if o.has(field) {
				invalid = append(invalid, fmt.Sprintf("'%s' stands beside 'config': send the configuration in one place.", field))
			}
		}
	}
	spec, wrong := decodeConfig(fields)
	if err := o.failed(); err != nil {
		return spec, nested, err
	}
	if invalid = append(invalid, wrong...); len(invalid) > 0 {
		return spec, nested, &requestError{code: codeInvalidParameterValue, message: sayAll(invalid)}
	}
	return spec, nested, nil
}

// within is an error whose fields are named as they stand in a body that has no outer
// object: "config.served_entities" becomes "served_entities".
func within(err error, outer string) error {
	var invalid *endpoint.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	fields := make([]endpoint.FieldError, len(invalid.Fields))
	for i, f := range invalid.Fields {
		fields[i] = endpoint.FieldError{Field: strings.TrimPrefix(f.Field, outer), Message: f.Message}
	}
	return &endpoint.ValidationError{Fields: fields}
}

func (s *Server) stopEndpoint(w http.ResponseWriter, r *http.Request, v values) error {
	return s.change(w, r, v[0], s.services.StopEndpoint)
}

func (s *Server) startEndpoint(w http.ResponseWriter, r *http.Request, v values) error {
	return s.change(w, r, v[0], s.services.StartEndpoint)
}

func (s *Server) cancelUpdate(w http.ResponseWriter, r *http.Request, v values) error {
	return s.change(w, r, v[0], s.services.CancelUpdate)
}

// change carries out a change that takes no further word, and answers with the endpoint.
func (s *Server) change(w http.ResponseWriter, r *http.Request, name string, do func(context.Context, string) (endpoint.Endpoint, error)) error {
	e, err := do(r.Context(), name)
	if err != nil {
		return err
	}
	return s.sendEndpoint(w, r, e)
}
