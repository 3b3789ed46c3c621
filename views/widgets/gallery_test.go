package widgets_test

import (
	"math"
	"testing"

	"fyne.io/fyne/v2"

	"servery/resources"
	"servery/theme"
	"servery/views/viewtest"
	"servery/views/widgets"
)

func wave(n int, scale float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(scale * (6 + 3*math.Sin(float64(i)/4) + math.Sin(float64(i)*1.7)))
	}
	return out
}

// The controls as a person meets them, for the eye and against surprises.
func TestGallery(t *testing.T) {
	viewtest.Both(t, "gallery", 1180, 1240, gallery)
}

func gallery(h *viewtest.Harness) fyne.CanvasObject {
	nop := func() {}
	disabled := widgets.PrimaryButton("Create", nop)
	disabled.Disable()
	buttons := widgets.Flow(8,
		widgets.PrimaryButton("Query endpoint", nop).WithIcon(resources.IconPlay), widgets.SecondaryButton("Edit endpoint", nop),
		widgets.DangerButton("Delete", nop), widgets.GhostButton("Advanced", nop), disabled,
		widgets.MenuButton("State: Any", nil), widgets.MoreButton("More", nil), widgets.SecondaryButton("Use input example", nop).Small(),
		widgets.PrimaryButton("Send", nop).WithHint("Ctrl ⏎"), widgets.IconButton(resources.IconTrash, "Delete", nop))
	badges := widgets.Flow(8, widgets.NewBadge(widgets.StateReady, "Ready"), widgets.NewBadge(widgets.StateUpdating, "Updating 62 %"),
		widgets.NewBadge(widgets.StateStopped, "Scaled to zero"), widgets.NewBadge(widgets.StateWarning, "Not ready"),
		widgets.NewBadge(widgets.StateFailed, "Update failed"), widgets.NewBadge(widgets.StateInfo, "champion"),
		widgets.NewChip("team: growth"), widgets.NewRemovableChip("demo", nop))
	tabs := widgets.NewTabs([]widgets.TabItem{{Title: "Metrics"}, {Title: "Query"}, {Title: "Events"}, {Title: "Configuration"}}, nil)
	size := []widgets.Option{{Value: "Small", Label: "Small 0–4"}, {Value: "Medium", Label: "Medium 8–16"}, {Value: "Large", Label: "Large 16–64"}, {Value: "", Label: "Custom"}}
	name := widgets.NewEntry("my-endpoint")
	name.SetText("ads ranking")
	nameField := widgets.NewField("Name", "Letters, digits, - and _, up to 63.", name).Required()
	nameField.SetError("A name has letters, digits, - and _ only; take out the space.")
	model := widgets.NewSelect([]widgets.Option{{Value: "m", Label: "main.ads.ads_ranker"}}, nil)
	model.SetSelected("m")
	scale := widgets.NewCheck("Scale to zero", "After 30 min without requests. The next one waits for a cold start (≈ 0.2 s here).", nil)
	scale.SetChecked(true)
	route := widgets.NewSwitch("Route optimization", "A faster data-plane URL for high QPS.", nil)
	route.SetChecked(true)
	form := widgets.VStack(14,
		widgets.Columns(20, []float32{1, 1}, nameField, widgets.NewField("Entity", "", model)),
		widgets.Columns(20, []float32{1, 1}, widgets.NewField("Compute scale-out", "Concurrent requests ≈ QPS × model run time. 50 × 0.02 s = 1", widgets.NewSegmented(size, nil)), scale),
		widgets.Columns(20, []float32{1, 1}, route, widgets.NewSearchEntry("Filter by name, model or tag", nil)))
	steps := widgets.NewSteps()
	steps.Set([]widgets.Step{{Title: "Validate", State: widgets.StepDone}, {Title: "Load ppocr_rec v4", Detail: "9.8 MB, 0.41 s", State: widgets.StepDone},
		{Title: "Warm up", State: widgets.StepActive}, {Title: "Switch traffic"}})
	banner := widgets.NewBanner(widgets.Error, "Update failed", "The model needs 12 GB and this machine has 8 GB. The active configuration goes on serving.")
	banner.SetAction("Try again", nop)
	shares := widgets.NewSharesBar(8)
	shares.Set([]widgets.Share{{Fraction: 0.8, Color: theme.ChartBlue}, {Fraction: 0.2, Color: theme.ChartOrange}})
	facts := widgets.NewKeyValues(92)
	facts.Set([]widgets.KeyValue{{Key: "Invocation URL", Value: "http://127.0.0.1:8642/serving-endpoints/ocr-recognizer/invocations", Mono: true, Copy: func(string) {}},
		{Key: "Created by", Value: "you"}, {Key: "Created", Value: "Nov 20, 12:02"}})
	code := widgets.NewCodeBox("{\n  \"inputs\": {\n    \"Input3\": [[[[0.0, 0.012]]]]\n  }\n}", func(string) {})
	left := widgets.VStack(16, buttons, badges, tabs, widgets.NewSectionPanel(widgets.Strong("main.ads.ads_ranker"), form), steps, shares, banner,
		widgets.NewBanner(widgets.Info, "Just looking?", "Serve a bundled sample and watch it autoscale."), galleryTable())
	right := widgets.VStack(16, widgets.NewTitledPanel("About", nil, facts), code,
		widgets.NewCopyText("127.0.0.1:8642", func(string) {}), widgets.NewLink("ocr-recognizer", nop), widgets.NewSkeleton(3),
		widgets.NewToast(widgets.Success, "Imported main.default.digits version 1.", "Serve it", nop, nop),
		widgets.NewEmptyState(resources.IconServing, "No endpoints yet", "Bring a model, send it a request.", widgets.PrimaryButton("Create serving endpoint", nop)))
	return widgets.Inset(widgets.VStack(16, widgets.PageHeader("Serving endpoints", "Serve registered models on this machine behind the Databricks Model Serving API.", widgets.PrimaryButton("Create serving endpoint", nop)),
		widgets.Columns(24, []float32{1, -320}, left, right)), 20, 24, 24, 24)
}

