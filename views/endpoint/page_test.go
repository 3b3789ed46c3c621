package endpoint

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/runtime/placement"
	"servery/engine/telemetry"
	"servery/theme"
	"servery/views/shell"
	"servery/views/viewtest"
	"servery/views/widgets"
)

var now = time.Date(2026, 11, 20, 12, 52, 0, 0, time.UTC)

// fake is an engine with one endpoint.
type fake struct {
	endpoint endpoint.Endpoint
	missing  bool
	traffic  bool
	events   []telemetry.Event
	asked    []time.Duration
	deleted  []string
	retried  []string
	done     []string // commands that were given, by name
	updates  []endpoint.ConfigSpec
	tagged   []endpoint.Tag
	untagged []string
	grants   []access.Grant
	granted  []string
	versions []endpoint.ConfigVersion
	listed   int
	unlisted error
	fails    error
}

func (f *fake) Endpoint(name string) (endpoint.Endpoint, error) {
	if f.missing || name != f.endpoint.Name {
		return endpoint.Endpoint{}, &endpoint.NotFoundError{Name: name}
	}
	return f.endpoint, nil
}

func (f *fake) Metrics(_ string, window time.Duration, points int) telemetry.Series {
	f.asked = append(f.asked, window)
	s := telemetry.Series{Step: window / time.Duration(points)}
	r := rand.New(rand.NewPCG(7, 1))
	for i := range points {
		p := telemetry.Point{At: now.Add(-time.Duration(points-1-i) * s.Step), P50: math.NaN(), P99: math.NaN(),
			Provisioned: 4, MemoryBytes: 61e6}
		if f.traffic {
			p.P50, p.P99 = 6+r.Float64(), 10+3*r.Float64()
			p.OK, p.Errors4 = 30+10*r.Float64(), 2*r.Float64()
			p.InFlight, p.CPUPercent = math.Floor(4*r.Float64()), 30+20*r.Float64()
			p.MemoryBytes += 2e6 * r.Float64()
		}
		s.Points = append(s.Points, p)
	}
	return s
}

func (f *fake) Events(_ string, n int) []telemetry.Event { return f.events[:min(n, len(f.events))] }
func (f *fake) Hardware() hardware.Snapshot              { return hardware.Snapshot{Cores: 8} }
func (f *fake) Address() string                          { return "http://127.0.0.1:8642" }
func (f *fake) DeleteEndpoint(_ context.Context, name string) error {
	f.deleted = append(f.deleted, name)
	return f.fails
}
func (f *fake) RetryEndpoint(_ context.Context, name string) error {
	f.retried = append(f.retried, name)
	return f.fails
}

func (f *fake) command(name string) (endpoint.Endpoint, error) {
	f.done = append(f.done, name)
	return f.endpoint, f.fails
}

