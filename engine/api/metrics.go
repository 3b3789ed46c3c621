package api

import (
	"net/http"
	"strconv"

	dto "github.com/prometheus/client_model/go"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/telemetry"
)

var observeRoutes = []route{ // 12 to 15 of the spec's table B1, and Prometheus' own path
	at("GET", "/metrics", (*Server).exportAll),
	at("GET", "/api/2.0/serving-endpoints/{name}/metrics", (*Server).exportMetrics).needing(access.CanView),
	at("GET", "/api/2.0/serving-endpoints/{name}/openapi", (*Server).getSchema).needing(access.CanView),
	at("GET", "/api/2.0/serving-endpoints/{name}/served-models/{entity}/logs", (*Server).serviceLog).needing(access.CanView),
	at("GET", "/api/2.0/serving-endpoints/{name}/served-models/{entity}/build-logs", (*Server).buildLog).needing(access.CanView),
}

// observed is a served entity with its figures.
type observed struct {
	endpoint.ServedEntity
	telemetry.EntityFigures
	memoryLimit int64 // bytes that its process may take
}

// metric is one of the product's (spec B7). Those that have a value are gauges, those that
// have a distribution are histograms. The product's gauges are of the last minute; the
// histograms count since Servery was started, which is what a histogram's readers expect
// (rate, histogram_quantile).
type metric struct {
	name, help   string
	value        func(*observed) float64
	distribution func(*observed) *telemetry.Distribution
}

var metrics = []metric{
	{name: "cpu_usage_percentage", help: "Processor time that the served entity's process takes, of the whole machine.",
		value: func(o *observed) float64 { return o.Live.CPUPercent }},
	{name: "mem_usage_percentage", help: "Memory of the served entity's process, of what its workload type may take.",
		value: func(o *observed) float64 { return 100 * float64(o.Live.MemoryBytes) / float64(o.memoryLimit) }},
	{name: "provisioned_concurrent_requests_total", help: "Requests that the served entity takes at once.",
		value: func(o *observed) float64 { return float64(o.Live.Provisioned) }},
	{name: "request_count_total", help: "Requests that ended in the last minute.",
		value: func(o *observed) float64 { return float64(o.Requests) }},
	{name: "request_4xx_count_total", help: "Requests that ended with a status of 400 to 499 in the last minute.",
		value: func(o *observed) float64 { return float64(o.Errors4) }},
	{name: "request_5xx_count_total", help: "Requests that ended with a status of 500 or more in the last minute.",
		value: func(o *observed) float64 { return float64(o.Errors5) }},
	{name: "request_latency_ms", help: "Time from a whole request to its answer in milliseconds, since Servery was started.",
		distribution: func(o *observed) *telemetry.Distribution { return &o.Latency }},
	{name: "model_queue_time_ms", help: "Time that a request waited for its turn in milliseconds, since Servery was started.",
		distribution: func(o *observed) *telemetry.Distribution { return &o.Queue }},
	{name: "model_prediction_latency_ms", help: "Time that the model itself ran in milliseconds, since Servery was started.",
		distribution: func(o *observed) *telemetry.Distribution { return &o.Model }},
}

// exportMetrics writes the figures of an endpoint's active configuration. An endpoint that
// does not serve yet has none, which is no error: a scraper goes on asking.
func (s *Server) exportMetrics(w http.ResponseWriter, r *http.Request, v values) error {
	e, err := s.services.Endpoint(v[0])
	if err != nil {
		return err
	}
	return sendMetrics(w, r, families(e.Name, s.observe(e)))
}

// observe reads the figures of the served entities that are active.
func (s *Server) observe(e endpoint.Endpoint) []observed {
	if e.Active == nil {
		return nil
	}
	machine := s.services.MemoryTotal()
	all := make([]observed, len(e.Active.Entities))
	for i, se := range e.Active.Entities {
		all[i] = observed{se, s.services.EntityFigures(e.Name, se.Name, se.ModelVersion), memoryOf(se.WorkloadType, machine)}
	}
	return all
}

// memoryOf is what a workload type may take on a machine with that much memory, in bytes.
func memoryOf(workload string, machine int64) int64 {
	for _, w := range endpoint.Workloads {
		if w.Name == workload && (machine <= 0 || w.Memory < machine) {
			return w.Memory
		}
	}
	if machine <= 0 {
		return endpoint.Workloads[0].Memory
	}
	return machine
}

// families are the metrics in Prometheus' own form, each with one value an entity.
func families(name string, entities []observed) []*dto.MetricFamily {
	if len(entities) == 0 {
		return nil
	}
	all := make([]*dto.MetricFamily, len(metrics))
	for i := range metrics {
		m := &metrics[i]
		kind := dto.MetricType_GAUGE
		if m.distribution != nil {
			kind = dto.MetricType_HISTOGRAM
		}
		all[i] = &dto.MetricFamily{Name: &m.name, Help: &m.help, Type: &kind}
		for j := range entities {
			all[i].Metric = append(all[i].Metric, m.of(name, &entities[j]))
		}
	}
	return all
}

func (m *metric) of(name string, o *observed) *dto.Metric {
	one := &dto.Metric{Label: []*dto.LabelPair{
		label("endpoint_name", name), label("served_entity_name", o.Name), label("served_entity_version", strconv.Itoa(o.ModelVersion)),
	}}
	if m.distribution != nil {
		one.Histogram = histogram(m.distribution(o))
		return one
	}
	value := m.value(o)
	one.Gauge = &dto.Gauge{Value: &value}
	return one
}

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

// histogram sums the buckets up, as Prometheus has them; the encoder adds +Inf.
func histogram(d *telemetry.Distribution) *dto.Histogram {
	count, upTo := d.Count(), uint64(0)
	h := &dto.Histogram{SampleCount: &count, SampleSum: &d.Sum}
	for i := range telemetry.Bounds {
		upTo += d.Counts[i]
		sum := upTo
		h.Bucket = append(h.Bucket, &dto.Bucket{CumulativeCount: &sum, UpperBound: &telemetry.Bounds[i]})
	}
	return h
}

// sendText answers 200 with a body of another type than JSON.
func sendText(w http.ResponseWriter, contentType string, body []byte) {
	requestID(w)
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h["X-Content-Type-Options"] = noSniff
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	allow(w, len(body))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
}
