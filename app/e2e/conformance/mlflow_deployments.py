"""MLflow Deployments SDK."""

from mlflow.deployments import get_deploy_client

from say import ENDPOINT, MODEL, check, operation, sums, until

client = get_deploy_client("databricks")
RECORDS = [{"x": 1.5, "y": 2}, {"x": 3, "y": 4}]


def entity(version="1"):
    return {
        "entity_name": MODEL,
        "entity_version": version,
        "workload_size": "Small",
        "scale_to_zero_enabled": False,
    }


def create():
    e = client.create_endpoint(
        name=ENDPOINT,
        config={"served_entities": [entity()], "traffic_config": {"routes": [{"served_model_name": "sums-1", "traffic_percentage": "100"}]}},
    )
    check(e["name"] == ENDPOINT, e)


def settled():
    e = client.get_endpoint(endpoint=ENDPOINT)
    return e["state"]["config_update"] != "IN_PROGRESS"


def wait():
    until(settled)
    e = client.get_endpoint(endpoint=ENDPOINT)
    check(e["state"] ["ready"] == "READY" and e["state"]["config_update"] == "NOT_UPDATING", e["state"])


def update():
    client.update_endpoint_config(endpoint=ENDPOINT, config={"served_entities": [entity("2")]})
    wait()
    e = client.get_endpoint(endpoint=ENDPOINT)
    check(e["config"]["served_entities"][0]["entity_version"] == "2", e)


def tags():
    t = client.update_endpoint_tags(endpoint=ENDPOINT, config={"add_tags": [{"key": "stage", "value": "test"}]})
    check(t["tags"] == [{"key": "stage", "value": "test"}], t)


def rate_limits():
    limits = [{"key": "endpoint", "renewal_period": "minute", "calls": 100000}]
    r = client.update_endpoint_rate_limits(endpoint=ENDPOINT, config={"rate_limits": limits})
    check(r["rate_limits"] == limits, r)


def gateway():
    g = client.update_endpoint_ai_gateway(endpoint=ENDPOINT, config={"usage_tracking_config": {"enabled": True}})
    check(g["usage_tracking_config"]["enabled"] is True, g)


def predict(inputs):
    return client.predict(endpoint=ENDPOINT, inputs=inputs)


operation("create", create)
operation("wait", wait)
operation("get", lambda: check(client.get_endpoint(ENDPOINT)["creator"], "creator"))
operation("list", lambda: check(ENDPOINT in [e["name"] for e in client.list_endpoints()], "list"))
operation("query dataframe_split", lambda: sums(predict({"dataframe_split": {"columns": ["x", "y"], "data": [[1.5, 2], [3, 4]]}})))
operation("query dataframe_records", lambda: sums(predict({"dataframe_records": RECORDS})))
operation("query instances", lambda: sums(predict({"instances": RECORDS})))
operation("query inputs", lambda: sums(predict({"inputs": {"x": [1.5, 3], "y": [2, 4]}})))
operation("update", update)
operation("tags", tags)
operation("rate limits", rate_limits)
operation("gateway", gateway)
operation("delete", lambda: client.delete_endpoint(endpoint=ENDPOINT))