func (f *fake) CheckUpdate(_ string, c endpoint.ConfigSpec) (all []endpoint.FieldError) {
	for _, r := range c.Routes {
		if r.Percent < 0 {
			all = append(all, endpoint.FieldError{Field: "config.traffic_config.routes[0].traffic_percentage", Message: "A share is 0 to 100."})
		}
	}
	return all
}
func (f *fake) UpdateConfig(_ context.Context, _ string, c endpoint.ConfigSpec) (endpoint.Endpoint, error) {
	f.updates = append(f.updates, c)
	return f.command("update")
}
func (f *fake) ConfigVersions(string) ([]endpoint.ConfigVersion, error) {
	f.listed++
	if f.unlisted != nil {
		return nil, f.unlisted
	}
	return f.versions, nil
}
func (f *fake) RestoreConfig(_ context.Context, _ string, version int) (endpoint.Endpoint, error) {
	return f.command(fmt.Sprint("restore ", version))
}
func (f *fake) SetAIGateway(_ context.Context, _ string, g *endpoint.AIGateway) (endpoint.Endpoint, error) {
	if f.fails == nil {
		f.endpoint.AIGateway = g
	}
	return f.command("gateway")
}
func (f *fake) PatchTags(_ context.Context, _ string, add []endpoint.Tag, remove []string) (endpoint.Endpoint, error) {
	f.tagged, f.untagged = add, remove
	return f.command("tags")
}
func (f *fake) Owner() access.User                                     { return access.User{Name: "you@localhost", ID: "1", Admin: true} }
func (f *fake) Permission(access.User, endpoint.Endpoint) access.Level { return access.CanManage }
func (f *fake) Grants(string) []access.Grant                           { return f.grants }
func (f *fake) Principals(kind access.Kind) (all []access.Principal) {
	for _, p := range []access.Principal{{ID: "1", Kind: access.KindUser, Name: "you@localhost"}, {ID: "5", Kind: access.KindUser, Name: "ada@example.com"},
		{ID: "2", Kind: access.KindGroup, Name: "admins"}, {ID: "3", Kind: access.KindGroup, Name: "users"}, {ID: "6", Kind: access.KindGroup, Name: "vision"},
		{ID: "7", Kind: access.KindServicePrincipal, Name: "0b2c6f3e-9a57-4d5c-8e0a-1f2b3c4d5e6f", DisplayName: "nightly batch"}} {
		if p.Kind == kind {
			all = append(all, p)
		}
	}
	return all
}
func (f *fake) Grant(_ context.Context, id string, levels map[string]access.Level, replace bool) error {
	f.granted = append(f.granted, fmt.Sprint(id[:4], " ", levels, " ", replace))
	return f.fails
}
func (f *fake) StopEndpoint(context.Context, string) (endpoint.Endpoint, error) {
	return f.command("stop")
}
func (f *fake) StartEndpoint(context.Context, string) (endpoint.Endpoint, error) {
	return f.command("start")
}
func (f *fake) CancelUpdate(context.Context, string) (endpoint.Endpoint, error) {
	return f.command("cancel")
}

func entity(name, model string, version int, d endpoint.Deployment, live endpoint.Live) endpoint.ServedEntity {
	return endpoint.ServedEntity{Name: name, ModelName: model, ModelVersion: version, WorkloadType: "CPU", WorkloadSize: "Medium",
		MinConcurrency: 8, MaxConcurrency: 16, Deployment: d, Live: live, Creator: "you@localhost", CreatedAt: now.Add(-time.Hour)}
}

// ready is an endpoint with two served entities under traffic.
func ready() *fake {
	small := entity("ppocr_rec-4", "main.vision.ppocr_rec", 4, endpoint.DeploymentReady, endpoint.Live{Provisioned: 1, InFlight: 1, PID: 12})
	small.WorkloadSize, small.MinConcurrency, small.MaxConcurrency, small.ScaleToZero = "Small", 0, 4, true
	return &fake{traffic: true, endpoint: endpoint.Endpoint{
		ID: "e3bd3e47c0a141f6a2b5c4d3e2f1a0b9", Name: "ocr-recognizer", Creator: "you@localhost",
		CreatedAt: now.Add(-50 * time.Minute), UpdatedAt: now.Add(-50 * time.Minute),
		Tags:  []endpoint.Tag{{Key: "demo"}, {Key: "team", Value: "vision"}},
		Ready: endpoint.Ready, Update: endpoint.NotUpdating,
		Active: &endpoint.Config{Version: 4, Entities: []endpoint.ServedEntity{
			entity("ppocr_rec-3", "main.vision.ppocr_rec", 3, endpoint.DeploymentReady, endpoint.Live{Provisioned: 8, InFlight: 5, Queued: 2, PID: 11}), small},
			Routes: []endpoint.Route{{EntityName: "ppocr_rec-3", Percent: 80}, {EntityName: "ppocr_rec-4", Percent: 20}}},
	}, events: []telemetry.Event{
		{At: now.Add(-52 * time.Second), Type: telemetry.Scaled, Entity: "ppocr_rec-3", Version: 4, Message: "4 → 8 workers: queued 6 > 25 % of 4 ready"},
		{At: now.Add(-21 * time.Minute), Type: telemetry.WorkerRestarted, Entity: "ppocr_rec-4", Version: 4, Message: "The model's process was restarted (210 ms)."},
		{At: now.Add(-50 * time.Minute), Type: telemetry.UpdateCompleted, Version: 4, Message: "configuration 4 serves"},
	}}
}

