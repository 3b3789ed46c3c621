package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
)

const (
	// hostilePatience is what the answer to a hostile request may take on a busy machine.
	hostilePatience = 5 * time.Second
	// hostileGrowth is what the process may have grown by after thousands of them, in bytes:
	// bodies of 16 MiB are kept for reuse.
	hostileGrowth = 256 << 20
)

// hostile is a body with its headers, or what stands in the place of a name.
type hostile struct {
	name, body string
	header     http.Header
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

// hostileBodies are the shorter list of what engine/api's own test sends to its routes.
func hostileBodies() []hostile {
	list := []hostile{
		{"gzip cut off", gzipped(`{"name":"x"}`)[:20], http.Header{"Content-Encoding": {"gzip"}}},
		{"a gzip bomb of 1 GiB", strings.Repeat(gzipped(strings.Repeat("[", 1<<20)), 1024)[:1<<20], http.Header{"Content-Encoding": {"gzip"}}},
		{"encoding unknown", "{}", http.Header{"Content-Encoding": {"br"}}},
		{"type wrong", "a,b\n1,2", http.Header{"Content-Type": {"text/csv"}}},
		{"type broken", "{}", http.Header{"Content-Type": {";;;"}}},
		{"a form without a boundary", "{}", http.Header{"Content-Type": {"multipart/form-data"}}},
		{"a form that breaks off", "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n", http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}},
		{"a record of 10,000 keys", `{"dataframe_records":[{` + strings.TrimSuffix(strings.Repeat(`"a":1,`, 10_000), ",") + "}]}", nil},
		{"10,000 columns", `{"dataframe_split":{"columns":[` + strings.TrimSuffix(strings.Repeat(`"a",`, 10_000), ",") + `],"data":[[1]]}}`, nil},
	}
	for _, body := range []string{
		"", "[]", "null", `"x"`, "{}", "{", strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 100_000), `{"inputs":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}",
		`{"name":"a","name":1,"name":{}}`, `{"inputs":[1e999999]}`, `{"inputs":[` + strings.Repeat("9", 400) + `]}`, `{"inputs":[-0]}`, `{"name":1e999999,"version":-0,"max_results":` + strings.Repeat("9", 400) + `}`,
		"{\"name\":\"\xc3\x28\"}", "\ufeff{}", `{"name":"\u0000","scope":"\u0000","key":"\u0000","path":"\u0000","alias":"\u0000","token_id":"\u0000"}`, `{"name":{},"config":[],"tags":{},"scope":[],"key":{},"path":1,"alias":[],"version":{},"Operations":{}}`,
		`{"tags":[` + strings.TrimSuffix(strings.Repeat("{},", 340_000), ",") + "]}",
	} {
		list = append(list, hostile{fmt.Sprintf("body of %d bytes, %.20q", len(body), body), body, nil})
	}
	return list
}

// hostileParts stand in a path for a name, an id, a number or a file.
var hostileParts = []string{"%00", "%2F", "..", "%2e%2e%2f%2e%2e", strings.Repeat("a", 5000), "-1", strings.Repeat("9", 400), "0", "%ff%fe", "main.default.x", "x"}

// routesOf are what the running program says that it answers: a method with a path.
func routesOf(p *program) (routes [][2]string) {
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	p.must("GET", "/api/2.0/servery/openapi.json", nil, &doc)
	for path, item := range doc.Paths {
		for method := range item {
			routes = append(routes, [2]string{strings.ToUpper(method), path})
		}
	}
	slices.SortFunc(routes, func(a, b [2]string) int { return strings.Compare(a[1]+a[0], b[1]+b[0]) })
	return routes
}

// filledIn is a path with the names of what there is, and last in the place of the last {…}
// where it is not "".
func filledIn(path, last string) string {
	names := map[string]string{"{name}": "div", "{entity}": "div-1", "{full_name}": "main.default.div", "{version}": "1", "{id}": "1", "{alias}": "champion", "{secret}": "1", "{path}": "Models/main/default/div/1/div.onnx"}
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		switch {
		case !strings.HasPrefix(parts[i], "{"):
		case last != "":
			parts[i], last = last, ""
		default:
			parts[i] = names[parts[i]]
		}
	}
	return strings.Join(parts, "/")
}

// assault is one hostile request over HTTP, and its answer as it must be.
func assault(p *program, method, path string, h hostile) (status int, err error) {
	req, err := http.NewRequest(method, p.url, strings.NewReader(h.body))
	if err != nil {
		return 0, err
	}
	if req.URL, err = url.Parse(p.url + path); err != nil {
		return 0, err
	}
	req.Header = h.header.Clone()
	if req.Header == nil {
		req.Header = http.Header{"Content-Type": {"application/json"}}
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	began := time.Now()
	res, err := client.Do(req)
	if err != nil {
		// A server that has refused a body need not read it, and a client that is still
		// writing may then not see the answer.
		var broken *net.OpError
		if errors.As(err, &broken) && broken.Op == "write" && len(h.body) > 64<<10 {
			return 0, nil
		}
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err
	}
	if took := time.Since(began); took > hostilePatience {
		return res.StatusCode, fmt.Errorf("answered after %v", took)
	}
	switch status := res.StatusCode; {
	case status >= 500 && status != http.StatusNotImplemented:
		return status, fmt.Errorf("%.500s", text)
	case status >= 400 && !toldWell(path, res.Header.Get("Content-Type"), text):
		return status, fmt.Errorf("of type %q: %.500s", res.Header.Get("Content-Type"), text)
	}
	return res.StatusCode, nil
}

// toldWell tells whether an error has the form that the clients of a path read: see
// engine/api's battle.form.
func toldWell(path, media string, text []byte) bool {
	if len(text) == 0 || len(text) > 64<<10 {
		return false
	}
	if media == "text/plain" {
		return strings.HasSuffix(path, "/invocations")
	}
	var e struct {
		Code        string `json:"error_code"`
		Message     string
		Error       string
		Description string `json:"error_description"`
	}
	if media != "application/json" || json.Unmarshal(text, &e) != nil {
		return false
	}
	return e.Code != "" && e.Message != "" || strings.HasPrefix(path, "/v2") && e.Error != "" || strings.HasPrefix(path, "/oidc/") && e.Description != ""
}

// Each route of the running program gets each hostile body and each hostile name: it
// answers as the product does, an endpoint beside answers 200 all the while, and the
// process has not grown.
func TestHostileRequestsToEveryRouteHurtNobodyElse(t *testing.T) {
	p := serve(t, filepath.Join(t.TempDir(), "data"))
	folder := t.TempDir()
	for name, content := range map[string][]byte{"div": onnxtest.DivInt64(), "add": onnxtest.Add(2)} {
		path := filepath.Join(folder, name+".onnx")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		p.upload(path, "main.default."+name)
		p.create(name, "main.default."+name)
	}
	p.awaitReady("div")
	p.awaitReady("add")
	other := watch(p, "add", `{"inputs":[[1,2]]}`)
	bodies, routes := hostileBodies(), routesOf(p)
	if len(routes) < 100 {
		t.Fatalf("only %d routes", len(routes))
	}
	before := resident(t, p.cmd.Process.Pid)
	sent, statuses := 0, map[int]int{}
	strike := func(method, path string, h hostile) {
		status, err := assault(p, method, path, h)
		sent++
		statuses[status]++
		if err != nil {
			t.Errorf("%s %.200s with %s: status %d %v", method, path, h.name, status, err)
		}
	}
	for turn, r := range routes {
		method, path := r[0], r[1]
		takes := method == "POST" || method == "PUT" || method == "PATCH"
		for i, h := range bodies {
			last := ""
			if method == "DELETE" || method == "PUT" && strings.Contains(path, "/fs/") {
				last = "x" // what is there stays
			}
			if strings.HasSuffix(path, "config:stop") || !takes && (i+turn)%6 > 0 || len(h.body) > 64<<10 && (i+turn)%4 > 0 && !strings.HasSuffix(path, "/invocations") {
				continue
			}
			strike(method, filledIn(path, last), h)
		}
		if strings.Contains(path, "{") {
			for i, part := range hostileParts {
				if takes || (i+turn)%2 == 0 {
					strike(method, filledIn(path, part), hostile{name: "a name", body: "{}"})
				}
			}
		}
		strike("GET", filledIn(path, "x")+"?max_results=-1&page_token=%ff&filter=((((&name="+strings.Repeat("%00", 5000), hostile{name: "a query"})
	}
	answers(t, p, "div", `{"inputs":{"a":[6],"b":[3]}}`)
	other.stop()
	if other.bad.Load() > 0 || other.good.Load() < 100 {
		t.Errorf("the endpoint beside: %d answers, %d failures, the last %s", other.good.Load(), other.bad.Load(), *other.last.Load())
	}
	after := resident(t, p.cmd.Process.Pid)
	if after-before > hostileGrowth {
		t.Errorf("the process has grown from %d to %d MiB", before>>20, after>>20)
	}
	t.Logf("%d requests to %d routes, answered with %v; the endpoint beside answered %d; from %d to %d MiB", sent, len(routes), statuses, other.good.Load(), before>>20, after>>20)
}
