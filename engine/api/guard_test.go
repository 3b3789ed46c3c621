package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestOnlyThisMachinesNamesAreHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:8642": true, "localhost:8642": true, "LOCALHOST:8642": true, "[::1]:8642": true, "127.0.0.1": true, "localhost": true, "[::1]": true,
		"": false, "evil.com": false, "127.0.0.1.evil.com": false, "127.0.0.1.evil.com:8642": false, "localhost.": false, "localhost.:8642": false,
		"127.0.0.1:8643": false, "127.0.0.1:": false, "127.0.0.1:8642:8642": false, "127.0.0.2:8642": false, "0.0.0.0:8642": false, "2130706433": false,
		"[::1": false, "::1": false, "[::1]evil:8642": false, "evil.com:8642": false, "user@127.0.0.1": false, "127.0.0.1 ": false, "localhost:8642@evil.com": false,
		"[::ffff:127.0.0.1]:8642": false, "127.1:8642": false, "localhost\x00": false,
	} {
		if got := hostAllowed(host, "8642"); got != want {
			t.Errorf("Host %q: %t", host, got)
		}
	}
	s := New(newFake(), Options{})
	ask(t, s, "GET", "/.well-known/databricks-config", "", "Host: evil.com").wantError(t, 403, "PERMISSION_DENIED", "evil.com")
	ask(t, s, "GET", "/api/2.0/serving-endpoints", "", "Host: "+strings.Repeat("a", 9000)).wantError(t, 403, "PERMISSION_DENIED")
}

func TestPagesOfOtherOriginsAreRefused(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	for _, c := range []struct {
		header string
		ok     bool
	}{
		{"Origin: http://127.0.0.1:8642", true}, {"Sec-Fetch-Site: same-origin", true}, {"Sec-Fetch-Site: none", true},
		{"Origin: https://evil.com", false}, {"Origin: null", false}, {"Origin: http://127.0.0.1:9999", false}, {"Origin: https://127.0.0.1:8642", false},
		{"Origin: http://localhost:8642", false}, {"Origin: http://127.0.0.1:8642.evil.com", false}, {"Origin: file://", false},
		{"Sec-Fetch-Site: cross-site", false}, {"Sec-Fetch-Site: same-site", false}, {"Sec-Fetch-Site: Same-Origin", false},
	} {
		for _, line := range []string{"GET /api/2.0/serving-endpoints", "POST /serving-endpoints/digits/invocations", "OPTIONS /serving-endpoints/digits/invocations", "GET /.well-known/databricks-config"} {
			method, path, _ := strings.Cut(line, " ")
			a := ask(t, s, method, path, `{"inputs":[1]}`, c.header, "Content-Type: text/plain", "Access-Control-Request-Method: POST", "Access-Control-Request-Private-Network: true")
			if refused := a.status == 403; refused == c.ok {
				t.Errorf("%s with %s: status %d", line, c.header, a.status)
			}
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control") {
					t.Errorf("%s with %s: the answer has %s", line, c.header, name)
				}
			}
		}
	}
}

func TestTokensComeAsBearerOrBasic(t *testing.T) {
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	s := New(newFake(), Options{})
	for value, ok := range map[string]bool{
		"Bearer " + goodToken: true, "bearer " + goodToken: true, "BEARER   " + goodToken: true, basic("token:" + goodToken): true, " Bearer " + goodToken + " ": true,
		goodToken: false, "Bearer": false, "Bearer ": false, "Bearer " + goodToken + "x": false, "Bearer " + goodToken[:20]: false, "Bearer " + strings.ToUpper(goodToken): false,
		"Token " + goodToken: false, basic("ada:" + goodToken): false, basic("token:"): false, basic(goodToken): false, "Basic !!!": false, "Bearer " + goodToken + ", Bearer x": false,
		"Bearer\t" + goodToken: false, "Digest " + goodToken: false,
	} {
		r := newRequest("GET", "/api/2.0/serving-endpoints", strings.NewReader(""))
		r.Header.Set("Authorization", value)
		a := serve(s, r)
		if ok && a.status == 200 {
			continue
		}
		a.wantError(t, 401, "UNAUTHENTICATED")
		if ok {
			t.Errorf("%q was refused", value)
		}
		if !strings.HasPrefix(a.header.Get("Www-Authenticate"), "Bearer") || strings.Contains(a.body, goodToken[5:]) {
			t.Errorf("%q: %v %s", value, a.header, a.body)
		}
	}
	r := newRequest("GET", "/api/2.0/serving-endpoints", strings.NewReader(""))
	r.Header["Authorization"] = []string{"Bearer " + goodToken, "Bearer other"}
	serve(s, r).wantError(t, 401, "UNAUTHENTICATED")
}

// Without a token nothing is answered but the discovery document: not even whether a
// path exists.
func TestWithoutATokenNothingIsTold(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	for _, line := range []string{"GET /", "GET /unknown", "PUT /api/2.0/serving-endpoints", "GET /api/2.1/unity-catalog/models", "GET /api/2.0/serving-endpoints/digits",
		"POST /serving-endpoints/digits/invocations", "GET /api/2.0/servery/status", "GET /api/2.0/serving-endpoints?token=" + goodToken, "GET /api/2.0/serving-endpoints?access_token=" + goodToken,
		"GET /.well-known/databricks-config/", "GET /x/..%2f.well-known/databricks-config"} {
		method, path, _ := strings.Cut(line, " ")
		ask(t, s, method, path, "", "Authorization:").wantError(t, 401, "UNAUTHENTICATED", "Credential was not sent")
	}
	a := ask(t, s, "GET", discoveryPath, "", "Authorization:", "Host: localhost:8642")
	sameJSON(t, a.body, `{"oidc_endpoint":"http://localhost:8642/oidc","account_id":"","workspace_id":"8642","cloud":"AWS","host_type":"workspace"}`)
}

// Ten thousand wrong tokens: the first are answered at once, the many are slowed down, and
// whoever has the right one notices nothing.
func TestWrongTokensAreSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newFake(), Options{})
		began := time.Now()
		for i := range 10_000 {
			if i == freeFailures {
				if took := time.Since(began); took != 0 {
					t.Errorf("the first %d took %v", i, took)
				}
			}
			if a := ask(t, s, "GET", "/api/2.0/serving-endpoints", "", fmt.Sprintf("Authorization: Bearer dapi%032d", i)); a.status != http.StatusUnauthorized {
				t.Fatalf("status %d", a.status)
			}
		}
		if took, least := time.Since(began), (10_000-freeFailures)*failureInterval; took < least {
			t.Errorf("10,000 wrong tokens took %v, at least %v expected", took, least)
		}
		right := time.Now()
		if a := ask(t, s, "GET", "/api/2.0/serving-endpoints", ""); a.status != 200 || time.Since(right) != 0 {
			t.Errorf("the right token: status %d after %v", a.status, time.Since(right))
		}
	})
}

func TestTheBrakeForgetsAndNeverWaitsLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b brake
		now := time.Unix(1_000_000, 0)
		for range rapid.IntRange(1, 200).Draw(t, "failures") {
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "ms")) * time.Millisecond)
			if d := b.delay(now); d < 0 || d > failurePatience {
				t.Fatalf("a delay of %v", d)
			}
		}
		now = now.Add(freeFailures*failureInterval + failurePatience)
		for i := range freeFailures {
			if d := b.delay(now); d != 0 {
				t.Fatalf("failure %d after a pause waits %v", i, d)
			}
		}
		if d := b.delay(now); d != failureInterval {
			t.Fatalf("the failure after the free ones waits %v", d)
		}
	})
}
