package inference

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"servery/engine/rows"
	"servery/engine/tabletest"
)

// filled is a table of n requests, one a second, of two requesters, with statuses 200, 400
// and 429 in turn.
func filled(t testing.TB, n int) (*Reader, Table) {
	t.Helper()
	m := tabletest.NewRows()
	tables := New(Options{Rows: m})
	t.Cleanup(tables.Close)
	e := digits()
	for i := range n {
		r := finished(e, fmt.Sprintf(`{"inputs":[%d]}`, i), fmt.Sprintf(`{"predictions":[%d]}`, -i))
		r.ID, r.At, r.Status = fmt.Sprint("id-", i), noon.Add(time.Duration(i)*time.Second), []int{200, 400, 429}[i%3]
		r.Requester.Name = []string{"ada@example.com", "bob@example.com"}[i%2]
		if i%5 == 0 {
			r.Body = []byte(fmt.Sprintf(`{"client_request_id":"client-%d"}`, i))
		}
		tables.Take(r)
	}
	reader := tables.Reader()
	list, err := reader.List()
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	return reader, list[0]
}

func TestTheListOfTables(t *testing.T) {
	_, table := filled(t, 7)
	want := Table{Name: "main.default.digits_payload", EndpointID: digits().ID, Endpoint: "digits", Rows: 7, Bytes: table.Bytes, Keep: DefaultKeep, stored: digitsTable}
	if table != want || table.Bytes == 0 {
		t.Errorf("%+v, want %+v", table, want)
	}
}