// first is an endpoint whose first configuration is on its way.
func first() *fake {
	f := ready()
	f.traffic = false
	f.endpoint.Ready, f.endpoint.Update = endpoint.NotReady, endpoint.InProgress
	f.endpoint.Pending, f.endpoint.Active = f.endpoint.Active, nil
	f.endpoint.Pending.Version = 1
	for i := range f.endpoint.Pending.Entities {
		e := &f.endpoint.Pending.Entities[i]
		e.Deployment, e.Message, e.Live = endpoint.DeploymentCreating, "Creating resources for served entity.", endpoint.Live{}
	}
	f.endpoint.Progress = &endpoint.Progress{Stage: endpoint.StageLoad, StartedAt: now.Add(-1200 * time.Millisecond), Detail: "ppocr_rec-3: loading 10.8 MB",
		Done: []endpoint.StageDone{{Stage: endpoint.StageValidate, Took: 2 * time.Millisecond}}}
	f.events = f.events[2:]
	return f
}

// failed is first after its model could not be loaded.
func failed() *fake {
	f := first()
	f.endpoint.Update, f.endpoint.Progress = endpoint.UpdateFailed, nil
	f.endpoint.Pending.Entities[0].Deployment = endpoint.DeploymentFailed
	f.endpoint.Pending.Entities[0].Message = "the model cannot be loaded: it needs operator Conv of version 99, and ONNX Runtime 1.30.0 knows 1 to 22"
	f.endpoint.Pending.Entities[1].Deployment = endpoint.DeploymentAborted
	return f
}

// updating is ready with a further configuration on its way.
func updating() *fake {
	f := ready()
	pending := *f.endpoint.Active
	pending.Version = 5
	pending.Entities = slices.Clone(pending.Entities)
	e := &pending.Entities[0]
	e.Name, e.ModelVersion, e.Deployment, e.Message, e.Live = "ppocr_rec-5", 5, endpoint.DeploymentCreating, "Creating resources for served entity.", endpoint.Live{}
	pending.Routes = []endpoint.Route{{EntityName: "ppocr_rec-5", Percent: 80}, {EntityName: "ppocr_rec-4", Percent: 20}}
	f.endpoint.Pending, f.endpoint.Update = &pending, endpoint.InProgress
	pending.StartedAt = now.Add(-18 * time.Second)
	f.endpoint.Progress = &endpoint.Progress{Stage: endpoint.StageWarmUp, StartedAt: now.Add(-2 * time.Second),
		Done: []endpoint.StageDone{{Stage: endpoint.StageValidate, Took: 2 * time.Millisecond, Detail: "2 model versions found"},
			{Stage: endpoint.StageLoad, Took: 410 * time.Millisecond, Detail: "ppocr_rec-5: 9.8 MB"},
			{Stage: endpoint.StageDryRun, Took: 12 * time.Millisecond}}}
	return f
}

// stopped is ready after it was stopped.
func stopped() *fake {
	f := ready()
	f.traffic = false
	f.endpoint.Ready, f.endpoint.Suspended = endpoint.NotReady, true
	for i := range f.endpoint.Active.Entities {
		e := &f.endpoint.Active.Entities[i]
		e.Deployment, e.Message, e.Live = endpoint.DeploymentStopped, "Stopped", endpoint.Live{}
	}
	return f
}

// canceled is updating after the update was given up.
func canceled() *fake {
	f := updating()
	f.endpoint.Update, f.endpoint.Progress = endpoint.UpdateCanceled, nil
	for i := range f.endpoint.Pending.Entities {
		f.endpoint.Pending.Entities[i].Deployment = endpoint.DeploymentAborted
	}
	return f
}

// onCPUs is ready with GPU types on a machine without a GPU.
func onCPUs() *fake {
	f := ready()
	for i := range f.endpoint.Active.Entities {
		e := &f.endpoint.Active.Entities[i]
		e.WorkloadType = "GPU_MEDIUM"
		e.Live.Placement = placement.Placement{Reason: "no NVIDIA driver is installed on this machine"}
	}
	return f
}

func open(t *testing.T, m theme.Mode, f *fake) (*viewtest.Harness, *Page) {
	t.Helper()
	h := viewtest.New(t, m)
	p := New(h.Host(), shell.EndpointRoute("ocr-recognizer"), f)
	h.ShowPage(p, 1232, 852)
	return h, p
}

