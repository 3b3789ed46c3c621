package api

import (
	"net/http"
	"strconv"

	"servery/engine/registry"
)

// mlflowRoutes are those of MLflow's client with the registry databricks-uc (MLflow,
// protos/databricks_uc_registry_service.proto). The rest of /api/2.0/mlflow is absent.
var mlflowRoutes = []route{
	at("POST", "/api/2.0/mlflow/unity-catalog/registered-models/create", (*Server).mlflowCreateModel),
	at("PATCH", "/api/2.0/mlflow/unity-catalog/registered-models/update", (*Server).mlflowUpdateModel),
	at("DELETE", "/api/2.0/mlflow/unity-catalog/registered-models/delete", (*Server).mlflowDeleteModel),
	at("GET", "/api/2.0/mlflow/unity-catalog/registered-models/get", (*Server).mlflowGetModel),
	at("GET", "/api/2.0/mlflow/unity-catalog/registered-models/search", (*Server).mlflowSearchModels),
	at("POST", "/api/2.0/mlflow/unity-catalog/registered-models/alias", (*Server).mlflowSetAlias),
	at("DELETE", "/api/2.0/mlflow/unity-catalog/registered-models/alias", (*Server).mlflowDeleteAlias),
	at("GET", "/api/2.0/mlflow/unity-catalog/registered-models/alias", (*Server).mlflowGetAlias),
	at("POST", "/api/2.0/mlflow/unity-catalog/registered-models/set-tag", (*Server).mlflowSetTag),
	at("DELETE", "/api/2.0/mlflow/unity-catalog/registered-models/delete-tag", (*Server).mlflowDeleteTag),
	at("GET", "/api/2.0/mlflow/unity-catalog/registered-models:is-databricks-sdk-models-artifact-repository-enabled", (*Server).mlflowFilesEnabled),
	at("POST", "/api/2.0/mlflow/unity-catalog/model-versions/create", (*Server).mlflowCreateVersion),
	at("PATCH", "/api/2.0/mlflow/unity-catalog/model-versions/update", (*Server).mlflowUpdateVersion),
	at("DELETE", "/api/2.0/mlflow/unity-catalog/model-versions/delete", (*Server).mlflowDeleteVersion),
	at("GET", "/api/2.0/mlflow/unity-catalog/model-versions/get", (*Server).mlflowGetVersion),
	at("GET", "/api/2.0/mlflow/unity-catalog/model-versions/search", (*Server).mlflowSearchVersions),
	at("POST", "/api/2.0/mlflow/unity-catalog/model-versions/finalize", (*Server).mlflowFinalize),
	at("POST", "/api/2.0/mlflow/unity-catalog/model-versions/set-tag", (*Server).mlflowSetTag),
	at("DELETE", "/api/2.0/mlflow/unity-catalog/model-versions/delete-tag", (*Server).mlflowDeleteTag),
	at("GET", "/api/2.0/mlflow/unity-catalog/model-versions/get-download-uri", (*Server).mlflowDownloadURI),
	at("POST", "/api/2.0/mlflow/unity-catalog/model-versions/generate-temporary-credentials", (*Server).mlflowCredentials),
	at("POST", "/api/2.0/mlflow/unity-catalog/model-versions/emit-lineage", (*Server).mlflowLineage),
}

