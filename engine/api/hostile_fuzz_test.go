package api

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"servery/engine/registry"
)

// wantRefusal fails where an error is none of a client's.
func wantRefusal(t *testing.T, err error) {
	t.Helper()
	if e := explain(err, false); e.code.status < 400 || e.code.status >= 500 || e.message == "" || len(e.message) > maxMessage+10 || !utf8.ValidString(e.message) {
		t.Fatalf("status %d %q: %v", e.code.status, e.message, err)
	}
}

// Whatever follows a route's path and stands in its body, it is answered in the product's
// form.
func FuzzEveryRoute(f *testing.F) {
	for i, o := range operations {
		_, query, _ := strings.Cut(o.try, "?")
		f.Add(uint(i), query, []byte(o.with), o.takes, false)
		if fields, _ := wrongFields(o); len(fields) > 0 && i%4 == 0 {
			f.Add(uint(i), query, []byte(fields[i%len(fields)].body), "", i%8 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, route uint, query string, body []byte, kind string, zipped bool) {
		o := operations[route%uint(len(operations))]
		o.takes = kind
		method, _, _ := strings.Cut(o.route, " ")
		sent := 0
		b := &battle{t: t, o: o, method: method, sent: &sent, statuses: map[int]int{}}
		b.arm()
		path, _, _ := strings.Cut(o.try, "?")
		a := attack{name: o.route, target: path + "?" + query, body: string(body)}
		if zipped {
			a.headers = []string{"Content-Encoding: gzip"}
		}
		b.strike(a)
	})
}

// Whatever a body is, it is read within its limit, as gzip's own reader reads it, or refused.
func FuzzBody(f *testing.F) {
	const limit = 4096
	f.Add([]byte("{}"), "", int64(2))
	f.Add([]byte(gzipped("{}")), "gzip", int64(-1))
	f.Add([]byte(gzipped(strings.Repeat("[", 1<<20))), "GZIP", int64(-1))
	f.Add([]byte(gzipped("{}")+gzipped("{}")+"x"), "gzip", int64(-1))
	f.Add([]byte("{}"), "identity", int64(1<<40))
	f.Fuzz(func(t *testing.T, sent []byte, encoding string, length int64) {
		r := httptest.NewRequest("POST", "/", nil)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(sent)), max(length, -1)
		if encoding != "" {
			r.Header["Content-Encoding"] = []string{encoding}
		}
		b, err := readBody(httptest.NewRecorder(), r, limit)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		defer b.free()
		if len(b.data) > limit {
			t.Fatalf("%d bytes", len(b.data))
		}
		want := sent[:min(len(sent), cmp.Or(max(int(min(length, limit)), 0), len(sent)))]
		if length == 0 {
			want = nil
		}
		if strings.EqualFold(encoding, "gzip") {
			z, err := gzip.NewReader(bytes.NewReader(sent))
			if err != nil {
				t.Fatal(err)
			}
			if want, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(b.data, want) {
			t.Fatalf("read %q, want %q", b.data, want)
		}
	})
}

// Whatever a filter of versions is, it names a name and a run, or is refused.
func FuzzVersionFilter(f *testing.F) {
	for _, s := range []string{"", "name='a.b.c'", `name = "a" AND run_id='x'`, "name='a' and name='b'", "`name`='x'", "name=''", strings.Repeat("name='a' AND ", 200), "name='\x00'", " AND ", "name LIKE 'x'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := parseFilter(text)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if found.runID != "" && !strings.Contains(text, found.runID) || strings.TrimSpace(text) == "" && found != (filter{}) {
			t.Fatalf("%q asks for %+v", text, found)
		}
	})
}

// Whatever a client asks of a list, it gets a part of it that is no longer than a page, and
// with what it gets for the next page everything that is left, once.
func FuzzPage(f *testing.F) {
	f.Add("", "")
	f.Add("10", "MDEw")
	f.Add("-1", "%")
	f.Add("1e3", "AA")
	all := make([]string, 2500)
	for i := range all {
		all[i] = string(rune('a'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10))
	}
	f.Fuzz(func(t *testing.T, size, token string) {
		of := func(token string) object {
			return object{fields: map[string]any{"max_results": size, "page_token": token}, wrong: new([]string)}
		}
		list, next, err := page(of(token), all, strings.Clone)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		got := len(list)
		for next != "" {
			if len(list) == 0 || len(list) > maxPage {
				t.Fatalf("a page of %d with one behind it", len(list))
			}
			last := list[len(list)-1]
			if list, next, err = page(of(next), all, strings.Clone); err != nil || len(list) == 0 || list[0] <= last {
				t.Fatalf("after %q come %d: %v", last, len(list), err)
			}
			got += len(list)
		}
		if token == "" && got != len(all) {
			t.Fatalf("%d of %d", got, len(all))
		}
	})
}

