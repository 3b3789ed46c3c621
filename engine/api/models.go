package api

import (
	"fmt"
	"mime"
	"net/http"
	"path/filepath"
	"strconv"

	"servery/engine/registry"
)

var registryRoutes = []route{
	at("GET", "/api/2.0/servery/models", (*Server).listModels),
	at("POST", "/api/2.0/servery/models/import", (*Server).importModel),
	at("GET", "/api/2.0/servery/models/{full_name}", (*Server).getModel),
	at("POST", "/api/2.0/servery/models/{full_name}/aliases", (*Server).setAlias),
	at("DELETE", "/api/2.0/servery/models/{full_name}/aliases/{alias}", (*Server).deleteAlias),
	at("DELETE", "/api/2.0/servery/models/{full_name}/versions/{version}", (*Server).deleteVersion),
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request, _ values) error {
	all := s.services.Models()
	gpus := s.services.Hardware().GPUs
	list := wireModels{Models: make([]wireRegistered, len(all))}
	for i, m := range all {
		list.Models[i] = registered(m, gpus, false)
	}
	return sendJSON(w, list)
}

func (s *Server) getModel(w http.ResponseWriter, _ *http.Request, v values) error {
	m, err := s.services.Model(v[0])
	if err != nil {
		return err
	}
	return sendJSON(w, registered(m, s.services.Hardware().GPUs, true))
}

// importModel makes a version from a path of this machine (JSON) or from files that come
// along (multipart/form-data). A model that cannot be served is a version too, with the
// status FAILED_REGISTRATION and the reason.
func (s *Server) importModel(w http.ResponseWriter, r *http.Request, _ values) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "multipart/form-data" {
		return s.importUpload(w, r)
	}
	body, err := readBody(w, r, maxControlBody)
	if err != nil {
		return err
	}
	defer body.free()
	o, err := parseObject(body.data)
	if err != nil {
		return err
	}
	in := registry.Import{Source: o.text("path"), Name: o.text("name"), Alias: o.text("alias"), Comment: o.text("comment")}
	if err := o.failed(); err != nil {
		return err
	}
	if !filepath.IsAbs(in.Source) {
		return invalid("'path' is %q: give the absolute path of an .onnx file or of a model folder on this machine.", cut(in.Source, 200))
	}
	return s.importFrom(w, r, in)
}

func (s *Server) importFrom(w http.ResponseWriter, r *http.Request, in registry.Import) error {
	if in.Name == "" {
		in.Name = registry.SuggestName(in.Source)
	}
	v, err := s.services.ImportModel(r.Context(), in, nil)
	if err != nil {
		return err
	}
	return sendJSON(w, wireImported{Name: in.Name, wireVersion: versionWire(v, true)})
}

func (s *Server) setAlias(w http.ResponseWriter, r *http.Request, v values) error {
	body, err := readBody(w, r, maxControlBody)
	if err != nil {
		return err
	}
	defer body.free()
	o, err := parseObject(body.data)
	if err != nil {
		return err
	}
	alias, version := o.text("alias"), o.integer("version")
	switch {
	case o.failed() != nil:
		return o.failed()
	case alias == "":
		return invalid("'alias' is missing: give a name such as champion.")
	case version == nil:
		return invalid("'version' is missing: give the number of the version that alias %q is to point at.", cut(alias, 80))
	}
	if _, err := s.ownedModel(r, v[0]); err != nil {
		return err
	}
	if err := s.services.SetAlias(r.Context(), v[0], alias, *version); err != nil {
		return err
	}
	return s.getModel(w, r, v)
}

func (s *Server) deleteAlias(w http.ResponseWriter, r *http.Request, v values) error {
	if _, err := s.ownedModel(r, v[0]); err != nil {
		return err
	}
	if err := s.services.DeleteAlias(r.Context(), v[0], v[1]); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func (s *Server) deleteVersion(w http.ResponseWriter, r *http.Request, v values) error {
	version, err := strconv.Atoi(v[1])
	if err != nil || version < 1 {
		return invalid("%q is not the number of a version: give 1 or more.", cut(v[1], 40))
	}
	if _, _, err := s.ownedVersion(r, v[0], version); err != nil {
		return err
	}
	if err := s.services.DeleteVersion(r.Context(), v[0], version); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

// invalid is a refusal of a value.
func invalid(format string, args ...any) error {
	return &requestError{code: codeInvalidParameterValue, message: fmt.Sprintf(format, args...)}
}
