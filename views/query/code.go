package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// snippet is one tab of the request beside App.
type snippet struct{ title, text string }

// snippets says the same request in the ways a program may send it: each can be copied
// and run as it stands. body is the request as it would be sent; entity is "" where the
// traffic split decides. address is the REST server's, or a shell's variable: Python's
// clients then take it from their environment.
func snippets(address, endpoint, entity, body string) []snippet {
	target := endpoint // what stands between /serving-endpoints/ and /invocations
	if entity != "" {
		target += "/served-models/" + entity
	}
	return []snippet{
		{"curl", "curl -X POST " + address + "/serving-endpoints/" + target + "/invocations \\\n" +
			"  -H \"Authorization: Bearer $DATABRICKS_TOKEN\" \\\n" +
			"  -H \"Content-Type: application/json\" \\\n" +
			"  -d " + shellQuote(compact(body))},
		{"Python (MLflow)", pyMLflow(address, target, body)},
		{"Databricks SDK", pySDK(address, target, body)},
	}
}

// variable tells that an address is one of a shell.
func variable(address string) bool { return strings.HasPrefix(address, "$") }

// pyMLflow is MLflow's deployments client. It puts its endpoint into the path as it is
// (mlflow/deployments/databricks, predict), so that a served entity may follow.
func pyMLflow(address, target, body string) string {
	head := "from mlflow.deployments import get_deploy_client\n\n# DATABRICKS_HOST and DATABRICKS_TOKEN are set outside\n"
	if !variable(address) {
		head = "import os\nfrom mlflow.deployments import get_deploy_client\n\n" +
			"os.environ[\"DATABRICKS_HOST\"] = " + quote(address) + "  # DATABRICKS_TOKEN is set outside\n"
	}
	return head + "client = get_deploy_client(\"databricks\")\n" +
		"print(client.predict(endpoint=" + quote(target) + ", inputs=" + python(body) + "))"
}

// pySDK is the Databricks SDK for Python. Its query has an argument for each form but
// none for params, and puts the endpoint's name into the path as MLflow's client does. A
// request that its arguments cannot hold goes through its plain client, whole.
func pySDK(address, target, body string) string {
	client := "w = WorkspaceClient()  # DATABRICKS_HOST and DATABRICKS_TOKEN are set outside\n"
	if !variable(address) {
		client = "w = WorkspaceClient(host=" + quote(address) + ")  # DATABRICKS_TOKEN is set outside\n"
	}
	head := "from databricks.sdk import WorkspaceClient\n"
	arguments, ok := keywords(body)
	if !ok {
		return head + "\n" + client + "print(w.api_client.do(\"POST\", " + quote("/serving-endpoints/"+target+"/invocations") +
			", body=" + python(body) + ")[\"predictions\"])"
	}
	if strings.Contains(arguments, splitInput+".from_dict(") {
		head += "from databricks.sdk.service.serving import " + splitInput + "\n"
	}
	return head + "\n" + client + "print(w.serving_endpoints.query(name=" + quote(target) + arguments + ").predictions)"
}

// splitInput is the SDK's type for the value of dataframe_split.
const splitInput = "DataframeSplitInput"

// compact takes the white space out of JSON; what is no JSON stays.
func compact(body string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(body)) != nil {
		return body
	}
	return b.String()
}

// keywords writes the members of a request as arguments of the SDK's query, each after a
// comma. ok is false where the request has a member that query does not take.
func keywords(body string) (arguments string, ok bool) {
	members, ok := object([]byte(body))
	if !ok {
		return "", false
	}
	for _, m := range members {
		value := python(string(m.value))
		switch m.key {
		case formSplit:
			value = splitInput + ".from_dict(" + value + ")"
		case formRecords, formInstances, formInputs, "client_request_id":
		default:
			return "", false
		}
		arguments += ", " + m.key + "=" + value
	}
	return arguments, true
}

// python writes a JSON text as Python's notation of the same value: true, false and null
// are called otherwise, and some escapes in strings. What is no JSON stays.
func python(body string) string {
	body = compact(body)
	var b strings.Builder
	for i := 0; i < len(body); {
		rest := body[i:]
		if body[i] == '"' {
			n := stringEnd(rest)
			b.WriteString(pythonString(rest[:n]))
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

// pythonString is a JSON string as Python writes it. Python has JSON's escapes but for
// two: it has no \/, and \ud83d\ude00 is two characters to it.
func pythonString(literal string) string {
	if !strings.Contains(literal, `\/`) && !strings.Contains(literal, `\u`) {
		return literal
	}
	var s string
	if json.Unmarshal([]byte(literal), &s) != nil {
		return literal
	}
	return quote(s)
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
