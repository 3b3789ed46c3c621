package create

import (
	"strconv"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/runtime/placement"
	"servery/engine/telemetry"
	"servery/theme"
	"servery/views/config"
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

// ranker opens the form with version 3 of main.ads.ranker chosen.
func ranker(t *testing.T, m theme.Mode) (*viewtest.Harness, *Page, *fakeEngine) {
	t.Helper()
	e := newFake()
	h, p := open(t, m, e, shell.CreateRoute("main.ads.ranker", "3"))
	return h, p, e
}

func looks(t *testing.T, name string, build func(t *testing.T, m theme.Mode) *viewtest.Harness) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) { build(t, m).Golden(name) })
	}
}

func TestLookOfTwoEntities(t *testing.T) {
	looks(t, "two-entities", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, p, _ := ranker(t, m)
		p.editor.Add("main.ads.ranker", 2)
		h.Type("Name", "ads-ranking")
		h.Settle()
		p.editor.Cards[0].Traffic.SetText("80")
		p.editor.Cards[1].Traffic.SetText("20")
		p.editor.Cards[1].Scale.Choose("")
		return h
	})
}

func TestLookOfTheFirstSight(t *testing.T) {
	looks(t, "first-sight", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, _ := open(t, m, newFake(), shell.CreateRoute("", ""))
		return h
	})
}

// withCard is a machine with a small GPU; the device code computes what the fake's models use.
func withCard(t *testing.T, e *fakeEngine) {
	e.machine.GPUs = hardware.GPUs{Known: true, Cards: []hardware.GPU{{Name: "NVIDIA T4", Memory: 15 << 30, Now: &hardware.GPUFigures{MemoryUsed: 1 << 30}}}}
	before := placement.Supported
	placement.Supported = map[string]bool{"Conv": true}
	t.Cleanup(func() { placement.Supported = before })
}

func TestLookOfAGPUTypeWithoutAGPU(t *testing.T) {
	looks(t, "no-gpu", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, _, e := ranker(t, m)
		e.machine.GPUs = hardware.GPUs{Known: true, None: &hardware.NoGPU{Reason: "no NVIDIA driver is installed on this machine"}}
		h.Choose("Compute type", "GPU_MEDIUM · no GPU here: runs on the CPU")
		h.MustText("Runs on the CPU here: no NVIDIA driver is installed on this machine.")
		return h
	})
}

func TestLookOfTheComputeTypesWithAGPU(t *testing.T) {
	looks(t, "compute-types", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		e := newFake()
		withCard(t, e)
		h, p := open(t, m, e, shell.CreateRoute("main.ads.ranker", "3"))
		p.editor.Cards[0].Compute.Tapped(nil)
		h.MustText("GPU_SMALL · NVIDIA T4, 15 GiB", "GPU_MEDIUM · NVIDIA T4, 15 GiB of the type's 24 GiB", "GPU_MEDIUM_8 · NVIDIA T4, 1 of the type's 8 GPUs of 24 GiB")
		return h
	})
}

func TestAGPUTypeSaysWhetherTheModelFits(t *testing.T) {
	e := newFake()
	withCard(t, e)
	graph := &registry.Graph{Operators: []registry.OperatorCount{{Name: "Conv", Count: 2}}}
	for i := range e.models {
		for j := range e.models[i].Versions {
			v := &e.models[i].Versions[j]
			v.Graph, v.Size = graph, 1<<30
		}
	}
	h, p := open(t, theme.Light, e, shell.CreateRoute("main.ads.ranker", "3"))
	h.MustText("16 cores")
	h.Choose("Compute type", "GPU_SMALL · NVIDIA T4, 15 GiB")
	h.MustText("Runs on GPU 0, NVIDIA T4, and needs about 1.8 GiB of the 14 GiB that are free there.")
	e.machine.GPUs.Cards[0].Now = &hardware.GPUFigures{MemoryUsed: 14 << 30}
	p.Refresh([]telemetry.Change{{Kind: telemetry.EngineChanged}})
	h.MustText("may not fit: it needs about 1.8 GiB of the 1 GiB")
	graph.Operators = append(graph.Operators, registry.OperatorCount{Name: "Loop", Count: 1})
	p.Refresh([]telemetry.Change{{Kind: telemetry.EngineChanged}})
	h.MustText("Runs on the CPU here: the operator Loop is not on the GPU.")
}

