package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"servery/engine/access"
)

const digitsID = "00000000000000000000000000000001"

// withPeople is a fake that serves digits with real users, and a token for each of them.
func withPeople(t testing.TB, names ...string) (*household, *Server, map[string]string) {
	t.Helper()
	h := &household{withDigits(newFake())}
	tokens := map[string]string{}
	for _, name := range names {
		p, err := h.house().access.ByName(name, access.KindUser)
		if err != nil {
			if p, err = h.CreatePrincipal(context.Background(), access.Principal{Kind: access.KindUser, Name: name, Active: true}); err != nil {
				t.Fatal(err)
			}
		}
		if tokens[name], _, err = h.NewToken(context.Background(), p.ID, p.ID, "", 0); err != nil {
			t.Fatal(err)
		}
	}
	return h, New(h, Options{}), tokens
}

func as(token string) string { return "Authorization: Bearer " + token }

// path is a path of the route, to digits.
func (r *route) path() string {
	parts := slices.Clone(r.pattern.at[:r.pattern.n])
	first := true
	for i, part := range parts {
		if !strings.HasPrefix(part, "{") {
			continue
		}
		switch {
		case !first:
			parts[i] = "digits-1"
		case r.id:
			parts[i] = digitsID
		default:
			parts[i] = "digits"
		}
		first = false
	}
	return "/" + strings.Join(parts, "/")
}

