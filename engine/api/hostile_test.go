package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	gometrics "runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/mlmodel"
	"servery/engine/runtime"
	"servery/engine/scoring"
	"servery/engine/tensor"
)

const (
	// hostilePatience is what an answer may take: milliseconds do, but not on a busy machine
	// with the race detector. What takes longer is asked again, see strike.
	hostilePatience = 2 * time.Second
	mebi            = 1 << 20
)

// thorough sends everything to every route, with bodies of 1 MiB: minutes.
var thorough = os.Getenv("SERVERY_HOSTILE") == "all"

// huge is the size of large bodies. A control body may have 1 MiB.
func huge() int {
	if thorough {
		return mebi
	}
	return mebi / 4
}

// hostileMemory is what one request may allocate, all in all, for a body of n bytes: 64 MiB
// for 1 MiB. The JSON of "[1,1,…" alone takes 45 bytes a byte as Go's values, and what is
// inflated stops at 16 MiB.
func hostileMemory(n int) uint64 { return 24<<20 + 40*uint64(n) }

// An attack is a request that nobody sends in good faith.
type attack struct {
	name    string
	target  string // "" is the route's example
	body    string
	headers []string // as ask takes them
	length  int64    // what Content-Length says beyond the body's; unsaid for none at all
}

const unsaid = -1 << 40

// gzipped is text as gzip.
func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// filled repeats part, with commas between, until it has about n bytes.
func filled(start, part, end string, n int) string {
	return start + strings.TrimSuffix(strings.Repeat(part+",", n/(len(part)+1)), ",") + end
}

// numbered is an object or a list of n parts, each made of its number.
func numbered(start, part, end string, n int) string {
	var b strings.Builder
	b.WriteString(start)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, part, i)
	}
	return b.String() + end
}

// smallBodies are wrong for every route, or at least strange.
func smallBodies() []attack {
	digits := strings.Repeat("9", 400)
	list := []attack{
		{name: "encoding unknown", body: `{}`, headers: []string{"Content-Encoding: br"}},
		{name: "encoding twice", body: `{}`, headers: []string{"Content-Encoding: gzip, gzip"}},
		{name: "gzip that is none", body: `{"name":"x"}`, headers: []string{"Content-Encoding: gzip"}},
		{name: "gzip of nothing", headers: []string{"Content-Encoding: gzip"}},
		{name: "gzip cut off", body: gzipped(`{"name":"x"}`)[:20], headers: []string{"Content-Encoding: gzip"}},
		{name: "gzip with junk behind", body: gzipped(`{"name":"x"}`) + "junk", headers: []string{"Content-Encoding: gzip"}},
		{name: "body cut off", body: `{"name":`, length: 100},
		{name: "length unsaid", body: `{"name":"x"`, length: unsaid},
		{name: "a length of 1 TiB", body: `{}`, length: 1 << 40},
	}
	for _, kind := range []string{"text/csv", "application/json; charset=utf-16", "multipart/form-data", "multipart/form-data; boundary=x", "application/octet-stream",
		"application/x-www-form-urlencoded", ";;;", "\x00", strings.Repeat("a/", 2500)} {
		list = append(list, attack{name: "as " + cut(kind, 40), body: `{"name":"x"}`, headers: []string{"Content-Type: " + kind}})
	}
	for _, body := range []string{
		"", " ", "[]", "null", `"x"`, "0", "true", "{", "}", "{}{}", "{}x", "x", `{"a"}`, `{a:1}`, `{'a':1}`, "\ufeff{}", "\ufeff", "\x00", "{\"name\":\"\x00\"}", `{"name":"\u0000"}`, `{"\u0000":0}`,
		"{\"name\":\"\xc3\x28\"}", "\xff\xfe{\x00}\x00", `{"name":"\ud800"}`, `{"name":1e999999}`, `{"name":` + digits + `}`, `{"name":-0}`, `{"name":-` + digits + `.5e-999999}`, `{"name":NaN}`, `{"name":+1}`,
		`{"name":"a","name":1,"name":{},"name":null}`, `{"":""}`, `{"__proto__":{"name":"x"}}`, "//x\n{}", `{"name":"x",}`, `a,b` + "\n" + `1,2`, `a` + "\n" + `"`, "=&=&=%zz", "--x\r\n\r\n--x--",
	} {
		list = append(list, attack{name: "body " + cut(body, 40), body: body})
	}
	return list
}