func TestLookInTheSmallestWindow(t *testing.T) {
	h, p, _ := ranker(t, theme.Light)
	p.editor.Add("main.ads.ranker", 2)
	h.Window().Resize(fyne.NewSize(816, 592))
	h.Settle()
	h.Golden("narrow")
}

func TestLookWithoutModels(t *testing.T) {
	looks(t, "no-models", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		e := newFake()
		e.models = nil
		h, _ := open(t, m, e, shell.CreateRoute("", ""))
		return h
	})
}

func TestLookOfErrors(t *testing.T) {
	looks(t, "errors", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, p, _ := ranker(t, m)
		h.Type("Name", "my endpoint!")
		p.editor.Cards[0].Scale.Choose("")
		h.Type("At most", "10")
		p.editor.Cards[0].Advanced.Tapped(nil)
		h.Type("Environment variables", "TOKEN\nMODE=fast")
		h.Tap("Create")
		return h
	})
}

func TestLookOfCreating(t *testing.T) {
	looks(t, "creating", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, _, _ := ranker(t, m)
		h.Host().Hold = true
		h.Tap("Create")
		return h
	})
}

func TestLookOfTheSelection(t *testing.T) {
	looks(t, "select", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, _, _ := ranker(t, m)
		h.Tap("main.ads.ranker · version 3")
		h.Type("Search models", "ads")
		return h
	})
}

func TestLookOfAVersionThatCannotBeServed(t *testing.T) {
	looks(t, "select-failed", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, _, _ := ranker(t, m)
		h.Tap("main.ads.ranker · version 3")
		h.Tap("4")
		return h
	})
}

func TestAnEndpointIsCreatedAsTheFormSays(t *testing.T) {
	h, _, e := ranker(t, theme.Light)
	h.MustText("main.ads.ranker", "Version 3")
	h.Type("Name", "ads-ranking")
	h.Type("Served entity name", "main-model")
	h.Choose("Compute scale-out", "Medium 8–16")
	h.Tap("Scale to zero")
	h.Type("Key", "team")
	h.Type("Value (optional)", "ads")
	h.Tap("Add tag")
	h.Tap("Create")
	if len(e.created) != 1 {
		t.Fatalf("%d endpoints were created", len(e.created))
	}
	got := e.created[0]
	entity := got.Config.Entities[0]
	if got.Name != "ads-ranking" || entity.Name != "main-model" || entity.ModelVersion != "3" || entity.WorkloadSize != "Medium" ||
		*entity.ScaleToZero || len(got.Tags) != 1 || got.Tags[0] != (endpoint.Tag{Key: "team", Value: "ads"}) {
		t.Errorf("created %+v with %+v", got, entity)
	}
	if h.Host().LastRoute() != shell.EndpointRoute("ads-ranking") {
		t.Errorf("went to %v", h.Host().LastRoute())
	}
}

func TestATypedTagIsNotForgotten(t *testing.T) {
	h, p, e := ranker(t, theme.Light)
	h.Type("Key", "team")
	if p.MayLeave() == "" {
		t.Error("a typed tag would be lost without a question")
	}
	h.Tap("Create")
	if len(e.created) != 1 || len(e.created[0].Tags) != 1 {
		t.Errorf("created %+v", e.created)
	}
}

func TestFiguresOfEndpointsDoNotRepaintTheForm(t *testing.T) {
	h, p, e := ranker(t, theme.Light)
	e.machine.Cores = 3
	p.Refresh([]telemetry.Change{{Kind: telemetry.MetricsChanged, Name: "ctr_gbt"}})
	h.MustText("16 cores")
	p.Refresh([]telemetry.Change{{Kind: telemetry.EngineChanged}})
	h.MustText("3 cores")
}

