package trace

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config says where traces go and how.
type Config struct {
	URL      string            // of the collector, with its path
	Headers  map[string]string // sent with each export
	Timeout  time.Duration     // of one export
	Gzip     bool
	Resource map[string]string // attributes of this process; service.name is among them
	Delay    time.Duration     // spans wait for so long at most until they are sent
	Queue    int               // spans that wait at most; more are dropped
	Batch    int               // spans of one export at most

	shown   string // the URL without a password
	sampler sampler
}

// String is the collector's address, without a password.
func (c *Config) String() string { return c.shown }

// FromEnvironment reads OpenTelemetry's environment variables (specification 1.50, "OTLP
// Exporter" and "SDK Environment Variables"). Unlike there, no collector is assumed where
// none is named: the answer is nil then, and where the SDK is disabled. An error says which
// variable cannot be followed.
func FromEnvironment(lookup func(name string) (string, bool)) (*Config, error) {
	get := func(name string) string { v, _ := lookup(name); return strings.TrimSpace(v) }
	forTraces := func(name string) (value, variable string) { // one for traces goes before one for all
		variable = "OTEL_EXPORTER_OTLP_TRACES_" + name
		if value = get(variable); value == "" {
			variable = "OTEL_EXPORTER_OTLP_" + name
			value = get(variable)
		}
		return value, variable
	}
	address, variable := forTraces("ENDPOINT")
	if address == "" || strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") || get("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s is %q: give a collector's address, as http://127.0.0.1:4318", variable, address)
	}
	if variable == "OTEL_EXPORTER_OTLP_ENDPOINT" {
		u = u.JoinPath("v1", "traces")
	} else if u.Path == "" {
		u.Path = "/"
	}
	c := &Config{URL: u.String(), shown: u.Redacted(), Timeout: 10 * time.Second, Delay: 5 * time.Second, Queue: 2048, Batch: 512}
	if exporter := get("OTEL_TRACES_EXPORTER"); exporter != "" && exporter != "otlp" {
		return nil, fmt.Errorf("OTEL_TRACES_EXPORTER is %q: Servery sends traces by otlp, or none", exporter)
	}
	if protocol, name := forTraces("PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return nil, fmt.Errorf("%s is %q: Servery sends http/protobuf", name, protocol)
	}
	switch compression, name := forTraces("COMPRESSION"); compression {
	case "", "none":
	case "gzip":
		c.Gzip = true
	default:
		return nil, fmt.Errorf("%s is %q: it can be gzip or none", name, compression)
	}
	text, name := forTraces("HEADERS")
	if c.Headers, err = pairs(text); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if c.Resource, err = pairs(get("OTEL_RESOURCE_ATTRIBUTES")); err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	if service := get("OTEL_SERVICE_NAME"); service != "" {
		c.Resource["service.name"] = service
	} else if c.Resource["service.name"] == "" {
		c.Resource["service.name"] = "servery"
	}
	if c.sampler, err = samplerOf(get("OTEL_TRACES_SAMPLER"), get("OTEL_TRACES_SAMPLER_ARG")); err != nil {
		return nil, err
	}
	return c, c.numbers(get, forTraces)
}

// numbers reads what is counted, in ms and spans.
func (c *Config) numbers(get func(string) string, forTraces func(string) (string, string)) error {
	timeout, name := forTraces("TIMEOUT")
	for _, v := range []struct {
		name, text string
		set        func(n int)
	}{
		{name, timeout, func(n int) { c.Timeout = time.Duration(n) * time.Millisecond }},
		{"OTEL_BSP_SCHEDULE_DELAY", get("OTEL_BSP_SCHEDULE_DELAY"), func(n int) { c.Delay = time.Duration(n) * time.Millisecond }},
		{"OTEL_BSP_MAX_QUEUE_SIZE", get("OTEL_BSP_MAX_QUEUE_SIZE"), func(n int) { c.Queue = n }},
		{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"), func(n int) { c.Batch = n }},
	} {
		if v.text == "" {
			continue
		}
		n, err := strconv.Atoi(v.text)
		if err != nil || n < 1 || n > 1_000_000 {
			return fmt.Errorf("%s is %q: give a whole number from 1 to 1000000", v.name, v.text)
		}
		v.set(n)
	}
	c.Batch = min(c.Batch, c.Queue)
	return nil
}

// pairs reads "key=value,key=value"; values are percent-encoded (W3C Baggage).
func pairs(text string) (map[string]string, error) {
	all := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if key = strings.TrimSpace(key); !ok || key == "" || err != nil {
			return nil, fmt.Errorf("the part beginning with %q is not key=value", key)
		}
		all[key] = value
	}
	return all, nil
}

func samplerOf(name, arg string) (s sampler, err error) {
	s.ratio = 1
	if strings.HasSuffix(name, "traceidratio") && arg != "" {
		if s.ratio, err = strconv.ParseFloat(arg, 64); err != nil || !(s.ratio >= 0 && s.ratio <= 1) {
			return s, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG is %q: give a number from 0 to 1", arg)
		}
	}
	switch name {
	case "always_on", "traceidratio":
	case "always_off":
		s.ratio = 0
	case "", "parentbased_always_on", "parentbased_traceidratio":
		s.follow = true
	case "parentbased_always_off":
		s.follow, s.ratio = true, 0
	default:
		return s, fmt.Errorf("OTEL_TRACES_SAMPLER is %q: Servery knows always_on, always_off, traceidratio, and these with parentbased_ before them", name)
	}
	return s, nil
}
