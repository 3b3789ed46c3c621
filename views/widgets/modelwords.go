package widgets

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"servery/engine/mlmodel"
	"servery/engine/registry"
	"servery/engine/tensor"
)

// VersionBadge gives the state and the words for a model version, the same on every page.
func VersionBadge(s registry.Status) (State, string) {
	switch s {
	case registry.Ready:
		return StateReady, "Ready"
	case registry.Failed:
		return StateFailed, "Failed"
	default:
		return StateUpdating, "Registering"
	}
}

// SignatureRow is an input, an output or a parameter of a model in words.
type SignatureRow struct{ Name, Direction, Type, Shape string }

// SignatureRows lists what a version takes and gives: by its signature, else by its graph.
// A side on which nothing is enforced has no rows.
func SignatureRows(v registry.Version) []SignatureRow {
	if v.Signature == nil {
		return graphRows(v.Graph)
	}
	rows := schemaRows(nil, v.Signature.Inputs, "input")
	rows = schemaRows(rows, v.Signature.Outputs, "output")
	for _, p := range v.Signature.Params {
		shape := "—"
		if p.Shape != nil {
			shape = Shape(p.Shape)
		}
		if p.Default != "" {
			shape = "default " + p.Default
		}
		rows = append(rows, SignatureRow{p.Name, "parameter", string(p.Type), shape})
	}
	return rows
}

func schemaRows(rows []SignatureRow, s *mlmodel.Schema, direction string) []SignatureRow {
	if s.Unchecked() {
		return rows
	}
	for i, c := range s.Columns {
		name, shape := c.Name, "column"
		if name == "" {
			name = "column " + strconv.Itoa(i)
		}
		if !c.Required && direction == "input" {
			shape = "column, optional"
		}
		rows = append(rows, SignatureRow{name, direction, string(c.Type), shape})
	}
	for _, t := range s.Tensors {
		rows = append(rows, SignatureRow{cmp.Or(t.Name, "—"), direction, t.Type.String(), Shape(t.Shape)})
	}
	return rows
}

func graphRows(g *registry.Graph) (rows []SignatureRow) {
	if g == nil {
		return nil
	}
	add := func(ports []tensor.Port, direction string) {
		for _, p := range ports {
			kind, shape := portWords(p)
			rows = append(rows, SignatureRow{cmp.Or(p.Name, "—"), direction, kind, shape})
		}
	}
	add(g.Inputs, "input")
	add(g.Outputs, "output")
	return rows
}

// portWords gives type and shape of a port of a graph.
func portWords(p tensor.Port) (kind, shape string) {
	switch {
	case p.Kind == tensor.KindMap:
		return fmt.Sprintf("map of %s to %s", p.Key, p.Type), "—"
	case p.Kind == tensor.KindSequence && p.OfMaps:
		return fmt.Sprintf("list of maps of %s to %s", p.Key, p.Type), "—"
	case p.Kind == tensor.KindSequence:
		return "list of " + p.Type.String(), "—"
	case p.Unranked:
		return p.Type.String(), "any"
	default:
		return p.Type.String(), Shape(p.Shape)
	}
}

// Shape writes a tensor's dimensions as MLflow does: "[-1, 64]", -1 is free.
func Shape(dims []int64) string {
	all := make([]string, len(dims))
	for i, d := range dims {
		all[i] = strconv.FormatInt(d, 10)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// SignatureSummary says in a line what a version takes and gives:
// "features float32[-1, 64] → score float32[-1, 1]", "18 columns → species long".
func SignatureSummary(v registry.Version) string {
	var in, out []SignatureRow
	for _, r := range SignatureRows(v) {
		switch r.Direction {
		case "input":
			in = append(in, r)
		case "output":
			out = append(out, r)
		}
	}
	if len(in)+len(out) == 0 {
		return "no signature"
	}
	return sideWords(in) + " → " + sideWords(out)
}

func sideWords(rows []SignatureRow) string {
	columns := 0
	for _, r := range rows {
		if strings.HasPrefix(r.Shape, "column") {
			columns++
		}
	}
	switch {
	case len(rows) == 0:
		return "anything"
	case len(rows) > 2 && columns == len(rows):
		return Count(columns, "column", "columns")
	case len(rows) > 2:
		return Count(len(rows), "tensor", "tensors")
	}
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = r.Name + " " + r.Type
		if strings.HasPrefix(r.Shape, "[") {
			all[i] += r.Shape
		}
	}
	return strings.Join(all, ", ")
}

// Amount gives a count as people write a large one: "912", "26.0 k", "10.4 M", "7.2 B".
func Amount(n int64) string {
	f := float64(n)
	for _, unit := range []string{"", " k", " M", " B", " T"} {
		if f < 999.95 || unit == " T" {
			if unit == "" {
				return strconv.FormatInt(n, 10)
			}
			return strconv.FormatFloat(f, 'f', 1, 64) + unit
		}
		f /= 1000
	}
	return ""
}