func galleryTable() fyne.CanvasObject {
	rows := []struct {
		name, entity, second, p string
		state                   widgets.State
		word                    string
	}{
		{"churn-classifier", "churn v7 · 90 %", "churn v8 · 10 %", "1.9 / 4.2", widgets.StateReady, "Ready"},
		{"ocr-recognizer-with-a-very-long-name", "ppocr_rec v3 · 100 %", "", "7.4 / 11.8", widgets.StateUpdating, "Updating"},
		{"ads-ranking", "ads_ranker v2 · 100 %", "", "—", widgets.StateStopped, "Scaled to zero"},
	}
	t := widgets.NewTable(widgets.TableConfig{
		Columns: []widgets.Column{{Title: "Name", Flex: 2, Width: 90, Sortable: true}, {Title: "State", Width: 140}, {Title: "Served entities", Flex: 2, Width: 120},
			{Title: "Last 15 min", Width: 110}, {Title: "p50 / p99 ms", Width: 110, Align: fyne.TextAlignTrailing}, {Width: 44}},
		FitRows: true,
		Len:     func() int { return len(rows) },
		NewCell: func(col int) fyne.CanvasObject {
			switch col {
			case 0:
				return widgets.LinkCell()
			case 1:
				return widgets.NewBadge(widgets.StateReady, "")
			case 2:
				return widgets.NewTwoLineCell()
			case 3:
				return widgets.NewSparkline()
			case 5:
				return widgets.MoreButton("Actions", nil)
			}
			return widgets.TextCell()
		},
		UpdateCell: func(row, col int, cell fyne.CanvasObject) {
			switch c := cell.(type) {
			case *widgets.Badge:
				c.Set(rows[row].state, rows[row].word)
			case *widgets.TwoLineCell:
				c.Set(rows[row].entity, rows[row].second)
			case *widgets.Sparkline:
				if row < 2 {
					c.Set(wave(60, float64(row+1)))
				} else {
					c.Set(nil)
				}
			case *widgets.Text:
				if col == 0 {
					c.SetText(rows[row].name)
				} else {
					c.SetText(rows[row].p)
				}
			}
		},
		Opened: func(int) {}, Sorted: func(int, bool) {}, Selectable: true,
	})
	t.SetSort(0, false)
	t.Select(0)
	return t
}
