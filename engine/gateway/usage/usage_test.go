package usage

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/rows"
	"servery/engine/runtime"
	"servery/engine/tabletest"
)

func tracked(name string) *endpoint.Endpoint {
	yes := true
	return &endpoint.Endpoint{Name: name, ID: "id-" + name, AIGateway: &endpoint.AIGateway{UsageTracking: &yes}}
}

func finished(name, who, id string, status int) *gateway.Request {
	return &gateway.Request{
		Endpoint: tracked(name), Entity: "m-1", ConfigVersion: 2, Requester: access.User{Name: who}, ID: id, At: time.Now(), Status: status,
		Refused: status == 429, Timing: runtime.Timing{Run: time.Millisecond}, Body: []byte(`{"client_request_id":"c-` + id + `","usage_context":{"project":"p"}}`),
	}
}

func TestOnlyTrackedEndpointsAreWanted(t *testing.T) {
	no := false
	for e, want := range map[*endpoint.Endpoint]bool{{}: false, {AIGateway: &endpoint.AIGateway{}}: false, {AIGateway: &endpoint.AIGateway{UsageTracking: &no}}: false, tracked("m"): true} {
		if got := (&Tracker{}).Wants(e); got != want {
			t.Errorf("%+v: %v, want %v", e.AIGateway, got, want)
		}
	}
}

func TestARowIsReadAsItWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tabletest.NewRows()
		x := New(Options{Rows: m})
		defer x.Close()
		r := finished("m", "ada@example.com", "r-1", 200)
		x.Take(r)
		r.Body[2] = 'X' // it is the caller's again
		list, _, more, err := x.Requests(Query{Most: 10})
		want := Request{
			At: r.At.UTC(), Status: 200, Requester: "ada@example.com", ID: "r-1", ClientID: "c-r-1", Context: map[string]string{"project": "p"},
			EndpointID: "id-m", Endpoint: "m", EntityID: gateway.EntityID("id-m", 2, "m-1"), Entity: "m-1", Run: time.Millisecond,
			Position: rows.Position{Segment: 1, At: r.At.UnixNano()},
		}
		if err != nil || more || len(list) != 1 || fmt.Sprint(list[0]) != fmt.Sprint(want) {
			t.Errorf("read %+v, %v, %v, want %+v", list, more, err, want)
		}
		for _, table := range []string{requestsTable, totalsTable} {
			if keep, _, _ := m.Keep(table); keep != Keep {
				t.Errorf("%s is kept for %v", table, keep)
			}
		}
	})
}

func TestRowsAreWrittenByThemselvesAndByClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tabletest.NewRows()
		x := New(Options{Rows: m})
		x.Take(finished("m", "ada", "1", 200))
		time.Sleep(batchTime)
		synctest.Wait()
		if m.Len(requestsTable) != 1 || m.Len(totalsTable) != 0 {
			t.Fatalf("%d rows and %d totals after %v", m.Len(requestsTable), m.Len(totalsTable), batchTime)
		}
		time.Sleep(totalsTime)
		synctest.Wait()
		if m.Len(totalsTable) != 1 {
			t.Fatalf("%d totals after a minute", m.Len(totalsTable))
		}
		x.Take(finished("m", "ada", "2", 200))
		x.Close()
		x.Take(finished("m", "ada", "3", 200))
		if m.Len(requestsTable) != 2 || m.Len(totalsTable) != 2 {
			t.Errorf("%d rows and %d totals after Close", m.Len(requestsTable), m.Len(totalsTable))
		}
	})
}

// A full batch does not wait for the clock.
func TestAFullBatchIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tabletest.NewRows()
		x := New(Options{Rows: m})
		defer x.Close()
		for i := range batchRows {
			x.Take(finished("m", "ada", fmt.Sprint(i), 200))
		}
		synctest.Wait()
		if n := m.Len(requestsTable); n != batchRows {
			t.Errorf("%d rows are written at once, want %d", n, batchRows)
		}
	})
}

func TestPagesFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := New(Options{Rows: tabletest.NewRows()})
		defer x.Close()
		for i := range 25 {
			x.Take(finished([]string{"a", "b"}[i%2], "ada", fmt.Sprint(i), 200))
			time.Sleep(time.Second)
		}
		var ids []string
		q := Query{Endpoint: "a", Most: 4}
		for more := true; more; {
			list, next, again, err := x.Requests(q)
			if err != nil || len(list) > 4 || again && len(list) == 0 {
				t.Fatal(list, again, err)
			}
			for _, r := range list {
				ids = append(ids, r.ID)
			}
			q.After, more = next, again
		}
		if want := "24 22 20 18 16 14 12 10 8 6 4 2 0"; strings.Join(ids, " ") != want {
			t.Errorf("read %v, want %s", ids, want)
		}
		list, _, _, err := x.Requests(Query{From: time.Now().Add(-3 * time.Second), To: time.Now().Add(-time.Second), Most: 10})
		if err != nil || len(list) != 2 {
			t.Errorf("two seconds have %d rows, %v", len(list), err)
		}
	})
}

func TestTotalsAreTheSumsOfWhatWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is midnight, 2000-01-01
		x := New(Options{Rows: tabletest.NewRows()})
		began := time.Now().UTC()
		for hour := range 30 {
			for i, status := range []int{200, 400, 500, 429, 200} {
				x.Take(finished("m", "ada", fmt.Sprint(i), status))
			}
			if hour%10 == 0 {
				x.Take(finished("n", "bob", "b", 200))
			}
			time.Sleep(time.Hour)
		}
		check := func(when string) {
			hours, err := x.Totals("", time.Time{}, time.Time{}, false)
			if err != nil || len(hours) != 33 || !hours[0].From.Equal(began.Add(29*time.Hour)) {
				t.Fatalf("%s: %d hours, %v", when, len(hours), err)
			}
			want := Total{began.Add(29 * time.Hour), "id-m", "m", "m-1", "ada", Sums{5, 2, 1, 1, 5 * time.Millisecond}}
			if hours[0] != want {
				t.Errorf("%s: the last hour is %+v, want %+v", when, hours[0], want)
			}
			days, err := x.Totals("m", time.Time{}, time.Time{}, true)
			if err != nil || len(days) != 2 || days[0].Requests != 6*5 || days[1].Requests != 24*5 || !days[1].From.Equal(began) {
				t.Errorf("%s: by the day %+v, %v", when, days, err)
			}
			some, err := x.Totals("n", began.Add(5*time.Hour), began.Add(20*time.Hour), false)
			if err != nil || len(some) != 1 || some[0].Requester != "bob" || !some[0].From.Equal(began.Add(10*time.Hour)) {
				t.Errorf("%s: some hours %+v, %v", when, some, err)
			}
		}
		check("while it runs")
		x.Close()
		again := New(Options{Rows: x.rows})
		x = again
		check("after a restart")
		x.Close()
	})
}

// What cannot be written is counted and told, and the totals come later.
func TestWhatCannotBeWrittenIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tabletest.NewRows()
		var log strings.Builder
		x := New(Options{Rows: m, Log: textLog(&log)})
		full := errors.New("the disk is full")
		m.SetGate(func(string, int) (int, error) { return 0, full })
		for range 2*maxQueued + 5 { // the rows of a full queue are lost at once
			x.Take(finished("m", "ada", "r", 200))
		}
		time.Sleep(2 * time.Minute)
		m.SetGate(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !strings.Contains(log.String(), "the disk is full") || strings.Count(log.String(), "\n") > 2 {
			t.Errorf("the log: %s", log.String())
		}
		totals, err := x.Totals("", time.Time{}, time.Time{}, true)
		if err != nil || len(totals) != 1 || totals[0].Requests < 1 || m.Len(requestsTable) != 0 {
			t.Errorf("%+v, %v, %d rows", totals, err, m.Len(requestsTable))
		}
		x.Close()
	})
}