func TestSearchFindsWhatWasAskedForAndNothingElse(t *testing.T) {
	r, table := filled(t, 60)
	entity := finished(digits(), "", "").EntityID()
	for _, c := range []struct {
		name  string
		query Query
		want  []int // newest first
	}{
		{"a time", Query{From: noon.Add(10 * time.Second), To: noon.Add(13 * time.Second)}, []int{12, 11, 10}},
		{"a status", Query{StatusFrom: 429, StatusTo: 429, To: noon.Add(9 * time.Second)}, []int{8, 5, 2}},
		{"a class", Query{StatusFrom: 400, StatusTo: 499, To: noon.Add(6 * time.Second)}, []int{5, 4, 2, 1}},
		{"a requester", Query{Requester: "bob@example.com", To: noon.Add(4 * time.Second)}, []int{3, 1}},
		{"an id", Query{RequestID: "id-17"}, []int{17}},
		{"a client's id", Query{RequestID: "client-20"}, []int{20}},
		{"text in a request", Query{Contains: `"inputs":[42]`}, []int{42}},
		{"text in an answer", Query{Contains: `[-43]`}, []int{43}},
		{"text elsewhere", Query{Contains: "ada@example.com"}, nil},
		{"an entity", Query{EntityID: entity, Entity: "digits-1", From: noon.Add(58 * time.Second)}, []int{59, 58}},
		{"another entity", Query{EntityID: "0"}, nil},
		{"oldest first", Query{Oldest: true, To: noon.Add(3 * time.Second)}, []int{0, 1, 2}},
	} {
		p, err := r.Search(t.Context(), table, c.query)
		var got []int
		for _, row := range p.Rows {
			var i int
			fmt.Sscanf(row.RequestID, "id-%d", &i)
			got = append(got, i)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
		if n, err := r.Count(t.Context(), table, c.query); err != nil || n != int64(len(c.want)) {
			t.Errorf("%s: count %d, %v", c.name, n, err)
		}
	}
}

// However a query is cut into pages, they are its rows, each once and in order.
func TestPagesAreTheWholeQuery(t *testing.T) {
	r, table := filled(t, 300)
	rapid.Check(t, func(rt *rapid.T) {
		q := Query{Oldest: rapid.Bool().Draw(rt, "oldest")}
		if rapid.Bool().Draw(rt, "bob") {
			q.Requester = "bob@example.com"
		}
		var want, got []string
		if err := r.Each(t.Context(), table, q, func(row *Row) error { want = append(want, row.RequestID); return nil }); err != nil {
			rt.Fatal(err)
		}
		for {
			q.Limit = rapid.IntRange(1, 200).Draw(rt, "limit")
			p, err := r.Search(t.Context(), table, q)
			if err != nil || len(p.Rows) > q.Limit {
				rt.Fatalf("%d rows, %v", len(p.Rows), err)
			}
			for _, row := range p.Rows {
				got = append(got, row.RequestID)
			}
			if p.Next == (rows.Position{}) {
				break
			}
			q.After = p.Next
		}
		if !slices.Equal(got, want) || len(want) < 100 {
			rt.Fatalf("%d rows in pages, %d in all", len(got), len(want))
		}
	})
}

func TestASearchForWhatIsRareComesBackSoon(t *testing.T) {
	r, table := filled(t, passRows/10)
	m := r.rows.(*tabletest.Rows)
	var all []rows.New
	if err := m.Scan(table.stored, rows.Scan{}, func(at rows.Position, value []byte) error {
		all = append(all, rows.New{At: at.Time(), Value: value})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 25 {
		if _, err := m.Append(table.stored, all); err != nil {
			t.Fatal(err)
		}
	}
	q := Query{RequestID: "nobody"}
	pages := 0
	for {
		p, err := r.Search(t.Context(), table, q)
		if err != nil || len(p.Rows) > 0 {
			t.Fatalf("%d rows, %v", len(p.Rows), err)
		}
		if pages++; p.Next == (rows.Position{}) {
			break
		}
		q.After = p.Next
	}
	if pages != 3 {
		t.Errorf("%d pages over %d rows", pages, m.Len(table.stored))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Search(ended, table, Query{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with nobody waiting: %v", err)
	}
}

// odd is a row with what is hard to export.
func odd(t *testing.T, legacy bool) (*Reader, Table) {
	t.Helper()
	m := tabletest.NewRows()
	tables := New(Options{Rows: m})
	t.Cleanup(tables.Close)
	e := digits()
	if legacy {
		e.Active.AutoCapture, e.AIGateway = e.AIGateway.InferenceTable, nil
	}
	r := finished(e, "-1,2\n\"3\",ü<\r\n", "")
	r.ID, r.Requester.Name = "id", "=HYPERLINK(\"http://evil\")"
	tables.Take(r)
	r = finished(e, strings.Repeat("x", MaxPayload+1), `{"predictions": [1]}`)
	r.ID, r.Entity, r.Status = "id2", "", 404
	tables.Take(r)
	list, err := tables.Reader().List()
	if err != nil || len(list) != 1 || list[0].Legacy != legacy {
		t.Fatalf("%v, %v", list, err)
	}
	return tables.Reader(), list[0]
}

func exported(t *testing.T, r *Reader, table Table, f Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Export(t.Context(), table, Query{Oldest: true}, f, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestExportAsJSONLines(t *testing.T) {
	entity := finished(digits(), "", "").EntityID()
	r, table := odd(t, false)
	want := `{"request_date":"2026-03-01","databricks_request_id":"id","client_request_id":null,"request_time":"2026-03-01T12:00:00.123456Z","status_code":200,"sampling_fraction":1,"execution_duration_ms":3,"request":"-1,2\n\"3\",ü<\r\n","response":"","served_entity_id":"` + entity + `","logging_error_codes":[],"requester":"=HYPERLINK(\"http://evil\")"}
{"request_date":"2026-03-01","databricks_request_id":"id2","client_request_id":null,"request_time":"2026-03-01T12:00:00.123456Z","status_code":404,"sampling_fraction":1,"execution_duration_ms":3,"request":null,"response":"{\"predictions\": [1]}","served_entity_id":null,"logging_error_codes":["MAX_REQUEST_SIZE_EXCEEDED"],"requester":"ada@example.com"}
`
	if got := string(exported(t, r, table, JSONL)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	r, table = odd(t, true)
	want = `{"client_request_id":null,"databricks_request_id":"id","date":"2026-03-01","timestamp_ms":1772366400123,"status_code":200,"execution_time_ms":3,"request":"-1,2\n\"3\",ü<\r\n","response":"","sampling_fraction":1,"request_metadata":{"endpoint_name":"digits","model_name":"main.default.digits","model_version":"1"}}`
	if got, _, _ := strings.Cut(string(exported(t, r, table, JSONL)), "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestAnExportedCellIsNoFormula(t *testing.T) {
	r, table := odd(t, false)
	records, err := csv.NewReader(bytes.NewReader(exported(t, r, table, CSV))).ReadAll()
	if err != nil || len(records) != 3 {
		t.Fatalf("%v, %v", records, err)
	}
	for i, column := range Columns(false) {
		if records[0][i] != column[0] {
			t.Errorf("column %d is %s, want %s", i, records[0][i], column[0])
		}
	}
	want := []string{"2026-03-01", "id", "", "2026-03-01T12:00:00.123456Z", "200", "1", "3", "'-1,2\n\"3\",ü<\n", "",
		finished(digits(), "", "").EntityID(), "[]", "'=HYPERLINK(\"http://evil\")"}
	if !slices.Equal(records[1], want) { // a CSV reader takes \r\n for \n
		t.Errorf("%q\nwant\n%q", records[1], want)
	}
	if records[2][10] != `["MAX_REQUEST_SIZE_EXCEEDED"]` {
		t.Errorf("codes %s", records[2][10])
	}
	for in, want := range map[string]string{
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\t=": "'\t=", " =1": "' =1", "\r=": "'\r=", "＝1": "'＝1",
		"": "", "a=1": "a=1", `{"a":-1}`: `{"a":-1}`, "é": "é",
	} {
		if got := inert(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestExportAsParquet(t *testing.T) {
	r, table := odd(t, false)
	b := exported(t, r, table, Parquet)
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var names, want []string
	for _, field := range f.Schema().Fields() {
		names = append(names, field.Name())
	}
	for _, column := range Columns(false) {
		want = append(want, column[0])
	}
	if !slices.Equal(names, want) {
		t.Errorf("columns %v, want %v", names, want)
	}
	got, err := parquet.Read[parquetRow](bytes.NewReader(b), int64(len(b)))
	if err != nil || len(got) != 2 {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	body := "-1,2\n\"3\",ü<\r\n"
	entity := finished(digits(), "", "").EntityID()
	first := parquetRow{20513, "id", nil, noon.UnixMicro(), 200, 1, 3, &body, ptr(""), &entity, nil, "=HYPERLINK(\"http://evil\")"}
	if got[0].ErrorCodes = nil; !reflect.DeepEqual(got[0], first) {
		t.Errorf("%+v, want %+v", got[0], first)
	}
	if got[1].Request != nil || !slices.Equal(got[1].ErrorCodes, []string{requestTooLarge}) || got[1].EntityID != nil {
		t.Errorf("%+v", got[1])
	}
	r, table = odd(t, true)
	b = exported(t, r, table, Parquet)
	old, err := parquet.Read[parquetLegacyRow](bytes.NewReader(b), int64(len(b)))
	if err != nil || len(old) != 2 || old[0].Metadata["model_version"] != "1" || old[0].TimestampMS != noon.UnixMilli() {
		t.Errorf("%+v, %v", old, err)
	}
}

// The JSON of a row and the list of columns are the same thing twice.
func TestRowsHaveTheColumnsOfTheirForm(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		b, err := json.Marshal((&Row{}).Wire(legacy))
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for _, column := range Columns(legacy) {
			i := strings.Index(string(b[at:]), `"`+column[0]+`":`)
			if i < 0 {
				t.Errorf("%s is not there, or not in its place: %s", column[0], b)
			}
			at += max(i, 0)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil || len(m) != len(Columns(legacy)) {
			t.Errorf("%d columns, %v", len(m), err)
		}
	}
}

// groups counts what is written at once.
type groups struct{ writes, bytes, largest int }

func (g *groups) Write(b []byte) (int, error) {
	g.writes++
	g.bytes += len(b)
	g.largest = max(g.largest, len(b))
	return len(b), nil
}

func TestAnExportDoesNotWaitForItsEnd(t *testing.T) {
	m := tabletest.NewRows()
	tables := New(Options{Rows: m})
	defer tables.Close()
	e := digits()
	body := strings.Repeat("0123456789abcdef", 32<<10) // 512 KiB
	for range 60 {
		tables.Take(finished(e, body, "{}"))
		tables.Flush()
	}
	r := tables.Reader()
	list, err := r.List()
	if err != nil {
		t.Fatal(err)
	}
	for f := range Formats {
		var w groups
		stopped := errors.New("enough")
		if err := r.Export(t.Context(), list[0], Query{}, f, &w); err != nil {
			t.Fatal(err)
		}
		if f != Parquet && (w.bytes < 30<<20 || w.largest > 2<<20) {
			t.Errorf("%s: %+v", f, w)
		}
		if f == Parquet && w.writes < 10 {
			t.Errorf("%s: %+v", f, w)
		}
		fails := writer(func([]byte) (int, error) { return 0, stopped })
		if err := r.Export(t.Context(), list[0], Query{}, f, fails); !errors.Is(err, stopped) {
			t.Errorf("%s: a reader who goes: %v", f, err)
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }
