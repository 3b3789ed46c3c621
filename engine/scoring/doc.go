// Package scoring speaks MLflow's scoring protocol: it turns the body of an invocations
// request (dataframe_split, dataframe_records, instances, inputs, CSV) into tensors for
// an ONNX graph's inputs, enforces the model's signature on the way as MLflow does
// (mlflow/pyfunc/scoring_server, mlflow/models/utils.py), and writes the graph's outputs
// as {"predictions": …}.
//
// Bytes go straight into typed memory that is used again for the next request; there is
// no tree of values in between. It knows nothing of HTTP, endpoints, processes or what
// runs the graph.
package scoring
