package edit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/mlmodel"
	"servery/engine/registry"
	"servery/engine/telemetry"
	"servery/engine/tensor"
	"servery/theme"
	"servery/views/shell"
	"servery/views/viewtest"
)

const width, height = 1232, 852

var now = time.Date(2026, 11, 20, 12, 52, 0, 0, time.UTC)

// fake is an engine with one endpoint of two served entities, and a model of three
// versions.
type fake struct {
	models   []registry.Model
	endpoint endpoint.Endpoint
	missing  bool
	updated  []endpoint.ConfigSpec
	refusal  error
}

func newFake() *fake {
	tensors := func(name string, shape ...int64) *mlmodel.Schema {
		return &mlmodel.Schema{Tensors: []mlmodel.TensorSpec{{Name: name, Type: tensor.Float32, Shape: shape}}}
	}
	model := registry.Model{Catalog: "main", Schema: "vision", Name: "ppocr_rec", UpdatedAt: now.Add(-48 * time.Hour)}
	for n := 5; n >= 3; n-- {
		model.Versions = append(model.Versions, registry.Version{Number: n, Status: registry.Ready, Flavor: "onnx", Size: 10_800_000,
			CreatedAt: now.Add(-time.Duration(10-n) * 24 * time.Hour), Signature: &mlmodel.Signature{Inputs: tensors("x", -1, 3, 48, -1), Outputs: tensors("softmax", -1, -1, 6625)},
			Graph: &registry.Graph{Opsets: map[string]int64{"": 11}, Parameters: 2_600_000}})
	}
	entity := func(version int, size string, low, high int, zero bool) endpoint.ServedEntity {
		return endpoint.ServedEntity{Name: fmt.Sprintf("ppocr_rec-%d", version), ModelName: "main.vision.ppocr_rec", ModelVersion: version,
			WorkloadType: "CPU", WorkloadSize: size, MinConcurrency: low, MaxConcurrency: high, ScaleToZero: zero, Deployment: endpoint.DeploymentReady}
	}
	numbers := entity(4, "", 4, 12, false)
	numbers.EnvironmentVars = map[string]string{"MODE": "fast", "KEYS": "one\ntwo"}
	return &fake{models: []registry.Model{model}, endpoint: endpoint.Endpoint{ID: "e3bd", Name: "ocr-recognizer", Ready: endpoint.Ready, Update: endpoint.NotUpdating,
		Active: &endpoint.Config{Version: 4, Entities: []endpoint.ServedEntity{entity(3, "Medium", 8, 16, false), numbers},
			Routes: []endpoint.Route{{EntityName: "ppocr_rec-3", Percent: 80}, {EntityName: "ppocr_rec-4", Percent: 20}}}}}
}

func (f *fake) Models() []registry.Model { return f.models }
func (f *fake) Address() string          { return "http://127.0.0.1:8642" }
func (f *fake) Hardware() hardware.Snapshot {
	return hardware.Snapshot{CPUModel: "AMD EPYC 7B13", Cores: 16, MemoryTotal: 64_000_000_000, MemoryUsed: 13_000_000_000}
}

func (f *fake) Endpoint(name string) (endpoint.Endpoint, error) {
	if f.missing || name != f.endpoint.Name {
		return endpoint.Endpoint{}, &endpoint.NotFoundError{Name: name}
	}
	return f.endpoint, nil
}

func (f *fake) CheckUpdate(_ string, c endpoint.ConfigSpec) (all []endpoint.FieldError) {
	sum := 0
	for _, r := range c.Routes {
		sum += r.Percent
	}
	if len(c.Routes) > 0 && sum != 100 {
		all = append(all, endpoint.FieldError{Field: "config.traffic_config.routes", Message: fmt.Sprintf("The shares add up to %d, not 100.", sum)})
	}
	for i, e := range c.Entities {
		if e.MaxConcurrency != nil && *e.MaxConcurrency%4 != 0 {
			all = append(all, endpoint.FieldError{Field: fmt.Sprintf("config.served_entities[%d].max_provisioned_concurrency", i), Message: fmt.Sprintf("%d is not a multiple of 4.", *e.MaxConcurrency)})
		}
	}
	return all
}

func (f *fake) UpdateConfig(_ context.Context, _ string, c endpoint.ConfigSpec) (endpoint.Endpoint, error) {
	if f.refusal != nil {
		return endpoint.Endpoint{}, f.refusal
	}
	f.updated = append(f.updated, c)
	return f.endpoint, nil
}

