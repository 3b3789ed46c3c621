package api

import (
	"encoding/json"
	"fmt"
	"strconv"

	"servery/engine/endpoint"
	"servery/engine/gateway/inference"
)

// The JSON of an endpoint's settings (spec B4; databricks-sdk-go service/serving/model.go).
type (
	wireTags struct {
		Tags []wireTag `json:"tags"`
	}
	wireRateLimits struct {
		RateLimits []wireRateLimit `json:"rate_limits"`
	}
	wireNotified struct {
		Name          string             `json:"name"`
		Notifications *wireNotifications `json:"email_notifications"`
	}
	wireRateLimit struct {
		Calls         *int   `json:"calls,omitempty"`
		Key           string `json:"key"`
		Principal     string `json:"principal,omitempty"`
		RenewalPeriod string `json:"renewal_period"`
		Tokens        *int   `json:"tokens,omitempty"`
	}
	wireInferenceTable struct {
		Catalog     string `json:"catalog_name,omitempty"`
		Enabled     bool   `json:"enabled"`
		Schema      string `json:"schema_name,omitempty"`
		TablePrefix string `json:"table_name_prefix,omitempty"`
	}
	wireCapture struct {
		wireInferenceTable
		State *wireCaptureState `json:"state,omitempty"`
	}
	wireCaptureState struct {
		PayloadTable wirePayloadTable `json:"payload_table"`
	}
	wirePayloadTable struct {
		Name string `json:"name"`
	}
	wireEnabled struct {
		Enabled bool `json:"enabled"`
	}
	wireGateway struct {
		Fallback       *wireEnabled        `json:"fallback_config,omitempty"`
		InferenceTable *wireInferenceTable `json:"inference_table_config,omitempty"`
		RateLimits     []wireRateLimit     `json:"rate_limits,omitempty"`
		UsageTracking  *wireEnabled        `json:"usage_tracking_config,omitempty"`
	}
	wireNotifications struct {
		OnFailure []string `json:"on_update_failure,omitempty"`
		OnSuccess []string `json:"on_update_success,omitempty"`
	}
	wireTelemetry struct {
		Features       []string            `json:"enabled_telemetry_features,omitempty"`
		InferenceTable *wireSampling       `json:"inference_table_config,omitempty"`
		Tables         *wireTelemetryTable `json:"table_names,omitempty"`
		ProfileID      string              `json:"telemetry_profile_id,omitempty"`
	}
	wireSampling struct {
		Fraction float64 `json:"sampling_fraction"`
	}
	wireTelemetryTable struct {
		Logs    string `json:"logs_table,omitempty"`
		Metrics string `json:"metrics_table,omitempty"`
		Traces  string `json:"traces_table,omitempty"`
	}
)

// decodeSettings reads what a create request asks for beside the configuration.
func decodeSettings(o object, spec *endpoint.Spec) {
	spec.Tags = decodeTags(o, "tags")
	spec.RateLimits = decodeRateLimits(o)
	if g, ok := o.object("ai_gateway"); ok {
		spec.AIGateway = decodeGateway(g)
	}
	spec.Notifications = decodeNotifications(o)
	spec.Telemetry = decodeTelemetry(o)
}

func decodeTags(o object, field string) (tags []endpoint.Tag) {
	for _, t := range o.objects(field) {
		tags = append(tags, endpoint.Tag{Key: t.text("key"), Value: t.text("value")})
	}
	return tags
}

func decodeRateLimits(o object) (limits []endpoint.RateLimit) {
	for _, l := range o.objects("rate_limits") {
		limits = append(limits, endpoint.RateLimit{
			Calls: l.integer("calls"), Tokens: l.integer("tokens"),
			Key: l.text("key"), Principal: l.text("principal"), RenewalPeriod: l.text("renewal_period"),
		})
	}
	return limits
}

// decodeGateway reads a gateway's fields. Guardrails that say something are told on:
// whether they can be had is not a question of form.
func decodeGateway(o object) *endpoint.AIGateway {
	g := &endpoint.AIGateway{RateLimits: decodeRateLimits(o), InferenceTable: decodeInferenceTable(o, "inference_table_config")}
	g.UsageTracking, g.Fallback = decodeEnabled(o, "usage_tracking_config"), decodeEnabled(o, "fallback_config")
	guardrails, ok := o.object("guardrails")
	g.Guardrails = ok && (guardrails.has("input") || guardrails.has("output"))
	return g
}

func decodeEnabled(o object, field string) *bool {
	c, ok := o.object(field)
	if !ok {
		return nil
	}
	if b := c.boolean("enabled"); b != nil {
		return b
	}
	return new(bool)
}

