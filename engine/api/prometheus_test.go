package api

import (
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/telemetry"
)

func scraped() *fake {
	f := busy()
	d := telemetry.Distribution{Sum: 1500}
	d.Counts[5], d.Counts[9], d.Counts[len(telemetry.Bounds)] = 4, 2, 1 // up to 5 ms, up to 75 ms, beyond all
	f.observed.statuses = map[string][]telemetry.StatusFigures{
		"digits/digits-1/1": {{Status: 200, Latency: d}, {Status: 429, Latency: d}},
		"digits//0":         {{Status: 404, Latency: d}},
	}
	e := f.endpoints["digits"]
	e.Active.Entities[0].Live.InFlight, e.Active.Entities[0].Live.Queued, e.Active.Entities[0].Live.Restarts = 3, 2, 7
	f.endpoints["digits"] = e
	return f
}

func labelsOf(m *dto.Metric) string {
	var all []string
	for _, l := range m.Label {
		all = append(all, l.GetName()+"="+l.GetValue())
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

func TestPrometheusFindsOpenTelemetrysNames(t *testing.T) {
	a := ask(t, New(scraped(), Options{}), "GET", "/metrics", "")
	if a.status != 200 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	families := parsed(t, a.body)
	const entity = "endpoint_name=digits,http_request_method=POST,http_response_status_code=429,served_entity_name=digits-1,served_entity_version=1,url_scheme=http"
	const nobody = "endpoint_name=digits,http_request_method=POST,http_response_status_code=404,served_entity_name=,url_scheme=http"
	durations := families["http_server_request_duration_seconds"]
	var got []string
	for _, m := range durations.GetMetric() {
		got = append(got, labelsOf(m))
	}
	if len(got) != 3 || !slices.Contains(got, entity) || !slices.Contains(got, nobody) {
		t.Errorf("durations are told of %q", got)
	}
	h := durations.Metric[0].Histogram
	var bounds []float64
	upTo := map[float64]uint64{}
	for _, b := range h.Bucket {
		bounds = append(bounds, b.GetUpperBound())
		upTo[b.GetUpperBound()] = b.GetCumulativeCount()
	}
	if !slices.Equal(bounds[:len(bounds)-1], otelBounds) { // the last is +Inf
		t.Errorf("bounds %v", bounds)
	}
	if upTo[0.005] != 4 || upTo[0.05] != 4 || upTo[0.075] != 6 || upTo[10] != 6 || h.GetSampleCount() != 7 || h.GetSampleSum() != 1.5 {
		t.Errorf("%v", h)
	}
	for name, want := range map[string]float64{
		"http_server_active_requests": 5, "servery_queue_length": 2, "servery_provisioned_concurrency": 4,
		"servery_worker_memory_usage_bytes": 1 << 30, "servery_worker_cpu_utilization_ratio": 0.125, "process_memory_usage_bytes": 1 << 26,
	} {
		if f := families[name]; len(f.GetMetric()) == 0 || f.Metric[0].GetGauge().GetValue() != want {
			t.Errorf("%s: %v, want %g", name, f, want)
		}
	}
	for name, want := range map[string]float64{"servery_worker_restarts_total": 7, "process_cpu_time_seconds_total": 3} {
		if f := families[name]; len(f.GetMetric()) == 0 || f.Metric[0].GetCounter().GetValue() != want {
			t.Errorf("%s: %v, want %g", name, f, want)
		}
	}
	for _, name := range []string{"servery_queue_duration_seconds", "servery_model_duration_seconds"} {
		if f := families[name]; f.GetType() != dto.MetricType_HISTOGRAM || f.Metric[0].Histogram.GetSampleCount() != 6 || f.Metric[0].Histogram.GetSampleSum() != 0.0125 {
			t.Errorf("%s: %v", name, f)
		}
	}
	for _, m := range goMetrics {
		f := families[m.name]
		if len(f.GetMetric()) == 0 || f.Metric[0].GetGauge().GetValue()+f.Metric[0].GetCounter().GetValue() <= 0 {
			t.Errorf("%s: %v", m.name, f)
		}
	}
}

// Who may not view an endpoint learns nothing of it, not even that it is there.
func TestPrometheusTellsWhatItsUserMayView(t *testing.T) {
	f := scraped()
	s := New(f, Options{})
	for level, want := range map[access.Level]bool{access.NoAccess: false, access.CanView: true, access.CanManage: true} {
		f.level = level
		a := ask(t, s, "GET", "/metrics", "", "Authorization: Bearer "+guestToken)
		if a.status != 200 || strings.Contains(a.body, "digits") != want || !strings.Contains(a.body, "go_goroutine_count") {
			t.Errorf("%s: status %d: %s", level, a.status, a.body)
		}
	}
}

// An endpoint that does not serve yet is no error: a scraper goes on asking.
func TestPrometheusIsAnsweredWithoutEndpoints(t *testing.T) {
	f := newFake()
	f.endpoints = map[string]endpoint.Endpoint{}
	a := ask(t, New(f, Options{}), "GET", "/metrics", "", "Accept: application/openmetrics-text;version=1.0.0")
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "application/openmetrics-text") || !strings.HasSuffix(a.body, "\n# EOF\n") ||
		!strings.Contains(a.body, "# TYPE go_memory_allocations counter\n") {
		t.Errorf("status %d, %s: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	ask(t, New(f, Options{}), "GET", "/metrics", "", "Authorization: Bearer none").wantError(t, 401, "UNAUTHENTICATED", "")
}