func TestPictures(t *testing.T) {
	for name, f := range map[string]func() *fake{"ready": ready, "first": first, "failed": failed, "updating": updating, "stopped": stopped, "canceled": canceled, "oncpu": onCPUs} {
		for _, m := range []theme.Mode{theme.Light, theme.Dark} {
			t.Run(name+" "+m.String(), func(t *testing.T) {
				h, _ := open(t, m, f())
				h.Golden(name)
			})
		}
	}
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run("events "+m.String(), func(t *testing.T) {
			h, p := open(t, m, ready())
			p.SetRoute(shell.EndpointTabRoute("ocr-recognizer", tabEvents))
			h.Golden("events")
		})
	}
}

func TestWhatAGPUTypeRunsOn(t *testing.T) {
	f := onCPUs()
	h, p := open(t, theme.Light, f)
	entities := f.endpoint.Active.Entities
	h.MustText("A GPU type runs on the CPU here", entities[0].Name+", "+entities[1].Name+": no NVIDIA driver is installed on this machine.", "GPU_MEDIUM", "on the CPU")
	for i := range f.endpoint.Active.Entities {
		f.endpoint.Active.Entities[i].Live.Placement = placement.Placement{OnGPU: true, Index: 1, Name: "NVIDIA L4"}
	}
	p.Refresh(nil)
	h.MustText("GPU_MEDIUM", "on GPU 1")
	h.NoText("on the CPU")
}

func TestTheSmallestWindowShowsEverything(t *testing.T) {
	h, p := open(t, theme.Light, ready())
	h.ShowPage(p, 816, 592)
	h.Golden("narrow")
	if w := p.scroll.MinSize().Width; w > 816 {
		t.Errorf("the page is %v wide in a window that leaves it 816", w)
	}
}

func TestTheStateIsToldAndWhatServes(t *testing.T) {
	h, _ := open(t, theme.Light, ready())
	h.MustText("ocr-recognizer", "Ready", "Active configuration", "main.vision.ppocr_rec", "v3", "80 %", "8 / 16", "5 + 2", "Small 0–4",
		"http://127.0.0.1:8642/serving-endpoints/ocr-recognizer/invocations", "team: vision")
	h.NoText("Pending configuration", "Update in progress")
}

func TestAnEndpointGoesFromNotReadyToReadyUnderTheEyes(t *testing.T) {
	f := first()
	h, p := open(t, theme.Light, f)
	h.MustText("Not ready (Updating)", "Starting", "Pending configuration", "Load", "Validate (2.0 ms)", "loading 10.8 MB", "Creating")
	h.NoText("Active configuration")
	f.endpoint = ready().endpoint
	p.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "ocr-recognizer"}})
	h.MustText("Active configuration", "Ready")
	h.NoText("Pending configuration", "Validate")
}

func TestChangesOfOtherEndpointsReadNothing(t *testing.T) {
	f := ready()
	_, p := open(t, theme.Light, f)
	before := len(f.asked)
	p.Refresh([]telemetry.Change{{Kind: telemetry.MetricsChanged, Name: "other"}, {Kind: telemetry.EndpointChanged, Name: "other"}})
	if len(f.asked) != before {
		t.Error("figures were read for another endpoint")
	}
	p.Refresh([]telemetry.Change{{Kind: telemetry.MetricsChanged, Name: "ocr-recognizer"}})
	if len(f.asked) != before+1 {
		t.Errorf("figures were read %d times for one change", len(f.asked)-before)
	}
}

func TestAFailureSaysWhyAndCanBeTriedAgain(t *testing.T) {
	f := failed()
	h, _ := open(t, theme.Light, f)
	h.MustText("The deployment failed", "operator Conv of version 99", "Not ready (Update failed)", "Failed", "Aborted")
	h.Tap("Try again")
	if !slices.Equal(f.retried, []string{"ocr-recognizer"}) {
		t.Errorf("retried %v", f.retried)
	}
	f.fails = errors.New("the disk is full")
	h.Tap("Try again")
	if toasts := h.Host().Toasts; len(toasts) != 1 || !strings.Contains(toasts[0], "the disk is full") {
		t.Errorf("toasts %q", toasts)
	}
}