// A keystroke checks the whole form and writes its code again: it must stay below a
// frame (16 ms) with the most entities there can be.
func BenchmarkAKeystrokeWithTenEntities(b *testing.B) {
	h := viewtest.New(b, theme.Light)
	p := New(h.Host(), shell.CreateRoute("main.ads.ranker", "3"), newFake())
	for range config.MaxEntities - 1 {
		p.editor.Add("main.ads.ranker", 2)
	}
	h.ShowPage(p, width, height)
	for i := 0; b.Loop(); i++ {
		p.typeName("name-" + strconv.Itoa(i))
	}
}

func TestTheNameFollowsTheModelUntilItIsTyped(t *testing.T) {
	e := newFake()
	h, p := open(t, theme.Light, e, shell.CreateRoute("main.ads.ctr_gbt", ""))
	if p.nameEntry.Text != "ctr_gbt-2" {
		t.Errorf("the name is %q; ctr_gbt is taken", p.nameEntry.Text)
	}
	h.Type("Name", "clicks")
	p.editor.Add("main.ads.ranker", 2)
	if p.nameEntry.Text != "clicks" {
		t.Errorf("the typed name became %q", p.nameEntry.Text)
	}
}

func TestTheNameIsCheckedWhileItIsTyped(t *testing.T) {
	h, p, _ := ranker(t, theme.Light)
	h.Type("Name", "a b")
	if !strings.Contains(p.nameField.Error(), "letters, digits") {
		t.Errorf("the field says %q", p.nameField.Error())
	}
	h.Type("Name", "ctr_gbt")
	if !strings.Contains(p.nameField.Error(), "exists already") {
		t.Errorf("the field says %q", p.nameField.Error())
	}
	h.Type("Name", "a-b")
	if p.nameField.Error() != "" {
		t.Errorf("a good name has the error %q", p.nameField.Error())
	}
}

func TestNothingIsRedBeforeTheFirstTry(t *testing.T) {
	h, p := open(t, theme.Light, newFake(), shell.CreateRoute("", ""))
	h.NoText("missing", "at least one model")
	h.Tap("Create")
	h.MustText("The name is missing.", "Choose at least one model to serve.")
	if h.Focused() != fyne.Focusable(p.nameEntry) {
		t.Error("the focus is not at the first error")
	}
}

func TestCreateGoesToTheFirstErrorAndOpensWhatHidesIt(t *testing.T) {
	h, p, e := ranker(t, theme.Light)
	card := p.editor.Cards[0]
	card.Env.SetText("A B=1")
	if !card.Advanced.Open() {
		t.Error("the fold with an error is closed")
	}
	h.Tap("Create")
	if h.Focused() != fyne.Focusable(card.Env) || len(e.created) > 0 {
		t.Errorf("the focus is at %T, %d created", h.Focused(), len(e.created))
	}
	h.MustText(`"A B" has a space in its name.`)
	card.Env.SetText("A_B=1")
	h.NoText("has a space")
}

func TestARefusedCreateShowsTheErrorAtItsField(t *testing.T) {
	h, p, e := ranker(t, theme.Light)
	e.refusal = &endpoint.ValidationError{Fields: []endpoint.FieldError{{Field: "config.served_entities[0].entity_version", Message: "Version 3 was deleted."}}}
	h.Tap("Create")
	if got := h.Field("Entity").Error(); got != "Version 3 was deleted." {
		t.Errorf("the field says %q", got)
	}
	if p.creating || len(h.Host().Routes) > 0 {
		t.Error("the page left or still creates")
	}
	e.refusal = &endpoint.ExistsError{Name: "ranker"}
	h.Tap("Create")
	if p.nameField.Error() == "" {
		t.Error("the taken name is not told at its field")
	}
	e.refusal = errDisk
	h.Type("Name", "other")
	h.Tap("Create")
	h.MustText("The endpoint was not created", errDisk.Error())
	e.refusal = nil
	h.Tap("Create")
	h.NoText(errDisk.Error())
}

