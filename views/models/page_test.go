package models

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/engine/registry"
	"servery/engine/telemetry"
	"servery/theme"
	"servery/views/shell"
	"servery/views/viewtest"
	"servery/views/widgets"
)

const width, height = 1232, 852

func open(t *testing.T, m theme.Mode, e *fakeEngine, r shell.Route) (*viewtest.Harness, *Page) {
	t.Helper()
	h := viewtest.New(t, m)
	p := New(h.Host(), r, e)
	h.ShowPage(p, width, height)
	return h, p
}

// recognizer opens the page with main.vision.ppocr_rec chosen.
func recognizer(t *testing.T, m theme.Mode) (*viewtest.Harness, *Page, *fakeEngine) {
	t.Helper()
	e := newFake()
	h, p := open(t, m, e, shell.ModelRoute("main.vision.ppocr_rec"))
	return h, p, e
}

func looks(t *testing.T, name string, build func(t *testing.T, m theme.Mode) *viewtest.Harness) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) { build(t, m).Golden(name) })
	}
}

func TestLookOfAModel(t *testing.T) {
	looks(t, "model", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, _, _ := recognizer(t, m)
		return h
	})
}

func TestLookOfAFailedVersion(t *testing.T) {
	looks(t, "failed-version", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, _, _ := recognizer(t, m)
		h.Tap("2")
		return h
	})
}

func TestLookOfManyColumns(t *testing.T) {
	looks(t, "columns", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, _ := open(t, m, newFake(), shell.ModelRoute("main.tabular.churn"))
		return h
	})
}

func TestLookInTheSmallestWindow(t *testing.T) {
	h, _, _ := recognizer(t, theme.Light)
	h.Window().Resize(fyne.NewSize(816, 592))
	h.Settle()
	h.Golden("narrow")
}

func TestLookWithoutModels(t *testing.T) {
	looks(t, "empty", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		e := newFake()
		e.models = nil
		h, _ := open(t, m, e, shell.ModelsRoute())
		return h
	})
}

func TestLookOfInUse(t *testing.T) {
	looks(t, "in-use", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, p, _ := recognizer(t, m)
		p.deleteVersion(p.detail.model, 3)
		return h
	})
}

func TestLookOfTheAliasDialog(t *testing.T) {
	looks(t, "alias", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, _, _ := recognizer(t, m)
		h.Tap("Set alias")
		h.Type("Alias", "champion")
		return h
	})
}

func TestTheFirstModelIsShownWhereTheRouteNamesNone(t *testing.T) {
	h, p := open(t, theme.Light, newFake(), shell.ModelsRoute())
	h.MustText("dev.audio.silero_vad", "Serve version 1")
	if p.list.Selected() != 0 {
		t.Errorf("row %d is marked", p.list.Selected())
	}
}

func TestAModelIsFoundAndChosen(t *testing.T) {
	h, p := open(t, theme.Light, newFake(), shell.ModelsRoute())
	h.Type("Filter models", "VISION main")
	h.NoText("churn")
	h.Tap("ppocr_rec")
	h.MustText("main.vision.ppocr_rec", "Serve version 4", "champion → v3", "HardSigmoid", "softmax_11.tmp_0", "[-1, 3, 48, -1]", "17, ai.onnx.ml 3", "and 2 kinds more")
	h.Type("Filter models", "nowhere")
	h.MustText("No model matches the filter.")
	h.Type("Filter models", "")
	h.Host().Focus(p.search.Line())
	h.Key(fyne.KeyDown)
	h.Key(fyne.KeyEnd)
	h.MustText("samples.vision.digits")
}

func TestVersionsAreChosenAndServed(t *testing.T) {
	h, _, _ := recognizer(t, theme.Light)
	h.Tap("3")
	h.Tap("Serve version 3")
	if got := h.Host().LastRoute(); got != shell.CreateRoute("main.vision.ppocr_rec", "3") {
		t.Errorf("went to %v", got)
	}
	h.Tap("2")
	h.MustText("Version 2 cannot be served", "com.acme.Int4MatMul")
	if !h.Button("Serve version 2").Disabled() {
		t.Error("a failed version can be served")
	}
	if !h.Button("Set alias").Disabled() {
		t.Error("an alias can be set on a failed version")
	}
	h.NoText("Signature", "Input example")
}

func TestEndpointsThatServeAVersionAreNamed(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	h.MustText("ocr-recognizer 20 %", "ocr-recognizer 80 %")
	viewtest.Find(h, func(l *widgets.Link) bool { return l.Text() == "ocr-recognizer 20 %" }).Tapped(nil)
	if got := h.Host().LastRoute(); got != shell.EndpointRoute("ocr-recognizer") {
		t.Errorf("went to %v", got)
	}
	e.endpoints = []endpoint.Endpoint{{Name: "next", Pending: &endpoint.Config{Entities: []endpoint.ServedEntity{{Name: "a", ModelName: "main.vision.ppocr_rec", ModelVersion: 4}}}}}
	p.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "next"}})
	h.Settle()
	h.MustText("next (updating)")
	h.NoText("ocr-recognizer")
}

