package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/registry"
)

func readCloser(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

func readAllOf(t testing.TB, r io.ReadCloser) string {
	t.Helper()
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

const (
	inVersion = "/api/2.0/fs/files/Models/main/default/m/1"
	ofVersion = "/api/2.0/fs/directories/Models/main/default/m/1"
)

func TestFilesComeBackByteForByte(t *testing.T) {
	f := newCatalogFake(t)
	f.versions(t, "main.default.m", 1)
	s := New(f, Options{})
	content := strings.Repeat("\x00\xff\r\nbytes", 1000)
	if a := ask(t, s, "PUT", inVersion+"/data.bin", content); a.status != http.StatusNoContent || a.body != "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a := ask(t, s, "GET", inVersion+"/data.bin", "")
	if a.body != content || a.header.Get("Content-Type") != "application/octet-stream" || a.header.Get("X-Request-Id") == "" || a.header.Get("Last-Modified") == "" {
		t.Errorf("%d bytes, %v", len(a.body), a.header)
	}
	if a := ask(t, s, "HEAD", inVersion+"/data.bin", ""); a.status != 200 || a.header.Get("Content-Length") != "9000" || a.body != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := ask(t, s, "GET", inVersion+"/data.bin", "", "Range: bytes=10-19"); a.status != http.StatusPartialContent || a.body != content[10:20] {
		t.Errorf("%d %q", a.status, a.body)
	}
	ask(t, s, "PUT", inVersion+"/data.bin?overwrite=false", "x").wantError(t, 409, "RESOURCE_ALREADY_EXISTS", "data.bin")
	if a := ask(t, s, "GET", inVersion+"/data.bin", ""); a.body != content {
		t.Errorf("%d bytes", len(a.body))
	}
	if a := ask(t, s, "PUT", inVersion+"/data.bin?overwrite=true", "new"); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := ask(t, s, "GET", inVersion+"/data.bin", ""); a.body != "new" {
		t.Errorf("%d bytes", len(a.body))
	}
	if a := ask(t, s, "GET", ofVersion, ""); !strings.Contains(a.body, `{"path":"/Models/main/default/m/1/data.bin","name":"data.bin","is_directory":false,"file_size":3,`) {
		t.Error(a.body)
	}
	ask(t, s, "HEAD", ofVersion+"/none", "").wantNothing(t, 404)
	ask(t, s, "GET", ofVersion+"/none", "").wantError(t, 404, "NOT_FOUND", "none")
	ask(t, s, "GET", inVersion+"/none", "").wantError(t, 404, "NOT_FOUND", "none")
}

// wantNothing checks the status of an answer to HEAD.
func (a answer) wantNothing(t testing.TB, status int) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.body)
	}
}