func TestCreatingCannotBeStartedTwice(t *testing.T) {
	h, p, e := ranker(t, theme.Light)
	h.Host().Hold = true
	h.Tap("Create")
	h.MustText("Creating")
	h.Host().Press(fyne.KeyReturn, fyne.KeyModifierShortcutDefault)
	p.do.Tapped(nil)
	h.Host().RunHeld()
	if len(e.created) != 1 {
		t.Errorf("%d endpoints were created", len(e.created))
	}
}

func TestCtrlEnterCreates(t *testing.T) {
	h, _, e := ranker(t, theme.Light)
	if !h.Host().Press(fyne.KeyReturn, fyne.KeyModifierShortcutDefault) || len(e.created) != 1 {
		t.Errorf("%d endpoints were created", len(e.created))
	}
}

func TestTrafficIsSummedWhileItIsTyped(t *testing.T) {
	h, p, e := ranker(t, theme.Light)
	h.NoText("of traffic")
	h.Tap("Add served entity")
	h.Tap("dev.ads.text_encoder")
	h.Tap("Confirm")
	h.MustText("100 % of traffic", "2 of 10")
	p.editor.Cards[1].Traffic.SetText("30")
	h.MustText("130 % of traffic, must be 100 %")
	p.editor.Cards[0].Traffic.SetText("seventy")
	h.MustText(`Traffic of ranker-3: "seventy" is not a whole number.`)
	h.Tap("Create")
	if h.Focused() != fyne.Focusable(p.editor.Cards[0].Traffic) || len(e.created) > 0 {
		t.Errorf("the focus is at %T", h.Focused())
	}
	p.editor.Cards[0].Traffic.SetText("70")
	h.Tap("Create")
	if r := e.created[0].Config.Routes; len(r) != 2 || r[0].Percent != 70 || r[1].EntityName != "text_encoder-1" {
		t.Errorf("routes %v", r)
	}
}

func TestAnEntityIsRemoved(t *testing.T) {
	h, p, _ := ranker(t, theme.Light)
	p.editor.Add("main.ads.ranker", 2)
	h.Tap("Remove")
	h.Settle()
	h.MustText("Version 2")
	h.NoText("Version 3", "of traffic")
	h.Tap("Remove")
	h.MustText("Choose what the endpoint serves")
}

func TestAFailedVersionIsShownWithItsReasonButNotChosen(t *testing.T) {
	h, p, _ := ranker(t, theme.Light)
	h.Tap("main.ads.ranker · version 3")
	h.Tap("4")
	h.MustText("Version 4 cannot be served", "com.acme.Int4MatMul")
	if !h.Button("Confirm").Disabled() {
		t.Error("a failed version can be confirmed")
	}
	h.Tap("2")
	h.Tap("Confirm")
	h.MustText("main.ads.ranker · version 2")
	if p.editor.Form.Entities[0].Version != 2 || p.editor.Cards[0].Name.PlaceHolder != "ranker-2" {
		t.Errorf("chosen: %+v", p.editor.Form.Entities[0])
	}
}

func TestModelsAreSearchedByAllWords(t *testing.T) {
	h, _, _ := ranker(t, theme.Light)
	h.Tap("Add served entity")
	h.Type("Search models", "ADS main")
	h.MustText("2 models", "main.ads.ctr_gbt")
	h.NoText("dev.ads.text_encoder")
	h.Type("Search models", "nothing like it")
	h.MustText("No model matches")
	if !h.Button("Confirm").Disabled() {
		t.Error("nothing can be confirmed")
	}
	h.Key(fyne.KeyEscape)
}

