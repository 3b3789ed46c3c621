package inference

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"servery/engine/endpoint"
	"servery/engine/rows"
	"servery/engine/tabletest"
)

// decoded is what a table holds.
func decoded(t testing.TB, m rows.Tables, table string) (all []Row) {
	t.Helper()
	err := m.Scan(table, rows.Scan{}, func(at rows.Position, value []byte) error {
		row, err := decodeRow(value)
		row.Position = rows.Position{}
		all = append(all, row)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func ptr(s string) *string { return &s }

func TestARequestBecomesARow(t *testing.T) {
	m := tabletest.NewRows()
	tables := New(Options{Rows: m})
	defer tables.Close()
	e := digits()
	r := finished(e, `{"inputs":[1],"client_request_id":"mine"}`, `{"predictions":[2]}`)
	tables.Take(r)
	copy(r.Body, "overwritten by the next request")
	tables.Flush()
	want := Row{
		RequestID: r.ID, ClientRequestID: "mine", Time: noon, Status: 200, Sampling: 1, Execution: 3 * time.Millisecond,
		Request: ptr(`{"inputs":[1],"client_request_id":"mine"}`), Response: ptr(`{"predictions":[2]}`),
		EntityID: r.EntityID(), Requester: "ada@example.com",
		Endpoint: "digits", Model: "main.default.digits", ModelVersion: "1", Entity: "digits-1",
	}
	if got := decoded(t, m, digitsTable); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if keep, known, _ := m.Keep(digitsTable); !known || keep != DefaultKeep {
		t.Errorf("it is kept for %v, %t", keep, known)
	}
}

func TestPayloadsOverOneMebibyteAreNullWithACode(t *testing.T) {
	m := tabletest.NewRows()
	tables := New(Options{Rows: m})
	defer tables.Close()
	e := digits()
	full := strings.Repeat("x", MaxPayload)
	tables.Take(finished(e, full, full))
	tables.Take(finished(e, full+"x", "answer"))
	tables.Take(finished(e, `{"client_request_id":"mine","x":"`+full+`"}`, full+"x"))
	tables.Take(finished(e, "", "\xff\xfe"))
	tables.Flush()
	got := decoded(t, m, digitsTable)
	if len(got) != 4 {
		t.Fatalf("%d rows", len(got))
	}
	for i, want := range []struct {
		request, response *string
		codes             []string
		client            string
	}{
		{ptr(full), ptr(full), nil, ""},
		{nil, ptr("answer"), []string{"MAX_REQUEST_SIZE_EXCEEDED"}, ""},
		{nil, nil, []string{"MAX_REQUEST_SIZE_EXCEEDED", "MAX_RESPONSE_SIZE_EXCEEDED"}, "mine"},
		{ptr(""), ptr("\uFFFD"), nil, ""},
	} {
		r := got[i]
		if !reflect.DeepEqual(r.Request, want.request) || !reflect.DeepEqual(r.Response, want.response) || !slices.Equal(r.ErrorCodes, want.codes) || r.ClientRequestID != want.client {
			t.Errorf("row %d: codes %v, client %q", i, r.ErrorCodes, r.ClientRequestID)
		}
	}
}

func TestATextOfReplacedBytesStaysWithinItsLimit(t *testing.T) {
	s := payload([]byte(strings.Repeat("a\xff", MaxPayload/2)))
	if len(*s) > MaxPayload || len(*s) < MaxPayload-3 || !utf8.ValidString(*s) {
		t.Errorf("%d bytes, valid %t", len(*s), utf8.ValidString(*s))
	}
}

func TestWhichTablesARequestGoesInto(t *testing.T) {
	old := &endpoint.InferenceTable{Enabled: true, Catalog: "ml", Schema: "ads", TablePrefix: "feed"}
	off := *old
	off.Enabled = false
	share := func(f float64) *endpoint.TelemetryExport { return &endpoint.TelemetryExport{Sampling: &f} }
	oldTable := "capture/ml.ads.feed_payload/00000000000000000000000000000001/digits"
	for _, c := range []struct {
		name   string
		change func(e *endpoint.Endpoint)
		want   []string
	}{
		{"the gateway's", func(*endpoint.Endpoint) {}, []string{digitsTable}},
		{"both", func(e *endpoint.Endpoint) { e.Active.AutoCapture = old }, []string{oldTable, digitsTable}},
		{"the older one", func(e *endpoint.Endpoint) { e.AIGateway, e.Active.AutoCapture = nil, old }, []string{oldTable}},
		{"none is on", func(e *endpoint.Endpoint) {
			e.AIGateway.InferenceTable.Enabled, e.Active.AutoCapture = false, &off
		}, nil},
		{"no configuration", func(e *endpoint.Endpoint) { e.Active, e.AIGateway = nil, nil }, nil},
		{"sampled", func(e *endpoint.Endpoint) { e.Telemetry = share(0.51) }, []string{digitsTable}},
		{"sampled out", func(e *endpoint.Endpoint) { e.Telemetry = share(0.5) }, nil},
		{"nothing is sampled", func(e *endpoint.Endpoint) { e.Telemetry = share(0) }, nil},
	} {
		m := tabletest.NewRows()
		tables := New(Options{Rows: m, Random: func() float64 { return 0.5 }})
		e := digits()
		c.change(e)
		if tables.Wants(e) {
			tables.Take(finished(e, "{}", "{}"))
		}
		tables.Close()
		if got, _ := m.Tables(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for _, table := range c.want {
			if row := decoded(t, m, table)[0]; row.Sampling != fraction(e) {
				t.Errorf("%s: sampling_fraction %v", c.name, row.Sampling)
			}
		}
	}
}

// A database that hangs takes nothing from requests: each is taken at once, and memory is
// bounded.
func TestADatabaseThatHangsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tabletest.NewRows()
		hang := make(chan struct{})
		var once sync.Once
		m.Gate = func(_ string, n int) (int, error) { <-hang; return n, nil }
		var told []string
		tables := New(Options{Rows: m, Dropped: func(endpoint, why string) { told = append(told, endpoint+": "+why) }})
		e := digits()
		began := time.Now()
		body, answer := strings.Repeat("b", 500), strings.Repeat("a", 500)
		const sent = 3 * maxQueued
		for i := range sent {
			if i == 1000 {
				time.Sleep(time.Second) // the writer hangs by now
				began = time.Now()
			}
			tables.Take(finished(e, body, answer))
			if n := tables.queue.bytes.Load(); n > maxQueuedBytes+2000 {
				t.Fatalf("%d bytes wait", n)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("taking waited %v", took)
		}
		if n := tables.queue.count.Load(); n > 2*maxQueued {
			t.Errorf("%d requests wait", n)
		}
		once.Do(func() { close(hang) })
		tables.Close()
		rows := len(decoded(t, m, digitsTable))
		if rows < 10_000 || rows > maxQueued {
			t.Errorf("%d rows were kept", rows)
		}
		if len(told) != 1 || !strings.Contains(told[0], "digits: ") || !strings.Contains(told[0], "faster") {
			t.Errorf("told %q", told)
		}
	})
}

func TestADatabaseThatFailsIsToldOfOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tabletest.NewRows()
		full := errors.New("the disk is full")
		m.Gate = func(string, int) (int, error) { return 0, full }
		var told []string
		tables := New(Options{Rows: m, Dropped: func(_, why string) { told = append(told, why) }})
		defer tables.Close()
		for range 130 {
			tables.Take(finished(digits(), "{}", "{}"))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if len(told) != 3 || !strings.HasPrefix(told[1], "60 rows") || !strings.Contains(told[1], full.Error()) {
			t.Errorf("told %q", told)
		}
		if tables.Failed() != full.Error() {
			t.Errorf("failed: %q", tables.Failed())
		}
		m.Gate = nil
		tables.Take(finished(digits(), "{}", "{}"))
		time.Sleep(time.Second)
		if n := len(decoded(t, m, digitsTable)); n != 1 || tables.Failed() != "" {
			t.Errorf("%d rows with room again, failed %q", n, tables.Failed())
		}
	})
}

