package config

import (
	"fmt"
	"strconv"
	"strings"

	"servery/engine/registry"
	"servery/views/widgets"
)

// mostPorts are shown of each side; more say how many they are.
const mostPorts = 5

// ports lists one side of a signature, one a line.
func ports(v registry.Version, direction string) string {
	var lines []string
	more := 0
	for _, r := range widgets.SignatureRows(v) {
		switch {
		case r.Direction != direction:
		case len(lines) == mostPorts:
			more++
		case strings.HasPrefix(r.Shape, "["):
			lines = append(lines, r.Name+" "+r.Type+r.Shape)
		default:
			lines = append(lines, r.Name+" "+r.Type)
		}
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	if len(lines) == 0 {
		return "not enforced"
	}
	return strings.Join(lines, "\n")
}

// modelWords says in a line what kind of model a version is.
func modelWords(v registry.Version) string {
	all := []string{v.Flavor}
	if g := v.Graph; g != nil {
		if n, ok := g.Opsets[""]; ok {
			all = append(all, "opset "+strconv.FormatInt(n, 10))
		}
		all = append(all, widgets.Amount(g.Parameters)+" parameters")
	}
	all = append(all, widgets.Bytes(v.Size))
	if v.FromGraph {
		all = append(all, "signature from the graph")
	}
	return strings.Join(all, " · ")
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