// largeBodies are large, or become so.
func largeBodies() []attack {
	bomb := strings.Repeat(gzipped(strings.Repeat("[", mebi)), 1024) // 1 GiB out of 1 MiB
	list := []attack{
		{name: "a gzip bomb", body: bomb[:min(len(bomb), mebi)], headers: []string{"Content-Encoding: gzip"}},
		{name: "a gzip bomb, length unsaid", body: bomb[:min(len(bomb), mebi)], headers: []string{"Content-Encoding: gzip"}, length: unsaid},
	}
	n := huge()
	for name, body := range map[string]string{
		"1 MiB of [":            strings.Repeat("[", mebi),
		"100,000 objects deep":  strings.Repeat(`{"a":`, 100_000),
		"9,000 objects deep":    strings.Repeat(`{"config":`, 9_000) + "0" + strings.Repeat("}", 9_000),
		"9,000 lists deep":      `{"inputs":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + "}",
		"much of numbers":       filled("[", "1", "]", n-4),
		"much of lists":         filled(`{"inputs":[`, "[]", "]}", n-20),
		"much of records":       filled(`{"dataframe_records":[`, "{}", "]}", n-40),
		"much of digits":        `{"name":` + strings.Repeat("9", n-20) + "}",
		"much of a string":      `{"name":"` + strings.Repeat(`\u0000`, n/6-20) + `"}`,
		"much of a quote":       `{"name":"` + strings.Repeat("'", n-20) + `"}`,
		"much of spaces":        strings.Repeat(" ", n-2) + "{}",
		"much of one key":       filled("{", `"name":1`, "}", n-20),
		"10,000 keys":           numbered("{", `"key%d":[{}]`, "}", 10_000),
		"10,000 columns":        `{"dataframe_split":{"columns":` + numbered("[", `"c%d"`, "]", 10_000) + `,"data":[` + numbered("[", `%d`, "]", 10_000) + "]}}",
		"10,000 columns beside": `{"dataframe_records":[` + numbered("{", `"c%d":0`, "}", 10_000) + `,{"x":1}]}`,
		"20,000 columns of CSV": strings.TrimSuffix(strings.Repeat("a,", 20_000), ",") + "\n1",
	} {
		list = append(list, attack{name: name, body: body})
		if strings.HasSuffix(name, "CSV") {
			list[len(list)-1].headers = []string{"Content-Type: text/csv"}
		}
	}
	slices.SortFunc(list, func(a, b attack) int { return strings.Compare(a.name, b.name) })
	return list
}

// wrongValues are JSON that few fields take, whatever their type.
var wrongValues = []string{
	"null", "true", "0", "-0", "-1", "1.5", "1e999999", "-9223372036854775809", strings.Repeat("9", 400), `""`, `" "`, `"\u0000"`, `"-1"`, `"NaN"`, `"../../etc/passwd"`, `"'; --"`,
	`"` + strings.Repeat("é", 5000) + `"`, "[]", "[null]", "[[]]", "[{}]", `["",0,true]`, "{}", `{"":null}`, `{"a":{"b":[]}}`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
}

// wrongFields are a route's example with each field of its description, also those inside
// others, in turn of each wrong type; and with each list as long as a body allows.
func wrongFields(o operation) (small, large []attack) {
	if o.body == "" || o.takes != "" {
		return nil, nil
	}
	example := map[string]any{}
	if o.with != "" {
		d := json.NewDecoder(strings.NewReader(o.with))
		d.UseNumber()
		if err := d.Decode(&example); err != nil {
			panic(fmt.Sprintf("the example of %s: %v", o.route, err))
		}
	}
	var visit func(s shape, at []string, deep int)
	visit = func(s shape, at []string, deep int) {
		for _, f := range s.fields() {
			path := append(slices.Clone(at), f.name)
			name := "field " + strings.Join(path, ".")
			for _, v := range wrongValues {
				small = append(small, attack{name: name + " is " + cut(v, 40), body: with(example, path, v)})
			}
			of, isList := strings.CutPrefix(f.kind, "[]")
			if isList {
				for _, e := range []string{"{}", "0", `""`} {
					large = append(large, attack{name: name + " is much of " + e, body: with(example, path, filled("[", e, "]", huge()-4000))})
				}
				path = append(path, "[]")
			}
			if of, isMap := strings.CutPrefix(f.kind, "{}"); isMap && of == "string" {
				large = append(large, attack{name: name + " has 50,000 keys", body: with(example, path, numbered("{", `"K%d":0`, "}", 50_000))})
			}
			if nested := shapes[of]; nested != "" && deep < 6 {
				visit(nested, path, deep+1)
			}
		}
	}
	visit(o.body, nil, 0)
	if o.with != "" {
		inside := strings.TrimSuffix(strings.TrimPrefix(o.with, "{"), "}")
		small = append(small, attack{name: "every field twice", body: "{" + inside + "," + inside + "}"})
	}
	return small, large
}

// with is the example with raw in the place of the field at path, where "[]" is a list's
// only element. What is not there on the way is made.
func with(example map[string]any, path []string, raw string) string {
	var put func(v any, path []string) any
	put = func(v any, path []string) any {
		switch {
		case len(path) == 0:
			return json.RawMessage(raw)
		case path[0] == "[]":
			list, _ := v.([]any)
			var first any
			if len(list) > 0 {
				first = list[0]
			}
			return []any{put(first, path[1:])}
		}
		m := map[string]any{}
		if was, ok := v.(map[string]any); ok {
			for k, e := range was {
				m[k] = e
			}
		}
		m[path[0]] = put(m[path[0]], path[1:])
		return m
	}
	b, err := json.Marshal(put(example, path))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// pathParts that stand in the place of a name, an id or a number.
var wrongParts = []string{
	"%00", "digits%00", "%2F", "..", ".", "%2e%2e%2f%2e%2e%2fetc", "%ff%fe", "%20", "%0d%0aX:1", "'%22%3E%3C", "-1", "0", "1.5", "1e9", "9223372036854775808", strings.Repeat("9", 400),
	strings.Repeat("a", 5000), strings.Repeat("%2F", 2000), strings.Repeat(".", 5000), "a.b.c.d", "main.default.digits.1", "main..digits", "%E2%80%AE", "*", ":", "users",
}

var wrongQueries = []string{
	"", "-1", "0", "1e999999", "999999999999999999999", "x", "true", "%00", "%ff", "..%2f..", "'", "name%3D%27", "%22", "AA", "displayName+eq+%22", "name+eq+x+and+y", strings.Repeat("9", 400),
	strings.Repeat("a", 60_000), strings.Repeat("%20AND%20", 6000), strings.Repeat("(", 60_000),
}

// wrongTargets are a route's path with each {…} and each query parameter in turn wrong.
func wrongTargets(o operation, example string) (list []attack) {
	_, pattern, _ := strings.Cut(o.route, " ")
	path, query, _ := strings.Cut(example, "?")
	values := strings.Split(path, "/")
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		if part[max(0, len(part)-1):] != "}" && part != "..." {
			continue
		}
		for _, wrong := range wrongParts {
			changed := slices.Clone(values)
			changed[i] = wrong
			list = append(list, attack{name: part + " is " + cut(wrong, 30), target: strings.Join(changed, "/") + "?" + query, body: o.with})
		}
		if part == "..." { // and the parts below it
			for below := i + 1; below < len(values); below++ {
				for _, wrong := range wrongParts {
					changed := slices.Clone(values)
					changed[below] = wrong
					list = append(list, attack{name: fmt.Sprintf("part %d below is %s", below-i, cut(wrong, 30)), target: strings.Join(changed, "/"), body: o.with})
				}
			}
			list = append(list, attack{name: "2,000 parts below", target: path + strings.Repeat("/a", 2000), body: o.with})
		}
	}
	for _, f := range o.query.fields() {
		for _, wrong := range wrongQueries {
			q := "?" + query + "&" + f.name + "=" + wrong
			if strings.Contains(query, f.name+"=") {
				q = "?" + f.name + "=" + wrong + "&" + query
			}
			list = append(list, attack{name: "?" + f.name + "=" + cut(wrong, 30), target: path + q, body: o.with})
		}
	}
	for _, wrong := range []string{"?%zz", "?;", "?" + strings.Repeat("a&", 30_000), "?" + strings.Repeat("name=x&", 8000), "?max_results=1&max_results[]=2", "?x=" + strings.Repeat("%41", 20_000), "//"} {
		list = append(list, attack{name: "path" + cut(wrong, 30), target: path + wrong, body: o.with})
	}
	return list
}

// wrongHeaders are those that some routes read.
func wrongHeaders(o operation) (list []attack) {
	for _, header := range []string{
		"Inference-Header-Content-Length: -1", "Inference-Header-Content-Length: 99999999999999999999", "Inference-Header-Content-Length: 5", "Inference-Header-Content-Length: 1000000",
		"Range: bytes=5-1", "Range: bytes=99999999999999999999-", "Range: x", "Range: bytes=" + strings.Repeat("0-0,", 10_000) + "0-0", "Range: bytes=1000-2000", "If-Match: x", "If-None-Match: *", "If-Modified-Since: x",
		"Accept: " + strings.Repeat("text/*;q=0.1,", 5000), "Accept: application/openmetrics-text;version=99", "Authorization: Basic " + strings.Repeat("A", 5000), "Authorization: Bearer \x00",
		"Content-Length: x", "Transfer-Encoding: chunked", "Expect: x", "Upgrade: h2c", "Cookie: " + strings.Repeat("a=b;", 10_000), "X-Request-Id: " + strings.Repeat("x", 60_000), "X-Forwarded-Host: evil",
	} {
		list = append(list, attack{name: "header " + cut(header, 50), body: o.with, headers: []string{header}})
	}
	return list
}

// battle is one route under attack.
type battle struct {
	t        *testing.T
	o        operation
	method   string
	server   *Server
	replace  *strings.Replacer
	log      bytes.Buffer
	sent     *int
	statuses map[int]int
}

// arm makes a server that has what the route's example names, whose models decode what they
// are asked.
func (b *battle) arm() {
	services, replace := readied(b.t, b.o)
	f, ok := services.(*fake)
	if !ok {
		f = services.(catalogFake).fake
	}
	f.invoke = decoding(b.t)
	b.replace = strings.NewReplacer(replace...)
	b.server = New(services, Options{UploadDir: b.t.TempDir(), MaxUpload: mebi, Log: slog.New(slog.NewTextHandler(&b.log, nil))})
}

// decoding invokes models that take a request apart as a worker does, and answer with it.
func decoding(t testing.TB) func(context.Context, string, string, runtime.Request) (endpoint.Answer, error) {
	x := []tensor.Port{{Name: "x", Type: tensor.Float32, Shape: []int64{-1, -1}}}
	sig := &mlmodel.Signature{Inputs: &mlmodel.Schema{Columns: []mlmodel.Column{{Name: "a", Type: mlmodel.Double, Required: true}, {Name: "b", Type: mlmodel.Long}}}}
	var models []*scoring.Model
	for _, s := range []*mlmodel.Signature{nil, sig} {
		m, err := scoring.New(s, x, x)
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, m)
	}
	return func(_ context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error) {
		if name != "digits" || entity != "" && entity != "digits-1" {
			return endpoint.Answer{}, &endpoint.NotFoundError{Name: name, Entity: entity}
		}
		var a endpoint.Answer
		for _, m := range models {
			in, err := m.Decode(r.ContentType, r.Body)
			var refusal *scoring.Error
			switch {
			case errors.As(err, &refusal):
				a.Response = runtime.Response{Status: refusal.Status, ContentType: refusal.ContentType(), Body: refusal.Body()}
			case err != nil:
				return a, err
			default:
				a.Response = runtime.Response{Status: http.StatusOK, ContentType: "application/json", Body: []byte(`{"predictions":[]}`)}
				in.Release()
			}
		}
		a.Entity = "digits-1"
		return a, nil
	}
}

// allocated is how many bytes this process has ever allocated.
func allocated() uint64 {
	sample := []gometrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	gometrics.Read(sample)
	return sample[0].Value.Uint64()
}

// strike sends one attack and checks the answer. One that takes too long is asked up to
// three times: it may have waited for other programs.
func (b *battle) strike(a attack) {
	target := b.o.try
	if a.target != "" {
		target = a.target
	}
	u, err := url.ParseRequestURI(b.replace.Replace(target))
	if err != nil {
		return // net/http refuses it before any handler
	}
	body := b.replace.Replace(a.body)
	var w *httptest.ResponseRecorder
	for again := range 3 {
		b.log.Reset()
		r := b.request(u, a, body)
		w = httptest.NewRecorder()
		before, began := allocated(), time.Now()
		b.server.Handler().ServeHTTP(w, r)
		took, used := time.Since(began), allocated()-before
		*b.sent++
		b.statuses[w.Code]++
		most := hostileMemory(len(body))
		if strings.HasPrefix(u.Path, "/api/2.0/servery/tables/") {
			most += 40 << 20 // dropping rows makes a new memtable of 16 MiB, whoever asks
		}
		if used > most {
			b.t.Errorf("%s: status %d, %d MiB allocated for a body of %d bytes", a.name, w.Code, used>>20, len(body))
		}
		if took <= hostilePatience {
			break
		}
		if again == 2 {
			b.t.Errorf("%s: status %d after %v", a.name, w.Code, took)
		}
	}
	switch {
	case w.Code < 200 || w.Code >= 500 && w.Code != http.StatusNotImplemented:
		b.t.Errorf("%s: status %d %s\n%s", a.name, w.Code, cut(w.Body.String(), 500), cut(b.log.String(), 3000))
	case w.Code >= 400:
		if err := b.form(w); err != nil {
			b.t.Errorf("%s: status %d %v: %s", a.name, w.Code, err, cut(w.Body.String(), 500))
		}
	case w.Code == http.StatusOK && w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()):
		b.t.Errorf("%s: the answer is no JSON: %s", a.name, cut(w.Body.String(), 500))
	}
	if w.Code < 300 && b.method != http.MethodGet && !scores(b.o) {
		b.arm() // something is changed, and perhaps deleted
	}
}

// scores tells that a route asks a model, which changes nothing.
func scores(o operation) bool {
	return strings.HasSuffix(o.route, "/invocations") || strings.HasSuffix(o.route, "/infer")
}

func (b *battle) request(u *url.URL, a attack, body string) *http.Request {
	r := newRequest(b.method, "/", strings.NewReader(body))
	r.URL, r.ContentLength = u, int64(len(body))+a.length
	if a.length == unsaid {
		r.ContentLength = -1
	}
	if b.o.takes != "" {
		r.Header.Set("Content-Type", b.o.takes)
	}
	if b.o.public {
		r.Header.Del("Authorization")
	}
	for _, line := range a.headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// form checks that an error is told as the route's clients read it: as the product does, or
// as KServe and OAuth have it; models refuse some media types in text, as MLflow does.
func (b *battle) form(w *httptest.ResponseRecorder) error {
	var e struct {
		Code        string `json:"error_code"`
		Message     string
		Error       string
		Description string `json:"error_description"`
	}
	text := w.Body.Bytes()
	switch media := w.Header().Get("Content-Type"); {
	case !utf8.Valid(text):
		return errors.New("not in UTF-8")
	case scores(b.o) && media == "text/plain" && (w.Code == http.StatusBadRequest || w.Code == http.StatusUnsupportedMediaType) && len(text) > 0 && len(text) < 8<<10:
		return nil
	case media != "application/json":
		return fmt.Errorf("of type %q", media)
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	message := e.Message
	switch {
	case strings.Contains(b.o.route, " /v2") && e.Code == "":
		message = e.Error
	case strings.HasSuffix(b.o.route, "/oidc/v1/token") && e.Code == "":
		message = e.Description
	case e.Code == "":
		return errors.New("no error_code")
	}
	if message == "" || len(message) > 8<<10 {
		return fmt.Errorf("a message of %d bytes", len(message))
	}
	return nil
}

// readers are routes that read bodies each in a way of its own; most others read them as the
// second does.
var readers = []string{"POST /serving-endpoints/{name}/invocations", "POST /api/2.0/serving-endpoints", "POST /v2/models/{name}/infer"}

// Whatever is sent to any route, the answer is one of the product's, in bounded time and
// memory. The routes are those of the table, with the examples and the fields of their
// descriptions, so that a new one is attacked as well. Each gets a part of the attacks, by
// turns; SERVERY_HOSTILE=all sends all of them to all, which takes minutes.
func TestEveryRouteStandsHostileRequests(t *testing.T) {
	small, large := smallBodies(), largeBodies()
	sent, statuses := 0, map[int]int{}
	random := rand.New(rand.NewPCG(1, 2))
	some := func(list []attack, n int) []attack {
		if thorough {
			return list
		}
		list = slices.Clone(list)
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list[:min(n, len(list))]
	}
	turn := 0
	for _, o := range operations {
		t.Run(o.route, func(t *testing.T) {
			method, _, _ := strings.Cut(o.route, " ")
			b := &battle{t: t, o: o, method: method, sent: &sent, statuses: statuses}
			b.arm()
			fields, lists := wrongFields(o)
			bodies := 3
			if o.body != "" || o.takes != "" {
				bodies = 15
			}
			attacks := slices.Concat(some(small, bodies), some(fields, 25), some(wrongTargets(o, o.try), 12), some(wrongHeaders(o), 3))
			turn++
			switch {
			case thorough || slices.Contains(readers, o.route):
				attacks = slices.Concat(attacks, small, large, some(lists, 5))
			case turn%3 == 0:
				attacks = slices.Concat(attacks, some(lists, 1), large[turn/3%len(large):][:1])
			}
			for _, a := range attacks {
				b.strike(a)
			}
		})
	}
	t.Logf("%d requests to %d routes, answered with %v", sent, len(operations), statuses)
}

// A list that no request means is refused by its length, and of mistakes without number the
// first are told.
func TestListsAndMistakesWithoutNumberAreRefusedShortly(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	for name, c := range map[string]struct {
		body  string
		words []string
	}{
		"too long":       {filled(`{"tags":[`, "{}", "]}", 3*(maxListed+1)), []string{"'tags' takes a list of at most 10000, got 10001"}},
		"many mistakes":  {filled(`{"tags":[`, "0", "]}", 2*1000), []string{"'tags[0]' takes an object, got the number 0", "'tags[19]'", "And 980 more"}},
		"a key of 1 MiB": {`{"config":{"served_entities":[{"environment_vars":{"` + strings.Repeat("K", mebi-100) + `":0}}]}}`, []string{"environment_vars.KKK"}},
	} {
		t.Run(name, func(t *testing.T) {
			ask(t, s, "POST", "/api/2.0/serving-endpoints", c.body).wantError(t, http.StatusBadRequest, "MALFORMED_REQUEST", c.words...)
		})
	}
	long := ask(t, New(newCatalogFake(t), Options{}), "GET", "/api/2.1/unity-catalog/schemas?catalog_name="+strings.Repeat("a", 60_000), "")
	if long.wantError(t, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST"); len(long.body) > 2*maxMessage {
		t.Errorf("an answer of %d bytes", len(long.body))
	}
}

// A range that a file does not have and a condition that it does not meet are refused in the
// product's form, for which net/http has a line of text, or nothing.
func TestAFileRefusesRangesInTheProductsForm(t *testing.T) {
	f := newCatalogFake(t)
	withDigits(f.fake)
	readyCatalog(t, f.registry)
	s := New(f, Options{})
	ask(t, s, "GET", theFile, "", "Range: bytes=10-20").wantError(t, http.StatusRequestedRangeNotSatisfiable, "INVALID_PARAMETER_VALUE", "bytes=10-20", "4 bytes")
	ask(t, s, "GET", theFile, "", "Range: x").wantError(t, http.StatusRequestedRangeNotSatisfiable, "INVALID_PARAMETER_VALUE")
	ask(t, s, "GET", theFile, "", `If-Match: "x"`).wantError(t, http.StatusPreconditionFailed, "BAD_REQUEST")
	if a := ask(t, s, "GET", theFile, "", "Range: bytes=1-2"); a.status != http.StatusPartialContent || a.body != "nn" {
		t.Errorf("a part: status %d %q", a.status, a.body)
	}
}

// 10,000 members are taken out of a group of 10,000 in one pass.
func TestManyMembersAreRemovedAtOnce(t *testing.T) {
	ids := func(from int) (list []any) {
		for i := range maxListed {
			list = append(list, map[string]any{"value": fmt.Sprintf("member-%06d", from+i)})
		}
		return list
	}
	var p access.Principal
	p.Kind = access.KindGroup
	for i, o := range []patchOperation{{op: "add", value: ids(0)}, {op: "add", value: ids(maxListed)}, {op: "remove", value: ids(0)}, {op: "remove", value: ids(2 * maxListed)}} {
		o.index, o.path = i, "members"
		if err := o.apply(&p); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.Members) != maxListed || p.Members[0] != "member-010000" {
		t.Errorf("%d members", len(p.Members))
	}
	tooMany := patchOperation{op: "add", path: "members", value: append(ids(0), map[string]any{"value": "x"})}
	if err := tooMany.apply(&p); err == nil || !strings.Contains(err.Error(), "at most 10000 members") {
		t.Errorf("10,001 members: %v", err)
	}
}