func TestAnEndpointIsStoppedOnceThePersonAgreed(t *testing.T) {
	f := ready()
	h, p := open(t, theme.Light, f)
	p.choose(t, "Stop endpoint…")
	h.MustText("Stop ocr-recognizer?", "requests to it are refused until it is started again", "Requests in flight finish")
	h.Key(fyne.KeyEscape)
	if len(f.done) > 0 {
		t.Fatal("stopped though the person did not agree")
	}
	p.choose(t, "Stop endpoint…")
	h.Tap("Stop endpoint")
	if !slices.Equal(f.done, []string{"stop"}) {
		t.Errorf("commands: %v", f.done)
	}
}

func TestAStoppedEndpointSaysSoAndIsStarted(t *testing.T) {
	f := stopped()
	h, p := open(t, theme.Light, f)
	h.MustText("Not ready (Stopped)", "This endpoint is stopped", "deploys configuration 4 again")
	h.Tap("Start")
	p.choose(t, "Start endpoint")
	if !slices.Equal(f.done, []string{"start", "start"}) {
		t.Errorf("commands: %v", f.done)
	}
	f.fails = errors.New("the disk is full")
	h.Tap("Start")
	if toasts := h.Host().Toasts; len(toasts) != 1 || !strings.Contains(toasts[0], "the disk is full") {
		t.Errorf("toasts %q", toasts)
	}
}

func TestARunningUpdateIsCanceledAndAllElseWaits(t *testing.T) {
	f := updating()
	h, p := open(t, theme.Light, f)
	h.MustText("Ready (Updating)", "configuration 4 → 5", "Load (ppocr_rec-5: 9.8 MB, 0.41 s)", "Warm up", "18 s")
	if !h.Button("Edit endpoint").Disabled() {
		t.Error("the endpoint can be edited while it is updated")
	}
	for _, it := range p.menu().Items {
		if it.Label == "Stop endpoint…" && !it.Disabled {
			t.Error("the endpoint can be stopped while it is updated")
		}
	}
	h.Tap("Cancel update")
	if !slices.Equal(f.done, []string{"cancel"}) {
		t.Errorf("commands: %v", f.done)
	}
	f.endpoint = canceled().endpoint
	p.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "ocr-recognizer"}})
	h.MustText("Ready (Update canceled)", "The update was canceled. Configuration 4 keeps serving", "Pending configuration", "Aborted")
	h.Tap("Deploy it")
	if !slices.Equal(f.retried, []string{"ocr-recognizer"}) {
		t.Errorf("retried %v", f.retried)
	}
}

func TestTheTrafficIsSplitAnewInADialog(t *testing.T) {
	f := ready()
	h, p := open(t, theme.Light, f)
	h.Tap("Edit traffic")
	h.MustText("Edit traffic", "ppocr_rec-3", "ppocr_rec-4", "100 % of traffic")
	if !h.Button("Update").Disabled() {
		t.Error("what is the same can be sent")
	}
	entries := viewtest.All[*widgets.Entry](h)
	entries[0].SetText("60")
	h.MustText("80 % of traffic, must be 100 %")
	h.Key(fyne.KeyReturn)
	if len(f.updates) > 0 || !h.Button("Update").Disabled() {
		t.Error("a wrong sum can be sent")
	}
	entries[1].SetText("forty")
	h.MustText("\"forty\" is not a whole number.")
	entries[1].SetText("40")
	h.Host().Focus(entries[1])
	h.Key(fyne.KeyReturn)
	h.NoText("of traffic")
	if len(f.updates) != 1 || f.updates[0].Routes[0].Percent != 60 || f.updates[0].Routes[1].Percent != 40 || len(f.updates[0].Entities) != 2 {
		t.Errorf("updates: %+v", f.updates)
	}
	f.fails = errors.New("the disk is full")
	h.Tap("Edit traffic")
	entries = viewtest.All[*widgets.Entry](h)
	entries[0].SetText("50")
	entries[1].SetText("50")
	h.Tap("Update")
	h.MustText("The disk is full.")
	h.Key(fyne.KeyEscape)
	f.endpoint = updating().endpoint
	p.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "ocr-recognizer"}})
	h.NoText("Edit traffic")
}