// The JSON of MLflow's registry. Versions are strings there.
type (
	wireMLModel struct {
		Name        string         `json:"name"`
		CreatedAt   int64          `json:"creation_timestamp"`
		UpdatedAt   int64          `json:"last_updated_timestamp"`
		User        string         `json:"user_id,omitempty"`
		Description string         `json:"description,omitempty"`
		Aliases     []wireMLAlias  `json:"aliases,omitempty"`
		Tags        []registry.Tag `json:"tags,omitempty"`
	}
	wireMLAlias struct {
		Alias   string `json:"alias"`
		Version string `json:"version"`
	}
	wireMLVersion struct {
		Name          string          `json:"name"`
		Version       string          `json:"version"`
		CreatedAt     int64           `json:"creation_timestamp"`
		UpdatedAt     int64           `json:"last_updated_timestamp"`
		User          string          `json:"user_id,omitempty"`
		Description   string          `json:"description,omitempty"`
		Source        string          `json:"source"`
		RunID         string          `json:"run_id,omitempty"`
		ModelID       string          `json:"model_id,omitempty"`
		Status        registry.Status `json:"status"`
		StatusMessage string          `json:"status_message,omitempty"`
		Storage       string          `json:"storage_location"`
		Aliases       []wireMLAlias   `json:"aliases,omitempty"`
		Tags          []registry.Tag  `json:"tags,omitempty"`
	}
	wireMLModelAnswer struct {
		Model wireMLModel `json:"registered_model"`
	}
	wireMLVersionAnswer struct {
		Version wireMLVersion `json:"model_version"`
	}
)

func mlModelWire(m registry.Model) wireMLModel {
	w := wireMLModel{Name: m.FullName(), CreatedAt: millis(m.CreatedAt), UpdatedAt: millis(m.UpdatedAt), User: m.Owner, Description: m.Comment, Tags: m.Tags}
	for _, a := range m.Aliases {
		w.Aliases = append(w.Aliases, wireMLAlias{a.Name, strconv.Itoa(a.Version)})
	}
	return w
}

func mlVersionWire(m registry.Model, v registry.Version) wireMLVersion {
	w := wireMLVersion{Name: m.FullName(), Version: strconv.Itoa(v.Number), CreatedAt: millis(v.CreatedAt), UpdatedAt: millis(v.CreatedAt), User: v.CreatedBy,
		Description: v.Comment, Source: v.Source, RunID: v.RunID, ModelID: v.ModelID, Status: v.Status, StatusMessage: v.Reason,
		Storage: versionStorage(m, v), Tags: v.Tags}
	if !v.UpdatedAt.IsZero() {
		w.UpdatedAt = millis(v.UpdatedAt)
	}
	for _, name := range m.AliasesOf(v.Number) {
		w.Aliases = append(w.Aliases, wireMLAlias{name, w.Version})
	}
	return w
}

// named reads the full name that each of these requests has.
func named(w http.ResponseWriter, r *http.Request) (o object, name string, err error) {
	if o, err = params(w, r); err != nil {
		return o, "", err
	}
	if name, err = given(o, "name", "main.default.digits"); err != nil {
		return o, "", err
	}
	return o, name, threeLevels(name)
}

// versioned reads a full name and a version's number.
func versioned(w http.ResponseWriter, r *http.Request) (o object, name string, n int, err error) {
	if o, name, err = named(w, r); err != nil {
		return o, "", 0, err
	}
	text := o.digits("version")
	if err := o.failed(); err != nil {
		return o, "", 0, err
	}
	n, err = versionNumber(text)
	return o, name, n, err
}

func (s *Server) mlflowCreateModel(w http.ResponseWriter, r *http.Request, _ values) error {
	o, name, err := named(w, r)
	if err != nil {
		return err
	}
	in := registry.NewModel{Name: name, Comment: o.text("description"), Tags: tagsOf(o, "tags"), CreatedBy: caller(r).Name}
	if err := o.failed(); err != nil {
		return err
	}
	m, err := s.services.CreateModel(r.Context(), in)
	if err != nil {
		return err
	}
	return sendJSON(w, wireMLModelAnswer{mlModelWire(m)})
}

