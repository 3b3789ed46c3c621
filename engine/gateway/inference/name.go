package inference

import (
	"strings"

	"servery/engine/endpoint"
)

// form is which columns a table has.
type form string

const (
	gatewayForm form = "payload" // of the AI Gateway
	captureForm form = "capture" // of auto_capture_config, before it
)

// TableName is the full name of an inference table, "catalog.schema.prefix_payload".
func TableName(t *endpoint.InferenceTable) string {
	return t.Catalog + "." + t.Schema + "." + PayloadName(t)
}

// PayloadName is its last part.
func PayloadName(t *endpoint.InferenceTable) string { return t.TablePrefix + "_payload" }

// newName is the name under which a table's rows are kept:
// "payload/main.default.digits_payload/<endpoint's id>/<endpoint's name>". An endpoint that
// is made anew with the same names gets a table of its own: who may read the rows of the
// old one is not decided by who made the new one.
func newName(f form, t *endpoint.InferenceTable, e *endpoint.Endpoint) string {
	return string(f) + "/" + TableName(t) + "/" + e.ID + "/" + e.Name
}

type storedName struct {
	form                            form
	table, endpointID, endpointName string
}

// parseName reads a name; ok is false for tables of others.
func parseName(name string) (n storedName, ok bool) {
	parts := strings.Split(name, "/")
	if len(parts) != 4 {
		return n, false
	}
	n = storedName{form(parts[0]), parts[1], parts[2], parts[3]}
	return n, n.form == gatewayForm || n.form == captureForm
}