func TestManyTakeAtOnce(t *testing.T) {
	m := tabletest.NewRows()
	x := New(Options{Rows: m})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 500 {
				x.Take(finished("m", fmt.Sprint(g), fmt.Sprintf("%d-%d", g, i), 200))
			}
		})
	}
	all.Wait()
	x.Close()
	seen := map[string]bool{}
	last := map[string]int{}
	err := m.Scan(requestsTable, rows.Scan{}, func(at rows.Position, value []byte) error {
		r, err := decodeRequest(at, value)
		if seen[r.ID] {
			t.Errorf("%s twice", r.ID)
		}
		seen[r.ID] = true
		var g, i int
		_, _ = fmt.Sscanf(r.ID, "%d-%d", &g, &i)
		if i < last[r.Requester] {
			t.Errorf("%s came after %d", r.ID, last[r.Requester])
		}
		last[r.Requester] = i
		return err
	})
	if err != nil || len(seen) != 4000 {
		t.Errorf("%d rows, %v", len(seen), err)
	}
}

// behind are endpoints with their configurations.
type behind map[string][]endpoint.ConfigVersion

func (b behind) List() (list []endpoint.Endpoint) {
	for _, name := range slices.Sorted(maps.Keys(b)) {
		list = append(list, endpoint.Endpoint{Name: name, ID: "id-" + name, Creator: "ada"})
	}
	return list
}

func (b behind) Versions(name string) ([]endpoint.ConfigVersion, error) {
	if v, ok := b[name]; ok {
		return v, nil
	}
	return nil, &endpoint.NotFoundError{Name: name}
}

type table map[string][]byte

func (x table) Each(_ string, fn func(string, []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(x)) {
		if err := fn(k, x[k]); err != nil {
			return err
		}
	}
	return nil
}

func (x table) Apply(changes map[string][]byte) error {
	for k, v := range changes {
		if x[k] = v; v == nil {
			delete(x, k)
		}
	}
	return nil
}

func version(n int, from time.Time, entities ...string) endpoint.ConfigVersion {
	v := endpoint.ConfigVersion{Config: endpoint.Config{Version: n, ActiveFrom: from, Creator: "eve"}}
	for _, name := range entities {
		v.Config.Entities = append(v.Config.Entities, endpoint.ServedEntity{Name: name, ModelName: "main.default.m", ModelVersion: n, WorkloadType: "CPU", MaxConcurrency: 4})
	}
	return v
}

func TestServedEntitiesAreThoseThatServed(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	b := behind{
		"m": {version(3, now.Add(3*time.Hour), "m-3", "m-1"), version(2, time.Time{}, "m-2"), version(1, now.Add(time.Hour), "m-1")},
		"n": {version(1, now.Add(2*time.Hour), "n-1")},
	}
	x := &Entities{b, table{}}
	names := func() (all []string) {
		t.Helper()
		list, err := x.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			name := fmt.Sprintf("%s/%d/%s", e.Endpoint, e.ConfigVersion, e.Name)
			if !e.DeletedAt.IsZero() {
				name += " deleted"
			}
			if e.ID != gateway.EntityID(e.EndpointID, e.ConfigVersion, e.Name) || e.Creator != "eve" || e.Model != "main.default.m" || e.Compute != "CPU" {
				t.Errorf("%+v", e)
			}
			all = append(all, name)
		}
		return all
	}
	if got, want := strings.Join(names(), ", "), "m/3/m-3, m/3/m-1, n/1/n-1, m/1/m-1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	e := b.List()[0]
	if err := x.Deleting(&e, now.Add(4*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(names(), ", "), "m/3/m-3, m/3/m-1, n/1/n-1, m/1/m-1"; got != want {
		t.Errorf("before the delete: %s, want %s", got, want)
	}
	delete(b, "m")
	if got, want := strings.Join(names(), ", "), "n/1/n-1, m/3/m-3 deleted, m/3/m-1 deleted, m/1/m-1 deleted"; got != want {
		t.Errorf("after the delete: %s, want %s", got, want)
	}
	e = b.List()[0]
	if err := x.Deleting(&e, now.Add(keepDeleted+5*time.Hour)); err != nil {
		t.Fatal(err)
	}
	delete(b, "n")
	if got, want := strings.Join(names(), ", "), "n/1/n-1 deleted"; got != want {
		t.Errorf("a year later: %s, want %s", got, want)
	}
}

func BenchmarkTake(b *testing.B) {
	x := New(Options{Rows: tabletest.NewRows()})
	defer x.Close()
	r := finished("m", "ada@example.com", "r-1", 200)
	b.ReportAllocs()
	for b.Loop() {
		x.Take(r)
	}
}

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
