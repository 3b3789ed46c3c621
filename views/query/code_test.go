package query

import (
	"strings"
	"testing"
)

const address = "http://127.0.0.1:8642"

// codeOf is the snippet of a language for a request to the endpoint sums.
func codeOf(t *testing.T, title, address, entity, body string) string {
	t.Helper()
	for _, s := range snippets(address, "sums", entity, body) {
		if s.title == title {
			return s.text
		}
	}
	t.Fatalf("no snippet %q", title)
	return ""
}

func wantLines(t *testing.T, got string, lines ...string) {
	t.Helper()
	if want := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCurlSendsTheRequestAsItStands(t *testing.T) {
	wantLines(t, codeOf(t, "curl", address, "sums-1", "{\"inputs\":\n [\"it's <a> & b\"]}"),
		`curl -X POST http://127.0.0.1:8642/serving-endpoints/sums/served-models/sums-1/invocations \`,
		`  -H "Authorization: Bearer $DATABRICKS_TOKEN" \`,
		`  -H "Content-Type: application/json" \`,
		`  -d '{"inputs":["it'\''s <a> & b"]}'`)
}

func TestMLflowIsToldWhere(t *testing.T) {
	const body = `{"dataframe_records":[{"x":1,"y":null}]}`
	wantLines(t, codeOf(t, "Python (MLflow)", address, "", body),
		`import os`,
		`from mlflow.deployments import get_deploy_client`,
		``,
		`os.environ["DATABRICKS_HOST"] = "http://127.0.0.1:8642"  # DATABRICKS_TOKEN is set outside`,
		`client = get_deploy_client("databricks")`,
		`print(client.predict(endpoint="sums", inputs={"dataframe_records": [{"x": 1, "y": None}]}))`)
	got := codeOf(t, "Python (MLflow)", "$DATABRICKS_HOST", "sums-1", body)
	if strings.Contains(got, "os.environ") || !strings.Contains(got, `endpoint="sums/served-models/sums-1"`) {
		t.Errorf("without an address, to one entity:\n%s", got)
	}
}

func TestTheSDKImportsWhatItUses(t *testing.T) {
	wantLines(t, codeOf(t, "Databricks SDK", address, "", `{"dataframe_split":{"columns":["x"],"data":[[true]]},"client_request_id":"a"}`),
		`from databricks.sdk import WorkspaceClient`,
		`from databricks.sdk.service.serving import DataframeSplitInput`,
		``,
		`w = WorkspaceClient(host="http://127.0.0.1:8642")  # DATABRICKS_TOKEN is set outside`,
		`print(w.serving_endpoints.query(name="sums", dataframe_split=DataframeSplitInput.from_dict({"columns": ["x"], "data": [[True]]}), client_request_id="a").predictions)`)
	wantLines(t, codeOf(t, "Databricks SDK", "$DATABRICKS_HOST", "sums-1", `{"instances":[[1]]}`),
		`from databricks.sdk import WorkspaceClient`,
		``,
		`w = WorkspaceClient()  # DATABRICKS_HOST and DATABRICKS_TOKEN are set outside`,
		`print(w.serving_endpoints.query(name="sums/served-models/sums-1", instances=[[1]]).predictions)`)
}

// The SDK's query has no argument for params: a snippet without them would ask for
// something else.
func TestTheSDKLosesNothingOfARequest(t *testing.T) {
	wantLines(t, codeOf(t, "Databricks SDK", address, "", `{"inputs":[1],"params":{"top":3}}`),
		`from databricks.sdk import WorkspaceClient`,
		``,
		`w = WorkspaceClient(host="http://127.0.0.1:8642")  # DATABRICKS_TOKEN is set outside`,
		`print(w.api_client.do("POST", "/serving-endpoints/sums/invocations", body={"inputs": [1], "params": {"top": 3}})["predictions"])`)
}

func TestPythonSaysTheSameAsJSON(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":[true,false,null,-1.5e3]}`: `{"a": [True, False, None, -1.5e3]}`,
		`"true, \"null\" \\"`:            `"true, \"null\" \\"`,
		`"a\/b"`:                         `"a/b"`,
		`"\ud83d\ude00"`:                 `"😀"`,
		`"\u00e9\n\u0000"`:               `"é\n\x00"`,
		`broken`:                         `broken`,
	} {
		if got := python(body); got != want {
			t.Errorf("%s is %s, want %s", body, got, want)
		}
	}
}
