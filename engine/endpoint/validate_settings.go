package endpoint

import (
	"fmt"
	"math"
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The product's limits (documentation, AI Gateway rate limits), and Servery's own where
// the product names none: what is stored has a bound.
const (
	maxRateLimits  = 20
	maxGroupLimits = 5
	maxTags        = 50
	maxTagText     = 255 // characters of a key or value
	maxAddresses   = 50
	maxAddress     = 254 // bytes (RFC 5321)
	maxTableName   = 255 // characters of each part
)

// Keys of rate limits.
const (
	limitEndpoint  = "endpoint"
	limitUser      = "user"
	limitGroup     = "user_group"
	limitPrincipal = "service_principal"
)

// TelemetryFeatures are the signals that can be written (databricks-sdk-go,
// TelemetryFeature).
var TelemetryFeatures = []string{"TELEMETRY_FEATURE_INFERENCE_TABLE", "TELEMETRY_FEATURE_LOGS", "TELEMETRY_FEATURE_METRICS", "TELEMETRY_FEATURE_TRACES"}

func index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// settings checks what a create request asks for beside the configuration, and returns an
// endpoint with its settings, completed.
func (c *check) settings(spec Spec) (e Endpoint) {
	c.tags("tags", spec.Tags)
	if len(spec.Tags) > maxTags {
		c.add("tags", "An endpoint takes at most %d tags, these are %d.", maxTags, len(spec.Tags))
	}
	e.Tags = slices.Clone(spec.Tags)
	e.RateLimits = c.oldRateLimits("rate_limits", spec.RateLimits)
	e.AIGateway = c.gateway("ai_gateway.", spec.AIGateway, nil, spec.Name)
	e.Notifications = c.notifications("email_notifications.", spec.Notifications)
	e.Telemetry = c.telemetry("telemetry_config.", spec.Telemetry)
	return e
}

func (c *check) tags(at string, tags []Tag) {
	seen := map[string]bool{}
	for i, t := range tags[:min(len(tags), 4*maxTags)] {
		field := index(at, i) + ".key"
		switch {
		case t.Key == "":
			c.add(field, "A tag needs a key.")
		case seen[t.Key]:
			c.add(field, "The tag '%s' is given twice: keys are unique.", t.Key)
		default:
			c.line(field, "A tag's key", t.Key, maxTagText)
		}
		c.line(index(at, i)+".value", "A tag's value", t.Value, maxTagText)
		seen[t.Key] = true
	}
}

// line takes a text of one line.
func (c *check) line(field, what, text string, most int) {
	if n := utf8.RuneCountInString(text); n > most {
		c.add(field, "%s has at most %d characters, this has %d.", what, most, n)
	} else if i := strings.IndexFunc(text, unicode.IsControl); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		c.add(field, "%s is one line of text and takes no control character, this has %U.", what, r)
	}
}

// oldRateLimits are those of the form before the gateway: calls of a user or an endpoint.
func (c *check) oldRateLimits(at string, limits []RateLimit) []RateLimit {
	limits = c.rateLimits(at, limits, limitUser, limitEndpoint)
	for i, l := range limits {
		if l.Calls == nil {
			c.add(index(at, i)+".calls", "calls is missing: give how many calls a minute may have.")
		}
		if l.Tokens != nil || l.Principal != "" {
			c.add(index(at, i), "rate_limits count calls of each user or of the endpoint: tokens and principal belong to the rate limits of the AI Gateway.")
		}
	}
	return limits
}

// rateLimits takes limits whose key is one of keys, and completes them.
func (c *check) rateLimits(at string, limits []RateLimit, keys ...string) []RateLimit {
	if len(limits) > maxRateLimits {
		c.add(at, "An endpoint takes at most %d rate limits, these are %d.", maxRateLimits, len(limits))
		return nil
	}
	groups, seen := 0, map[string]bool{}
	limits = slices.Clone(limits)
	for i := range limits {
		l, at := &limits[i], index(at, i)
		if l.Key == "" {
			l.Key = limitEndpoint
		}
		if l.Key == limitGroup {
			groups++
		}
		if !slices.Contains(keys, l.Key) {
			c.add(at+".key", "'%s' is no key of a rate limit: there are %s.", l.Key, strings.Join(keys, ", "))
		}
		c.rateLimit(at, l, seen)
	}
	if groups > maxGroupLimits {
		c.add(at, "An endpoint takes at most %d rate limits of groups, these are %d.", maxGroupLimits, groups)
	}
	return limits
}

