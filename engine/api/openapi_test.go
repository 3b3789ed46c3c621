package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/scoring"
)

// Each route that answers has an entry in operations, and each entry has a route.
func TestEveryRouteIsDescribed(t *testing.T) {
	described := map[string]bool{}
	for _, o := range operations {
		if described[o.route] {
			t.Errorf("%s is described twice", o.route)
		}
		described[o.route] = true
		if o.summary == "" || o.try == "" {
			t.Errorf("%s: give a summary, and an example to try", o.route)
		}
		answered := slices.ContainsFunc(routes, func(r route) bool { return r.answered() && r.name() == o.route })
		if answered == o.public {
			t.Errorf("%s is described, and no route that is answered", o.route)
		}
	}
	for _, r := range routes {
		if r.answered() && !described[r.name()] {
			t.Errorf("%s is not described: add an entry to operations, in openapi_*.go", r.name())
		}
	}
}

// document is what the server says of itself, as a validator has it: schema compiles the
// schema at a JSON pointer. Objects whose fields are described have no others, so that a
// field that is added to an answer is missed here.
func document(t *testing.T) (doc map[string]any, schema func(pointer ...string) *jsonschema.Schema) {
	t.Helper()
	a := ask(t, New(withDigits(newFake()), Options{}), "GET", "/api/2.0/servery/openapi.json", "")
	if a.status != http.StatusOK {
		t.Fatalf("status %d %s", a.status, a.body)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	closeObjects(v)
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///openapi.json", v); err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any), func(pointer ...string) *jsonschema.Schema {
		t.Helper()
		at := "mem:///openapi.json#"
		for _, p := range pointer {
			at += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
		}
		s, err := c.Compile(at)
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		return s
	}
}

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, inside := range v {
			closeObjects(inside)
		}
		if _, ok := v["properties"].(map[string]any); ok && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
	case []any:
		for _, inside := range v {
			closeObjects(inside)
		}
	}
}

// readied is a fake that has what the examples name. replace are the examples' words for
// what has an id of its own each time, with those ids.
func readied(t *testing.T, o operation) (services Services, replace []string) {
	t.Helper()
	f := newCatalogFake(t)
	withDigits(f.fake)
	e := f.endpoints["digits"]
	switch {
	case strings.HasSuffix(o.route, "config:start"):
		e.Suspended = true
	case strings.HasSuffix(o.route, "config:cancel"):
		e.Update, e.Pending = endpoint.InProgress, e.Active
	case strings.HasSuffix(o.route, "/infer"):
		f.invoke = func(context.Context, string, string, runtime.Request) (endpoint.Answer, error) {
			return endpoint.Answer{Entity: "digits-1", Response: runtime.Response{Status: 200, ContentType: scoring.KServeType,
				Body: []byte(`{"model_name":"digits","outputs":[{"name":"y","datatype":"INT64","shape":[1],"data":[3]}]}`)}}, nil
		}
	case strings.Contains(o.route, "/servery/tables"):
		withTable(t, f.fake)
	case strings.HasSuffix(o.route, "{name}/openapi"):
		sign(t, f.fake, documented, "")
	}
	f.endpoints["digits"] = e
	_, path, _ := strings.Cut(o.route, " ")
	of := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(path, p) })
	}
	if of("/api/2.1/unity-catalog/", "/api/2.0/mlflow/", "/api/2.0/fs/") {
		readyCatalog(t, f.registry)
		return f, nil
	}
	if !of("/api/2.0/serving-endpoints", "/serving-endpoints", "/api/2.0/servery/models", "/v2") {
		replace = readyPeople(t, f.fake)
	}
	return f.fake, replace
}

// readyCatalog makes a model whose version 1 is there and whose version 2 waits for its
// files, and an empty catalog, schema and folder.
func readyCatalog(t *testing.T, r *registry.Registry) {
	t.Helper()
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(r.CreateCatalog(ctx, registry.Place{Catalog: "empty", CreatedBy: ada.Name}))
	must(r.CreateSchema(ctx, registry.Place{Catalog: "main", Schema: "empty", CreatedBy: ada.Name}))
	must(r.CreateModel(ctx, registry.NewModel{Name: "main.default.digits", CreatedBy: ada.Name, Tags: []registry.Tag{{Key: "old", Value: "1"}}}))
	for version := range 2 {
		must(r.Register(ctx, registry.Registration{Name: "main.default.digits", CreatedBy: ada.Name, Tags: []registry.Tag{{Key: "old"}}}))
		file := registry.File{Model: "main.default.digits", Version: version + 1, Path: "model.onnx"}
		must(nil, r.WriteFile(ctx, file, 4, true, strings.NewReader("onnx")))
	}
	must(nil, r.MakeFolder(ctx, registry.File{Model: "main.default.digits", Version: 2, Path: "empty"}))
	must(r.Finalize(ctx, "main.default.digits", 1, nil))
	must(nil, r.SetAlias(ctx, "main.default.digits", "champion", 1))
}

