package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"servery/engine/access"
)

// Each route that names an endpoint refuses who has less than it needs, and lets in who
// has as much.
func TestARouteTakesWhatTheUserIsAllowed(t *testing.T) {
	f := withDigits(newFake())
	s := New(f, Options{})
	for _, c := range []struct {
		method, path string
		needs        access.Level
	}{
		{"GET", "/api/2.0/serving-endpoints/digits", access.CanView},
		{"GET", "/api/2.0/servery/endpoints/digits/events", access.CanView},
		{"GET", "/api/2.0/servery/endpoints/digits/workers", access.CanView},
		{"GET", "/api/2.0/serving-endpoints/digits/metrics", access.CanView},
		{"GET", "/api/2.0/serving-endpoints/digits/served-models/digits-1/logs", access.CanView},
		{"GET", "/api/2.0/serving-endpoints/digits/served-models/digits-1/build-logs", access.CanView},
		{"POST", "/serving-endpoints/digits/invocations", access.CanQuery},
		{"POST", "/serving-endpoints/digits/served-models/digits-1/invocations", access.CanQuery},
		{"DELETE", "/api/2.0/serving-endpoints/digits", access.CanManage},
	} {
		for level := access.NoAccess; level <= access.CanManage; level++ {
			f.level = level
			a := ask(t, s, c.method, c.path, "{}", "Authorization: Bearer "+guestToken)
			if level < c.needs {
				a.wantError(t, http.StatusForbidden, "PERMISSION_DENIED", bob.Name, level.String(), c.needs.String())
			} else if a.status != http.StatusOK {
				t.Errorf("%s %s with %s: status %d, %s", c.method, c.path, level, a.status, a.body)
			}
		}
	}
}

func TestAListShowsWhatTheUserMayView(t *testing.T) {
	f := withDigits(newFake())
	s := New(f, Options{})
	for level, want := range map[access.Level]int{access.NoAccess: 0, access.CanView: 1, access.CanManage: 1} {
		f.level = level
		a := ask(t, s, "GET", "/api/2.0/serving-endpoints", "", "Authorization: Bearer "+guestToken)
		var list struct {
			Endpoints []struct {
				Level string `json:"permission_level"`
			} `json:"endpoints"`
		}
		if err := json.Unmarshal([]byte(a.body), &list); err != nil || list.Endpoints == nil || len(list.Endpoints) != want {
			t.Errorf("%s: %v, %s", level, err, a.body)
		}
		if want > 0 && list.Endpoints[0].Level != level.String() {
			t.Errorf("%s: permission_level %q", level, list.Endpoints[0].Level)
		}
	}
}
