package api

import (
	"fmt"

	"servery/engine/endpoint"
)

// decodeCreate reads the body of POST /api/2.0/serving-endpoints (spec B2). It refuses
// what has the wrong JSON type and what this server does not serve; the rules about
// values belong to package endpoint.
func decodeCreate(body []byte) (endpoint.Spec, error) {
	o, err := parseObject(body)
	if err != nil {
		return endpoint.Spec{}, err
	}
	spec := endpoint.Spec{
		Name:           o.text("name"),
		Description:    o.text("description"),
		BudgetPolicyID: o.text("budget_policy_id"),
	}
	if b := o.boolean("route_optimized"); b != nil {
		spec.RouteOptimized = *b
	}
	decodeSettings(o, &spec)
	var invalid []string
	if c, ok := o.object("config"); ok {
		var config endpoint.ConfigSpec
		config, invalid = decodeConfig(c)
		spec.Config = &config
	}
	if err := o.failed(); err != nil {
		return endpoint.Spec{}, err
	}
	if len(invalid) > 0 {
		return endpoint.Spec{}, &requestError{code: codeInvalidParameterValue, message: sayAll(invalid)}
	}
	return spec, nil
}

// decodeConfig reads served_entities or the older served_models, and the routes.
// invalid says what is well-formed but cannot be asked for.
func decodeConfig(c object) (config endpoint.ConfigSpec, invalid []string) {
	if c.has("served_entities") && c.has("served_models") {
		invalid = append(invalid, fmt.Sprintf("'%s' and '%s' are two names of one list: send only served_entities.",
			c.at("served_entities"), c.at("served_models")))
	}
	list, name, version := c.objects("served_entities"), "entity_name", "entity_version"
	if !c.has("served_entities") {
		list, name, version = c.objects("served_models"), "model_name", "model_version"
	}
	for _, e := range list {
		invalid = append(invalid, unserved(e)...)
		config.Entities = append(config.Entities, decodeEntity(e, name, version))
	}
	config.AutoCapture = decodeInferenceTable(c, "auto_capture_config")
	traffic, ok := c.object("traffic_config")
	if !ok {
		return config, invalid
	}
	for _, r := range traffic.objects("routes") {
		route, wrong := decodeRoute(r)
		invalid = append(invalid, wrong...)
		config.Routes = append(config.Routes, route)
	}
	return config, invalid
}

func decodeEntity(e object, name, version string) endpoint.EntitySpec {
	return endpoint.EntitySpec{
		Name:               e.text("name"),
		ModelName:          e.text(name),
		ModelVersion:       e.digits(version),
		WorkloadType:       e.text("workload_type"),
		WorkloadSize:       e.text("workload_size"),
		MinConcurrency:     e.integer("min_provisioned_concurrency"),
		MaxConcurrency:     e.integer("max_provisioned_concurrency"),
		ScaleToZero:        e.boolean("scale_to_zero_enabled"),
		EnvironmentVars:    e.texts("environment_vars"),
		InstanceProfileARN: e.text("instance_profile_arn"),
	}
}

// elsewhere are the fields that make an entity something other than a custom model.
var elsewhere = []string{"external_model", "foundation_model", "min_provisioned_throughput",
	"max_provisioned_throughput", "provisioned_model_units"}

func unserved(e object) (invalid []string) {
	for _, field := range elsewhere {
		if e.has(field) {
			invalid = append(invalid, fmt.Sprintf(
				"'%s' asks for a model that runs elsewhere. Servery serves custom models on this machine: send entity_name and entity_version of an imported model.",
				e.at(field)))
		}
	}
	return invalid
}

// decodeRoute takes served_model_name and served_entity_name alike; the product sends
// both in its answers, so a client may send both back.
func decodeRoute(r object) (route endpoint.Route, invalid []string) {
	model, entity := r.text("served_model_name"), r.text("served_entity_name")
	if model != "" && entity != "" && model != entity {
		invalid = append(invalid, fmt.Sprintf("'%s' is %q but '%s' is %q: a route has one served entity.",
			r.at("served_model_name"), model, r.at("served_entity_name"), entity))
	}
	route.EntityName = entity
	if entity == "" {
		route.EntityName = model
	}
	percent := r.integer("traffic_percentage")
	switch {
	case percent != nil:
		route.Percent = *percent
	case !r.has("traffic_percentage"):
		invalid = append(invalid, fmt.Sprintf("'%s' is missing: give a whole number from 0 to 100.", r.at("traffic_percentage")))
	}
	return route, invalid
}
