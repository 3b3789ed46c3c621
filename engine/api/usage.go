package api

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"servery/engine/access"
	"servery/engine/gateway/usage"
	"servery/engine/rows"
)

// usageRoutes are Servery's own: the product has these tables in a lake, where SQL reads
// them. As there, only administrators do.
var usageRoutes = []route{
	at("GET", "/api/2.0/servery/system-tables/serving/endpoint_usage", (*Server).endpointUsage).administrators(),
	at("GET", "/api/2.0/servery/system-tables/serving/served_entities", (*Server).servedEntities).administrators(),
	at("GET", "/api/2.0/servery/usage", (*Server).usageTotals).administrators(),
}

// Usage is what usage tracking has kept.
type Usage interface {
	// UsageRequests lists requests, the newest first; more tells that there may be others
	// behind next.
	UsageRequests(q usage.Query) (list []usage.Request, next rows.Position, more bool, err error)
	// UsageTotals are sums by the hour or the day, the newest first.
	UsageTotals(endpoint string, from, to time.Time, days bool) ([]usage.Total, error)
	// ServedEntities are what serves and has served.
	ServedEntities() ([]usage.Entity, error)
}

// The tables' columns (documentation, Monitor served models using AI Gateway-enabled system
// tables). A custom model has no tokens, and its answers are not streamed.
type (
	wireUsage struct {
		Account         string            `json:"account_id"`
		Workspace       string            `json:"workspace_id"`
		ClientRequest   *string           `json:"client_request_id"`
		Request         string            `json:"databricks_request_id"`
		Requester       string            `json:"requester"`
		Status          int               `json:"status_code"`
		At              string            `json:"request_time"`
		InputTokens     *int64            `json:"input_token_count"`
		OutputTokens    *int64            `json:"output_token_count"`
		InputCharacters *int64            `json:"input_character_count"`
		OutputCharacter *int64            `json:"output_character_count"`
		Context         map[string]string `json:"usage_context"`
		Streaming       bool              `json:"request_streaming"`
		Entity          *string           `json:"served_entity_id"`
	}
	wireUsageRows struct {
		Rows []wireUsage `json:"rows"`
		Next string      `json:"next_page_token,omitempty"`
	}
	wireServedEntity struct {
		ID            string                 `json:"served_entity_id"`
		Account       string                 `json:"account_id"`
		Workspace     string                 `json:"workspace_id"`
		Creator       string                 `json:"created_by"`
		Endpoint      string                 `json:"endpoint_name"`
		EndpointID    string                 `json:"endpoint_id"`
		Name          string                 `json:"served_entity_name"`
		Type          string                 `json:"entity_type"`
		Model         string                 `json:"entity_name"`
		Version       string                 `json:"entity_version"`
		ConfigVersion int                    `json:"endpoint_config_version"`
		Task          *string                `json:"task"`
		External      *struct{}              `json:"external_model_config"`
		Foundation    *struct{}              `json:"foundation_model_config"`
		Custom        *wireCustomModelConfig `json:"custom_model_config"`
		FeatureSpec   *struct{}              `json:"feature_spec_config"`
		ChangedAt     string                 `json:"change_time"`
		DeletedAt     *string                `json:"endpoint_delete_time"`
	}
	wireCustomModelConfig struct {
		Min     int    `json:"min_concurrency"`
		Max     int    `json:"max_concurrency"`
		Compute string `json:"compute_type"`
	}
	wireServedEntityRows struct {
		Rows []wireServedEntity `json:"rows"`
		Next string             `json:"next_page_token,omitempty"`
	}
	wireUsageTotal struct {
		From       int64   `json:"timestamp"` // where the hour or the day begins, Unix ms
		Endpoint   string  `json:"endpoint_name"`
		EndpointID string  `json:"endpoint_id"`
		Entity     *string `json:"served_entity_name"`
		Requester  string  `json:"requester"`
		Requests   int64   `json:"request_count"`
		Errors4    int64   `json:"request_4xx_count"`
		Errors5    int64   `json:"request_5xx_count"`
		Refused    int64   `json:"rate_limited_count"`
		Execution  int64   `json:"execution_duration_ms"`
	}
	wireUsageTotals struct {
		Totals []wireUsageTotal `json:"totals"`
	}
)