func TestLookOfTheTrafficDialog(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			h, _ := open(t, m, ready())
			h.Tap("Edit traffic")
			viewtest.All[*widgets.Entry](h)[0].SetText("70")
			h.Golden("traffic")
		})
	}
}

func TestTagsAreEdited(t *testing.T) {
	f := ready()
	h, _ := open(t, theme.Light, f)
	h.Tap("Edit tags")
	h.Tap("demo") // its cross
	h.Type("Key", "team")
	h.Type("Value (optional)", "ocr")
	h.Tap("Add tag")
	h.Type("Key", "cost")
	h.Tap("Save")
	if !slices.Equal(f.tagged, []endpoint.Tag{{Key: "team", Value: "ocr"}, {Key: "cost"}}) || !slices.Equal(f.untagged, []string{"demo"}) {
		t.Errorf("added %v, deleted %v", f.tagged, f.untagged)
	}
	f.fails = &endpoint.ValidationError{Fields: []endpoint.FieldError{{Field: "add_tags[0].key", Message: "A key has at most 127 characters."}}}
	h.Tap("Edit tags")
	h.Type("Key", "long")
	h.Tap("Save")
	h.MustText("A key has at most 127 characters.")
	h.NoText("add_tags")
}

func shared() *fake {
	f := ready()
	f.grants = []access.Grant{{Principal: f.Principals(access.KindUser)[1], Level: access.CanQuery}, {Principal: f.Principals(access.KindGroup)[2], Level: access.CanManage}}
	return f
}

func TestPermissionsAreGrantedAndTakenAway(t *testing.T) {
	f := shared()
	h, _ := open(t, theme.Light, f)
	h.Tap("Permissions")
	h.MustText("Permissions: ocr-recognizer", "you@localhost", "Owner", "admins", "ada@example.com", "Can Query", "vision")
	if !h.Button("Add").Disabled() {
		t.Error("nobody can be added")
	}
	h.Tap("User, group or service principal")
	h.MustText("users · group", "nightly batch · service principal")
	h.NoText("admins · group", "ada@example.com · user")
	h.Tap("nightly batch · service principal")
	h.Tap("Add")
	h.Tap("Remove vision")
	h.NoText("vision")
	h.Tap("Save")
	if !slices.Equal(f.granted, []string{"e3bd map[5:CAN_QUERY 7:CAN_QUERY] true"}) {
		t.Errorf("granted %q", f.granted)
	}
	h.Tap("Permissions")
	h.Tap("Save")
	if len(f.granted) != 1 {
		t.Error("what is the same was granted again")
	}
}

func TestLookOfTheDialogs(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			h, _ := open(t, m, shared())
			h.Tap("Permissions")
			h.Golden("permissions")
			h.Key(fyne.KeyEscape)
			h.Tap("Edit tags")
			h.Golden("tags")
		})
	}
}

// changedOften is ready with the configurations that it had.
func changedOften() *fake {
	f := ready()
	at := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	version := func(n int, state endpoint.VersionState, origin endpoint.Origin, share int, accepted, from, ended time.Time) endpoint.ConfigVersion {
		c := *f.endpoint.Active
		c.Version, c.Origin, c.Creator, c.AcceptedAt, c.ActiveFrom, c.EndedAt = n, origin, "you@localhost", accepted, from, ended
		c.Routes = []endpoint.Route{{EntityName: "ppocr_rec-3", Percent: share}, {EntityName: "ppocr_rec-4", Percent: 100 - share}}
		return endpoint.ConfigVersion{Config: c, State: state}
	}
	never := time.Time{}
	failed := version(3, endpoint.VersionFailed, endpoint.Updated, 50, at(70), never, at(69))
	failed.Reason = "ppocr_rec-4: the model cannot be loaded: it needs operator Conv of version 99"
	restored := version(4, endpoint.VersionActive, endpoint.Restored, 80, at(50), at(50), never)
	restored.Config.RestoredFrom = 1
	f.versions = []endpoint.ConfigVersion{restored, failed,
		version(2, endpoint.VersionCanceled, endpoint.Updated, 0, at(90), never, at(89)),
		version(1, endpoint.VersionReplaced, endpoint.Created, 80, at(60*26), at(60*26), at(50))}
	f.versions[3].Config.Entities = slices.Clone(f.versions[3].Config.Entities)
	f.versions[3].Config.Entities[0].ModelVersion = 2
	return f
}

