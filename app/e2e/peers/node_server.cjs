// A Node server with onnxruntime-node that answers the same JSON, one process a core: what
// somebody would write by hand. usage: node node_server.cjs MODEL INPUT OUTPUT
const cluster = require("node:cluster");
const http = require("node:http");
const os = require("node:os");

const [model, input, output] = process.argv.slice(2);

if (cluster.isPrimary) {
  let waiting = os.availableParallelism();
  for (let i = waiting; i > 0; i--) cluster.fork();
  cluster.on("message", (_, port) => {
    if (--waiting === 0) console.log(`127.0.0.1:${port}`);
  });
} else {
  const ort = require("onnxruntime-node");
  (async () => {
    const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
    // dataframe_split is a table of float columns, inputs a nested list of any depth.
    const tensor = (body) => {
      const rows = body.dataframe_split ? body.dataframe_split.data : body.inputs;
      const dims = [];
      for (let level = rows; Array.isArray(level); level = level[0]) dims.push(level.length);
      return new ort.Tensor("float32", Float32Array.from(rows.flat(Infinity)), dims);
    };
    const nest = (data, dims) => {
      if (dims.length <= 1) return Array.from(data);
      const size = data.length / dims[0];
      return Array.from({ length: dims[0] }, (_, i) => nest(data.subarray(i * size, (i + 1) * size), dims.slice(1)));
    };
    const server = http.createServer((request, response) => {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", async () => {
        const result = (await session.run({ [input]: tensor(JSON.parse(Buffer.concat(parts))) }))[output];
        const text = JSON.stringify({ predictions: { [output]: nest(result.data, result.dims) } });
        response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
        response.end(text);
      });
    });
    server.listen(0, "127.0.0.1", () => process.send(server.address().port));
  })();
}
