package api

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"servery/engine/endpoint"
	"servery/engine/runtime"
)

// Whatever a body is, it becomes a Spec or a refusal with a short text; and a Spec comes
// from a JSON object only.
func FuzzCreate(f *testing.F) {
	for _, seed := range []string{createBody, "", "{}", "[]", `{"name":null}`, `{"config":{"served_models":[{"model_version":1e3}]}}`,
		`{"config":{"traffic_config":{"routes":[{"traffic_percentage":"1e400"}]}}}`, `{"tags":[{"key":1},2,null]}`, "\ufeff{}", "{\"name\":\"\xc3\x28\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		spec, err := decodeCreate(body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if err == nil {
			if trimmed := bytes.TrimLeft(body, "\ufeff \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
				t.Fatalf("%q became %+v", body, spec)
			}
			return
		}
		var known *requestError
		if !errors.As(err, &known) || known.code.status != 400 || known.message == "" {
			t.Fatalf("%q: %v", body, err)
		}
		if len(known.message) > 100*mostSaid+10*len(body) {
			t.Fatalf("%d bytes of body give %d bytes of message", len(body), len(known.message))
		}
	})
}

// Whatever a path is, it is answered once, in the product's form, without a panic; a
// served endpoint is reached by its own path only.
func FuzzDispatch(f *testing.F) {
	for _, r := range routes {
		f.Add(r.method, "/"+strings.Join(r.pattern.at[:r.pattern.n], "/"))
	}
	f.Add("POST", "/serving-endpoints/%64igits/invocations/")
	f.Add("GET", "/api/2.0/..%2f/%zz")
	f.Add("OPTIONS", "*")
	catalog := newCatalogFake(f)
	f.Fuzz(func(t *testing.T, method, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" || strings.ContainsAny(method, " \r\n\x00") || method == "" {
			return
		}
		fake := withDigits(newFake())
		fake.registry = catalog.registry
		served := ""
		good := fake.invoke
		fake.invoke = func(ctx context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error) {
			served = name
			return good(ctx, name, entity, r)
		}
		r := newRequest("GET", "/", strings.NewReader(`{"name":"x","path":"/x"}`))
		r.Method, r.URL = method, u
		a := serve(New(fake, Options{}), r)
		switch {
		case a.status == http.StatusInternalServerError || a.status == http.StatusServiceUnavailable:
			t.Fatalf("%s %q: status %d %s", method, path, a.status, a.body)
		case a.status >= 400 && a.into(t)["error"] != nil: // KServe's form
			if known, _, _ := find(r); known == nil || known.pattern.at[0] != "v2" {
				t.Fatalf("%s %q: status %d %s", method, path, a.status, a.body)
			}
		case a.status >= 400:
			a.wantError(t, a.status, a.into(t)["error_code"].(string))
		}
		if served == "digits" && a.status == 200 {
			decoded := strings.TrimSuffix(u.Path, "/")
			if decoded != "/serving-endpoints/digits/invocations" && decoded != "/serving-endpoints/digits/served-models/digits-1/invocations" && !strings.HasPrefix(decoded, "/v2/models/digits/") {
				t.Fatalf("%q reached the endpoint", path)
			}
		}
	})
}

// Whatever a file name is, it is refused or makes one file inside the folder.
func FuzzUploadName(f *testing.F) {
	for _, seed := range []string{"a.onnx", "a/b/c", "../x", "/x", `a\b`, "CON.txt", "a\x00", "é", "...", "a/..", "com¹"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if err := checkPath(name); err != nil {
			return
		}
		if !filepath.IsLocal(name) || !fs.ValidPath(name) || strings.ContainsAny(name, "\\:\x00\n") {
			t.Fatalf("%q was accepted", name)
		}
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := root.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	})
}