func TestAVersionInTheListLeadsToItsEndpoints(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	inRow := func() *widgets.Link {
		return viewtest.Find(h, func(l *widgets.Link) bool { return strings.Contains(l.Text(), "ocr-recognizer 80 %") })
	}
	inRow().Tapped(nil)
	if got := h.Host().LastRoute(); got != shell.EndpointRoute("ocr-recognizer") {
		t.Errorf("went to %v", got)
	}
	e.endpoints = append(e.endpoints, endpoint.Endpoint{Name: "second", Active: &endpoint.Config{
		Entities: []endpoint.ServedEntity{{Name: "a", ModelName: "main.vision.ppocr_rec", ModelVersion: 3}},
		Routes:   []endpoint.Route{{EntityName: "a", Percent: 100}}}})
	p.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "second"}})
	h.Settle()
	inRow().Tapped(nil)
	h.MustText("second 100 %")
	h.Tap("second 100 %")
	if got := h.Host().LastRoute(); got != shell.EndpointRoute("second") {
		t.Errorf("went to %v", got)
	}
}

func TestAnAliasIsSetAfterItsNameIsChecked(t *testing.T) {
	h, _, e := recognizer(t, theme.Light)
	h.Tap("Set alias")
	h.Type("Alias", "latest")
	h.Button("Set alias").Tapped(nil)
	h.Settle()
	if len(e.log) > 0 {
		t.Fatalf("asked for %q", e.log)
	}
	h.MustText("not valid")
	h.Type("Alias", "Champion")
	h.MustText("It points at version 3 and will move to version 4.")
	h.Key(fyne.KeyReturn)
	if !slices.Equal(e.log, []string{"alias main.vision.ppocr_rec champion 4"}) {
		t.Errorf("asked for %q", e.log)
	}
}

func TestAnAliasIsRemovedByItsChip(t *testing.T) {
	h, _, e := recognizer(t, theme.Light)
	h.Tap("champion → v3")
	if !slices.Equal(e.log, []string{"no alias main.vision.ppocr_rec champion"}) {
		t.Errorf("asked for %q", e.log)
	}
}

func TestAVersionInUseIsNotDeleted(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	h.Tap("Actions") // of the newest version
	h.Tap("Delete version…")
	h.MustText("In use", "an endpoint serves it")
	h.Tap("ocr-recognizer")
	if len(e.log) > 0 || h.Host().LastRoute() != shell.EndpointRoute("ocr-recognizer") {
		t.Errorf("asked for %q, went to %v", e.log, h.Host().LastRoute())
	}
	p.deleteModel(p.detail.model)
	h.MustText("main.vision.ppocr_rec cannot be deleted")
}

func TestAVersionIsDeletedAfterAQuestion(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	p.deleteVersion(p.detail.model, 2)
	h.MustText("Delete version 2?")
	h.Tap("Delete version")
	if !slices.Equal(e.log, []string{"delete main.vision.ppocr_rec 2"}) {
		t.Errorf("asked for %q", e.log)
	}
	e.err = &registry.InUseError{Name: "main.vision.ppocr_rec", Version: 2, Endpoints: []string{"just-made"}}
	p.deleteVersion(p.detail.model, 2)
	h.Tap("Delete version")
	h.MustText("In use", "just-made")
}

func TestAModelIsDeletedAfterItsNameWasTyped(t *testing.T) {
	e := newFake()
	h, _ := open(t, theme.Light, e, shell.ModelRoute("samples.vision.digits"))
	h.Tap("More")
	h.Tap("Delete model…")
	if !h.Button("Delete model").Disabled() {
		t.Error("the model can be deleted without typing its name")
	}
	h.Type("digits", "digits")
	h.Tap("Delete model")
	h.NoText("samples.vision.digits")
	h.MustText("dev.audio.silero_vad")
}

func TestAnErrorOfAChangeIsTold(t *testing.T) {
	h, _, e := recognizer(t, theme.Light)
	e.err = &registry.NotFoundError{Name: "main.vision.ppocr_rec", Alias: "champion"}
	h.Tap("champion → v3")
	if got := h.Host().Toasts; len(got) != 1 || !strings.Contains(got[0], "no alias") {
		t.Errorf("told %q", got)
	}
}

func TestARouteToAnotherModelIsFollowed(t *testing.T) {
	h, p, _ := recognizer(t, theme.Light)
	if !p.SetRoute(shell.ModelRoute("main.tabular.churn")) {
		t.Fatal("refused")
	}
	h.Settle()
	h.MustText("main.tabular.churn", "column, optional")
}

func TestFiguresDoNotReadTheModelsAgain(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	e.models = nil
	p.Refresh([]telemetry.Change{{Kind: telemetry.MetricsChanged, Name: "ocr-recognizer"}, {Kind: telemetry.EndpointChanged, Name: "ocr-recognizer"}})
	h.Settle()
	h.MustText("main.vision.ppocr_rec")
	p.Refresh([]telemetry.Change{{Kind: telemetry.ModelChanged, Name: "main.vision.ppocr_rec"}})
	h.Settle()
	h.MustText("No models yet")
}

func TestSlashGoesToTheFilter(t *testing.T) {
	h, _, _ := recognizer(t, theme.Light)
	if !h.Host().Press(fyne.KeySlash, 0) || h.Focused() == nil {
		t.Error("the filter has no focus")
	}
}

func TestTheDigestAndTheExampleAreCopied(t *testing.T) {
	h, _, e := recognizer(t, theme.Light)
	h.Tap("Copy")
	got := h.Host().Copied
	if len(got) != 1 || (got[0] != e.models[2].Versions[0].SHA256 && got[0] != string(e.models[2].Versions[0].InputExample)) {
		t.Errorf("copied %q", got)
	}
}
