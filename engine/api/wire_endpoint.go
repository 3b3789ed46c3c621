package api

import (
	"strconv"
	"strings"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
)

// The JSON of an endpoint (spec B3; databricks-sdk-go service/serving/model.go,
// ServingEndpointDetailed and ServingEndpoint). Numbers go out as JSON numbers: the Go
// SDK fails on numbers in strings. Versions are the exception, they are strings.
type (
	wireEndpoint struct {
		Name            string        `json:"name"`
		ID              string        `json:"id"`
		Creator         string        `json:"creator"`
		CreatedAt       int64         `json:"creation_timestamp"`
		UpdatedAt       int64         `json:"last_updated_timestamp"`
		State           wireState     `json:"state"`
		Config          any           `json:"config,omitempty"` // *wireConfig or *wireConfigSummary
		PendingConfig   *wireConfig   `json:"pending_config,omitempty"`
		PermissionLevel string        `json:"permission_level"`
		Tags            []wireTag     `json:"tags,omitempty"`
		RouteOptimized  bool          `json:"route_optimized"`
		EndpointURL     string        `json:"endpoint_url,omitempty"`
		DataPlaneInfo   *wireDataPath `json:"data_plane_info,omitempty"`
		Description     string        `json:"description"`
		BudgetPolicyID  string        `json:"budget_policy_id,omitempty"`

		// Not in the SDKs, but what the product answers.
		CreatorDisplayName string `json:"creator_display_name,omitempty"`
		CreatorKind        string `json:"creator_kind"`

		Gateway       *wireGateway       `json:"ai_gateway,omitempty"`
		Notifications *wireNotifications `json:"email_notifications,omitempty"`
		Telemetry     *wireTelemetry     `json:"telemetry_config,omitempty"`
	}
	wireState struct {
		Ready        endpoint.ReadyState  `json:"ready"`
		ConfigUpdate endpoint.UpdateState `json:"config_update"`
		Suspend      string               `json:"suspend"`
	}
	wireTag struct {
		Key   string `json:"key"`
		Value string `json:"value,omitempty"`
	}
	wireDataPath struct {
		QueryInfo wireQueryInfo `json:"query_info"`
	}
	wireQueryInfo struct {
		EndpointURL          string `json:"endpoint_url"`
		AuthorizationDetails string `json:"authorization_details"`
	}
	wireConfig struct {
		Version  int          `json:"config_version"`
		StartAt  int64        `json:"start_time,omitempty"`
		Entities []wireEntity `json:"served_entities"`
		Models   []wireModel  `json:"served_models"`
		Traffic  wireTraffic  `json:"traffic_config"`

		AutoCapture *wireCapture `json:"auto_capture_config,omitempty"`
	}
	wireTraffic struct {
		Routes []wireRoute `json:"routes"`
	}
	wireRoute struct {
		ModelName  string `json:"served_model_name"`
		EntityName string `json:"served_entity_name"`
		Percent    int    `json:"traffic_percentage"`
	}
	// wireEntity and wireModel say the same in the newer and the older words; the
	// product answers with both lists whichever one was sent.
	wireEntity struct {
		Name    string `json:"name"`
		Entity  string `json:"entity_name"`
		Version string `json:"entity_version"`
		wireCompute
	}
	wireModel struct {
		Name    string `json:"name"`
		Model   string `json:"model_name"`
		Version string `json:"model_version"`
		wireCompute
	}
	wireCompute struct {
		WorkloadType       string            `json:"workload_type"`
		WorkloadSize       string            `json:"workload_size,omitempty"`
		MinConcurrency     *int              `json:"min_provisioned_concurrency,omitempty"`
		MaxConcurrency     *int              `json:"max_provisioned_concurrency,omitempty"`
		ScaleToZero        bool              `json:"scale_to_zero_enabled"`
		EnvironmentVars    map[string]string `json:"environment_vars,omitempty"`
		InstanceProfileARN string            `json:"instance_profile_arn,omitempty"`
		State              wireDeployment    `json:"state"`
		Creator            string            `json:"creator"`
		CreatedAt          int64             `json:"creation_timestamp"`
	}
	wireDeployment struct {
		Deployment endpoint.Deployment `json:"deployment"`
		Message    string              `json:"deployment_state_message"`
	}
	// wireConfigSummary is what a list shows of a configuration.
	wireConfigSummary struct {
		Entities []wireEntitySummary `json:"served_entities"`
		Models   []wireModelSummary  `json:"served_models"`
	}
	wireEntitySummary struct {
		Name    string `json:"name"`
		Entity  string `json:"entity_name"`
		Version string `json:"entity_version"`
	}
	wireModelSummary struct {
		Name    string `json:"name"`
		Model   string `json:"model_name"`
		Version string `json:"model_version"`
	}
	wireList struct {
		Endpoints []wireEndpoint `json:"endpoints"`
	}
)