// Two users with each pair of levels try each route about an endpoint: each is let in by
// its own level, whatever the other has, and however it came by it.
func TestTwoUsersWithDifferentPermissionsOnEveryRoute(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "route\tneeds\tnone\tCAN_VIEW\tCAN_QUERY\tCAN_MANAGE\t")
	tried := 0
	for i := range routes {
		r := &routes[i]
		if !r.answered() || r.needs == access.NoAccess {
			continue
		}
		tried++
		method := r.method
		if method == "" {
			method = "GET"
		}
		fmt.Fprintf(w, "%s %s\t%s\t", method, "/"+strings.Join(r.pattern.at[:r.pattern.n], "/"), r.needs)
		for bobs := access.NoAccess; bobs <= access.CanManage; bobs++ {
			for eves := access.NoAccess; eves <= access.CanManage; eves++ {
				for _, who := range []struct {
					name  string
					level access.Level
				}{{"bob@example.com", bobs}, {"eve@example.com", eves}} {
					h, s, tokens := withPeople(t, "bob@example.com", "eve@example.com")
					eve, err := h.PrincipalByName("eve@example.com")
					if err != nil {
						t.Fatal(err)
					}
					team, err := h.CreatePrincipal(t.Context(), access.Principal{Kind: access.KindGroup, Name: "team", Members: []string{eve.ID}})
					if err != nil {
						t.Fatal(err)
					}
					// Bob has his level himself, eve hers through a group.
					if err := h.Grant(t.Context(), digitsID, map[string]access.Level{"8": bobs, team.ID: eves}, true); err != nil {
						t.Fatal(err)
					}
					a := ask(t, s, method, r.path(), "{}", as(tokens[who.name]))
					refused := a.status == http.StatusForbidden
					if refused != (who.level < r.needs) {
						t.Errorf("%s %s as %s with %s: status %d %s", method, r.path(), who.name, who.level, a.status, a.body)
					}
					if refused {
						a.wantError(t, 403, "PERMISSION_DENIED", who.name, who.level.String(), r.needs.String())
					} else if a.status == http.StatusNotFound || a.status >= 500 {
						t.Errorf("%s %s does not reach the endpoint: status %d %s", method, r.path(), a.status, a.body)
					}
					if who.name == "bob@example.com" && eves == access.NoAccess {
						fmt.Fprintf(w, "%d\t", a.status)
					}
				}
			}
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	t.Logf("status of each route by the user's level:\n%s", table.String())
	if tried < 10 {
		t.Errorf("only %d routes were tried", tried)
	}
}

// What changes users and tokens of others takes an administrator; a change of the group
// counts from the next request on.
func TestAdministratorsRoutesRefuseEverybodyElse(t *testing.T) {
	tried := 0
	for i := range routes {
		r := &routes[i]
		if !r.admins {
			continue
		}
		tried++
		h, s, tokens := withPeople(t, "bob@example.com")
		a := ask(t, s, r.method, r.path(), "{}", as(tokens["bob@example.com"]))
		a.wantError(t, 403, "PERMISSION_DENIED", "bob@example.com is no administrator", "admins")
		if _, err := h.EditPrincipal(t.Context(), access.KindGroup, "1000000000000002", func(p *access.Principal) error { p.Members = append(p.Members, "8"); return nil }); err != nil {
			t.Fatal(err)
		}
		if a := ask(t, s, r.method, r.path(), "{}", as(tokens["bob@example.com"])); a.status == 403 {
			t.Errorf("%s %s as an administrator: %s", r.method, r.path(), a.body)
		}
	}
	if tried < 12 {
		t.Errorf("only %d routes take administrators", tried)
	}
}

// A route that is added to an endpoint's paths cannot forget to say what it needs.
func TestEveryRouteToAnEndpointNeedsSomething(t *testing.T) {
	for i := range routes {
		r := &routes[i]
		at := slices.IndexFunc(r.pattern.at[:r.pattern.n], func(part string) bool { return strings.HasPrefix(part, "{") })
		if !r.answered() || at < 1 {
			continue
		}
		about := r.pattern.at[at-1]
		if about != "serving-endpoints" && about != "endpoints" && r.pattern.at[0] != "v2" {
			if r.needs != access.NoAccess {
				t.Errorf("%s %v needs %s, but its first {…} is no endpoint", r.method, r.pattern.at[:r.pattern.n], r.needs)
			}
			continue
		}
		if r.needs == access.NoAccess {
			t.Errorf("%s %v lets every user in: say what it needs", r.method, r.pattern.at[:r.pattern.n])
		}
		if byID := slices.Contains(r.pattern.at[:r.pattern.n], "permissions"); byID != r.id {
			t.Errorf("%s %v: by id %t", r.method, r.pattern.at[:r.pattern.n], r.id)
		}
	}
}

func TestPermissionsOnTheWire(t *testing.T) {
	h, s, _ := withPeople(t, "eve@example.com")
	robot, err := h.CreatePrincipal(t.Context(), access.Principal{Kind: access.KindServicePrincipal, Name: "1b4e28ba-2fa1-41d2-883f-0016d3cca427", DisplayName: "robot", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	const (
		path   = "/api/2.0/permissions/serving-endpoints/" + digitsID
		head   = `{"object_id":"/serving-endpoints/` + digitsID + `","object_type":"serving-endpoint","access_control_list":[`
		ada    = `{"user_name":"ada@example.com","display_name":"Ada","all_permissions":[{"permission_level":"CAN_MANAGE","inherited":false}]}`
		bob    = `{"user_name":"bob@example.com","display_name":"Bob","all_permissions":[{"permission_level":"CAN_QUERY","inherited":false}]}`
		users  = `{"group_name":"users","display_name":"users","all_permissions":[{"permission_level":"CAN_VIEW","inherited":false}]}`
		admins = `{"group_name":"admins","display_name":"admins","all_permissions":[{"permission_level":"CAN_MANAGE","inherited":true,"inherited_from_object":["/serving-endpoints/"]}]}`
	)
	for _, c := range []struct{ method, body, want string }{
		{"GET", "", head + ada + "," + admins + "]}\n"},
		{"PUT", `{"access_control_list":[{"permission_level":"CAN_QUERY","user_name":"bob@example.com"}]}`, head + ada + "," + bob + "," + admins + "]}\n"},
		{"PATCH", `{"access_control_list":[{"group_name":"users","permission_level":"CAN_VIEW"}]}`, head + ada + "," + bob + "," + users + "," + admins + "]}\n"},
		{"GET", "", head + ada + "," + bob + "," + users + "," + admins + "]}\n"},
		{"PUT", `{"access_control_list":[{"service_principal_name":"` + robot.Name + `","permission_level":"CAN_MANAGE"},{"user_name":"ada@example.com","permission_level":"CAN_VIEW"}]}`,
			head + ada + `,{"service_principal_name":"` + robot.Name + `","display_name":"robot","all_permissions":[{"permission_level":"CAN_MANAGE","inherited":false}]},` + admins + "]}\n"},
		{"PATCH", `{"access_control_list":[{"group_name":"admins","permission_level":"CAN_QUERY"}]}`,
			head + ada + `,{"service_principal_name":"` + robot.Name + `","display_name":"robot","all_permissions":[{"permission_level":"CAN_MANAGE","inherited":false}]},` +
				`{"group_name":"admins","display_name":"admins","all_permissions":[{"permission_level":"CAN_QUERY","inherited":false},{"permission_level":"CAN_MANAGE","inherited":true,"inherited_from_object":["/serving-endpoints/"]}]}]}` + "\n"},
		{"PUT", `{}`, head + ada + "," + admins + "]}\n"},
	} {
		if a := ask(t, s, c.method, path, c.body); a.status != 200 || a.body != c.want {
			t.Errorf("%s %s: status %d\n%s\nwant\n%s", c.method, c.body, a.status, a.body, c.want)
		}
	}
	levels := `{"permission_levels":[{"permission_level":"CAN_MANAGE","description":"Can Manage the serving endpoint"},{"permission_level":"CAN_QUERY","description":"Can Query the serving endpoint"},{"permission_level":"CAN_VIEW","description":"Can View the serving endpoint"}]}` + "\n"
	if a := ask(t, s, "GET", path+"/permissionLevels?", ""); a.body != levels {
		t.Errorf("levels %s", a.body)
	}
}

func TestWrongPermissionsAreToldAndChangeNothing(t *testing.T) {
	h, s, _ := withPeople(t)
	path := "/api/2.0/permissions/serving-endpoints/" + digitsID
	for _, c := range []struct {
		path, body string
		status     int
		code       string
		words      []string
	}{
		{path, `{"access_control_list":[{"user_name":"nobody@example.com","permission_level":"CAN_VIEW"},{"user_name":"bob@example.com","permission_level":"CAN_VIEW"}]}`, 404, "RESOURCE_DOES_NOT_EXIST", []string{"access_control_list[0].user_name", `"nobody@example.com" does not exist`}},
		{path, `{"access_control_list":[{"group_name":"bob@example.com","permission_level":"CAN_VIEW"}]}`, 404, "RESOURCE_DOES_NOT_EXIST", []string{"Group"}},
		{path, `{"access_control_list":[{"permission_level":"CAN_VIEW"}]}`, 400, "MALFORMED_REQUEST", []string{"access_control_list[0]", "user_name, group_name and service_principal_name, got none"}},
		{path, `{"access_control_list":[{"user_name":"bob@example.com","group_name":"users","permission_level":"CAN_VIEW"}]}`, 400, "MALFORMED_REQUEST", []string{"got user_name and group_name"}},
		{path, `{"access_control_list":[{"user_name":"bob@example.com","permission_level":"IS_OWNER"}]}`, 400, "MALFORMED_REQUEST", []string{"access_control_list[0].permission_level", "CAN_VIEW, CAN_QUERY or CAN_MANAGE", "IS_OWNER"}},
		{path, `{"access_control_list":[{"user_name":"bob@example.com"}]}`, 400, "MALFORMED_REQUEST", []string{"permission_level", "got null"}},
		{path, `{"access_control_list":[{"user_name":"bob@example.com","permission_level":"CAN_VIEW"},{"user_name":"BOB@example.com","permission_level":"CAN_QUERY"}]}`, 400, "INVALID_PARAMETER_VALUE", []string{"named twice"}},
		{path, `{"access_control_list":7}`, 400, "MALFORMED_REQUEST", []string{"access_control_list"}},
		{"/api/2.0/permissions/serving-endpoints/digits", `{}`, 404, "RESOURCE_DOES_NOT_EXIST", []string{"No endpoint has the id 'digits'", digitsID}},
		{"/api/2.0/permissions/serving-endpoints/none", `{}`, 404, "RESOURCE_DOES_NOT_EXIST", []string{"'none'"}},
		{"/api/2.0/permissions/serving-endpoints/none/permissionLevels", ``, 404, "RESOURCE_DOES_NOT_EXIST", []string{"'none'"}},
	} {
		methods := []string{"PUT", "PATCH"}
		if c.body == "" {
			methods = []string{"GET"}
		}
		for _, method := range methods {
			ask(t, s, method, c.path, c.body).wantError(t, c.status, c.code, c.words...)
		}
	}
	if g := h.Grants(digitsID); len(g) != 0 {
		t.Errorf("granted %v", g)
	}
}

// The endpoint of a creator who is no user any more is managed by administrators.
func TestACreatorWhoWentIsNotListed(t *testing.T) {
	h, s, _ := withPeople(t)
	e := h.endpoints["digits"]
	e.Creator = "gone@example.com"
	h.endpoints["digits"] = e
	a := ask(t, s, "GET", "/api/2.0/permissions/serving-endpoints/"+digitsID, "")
	var p wirePermissions
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || len(p.List) != 1 || p.List[0].Group != "admins" {
		t.Errorf("%s", a.body)
	}
}

func TestWhoCreatesAnEndpointManagesIt(t *testing.T) {
	_, s, tokens := withPeople(t, "bob@example.com", "eve@example.com")
	if a := ask(t, s, "POST", "/api/2.0/serving-endpoints", `{"name":"mine"}`, as(tokens["bob@example.com"])); a.status != 200 || !strings.Contains(a.body, `"permission_level":"CAN_MANAGE"`) || !strings.Contains(a.body, `"creator":"bob@example.com"`) {
		t.Fatalf("create: %d %s", a.status, a.body)
	}
	ask(t, s, "DELETE", "/api/2.0/serving-endpoints/mine", "", as(tokens["eve@example.com"])).wantError(t, 403, "PERMISSION_DENIED")
	if a := ask(t, s, "DELETE", "/api/2.0/serving-endpoints/mine", "", as(tokens["bob@example.com"])); a.status != 200 {
		t.Errorf("delete by its creator: %d %s", a.status, a.body)
	}
}

func FuzzPermissions(f *testing.F) {
	for _, seed := range []string{`{"access_control_list":[{"user_name":"a","permission_level":"CAN_VIEW"}]}`, `{"access_control_list":[{"group_name":1}]}`, "{}", "[", `{"access_control_list":[null,{}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		entries, err := decodePermissions(body)
		if err != nil {
			wantShort(t, err, body)
			return
		}
		for _, e := range entries {
			if e.name == "" || e.level == access.NoAccess || e.kind == "" {
				t.Fatalf("%q gives %+v", body, e)
			}
		}
	})
}

// wantShort checks that a refusal has a status of the client's and a short text.
func wantShort(t *testing.T, err error, body []byte) {
	t.Helper()
	e := explain(err, false)
	if e.code.status < 400 || e.code.status >= 500 || e.message == "" || len(e.message) > 100*mostSaid+10*len(body) {
		t.Fatalf("%q: status %d, %d bytes of message", body, e.code.status, len(e.message))
	}
}