func TestNoPathLeadsOutOfAVersion(t *testing.T) {
	f := newCatalogFake(t)
	f.versions(t, "main.default.m", 1)
	s := New(f, Options{})
	for path, want := range map[string]int{
		"/../2/file": 400, "/%2e%2e/file": 400, "/a/%2e%2e/%2e%2e/file": 400, "/%2fetc%2fpasswd": 400, "/a%2f..%2f..%2fx": 400, "/a%5c..%5cx": 400,
		"/a//b": 400, "/./x": 400, "/con.txt": 400, "/a%00b": 400, "/" + strings.Repeat("a/", 20) + "x": 400, "/" + strings.Repeat("x", 300): 400,
		"/%ff": 400, "/nul": 400, "": 400, "/a ": 400, "/a:b": 400,
	} {
		r := newRequest("PUT", "/", strings.NewReader("x"))
		u, err := url.ParseRequestURI(inVersion + path)
		if err != nil {
			u = &url.URL{Path: inVersion + strings.ReplaceAll(path, "%", "")}
		}
		r.URL, r.ContentLength = u, 1
		if a := serve(s, r); a.status != want {
			t.Errorf("PUT %s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/api/2.0/fs/files/Volumes/main/default/v/x", "/api/2.0/fs/files/Models", "/api/2.0/fs/files/Models/main/default/m", "/api/2.0/fs/directories/Models/main"} {
		ask(t, s, "GET", path, "").wantError(t, 404, "NOT_FOUND", "/Models/CATALOG/SCHEMA/MODEL/VERSION")
	}
	ask(t, s, "GET", "/api/2.0/fs/files/Models/main/default/none/1/x", "").wantError(t, 404, "RESOURCE_DOES_NOT_EXIST", "main.default.none")
	ask(t, s, "GET", "/api/2.0/fs/files/Models/main/default/m/9/x", "").wantError(t, 404, "RESOURCE_DOES_NOT_EXIST", "version 9")
	ask(t, s, "GET", "/api/2.0/fs/files/Models/main/default/m/one/x", "").wantError(t, 400, "INVALID_PARAMETER_VALUE", "one")
	list, err := f.registry.Folder(registry.File{Model: "main.default.m", Version: 1, Path: "."})
	if err != nil || len(list) != 0 {
		t.Errorf("left: %v %v", list, err)
	}
}

func TestAnUploadThatIsNotTakenSaysWhy(t *testing.T) {
	f := newCatalogFake(t)
	f.versions(t, "main.default.m", 1)
	s := New(f, Options{MaxUpload: 10})
	ask(t, s, "PUT", inVersion+"/x", "12345678901").wantError(t, 413, "REQUEST_TOO_LARGE", "10 bytes")
	ask(t, s, "PUT", inVersion+"/x", "x", "Content-Encoding: gzip").wantError(t, 415, "UNSUPPORTED_MEDIA_TYPE", "gzip")
	ask(t, s, "PUT", inVersion+"/x?overwrite=maybe", "x").wantError(t, 400, "INVALID_PARAMETER_VALUE", "maybe")
	ask(t, s, "POST", inVersion+"/x?action=initiate-upload", "").wantError(t, 501, "NOT_IMPLEMENTED", "PUT")
	ask(t, s, "PUT", inVersion+"/x?session_token=t&part_number=1", "x").wantError(t, 501, "NOT_IMPLEMENTED", "PUT")
	ask(t, s, "POST", "/api/2.0/fs/files", "").wantError(t, 501, "NOT_IMPLEMENTED")
	unknown := newRequest("PUT", inVersion+"/x", strings.NewReader("12345678901"))
	unknown.ContentLength = -1
	serve(s, unknown).wantError(t, 413, "REQUEST_TOO_LARGE", "10 bytes")
	short := newRequest("PUT", inVersion+"/x", strings.NewReader("1234"))
	short.ContentLength = 5
	serve(s, short).wantError(t, 400, "MALFORMED_REQUEST", "before the file was complete")
	ask(t, s, "GET", inVersion+"/x", "").wantError(t, 404, "NOT_FOUND")
}

// A client that asks for an address in a cloud's storage gets this server's own.
func TestAddressesOfFilesAreThisServers(t *testing.T) {
	f := newCatalogFake(t)
	f.versions(t, "main.default.m", 1)
	server := httptest.NewServer(New(f, Options{}).Handler())
	defer server.Close()
	for _, step := range []struct{ route, method, send, want string }{
		{"create-upload-url", "PUT", "content", ""}, {"create-download-url", "GET", "", "content"},
	} {
		r, _ := http.NewRequest("POST", server.URL+"/api/2.0/fs/"+step.route, strings.NewReader(`{"path":"/Models/main/default/m/1/a b.txt"}`))
		r.Header.Set("Authorization", "Bearer "+goodToken)
		answered, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		a := answer{status: answered.StatusCode, body: readAllOf(t, answered.Body)}
		o := a.into(t)
		headers := o["headers"].([]any)[0].(map[string]any)
		r, _ = http.NewRequest(step.method, o["url"].(string), strings.NewReader(step.send))
		r.Header.Set(headers["name"].(string), headers["value"].(string))
		answered, err = http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := readAllOf(t, answered.Body); answered.StatusCode >= 300 || got != step.want {
			t.Errorf("%s: %d %q", step.route, answered.StatusCode, got)
		}
	}
}

// Whatever a path is, it stays inside the version's folder and is answered in the form of
// the product.
func FuzzFilePath(f *testing.F) {
	for _, seed := range []string{"MLmodel", "a/b/c", "../x", "%2e%2e/x", "a%2f..%2fb", "//", "\xff", "a%", "..%5c..%5cx", "Models/../..", "a/./b", " ", "CON"} {
		f.Add(seed)
	}
	fake := newCatalogFake(f)
	fake.versions(f, "main.default.m", 1)
	s := New(fake, Options{})
	outside := filepath.Join(f.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(inVersion + "/" + path)
		if err != nil {
			u = &url.URL{Path: inVersion + "/" + path}
		}
		for _, method := range []string{"PUT", "GET", "DELETE"} {
			r := newRequest(method, "/", strings.NewReader("x"))
			r.URL, r.ContentLength = u, 1
			a := serve(s, r)
			if a.status >= 500 && a.status != 501 || strings.Contains(a.body, "secret") {
				t.Fatalf("%s %q: %d %s", method, path, a.status, a.body)
			}
			if a.status >= 400 {
				a.wantError(t, a.status, a.into(t)["error_code"].(string))
			}
		}
	})
}

func TestAVersionIsRegisteredTheWayMLflowDoesIt(t *testing.T) {
	f := newCatalogFake(t)
	s := New(f, Options{})
	const mlflow = "/api/2.0/mlflow/unity-catalog/"
	steps := []struct {
		method, path, body string
		status             int
		has                string
	}{
		{"GET", mlflow + "registered-models:is-databricks-sdk-models-artifact-repository-enabled", "", 200, `{"is_databricks_sdk_models_artifact_repository_enabled":true}`},
		{"POST", mlflow + "registered-models/create", `{"name":"two.parts"}`, 400, "specify all three levels"},
		{"POST", mlflow + "registered-models/create", `{"name":"main.none.m"}`, 404, "RESOURCE_DOES_NOT_EXIST"},
		{"POST", mlflow + "registered-models/create", `{"name":"main.default.m","description":"d","tags":[{"key":"k","value":"v"}]}`, 200, `"tags":[{"key":"k","value":"v"}]`},
		{"POST", mlflow + "registered-models/create", `{"name":"main.default.m"}`, 409, "RESOURCE_ALREADY_EXISTS"},
		{"POST", mlflow + "model-versions/create", `{"name":"main.default.none","source":"x"}`, 404, "RESOURCE_DOES_NOT_EXIST"},
		{"POST", mlflow + "model-versions/create", `{"name":"main.default.m","source":"models:/m-1","run_id":"r","model_id":"m-1"}`, 200, `"status":"PENDING_REGISTRATION"`},
		{"POST", mlflow + "model-versions/generate-temporary-credentials", `{"name":"main.default.m","version":"1","operation":"MODEL_VERSION_OPERATION_READ_WRITE"}`, 200, "DEFAULT_STORAGE"},
		{"POST", mlflow + "model-versions/finalize", `{"name":"main.default.m","version":"1"}`, 400, "No file"},
		{"PUT", inVersion + "/MLmodel", description, 204, ""},
		{"PUT", inVersion + "/model.onnx", string(onnxtest.Add(1)), 204, ""},
		{"GET", mlflow + "model-versions/get?name=main.default.m&version=1", "", 200, `"status":"PENDING_REGISTRATION"`},
		{"POST", mlflow + "model-versions/finalize", `{"name":"main.default.m","version":"1"}`, 200, `"status":"READY"`},
		{"POST", mlflow + "model-versions/finalize", `{"name":"main.default.m","version":"1"}`, 200, `"status":"READY"`},
		{"GET", mlflow + "model-versions/get-download-uri?name=main.default.m&version=1", "", 200, `{"artifact_uri":"/Models/main/default/m/1"}`},
		{"POST", mlflow + "model-versions/emit-lineage", `{"name":"main.default.m","version":"1"}`, 200, "{}"},
		{"POST", mlflow + "registered-models/alias", `{"name":"main.default.m","alias":"champion","version":"1"}`, 200, "{}"},
		{"GET", mlflow + "registered-models/alias?name=main.default.m&alias=champion", "", 200, `"version":"1"`},
		{"DELETE", mlflow + "registered-models/alias", `{"name":"main.default.m","alias":"champion"}`, 200, "{}"},
		{"POST", mlflow + "model-versions/set-tag", `{"name":"main.default.m","version":"1","key":"a","value":"b"}`, 200, "{}"},
		{"GET", mlflow + "model-versions/search?filter=name%3D%27main.default.m%27", "", 200, `"run_id":"r"`},
		{"DELETE", mlflow + "model-versions/delete-tag", `{"name":"main.default.m","version":"1","key":"a"}`, 200, "{}"},
		{"PATCH", mlflow + "registered-models/update", `{"name":"main.default.m","new_name":"main.default.n"}`, 200, `"name":"main.default.n"`},
		{"DELETE", mlflow + "model-versions/delete", `{"name":"main.default.n","version":"1"}`, 200, "{}"},
		{"DELETE", mlflow + "registered-models/delete", `{"name":"main.default.n"}`, 200, "{}"},
		{"GET", mlflow + "registered-models/search?max_results=100", "", 200, `{"registered_models":[]}`},
		{"GET", "/api/2.0/mlflow/registered-models/get?name=m", "", 501, "databricks-uc"},
		{"POST", "/api/2.0/mlflow/runs/create", "{}", 501, "MLFLOW_TRACKING_URI"},
	}
	for _, step := range steps {
		if a := ask(t, s, step.method, step.path, step.body); a.status != step.status || !strings.Contains(a.body, step.has) {
			t.Errorf("%s %s: %d %s, want %d %s", step.method, step.path, a.status, a.body, step.status, step.has)
		}
	}
}

func TestFiltersOfVersions(t *testing.T) {
	for text, want := range map[string]filter{
		"":                                 {},
		"name='main.default.m'":            {name: "main.default.m"},
		` name = "Main.default.m" `:        {name: "main.default.m"},
		"run_id = 'r'":                     {runID: "r"},
		"name='a.b.c' and `run_id`  = 'r'": {name: "a.b.c", runID: "r"},
	} {
		if got, err := parseFilter(text); err != nil || got != want {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	for text, says := range map[string]string{
		"name": "'filter' has", "name LIKE 'x'": "'filter' has", "source_path='x'": "source_path", "name='a' OR name='b'": "'filter' has",
		strings.Repeat("x", maxFilter+1): "2001 bytes",
	} {
		if _, err := parseFilter(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Everyone reads and registers; only an owner or an administrator changes and deletes.
func TestOnlyAnOwnerChangesAModel(t *testing.T) {
	f := newCatalogFake(t)
	f.versions(t, "main.default.m", 1)
	s := New(f, Options{})
	const (
		uc     = "/api/2.1/unity-catalog/"
		mlflow = "/api/2.0/mlflow/unity-catalog/"
		asBob  = "Authorization: Bearer " + guestToken
	)
	for _, line := range []string{
		"PATCH " + uc + "models/main.default.m", "DELETE " + uc + "models/main.default.m", "PATCH " + uc + "models/main.default.m/versions/1",
		"DELETE " + uc + "models/main.default.m/versions/1", "DELETE " + uc + "models/main.default.m/aliases/a", "DELETE " + uc + "schemas/main.default",
		"DELETE " + uc + "catalogs/main", "PATCH " + uc + "models/main.default.m/versions/1/finalize", "PUT " + inVersion + "/x", "DELETE " + inVersion + "/x", "PUT " + ofVersion + "/x",
		"DELETE /api/2.0/servery/models/main.default.m/versions/1", "DELETE /api/2.0/servery/models/main.default.m/aliases/a",
	} {
		method, path, _ := strings.Cut(line, " ")
		ask(t, s, method, path, "{}", asBob).wantError(t, 403, "PERMISSION_DENIED", bob.Name)
	}
	ask(t, s, "PUT", uc+"models/main.default.m/aliases/a", `{"version_num":1}`, asBob).wantError(t, 403, "PERMISSION_DENIED", ada.Name)
	for _, line := range []string{
		"PATCH registered-models/update", "DELETE registered-models/delete", "POST registered-models/alias", "DELETE registered-models/alias", "POST registered-models/set-tag",
		"PATCH model-versions/update", "DELETE model-versions/delete", "POST model-versions/finalize", "POST model-versions/set-tag", "DELETE model-versions/delete-tag",
	} {
		method, path, _ := strings.Cut(line, " ")
		body := `{"name":"main.default.m","alias":"a","key":"k","value":"v","version":"1"}`
		ask(t, s, method, mlflow+path, body, asBob).wantError(t, 403, "PERMISSION_DENIED", bob.Name, ada.Name)
	}
	for _, step := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", uc + "models/main.default.m", "", 200},
		{"GET", uc + "models/main.default.m/versions/1", "", 200},
		{"POST", mlflow + "model-versions/create", `{"name":"main.default.m","source":"x"}`, 200}, // a version of another's model
		{"PUT", "/api/2.0/fs/files/Models/main/default/m/2/MLmodel", description, 204},
		{"PUT", "/api/2.0/fs/files/Models/main/default/m/2/model.onnx", string(onnxtest.Add(1)), 204},
		{"POST", mlflow + "model-versions/finalize", `{"name":"main.default.m","version":"2"}`, 200},
		{"DELETE", mlflow + "model-versions/delete", `{"name":"main.default.m","version":"2"}`, 403}, // now it is the model's owner's
		{"POST", uc + "models", `{"catalog_name":"main","schema_name":"default","name":"bobs"}`, 200},
		{"PATCH", uc + "models/main.default.bobs", `{"comment":"mine"}`, 200},
		{"PATCH", uc + "models/main.default.bobs", `{"owner":"` + ada.Name + `"}`, 200},
		{"PATCH", uc + "models/main.default.bobs", `{"comment":"mine"}`, 403},
		{"POST", uc + "catalogs", `{"name":"bobs"}`, 200},
		{"DELETE", uc + "catalogs/bobs", "", 200},
	} {
		if a := ask(t, s, step.method, step.path, step.body, asBob); a.status != step.status {
			t.Errorf("%s %s %s: %d %s", step.method, step.path, step.body, a.status, a.body)
		}
	}
}

func TestPagesAreWalked(t *testing.T) {
	f := newCatalogFake(t)
	s := New(f, Options{})
	const models = "/api/2.1/unity-catalog/models"
	for query, says := range map[string]string{
		"?max_results=-1": "-1", "?max_results=many": "many", "?page_token=%21": "page_token", "?schema_name=default": "catalog_name",
	} {
		ask(t, s, "GET", models+query, "").wantError(t, 400, map[bool]string{true: "MALFORMED_REQUEST", false: "INVALID_PARAMETER_VALUE"}[says == "many"], says)
	}
	for _, query := range []string{"", "?", "?max_results=0", "?max_results="} {
		if a := ask(t, s, "GET", models+query, ""); a.body != "{\"registered_models\":[]}\n" {
			t.Errorf("%s: %s", query, a.body)
		}
	}
}
