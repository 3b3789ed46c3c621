package api

import (
	"fmt"
	"net/http"
	"strings"

	"servery/engine/registry"
)

// catalogRoutes are Unity Catalog's (spec B10). The last are those of MLflow's client where
// MLFLOW_ENABLE_UC_NATIVE_MODEL_REGISTRY is set.
var catalogRoutes = []route{
	at("GET", "/api/2.1/unity-catalog/catalogs", (*Server).listCatalogs),
	at("POST", "/api/2.1/unity-catalog/catalogs", (*Server).createCatalog),
	at("GET", "/api/2.1/unity-catalog/catalogs/{name}", (*Server).getCatalog),
	at("DELETE", "/api/2.1/unity-catalog/catalogs/{name}", (*Server).deleteCatalog),
	at("GET", "/api/2.1/unity-catalog/schemas", (*Server).listSchemas),
	at("POST", "/api/2.1/unity-catalog/schemas", (*Server).createSchema),
	at("GET", "/api/2.1/unity-catalog/schemas/{full_name}", (*Server).getUCSchema),
	at("DELETE", "/api/2.1/unity-catalog/schemas/{full_name}", (*Server).deleteSchema),
	at("GET", "/api/2.1/unity-catalog/models", (*Server).listUCModels),
	at("POST", "/api/2.1/unity-catalog/models", (*Server).createUCModel),
	at("POST", "/api/2.1/unity-catalog/models/versions", (*Server).createUCVersion),
	at("GET", "/api/2.1/unity-catalog/models/{full_name}", (*Server).getUCModel),
	at("PATCH", "/api/2.1/unity-catalog/models/{full_name}", (*Server).updateUCModel),
	at("DELETE", "/api/2.1/unity-catalog/models/{full_name}", (*Server).deleteUCModel),
	at("GET", "/api/2.1/unity-catalog/models/{full_name}/versions", (*Server).listUCVersions),
	at("GET", "/api/2.1/unity-catalog/models/{full_name}/versions/{version}", (*Server).getUCVersion),
	at("PATCH", "/api/2.1/unity-catalog/models/{full_name}/versions/{version}", (*Server).updateUCVersion),
	at("DELETE", "/api/2.1/unity-catalog/models/{full_name}/versions/{version}", (*Server).deleteUCVersion),
	at("PATCH", "/api/2.1/unity-catalog/models/{full_name}/versions/{version}/finalize", (*Server).finalizeUCVersion),
	at("GET", "/api/2.1/unity-catalog/models/{full_name}/aliases/{alias}", (*Server).getUCAlias),
	at("PUT", "/api/2.1/unity-catalog/models/{full_name}/aliases/{alias}", (*Server).setUCAlias),
	at("DELETE", "/api/2.1/unity-catalog/models/{full_name}/aliases/{alias}", (*Server).deleteUCAlias),
	at("POST", "/api/2.1/unity-catalog/temporary-model-version-credentials", (*Server).ucCredentials),
	at("PATCH", "/api/2.1/unity-catalog/securable-tags/FUNCTION/{full_name}", (*Server).changeUCTags),
	at("PATCH", "/api/2.1/unity-catalog/subentity-tags/FUNCTION/{full_name}/{version}", (*Server).changeUCTags),
}

func (s *Server) listCatalogs(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	list, next, err := page(o, s.services.Catalogs(), func(c registry.Catalog) string { return c.Name })
	if err != nil {
		return err
	}
	answer := wireCatalogs{Catalogs: make([]wireCatalog, len(list)), Next: next}
	for i, c := range list {
		answer.Catalogs[i] = catalogWire(c)
	}
	return sendJSON(w, answer)
}

func (s *Server) createCatalog(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	name, err := given(o, "name", "main")
	if err != nil {
		return err
	}
	for _, field := range []string{"provider_name", "share_name", "connection_name"} {
		if o.text(field) != "" {
			return invalid("'%s' makes a catalog of another system's tables, which Servery has none of: leave it out.", field)
		}
	}
	in := registry.Place{Catalog: name, Comment: o.text("comment"), CreatedBy: caller(r).Name}
	if err := o.failed(); err != nil {
		return err
	}
	c, err := s.services.CreateCatalog(r.Context(), in)
	if err != nil {
		return err
	}
	return sendJSON(w, catalogWire(c))
}

func (s *Server) getCatalog(w http.ResponseWriter, _ *http.Request, v values) error {
	c, err := s.services.Catalog(v[0])
	if err != nil {
		return err
	}
	return sendJSON(w, catalogWire(c))
}

