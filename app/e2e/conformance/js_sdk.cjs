// Databricks SDK for JavaScript.
const { WorkspaceClient } = require("@databricks/sdk-experimental");
const { operation, check, sums, MODEL, ENDPOINT, RECORDS } = require("./say.cjs");

const w = new WorkspaceClient({});
const se = w.servingEndpoints;
const entity = (version) => ({
  entity_name: MODEL,
  entity_version: version,
  workload_size: "Small",
  scale_to_zero_enabled: false,
});

async function text(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let all = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) all += decoder.decode(part.value);
  return all;
}

(async () => {
  await operation("me", async () => check((await w.currentUser.me()).userName, "name"));
  const waiter = await operation("create", () =>
    se.create({ name: ENDPOINT, config: { served_entities: [entity("1")] } }),
  );
  await operation("wait", async () => check((await waiter.wait()).state.ready === "READY", "state"));
  await operation("get", async () => {
    const e = await se.get({ name: ENDPOINT });
    check(e.config.served_entities[0].name === "sums-1", e);
  });
  await operation("list", async () => {
    const names = [];
    const list = await se.list();
    for await (const e of list.endpoints ?? list) names.push(e.name);
    check(names.includes(ENDPOINT), names);
  });
  await operation("query dataframe_split", async () =>
    sums(await se.query({ name: ENDPOINT, dataframe_split: { columns: ["x", "y"], data: [[1.5, 2], [3, 4]] } })),
  );
  await operation("query dataframe_records", async () =>
    sums(await se.query({ name: ENDPOINT, dataframe_records: RECORDS })),
  );
  await operation("query instances", async () => sums(await se.query({ name: ENDPOINT, instances: RECORDS })));
  await operation("query inputs", async () =>
    sums(await se.query({ name: ENDPOINT, inputs: { x: [1.5, 3], y: [2, 4] } })),
  );
  await operation("update", async () => {
    const update = await se.updateConfig({ name: ENDPOINT, served_entities: [entity("2")] });
    const e = await update.wait();
    check(e.config.served_entities[0].entity_version === "2", e);
  });
  await operation("tags", async () => {
    const t = await se.patch({ name: ENDPOINT, add_tags: [{ key: "stage", value: "test" }] });
    check(JSON.stringify(t).includes("stage"), t);
  });
  await operation("permissions", async () => {
    const e = await se.get({ name: ENDPOINT });
    const p = await se.getPermissions({ serving_endpoint_id: e.id });
    check(p.object_id === `/serving-endpoints/${e.id}`, p);
    const levels = await se.getPermissionLevels({ serving_endpoint_id: e.id });
    check(levels.permission_levels.length === 3, levels);
  });
  await operation("gateway", async () => {
    const g = await se.putAiGateway({ name: ENDPOINT, usage_tracking_config: { enabled: true } });
    check(g.usage_tracking_config.enabled === true, g);
  });
  await operation("rate limits", async () => {
    const limits = [{ calls: 100000, key: "endpoint", renewal_period: "minute" }];
    const r = await se.put({ name: ENDPOINT, rate_limits: limits });
    check(r.rate_limits[0].calls === 100000, r);
  });
  await operation("notifications", async () => {
    const n = await se.updateNotifications({
      name: ENDPOINT,
      email_notifications: { on_update_failure: ["a@example.com"] },
    });
    check(n.email_notifications.on_update_failure[0] === "a@example.com", n);
  });
  await operation("logs", async () => check((await se.logs({ name: ENDPOINT, served_model_name: "sums-2" })).logs, "empty"));
  await operation("build logs", async () =>
    check((await se.buildLogs({ name: ENDPOINT, served_model_name: "sums-2" })).logs, "empty"),
  );
  await operation("metrics", async () => {
    const all = await text((await se.exportMetrics({ name: ENDPOINT })).contents);
    check(all.includes("request_count_total"), all.slice(0, 200));
  });
  await operation("schema", async () => {
    const all = await text((await se.getOpenApi({ name: ENDPOINT })).contents);
    check(all.includes('"openapi"'), all.slice(0, 200));
  });
  await operation("delete", () => se.delete({ name: ENDPOINT }));
})();