func TestConfigurationsAreListedComparedAndRestored(t *testing.T) {
	f := changedOften()
	h, p := open(t, theme.Light, f)
	h.Tap("Configuration")
	h.MustText("Restored from 1", "Canceled", "ppocr_rec-3 50 %, ppocr_rec-4 50 %", "operator Conv of version 99", "25 h 10 min", "50 min 0 s so far")
	p.openVersion(p.history.rows, 1)
	h.MustText("Configuration 3", "What it changes against", "80 % → 50 %")
	h.Choose("What it changes against", "Configuration 1 · Replaced")
	h.MustText("2 → 3", "80 % → 50 %")
	h.Tap("Restore configuration 3")
	if !slices.Equal(f.done, []string{"restore 3"}) {
		t.Errorf("commands: %v", f.done)
	}
	p.openVersion(p.history.rows, 0)
	h.MustText("It is the active configuration.")
	if !h.Button("Restore configuration 4").Disabled() {
		t.Error("the active configuration can be restored")
	}
	h.Key(fyne.KeyEscape)
	f.fails = errors.New("version 2 of main.vision.ppocr_rec does not exist")
	p.openVersion(p.history.rows, 3)
	h.Tap("Restore configuration 1")
	h.MustText("Version 2 of main.vision.ppocr_rec does not exist.")
	h.Key(fyne.KeyEscape)

	before := f.listed
	p.Refresh([]telemetry.Change{{Kind: telemetry.MetricsChanged, Name: "ocr-recognizer"}})
	if f.listed != before {
		t.Error("figures alone read the configurations from the disk")
	}
	f.endpoint = updating().endpoint
	p.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "ocr-recognizer"}})
	if f.listed != before+1 {
		t.Error("an update does not show among the configurations")
	}
	p.openVersion(p.history.rows, 3)
	h.MustText("once the update that runs has ended")
}

func TestConfigurationsThatCannotBeReadSayWhy(t *testing.T) {
	f := ready()
	f.unlisted = errors.New("the disk does not answer")
	h, _ := open(t, theme.Light, f)
	h.Tap("Configuration")
	h.MustText("The disk does not answer.")
}

func TestLookOfTheConfigurations(t *testing.T) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			h, p := open(t, m, changedOften())
			h.Tap("Configuration")
			h.Golden("versions")
			p.openVersion(p.history.rows, 3)
			h.Golden("version")
		})
	}
}

func TestACommandIsGivenOnce(t *testing.T) {
	f := updating()
	h, p := open(t, theme.Light, f)
	h.Host().Hold = true
	h.Tap("Cancel update")
	p.cancel()
	if !h.Button("Cancel update").Disabled() {
		t.Error("the button can be pressed again")
	}
	h.Host().RunHeld()
	if !slices.Equal(f.done, []string{"cancel"}) || h.Button("Cancel update").Disabled() {
		t.Errorf("commands: %v", f.done)
	}
}

// choose takes an entry of the page's menu.
func (p *Page) choose(t *testing.T, label string) {
	t.Helper()
	for _, it := range p.menu().Items {
		if it.Label == label && !it.Disabled {
			it.Action()
			return
		}
	}
	t.Fatalf("the menu offers no %q", label)
}

