package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/gateway/inference"
	"servery/engine/store"
)

func (f *fake) Tables() *inference.Reader {
	if f.tables == nil {
		return inference.NewReader(store.OpenRows("/there/is/none", store.RowsOptions{}))
	}
	return f.tables
}

func (f *fake) TablesFailed() string { return "" }

// tableStart is when the requests came: rows that are older than 30 days are not there.
var tableStart = time.Now().Add(-time.Hour).Truncate(time.Millisecond)

// withTable gives digits an inference table with five requests, one a second, and an
// endpoint that is gone another with one.
func withTable(t testing.TB, f *fake) {
	t.Helper()
	rows := store.OpenRows(filepath.Join(t.TempDir(), "rows"), store.RowsOptions{})
	tables := inference.New(inference.Options{Rows: rows})
	t.Cleanup(func() { tables.Close(); rows.Close() })
	e := f.endpoints["digits"]
	e.AIGateway = &endpoint.AIGateway{InferenceTable: &endpoint.InferenceTable{Enabled: true, Catalog: "main", Schema: "default", TablePrefix: "digits"}}
	gone := e
	gone.ID, gone.Name = strings.Repeat("f", 32), "gone"
	for i := range 6 {
		r := &gateway.Request{Endpoint: &e, Entity: "digits-1", ConfigVersion: 1, Requester: ada, ID: fmt.Sprint("id-", i),
			At: tableStart.Add(time.Duration(i) * time.Second), Status: []int{200, 404}[i%2],
			Body: []byte(fmt.Sprintf(`{"inputs":[%d]}`, i)), Answer: []byte(`{"predictions":[1]}`)}
		if i == 5 {
			r.Endpoint = &gone
		}
		tables.Take(r)
	}
	f.tables = tables.Reader()
}

const tablePath = "/api/2.0/servery/tables/main.default.digits_payload"

