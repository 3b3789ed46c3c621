package api

import (
	"net/http"

	"servery/engine/access"
	"servery/engine/endpoint"
)

// versionRoutes are Servery's own: the product keeps no configuration but the active and
// the pending one.
var versionRoutes = []route{
	at("GET", "/api/2.0/servery/endpoints/{name}/config-versions", (*Server).listVersions).needing(access.CanView),
	at("GET", "/api/2.0/servery/endpoints/{name}/config-versions/{version}", (*Server).getVersion).needing(access.CanView),
	at("GET", "/api/2.0/servery/endpoints/{name}/config-versions/{version}/diff", (*Server).compareVersions).needing(access.CanView),
	at("POST", "/api/2.0/servery/endpoints/{name}/config-versions/{version}/restore", (*Server).restoreVersion).needing(access.CanManage),
}

type (
	// wireConfigVersion is a configuration that an endpoint has or had. Times are Unix ms and
	// absent where they have not come.
	wireConfigVersion struct {
		Version      int                   `json:"config_version"`
		State        endpoint.VersionState `json:"state"`
		Reason       string                `json:"reason,omitempty"`
		Origin       endpoint.Origin       `json:"origin,omitempty"` // absent from one of before it was kept
		RestoredFrom int                   `json:"restored_from,omitempty"`
		Creator      string                `json:"creator,omitempty"`
		AcceptedAt   int64                 `json:"accepted_timestamp,omitempty"`
		ActiveFrom   int64                 `json:"active_from_timestamp,omitempty"`
		EndedAt      int64                 `json:"ended_timestamp,omitempty"`
		Config       any                   `json:"config"` // *wireConfig or *wireConfigSummary
	}
	wireConfigVersions struct {
		Versions []wireConfigVersion `json:"config_versions"` // newest first
	}
	wireDifference struct {
		From        int                    `json:"from"` // 0 is nothing at all
		To          int                    `json:"to"`
		Added       []wireEntity           `json:"added"`
		Removed     []wireEntity           `json:"removed"`
		Changed     []wireEntityDifference `json:"changed"`
		Routes      []wireRouteDifference  `json:"routes"`
		AutoCapture []wireFieldDifference  `json:"auto_capture_config"`
	}
	wireEntityDifference struct {
		Name   string                `json:"name"`
		Fields []wireFieldDifference `json:"fields"`
	}
	wireFieldDifference struct {
		Field string `json:"field"`
		From  string `json:"from"` // "" where the field is not there
		To    string `json:"to"`
	}
	wireRouteDifference struct {
		Entity string `json:"served_entity_name"`
		From   *int   `json:"from"` // percent; null is no route
		To     *int   `json:"to"`
	}
)

func (s *Server) listVersions(w http.ResponseWriter, _ *http.Request, v values) error {
	all, err := s.services.ConfigVersions(v[0])
	if err != nil {
		return err
	}
	list := wireConfigVersions{Versions: make([]wireConfigVersion, 0, len(all))}
	for i := range all {
		one := configVersionWire(&all[i])
		one.Config = configSummary(&all[i].Config)
		list.Versions = append(list.Versions, one)
	}
	return sendJSON(w, list)
}

func (s *Server) getVersion(w http.ResponseWriter, _ *http.Request, v values) error {
	one, err := s.configVersion(v)
	if err != nil {
		return err
	}
	answer := configVersionWire(&one)
	answer.Config = configWire(&one.Config)
	return sendJSON(w, answer)
}

// compareVersions tells what a version changed, against the one before it that is kept, or
// against the one that the query's "from" names.
func (s *Server) compareVersions(w http.ResponseWriter, r *http.Request, v values) error {
	to, err := s.configVersion(v)
	if err != nil {
		return err
	}
	from := endpoint.ConfigVersion{}
	if text := r.URL.Query().Get("from"); text != "" {
		from, err = s.configVersion(values{v[0], text})
	} else {
		from, err = s.configBefore(v[0], to.Config.Version)
	}
	if err != nil {
		return err
	}
	d := endpoint.Compare(&from.Config, &to.Config)
	answer := wireDifference{
		From: from.Config.Version, To: to.Config.Version,
		Added: configWire(&endpoint.Config{Entities: d.Added}).Entities, Removed: configWire(&endpoint.Config{Entities: d.Removed}).Entities,
		Changed: []wireEntityDifference{}, Routes: []wireRouteDifference{}, AutoCapture: fieldsWire(d.AutoCapture),
	}
	for _, e := range d.Changed {
		answer.Changed = append(answer.Changed, wireEntityDifference{e.Name, fieldsWire(e.Fields)})
	}
	for _, r := range d.Routes {
		answer.Routes = append(answer.Routes, wireRouteDifference{r.Entity, share(r.From), share(r.To)})
	}
	return sendJSON(w, answer)
}

func (s *Server) restoreVersion(w http.ResponseWriter, r *http.Request, v values) error {
	n, err := versionNumber(v[1])
	if err != nil {
		return err
	}
	e, err := s.services.RestoreConfig(r.Context(), v[0], n)
	if err != nil {
		return err
	}
	return s.sendEndpoint(w, r, e)
}

// configVersion is the configuration that a path names.
func (s *Server) configVersion(v values) (endpoint.ConfigVersion, error) {
	n, err := versionNumber(v[1])
	if err != nil {
		return endpoint.ConfigVersion{}, err
	}
	return s.services.ConfigVersion(v[0], n)
}

// configBefore is the newest version below n that is kept; the zero one where there is none.
func (s *Server) configBefore(name string, n int) (endpoint.ConfigVersion, error) {
	all, err := s.services.ConfigVersions(name)
	if err != nil {
		return endpoint.ConfigVersion{}, err
	}
	for _, one := range all {
		if one.Config.Version < n && one.State != endpoint.VersionUnreadable {
			return one, nil
		}
	}
	return endpoint.ConfigVersion{}, nil
}

func configVersionWire(v *endpoint.ConfigVersion) wireConfigVersion {
	c := &v.Config
	return wireConfigVersion{
		Version: c.Version, State: v.State, Reason: v.Reason,
		Origin: c.Origin, RestoredFrom: c.RestoredFrom, Creator: c.Creator,
		AcceptedAt: millis(c.AcceptedAt), ActiveFrom: millis(c.ActiveFrom), EndedAt: millis(c.EndedAt),
	}
}

func fieldsWire(fields []endpoint.FieldDifference) []wireFieldDifference {
	list := make([]wireFieldDifference, 0, len(fields))
	for _, f := range fields {
		list = append(list, wireFieldDifference(f))
	}
	return list
}

func share(percent int) *int {
	if percent == endpoint.NoRoute {
		return nil
	}
	return &percent
}
