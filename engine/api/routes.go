package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"servery/engine/access"
)

// maxSegments is one more than the longest route has.
const maxSegments = 9

// segments are the parts of a path between its slashes, each decoded on its own, so that
// a slash inside a name ("a%2Fb") stays inside it. n counts all of them, also those
// beyond maxSegments, which no route has.
type segments struct {
	at [maxSegments]string
	n  int
}

// values are what stands in a path for the {…} of its route, in their order.
type values [2]string

// route is a method and a path that the server knows. In a pattern {…} stands for any one
// segment, and a last "..." for any number of them.
type route struct {
	method  string // "" for any
	pattern segments
	subtree bool
	// needs is what the user must be allowed on the endpoint that the path's first {…}
	// names; access.NoAccess lets in every user.
	needs access.Level
	id    bool // that {…} is the endpoint's id
	// admins lets in administrators only.
	admins bool
	// handle answers; an error that it returns is written by errors.go.
	handle func(s *Server, w http.ResponseWriter, r *http.Request, v values) error
	// score answers a scoring request, in handle's place: user is who asks. It spares these
	// routes the copy of the request that carries its user's context.
	score func(s *Server, w http.ResponseWriter, r *http.Request, v values, user access.User) error
	// instead is said of a route that the product has and this release does not answer.
	instead string
}

func at(method, pattern string, handle func(*Server, http.ResponseWriter, *http.Request, values) error) route {
	r := route{method: method, handle: handle}
	prefix, subtree := strings.CutSuffix(pattern, "/...")
	r.subtree = subtree
	r.pattern, _ = split(prefix, false)
	return r
}

// scored is a route that asks a model. Who may query the endpoint may take it.
func scored(pattern string, score func(*Server, http.ResponseWriter, *http.Request, values, access.User) error) route {
	r := at("POST", pattern, nil).needing(access.CanQuery)
	r.score = score
	return r
}

// answered tells a route that this release answers.
func (r *route) answered() bool { return r.handle != nil || r.score != nil }

// needing says what the user must be allowed on the endpoint of the path.
func (r route) needing(level access.Level) route {
	r.needs = level
	return r
}

func absent(method, pattern, instead string) route {
	r := at(method, pattern, nil)
	r.instead = instead
	return r
}

// routes are all that the server knows, the most asked first. Each area's list stands beside
// its handlers.
var routes = slices.Concat(scoringRoutes, kserveRoutes, endpointRoutes, configRoutes, versionRoutes, settingRoutes, identityRoutes, principalRoutes, tokenRoutes, permissionRoutes, oauthRoutes, secretRoutes, registryRoutes, catalogRoutes, mlflowRoutes, filesRoutes, observeRoutes, tableRoutes, usageRoutes, backupRoutes, machineRoutes, openAPIRoutes, absentRoutes)

// absentRoutes are the product's that this release does not answer; their numbers in the
// spec's table B1 are those that no other list has.
var absentRoutes = []route{
	absent("PATCH", "/api/2.0/serving-endpoints/{name}/system-metrics-export-state", ""),
	absent("POST", "/api/2.0/serving-endpoints/pt", ""),
	absent("PUT", "/api/2.0/serving-endpoints/pt/{name}/config", ""),
	absent("GET", "/api/2.0/serving-endpoints/get-model-optimization-info/{model}/{version}", ""),
	absent("POST", "/api/2.0/external-function", ""),
	absent("POST", "/serving-endpoints/chat/completions", customOnly),
	absent("POST", "/serving-endpoints/completions", customOnly),
	absent("POST", "/serving-endpoints/embeddings", customOnly),
	absent("POST", "/serving-endpoints/responses", customOnly),
	absent("", "/api/2.1/unity-catalog/...", "Servery keeps catalogs, schemas, models and their versions; GET /api/2.1/unity-catalog/models lists the models."),
	absent("", "/api/2.0/mlflow/...", "Servery is no tracking server and has no workspace registry: keep MLFLOW_TRACKING_URI on your own machine, "+
		"and set the registry to databricks-uc."),
	absent("", "/api/2.0/fs/...", "Files are those of model versions, at /api/2.0/fs/files/Models/CATALOG/SCHEMA/MODEL/VERSION/PATH."),
}

