package api

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"servery/engine/access"
)

// masked are an answer's tokens and times, which differ from run to run.
var masked = regexp.MustCompile(`"(token_value|token_id)":"[^"]*"|"[a-z_]*(_time|timestamp)":[0-9]+`)

// The bodies as the CLI and the SDKs send them, and the answers byte by byte.
func TestIdentityOnTheWire(t *testing.T) {
	mask := func(text string) string {
		return masked.ReplaceAllStringFunc(text, func(m string) string {
			name, _, _ := strings.Cut(m, ":")
			return name + ":*"
		})
	}
	_, s, _ := withPeople(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/2.0/preview/scim/v2/Me?", "", 200, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"7","userName":"ada@example.com","displayName":"Ada","active":true,"emails":[{"type":"work","value":"ada@example.com","primary":true}],` +
			`"groups":[{"display":"admins","type":"direct","value":"1000000000000002","$ref":"Groups/1000000000000002"},{"display":"users","type":"direct","value":"1000000000000003","$ref":"Groups/1000000000000003"}]}`},
		{"POST", "/api/2.0/preview/scim/v2/Users", `{"userName":"Carol@example.com","name":{"givenName":"Carol","familyName":"C."},"active":false,"entitlements":[{"value":"x"}]}`, 201,
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1000000000000010","userName":"carol@example.com","displayName":"Carol C.","active":false,"emails":[{"type":"work","value":"carol@example.com","primary":true}],"groups":[{"display":"users","type":"direct","value":"1000000000000003","$ref":"Groups/1000000000000003"}]}`},
		{"POST", "/api/2.0/preview/scim/v2/Groups", `{"displayName":"team","members":[{"value":"8"}],"externalId":"x1"}`, 201,
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"1000000000000011","displayName":"team","externalId":"x1","members":[{"display":"Bob","value":"8","$ref":"Users/8"}],"groups":[],"meta":{"resourceType":"WorkspaceGroup"}}`},
		{"PUT", "/api/2.0/preview/scim/v2/Groups/1000000000000011", `{"displayName":"team","members":[{"value":"7"}]}`, 200,
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"1000000000000011","displayName":"team","externalId":"x1","members":[{"display":"Ada","value":"7","$ref":"Users/7"}],"groups":[],"meta":{"resourceType":"WorkspaceGroup"}}`},
		{"GET", "/api/2.0/preview/scim/v2/Users?filter=displayName+sw+%22CAR%22&attributes=id", "", 200,
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"startIndex":1,"itemsPerPage":1,"Resources":[{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1000000000000010","userName":"carol@example.com","displayName":"Carol C.","active":false,"emails":[{"type":"work","value":"carol@example.com","primary":true}],"groups":[{"display":"users","type":"direct","value":"1000000000000003","$ref":"Groups/1000000000000003"}]}]}`},
		{"GET", "/api/2.0/preview/scim/v2/ServicePrincipals?startIndex=5&count=10", "", 200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":5,"itemsPerPage":0,"Resources":[]}`},
		{"DELETE", "/api/2.0/preview/scim/v2/Groups/1000000000000011?", "", 200, `{}`},
		{"GET", "/api/2.0/token/list", "", 200, `{"token_infos":[]}`},
		{"POST", "/api/2.0/token/create", `{"comment":"ci","lifetime_seconds":60}`, 200, `{"token_value":*,"token_info":{"token_id":*,"creation_time":*,"expiry_time":*,"comment":"ci"}}`},
		{"POST", "/api/2.0/servery/users/8/tokens", "", 200, `{"token_value":*,"token_info":{"token_id":*,"creation_time":*,"expiry_time":-1,"comment":"","created_by_id":7,"created_by_username":"ada@example.com","owner_id":8,"workspace_id":8642}}`},
		{"POST", "/api/2.0/secrets/scopes/create", `{"scope":"sc"}`, 200, `{}`},
		{"POST", "/api/2.0/secrets/scopes/create", `{"scope":"all","initial_manage_principal":"users","scope_backend_type":"DATABRICKS"}`, 200, `{}`},
		{"GET", "/api/2.0/secrets/scopes/list", "", 200, `{"scopes":[{"name":"all","backend_type":"DATABRICKS"},{"name":"sc","backend_type":"DATABRICKS"}]}`},
		{"POST", "/api/2.0/secrets/put", `{"key":"k","scope":"sc","string_value":"v<&"}`, 200, `{}`},
		{"GET", "/api/2.0/secrets/get?key=k&scope=sc", "", 200, `{"key":"k","value":"djwm"}`},
		{"GET", "/api/2.0/secrets/list?scope=sc", "", 200, `{"secrets":[{"key":"k","last_updated_timestamp":*}]}`},
		{"POST", "/api/2.0/secrets/acls/put", `{"permission":"READ","principal":"users","scope":"sc"}`, 200, `{}`},
		{"GET", "/api/2.0/secrets/acls/list?scope=sc", "", 200, `{"items":[{"principal":"users","permission":"READ"},{"principal":"ada@example.com","permission":"MANAGE"}]}`},
		{"GET", "/api/2.0/secrets/acls/get?principal=users&scope=sc", "", 200, `{"principal":"users","permission":"READ"}`},
		{"GET", "/api/2.0/secrets/acls/list?scope=all", "", 200, `{"items":[{"principal":"users","permission":"MANAGE"}]}`},
		{"POST", "/api/2.0/secrets/acls/delete", `{"principal":"users","scope":"sc"}`, 200, `{}`},
		{"POST", "/api/2.0/secrets/delete", `{"key":"k","scope":"sc"}`, 200, `{}`},
		{"POST", "/api/2.0/secrets/scopes/delete", `{"scope":"sc"}`, 200, `{}`},
	} {
		a := ask(t, s, c.method, c.path, c.body)
		if got := mask(strings.TrimSuffix(a.body, "\n")); a.status != c.status || got != c.want {
			t.Errorf("%s %s: status %d\n%s\nwant\n%s", c.method, c.path, a.status, got, c.want)
		}
	}
}

func TestIdentityTellsWhatIsWrong(t *testing.T) {
	_, s, _ := withPeople(t)
	ask(t, s, "POST", "/api/2.0/secrets/scopes/create", `{"scope":"sc"}`)
	users, groups := "/api/2.0/preview/scim/v2/Users", "/api/2.0/preview/scim/v2/Groups"
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
		words              []string
	}{
		{"POST", users, `{}`, 400, "INVALID_PARAMETER_VALUE", []string{"e-mail address"}},
		{"POST", users, `{"userName":7,"active":"yes"}`, 400, "MALFORMED_REQUEST", []string{"'userName' takes a string", "'active' takes true or false"}},
		{"POST", users, `{"userName":"bob@example.com"}`, 409, "RESOURCE_ALREADY_EXISTS", []string{"bob@example.com"}},
		{"POST", groups, `{"displayName":"users"}`, 409, "RESOURCE_ALREADY_EXISTS", nil},
		{"POST", groups, `{"displayName":"x","members":[{"value":"99"}]}`, 400, "INVALID_PARAMETER_VALUE", []string{`id "99"`}},
		{"GET", users + "/1000000000000002", "", 404, "RESOURCE_DOES_NOT_EXIST", []string{"User"}},
		{"GET", users + "?startIndex=x", "", 400, "INVALID_PARAMETER_VALUE", []string{"startIndex"}},
		{"GET", users + "?filter=a+or+b", "", 400, "INVALID_PARAMETER_VALUE", []string{"one comparison"}},
		{"GET", users + "?filter=applicationId+eq+%22x%22", "", 400, "INVALID_PARAMETER_VALUE", []string{"filter"}},
		{"PATCH", users + "/8", `{"Operations":[]}`, 400, "INVALID_PARAMETER_VALUE", []string{"Operations"}},
		{"PATCH", users + "/8", `{"Operations":[{"op":"move"}]}`, 400, "MALFORMED_REQUEST", []string{"Operations[0].op", "add, remove or replace"}},
		{"PATCH", users + "/8", `{"Operations":[{"op":"add","path":"roles","value":[]}]}`, 400, "INVALID_PARAMETER_VALUE", []string{"Operations[0].path", "displayName, active or externalId"}},
		{"PATCH", users + "/8", `{"Operations":[{"op":"replace","path":"active","value":3}]}`, 400, "INVALID_PARAMETER_VALUE", []string{"true or false"}},
		{"PATCH", groups + "/1000000000000002", `{"Operations":[{"op":"remove","path":"members"}]}`, 409, "RESOURCE_CONFLICT", []string{"owner"}},
		{"PATCH", groups + "/1000000000000002", `{"Operations":[{"op":"remove","path":"members[value eq 7","value":1}]}`, 400, "INVALID_PARAMETER_VALUE", []string{`members[value eq "ID"]`}},
		{"DELETE", users + "/7", "", 409, "RESOURCE_CONFLICT", []string{"cannot be removed"}},
		{"POST", "/api/2.0/token/create", `{"lifetime_seconds":0}`, 400, "INVALID_PARAMETER_VALUE", []string{"lifetime_seconds", "730 days"}},
		{"POST", "/api/2.0/token/create", `{"lifetime_seconds":9e99}`, 400, "MALFORMED_REQUEST", []string{"lifetime_seconds"}},
		{"POST", "/api/2.0/token/delete", `{}`, 400, "INVALID_PARAMETER_VALUE", []string{"token_id"}},
		{"POST", "/api/2.0/token/delete", `{"token_id":"x"}`, 404, "RESOURCE_DOES_NOT_EXIST", []string{"Token"}},
		{"POST", "/api/2.0/servery/users/1000000000000003/tokens", ``, 404, "RESOURCE_DOES_NOT_EXIST", []string{"User"}},
		{"POST", "/api/2.0/accounts/servicePrincipals/8/credentials/secrets", ``, 404, "RESOURCE_DOES_NOT_EXIST", []string{"Service principal"}},
		{"POST", "/api/2.0/accounts/servicePrincipals/8/credentials/secrets", `{"lifetime":"1h"}`, 400, "INVALID_PARAMETER_VALUE", []string{"lifetime"}},
		{"POST", "/api/2.0/secrets/scopes/create", `{"scope":"a b"}`, 400, "INVALID_PARAMETER_VALUE", []string{"scope takes"}},
		{"POST", "/api/2.0/secrets/scopes/create", `{"scope":"SC"}`, 409, "RESOURCE_ALREADY_EXISTS", nil},
		{"POST", "/api/2.0/secrets/scopes/create", `{"scope":"x","scope_backend_type":"AZURE_KEYVAULT"}`, 400, "INVALID_PARAMETER_VALUE", []string{"scope_backend_type"}},
		{"POST", "/api/2.0/secrets/scopes/create", `{"scope":"x","initial_manage_principal":"team"}`, 400, "INVALID_PARAMETER_VALUE", []string{"initial_manage_principal"}},
		{"POST", "/api/2.0/secrets/put", `{"scope":"sc","key":"k"}`, 400, "INVALID_PARAMETER_VALUE", []string{"string_value and bytes_value"}},
		{"POST", "/api/2.0/secrets/put", `{"scope":"none","key":"k","string_value":"v"}`, 404, "RESOURCE_DOES_NOT_EXIST", []string{"'none'"}},
		{"GET", "/api/2.0/secrets/get?scope=sc&key=none", "", 404, "RESOURCE_DOES_NOT_EXIST", []string{"scope 'sc' and key 'none'"}},
		{"POST", "/api/2.0/secrets/acls/put", `{"scope":"sc","principal":"none","permission":"READ"}`, 404, "RESOURCE_DOES_NOT_EXIST", []string{"none"}},
		{"POST", "/api/2.0/secrets/acls/put", `{"scope":"sc","principal":"users","permission":"OWN"}`, 400, "MALFORMED_REQUEST", []string{"READ, WRITE or MANAGE"}},
		{"POST", "/api/2.0/secrets/acls/delete", `{"scope":"sc","principal":"users"}`, 404, "RESOURCE_DOES_NOT_EXIST", nil},
		{"GET", "/oidc/v1/token", "", 405, "METHOD_NOT_ALLOWED", []string{"POST"}},
		{"GET", "/oidc/v1/authorize", "", 501, "NOT_IMPLEMENTED", []string{"sign in"}},
		{"GET", "/oidc/v1/none", "", 401, "UNAUTHENTICATED", nil},
	} {
		a := ask(t, s, c.method, c.path, c.body)
		t.Run(c.method+" "+c.path+" "+c.body, func(t *testing.T) { a.wantError(t, c.status, c.code, c.words...) })
	}
}

// A refused secret is never said back: not its value, nor the broken JSON around it.
func TestNoAnswerRepeatsASecretThatWasRefused(t *testing.T) {
	var log strings.Builder
	s := New(&household{newFake()}, Options{Log: textLog(&log)})
	const canary = "canary-77"
	for _, body := range []string{
		`{"scope":"sc","key":"k","string_value":["` + canary + `"]}`, `{"scope":"sc","key":"k","bytes_value":"` + canary + `"}`, `{"scope":"sc","key":"k","string_value":"` + canary + `"`,
		`"` + canary + `"`, `{"scope":"sc","key":"k","string_value":"` + canary + `","bytes_value":"x"}`, `{"scope":"none","key":"k","string_value":"` + canary + `"}`, canary,
	} {
		a := ask(t, s, "POST", "/api/2.0/secrets/put", body)
		if a.status < 400 || strings.Contains(a.body+log.String(), "canary") {
			t.Errorf("%s: status %d %s; log %s", body, a.status, a.body, log.String())
		}
	}
}

func TestAClientSecretIsExchanged(t *testing.T) {
	h, s, _ := withPeople(t)
	robot, err := h.CreatePrincipal(t.Context(), access.Principal{Kind: access.KindServicePrincipal, Active: true})
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := h.CreateClientSecret(t.Context(), robot.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	basic := func(id, secret string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
	}
	form := "grant_type=client_credentials&scope=all-apis"
	inBody := form + "&client_id=" + robot.Name + "&client_secret=" + secret
	const kind = "Content-Type: application/x-www-form-urlencoded; charset=utf-8"
	for _, c := range []struct {
		body, kind, auth string
		status           int
		want             string
	}{
		{form, kind, basic(robot.Name, secret), 200, `"token_type":"Bearer","expires_in":3600,"scope":"all-apis"}`},
		{inBody, kind, "Authorization:", 200, `"token_type":"Bearer"`},
		{form + "&client_id=" + robot.Name, kind, basic(robot.Name, secret), 200, `"access_token":"dosa`},
		{inBody, kind, basic(robot.Name, secret), 400, `"error":"invalid_request"`},
		{inBody, "Content-Type: application/json", "Authorization:", 400, `"error":"invalid_request"`},
		{inBody + "&client_id=x", kind, "Authorization:", 400, `"error":"invalid_request"`},
		{form + "&a=%zz", kind, basic(robot.Name, secret), 400, `"error":"invalid_request"`},
		{form, kind, as(goodToken), 400, `"error":"invalid_request"`},
		{"grant_type=authorization_code", kind, basic(robot.Name, secret), 400, `"error":"unsupported_grant_type"`},
		{form, kind, "Authorization:", 401, `"error":"invalid_client"`},
		{form, kind, basic(robot.Name, secret+"x"), 401, `"error":"invalid_client"`},
		{form, kind, basic("bob@example.com", secret), 401, `"error":"invalid_client"`},
		{strings.Repeat("x", maxTokenRequest+1), kind, basic(robot.Name, secret), 413, `"error_code":"REQUEST_TOO_LARGE"`},
	} {
		a := ask(t, s, "POST", "/oidc/v1/token", c.body, c.kind, c.auth)
		if a.status != c.status || !strings.Contains(a.body, c.want) || strings.Contains(a.body, secret) {
			t.Errorf("%.60s, %s: status %d %s, want %s", c.body, c.auth, a.status, a.body, c.want)
		}
		if a.status <= 401 && a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("status %d may be kept: %v", a.status, a.header)
		}
	}
	if a := ask(t, s, "POST", "/oidc/v1/token", inBody, kind, "Authorization:", "Origin: http://evil.example"); a.status != http.StatusForbidden {
		t.Errorf("from a page of another origin: status %d", a.status)
	}
	a := ask(t, s, "GET", "/oidc/.well-known/oauth-authorization-server", "", "Authorization:")
	want := `{"issuer":"http://127.0.0.1:8642/oidc","authorization_endpoint":"http://127.0.0.1:8642/oidc/v1/authorize","token_endpoint":"http://127.0.0.1:8642/oidc/v1/token",` +
		`"grant_types_supported":["client_credentials"],"response_types_supported":[],"token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post"],"scopes_supported":["all-apis"]}` + "\n"
	if a.body != want {
		t.Errorf("discovery %s", a.body)
	}
	if b := ask(t, s, "GET", "/oidc/.well-known/openid-configuration", "", "Authorization:"); b.body != want {
		t.Errorf("discovery %s", b.body)
	}
}

func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`{"Operations":[{"op":"add","path":"members","value":[{"value":"8"}]}]}`, `{"Operations":[{"op":"remove","path":"members[value eq \"8\"]"}]}`,
		`{"Operations":[{"op":"replace","value":{"displayName":"x","active":"False"}}]}`, `{"Operations":[{"op":"Add","path":"members","value":{"value":1}}]}`, "{}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		operations, err := decodePatch(body)
		if err != nil {
			wantShort(t, err, body)
			return
		}
		for _, kind := range []access.Kind{access.KindUser, access.KindGroup} {
			p := access.Principal{ID: "9", Kind: kind, Name: "x@y", Members: []string{"8"}}
			for _, o := range operations {
				if err := o.apply(&p); err != nil {
					wantShort(t, err, body)
				}
			}
			if p.ID != "9" || p.Kind != kind || kind == access.KindUser && (p.Name != "x@y" || len(p.Members) != 1) {
				t.Fatalf("%q made %+v", body, p)
			}
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{`userName eq "a"`, `displayName co a`, `id  ne  '7'`, `a`, `members[value eq "x"]`, ` eq `} {
		f.Add(seed)
	}
	p := access.Principal{ID: "7", Kind: access.KindUser, Name: "a@b", DisplayName: "A"}
	f.Fuzz(func(t *testing.T, text string) {
		matches, err := principalFilter(text, access.KindUser)
		if err != nil {
			wantShort(t, err, []byte(text))
			return
		}
		matches(p)
	})
}

func FuzzSecret(f *testing.F) {
	for _, seed := range []string{`{"scope":"sc","key":"k","string_value":"v"}`, `{"scope":"sc","key":"k","bytes_value":"AP8="}`, `{"string_value":null,"bytes_value":"="}`, "["} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := decodeSecret(body); err != nil {
			wantShort(t, err, body)
		}
	})
}

func FuzzTokenRequest(f *testing.F) {
	f.Add("grant_type=client_credentials&client_id=a&client_secret=b", "")
	f.Add("grant_type=client_credentials", "Basic YTpi")
	f.Add("grant_type=client_credentials&client_id=%", "Basic !")
	f.Fuzz(func(t *testing.T, body, auth string) {
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		if auth != "" {
			header["Authorization"] = []string{auth}
		}
		in, refused := decodeTokenRequest(header, body)
		if refused == nil && (in.client == "" || in.secret == "") || refused != nil && (refused.Error == "" || len(refused.Description) > 400) {
			t.Fatalf("%q, %q: %+v, %+v", body, auth, in, refused)
		}
	})
}
