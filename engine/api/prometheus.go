package api

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	gometrics "runtime/metrics"
	"slices"
	"strconv"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"servery/engine/access"
	"servery/engine/hardware"
	"servery/engine/telemetry"
)

// GET /metrics is for a Prometheus that watches this machine: all endpoints in one answer,
// in OpenTelemetry's names (semantic conventions 1.30: http.server.*, go.*, process.*) with
// Prometheus' spelling and units. What OpenTelemetry has no name for begins with servery_.
// Labels are few: endpoint, served entity, version of the model, HTTP status.

// otelBounds are the bucket bounds of http.server.request.duration, in seconds.
var otelBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// stageBounds are those of a request's parts: a small model takes less than 5 ms for all.
var stageBounds = func() []float64 {
	all := make([]float64, len(telemetry.Bounds))
	for i, ms := range telemetry.Bounds {
		all[i] = ms / 1000
	}
	return all
}()

// scrape gathers families by name, in the order in which they are first named.
type scrape struct {
	families []*dto.MetricFamily
	byName   map[string]*dto.MetricFamily
}

func (s *scrape) add(name, help string, kind dto.MetricType, m *dto.Metric) {
	f := s.byName[name]
	if f == nil {
		f = &dto.MetricFamily{Name: &name, Help: &help, Type: &kind}
		s.byName[name] = f
		s.families = append(s.families, f)
	}
	f.Metric = append(f.Metric, m)
}

func (s *scrape) gauge(name, help string, value float64, labels ...*dto.LabelPair) {
	s.add(name, help, dto.MetricType_GAUGE, &dto.Metric{Label: labels, Gauge: &dto.Gauge{Value: &value}})
}

func (s *scrape) counter(name, help string, value float64, labels ...*dto.LabelPair) {
	s.add(name, help, dto.MetricType_COUNTER, &dto.Metric{Label: labels, Counter: &dto.Counter{Value: &value}})
}

// histogram has a distribution in seconds, in buckets up to those of its bounds that are
// asked for.
func (s *scrape) histogram(name, help string, d *telemetry.Distribution, bounds []float64, labels ...*dto.LabelPair) {
	count, sum := d.Count(), d.Sum/1000
	h := &dto.Histogram{SampleCount: &count, SampleSum: &sum}
	next, upTo := 0, uint64(0)
	for i, ms := range telemetry.Bounds {
		upTo += d.Counts[i]
		if next < len(bounds) && ms/1000 == bounds[next] {
			n := upTo
			h.Bucket = append(h.Bucket, &dto.Bucket{CumulativeCount: &n, UpperBound: &bounds[next]})
			next++
		}
	}
	s.add(name, help, dto.MetricType_HISTOGRAM, &dto.Metric{Label: labels, Histogram: h})
}

// exportAll answers with the figures of this process and of the endpoints that the user may
// view.
func (s *Server) exportAll(w http.ResponseWriter, r *http.Request, _ values) error {
	user, _ := access.UserFrom(r.Context())
	all := &scrape{byName: map[string]*dto.MetricFamily{}}
	all.gauge("target_info", "Who is asked.", 1, label("service_name", "servery"), label("service_version", s.services.Status().Version))
	for _, e := range s.services.Endpoints() {
		if s.services.Permission(user, e) < access.CanView {
			continue
		}
		all.requests(e.Name, "", 0, s.services.Statuses(e.Name, "", 0))
		for _, o := range s.observe(e) {
			all.requests(e.Name, o.Name, o.ModelVersion, s.services.Statuses(e.Name, o.Name, o.ModelVersion))
			all.entity(e.Name, &o)
		}
	}
	all.process(s.services.Process())
	all.goRuntime()
	return sendMetrics(w, r, all.families)
}

func entityLabels(endpoint, entity string, version int) []*dto.LabelPair {
	all := []*dto.LabelPair{label("endpoint_name", endpoint), label("served_entity_name", entity)}
	if entity != "" {
		all = append(all, label("served_entity_version", strconv.Itoa(version)))
	}
	return all
}

func (s *scrape) requests(endpoint, entity string, version int, statuses []telemetry.StatusFigures) {
	for i := range statuses {
		labels := append(entityLabels(endpoint, entity, version),
			label("http_request_method", "POST"), label("url_scheme", "http"), label("http_response_status_code", strconv.Itoa(statuses[i].Status)))
		s.histogram("http_server_request_duration_seconds", "Time of scoring requests, from the whole body read to the answer ready.",
			&statuses[i].Latency, otelBounds, labels...)
	}
}

