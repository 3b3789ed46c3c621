package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"servery/engine/scoring"
)

func TestTheClientsIDIsFoundInTheBody(t *testing.T) {
	kserve := scoring.KServeContentType("m", "", -1)
	long := strings.Repeat("ü", maxClientID)
	for _, c := range []struct{ name, contentType, body, want string }{
		{"first", "", `{"client_request_id":"a","inputs":[1]}`, "a"},
		{"last", "application/json", ` { "inputs" : [ {"x":"}"} , "]" ] , "client_request_id" : "b" } `, "b"},
		{"escaped", "application/json; charset=utf-8", `{"a\"":"\\","client_request_id":"\u00e9\n"}`, "é\n"},
		{"nested does not count", "", `{"params":{"client_request_id":"no"},"inputs":["client_request_id"]}`, ""},
		{"a number is no id", "", `{"client_request_id":7}`, ""},
		{"null", "", `{"client_request_id":null}`, ""},
		{"the first of two", "", `{"client_request_id":"a","client_request_id":"b"}`, "a"},
		{"in a text", "", `{"inputs":"\"client_request_id\":\"no\""}`, ""},
		{"CSV", "text/csv", `client_request_id`, ""},
		{"no object", "", `["client_request_id","a"]`, ""},
		{"cut off before it", "", `{"inputs":[1,"client_request_id":"a"`, ""},
		{"cut off in it", "", `{"client_request_id":"a`, ""},
		{"broken behind it", "", `{"client_request_id":"a","inputs":[`, "a"},
		{"an invalid escape", "", `{"client_request_id":"\q"}`, ""},
		{"too long", "", `{"client_request_id":"` + long + `"}`, long[:maxClientID]},
		{"KServe's id", kserve, `{"id":"k","inputs":[]}`, "k"},
		{"KServe's id before binary data", scoring.KServeContentType("m", "", 10), `{"id":"k"}` + "\x00\xff", "k"},
		{"not MLflow's key", kserve, `{"client_request_id":"no"}`, ""},
		{"empty", "", "", ""},
	} {
		if got := clientID(c.contentType, []byte(c.body)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTheUsageContextIsFoundInTheBody(t *testing.T) {
	for _, c := range []struct{ contentType, body, want string }{
		{"", `{"inputs":[1],"usage_context":{"project":"p","n":"1"}}`, "map[n:1 project:p]"},
		{"", `{"usage_context":{"n":1}}`, "map[]"},
		{"", `{"usage_context":"p"}`, "map[]"},
		{"", `{"usage_context":{}}`, "map[]"},
		{"", `{"usage_context":{"a":"` + strings.Repeat("x", maxUsageContext) + `"}}`, "map[]"},
		{"text/csv", `{"usage_context":{"a":"b"}}`, "map[]"},
		{"", `{"params":{"usage_context":{"a":"b"}}}`, "map[]"},
	} {
		if got := fmt.Sprint(usageContext(c.contentType, []byte(c.body))); got != c.want {
			t.Errorf("%.80s: %s, want %s", c.body, got, c.want)
		}
	}
}

// What encoding/json finds in a body that is one object, member finds too, where no key is
// there twice. Whatever the body is, nothing breaks.
func FuzzClientID(f *testing.F) {
	for _, s := range []string{`{"client_request_id":"a"}`, `{"a":[{"b":"}"}],"client_request_id":"x\"y"}`, `{"client_request_id":1}`, `{"a":"\\"}`, `[{"client_request_id":"a"}]`, `{"a":{},"client_request_id":""`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := clientID("", body)
		var fields map[string]json.RawMessage
		if json.Unmarshal(body, &fields) != nil || strings.Count(string(body), "client_request_id") != 1 {
			return
		}
		raw, there := fields["client_request_id"]
		var want string
		if !there || json.Unmarshal(raw, &want) != nil || len(want) > maxClientID {
			want = ""
			if len(got) == maxClientID {
				return
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	})
}