func (s *Server) deleteCatalog(w http.ResponseWriter, r *http.Request, v values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	force := flag(o, "force")
	if err := o.failed(); err != nil {
		return err
	}
	c, err := s.services.Catalog(v[0])
	if err == nil {
		err = owned(r, "catalog", c.Name, c.Owner)
	}
	if err == nil {
		err = s.services.DeleteCatalog(r.Context(), v[0], force)
	}
	if err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func (s *Server) listSchemas(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	catalog, err := given(o, "catalog_name", "main")
	if err != nil {
		return err
	}
	c, err := s.services.Catalog(catalog)
	if err != nil {
		return err
	}
	var all []registry.Schema
	for _, schema := range s.services.Schemas() {
		if schema.Catalog == c.Name {
			all = append(all, schema)
		}
	}
	list, next, err := page(o, all, registry.Schema.FullName)
	if err != nil {
		return err
	}
	answer := wireSchemas{Schemas: make([]wireSchema, len(list)), Next: next}
	for i, schema := range list {
		answer.Schemas[i] = schemaWire(schema)
	}
	return sendJSON(w, answer)
}

func (s *Server) createSchema(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	name, err := given(o, "name", "default")
	if err != nil {
		return err
	}
	catalog, err := given(o, "catalog_name", "main")
	if err != nil {
		return err
	}
	in := registry.Place{Catalog: catalog, Schema: name, Comment: o.text("comment"), CreatedBy: caller(r).Name}
	if err := o.failed(); err != nil {
		return err
	}
	schema, err := s.services.CreateSchema(r.Context(), in)
	if err != nil {
		return err
	}
	return sendJSON(w, schemaWire(schema))
}

func (s *Server) getUCSchema(w http.ResponseWriter, _ *http.Request, v values) error {
	schema, err := s.services.Schema(v[0])
	if err != nil {
		return err
	}
	return sendJSON(w, schemaWire(schema))
}

func (s *Server) deleteSchema(w http.ResponseWriter, r *http.Request, v values) error {
	schema, err := s.services.Schema(v[0])
	if err == nil {
		err = owned(r, "schema", schema.FullName(), schema.Owner)
	}
	if err == nil {
		err = s.services.DeleteSchema(r.Context(), v[0])
	}
	if err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

// modelsOf are the models that a list asks for: all, or those of a catalog and a schema.
func (s *Server) modelsOf(o object) ([]registry.Model, error) {
	catalog, schema := strings.ToLower(o.text("catalog_name")), strings.ToLower(o.text("schema_name"))
	if err := o.failed(); err != nil {
		return nil, err
	}
	switch {
	case catalog == "" && schema == "":
		return s.services.Models(), nil
	case catalog == "":
		return nil, invalid("'schema_name' is %q without 'catalog_name': give both.", cut(schema, 80))
	}
	prefix := catalog + "."
	if _, err := s.services.Catalog(catalog); err != nil {
		return nil, err
	}
	if schema != "" {
		if _, err := s.services.Schema(catalog + "." + schema); err != nil {
			return nil, err
		}
		prefix += schema + "."
	}
	var list []registry.Model
	for _, m := range s.services.Models() {
		if strings.HasPrefix(m.FullName(), prefix) {
			list = append(list, m)
		}
	}
	return list, nil
}

func (s *Server) listUCModels(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	all, err := s.modelsOf(o)
	if err != nil {
		return err
	}
	list, next, err := page(o, all, registry.Model.FullName)
	if err != nil {
		return err
	}
	answer := wireUCModels{Models: make([]wireUCModel, len(list)), Next: next}
	for i, m := range list {
		answer.Models[i] = ucModelWire(m)
	}
	return sendJSON(w, answer)
}

func (s *Server) createUCModel(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	full, err := fullNameOf(o, "name")
	if err != nil {
		return err
	}
	in := registry.NewModel{Name: full, Comment: o.text("comment"), Tags: tagsOf(o, "tags"), CreatedBy: caller(r).Name}
	if err := o.failed(); err != nil {
		return err
	}
	m, err := s.services.CreateModel(r.Context(), in)
	if err != nil {
		return err
	}
	return sendJSON(w, ucModelWire(m))
}

// fullNameOf puts a full name together from the fields that have its parts.
func fullNameOf(o object, model string) (string, error) {
	var parts [3]string
	for i, field := range []struct{ name, example string }{{"catalog_name", "main"}, {"schema_name", "default"}, {model, "digits"}} {
		part, err := given(o, field.name, field.example)
		if err != nil {
			return "", err
		}
		parts[i] = part
	}
	full := strings.Join(parts[:], ".")
	if strings.Count(full, ".") != 2 {
		return "", invalid("'%s' is %q: give the last part of the name alone, without dots.", model, cut(parts[2], 80))
	}
	return full, nil
}

// tagsOf reads a list of tags.
func tagsOf(o object, name string) (tags []registry.Tag) {
	for _, t := range o.objects(name) {
		tags = append(tags, registry.Tag{Key: t.text("key"), Value: t.text("value")})
	}
	return tags
}

func (s *Server) getUCModel(w http.ResponseWriter, _ *http.Request, v values) error {
	m, err := s.services.Model(v[0])
	if err != nil {
		return err
	}
	return sendJSON(w, ucModelWire(m))
}

func (s *Server) updateUCModel(w http.ResponseWriter, r *http.Request, v values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	change := registry.ModelChange{Comment: textOf(o, "comment"), Owner: textOf(o, "owner"), NewName: textOf(o, "new_name"), By: caller(r).Name}
	if err := o.failed(); err != nil {
		return err
	}
	if _, err := s.ownedModel(r, v[0]); err != nil {
		return err
	}
	m, err := s.services.UpdateModel(r.Context(), v[0], change)
	if err != nil {
		return err
	}
	return sendJSON(w, ucModelWire(m))
}

func (s *Server) deleteUCModel(w http.ResponseWriter, r *http.Request, v values) error {
	if _, err := s.ownedModel(r, v[0]); err != nil {
		return err
	}
	if err := s.services.DeleteModel(r.Context(), v[0]); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func (s *Server) listUCVersions(w http.ResponseWriter, r *http.Request, v values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	m, err := s.services.Model(v[0])
	if err != nil {
		return err
	}
	list, next, err := page(o, m.Versions, newestFirst)
	if err != nil {
		return err
	}
	answer := wireUCVersions{Versions: make([]wireUCVersion, len(list)), Next: next}
	for i, version := range list {
		answer.Versions[i] = ucVersionWire(m, version)
	}
	return sendJSON(w, answer)
}

// newestFirst is a key that orders versions as a model lists them, the highest first.
func newestFirst(v registry.Version) string { return fmt.Sprintf("%012d", 999_999_999_999-v.Number) }

// versionOf is the version that a path names.
func (s *Server) versionOf(v values) (m registry.Model, version registry.Version, err error) {
	n, err := versionNumber(v[1])
	if err != nil {
		return m, version, err
	}
	return s.version(v[0], n)
}

func (s *Server) version(fullName string, n int) (m registry.Model, version registry.Version, err error) {
	if m, err = s.services.Model(fullName); err != nil {
		return m, version, err
	}
	version, ok := m.Version(n)
	if !ok {
		return m, version, &registry.NotFoundError{Name: m.FullName(), Version: n}
	}
	return m, version, nil
}

// aliased is the version that an alias points at.
func (s *Server) aliased(fullName, alias string) (m registry.Model, version registry.Version, err error) {
	if m, err = s.services.Model(fullName); err != nil {
		return m, version, err
	}
	for _, a := range m.Aliases {
		if strings.EqualFold(a.Name, alias) {
			version, _ = m.Version(a.Version)
			return m, version, nil
		}
	}
	return m, version, &registry.NotFoundError{Name: m.FullName(), Alias: alias}
}

func (s *Server) getUCVersion(w http.ResponseWriter, _ *http.Request, v values) error {
	m, version, err := s.versionOf(v)
	if err != nil {
		return err
	}
	return sendJSON(w, ucVersionWire(m, version))
}

func (s *Server) updateUCVersion(w http.ResponseWriter, r *http.Request, v values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	comment := textOf(o, "comment")
	if err := o.failed(); err != nil {
		return err
	}
	m, version, err := s.versionOf(v)
	if err != nil {
		return err
	}
	if _, _, err := s.ownedVersion(r, v[0], version.Number); err != nil {
		return err
	}
	if comment != nil {
		if version, err = s.services.UpdateVersion(r.Context(), v[0], version.Number, *comment, caller(r).Name); err != nil {
			return err
		}
	}
	return sendJSON(w, ucVersionWire(m, version))
}

func (s *Server) deleteUCVersion(w http.ResponseWriter, r *http.Request, v values) error {
	_, version, err := s.versionOf(v)
	if err != nil {
		return err
	}
	if _, _, err := s.ownedVersion(r, v[0], version.Number); err != nil {
		return err
	}
	if err := s.services.DeleteVersion(r.Context(), v[0], version.Number); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func (s *Server) getUCAlias(w http.ResponseWriter, _ *http.Request, v values) error {
	m, version, err := s.aliased(v[0], v[1])
	if err != nil {
		return err
	}
	return sendJSON(w, ucVersionWire(m, version))
}

func (s *Server) setUCAlias(w http.ResponseWriter, r *http.Request, v values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	version := o.integer("version_num")
	switch {
	case o.failed() != nil:
		return o.failed()
	case version == nil:
		return invalid("'version_num' is missing: give the number of the version that alias %q is to point at.", cut(v[1], 80))
	}
	if _, err := s.ownedModel(r, v[0]); err != nil {
		return err
	}
	if err := s.services.SetAlias(r.Context(), v[0], v[1], *version); err != nil {
		return err
	}
	return sendJSON(w, wireUCAlias{Alias: strings.ToLower(v[1]), Version: *version})
}

func (s *Server) deleteUCAlias(w http.ResponseWriter, r *http.Request, v values) error {
	if _, err := s.ownedModel(r, v[0]); err != nil {
		return err
	}
	if err := s.services.DeleteAlias(r.Context(), v[0], v[1]); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}
