package models

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/runtime/placement"
	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

const (
	signatureRow   = 34
	mostSignature  = 8 // rows in sight; more scroll
	mostOperators  = 8
	mostExample    = 2000 // bytes that are shown
	operatorsWidth = 128
)

// signaturePanel lists inputs, outputs and parameters.
func signaturePanel(v registry.Version) fyne.CanvasObject {
	rows := widgets.SignatureRows(v)
	from := "from MLmodel"
	if v.FromGraph || v.Signature == nil {
		from = "from the graph"
	}
	content := fyne.CanvasObject(widgets.MutedParagraph("The model has no signature: nothing is checked before a request reaches it."))
	if len(rows) > 0 {
		content = signatureTable(rows)
	}
	return widgets.NewTitledPanel("Signature · version "+strconv.Itoa(v.Number), widgets.Small(from), content)
}

func signatureTable(rows []widgets.SignatureRow) fyne.CanvasObject {
	fits := len(rows) <= mostSignature
	t := widgets.NewTable(widgets.TableConfig{
		Columns:   []widgets.Column{{Title: "Name", Flex: 1.2}, {Title: "Direction", Width: 86}, {Title: "Type", Flex: 0.7}, {Title: "Shape", Flex: 1.1}},
		RowHeight: signatureRow,
		FitRows:   fits,
		Len:       func() int { return len(rows) },
		NewCell: func(col int) fyne.CanvasObject {
			if col == 0 || col == 3 {
				return widgets.MonoCell()
			}
			return widgets.TextCell()
		},
		UpdateCell: func(row, col int, cell fyne.CanvasObject) {
			r := rows[row]
			widgets.SetCell(cell, [...]string{r.Name, r.Direction, r.Type, r.Shape}[col])
		},
	})
	if fits {
		return t
	}
	return widgets.Fixed(t, 0, 36+mostSignature*signatureRow)
}

// operatorsPanel counts the graph's operators, the most used first.
func operatorsPanel(v registry.Version) fyne.CanvasObject {
	if v.Graph == nil || len(v.Graph.Operators) == 0 {
		return widgets.NewTitledPanel("Operators", nil, widgets.MutedParagraph("The graph's operators are not known."))
	}
	all := v.Graph.Operators
	box := widgets.VStack(6)
	for i, o := range all {
		if i == mostOperators {
			box.Add(widgets.Small(fmt.Sprintf("and %s more", widgets.Count(len(all)-i, "kind", "kinds"))))
			break
		}
		m := widgets.NewMeter(theme.ChartBlue)
		m.Set(float64(o.Count) / float64(all[0].Count))
		box.Add(widgets.Columns(12, []float32{-operatorsWidth, 1, -40}, widgets.Mono(o.FullName()).Truncate(), m,
			widgets.Small(strconv.Itoa(o.Count)).Align(fyne.TextAlignTrailing)))
	}
	return widgets.NewTitledPanel("Operators", widgets.Small(widgets.Count(v.Graph.Nodes, "node", "nodes")), box)
}

// detailsPanel lists what else is known of a version.
func (d *detail) detailsPanel(v registry.Version) fyne.CanvasObject {
	var rows []widgets.KeyValue
	add := func(key, value string) {
		if value != "" {
			rows = append(rows, widgets.KeyValue{Key: key, Value: value})
		}
	}
	if uses := d.p.uses[versionKey{d.model.FullName(), v.Number}]; len(uses) > 0 {
		links := widgets.Flow(8)
		for _, u := range uses {
			links.Add(widgets.NewLink(u.String(), func() { d.p.host.Go(shell.EndpointRoute(u.endpoint)) }))
		}
		rows = append(rows, widgets.KeyValue{Key: "Served by", Object: links})
	}
	add("Runs on", d.facts.runsOn)
	add("Comment", v.Comment)
	add("Source", v.Source)
	if g := v.Graph; g != nil {
		add("Opset", opsets(g.Opsets))
		add("Parameters", widgets.Amount(g.Parameters))
		add("Producer", g.Producer)
		add("IR version", strconv.FormatInt(g.IRVersion, 10))
	}
	if v.Size > 0 {
		add("Size", widgets.Bytes(v.Size))
	}
	add("MLflow run", v.RunID)
	created := v.CreatedAt.Local().Format("Jan 2, 2006 15:04")
	if v.CreatedBy != "" {
		created += " by " + v.CreatedBy
	}
	add("Created", created)
	if v.SHA256 != "" {
		rows = append(rows, widgets.KeyValue{Key: "SHA-256", Value: v.SHA256, Mono: true, Copy: d.p.host.Copy})
	}
	facts := widgets.NewKeyValues(88)
	facts.Set(rows)
	return widgets.NewTitledPanel("Details", nil, facts)
}

// runsOn says what a version can run on here, and why it is not a GPU.
func runsOn(v registry.Version, g hardware.GPUs) string {
	if v.Status != registry.Ready {
		return ""
	}
	p := placement.OnGPU(placement.ModelOf(v), g, placement.Supported)
	if p.OnGPU {
		return "CPU or " + p.String()
	}
	return "CPU. Not on a GPU: " + p.Reason + "."
}

// opsets lists operator sets, ONNX's own without its name: "17, ai.onnx.ml 3".
func opsets(all map[string]int64) string {
	var words []string
	for _, domain := range slices.Sorted(maps.Keys(all)) {
		words = append(words, strings.TrimPrefix(domain+" "+strconv.FormatInt(all[domain], 10), " "))
	}
	return strings.Join(words, ", ")
}

// examplePanel shows the request that came with the model.
func (d *detail) examplePanel(v registry.Version) fyne.CanvasObject {
	if len(v.InputExample) == 0 {
		return widgets.NewTitledPanel("Input example", nil, widgets.MutedParagraph("The model came without one. On an endpoint's page for requests one is made from the signature."))
	}
	text := string(v.InputExample)
	shown := text
	if len(shown) > mostExample {
		shown = strings.ToValidUTF8(shown[:mostExample], "") + "…"
	}
	box := widgets.NewCodeBox(shown, nil).Wrap()
	return widgets.NewTitledPanel("Input example", widgets.CopyButton(func() string { return text }, d.p.host.Copy), widgets.Fixed(box, 0, 168))
}