// detailed is the answer to create and get. base is this server's own address,
// "http://127.0.0.1:8642".
func detailed(e endpoint.Endpoint, level access.Level, base string) wireEndpoint {
	w := common(e, level)
	w.Notifications = notificationsWire(e.Notifications)
	if e.Active != nil {
		w.Config = configWire(e.Active)
	}
	if e.Pending != nil {
		w.PendingConfig = configWire(e.Pending)
		w.PendingConfig.StartAt = millis(e.Pending.StartedAt)
	}
	if e.RouteOptimized {
		w.EndpointURL = base + "/serving-endpoints/" + e.Name + "/invocations"
		// The SDKs' data-plane clients fail on an endpoint_url without it.
		w.DataPlaneInfo = &wireDataPath{QueryInfo: wireQueryInfo{EndpointURL: w.EndpointURL}}
	}
	return w
}

// summary is an endpoint in a list.
func summary(e endpoint.Endpoint, level access.Level) wireEndpoint {
	w := common(e, level)
	if e.Active != nil {
		w.Config = configSummary(e.Active)
	}
	return w
}

func configSummary(c *endpoint.Config) *wireConfigSummary {
	s := &wireConfigSummary{Entities: []wireEntitySummary{}, Models: []wireModelSummary{}}
	for _, se := range c.Entities {
		version := strconv.Itoa(se.ModelVersion)
		s.Entities = append(s.Entities, wireEntitySummary{se.Name, se.ModelName, version})
		s.Models = append(s.Models, wireModelSummary{se.Name, se.ModelName, version})
	}
	return s
}

func common(e endpoint.Endpoint, level access.Level) wireEndpoint {
	w := wireEndpoint{
		Name:            e.Name,
		ID:              e.ID,
		Creator:         e.Creator,
		CreatedAt:       millis(e.CreatedAt),
		UpdatedAt:       millis(e.UpdatedAt),
		State:           stateWire(e),
		PermissionLevel: level.String(),
		RouteOptimized:  e.RouteOptimized,
		Description:     e.Description,
		BudgetPolicyID:  e.BudgetPolicyID,
	}
	w.Tags = tagsWire(e.Tags)
	w.CreatorDisplayName, w.CreatorKind = e.CreatorDisplayName, "User"
	if e.Creator != "" && !strings.Contains(e.Creator, "@") { // an application's id
		w.CreatorKind = "ServicePrincipal"
	}
	w.Gateway, w.Telemetry = gatewayWire(e.AIGateway), telemetryWire(e.Telemetry)
	return w
}

// stateWire says SUSPENDED of what is stopped and is not being started: a client that
// started it waits for no more than config_update.
func stateWire(e endpoint.Endpoint) wireState {
	s := wireState{Ready: e.Ready, ConfigUpdate: e.Update, Suspend: "NOT_SUSPENDED"}
	if e.Suspended && e.Update != endpoint.InProgress {
		s.Suspend = "SUSPENDED"
	}
	return s
}

func configWire(c *endpoint.Config) *wireConfig {
	w := &wireConfig{
		Version:  c.Version,
		Entities: make([]wireEntity, 0, len(c.Entities)),
		Models:   make([]wireModel, 0, len(c.Entities)),
		Traffic:  wireTraffic{Routes: make([]wireRoute, 0, len(c.Routes))},

		AutoCapture: captureWire(c.AutoCapture),
	}
	for i := range c.Entities {
		se := &c.Entities[i]
		version, compute := strconv.Itoa(se.ModelVersion), computeWire(se)
		w.Entities = append(w.Entities, wireEntity{se.Name, se.ModelName, version, compute})
		w.Models = append(w.Models, wireModel{se.Name, se.ModelName, version, compute})
	}
	for _, r := range c.Routes {
		w.Traffic.Routes = append(w.Traffic.Routes, wireRoute{r.EntityName, r.EntityName, r.Percent})
	}
	return w
}

// computeWire echoes a size or numbers, whichever was asked for: a client that compares
// what it sent with what it gets (Terraform) must find no difference.
func computeWire(se *endpoint.ServedEntity) wireCompute {
	w := wireCompute{
		WorkloadType:       se.WorkloadType,
		WorkloadSize:       se.WorkloadSize,
		ScaleToZero:        se.ScaleToZero,
		EnvironmentVars:    se.EnvironmentVars,
		InstanceProfileARN: se.InstanceProfileARN,
		State:              wireDeployment{Deployment: se.Deployment, Message: se.Message},
		Creator:            se.Creator,
		CreatedAt:          millis(se.CreatedAt),
	}
	if se.WorkloadSize == "" {
		low, high := se.MinConcurrency, se.MaxConcurrency
		w.MinConcurrency, w.MaxConcurrency = &low, &high
	}
	return w
}

// millis is Unix time in milliseconds, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