func TestAModelIsChosenWithoutThePointer(t *testing.T) {
	h, p, _ := ranker(t, theme.Light)
	before := len(p.editor.Form.Entities)
	h.Tap("Add served entity")
	h.Type("Search models", "ctr_gbt")
	h.Key(fyne.KeyReturn) // on to what was found
	h.Key(fyne.KeyReturn) // takes it
	h.NoText("Select served entity")
	if len(p.editor.Form.Entities) != before+1 {
		t.Errorf("%d entities, want %d", len(p.editor.Form.Entities), before+1)
	}
}

func TestTheSelectionMovesByKeys(t *testing.T) {
	h, p, _ := ranker(t, theme.Light)
	h.Tap("Add served entity")
	tables := viewtest.All[*widgets.Table](h)
	h.Host().Focus(tables[0])
	h.Key(fyne.KeyEnd)
	h.MustText("main.ads.ranker")
	h.Host().Focus(tables[1])
	h.Key(fyne.KeyEnd)
	h.Tap("Confirm")
	if e := p.editor.Form.Entities[1]; e.Model != "main.ads.ranker" || e.Version != 2 {
		t.Errorf("chosen: %+v", e)
	}
}

func TestAnImportedModelIsServedAtOnce(t *testing.T) {
	e := newFake()
	models := e.models
	e.models = nil
	h, p := open(t, theme.Light, e, shell.CreateRoute("", ""))
	h.MustText("No models yet")
	h.Tap("Import a model")
	e.models = models
	h.Host().Imported("main.ads.ranker", 4)
	h.Settle()
	h.MustText("Choose what the endpoint serves")
	h.Host().Imported("main.ads.ranker", 3)
	h.Settle()
	if len(p.editor.Form.Entities) != 1 || p.editor.Form.Entities[0].Version != 3 {
		t.Errorf("served: %+v", p.editor.Form.Entities)
	}
}

func TestALinkToAVersionThatIsNotReadySaysSo(t *testing.T) {
	h, _ := open(t, theme.Light, newFake(), shell.CreateRoute("main.ads.ranker", "4"))
	h.MustText("main.ads.ranker 4 is not registered or not ready")
}

func TestLeavingAsksOnlyWhereSomethingWouldBeLost(t *testing.T) {
	h, p, e := ranker(t, theme.Light)
	if q := p.MayLeave(); q != "" {
		t.Errorf("asks %q though nothing was typed", q)
	}
	h.Tap("Cancel")
	if h.Host().Backs != 1 {
		t.Error("Cancel does not go back")
	}
	h.Type("Name", "mine")
	if p.MayLeave() == "" {
		t.Error("what was typed would be lost without a question")
	}
	h.Tap("Create")
	if len(e.created) != 1 || p.MayLeave() != "" {
		t.Error("asks after the endpoint was created")
	}
}

func TestTheCodeFollowsTheForm(t *testing.T) {
	h, _, _ := ranker(t, theme.Light)
	h.Type("Name", "from-the-form")
	box := viewtest.Find[*widgets.CodeBox](h, nil)
	for i, want := range []string{`"name": "from-the-form"`, `"name": "from-the-form"`, `name="from-the-form"`, `"name": "from-the-form"`} {
		viewtest.Find[*widgets.Tabs](h, nil).Select(i)
		h.Type("Description", strings.Repeat("x", i+1))
		if !strings.Contains(box.Text(), want) {
			t.Errorf("tab %d does not have %s:\n%s", i, want, box.Text())
		}
	}
	h.Tap("Copy")
	if got := h.Host().Copied; len(got) != 1 || got[0] != box.Text() {
		t.Errorf("copied %q", got)
	}
}

func TestMoreRequestsThanCoresAreTold(t *testing.T) {
	h, _, _ := ranker(t, theme.Light)
	h.NoText("share the processors")
	h.Choose("Compute scale-out", "Large 16–64")
	h.MustText("0–64 requests", "share the processors")
}

func TestAModelLargerThanTheMemoryIsTold(t *testing.T) {
	e := newFake()
	e.machine.MemoryUsed = e.machine.MemoryTotal - 1000
	h, _ := open(t, theme.Light, e, shell.CreateRoute("main.ads.ranker", "3"))
	h.MustText("may not fit")
}