func TestALongEventIsShortenedBesideTheOthers(t *testing.T) {
	for s, want := range map[string]string{
		"Configuration 1 is active.":  "Configuration 1 is active.",
		strings.Repeat("a", 111):      strings.Repeat("a", 109) + "…",
		strings.Repeat("model, ", 20): strings.Repeat("model, ", 14) + "model…",
		strings.Repeat("ż", 110):      strings.Repeat("ż", 110),
		strings.Repeat("日", 200):      strings.Repeat("日", 109) + "…",
	} {
		if got := shorten(s, mostEventLetters); got != want {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	}
}

func TestDeletingAsksAndLeadsToTheList(t *testing.T) {
	f := ready()
	h, p := open(t, theme.Light, f)
	p.remove()
	h.MustText("Delete ocr-recognizer?")
	if len(f.deleted) > 0 {
		t.Fatal("deleted before the person agreed")
	}
	h.Tap("Delete endpoint")
	if !slices.Equal(f.deleted, []string{"ocr-recognizer"}) || h.Host().LastRoute() != shell.ServingRoute() {
		t.Errorf("deleted %v, went to %v", f.deleted, h.Host().LastRoute())
	}
}

func TestARefusedDeleteKeepsThePage(t *testing.T) {
	f := ready()
	f.fails = errors.New("the disk is full")
	h, p := open(t, theme.Light, f)
	p.remove()
	h.Tap("Delete endpoint")
	if len(h.Host().Routes) > 0 || len(h.Host().Toasts) != 1 {
		t.Errorf("went to %v, said %q", h.Host().Routes, h.Host().Toasts)
	}
}

func TestADeletedEndpointSaysSo(t *testing.T) {
	f := ready()
	h, p := open(t, theme.Light, f)
	f.missing = true
	p.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "ocr-recognizer"}})
	h.MustText("There is no endpoint ocr-recognizer")
	h.NoText("Active configuration")
	h.Tap("Go to the endpoints")
	if h.Host().LastRoute() != shell.ServingRoute() {
		t.Errorf("went to %v", h.Host().LastRoute())
	}
}

func TestTheSpanOfTheChartsIsChosen(t *testing.T) {
	f := ready()
	h, _ := open(t, theme.Light, f)
	h.MustText("p99", "provisioned")
	for label, span := range map[string]time.Duration{"1 h": time.Hour, "24 h": 24 * time.Hour, "14 d": 14 * 24 * time.Hour} {
		h.Tap(label)
		if last := f.asked[len(f.asked)-1]; last != span {
			t.Errorf("asked for %v", last)
		}
	}
}

func TestEventsAreReadWhole(t *testing.T) {
	h, p := open(t, theme.Light, ready())
	p.SetRoute(shell.EndpointTabRoute("ocr-recognizer", tabEvents))
	h.MustText("Scaled", "Worker restarted", "4 → 8 workers: queued 6 > 25 % of 4 ready")
	p.events.open(0)
	h.MustText("20 November 2026, 12:51:08.000")
}

func TestLinksLeadOn(t *testing.T) {
	h, p := open(t, theme.Light, ready())
	h.Tap("Query endpoint")
	if h.Host().LastRoute() != shell.QueryRoute("ocr-recognizer") {
		t.Errorf("went to %v", h.Host().LastRoute())
	}
	h.Tap("main.vision.ppocr_rec")
	if h.Host().LastRoute() != shell.ModelRoute("main.vision.ppocr_rec") {
		t.Errorf("went to %v", h.Host().LastRoute())
	}
	if !h.Host().Press(fyne.KeyQ, 0) || h.Host().LastRoute() != shell.QueryRoute("ocr-recognizer") {
		t.Error("Q does not lead to the query page")
	}
	p.choose(t, "Copy invocation URL")
	h.Tap("Edit endpoint")
	if h.Host().LastRoute() != shell.EditRoute("ocr-recognizer") {
		t.Errorf("went to %v", h.Host().LastRoute())
	}
	if !slices.Contains(h.Host().Copied, "http://127.0.0.1:8642/serving-endpoints/ocr-recognizer/invocations") {
		t.Errorf("copied %q", h.Host().Copied)
	}
}

func TestTheMeterFollowsTheStages(t *testing.T) {
	steps, share := stepsOf(&endpoint.Progress{Stage: endpoint.StageWarmUp, Done: []endpoint.StageDone{{Stage: endpoint.StageValidate}, {Stage: endpoint.StageLoad}, {Stage: endpoint.StageDryRun}}})
	if share != 3.5/5 || len(steps) != 5 {
		t.Errorf("share %v of %v", share, steps)
	}
}

func BenchmarkRefresh(b *testing.B) {
	h := viewtest.New(b, theme.Light)
	p := New(h.Host(), shell.EndpointRoute("ocr-recognizer"), ready())
	h.ShowPage(p, 1232, 852)
	changes := []telemetry.Change{{Kind: telemetry.MetricsChanged, Name: "ocr-recognizer"}}
	b.ReportAllocs()
	for b.Loop() {
		p.Refresh(changes)
	}
}