func TestRowsAreWrittenWithinAQuarterOfASecondAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it also finds a goroutine that does not end
		m := tabletest.NewRows()
		tables := New(Options{Rows: m})
		tables.Take(finished(digits(), "{}", "{}"))
		time.Sleep(250 * time.Millisecond)
		if n := len(decoded(t, m, digitsTable)); n != 1 {
			t.Errorf("%d rows after a quarter of a second", n)
		}
		tables.Take(finished(digits(), "{}", "{}"))
		tables.Close()
		tables.Close()
		if n := len(decoded(t, m, digitsTable)); n != 2 {
			t.Errorf("%d rows after Close", n)
		}
		tables.Take(finished(digits(), "{}", "{}"))
		tables.Flush()
		if n := len(decoded(t, m, digitsTable)); n != 2 {
			t.Errorf("a row after Close was kept: %d", n)
		}
	})
}

// Whatever fails and however requests come, no row is there twice and each sender's rows
// are in the order in which it sent them.
func TestNoRowTwiceAndNoneReordered(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := tabletest.NewRows()
		fails := rapid.SliceOfN(rapid.IntRange(-1, 10), 1, 50).Draw(rt, "appends")
		var calls atomic.Int64
		m.Gate = func(_ string, n int) (int, error) {
			fail := fails[int(calls.Add(1))%len(fails)]
			if fail < 0 {
				return n, nil
			}
			return min(n, fail), errors.New("no")
		}
		tables := New(Options{Rows: m})
		senders, each := rapid.IntRange(1, 4).Draw(rt, "senders"), rapid.IntRange(1, 300).Draw(rt, "each")
		var sending sync.WaitGroup
		for s := range senders {
			sending.Go(func() {
				e := digits()
				for i := range each {
					tables.Take(finished(e, fmt.Sprintf("%d %d", s, i), ""))
					if i%37 == 0 {
						tables.Flush()
					}
				}
			})
		}
		sending.Wait()
		tables.Close()
		next := make([]int, senders)
		for _, row := range decoded(t, m, digitsTable) {
			var s, i int
			if _, err := fmt.Sscan(*row.Request, &s, &i); err != nil {
				rt.Fatal(err)
			}
			if i < next[s] {
				rt.Fatalf("row %d of sender %d comes after row %d", i, s, next[s]-1)
			}
			next[s] = i + 1
		}
	})
}

func FuzzDecodeRow(f *testing.F) {
	row := Row{RequestID: "a", Time: noon, Request: ptr(""), ErrorCodes: []string{requestTooLarge}, Sampling: 0.5}
	f.Add(row.encode())
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		row, err := decodeRow(b)
		if err != nil {
			return
		}
		again, err := decodeRow(row.encode())
		// NaN is no value that sampling has.
		if err != nil || row.Sampling == row.Sampling && !reflect.DeepEqual(again, row) {
			t.Errorf("%+v becomes %+v, %v", row, again, err)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	m := tabletest.NewRows()
	m.Gate = func(string, int) (int, error) { return 0, nil }
	tables := New(Options{Rows: m})
	defer tables.Close()
	r := finished(digits(), strings.Repeat("b", 125), strings.Repeat("a", 60))
	b.ReportAllocs()
	for b.Loop() {
		tables.Take(r)
	}
}