func decodeInferenceTable(o object, field string) *endpoint.InferenceTable {
	c, ok := o.object(field)
	if !ok {
		return nil
	}
	t := &endpoint.InferenceTable{Catalog: c.text("catalog_name"), Schema: c.text("schema_name"), TablePrefix: c.text("table_name_prefix")}
	if b := c.boolean("enabled"); b != nil {
		t.Enabled = *b
	}
	return t
}

func decodeNotifications(o object) *endpoint.Notifications {
	n, ok := o.object("email_notifications")
	if !ok {
		return nil
	}
	return &endpoint.Notifications{OnSuccess: n.strings("on_update_success"), OnFailure: n.strings("on_update_failure")}
}

func decodeTelemetry(o object) *endpoint.TelemetryExport {
	c, ok := o.object("telemetry_config")
	if !ok {
		return nil
	}
	t := &endpoint.TelemetryExport{ProfileID: c.text("telemetry_profile_id"), Features: c.strings("enabled_telemetry_features")}
	if tables, ok := c.object("table_names"); ok {
		t.LogsTable, t.MetricsTable, t.TracesTable = tables.text("logs_table"), tables.text("metrics_table"), tables.text("traces_table")
	}
	if table, ok := c.object("inference_table_config"); ok {
		t.Sampling = table.fraction("sampling_fraction")
	}
	return t
}

// strings reads a list of strings.
func (o object) strings(name string) []string {
	var list []string
	for i, e := range o.list(name) {
		s, ok := e.(string)
		if !ok {
			o.note(fmt.Sprintf("%s[%d]", name, i), "a string", e)
			continue
		}
		list = append(list, s)
	}
	return list
}

// fraction reads a number; nil where it was not sent.
func (o object) fraction(name string) *float64 {
	v := o.fields[name]
	if v == nil {
		return nil
	}
	if n, ok := v.(json.Number); ok {
		if f, err := strconv.ParseFloat(n.String(), 64); err == nil {
			return &f
		}
	}
	o.note(name, "a number", v)
	return nil
}

func tagsWire(tags []endpoint.Tag) (list []wireTag) {
	for _, t := range tags {
		list = append(list, wireTag(t))
	}
	return list
}

func rateLimitsWire(limits []endpoint.RateLimit) (list []wireRateLimit) {
	for _, l := range limits {
		list = append(list, wireRateLimit{Calls: l.Calls, Key: l.Key, Principal: l.Principal, RenewalPeriod: l.RenewalPeriod, Tokens: l.Tokens})
	}
	return list
}

func inferenceTableWire(t *endpoint.InferenceTable) *wireInferenceTable {
	if t == nil {
		return nil
	}
	return &wireInferenceTable{Catalog: t.Catalog, Enabled: t.Enabled, Schema: t.Schema, TablePrefix: t.TablePrefix}
}

// captureWire is an inference table of the form before the gateway, with the name of the
// table that it writes.
func captureWire(t *endpoint.InferenceTable) *wireCapture {
	if t == nil {
		return nil
	}
	w := &wireCapture{wireInferenceTable: *inferenceTableWire(t)}
	if t.Enabled {
		w.State = &wireCaptureState{wirePayloadTable{inference.PayloadName(t)}}
	}
	return w
}

func gatewayWire(g *endpoint.AIGateway) *wireGateway {
	if g == nil {
		return nil
	}
	w := &wireGateway{InferenceTable: inferenceTableWire(g.InferenceTable), RateLimits: rateLimitsWire(g.RateLimits)}
	if g.UsageTracking != nil {
		w.UsageTracking = &wireEnabled{*g.UsageTracking}
	}
	if g.Fallback != nil {
		w.Fallback = &wireEnabled{*g.Fallback}
	}
	return w
}

func notificationsWire(n *endpoint.Notifications) *wireNotifications {
	if n == nil {
		return nil
	}
	return &wireNotifications{OnFailure: n.OnFailure, OnSuccess: n.OnSuccess}
}

func telemetryWire(t *endpoint.TelemetryExport) *wireTelemetry {
	if t == nil {
		return nil
	}
	w := &wireTelemetry{Features: t.Features, ProfileID: t.ProfileID}
	if t.Sampling != nil {
		w.InferenceTable = &wireSampling{*t.Sampling}
	}
	if tables := (wireTelemetryTable{t.LogsTable, t.MetricsTable, t.TracesTable}); tables != (wireTelemetryTable{}) {
		w.Tables = &tables
	}
	return w
}
