package api

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"servery/engine/access"
)

var openAPIRoutes = []route{
	at("GET", "/api/2.0/servery/openapi.json", (*Server).describeServer),
}

// operation describes one route in GET /api/2.0/servery/openapi.json. A new route gets an
// entry in the list of its area, in openapi_*.go; TestEveryRouteIsDescribed names those
// that have none, and TestExamplesAnswerAsDescribed sends each entry's example.
type operation struct {
	route   string // method and pattern as they stand in routes
	summary string
	query   shape  // what the query may say
	body    shape  // what the JSON body says
	takes   string // the body's media type where it is not JSON
	answer  any    // a value of the Go type that is sent, or a shape; nil is {}
	gives   string // the answer's media type where it is not JSON
	status  int    // of the answer, 0 is 200; 204 has no body
	try     string // an example: path and query
	with    string // and body
	public  bool   // it takes no token, and stands beside routes
}

// operations are all of them, in the order in which they are shown.
var operations = slices.Concat(scoringOperations, kserveOperations, endpointOperations, versionOperations, settingOperations, observeOperations, tableOperations, usageOperations, registryOperations,
	catalogOperations, mlflowOperations, filesOperations, identityOperations, secretOperations, machineOperations, generalOperations)

func (s *Server) describeServer(w http.ResponseWriter, _ *http.Request, _ values) error {
	body, err := marshal(s.description(s.services.Status().Version))
	if err != nil {
		return err
	}
	send(w, http.StatusOK, body)
	return nil
}

// describer writes the document.
type describer struct {
	paths   node
	schemas schemas
}

// openAPI is the OpenAPI 3.1 description of the routes that are answered.
func openAPI(routes []route, version string) node {
	d := describer{node{}, schemas{}}
	for name, s := range shapes {
		d.schemas[name] = component{node: d.schemas.shaped(s)}
	}
	for _, o := range operations {
		method, path, _ := strings.Cut(o.route, " ")
		i := slices.IndexFunc(routes, func(r route) bool { return r.answered() && r.name() == o.route })
		if i < 0 && !o.public {
			continue // an area that is not there yet
		}
		takes := ""
		if i >= 0 {
			takes = routes[i].takes()
		}
		path = shown(path)
		if d.paths[path] == nil {
			d.paths[path] = node{}
		}
		d.paths[path].(node)[strings.ToLower(method)] = d.operation(o, path, takes)
	}
	failure := content("", d.schemas.of(wireError{}))
	return node{
		"openapi":  "3.1.0",
		"info":     node{"title": "Servery", "version": cmp.Or(version, "0"), "description": about},
		"servers":  []node{{"url": "/"}},
		"security": []node{{"bearer": []string{}}, {"basic": []string{}}},
		"paths":    d.paths,
		"components": node{
			"schemas": d.schemas.nodes(),
			"responses": node{"Error": node{
				"description": "Why the request was refused or failed.",
				"content":     failure,
			}},
			"securitySchemes": node{
				"bearer": node{"type": "http", "scheme": "bearer", "description": "A token that this server issued."},
				"basic":  node{"type": "http", "scheme": "basic", "description": "The user token, with the token as its password."},
			},
		},
	}
}

const about = "Model serving on this machine, wire-compatible with Databricks Model Serving. Paths below /api/2.0/servery are Servery's own. " +
	"Answers may grow fields; unknown fields of requests are ignored."

// name is the route as operations name it: "GET /api/2.0/serving-endpoints/{name}".
func (r *route) name() string {
	path := r.method + " /" + strings.Join(r.pattern.at[:r.pattern.n], "/")
	if r.subtree {
		path += "/..."
	}
	return path
}

// takes says what a user must be allowed.
func (r *route) takes() string {
	if r.admins {
		return "Takes an administrator."
	}
	if r.needs == access.NoAccess {
		return ""
	}
	return "Takes " + r.needs.String() + " on the endpoint."
}

// shown is a pattern as OpenAPI writes it, which has no word for any number of segments.
func shown(pattern string) string {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return prefix + "/{path}"
	}
	return pattern
}

func (d *describer) operation(o operation, path, takes string) node {
	says := node{"summary": o.summary, "responses": d.responses(o)}
	if takes != "" {
		says["description"] = takes
	}
	if o.public {
		says["security"] = []node{}
	}
	if p := d.parameters(o, path); len(p) > 0 {
		says["parameters"] = p
	}
	if o.body != "" || o.takes != "" {
		media := content(o.takes, d.schemas.shaped(o.body))
		if o.with != "" {
			media[cmp.Or(o.takes, "application/json")].(node)["example"] = example(o)
		}
		says["requestBody"] = node{"content": media}
	}
	return says
}

func (d *describer) responses(o operation) node {
	answer := node{"description": "What was asked for."}
	if o.status != http.StatusNoContent {
		answer["content"] = content(o.gives, d.schemas.of(o.answer))
	}
	return node{
		strconv.Itoa(cmp.Or(o.status, http.StatusOK)): answer,
		"default": node{"$ref": "#/components/responses/Error"},
	}
}

// content is a body of JSON, or of another media type: its schema is then that of text.
func content(media string, schema node) node {
	if media != "" && !strings.HasSuffix(media, "json") && !strings.Contains(media, "form") {
		schema = node{"type": "string"}
	}
	return node{cmp.Or(media, "application/json"): node{"schema": schema}}
}

// parameters are those of the path, with the values that the example has, and those of the
// query.
func (d *describer) parameters(o operation, path string) (list []node) {
	tried, query, _ := strings.Cut(o.try, "?")
	values := strings.Split(tried, "/")
	for i, part := range strings.Split(path, "/") {
		name, ok := strings.CutPrefix(part, "{")
		if !ok {
			continue
		}
		p := node{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": node{"type": "string"}}
		if i < len(values) {
			p["example"] = values[i]
		}
		if part == "{path}" {
			p["description"], p["example"] = "May have slashes in it.", strings.Join(values[min(i, len(values)):], "/")
		}
		list = append(list, p)
	}
	for _, f := range o.query.fields() {
		p := node{"name": f.name, "in": "query", "required": f.needed, "schema": d.schemas.kind(f.kind)}
		if _, value, ok := strings.Cut("&"+query, "&"+f.name+"="); ok {
			p["example"], _, _ = strings.Cut(value, "&")
		}
		list = append(list, p)
	}
	return list
}

// example is the body of an operation's example, as JSON where it is JSON.
func example(o operation) any {
	if o.takes != "" {
		return o.with
	}
	return rawJSON(o.with)
}

// rawJSON is JSON that goes out as it is.
type rawJSON string

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }
