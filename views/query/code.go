package query

import (
	"encoding/json"
	"fmt"
	"strings"
)

// snippet is one tab of the request beside App.
type snippet struct{ title, text string }

// snippets says the same request in the ways a program may send it. body is the request
// as it would be sent; entity is "" where the traffic split decides.
func snippets(address, endpoint, entity, body string) []snippet {
	path := "/serving-endpoints/" + endpoint + "/invocations"
	if entity != "" {
		path = "/serving-endpoints/" + endpoint + "/served-models/" + entity + "/invocations"
	}
	return []snippet{
		{"curl", "curl -X POST " + address + path + " \\\n" +
			"  -H \"Authorization: Bearer $DATABRICKS_TOKEN\" \\\n" +
			"  -H \"Content-Type: application/json\" \\\n" +
			"  -d " + shellQuote(compact(body))},
		{"Python (MLflow)", "from mlflow.deployments import get_deploy_client\n\n" +
			"# DATABRICKS_HOST=" + address + " and DATABRICKS_TOKEN say where\n" +
			"client = get_deploy_client(\"databricks\")\n" +
			"print(client.predict(endpoint=" + quote(endpoint) + ", inputs=" + python(body) + "))"},
		{"Databricks SDK", "from databricks.sdk import WorkspaceClient\n\n" +
			"w = WorkspaceClient(host=" + quote(address) + ")  # token: DATABRICKS_TOKEN\n" +
			"print(w.serving_endpoints.query(" + keywords(endpoint, body) + ").predictions)"},
	}
}

// compact takes the white space out of JSON; what is no JSON stays.
func compact(body string) string {
	var v json.RawMessage
	if json.Unmarshal([]byte(body), &v) != nil {
		return body
	}
	b, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return string(b)
}

// keywords writes the members of a request as arguments of the SDK's query.
func keywords(endpoint, body string) string {
	all := []string{"name=" + quote(endpoint)}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &members) == nil {
		for _, form := range []string{"dataframe_split", "dataframe_records", "instances", "inputs", "client_request_id"} {
			if v, sent := members[form]; sent {
				value := python(string(v))
				if form == "dataframe_split" {
					value = "DataframeSplitInput.from_dict(" + value + ")"
				}
				all = append(all, form+"="+value)
			}
		}
	}
	return strings.Join(all, ", ")
}

// python writes a JSON text as Python's notation of the same value: its strings are
// Python's too, only true, false and null are called otherwise. What is no JSON stays.
func python(body string) string {
	body = compact(body)
	var b strings.Builder
	for i := 0; i < len(body); {
		rest := body[i:]
		if body[i] == '"' {
			n := stringEnd(rest)
			b.WriteString(rest[:n])
			i += n
			continue
		}
		switch {
		case strings.HasPrefix(rest, "true"):
			b.WriteString("True")
			i += 4
		case strings.HasPrefix(rest, "false"):
			b.WriteString("False")
			i += 5
		case strings.HasPrefix(rest, "null"):
			b.WriteString("None")
			i += 4
		case body[i] == ',' || body[i] == ':':
			b.WriteString(body[i:i+1] + " ")
			i++
		default:
			b.WriteByte(body[i])
			i++
		}
	}
	return b.String()
}

// stringEnd is the length of the JSON string that s starts with.
func stringEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