// readyPeople makes a service principal with a secret, a group, a token and a scope.
func readyPeople(t *testing.T, f *fake) (replace []string) {
	t.Helper()
	ctx := access.WithUser(t.Context(), ada)
	nightly, err := f.CreatePrincipal(ctx, access.Principal{Kind: access.KindServicePrincipal, DisplayName: "nightly", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	group, err := f.CreatePrincipal(ctx, access.Principal{Kind: access.KindGroup, Name: "crew", Members: []string{bob.ID, nightly.ID}})
	if err != nil {
		t.Fatal(err)
	}
	value, clientSecret, err := f.CreateClientSecret(ctx, nightly.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := f.NewToken(ctx, ada.ID, ada.ID, "example", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{f.CreateScope(ctx, "team", ""), f.PutSecret(ctx, "team", "token", []byte("hush"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return []string{"TOKEN", token.ID, "APPLICATION", nightly.Name, "VALUE", url.QueryEscape(value), "SECRET", clientSecret.ID,
		"ServicePrincipals/9", "ServicePrincipals/" + nightly.ID, "servicePrincipals/9", "servicePrincipals/" + nightly.ID, "Groups/10", "Groups/" + group.ID}
}

// Each entry's example is asked of the server, whose answer must be what the entry says;
// and the example's body must be what it says of bodies.
func TestExamplesAnswerAsDescribed(t *testing.T) {
	_, schema := document(t)
	for _, o := range operations {
		t.Run(o.route, func(t *testing.T) {
			method, pattern, _ := strings.Cut(o.route, " ")
			services, replace := readied(t, o)
			words := strings.NewReplacer(replace...)
			headers := []string{}
			if o.takes != "" {
				headers = append(headers, "Content-Type: "+o.takes)
			}
			if o.public {
				headers = append(headers, "Authorization:")
			}
			a := ask(t, New(services, Options{UploadDir: t.TempDir()}), method, words.Replace(o.try), words.Replace(o.with), headers...)
			status := cmp.Or(o.status, http.StatusOK)
			if a.status != status {
				t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
			}
			at := []string{"paths", shown(pattern), strings.ToLower(method)}
			if o.with != "" && o.takes == "" {
				if err := valid(schema(append(at, "requestBody", "content", "application/json", "schema")...), o.with); err != nil {
					t.Errorf("the body %s: %v", o.with, err)
				}
			}
			media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
			switch {
			case status == http.StatusNoContent:
				if a.body != "" {
					t.Errorf("a body with 204: %s", a.body)
				}
			case media != cmp.Or(o.gives, "application/json"):
				t.Errorf("an answer of type %s, described as %s", media, o.gives)
			case media == "application/json":
				if err := valid(schema(append(at, "responses", strconv.Itoa(status), "content", media, "schema")...), a.body); err != nil {
					t.Errorf("%s: %v", a.body, err)
				}
			}
		})
	}
}

func TestErrorsAreAsDescribed(t *testing.T) {
	_, schema := document(t)
	s := schema("components", "responses", "Error", "content", "application/json", "schema")
	for _, body := range []string{"[", `{"name":"digits"}`} {
		a := ask(t, New(withDigits(newFake()), Options{}), "POST", "/api/2.0/serving-endpoints", body)
		if a.status < 400 {
			t.Fatalf("status %d", a.status)
		}
		if err := valid(s, a.body); err != nil {
			t.Errorf("%s: %v", a.body, err)
		}
	}
}

// Whatever the document refers to is there, each path's {…} is a parameter, and what a
// route takes of the user is told.
func TestTheDescriptionIsWhole(t *testing.T) {
	doc, schema := document(t)
	components := doc["components"].(map[string]any)["schemas"].(map[string]any)
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/components/schemas/([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		if components[ref[1]] == nil {
			t.Errorf("there is no component %s", ref[1])
		}
	}
	for name := range components {
		schema("components", "schemas", name)
	}
	for path, item := range doc["paths"].(map[string]any) {
		for method, o := range item.(map[string]any) {
			var named []string
			parameters, _ := o.(map[string]any)["parameters"].([]any)
			for _, p := range parameters {
				if p := p.(map[string]any); p["in"] == "path" {
					named = append(named, "{"+p["name"].(string)+"}")
					if example, _ := p["example"].(string); example == "" || strings.Contains(example, "{") {
						t.Errorf("%s %s: %v has no example", method, path, p["name"])
					}
				}
			}
			if want := regexp.MustCompile(`\{[^}]*\}`).FindAllString(path, -1); !slices.Equal(named, want) {
				t.Errorf("%s %s has the parameters %v", method, path, named)
			}
		}
	}
	get := doc["paths"].(map[string]any)["/api/2.0/serving-endpoints/{name}"].(map[string]any)["get"].(map[string]any)
	if get["description"] != "Takes CAN_VIEW on the endpoint." {
		t.Errorf("the need of a permission is told as %v", get["description"])
	}
}

func TestAShapeIsASchema(t *testing.T) {
	c := schemas{}
	for text, want := range map[shape]string{
		"":     `{"properties":{},"type":"object"}`,
		"a! b": `{"properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"],"type":"object"}`,
		"a:int|string b:[]Tag c:{}bool d:any": `{"properties":{"a":{"anyOf":[{"type":"integer"},{"type":"string"}]},"b":{"items":{"$ref":"#/components/schemas/Tag"},"type":"array"},` +
			`"c":{"additionalProperties":{"type":"boolean"},"type":"object"},"d":{}},"type":"object"}`,
	} {
		got, err := json.Marshal(c.shaped(text))
		if err != nil || string(got) != want {
			t.Errorf("%q is %s %v", text, got, err)
		}
	}
}