// rateLimit checks one limit; seen are those before it, by whom they count and what.
func (c *check) rateLimit(at string, l *RateLimit, seen map[string]bool) {
	switch {
	case l.RenewalPeriod == "":
		c.add(at+".renewal_period", "renewal_period is missing: give minute.")
	case l.RenewalPeriod != "minute":
		c.add(at+".renewal_period", "renewal_period is '%s': it takes minute.", l.RenewalPeriod)
	}
	switch {
	case (l.Key == limitGroup || l.Key == limitPrincipal) && l.Principal == "":
		c.add(at+".principal", "principal is missing: a rate limit of a %s names whom it counts.", l.Key)
	case l.Key == limitEndpoint && l.Principal != "":
		c.add(at+".principal", "principal is '%s', but a rate limit of the endpoint counts everyone: leave it out, or give another key.", l.Principal)
	}
	c.line(at+".principal", "principal", l.Principal, maxTagText)
	if l.Calls == nil && l.Tokens == nil {
		c.add(at+".calls", "calls is missing: give calls or tokens, how many a minute may have.")
	}
	for _, n := range []struct {
		what string
		most *int
	}{{"calls", l.Calls}, {"tokens", l.Tokens}} {
		if n.most == nil {
			continue
		}
		if *n.most < 0 {
			c.add(at+"."+n.what, "%s is %d: it takes a whole number from 0 up.", n.what, *n.most)
		}
		key := n.what + "\x00" + l.Key + "\x00" + l.Principal
		if seen[key] {
			c.add(at, "Two rate limits count %s of the same %s: give one.", n.what, l.Key)
		}
		seen[key] = true
	}
}

// gateway completes a gateway, whose state before is old; nil where nothing was asked for.
func (c *check) gateway(at string, g, old *AIGateway, name string) *AIGateway {
	if g == nil {
		return nil
	}
	const languageOnly = "answers of language models, and this endpoint serves a custom model: leave it out."
	if g.Guardrails {
		c.add(at+"guardrails", "Guardrails look at the requests and "+languageOnly)
	}
	if g.Fallback != nil && *g.Fallback {
		c.add(at+"fallback_config", "A fallback repeats requests for "+languageOnly)
	}
	var before *InferenceTable
	if old != nil {
		before = old.InferenceTable
	}
	next := &AIGateway{UsageTracking: g.UsageTracking, Fallback: g.Fallback,
		InferenceTable: c.inferenceTable(at+"inference_table_config.", g.InferenceTable, before, name),
		RateLimits:     c.rateLimits(at+"rate_limits", g.RateLimits, limitUser, limitEndpoint, limitGroup, limitPrincipal)}
	if next.UsageTracking == nil && next.Fallback == nil && next.InferenceTable == nil && len(next.RateLimits) == 0 {
		return nil
	}
	return next
}

// inferenceTable completes a table's names. While it is enabled they stay as they are: what
// has been written would be left behind.
func (c *check) inferenceTable(at string, t, old *InferenceTable, endpoint string) *InferenceTable {
	if t == nil {
		return nil
	}
	next, before := *t, len(c.fields)
	if next.TablePrefix == "" {
		next.TablePrefix = endpoint
	}
	if next.Enabled && next.Catalog == "" {
		c.add(at+"catalog_name", "catalog_name is missing: an inference table that is enabled names its catalog.")
	}
	if next.Enabled && next.Schema == "" {
		c.add(at+"schema_name", "schema_name is missing: an inference table that is enabled names its schema.")
	}
	for _, n := range []struct{ field, is, was string }{
		{"catalog_name", next.Catalog, old.names()[0]}, {"schema_name", next.Schema, old.names()[1]}, {"table_name_prefix", next.TablePrefix, old.names()[2]},
	} {
		c.tableName(at+n.field, n.field, n.is)
		if next.Enabled && old != nil && old.Enabled && n.is != n.was {
			c.add(at+n.field, "%s is '%s', but the inference table is enabled with '%s': disable it first, then change its names.", n.field, n.is, n.was)
		}
	}
	if next.Enabled && (old == nil || !old.Enabled) && len(c.fields) == before {
		c.place(at, next.Catalog, next.Schema)
	}
	return &next
}