func (s *Server) mlflowUpdateModel(w http.ResponseWriter, r *http.Request, _ values) error {
	o, name, err := named(w, r)
	if err != nil {
		return err
	}
	change := registry.ModelChange{Comment: textOf(o, "description"), NewName: textOf(o, "new_name"), By: caller(r).Name}
	if err := o.failed(); err != nil {
		return err
	}
	if _, err := s.ownedModel(r, name); err != nil {
		return err
	}
	m, err := s.services.UpdateModel(r.Context(), name, change)
	if err != nil {
		return err
	}
	return sendJSON(w, wireMLModelAnswer{mlModelWire(m)})
}

func (s *Server) mlflowDeleteModel(w http.ResponseWriter, r *http.Request, v values) error {
	_, name, err := named(w, r)
	if err != nil {
		return err
	}
	v[0] = name
	return s.deleteUCModel(w, r, v)
}

func (s *Server) mlflowGetModel(w http.ResponseWriter, r *http.Request, _ values) error {
	_, name, err := named(w, r)
	if err != nil {
		return err
	}
	m, err := s.services.Model(name)
	if err != nil {
		return err
	}
	return sendJSON(w, wireMLModelAnswer{mlModelWire(m)})
}

func (s *Server) mlflowSearchModels(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	list, next, err := page(o, s.services.Models(), registry.Model.FullName)
	if err != nil {
		return err
	}
	answer := struct {
		Models []wireMLModel `json:"registered_models"`
		Next   string        `json:"next_page_token,omitempty"`
	}{make([]wireMLModel, len(list)), next}
	for i, m := range list {
		answer.Models[i] = mlModelWire(m)
	}
	return sendJSON(w, answer)
}

