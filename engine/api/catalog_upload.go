package api

import (
	"net/http"
	"strconv"
	"strings"

	"servery/engine/registry"
)

// storageOf is the path of a model's versions in the Files API.
func storageOf(m registry.Model) string {
	return filesRoot + "/" + strings.Join([]string{m.Catalog, m.Schema, m.Name}, "/")
}

func versionStorage(m registry.Model, v registry.Version) string {
	return storageOf(m) + "/" + strconv.Itoa(v.Number)
}

// register makes a version that waits for its files.
func (s *Server) register(r *http.Request, in registry.Registration) (m registry.Model, v registry.Version, err error) {
	in.CreatedBy = caller(r).Name
	if v, err = s.services.RegisterVersion(r.Context(), in); err != nil {
		return m, v, err
	}
	m, err = s.services.Model(in.Name)
	return m, v, err
}

// finalize registers what was uploaded.
func (s *Server) finalize(r *http.Request, fullName string, version int) (m registry.Model, v registry.Version, err error) {
	if _, _, err = s.ownedVersion(r, fullName, version); err != nil {
		return m, v, err
	}
	if v, err = s.services.FinalizeVersion(r.Context(), fullName, version); err != nil {
		return m, v, err
	}
	m, err = s.services.Model(fullName)
	return m, v, err
}

func (s *Server) createUCVersion(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	full, err := fullNameOf(o, "model_name")
	if err != nil {
		return err
	}
	in := registry.Registration{Name: full, Source: o.text("source"), Comment: o.text("comment"), RunID: o.text("run_id"),
		ModelID: o.text("model_id"), Tags: tagsOf(o, "tags")}
	if err := o.failed(); err != nil {
		return err
	}
	m, v, err := s.register(r, in)
	if err != nil {
		return err
	}
	return sendJSON(w, ucVersionWire(m, v))
}

func (s *Server) finalizeUCVersion(w http.ResponseWriter, r *http.Request, v values) error {
	n, err := versionNumber(v[1])
	if err != nil {
		return err
	}
	m, version, err := s.finalize(r, v[0], n)
	if err != nil {
		return err
	}
	return sendJSON(w, ucVersionWire(m, version))
}

// wireCredentials tell MLflow's client that the files go through this server.
type wireCredentials struct {
	Mode string `json:"storage_mode"`
}

func (s *Server) ucCredentials(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	full, err := fullNameOf(o, "model_name")
	if err != nil {
		return err
	}
	n, err := versionNumber(o.digits("version"))
	if err != nil {
		return err
	}
	if _, _, err := s.version(full, n); err != nil {
		return err
	}
	return sendJSON(w, wireCredentials{"DEFAULT_STORAGE"})
}

// changeUCTags adds and removes tags of a model, or of a version where the path names one.
func (s *Server) changeUCTags(w http.ResponseWriter, r *http.Request, v values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	changes, _ := o.object("changes")
	if changes.fields == nil {
		changes = object{wrong: o.wrong}
	}
	add := tagsOf(changes, "add_tags")
	remove := changes.strings("remove")
	if err := o.failed(); err != nil {
		return err
	}
	n := 0
	if v[1] != "" {
		if n, err = versionNumber(v[1]); err != nil {
			return err
		}
		_, _, err = s.ownedVersion(r, v[0], n)
	} else {
		_, err = s.ownedModel(r, v[0])
	}
	if err != nil {
		return err
	}
	for _, key := range remove {
		if err := s.services.DeleteTag(r.Context(), v[0], n, key, caller(r).Name); err != nil {
			return err
		}
	}
	for _, tag := range add {
		if err := s.services.SetTag(r.Context(), v[0], n, tag, caller(r).Name); err != nil {
			return err
		}
	}
	return sendJSON(w, struct{}{})
}