func open(t testing.TB, m theme.Mode, f *fake) (*viewtest.Harness, *Page) {
	t.Helper()
	h := viewtest.New(t, m)
	p := New(h.Host(), shell.EditRoute("ocr-recognizer"), f)
	h.ShowPage(p, width, height)
	return h, p
}

// replaced opens the form and moves all traffic to version 5 in place of version 3.
func replaced(t *testing.T, m theme.Mode) (*viewtest.Harness, *Page, *fake) {
	f := newFake()
	h, p := open(t, m, f)
	h.Tap("main.vision.ppocr_rec · version 3")
	h.Tap("5")
	h.Tap("Confirm")
	p.editor.Cards[0].Traffic.SetText("100")
	p.editor.Cards[1].Traffic.SetText("0")
	return h, p, f
}

func TestPictures(t *testing.T) {
	for name, build := range map[string]func(t *testing.T, m theme.Mode) *viewtest.Harness{
		"untouched": func(t *testing.T, m theme.Mode) *viewtest.Harness { h, _ := open(t, m, newFake()); return h },
		"changed": func(t *testing.T, m theme.Mode) *viewtest.Harness {
			h, p, _ := replaced(t, m)
			p.editor.Cards[1].Env.SetText("MODE=exact\nTHREADS=2")
			return h
		},
		"wrong": func(t *testing.T, m theme.Mode) *viewtest.Harness {
			h, p := open(t, m, newFake())
			h.Type("At most", "10")
			p.editor.Cards[0].Traffic.SetText("90")
			h.Tap("Update")
			return h
		},
		"running": func(t *testing.T, m theme.Mode) *viewtest.Harness {
			f := newFake()
			f.endpoint.Update, f.endpoint.Pending = endpoint.InProgress, f.endpoint.Active
			h, p := open(t, m, f)
			p.editor.Cards[0].Traffic.SetText("50")
			p.editor.Cards[1].Traffic.SetText("50")
			return h
		},
	} {
		for _, m := range []theme.Mode{theme.Light, theme.Dark} {
			t.Run(name+" "+m.String(), func(t *testing.T) { build(t, m).Golden(name) })
		}
	}
}

func TestTheSmallestWindowShowsEverything(t *testing.T) {
	h, _, _ := replaced(t, theme.Light)
	h.Window().Resize(fyne.NewSize(816, 592))
	h.Settle()
	h.Golden("narrow")
}

func TestTheFormBeginsWithTheActiveConfiguration(t *testing.T) {
	h, p := open(t, theme.Light, newFake())
	h.MustText("Edit ocr-recognizer", "main.vision.ppocr_rec · version 3", "2 of 10", "100 % of traffic", "Change something of the configuration to update it.", "Advanced: environment variables")
	if !h.Button("Update").Disabled() || p.MayLeave() != "" {
		t.Error("what is the same can be sent, or leaving asks")
	}
	if h.Focused() != fyne.Focusable(p.editor.Cards[0].Traffic) {
		t.Error("the traffic has not the focus, which is what is changed most")
	}
}

func TestMovingTrafficLoadsNothing(t *testing.T) {
	f := newFake()
	h, p := open(t, theme.Light, f)
	p.editor.Cards[0].Traffic.SetText("50")
	h.MustText("70 % of traffic, must be 100 %")
	p.editor.Cards[1].Traffic.SetText("50")
	h.MustText("80 % → 50 %", "20 % → 50 %", "No model is loaded again")
	if p.MayLeave() == "" {
		t.Error("what was changed would be lost without a question")
	}
	h.Tap("Update")
	if len(f.updated) != 1 {
		t.Fatalf("%d updates", len(f.updated))
	}
	c := f.updated[0]
	if c.Routes[0].Percent != 50 || c.Routes[1].Percent != 50 || *c.Entities[1].MaxConcurrency != 12 || c.Entities[1].EnvironmentVars["KEYS"] != "one\ntwo" {
		t.Errorf("updated to %+v", c)
	}
	if h.Host().LastRoute() != shell.EndpointRoute("ocr-recognizer") || p.MayLeave() != "" {
		t.Errorf("went to %v", h.Host().LastRoute())
	}
}