func (s *Server) mlflowSetAlias(w http.ResponseWriter, r *http.Request, _ values) error {
	o, name, n, err := versioned(w, r)
	if err != nil {
		return err
	}
	alias, err := given(o, "alias", "champion")
	if err != nil {
		return err
	}
	if _, err := s.ownedModel(r, name); err != nil {
		return err
	}
	if err := s.services.SetAlias(r.Context(), name, alias, n); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func (s *Server) mlflowDeleteAlias(w http.ResponseWriter, r *http.Request, v values) error {
	o, name, err := named(w, r)
	if err != nil {
		return err
	}
	alias, err := given(o, "alias", "champion")
	if err != nil {
		return err
	}
	return s.deleteUCAlias(w, r, values{name, alias})
}

func (s *Server) mlflowGetAlias(w http.ResponseWriter, r *http.Request, _ values) error {
	o, name, err := named(w, r)
	if err != nil {
		return err
	}
	alias, err := given(o, "alias", "champion")
	if err != nil {
		return err
	}
	m, v, err := s.aliased(name, alias)
	if err != nil {
		return err
	}
	return sendJSON(w, wireMLVersionAnswer{mlVersionWire(m, v)})
}

// tagged reads what a request about a tag is about: a model, or a version of it.
func (s *Server) tagged(w http.ResponseWriter, r *http.Request) (o object, name string, n int, key string, err error) {
	if o, name, err = named(w, r); err != nil {
		return o, "", 0, "", err
	}
	if text := o.digits("version"); text != "" {
		if n, err = versionNumber(text); err == nil {
			_, _, err = s.ownedVersion(r, name, n)
		}
	} else {
		_, err = s.ownedModel(r, name)
	}
	if err != nil {
		return o, "", 0, "", err
	}
	key, err = given(o, "key", "team")
	return o, name, n, key, err
}

func (s *Server) mlflowSetTag(w http.ResponseWriter, r *http.Request, _ values) error {
	o, name, n, key, err := s.tagged(w, r)
	if err != nil {
		return err
	}
	tag := registry.Tag{Key: key, Value: o.text("value")}
	if err := o.failed(); err != nil {
		return err
	}
	if err := s.services.SetTag(r.Context(), name, n, tag, caller(r).Name); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func (s *Server) mlflowDeleteTag(w http.ResponseWriter, r *http.Request, _ values) error {
	_, name, n, key, err := s.tagged(w, r)
	if err != nil {
		return err
	}
	if err := s.services.DeleteTag(r.Context(), name, n, key, caller(r).Name); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

// mlflowFilesEnabled has the client send a version's files through the Files API.
func (s *Server) mlflowFilesEnabled(w http.ResponseWriter, _ *http.Request, _ values) error {
	return sendJSON(w, struct {
		Enabled bool `json:"is_databricks_sdk_models_artifact_repository_enabled"`
	}{true})
}

func (s *Server) mlflowCreateVersion(w http.ResponseWriter, r *http.Request, _ values) error {
	o, name, err := named(w, r)
	if err != nil {
		return err
	}
	in := registry.Registration{Name: name, Source: o.text("source"), Comment: o.text("description"), RunID: o.text("run_id"),
		ModelID: o.text("model_id"), Tags: tagsOf(o, "tags")}
	if err := o.failed(); err != nil {
		return err
	}
	m, v, err := s.register(r, in)
	if err != nil {
		return err
	}
	return sendJSON(w, wireMLVersionAnswer{mlVersionWire(m, v)})
}

func (s *Server) mlflowUpdateVersion(w http.ResponseWriter, r *http.Request, _ values) error {
	o, name, n, err := versioned(w, r)
	if err != nil {
		return err
	}
	comment := textOf(o, "description")
	if err := o.failed(); err != nil {
		return err
	}
	m, v, err := s.ownedVersion(r, name, n)
	if err != nil {
		return err
	}
	if comment != nil {
		if v, err = s.services.UpdateVersion(r.Context(), name, n, *comment, caller(r).Name); err != nil {
			return err
		}
	}
	return sendJSON(w, wireMLVersionAnswer{mlVersionWire(m, v)})
}

func (s *Server) mlflowDeleteVersion(w http.ResponseWriter, r *http.Request, _ values) error {
	_, name, n, err := versioned(w, r)
	if err != nil {
		return err
	}
	return s.deleteUCVersion(w, r, values{name, strconv.Itoa(n)})
}

// versionAsked is the version that a request names.
func (s *Server) versionAsked(w http.ResponseWriter, r *http.Request) (registry.Model, registry.Version, error) {
	_, name, n, err := versioned(w, r)
	if err != nil {
		return registry.Model{}, registry.Version{}, err
	}
	return s.version(name, n)
}

func (s *Server) mlflowGetVersion(w http.ResponseWriter, r *http.Request, _ values) error {
	m, v, err := s.versionAsked(w, r)
	if err != nil {
		return err
	}
	return sendJSON(w, wireMLVersionAnswer{mlVersionWire(m, v)})
}

func (s *Server) mlflowFinalize(w http.ResponseWriter, r *http.Request, _ values) error {
	_, name, n, err := versioned(w, r)
	if err != nil {
		return err
	}
	m, v, err := s.finalize(r, name, n)
	if err != nil {
		return err
	}
	return sendJSON(w, wireMLVersionAnswer{mlVersionWire(m, v)})
}

func (s *Server) mlflowDownloadURI(w http.ResponseWriter, r *http.Request, _ values) error {
	m, v, err := s.versionAsked(w, r)
	if err != nil {
		return err
	}
	return sendJSON(w, struct {
		URI string `json:"artifact_uri"`
	}{versionStorage(m, v)})
}

// mlflowCredentials answers clients that do not ask whether the Files API is enabled.
func (s *Server) mlflowCredentials(w http.ResponseWriter, r *http.Request, _ values) error {
	if _, _, err := s.versionAsked(w, r); err != nil {
		return err
	}
	return sendJSON(w, struct {
		Credentials wireCredentials `json:"credentials"`
	}{wireCredentials{"DEFAULT_STORAGE"}})
}

// mlflowLineage takes what the client says of who reads a version: there is no lineage here.
func (s *Server) mlflowLineage(w http.ResponseWriter, r *http.Request, _ values) error {
	if _, _, err := s.versionAsked(w, r); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}