func (s *scrape) entity(endpoint string, o *observed) {
	labels := entityLabels(endpoint, o.Name, o.ModelVersion)
	s.gauge("http_server_active_requests", "Scoring requests that run or wait.", float64(o.Live.InFlight+o.Live.Queued),
		append(slices.Clone(labels), label("http_request_method", "POST"), label("url_scheme", "http"))...)
	s.histogram("servery_queue_duration_seconds", "Time that a request waited for a permit and a session.", &o.Queue, stageBounds, labels...)
	s.histogram("servery_model_duration_seconds", "Time that the model itself ran.", &o.Model, stageBounds, labels...)
	s.gauge("servery_queue_length", "Requests that wait for a permit.", float64(o.Live.Queued), labels...)
	s.gauge("servery_provisioned_concurrency", "Requests that the served entity takes at once.", float64(o.Live.Provisioned), labels...)
	s.gauge("servery_worker_memory_usage_bytes", "Resident memory of the model's process.", float64(o.Live.MemoryBytes), labels...)
	s.gauge("servery_worker_memory_limit_bytes", "What the workload type may take.", float64(o.memoryLimit), labels...)
	s.gauge("servery_worker_cpu_utilization_ratio", "Processor time of the model's process, of the whole machine.", o.Live.CPUPercent/100, labels...)
	s.counter("servery_worker_restarts_total", "How often the model's process was started again after it had died.", float64(o.Live.Restarts), labels...)
}

func (s *scrape) process(p hardware.Process) {
	const help = "Processor time of this process, without the models' processes."
	s.counter("process_cpu_time_seconds_total", help, p.UserSeconds, label("cpu_mode", "user"))
	s.counter("process_cpu_time_seconds_total", help, p.SystemSeconds, label("cpu_mode", "system"))
	s.gauge("process_memory_usage_bytes", "Resident memory of this process.", float64(p.MemoryBytes))
	s.gauge("process_memory_virtual_bytes", "Address space of this process.", float64(p.VirtualBytes))
	s.gauge("process_thread_count", "Threads of this process.", float64(p.Threads))
	s.gauge("process_open_file_descriptor_count", "Open files and connections of this process; 0 where the system does not tell.", float64(p.OpenFiles))
	if !p.StartedAt.IsZero() {
		s.gauge("process_uptime_seconds", "Since this process was started.", max(0, math.Round(time.Since(p.StartedAt).Seconds())))
	}
}

// goMetrics are those of runtime/metrics that OpenTelemetry has names for.
var goMetrics = []struct {
	source, name, help string
	counter            bool
	labels             []*dto.LabelPair
}{
	{source: "/memory/classes/heap/stacks:bytes", name: "go_memory_used_bytes", help: memoryHelp, labels: []*dto.LabelPair{label("go_memory_type", "stack")}},
	{source: "/memory/classes/total:bytes", name: "go_memory_used_bytes", help: memoryHelp, labels: []*dto.LabelPair{label("go_memory_type", "other")}},
	{source: "/gc/heap/allocs:bytes", name: "go_memory_allocated_bytes_total", help: "Memory allocated in the heap.", counter: true},
	{source: "/gc/heap/allocs:objects", name: "go_memory_allocations_total", help: "Allocations in the heap.", counter: true},
	{source: "/gc/heap/goal:bytes", name: "go_memory_gc_goal_bytes", help: "Heap size at which the next collection ends."},
	{source: "/sched/goroutines:goroutines", name: "go_goroutine_count", help: "Live goroutines."},
	{source: "/sched/gomaxprocs:threads", name: "go_processor_limit", help: "Threads that run Go code at once."},
	{source: "/gc/gogc:percent", name: "go_config_gogc_percent", help: "How much the heap may grow between collections."},
}

const memoryHelp = "Memory that the Go runtime uses."

func (s *scrape) goRuntime() {
	const released = "/memory/classes/heap/released:bytes"
	samples := make([]gometrics.Sample, len(goMetrics)+1)
	for i := range goMetrics {
		samples[i].Name = goMetrics[i].source
	}
	samples[len(goMetrics)].Name = released
	gometrics.Read(samples)
	number := func(i int) float64 {
		if samples[i].Value.Kind() != gometrics.KindUint64 {
			return 0
		}
		return float64(samples[i].Value.Uint64())
	}
	for i, m := range goMetrics {
		value := number(i)
		if m.source == "/memory/classes/total:bytes" { // "other" is the rest
			value -= number(0) + number(len(goMetrics))
		}
		if m.counter {
			s.counter(m.name, m.help, value, m.labels...)
		} else {
			s.gauge(m.name, m.help, value, m.labels...)
		}
	}
}

// sendMetrics writes families for Prometheus, or for OpenMetrics where the client accepts
// that rather than text/plain.
func sendMetrics(w http.ResponseWriter, r *http.Request, families []*dto.MetricFamily) error {
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	if expfmt.NegotiateIncludingOpenMetrics(r.Header).FormatType() == expfmt.TypeOpenMetrics {
		format = expfmt.NewFormat(expfmt.TypeOpenMetrics)
	}
	var b bytes.Buffer
	encoder := expfmt.NewEncoder(&b, format)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return fmt.Errorf("cannot write the metric %s: %w", f.GetName(), err)
		}
	}
	if c, ok := encoder.(io.Closer); ok { // writes OpenMetrics' # EOF
		if err := c.Close(); err != nil {
			return fmt.Errorf("cannot write the metrics: %w", err)
		}
	}
	sendText(w, string(format), b.Bytes())
	return nil
}
