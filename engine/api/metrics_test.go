package api

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"servery/engine/endpoint"
	"servery/engine/telemetry"
)

// busy is the fake's endpoint after some requests.
func busy() *fake {
	f := withDigits(newFake())
	d := telemetry.Distribution{Sum: 12.5}
	d.Counts[0], d.Counts[6], d.Counts[len(telemetry.Bounds)] = 2, 3, 1
	f.observed.figures = map[string]telemetry.EntityFigures{
		"digits/digits-1/1": {Requests: 7, Errors4: 2, Errors5: 1, Latency: d, Queue: d, Model: d},
	}
	e := f.endpoints["digits"]
	e.Active.Entities[0].Live.MemoryBytes, e.Active.Entities[0].Live.CPUPercent = 1<<30, 12.5
	e.Active.Entities = append(e.Active.Entities, endpoint.ServedEntity{Name: "digits-2", ModelVersion: 2, WorkloadType: "CPU"})
	f.endpoints["digits"] = e
	return f
}

const metricsPath = "/api/2.0/serving-endpoints/digits/metrics"

func parsed(t *testing.T, body string) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return families
}

// The names and kinds are the product's (spec B7).
func TestMetricsAreTheProducts(t *testing.T) {
	a := ask(t, New(busy(), Options{}), "GET", metricsPath+"?", "", "Accept: text/plain")
	if got := a.header.Get("Content-Type"); a.status != http.StatusOK || got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Fatalf("status %d, %s: %s", a.status, got, a.body)
	}
	families := parsed(t, a.body)
	for name, want := range map[string][2]float64{
		"cpu_usage_percentage": {12.5, 0}, "mem_usage_percentage": {25, 0}, "provisioned_concurrent_requests_total": {4, 0},
		"request_count_total": {7, 0}, "request_4xx_count_total": {2, 0}, "request_5xx_count_total": {1, 0},
	} {
		f := families[name]
		if f.GetType() != dto.MetricType_GAUGE || len(f.Metric) != 2 || f.GetHelp() == "" {
			t.Errorf("%s: %v", name, f)
			continue
		}
		for i, m := range f.Metric {
			if m.GetGauge().GetValue() != want[i] {
				t.Errorf("%s of entity %d is %v, want %v", name, i+1, m.GetGauge().GetValue(), want[i])
			}
		}
	}
	for _, name := range []string{"request_latency_ms", "model_queue_time_ms", "model_prediction_latency_ms"} {
		f := families[name]
		if f.GetType() != dto.MetricType_HISTOGRAM || len(f.Metric) != 2 {
			t.Errorf("%s: %v", name, f)
			continue
		}
		h := f.Metric[0].Histogram
		upTo := func(bound float64) uint64 {
			i := slices.IndexFunc(h.Bucket, func(b *dto.Bucket) bool { return b.GetUpperBound() == bound })
			return h.Bucket[i].GetCumulativeCount()
		}
		if h.GetSampleCount() != 6 || h.GetSampleSum() != 12.5 || upTo(0.1) != 2 || upTo(5) != 2 || upTo(10) != 5 || upTo(600_000) != 5 || upTo(math.Inf(1)) != 6 {
			t.Errorf("%s: %v", name, h)
		}
		if got := f.Metric[1].Histogram.GetSampleCount(); got != 0 {
			t.Errorf("%s of an idle entity counts %d", name, got)
		}
	}
	if len(families) != 9 {
		t.Errorf("%d families", len(families))
	}
	for name, f := range families {
		for i, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			n := string(rune('1' + i))
			if want := []string{"endpoint_name=digits", "served_entity_name=digits-" + n, "served_entity_version=" + n}; !slices.Equal(labels, want) {
				t.Errorf("%s: labels %v", name, labels)
			}
		}
	}
}

func TestMetricsSpeakOpenMetricsWhereAsked(t *testing.T) {
	s := New(busy(), Options{})
	for accept, open := range map[string]bool{
		"application/openmetrics-text": true,
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1": true,
		"application/openmetrics-text;q=0.1,text/plain":                                              false,
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited": false,
		"": false, "*/*": false, "application/json": false, ";;;q=,,": false,
	} {
		a := ask(t, s, "GET", metricsPath, "", "Accept: "+accept)
		if got := strings.HasPrefix(a.header.Get("Content-Type"), "application/openmetrics-text; version=1.0.0"); a.status != 200 || got != open || strings.HasSuffix(a.body, "\n# EOF\n") != open {
			t.Errorf("Accept %s: status %d, %s: %s", accept, a.status, a.header.Get("Content-Type"), a.body)
		}
		if !strings.Contains(a.body, `request_count_total{endpoint_name="digits",served_entity_name="digits-1",served_entity_version="1"} 7`) {
			t.Errorf("Accept %s: %s", accept, a.body)
		}
	}
}

func TestAnEndpointThatDoesNotServeHasNoMetrics(t *testing.T) {
	f := withDigits(newFake())
	e := f.endpoints["digits"]
	e.Active = nil
	f.endpoints["digits"] = e
	s := New(f, Options{})
	if a := ask(t, s, "GET", metricsPath, "", "Accept: application/openmetrics-text"); a.status != 200 || a.body != "# EOF\n" {
		t.Errorf("status %d: %q", a.status, a.body)
	}
	ask(t, s, "GET", "/api/2.0/serving-endpoints/none/metrics", "").wantError(t, 404, "RESOURCE_DOES_NOT_EXIST", "'none'")
}

func TestMemoryIsOfWhatTheWorkloadMayTake(t *testing.T) {
	for _, c := range []struct {
		workload      string
		machine, want int64
	}{{"CPU", 0, 4 << 30}, {"CPU", 8 << 30, 4 << 30}, {"CPU_LARGE", 8 << 30, 8 << 30}, {"", 0, 4 << 30}, {"odd", 2 << 30, 2 << 30}} {
		got := memoryOf(c.workload, c.machine)
		if w := c.want; float64(got) < 0.9*float64(w) || float64(got) > 1.1*float64(w) { // GB or GiB
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func BenchmarkExportMetrics(b *testing.B) {
	s := New(busy(), Options{})
	for b.Loop() {
		if a := ask(b, s, "GET", metricsPath, ""); a.status != 200 {
			b.Fatal(a.body)
		}
	}
}
