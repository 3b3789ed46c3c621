package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/serving"
)

// A person puts rate limits and usage tracking on an endpoint with the official SDK: they
// begin with the next request, end with the next change, and what was asked can be read.
func TestTheGatewayLimitsAndTracks(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	importModel(t, data, shared(t, "mlflow/sum_columns"), "main.default.sums")
	p.create("sums", "main.default.sums")
	p.awaitReady("sums")
	t.Setenv("HOME", t.TempDir())
	// Two seconds of patience: the SDK repeats a 429 for five minutes by itself.
	w, err := databricks.NewWorkspaceClient(&databricks.Config{Host: p.url, Token: p.token, AuthType: "pat", RetryTimeoutSeconds: 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	put := func(limits ...serving.AiGatewayRateLimit) {
		t.Helper()
		answer, err := w.ServingEndpoints.PutAiGateway(ctx, serving.PutAiGatewayRequest{
			Name: "sums", RateLimits: limits, UsageTrackingConfig: &serving.AiGatewayUsageTrackingConfig{Enabled: true},
		})
		if err != nil || len(answer.RateLimits) != len(limits) {
			t.Fatalf("%+v %v", answer, err)
		}
	}
	query := func() error {
		_, err := w.ServingEndpoints.Query(ctx, serving.QueryEndpointInput{
			Name: "sums", ClientRequestId: "client-7", DataframeSplit: &serving.DataframeSplitInput{Columns: []any{"x", "y"}, Data: []any{[]any{1.5, 2}}},
		})
		return err
	}
	limit := func(calls int64, key serving.AiGatewayRateLimitKey, principal string) serving.AiGatewayRateLimit {
		return serving.AiGatewayRateLimit{Calls: calls, Key: key, Principal: principal, RenewalPeriod: serving.AiGatewayRateLimitRenewalPeriodMinute, ForceSendFields: []string{"Calls"}}
	}
	const row = `{"dataframe_split":{"columns":["x","y"],"data":[[1.5,2]]}}`
	refused := func(path, body, who string) {
		t.Helper()
		status, after, text := p.answered(path, body, p.token)
		if status != http.StatusTooManyRequests || after < 1 || after > 61 || !strings.Contains(text, "User defined rate limit(s) exceeded for 'sums'. Requests-per-minute (RPM) rate limit exceeded for "+who) {
			t.Errorf("%s: status %d, Retry-After %d: %s", path, status, after, text)
		}
	}

	put(limit(3, serving.AiGatewayRateLimitKeyEndpoint, ""))
	for range 3 {
		if err := query(); err != nil {
			t.Fatal(err)
		}
	}
	refused("/serving-endpoints/sums/invocations", row, "endpoint")
	refused("/serving-endpoints/sums/served-models/sums-1/invocations", row, "endpoint")
	refused("/v2/models/sums/infer", `{"id":"client-8","inputs":[]}`, "endpoint")
	if err := query(); !errors.Is(err, apierr.ErrTooManyRequests) && !strings.Contains(fmt.Sprint(err), "rate limit") {
		t.Errorf("the SDK says %v", err)
	}

	put(limit(4, serving.AiGatewayRateLimitKeyEndpoint, ""), limit(100, serving.AiGatewayRateLimitKeyUser, ""))
	if err := query(); err != nil {
		t.Errorf("the limit was raised, and yet: %v", err)
	}
	refused("/serving-endpoints/sums/invocations", row, "endpoint")

	me, err := w.CurrentUser.Me(ctx, iam.MeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	put(limit(2, serving.AiGatewayRateLimitKeyUser, me.UserName)) // one call was counted already
	if err := query(); err != nil {
		t.Fatal(err)
	}
	refused("/serving-endpoints/sums/invocations", row, "user")
	put(limit(0, serving.AiGatewayRateLimitKeyEndpoint, ""))
	if err := query(); !errors.Is(err, apierr.ErrPermissionDenied) || !strings.Contains(err.Error(), "rate limit of 0") {
		t.Errorf("a limit of 0 answers %v", err)
	}
	//lint:ignore SA1019 older programs still call it
	if _, err := w.ServingEndpoints.Put(ctx, serving.PutRequest{Name: "sums", RateLimits: []serving.RateLimit{{Calls: 1, Key: serving.RateLimitKeyUser, RenewalPeriod: serving.RateLimitRenewalPeriodMinute}}}); err != nil {
		t.Fatal(err)
	}
	put()
	refused("/serving-endpoints/sums/invocations", row, "user") // of the older form
	//lint:ignore SA1019 older programs still call it
	if _, err := w.ServingEndpoints.Put(ctx, serving.PutRequest{Name: "sums"}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := query(); err != nil {
			t.Fatalf("no limit is left, and yet: %v", err)
		}
	}
	p.readUsage(me.UserName)
	p.restartedUsage(data)
}

// answered is the status, Retry-After and the text that a request gets.
func (p *program) answered(path, body, token string) (status, after int, text string) {
	p.t.Helper()
	req, err := http.NewRequest("POST", p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	after, _ = strconv.Atoi(res.Header.Get("Retry-After"))
	return res.StatusCode, after, string(b)
}

type (
	usageRow struct {
		Request   string `json:"databricks_request_id"`
		Client    string `json:"client_request_id"`
		Requester string `json:"requester"`
		Status    int    `json:"status_code"`
		Entity    string `json:"served_entity_id"`
	}
	usageTotals struct {
		Totals []struct {
			Entity   *string `json:"served_entity_name"`
			Requests int     `json:"request_count"`
			Errors4  int     `json:"request_4xx_count"`
			Refused  int     `json:"rate_limited_count"`
		}
	}
)

// readUsage reads what the story above left, page by page.
func (p *program) readUsage(who string) {
	p.t.Helper()
	byStatus, token := map[int]int{}, ""
	ids := map[string]bool{}
	for {
		var page struct {
			Rows []usageRow
			Next string `json:"next_page_token"`
		}
		p.must("GET", "/api/2.0/servery/system-tables/serving/endpoint_usage?endpoint_name=sums&max_results=7&page_token="+token, nil, &page)
		for _, r := range page.Rows {
			byStatus[r.Status]++
			if r.Requester != who || ids[r.Request] || len(r.Request) != 36 || r.Status == 200 && (r.Client != "client-7" || len(r.Entity) != 32) || r.Status == 429 && r.Entity != "" {
				p.t.Errorf("a row says %+v", r)
			}
			ids[r.Request] = true
		}
		if token = page.Next; token == "" {
			break
		}
	}
	// 3 + 1 + 1 + 20 passed; what the SDK repeated is refused each time.
	if byStatus[200] != 25 || byStatus[429] < 6 || byStatus[403] < 1 || len(byStatus) != 3 {
		p.t.Errorf("rows by status: %v", byStatus)
	}
	var totals usageTotals
	p.must("GET", "/api/2.0/servery/usage?by=day", nil, &totals)
	passed, refused := 0, 0
	for _, x := range totals.Totals {
		if x.Entity != nil {
			passed += x.Requests
		}
		refused += x.Refused
	}
	if passed != 25 || refused != byStatus[429]+byStatus[403] {
		p.t.Errorf("totals: %d passed, %d refused of %v", passed, refused, byStatus)
	}
	var events struct {
		Events []struct {
			Type string `json:"event_type"`
		}
	}
	p.must("GET", "/api/2.0/servery/endpoints/sums/events", nil, &events)
	limited := 0
	for _, e := range events.Events {
		if e.Type == "RATE_LIMITED" {
			limited++
		}
	}
	if limited < 2 || limited > 6 { // one a limit and minute
		p.t.Errorf("%d events tell of %d refusals", limited, refused)
	}
}

// restartedUsage looks again after a restart, and after the endpoint was deleted.
func (p *program) restartedUsage(data string) {
	p.t.Helper()
	p.stop()
	p = serve(p.t, data)
	p.awaitReady("sums")
	var totals usageTotals
	p.must("GET", "/api/2.0/servery/usage?endpoint_name=sums", nil, &totals)
	var rows struct{ Rows []usageRow }
	p.must("GET", "/api/2.0/servery/system-tables/serving/endpoint_usage?max_results=1000", nil, &rows)
	sum := 0
	for _, x := range totals.Totals {
		sum += x.Requests
	}
	if len(rows.Rows) < 32 || sum != len(rows.Rows) {
		p.t.Errorf("after a restart there are %d rows and totals of %d", len(rows.Rows), sum)
	}
	p.must("DELETE", "/api/2.0/serving-endpoints/sums", nil, nil)
	var entities struct {
		Rows []struct {
			ID      string  `json:"served_entity_id"`
			Name    string  `json:"served_entity_name"`
			Model   string  `json:"entity_name"`
			Deleted *string `json:"endpoint_delete_time"`
		}
	}
	p.must("GET", "/api/2.0/servery/system-tables/serving/served_entities", nil, &entities)
	if len(entities.Rows) != 1 || entities.Rows[0].Name != "sums-1" || entities.Rows[0].Model != "main.default.sums" || entities.Rows[0].Deleted == nil {
		p.t.Fatalf("served entities: %+v", entities)
	}
	for _, r := range rows.Rows {
		if r.Status == http.StatusOK && r.Entity != entities.Rows[0].ID {
			p.t.Errorf("a row's served entity %s is none of the table's", r.Entity)
		}
	}
}

// What the gateway costs: the overhead of two endpoints of one model in one run, one with
// everything off, the other with limits, usage tracking, an inference table and somebody who
// collects the metrics each second. The two take turns, so that a machine that is busy for a
// while is so for both.
func TestFiguresGateway(t *testing.T) {
	wantFigures(t)
	p := serve(t, filepath.Join(t.TempDir(), "data"))
	p.upload(tenModel(t), "main.default.ten")
	p.create("off", "main.default.ten")
	p.create("on", "main.default.ten")
	p.must("PUT", "/api/2.0/serving-endpoints/on/ai-gateway", map[string]any{
		"usage_tracking_config":  map[string]any{"enabled": true},
		"inference_table_config": map[string]any{"enabled": true, "catalog_name": "main", "schema_name": "default"},
		"rate_limits": []any{
			map[string]any{"calls": 1 << 30, "key": "endpoint", "renewal_period": "minute"},
			map[string]any{"calls": 1 << 30, "key": "user", "renewal_period": "minute"},
			map[string]any{"calls": 1 << 30, "key": "user_group", "principal": "admins", "renewal_period": "minute"},
		},
	}, nil)
	p.awaitReady("off")
	p.awaitReady("on")
	address := strings.TrimPrefix(p.url, "http://")
	load := func(name string, d time.Duration) (total, overhead, inside figures) {
		var conns []*wire
		for range 8 {
			conns = append(conns, dial(t, address, "/serving-endpoints/"+name+"/invocations", p.token, tenColumns))
		}
		return openLoop(t, conns, 1000, d)
	}
	load("off", 2*time.Second) // warm
	load("on", 2*time.Second)
	var totals, overheads, insides [2]figures
	var processor [2]time.Duration // of the engine's process; a busy machine changes it little
	for range 5 {
		for i, name := range []string{"off", "on"} {
			stop := func() {}
			if name == "on" {
				stop = p.collect()
			}
			before := processorTime(t, p.cmd.Process.Pid)
			total, overhead, inside := load(name, 4*time.Second)
			processor[i] += processorTime(t, p.cmd.Process.Pid) - before
			stop()
			totals[i], overheads[i], insides[i] = append(totals[i], total...), append(overheads[i], overhead...), append(insides[i], inside...)
		}
	}
	for i := range totals {
		slices.Sort(totals[i])
		slices.Sort(overheads[i])
		slices.Sort(insides[i])
	}
	for i, name := range []string{"all off", "gateway, logging and metrics on"} {
		report(t, name+": total", totals[i])
		report(t, name+": less the model's run", overheads[i])
		report(t, name+": inside the engine, less the run", insides[i])
	}
	each := [2]time.Duration{processor[0] / time.Duration(len(totals[0])), processor[1] / time.Duration(len(totals[1]))}
	t.Logf("the engine's processor time for a request: %v all off, %v all on, with the rows' writing and the metrics' collection", each[0], each[1])
	t.Logf("the gateway adds: p50 %v for a client, %v inside the engine", overheads[1].at(0.5)-overheads[0].at(0.5), insides[1].at(0.5)-insides[0].at(0.5))
	var rows struct{ Rows []usageRow }
	p.must("GET", "/api/2.0/servery/system-tables/serving/endpoint_usage?endpoint_name=on", nil, &rows)
	if len(rows.Rows) == 0 {
		t.Error("nothing was tracked: the figures are of another thing")
	}
}

// collect asks for the metrics each second until stop.
func (p *program) collect() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			var text string
			if status, err := p.call("GET", "/metrics", nil, &text); err != nil || status != http.StatusOK {
				p.t.Errorf("/metrics: %d %v", status, err)
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { cancel(); <-ended }
}