const customOnly = "Servery serves custom models: send their requests to /serving-endpoints/{name}/invocations."

// split takes a path apart; a single slash at its end does not count, as the product and
// MLflow's client have it. encoded tells that the path still has its percent signs. ok is
// false for a path that does not begin with a slash or holds a broken escape.
func split(path string, encoded bool) (s segments, ok bool) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return s, false
	}
	rest = strings.TrimSuffix(rest, "/")
	for more := true; more; s.n++ {
		var part string
		part, rest, more = strings.Cut(rest, "/")
		if s.n >= maxSegments {
			continue
		}
		if encoded {
			var err error
			if part, err = url.PathUnescape(part); err != nil {
				return s, false
			}
		}
		s.at[s.n] = part
	}
	return s, true
}

// match compares a path with the route's pattern.
func (r *route) match(path *segments) (v values, ok bool) {
	n := r.pattern.n
	if path.n < n || (path.n > n && !r.subtree) {
		return v, false
	}
	found := 0
	for i := range n {
		want, got := r.pattern.at[i], path.at[i]
		switch {
		case want == got:
		case want[0] == '{' && got != "":
			v[found] = got
			found++
		default:
			return v, false
		}
	}
	return v, true
}

// find is the route of a request. Where the path is known but not with this method, allow
// lists the methods that it is known with.
func find(r *http.Request) (found *route, v values, allow []string) {
	encoded := r.URL.RawPath != ""
	text := r.URL.Path
	if encoded {
		text = r.URL.RawPath
	}
	path, ok := split(text, encoded)
	if !ok {
		return nil, v, nil
	}
	method := r.Method
	if method == http.MethodHead { // net/http leaves the body out
		method = http.MethodGet
	}
	for i := range routes {
		known := &routes[i]
		v, ok := known.match(&path)
		switch {
		case !ok:
		case known.method == method || known.method == "":
			return known, v, nil
		case !slices.Contains(allow, known.method):
			allow = append(allow, known.method)
		}
	}
	return nil, v, allow
}

// dispatch answers a request that has passed the guards: the discovery documents and the
// exchange of a client's secret without a token, everything else with one.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	if err := s.route(w, r); err != nil {
		s.fail(w, r, err, false)
	}
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) error {
	switch {
	case r.URL.Path == discoveryPath:
		return s.discover(w, r)
	case strings.HasPrefix(r.URL.Path, oidcPrefix):
		return s.oidc(w, r)
	}
	user, err := s.authenticate(r)
	if err != nil {
		return err
	}
	known, v, allow := find(r)
	switch {
	case known == nil && len(allow) > 0:
		return notAllowed(w, r, allow)
	case known == nil:
		return &requestError{code: codeEndpointNotFound, message: fmt.Sprintf("No API found for '%s %s'.", cut(r.Method, 20), cut(r.URL.Path, 200))}
	case !known.answered():
		return notImplemented(r, known)
	}
	if err := s.permit(user, known, v); err != nil {
		return err
	}
	if known.score != nil {
		return known.score(s, w, r, v, user)
	}
	return known.handle(s, w, r.WithContext(access.WithUser(r.Context(), user)), v)
}

func notAllowed(w http.ResponseWriter, r *http.Request, allow []string) error {
	if slices.Contains(allow, http.MethodGet) {
		allow = append(allow, http.MethodHead)
	}
	slices.Sort(allow)
	list := strings.Join(allow, ", ")
	w.Header()["Allow"] = []string{list}
	return &requestError{code: codeMethodNotAllowed, message: fmt.Sprintf("%s does not take %s, but %s.", cut(r.URL.Path, 200), cut(r.Method, 20), list)}
}

func notImplemented(r *http.Request, known *route) error {
	message := fmt.Sprintf("This release of Servery does not answer '%s %s'.", cut(r.Method, 20), cut(r.URL.Path, 200))
	if known.instead != "" {
		message += " " + known.instead
	}
	return &requestError{code: codeNotImplemented, message: message}
}