func ids(t *testing.T, body string) (list []string, next string) {
	t.Helper()
	var got struct {
		Rows []struct {
			ID string `json:"databricks_request_id"`
		}
		Next string `json:"next_page_token"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, row := range got.Rows {
		list = append(list, row.ID)
	}
	return list, got.Next
}

func TestRowsAreSearchedAndPaged(t *testing.T) {
	f := withDigits(newFake())
	withTable(t, f)
	s := New(f, Options{})
	for query, want := range map[string][]string{
		"":                                   {"id-4", "id-3", "id-2", "id-1", "id-0"},
		"order=asc":                          {"id-0", "id-1", "id-2", "id-3", "id-4"},
		"status_code=404":                    {"id-3", "id-1"},
		"status_code=2xx":                    {"id-4", "id-2", "id-0"},
		"contains=" + url.QueryEscape("[2]"): {"id-2"},
		"request_id=id-1":                    {"id-1"},
		"requester=nobody":                   nil,
		"served_entity_name=digits-1&order=": {"id-4", "id-3", "id-2", "id-1", "id-0"},
		fmt.Sprint("end_time=", tableStart.UnixMilli()+2000):                                    {"id-1", "id-0"},
		"start_time=" + url.QueryEscape(tableStart.Add(3*time.Second).Format(time.RFC3339Nano)): {"id-4", "id-3"},
		"endpoint_id=" + strings.Repeat("f", 32):                                                {"id-5"},
	} {
		a := ask(t, s, "GET", tablePath+"/rows?"+query, "")
		if got, _ := ids(t, a.body); a.status != 200 || !slices.Equal(got, want) {
			t.Errorf("%s: %d %v, want %v", query, a.status, got, want)
		}
		a = ask(t, s, "GET", tablePath+"/count?"+query, "")
		if a.status != 200 || strings.TrimSpace(a.body) != fmt.Sprintf(`{"rows":%d}`, len(want)) {
			t.Errorf("%s: count %d %s", query, a.status, a.body)
		}
	}
	var all []string
	for token := ""; ; {
		got, next := ids(t, ask(t, s, "GET", tablePath+"/rows?max_results=2&page_token="+token, "").body)
		if all = append(all, got...); next == "" {
			break
		}
		token = next
	}
	if want := []string{"id-4", "id-3", "id-2", "id-1", "id-0"}; !slices.Equal(all, want) {
		t.Errorf("pages %v, want %v", all, want)
	}
	for _, bad := range []string{"status_code=9xx", "status_code=x", "start_time=yesterday", "max_results=0", "max_results=1001", "page_token=x", "order=up"} {
		name, _, _ := strings.Cut(bad, "=")
		ask(t, s, "GET", tablePath+"/rows?"+bad, "").wantError(t, 400, "INVALID_PARAMETER_VALUE", name)
	}
}

func TestATableIsExportedKeptAndDeleted(t *testing.T) {
	f := withDigits(newFake())
	withTable(t, f)
	s := New(f, Options{})
	for format, begins := range map[string]string{"csv": "request_date,databricks_request_id,", "jsonl": `{"request_date":"` + tableStart.UTC().Format(time.DateOnly) + `",`, "parquet": "PAR1"} {
		a := ask(t, s, "GET", tablePath+"/export?order=asc&format="+format, "")
		if a.status != 200 || !strings.HasPrefix(a.body, begins) || !strings.Contains(a.header.Get("Content-Disposition"), "digits_payload."+format) {
			t.Errorf("%s: %d %.80q %v", format, a.status, a.body, a.header)
		}
	}
	ask(t, s, "GET", tablePath+"/export", "").wantError(t, 400, "INVALID_PARAMETER_VALUE", "csv, jsonl or parquet")
	for days, status := range map[string]int{"0.5": 200, "0": 200, "-1": 400, `"x"`: 400, "null": 400, "40000": 400} {
		a := ask(t, s, "PATCH", tablePath, `{"keep_days":`+days+`}`)
		if a.status != status || status == 200 && !strings.Contains(a.body, `"keep_days":`+days+`,`) {
			t.Errorf("keep_days %s: %d %s", days, a.status, a.body)
		}
	}
	ask(t, s, "DELETE", tablePath+"/rows", "").wantError(t, 400, "INVALID_PARAMETER_VALUE", "end_time")
	if a := ask(t, s, "DELETE", tablePath+"/rows?end_time="+fmt.Sprint(tableStart.UnixMilli()+3000), ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if got, _ := ids(t, ask(t, s, "GET", tablePath+"/rows", "").body); !slices.Equal(got, []string{"id-4", "id-3"}) {
		t.Errorf("%v are left", got)
	}
	if a := ask(t, s, "DELETE", tablePath+"?endpoint_id="+digitsID, ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	ask(t, s, "GET", tablePath+"?endpoint_id="+digitsID, "").wantError(t, 404, "RESOURCE_DOES_NOT_EXIST", "digits_payload")
	ask(t, s, "GET", "/api/2.0/servery/tables/a.b.c_payload/rows", "").wantError(t, 404, "RESOURCE_DOES_NOT_EXIST")
}

// Rows hold what others have sent: who may only query the endpoint reads none of them.
func TestOnlyWhoManagesTheEndpointReadsItsTable(t *testing.T) {
	for _, level := range []access.Level{access.NoAccess, access.CanView, access.CanQuery, access.CanManage} {
		f := withDigits(newFake())
		withTable(t, f)
		f.level = level
		s := New(f, Options{})
		for _, r := range tableRoutes {
			path := "/" + strings.Join(r.pattern.at[:r.pattern.n], "/")
			path = strings.Replace(path, "{full_name}", "main.default.digits_payload", 1) + "?format=csv&end_time=1&"
			if !strings.Contains(path, "digits_payload") {
				a := ask(t, s, r.method, path, "", as(guestToken))
				if has := strings.Contains(a.body, "digits_payload"); a.status != 200 || has != (level == access.CanManage) || strings.Contains(a.body, "gone") {
					t.Errorf("%s lists %s", level, a.body)
				}
				continue
			}
			gone := ask(t, s, r.method, path+"endpoint_id="+strings.Repeat("f", 32), `{"keep_days":1}`, as(guestToken))
			gone.wantError(t, 403, "PERMISSION_DENIED", "administrator")
			a := ask(t, s, r.method, path, `{"keep_days":1}`, as(guestToken))
			if refused := a.status == http.StatusForbidden; refused != (level < access.CanManage) {
				t.Errorf("%s: %s %s is %d", level, r.method, path, a.status)
			}
			if r.method == "DELETE" {
				withTable(t, f)
			}
		}
	}
}
