package api

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestLogsAreTheEntitys(t *testing.T) {
	f := withDigits(newFake())
	f.observed.logs = map[string]string{
		"digits/service/digits-1/0": "all\n", "digits/service/digits-1/2": "of 2\n", "digits/build/digits-1/0": "built\n",
		"digits/build/digits-0/0": "built long ago\n",
	}
	s := New(f, Options{})
	const at = "/api/2.0/serving-endpoints/digits/served-models/"
	for _, c := range []struct{ path, body, want string }{
		{"digits-1/logs?", "", `{"logs":"all\n"}`},
		{"digits-1/logs?config_version=2", "", `{"logs":"of 2\n"}`},
		{"digits-1/logs", `{"config_version":2}`, `{"logs":"of 2\n"}`},
		{"digits-1/logs/", `{"config_version":"2","more":1}`, `{"logs":"of 2\n"}`},
		{"digits-1/logs", `{}`, `{"logs":"all\n"}`},
		{"digits-1/logs?config_version=9", "", `{"logs":""}`},
		{"digits-1/build-logs", "", `{"logs":"built\n"}`},
		{"digits-0/build-logs", "", `{"logs":"built long ago\n"}`},
	} {
		if a := ask(t, s, "GET", at+c.path, c.body); a.status != 200 || a.body != c.want+"\n" {
			t.Errorf("%s %s: status %d %s", c.path, c.body, a.status, a.body)
		}
	}
	for _, c := range []struct {
		path, body string
		status     int
		code, word string
	}{
		{at + "digits-9/logs", "", 404, "RESOURCE_DOES_NOT_EXIST", "'digits-9'"},
		{at + "digits-0/logs", "", 404, "RESOURCE_DOES_NOT_EXIST", "'digits-0'"},
		{"/api/2.0/serving-endpoints/none/served-models/x/build-logs", "", 404, "RESOURCE_DOES_NOT_EXIST", "'none'"},
		{at + "digits-1/logs?config_version=0", "", 400, "INVALID_PARAMETER_VALUE", "config_version"},
		{at + "digits-1/logs?config_version=99999999999999999999", "", 400, "INVALID_PARAMETER_VALUE", "config_version"},
		{at + "digits-1/logs", `{"config_version":-1}`, 400, "INVALID_PARAMETER_VALUE", "config_version"},
		{at + "digits-1/logs", `{"config_version":[]}`, 400, "MALFORMED_REQUEST", "config_version"},
		{at + "digits-1/logs", `[`, 400, "MALFORMED_REQUEST", "JSON"},
	} {
		ask(t, s, "GET", c.path, c.body).wantError(t, c.status, c.code, c.word)
	}
}

// Whatever a client says of a configuration, it is a number from 1, none, or an error.
func FuzzConfigVersion(f *testing.F) {
	f.Add("2", "")
	f.Add("", `{"config_version":2}`)
	f.Add("", `{"config_version":1e99}`)
	f.Fuzz(func(t *testing.T, query, body string) {
		r := newRequest("GET", "/?config_version="+url.QueryEscape(query), strings.NewReader(body))
		r.ContentLength = int64(len(body))
		n, err := configVersion(httptest.NewRecorder(), r)
		if err != nil {
			if e := explain(err, false); e.code.status != 400 {
				t.Errorf("%d %s", e.code.status, e.message)
			}
			return
		}
		if n < 0 || (n == 0 && query != "") {
			t.Errorf("%q %s is configuration %d", query, body, n)
		}
	})
}