// between are the parameters endpoint_name, from and to; the two are Unix ms.
func between(o object) (endpoint string, from, to time.Time, err error) {
	first, last := o.integer("from"), o.integer("to")
	endpoint = o.text("endpoint_name")
	if err := o.failed(); err != nil {
		return "", from, to, err
	}
	if first != nil {
		from = time.UnixMilli(int64(*first))
	}
	if last != nil {
		to = time.UnixMilli(int64(*last))
	}
	return endpoint, from, to, nil
}

func (s *Server) endpointUsage(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	q := usage.Query{}
	if q.Endpoint, q.From, q.To, err = between(o); err != nil {
		return err
	}
	token := ""
	if q.Most, token, err = pageSize(o); err != nil {
		return err
	}
	if token != "" {
		if q.After, err = rows.ParsePosition(token); err != nil {
			return invalid(noPageToken)
		}
	}
	list, next, more, err := s.services.UsageRequests(q)
	if err != nil {
		return err
	}
	answer := wireUsageRows{Rows: make([]wireUsage, 0, len(list))}
	for i := range list {
		answer.Rows = append(answer.Rows, usageWire(&list[i]))
	}
	if more {
		answer.Next = next.String()
	}
	return sendJSON(w, answer)
}

func usageWire(r *usage.Request) wireUsage {
	return wireUsage{
		Workspace: workspaceID, ClientRequest: orNull(r.ClientID), Request: r.ID, Requester: r.Requester,
		Status: r.Status, At: tableTime(r.At), Context: r.Context, Entity: orNull(r.EntityID),
	}
}

func (s *Server) servedEntities(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	name := o.text("endpoint_name")
	if err := o.failed(); err != nil {
		return err
	}
	all, err := s.services.ServedEntities()
	if err != nil {
		return err
	}
	list := wireServedEntityRows{Rows: []wireServedEntity{}}
	var kept []usage.Entity
	for _, e := range all {
		if name == "" || name == e.Endpoint {
			kept = append(kept, e)
		}
	}
	// In the order of the ids, which is as good as any for a table, a token stays right.
	slices.SortFunc(kept, func(a, b usage.Entity) int { return strings.Compare(a.ID, b.ID) })
	kept, list.Next, err = page(o, kept, func(e usage.Entity) string { return e.ID })
	if err != nil {
		return err
	}
	for i := range kept {
		list.Rows = append(list.Rows, s.servedEntityWire(&kept[i]))
	}
	return sendJSON(w, list)
}

func (s *Server) servedEntityWire(e *usage.Entity) wireServedEntity {
	creator := e.Creator
	if p, err := s.services.PrincipalByName(creator, access.KindUser, access.KindServicePrincipal); err == nil {
		creator = p.ID // else nobody knows it any more
	}
	w := wireServedEntity{
		ID: e.ID, Workspace: workspaceID, Creator: creator, Endpoint: e.Endpoint, EndpointID: e.EndpointID, Name: e.Name,
		Type: "CUSTOM_MODEL", Model: e.Model, Version: strconv.Itoa(e.ModelVersion), ConfigVersion: e.ConfigVersion,
		Custom:    &wireCustomModelConfig{e.MinConcurrency, e.MaxConcurrency, cmp.Or(e.Compute, "CPU")},
		ChangedAt: tableTime(e.ChangedAt),
	}
	if !e.DeletedAt.IsZero() {
		w.DeletedAt = orNull(tableTime(e.DeletedAt))
	}
	return w
}

func (s *Server) usageTotals(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	endpoint, from, to, err := between(o)
	if err != nil {
		return err
	}
	by := cmp.Or(o.text("by"), "hour")
	if by != "hour" && by != "day" {
		return invalid("by is %q: it takes hour or day.", cut(by, 40))
	}
	all, err := s.services.UsageTotals(endpoint, from, to, by == "day")
	if err != nil {
		return err
	}
	list := wireUsageTotals{Totals: make([]wireUsageTotal, 0, min(len(all), maxTotals))}
	for _, t := range all[:min(len(all), maxTotals)] {
		list.Totals = append(list.Totals, wireUsageTotal{
			millis(t.From), t.Endpoint, t.EndpointID, orNull(t.Entity), t.Requester,
			t.Requests, t.Errors4, t.Errors5, t.Refused, t.Run.Milliseconds(),
		})
	}
	return sendJSON(w, list)
}

// maxTotals bounds an answer; the oldest hours or days are left out.
const maxTotals = 10_000

// tableTime is a TIMESTAMP as the product's SQL interface writes it.
func tableTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// orNull is null for "".
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