// place wants a schema that exists, as the product does where a table is made.
func (c *check) place(at, catalog, schema string) {
	places, ok := c.models.(Places)
	if !ok {
		return
	}
	if _, err := places.Catalog(catalog); err != nil {
		c.add(at+"catalog_name", "Catalog '%s' does not exist. Create it first: POST /api/2.1/unity-catalog/catalogs, or import a model into it.", catalog)
	} else if _, err := places.Schema(catalog + "." + schema); err != nil {
		c.add(at+"schema_name", "Schema '%s.%s' does not exist. Create it first: POST /api/2.1/unity-catalog/schemas, or import a model into it.", catalog, schema)
	}
}

func (t *InferenceTable) names() [3]string {
	if t == nil {
		return [3]string{}
	}
	return [3]string{t.Catalog, t.Schema, t.TablePrefix}
}

// tableName takes one part of a table's name.
func (c *check) tableName(field, what, name string) {
	bad := strings.IndexFunc(name, func(r rune) bool {
		return r == '.' || r == '/' || unicode.IsSpace(r) || unicode.IsControl(r)
	})
	switch n := utf8.RuneCountInString(name); {
	case n > maxTableName:
		c.add(field, "%s has at most %d characters, this has %d.", what, maxTableName, n)
	case bad >= 0:
		r, _ := utf8.DecodeRuneInString(name[bad:])
		c.add(field, "%s takes one name without dots, slashes and spaces, not %q.", what, string(r))
	}
}

func (c *check) notifications(at string, n *Notifications) *Notifications {
	if n == nil || len(n.OnSuccess)+len(n.OnFailure) == 0 {
		return nil
	}
	c.addresses(at+"on_update_success", n.OnSuccess)
	c.addresses(at+"on_update_failure", n.OnFailure)
	return &Notifications{OnSuccess: slices.Clone(n.OnSuccess), OnFailure: slices.Clone(n.OnFailure)}
}

func (c *check) addresses(at string, list []string) {
	if len(list) > maxAddresses {
		c.add(at, "At most %d addresses are told, these are %d.", maxAddresses, len(list))
		return
	}
	for i, text := range list {
		if a, err := mail.ParseAddress(text); err != nil || a.Address != text || len(text) > maxAddress {
			c.add(index(at, i), "%q is no e-mail address, like ada@example.com.", cutText(text, 60))
		}
	}
}

func (c *check) telemetry(at string, t *TelemetryExport) *TelemetryExport {
	if t == nil {
		return nil
	}
	tables := t.LogsTable + t.MetricsTable + t.TracesTable
	if t.ProfileID != "" && tables != "" {
		c.add(at+"telemetry_profile_id", "telemetry_profile_id and table_names are two ways to say one thing: give one.")
	}
	c.line(at+"telemetry_profile_id", "telemetry_profile_id", t.ProfileID, maxTagText)
	for _, n := range []struct{ field, name string }{{"logs_table", t.LogsTable}, {"metrics_table", t.MetricsTable}, {"traces_table", t.TracesTable}} {
		c.fullTable(at+"table_names."+n.field, n.field, n.name)
	}
	if s := t.Sampling; s != nil && !(*s >= 0 && *s <= 1) || s != nil && math.IsNaN(*s) {
		c.add(at+"inference_table_config.sampling_fraction", "sampling_fraction is %v: it takes a number from 0 to 1.", *s)
	}
	seen := map[string]bool{}
	for i, f := range t.Features[:min(len(t.Features), 4*len(TelemetryFeatures))] {
		if !slices.Contains(TelemetryFeatures, f) {
			c.add(index(at+"enabled_telemetry_features", i), "'%s' is no telemetry feature: there are %s.", cutText(f, 60), strings.Join(TelemetryFeatures, ", "))
		} else if seen[f] {
			c.add(index(at+"enabled_telemetry_features", i), "%s is given twice: give it once.", f)
		}
		seen[f] = true
	}
	if len(t.Features) > 4*len(TelemetryFeatures) {
		c.add(at+"enabled_telemetry_features", "There are %d telemetry features, these are %d.", len(TelemetryFeatures), len(t.Features))
	}
	next := *t
	next.Features = slices.Clone(t.Features)
	return &next
}

func (c *check) fullTable(field, what, name string) {
	if name == "" {
		return
	}
	parts := strings.Split(name, ".")
	if len(parts) != 3 || slices.Contains(parts, "") {
		c.add(field, "%s is '%s': it takes the full name of a table, catalog.schema.table.", what, cutText(name, 200))
		return
	}
	for _, p := range parts {
		c.tableName(field, what, p)
	}
}

// cutText shortens what a message quotes.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
