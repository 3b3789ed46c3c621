package e2e

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"servery/engine/onnx/onnxtest"
)

// Every call of an endpoint with an inference table has its row, those that are refused too: it
// is found by what it said, survives kill -9, and leaves as CSV, JSON Lines and Parquet, also
// while no engine runs.
func TestAnInferenceTableHasEveryCall(t *testing.T) {
	const calls, table = 40, "main.default.sums_payload"
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	model := filepath.Join(t.TempDir(), "plus.onnx")
	if err := os.WriteFile(model, onnxtest.Add(1), 0o600); err != nil {
		t.Fatal(err)
	}
	p.upload(model, "main.default.plus")
	p.create("sums", "main.default.plus")
	p.awaitReady("sums")
	p.must("PUT", "/api/2.0/serving-endpoints/sums/ai-gateway", map[string]any{
		"inference_table_config": map[string]any{"enabled": true, "catalog_name": "main", "schema_name": "default", "table_name_prefix": "sums"},
	}, nil)
	for i := range calls {
		body, want := fmt.Sprintf(`{"client_request_id":"call-%d","inputs":[[%d]]}`, i, i), 200
		if i%10 == 9 {
			body, want = fmt.Sprintf(`{"client_request_id":"call-%d","inputs":["no number"]}`, i), 400
		}
		if status, err := p.call("POST", "/serving-endpoints/sums/invocations", body, nil); err != nil || status != want {
			t.Fatalf("call %d: status %d, %v", i, status, err)
		}
	}
	count := func(query url.Values) int {
		var got struct{ Rows int }
		p.must("GET", "/api/2.0/servery/tables/"+table+"/count?"+query.Encode(), nil, &got)
		return got.Rows
	}
	if all, bad, one := count(nil), count(url.Values{"status_code": {"4xx"}}), count(url.Values{"request_id": {"call-7"}}); all != calls || bad != calls/10 || one != 1 {
		t.Errorf("%d rows, %d refused, %d of one call", all, bad, one)
	}
	var found struct {
		Rows []struct {
			ID       string `json:"client_request_id"`
			Status   int    `json:"status_code"`
			Request  string
			Response string
		}
	}
	p.must("GET", "/api/2.0/servery/tables/"+table+"/rows?contains="+url.QueryEscape(`"inputs":[[12]]`), nil, &found)
	if len(found.Rows) != 1 || found.Rows[0].ID != "call-12" || found.Rows[0].Status != 200 || found.Rows[0].Response != `{"predictions": {"y": [[13.0]]}}` {
		t.Errorf("found %+v", found.Rows)
	}

	time.Sleep(time.Second) // what is killed loses the last 0.3 s
	p.kill()
	export := func(format string) []byte {
		t.Helper()
		path := filepath.Join(t.TempDir(), "rows."+format)
		if out, code := run(t, environment(t.TempDir()), "tables", "export", table, "--output", path, "--data-dir", data); code != 0 {
			t.Fatalf("export as %s: status %d\n%s", format, code, out)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	byAll := func(when string) {
		t.Helper()
		if records, err := csv.NewReader(bytes.NewReader(export("csv"))).ReadAll(); err != nil || len(records) != calls+1 {
			t.Errorf("%s: %d lines of CSV, %v", when, len(records), err)
		}
		lines := 0
		for s := bufio.NewScanner(bytes.NewReader(export("jsonl"))); s.Scan(); lines++ {
			if !json.Valid(s.Bytes()) {
				t.Errorf("%s: no JSON: %s", when, s.Bytes())
			}
		}
		b := export("parquet")
		f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if lines != calls || f.NumRows() != calls {
			t.Errorf("%s: %d lines of JSON, %d rows of Parquet", when, lines, f.NumRows())
		}
	}
	byAll("while no engine runs")
	p = serve(t, data)
	p.awaitReady("sums")
	byAll("while an engine runs")
	if n := count(nil); n != calls {
		t.Errorf("%d rows after kill -9", n)
	}
	p.stop()
}
