// Package scoring speaks MLflow's scoring protocol: it turns the body of an invocations
// request (dataframe_split, dataframe_records, instances, inputs, CSV) into tensors for
// an ONNX graph's inputs, enforces the model's signature on the way as MLflow does
// (mlflow/pyfunc/scoring_server, mlflow/models/utils.py), and writes the graph's outputs
// as {"predictions": …}.
//
// Where MLflow answers, the answer is MLflow's, byte for byte except that NaN and the
// infinities are null (testdata/mlflow.json holds recordings of its server). It is more
// generous in three places: numbers become what the graph takes where nothing is enforced
// (MLflow feeds int64 to a float graph, which refuses it); columns become [N, 1] for an
// input of two dimensions; and a table whose outputs differ in width gets nested lists
// instead of an error. It is stricter in two: keys may not appear twice, and rows must
// have the same length, where pandas would fill in missing values.
//
// Bytes go straight into typed memory that is used again for the next request; there is
// no tree of values in between. It knows nothing of HTTP, endpoints, processes or what
// runs the graph.
package scoring
