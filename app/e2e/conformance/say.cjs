// Says how each operation of a client went: a line `operation<TAB>pass`, or
// `operation<TAB>the reason why not`.

async function operation(name, call) {
  try {
    const value = await call();
    console.log(`${name}\tpass`);
    return value;
  } catch (error) {
    console.log(`${name}\t${error.name}: ${String(error.message).replace(/\s+/g, " ").slice(0, 300)}`);
    return undefined;
  }
}

function check(condition, got) {
  if (!condition) throw new Error(`unexpected answer ${JSON.stringify(got)}`);
}

function sums(answer) {
  check(JSON.stringify(answer.predictions.map((row) => row.sum)) === "[3.5,7]", answer);
}

module.exports = {
  operation,
  check,
  sums,
  MODEL: process.env.SERVERY_MODEL, // main.default.sums: x, y (double) -> sum
  ENDPOINT: process.env.SERVERY_ENDPOINT,
  HOST: process.env.DATABRICKS_HOST,
  TOKEN: process.env.DATABRICKS_TOKEN,
  RECORDS: [
    { x: 1.5, y: 2 },
    { x: 3, y: 4 },
  ],
};
