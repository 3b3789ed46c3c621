// Package scoring speaks MLflow's scoring protocol: it turns the body of an invocations
// request (dataframe_split, dataframe_records, instances, inputs, CSV) into tensors for
// an ONNX graph's inputs, enforces the model's signature on the way as MLflow does
// (mlflow/pyfunc/scoring_server, mlflow/models/utils.py), and writes the graph's outputs
// as {"predictions": …}.
//
// MLflow's own code is the judge: testdata/conformance.json.gz holds ten thousand requests
// that were put to its scoring server, and each is answered as there, or differs for a
// reason that conformance_explained_test.go states. The reasons in short: numbers become
// what the graph takes where no signature says otherwise (MLflow feeds int64 to a float
// graph, which refuses it); what MLflow fills in, wraps round or turns into Python's text
// of it (rows of unequal length, integers beyond their type, lists in a column of texts) is
// refused; NaN and the infinities are null, unless Options say otherwise.
//
// KServe's protocol, version 2, is spoken beside MLflow's for the same graphs: kserve.go.
//
// Bytes go straight into typed memory that is used again for the next request; there is
// no tree of values in between. It knows nothing of HTTP, endpoints, processes or what
// runs the graph.
package scoring