// Whatever a form is, it becomes a model inside the folder of uploads or is refused, and
// nothing of it stays.
func FuzzUploadForm(f *testing.F) {
	for _, s := range []string{
		"--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.onnx\"\r\n\r\nonnx\r\n--x--\r\n",
		"--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nmain.default.a\r\n--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"m/../a.onnx\"\r\n\r\n\r\n--x--\r\n",
		"--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n\r\n--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a/b\"\r\n\r\n\r\n--x--",
		"--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n..\r\n--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.onnx\"\r\n\r\n\r\n--x--", "--x--", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		dir := t.TempDir()
		fake := newFake()
		fake.onImport = func(_ context.Context, in registry.Import) (registry.Version, error) {
			if inside, ok := strings.CutPrefix(in.Source, dir+string(os.PathSeparator)); !ok || !strings.HasPrefix(inside, "upload-") {
				t.Fatalf("imported from %q", in.Source)
			}
			if _, err := os.Lstat(in.Source); err != nil {
				t.Fatal(err)
			}
			return registry.Version{Number: 1, Status: registry.Failed, Reason: "a fake"}, nil
		}
		a := ask(t, New(fake, Options{UploadDir: dir, MaxUpload: 1 << 10}), "POST", "/api/2.0/servery/models/import", string(body), "Content-Type: multipart/form-data; boundary=x")
		if a.status != http.StatusOK && (a.status < 400 || a.status >= 500) {
			t.Fatalf("status %d %s", a.status, a.body)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Fatalf("%v stays (%v)", left, err)
		}
	})
}

// Whatever a header of authorization is, what it gives is a part of it or was encoded in it.
func FuzzCredential(f *testing.F) {
	for _, s := range []string{"Bearer x", "bearer  x", "Basic dG9rZW46eA==", "Basic dXNlcjp4", "Basic", "", "Bearer \x00", "Digest x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{header}
		token, ok := credential(r)
		scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
		switch {
		case ok && token == "", !ok && strings.EqualFold(scheme, "bearer") && strings.Trim(rest, " ") != "":
			t.Fatalf("%q gives %q %v", header, token, ok)
		case ok && strings.EqualFold(scheme, "bearer") && !strings.HasSuffix(rest, token):
			t.Fatalf("%q gives %q", header, token)
		}
		if in, refused := decodeTokenRequest(http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {header}}, "grant_type=client_credentials"); refused == nil && (in.client == "" || in.secret == "") {
			t.Fatalf("%q is %+v", header, in)
		}
	})
}

// Whatever a body is, each mistake in it is told by its field, briefly, and reading it does
// not change it.
func FuzzFields(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":"1"}`, `{"a":[{}, 0, "x"]}`, `{"a":{"b":null,"c":"d"}}`, `{"a":1e400}`, `{"a":9e1}`, `{"a":true}`, "\ufeff{}", `{"a":-0}`, `[`, `{"a":1}x`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		kept := bytes.Clone(body)
		o, err := parseObject(body)
		if !bytes.Equal(kept, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if plain := bytes.TrimPrefix(body, []byte("\ufeff")); !json.Valid(plain) {
			t.Fatalf("%q was taken", body)
		}
		n := o.integer("a")
		if n != nil && *n != int(int32(*n)) { // only what strconv.Atoi reads may be larger
			if text, _ := o.fields["a"].(json.Number); strings.ContainsAny(text.String(), ".eE") {
				t.Fatalf("%s is %d", text, *n)
			}
		}
		o.text("a")
		o.digits("a")
		o.boolean("a")
		o.texts("a")
		o.strings("a")
		o.fraction("a")
		flag(o, "a")
		for _, e := range o.objects("a") {
			e.text("b")
		}
		if err := o.failed(); err != nil {
			wantRefusal(t, err)
			if !strings.Contains(err.Error(), "'a") {
				t.Fatal(err)
			}
		} else if v := o.fields["a"]; v != nil {
			t.Fatalf("%v is of every type at once", v)
		}
		if errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}
