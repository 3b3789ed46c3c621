"""Databricks SDK for Python."""

from datetime import timedelta

from databricks.sdk import WorkspaceClient
from databricks.sdk.service import serving

from say import ENDPOINT, MODEL, check, operation, sums

w = WorkspaceClient()
se = w.serving_endpoints
ROWS = [[1.5, 2], [3, 4]]
RECORDS = [{"x": 1.5, "y": 2}, {"x": 3, "y": 4}]


def entity(version="1", size="Small", **more):
    return serving.ServedEntityInput(
        entity_name=MODEL, entity_version=version, workload_size=size, scale_to_zero_enabled=False, **more
    )


def config(*entities, routes=None):
    traffic = serving.TrafficConfig(routes=routes) if routes else None
    return serving.EndpointCoreConfigInput(name=ENDPOINT, served_entities=list(entities), traffic_config=traffic)


def create():
    waiter = se.create(ENDPOINT, config=config(entity()), tags=[serving.EndpointTag("team", "a")])
    return waiter


def wait(waiter):
    e = waiter.result(timeout=timedelta(seconds=60))
    check(e.state.ready == serving.EndpointStateReady.READY, e.state)


def get():
    e = se.get(ENDPOINT)
    check(e.config.served_entities[0].name == "sums-1" and e.creator == w.current_user.me().user_name, e.as_dict())


def update():
    routes = [
        serving.Route(served_model_name="sums-1", served_entity_name="sums-1", traffic_percentage=90),
        serving.Route(served_model_name="sums-2", served_entity_name="sums-2", traffic_percentage=10),
    ]
    e = se.update_config_and_wait(
        ENDPOINT, served_entities=[entity(), entity("2")], traffic_config=serving.TrafficConfig(routes=routes),
        timeout=timedelta(seconds=60),
    )
    check(e.config.config_version == 2 and len(e.config.served_entities) == 2, e.as_dict())


def permissions():
    e = se.get(ENDPOINT)
    w.users.create(user_name="bob@example.com", display_name="Bob")
    se.set_permissions(
        e.id,
        access_control_list=[
            serving.ServingEndpointAccessControlRequest(
                user_name="bob@example.com", permission_level=serving.ServingEndpointPermissionLevel.CAN_QUERY
            )
        ],
    )
    p = se.get_permissions(e.id)
    check(any(a.user_name == "bob@example.com" for a in p.access_control_list), p.as_dict())
    check(len(se.get_permission_levels(e.id).permission_levels) == 3, "levels")


def gateway():
    g = se.put_ai_gateway(
        ENDPOINT,
        usage_tracking_config=serving.AiGatewayUsageTrackingConfig(enabled=True),
        inference_table_config=serving.AiGatewayInferenceTableConfig(
            enabled=True, catalog_name="main", schema_name="default"
        ),
        rate_limits=[
            serving.AiGatewayRateLimit(
                calls=100000,
                key=serving.AiGatewayRateLimitKey.ENDPOINT,
                renewal_period=serving.AiGatewayRateLimitRenewalPeriod.MINUTE,
            )
        ],
    )
    check(g.inference_table_config.table_name_prefix == ENDPOINT, g.as_dict())


def rate_limits():
    r = se.put(
        ENDPOINT,
        rate_limits=[
            serving.RateLimit(
                calls=100000,
                key=serving.RateLimitKey.ENDPOINT,
                renewal_period=serving.RateLimitRenewalPeriod.MINUTE,
            )
        ],
    )
    check(r.rate_limits[0].calls == 100000, r.as_dict())


def notifications():
    n = se.update_notifications(
        ENDPOINT, email_notifications=serving.EmailNotifications(on_update_failure=["a@example.com"])
    )
    check(n.email_notifications.on_update_failure == ["a@example.com"], n.as_dict())


def tags():
    t = se.patch(ENDPOINT, add_tags=[serving.EndpointTag("stage", "test")], delete_tags=["team"])
    check([(x.key, x.value) for x in t.tags] == [("stage", "test")], t.as_dict())


def metrics():
    text = se.export_metrics(ENDPOINT).contents.read().decode()
    check("request_count_total" in text and ENDPOINT in text, text[:200])


def schema():
    text = se.get_open_api(ENDPOINT).contents.read().decode()
    check('"openapi"' in text and "dataframe_split" in text, text[:200])


def secrets():
    w.secrets.create_scope("py")
    w.secrets.put_secret("py", "key", string_value="s3cret")
    check([s.key for s in w.secrets.list_secrets("py")] == ["key"], "list")
    w.secrets.delete_scope("py")


def tokens():
    t = w.tokens.create(comment="conformance", lifetime_seconds=600)
    check(t.token_value.startswith("dapi"), "value")
    other = WorkspaceClient(host=w.config.host, token=t.token_value, auth_type="pat")
    check(other.current_user.me().user_name == w.current_user.me().user_name, "user")
    w.tokens.delete(t.token_info.token_id)


def registry():
    name = f"{MODEL}_py"
    c, s, m = name.split(".")
    w.registered_models.create(catalog_name=c, schema_name=s, name=m)
    check(any(x.full_name == MODEL for x in w.registered_models.list()), "list")
    w.registered_models.set_alias(MODEL, "champion", 2)
    check(w.model_versions.get_by_alias(MODEL, "champion").version == 2, "alias")
    check([v.version for v in w.model_versions.list(MODEL)].__len__() == 2, "versions")
    w.registered_models.delete_alias(MODEL, "champion")
    w.registered_models.delete(name)
    check(any(x.name == "main" for x in w.catalogs.list()), "catalogs")
    check(any(x.name == "default" for x in w.schemas.list("main")), "schemas")



operation("me", lambda: check(w.current_user.me().user_name, "name"))
waiter = operation("create", create)
operation("wait", lambda: wait(waiter))
operation("get", get)
operation("list", lambda: check(ENDPOINT in [e.name for e in se.list()], "list"))
operation("query dataframe_split", lambda: sums(se.query(ENDPOINT, dataframe_split=serving.DataframeSplitInput(columns=["x", "y"], data=ROWS)).as_dict()))
operation("query dataframe_records", lambda: sums(se.query(ENDPOINT, dataframe_records=RECORDS).as_dict()))
operation("query instances", lambda: sums(se.query(ENDPOINT, instances=RECORDS).as_dict()))
operation("query inputs", lambda: sums(se.query(ENDPOINT, inputs={"x": [1.5, 3], "y": [2, 4]}).as_dict()))
operation("update", update)
operation("tags", tags)
operation("permissions", permissions)
operation("gateway", gateway)
operation("rate limits", rate_limits)
operation("notifications", notifications)
operation("logs", lambda: check(se.logs(ENDPOINT, "sums-1").logs, "empty"))
operation("build logs", lambda: check(se.build_logs(ENDPOINT, "sums-1").logs, "empty"))
operation("metrics", metrics)
operation("schema", schema)
operation("secrets", secrets)
operation("tokens", tokens)
operation("registry", registry)
operation("delete", lambda: se.delete(ENDPOINT))
