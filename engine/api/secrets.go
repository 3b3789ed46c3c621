package api

import (
	"encoding/base64"
	"errors"
	"net/http"

	"servery/engine/access"
	"servery/engine/secret"
)

var secretRoutes = []route{
	at("POST", "/api/2.0/secrets/scopes/create", (*Server).createScope),
	at("GET", "/api/2.0/secrets/scopes/list", (*Server).listScopes),
	at("POST", "/api/2.0/secrets/scopes/delete", (*Server).deleteScope),
	at("POST", "/api/2.0/secrets/put", (*Server).putSecret),
	at("GET", "/api/2.0/secrets/get", (*Server).getSecret),
	at("GET", "/api/2.0/secrets/list", (*Server).listSecrets),
	at("POST", "/api/2.0/secrets/delete", (*Server).deleteSecret),
	at("POST", "/api/2.0/secrets/acls/put", (*Server).putACL),
	at("GET", "/api/2.0/secrets/acls/get", (*Server).getACL),
	at("GET", "/api/2.0/secrets/acls/list", (*Server).listACLs),
	at("POST", "/api/2.0/secrets/acls/delete", (*Server).deleteACL),
}

// done answers a change that has nothing to tell.
func done(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func (s *Server) createScope(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := readFields(w, r)
	if err != nil {
		return err
	}
	name, backend, initial := o.text("scope"), o.text("scope_backend_type"), o.text("initial_manage_principal")
	if err := o.failed(); err != nil {
		return err
	}
	if backend != "" && backend != "DATABRICKS" {
		return &requestError{code: codeInvalidParameterValue, message: "Field 'scope_backend_type' takes DATABRICKS, got " + describe(backend) + ": Servery keeps secrets itself."}
	}
	manager := ""
	if initial != "" {
		if initial != access.UsersGroup {
			return &requestError{code: codeInvalidParameterValue, message: "Field 'initial_manage_principal' takes users, got " + describe(initial) + ". Leave it out to manage the scope yourself."}
		}
		p, err := s.services.PrincipalByName(initial, access.KindGroup)
		if err != nil {
			return err
		}
		manager = p.ID
	}
	return done(w, s.services.CreateScope(r.Context(), name, manager))
}

func (s *Server) listScopes(w http.ResponseWriter, r *http.Request, _ values) error {
	type wireScope struct {
		Name    string `json:"name"`
		Backend string `json:"backend_type"`
	}
	list := struct {
		Scopes []wireScope `json:"scopes"`
	}{[]wireScope{}}
	for _, name := range s.services.SecretScopes(r.Context()) {
		list.Scopes = append(list.Scopes, wireScope{name, "DATABRICKS"})
	}
	return sendJSON(w, list)
}

func (s *Server) deleteScope(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := readFields(w, r)
	if err != nil {
		return err
	}
	name := o.text("scope")
	if err := o.failed(); err != nil {
		return err
	}
	return done(w, s.services.DeleteScope(r.Context(), name))
}

// secretPut is what a request to store a secret says.
type secretPut struct {
	scope, key string
	value      []byte
}

// decodeSecret reads it. What is wrong with a value is told without the value.
func decodeSecret(body []byte) (secretPut, error) {
	o, err := parseObject(body)
	if err != nil {
		return secretPut{}, hideJSON(err)
	}
	in := secretPut{scope: o.text("scope"), key: o.text("key")}
	for _, name := range []string{"string_value", "bytes_value"} {
		if _, isText := o.fields[name].(string); o.has(name) && !isText {
			return secretPut{}, &requestError{code: codeMalformedRequest, message: "Field '" + name + "' takes a string."}
		}
	}
	if err := o.failed(); err != nil {
		return secretPut{}, err
	}
	if o.has("string_value") == o.has("bytes_value") {
		return secretPut{}, &requestError{code: codeInvalidParameterValue, message: "A secret takes one of string_value and bytes_value."}
	}
	in.value = []byte(o.text("string_value"))
	if o.has("bytes_value") {
		if in.value, err = base64.StdEncoding.DecodeString(o.text("bytes_value")); err != nil {
			return secretPut{}, &requestError{code: codeInvalidParameterValue, message: "Field 'bytes_value' takes base64, and this is none."}
		}
	}
	return in, nil
}

// hideJSON is the error of a body that is no JSON without any of its characters: they may
// be a secret's.
func hideJSON(err error) error {
	var known *requestError
	if errors.As(err, &known) {
		return &requestError{code: known.code, message: "The request body is not a JSON object in UTF-8."}
	}
	return err
}

func (s *Server) putSecret(w http.ResponseWriter, r *http.Request, _ values) error {
	body, err := readBody(w, r, maxControlBody)
	if err != nil {
		return err
	}
	in, err := decodeSecret(body.data)
	clear(body.data) // the buffer is used again: the value stays no longer than needed
	body.free()
	if err != nil {
		return err
	}
	return done(w, s.services.PutSecret(r.Context(), in.scope, in.key, in.value))
}

func (s *Server) getSecret(w http.ResponseWriter, r *http.Request, _ values) error {
	query := r.URL.Query()
	key := query.Get("key")
	value, err := s.services.Secret(r.Context(), query.Get("scope"), key)
	if err != nil {
		return err
	}
	return sendSecret(w, struct {
		Key   string `json:"key"`
		Value []byte `json:"value"` // base64
	}{key, value})
}

func (s *Server) listSecrets(w http.ResponseWriter, r *http.Request, _ values) error {
	all, err := s.services.Secrets(r.Context(), r.URL.Query().Get("scope"))
	if err != nil {
		return err
	}
	type wireSecret struct {
		Key     string `json:"key"`
		Updated int64  `json:"last_updated_timestamp"` // ms
	}
	list := struct {
		Secrets []wireSecret `json:"secrets"`
	}{[]wireSecret{}}
	for _, one := range all {
		list.Secrets = append(list.Secrets, wireSecret{one.Key, one.Updated.UnixMilli()})
	}
	return sendJSON(w, list)
}

func (s *Server) deleteSecret(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := readFields(w, r)
	if err != nil {
		return err
	}
	scope, key := o.text("scope"), o.text("key")
	if err := o.failed(); err != nil {
		return err
	}
	return done(w, s.services.DeleteSecret(r.Context(), scope, key))
}

type wireACL struct {
	Principal  string `json:"principal"`
	Permission string `json:"permission"`
}

// aclWire is a grant; ok is false where the principal is no more.
func (s *Server) aclWire(g secret.Grant) (w wireACL, ok bool) {
	p, ok := s.services.PrincipalByID(g.Principal)
	return wireACL{p.Name, g.Permission.String()}, ok
}

func (s *Server) putACL(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := readFields(w, r)
	if err != nil {
		return err
	}
	scope, principal := o.text("scope"), o.text("principal")
	permission, ok := secret.ParsePermission(o.text("permission"))
	if !ok {
		o.note("permission", "READ, WRITE or MANAGE", o.fields["permission"])
	}
	if err := o.failed(); err != nil {
		return err
	}
	return s.setACL(w, r, scope, principal, permission)
}

func (s *Server) deleteACL(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := readFields(w, r)
	if err != nil {
		return err
	}
	scope, principal := o.text("scope"), o.text("principal")
	if err := o.failed(); err != nil {
		return err
	}
	return s.setACL(w, r, scope, principal, secret.None)
}

func (s *Server) setACL(w http.ResponseWriter, r *http.Request, scope, principal string, permission secret.Permission) error {
	p, err := s.services.PrincipalByName(principal)
	if err != nil {
		return err
	}
	return done(w, s.services.SetSecretACL(r.Context(), scope, p.ID, permission))
}

func (s *Server) getACL(w http.ResponseWriter, r *http.Request, _ values) error {
	query := r.URL.Query()
	all, err := s.services.SecretACL(r.Context(), query.Get("scope"))
	if err != nil {
		return err
	}
	p, err := s.services.PrincipalByName(query.Get("principal"))
	if err != nil {
		return err
	}
	for _, g := range all {
		if g.Principal == p.ID {
			wire, _ := s.aclWire(g)
			return sendJSON(w, wire)
		}
	}
	return &secret.NotFoundError{Scope: query.Get("scope"), ACL: true}
}

func (s *Server) listACLs(w http.ResponseWriter, r *http.Request, _ values) error {
	all, err := s.services.SecretACL(r.Context(), r.URL.Query().Get("scope"))
	if err != nil {
		return err
	}
	list := struct {
		Items []wireACL `json:"items"`
	}{[]wireACL{}}
	for _, g := range all {
		if wire, ok := s.aclWire(g); ok {
			list.Items = append(list.Items, wire)
		}
	}
	return sendJSON(w, list)
}
