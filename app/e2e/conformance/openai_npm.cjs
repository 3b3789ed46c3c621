// The openai client as a generic client of a custom model, and how it is refused a chat.
const OpenAI = require("openai").default;
const { operation, check, sums, ENDPOINT, HOST, TOKEN, RECORDS } = require("./say.cjs");

const client = new OpenAI({ baseURL: `${HOST}/serving-endpoints`, apiKey: TOKEN, maxRetries: 0 });

(async () => {
  await operation("query dataframe_records", async () =>
    sums(await client.post(`/${ENDPOINT}/invocations`, { body: { dataframe_records: RECORDS } })),
  );
  await operation("query inputs", async () =>
    sums(await client.post(`/${ENDPOINT}/invocations`, { body: { inputs: { x: [1.5, 3], y: [2, 4] } } })),
  );
  await operation("chat is refused", async () => {
    const refused = await client.chat.completions
      .create({ model: ENDPOINT, messages: [{ role: "user", content: "x" }] })
      .then((answer) => answer, (error) => error);
    check(refused.status >= 400 && refused.status < 600 && refused.status !== 503, refused);
  });
})();