func TestAVersionIsReplacedUnderTheNameThatFollowsIt(t *testing.T) {
	h, _, f := replaced(t, theme.Light)
	h.MustText("ppocr_rec-5", "Replaced", "Replaces", "ppocr_rec-3", "3 → 5", "1 served entity is loaded, 1 goes on running. Configuration 4 keeps serving until then.")
	if !h.Host().Press(fyne.KeyReturn, fyne.KeyModifierShortcutDefault) || len(f.updated) != 1 || f.updated[0].Entities[0].ModelVersion != "5" {
		t.Errorf("updated %+v", f.updated)
	}
}

func TestErrorsStandAtTheirFields(t *testing.T) {
	f := newFake()
	h, _ := open(t, theme.Light, f)
	h.Type("At most", "10")
	h.Tap("Update")
	h.MustText("10 is not a multiple of 4.")
	if len(f.updated) > 0 {
		t.Error("updated with an error in the form")
	}
	h.Type("At most", "16")
	f.refusal = &endpoint.ValidationError{Fields: []endpoint.FieldError{{Field: "config.served_entities[0].entity_version", Message: "Version 3 was deleted."}}}
	h.Tap("Update")
	h.MustText("Version 3 was deleted.")
	f.refusal = errors.New("the disk is full")
	h.Type("At most", "20")
	h.Tap("Update")
	h.MustText("The endpoint was not updated", "the disk is full")
}

func TestOneUpdateRunsAtATime(t *testing.T) {
	f := newFake()
	h, p := open(t, theme.Light, f)
	p.editor.Cards[0].Traffic.SetText("50")
	p.editor.Cards[1].Traffic.SetText("50")
	f.endpoint.Update, f.endpoint.Pending = endpoint.InProgress, f.endpoint.Active
	p.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "ocr-recognizer"}})
	h.MustText("An update is in progress", "once the one that runs has ended")
	if !h.Button("Update").Disabled() {
		t.Error("a second update can be sent")
	}
	h.Host().Press(fyne.KeyReturn, fyne.KeyModifierShortcutDefault)
	if len(f.updated) > 0 {
		t.Error("the key sends it")
	}
	five := *f.endpoint.Active
	five.Version = 5
	f.endpoint.Active, f.endpoint.Pending, f.endpoint.Update = &five, nil, endpoint.NotUpdating
	p.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "ocr-recognizer"}})
	h.MustText("Configuration 5 is active now", "80 % → 50 %")
	h.Tap("Begin again")
	h.NoText("Configuration 5 is active now", "80 % → 50 %")
}

func TestAConfigurationThatFailedIsMended(t *testing.T) {
	f := newFake()
	pending := *f.endpoint.Active
	pending.Version, pending.Routes = 5, []endpoint.Route{{EntityName: "ppocr_rec-3", Percent: 1}, {EntityName: "ppocr_rec-4", Percent: 99}}
	f.endpoint.Pending, f.endpoint.Update = &pending, endpoint.UpdateFailed
	h, _ := open(t, theme.Light, f)
	h.MustText("Configuration 5 did not come into effect")
	h.Tap("Edit that one")
	h.MustText("80 % → 1 %")
	h.NoText("Configuration 5 did not come into effect")
	h.Tap("Update")
	if len(f.updated) != 1 || f.updated[0].Routes[1].Percent != 99 {
		t.Errorf("updated %+v", f.updated)
	}
}

func TestAnEndpointThatIsGoneSaysSo(t *testing.T) {
	f := newFake()
	h, p := open(t, theme.Light, f)
	f.missing = true
	p.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "ocr-recognizer"}})
	h.MustText("There is no endpoint ocr-recognizer")
	if p.MayLeave() != "" {
		t.Error("leaving asks though there is nothing to change")
	}
}

func TestTheCodeIsTheSameUpdate(t *testing.T) {
	h, _, _ := replaced(t, theme.Light)
	h.MustText(`curl -X PUT $HOST/api/2.0/serving-endpoints/ocr-recognizer/config`)
	for tab, want := range map[string]string{"MLflow": "client.update_endpoint_config(", "Databricks SDK": "w.serving_endpoints.update_config_and_wait(", "CLI": "databricks serving-endpoints update-config ocr-recognizer"} {
		h.Tap(tab)
		if !slices.ContainsFunc(h.Texts(), func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s has no %q", tab, want)
		}
	}
}
