package api

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway/inference"
	"servery/engine/hardware"
	"servery/engine/mlmodel"
	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/telemetry"
	"servery/engine/tensor"
)

const (
	goodToken  = "dapi0123456789abcdef0123456789abcdef"
	guestToken = "dapi00000000000000000000000000000bob"
)

var (
	bob   = access.User{Name: "bob@example.com", DisplayName: "Bob", ID: "8"}
	ada   = access.User{Name: "ada@example.com", DisplayName: "Ada", ID: "7", Admin: true}
	start = time.UnixMilli(1_764_000_000_000)
)

// fake is an engine in memory. Its endpoints become ready after they were read twice,
// as a waiter reads them.
type fake struct {
	mu        sync.Mutex
	endpoints map[string]endpoint.Endpoint
	reads     map[string]int
	models    map[string]registry.Model
	events    map[string][]telemetry.Event
	past      map[string][]endpoint.ConfigVersion // what each endpoint had
	imports   []registry.Import
	onImport  func(context.Context, registry.Import) (registry.Version, error)
	invoke    func(ctx context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error)
	panics    bool
	people    people
	level     access.Level       // of users who are no administrators
	registry  *registry.Registry // of a catalogFake
	fails     error              // of every call that can fail but Authenticate
	observed  fakeObservations
	usage     fakeUsage
	tables    *inference.Reader // nil for none
	scaling   endpoint.Scaling
	gpus      hardware.GPUs
	refreshed hardware.GPUs // what looking anew finds
}

func newFake() *fake {
	return &fake{
		endpoints: map[string]endpoint.Endpoint{},
		reads:     map[string]int{},
		models:    map[string]registry.Model{},
		events:    map[string][]telemetry.Event{},
		past:      map[string][]endpoint.ConfigVersion{},
		invoke: func(_ context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error) {
			if name != "digits" {
				return endpoint.Answer{}, &endpoint.NotFoundError{Name: name}
			}
			if entity == "" {
				entity = "digits-1"
			}
			if entity != "digits-1" {
				return endpoint.Answer{}, &endpoint.NotFoundError{Name: name, Entity: entity}
			}
			return endpoint.Answer{Entity: entity, ConfigVersion: 1, Queue: 12 * time.Microsecond, Response: runtime.Response{
				Status: 200, ContentType: "application/json", Body: []byte(`{"predictions":[1,2]}`),
				Timing: runtime.Timing{Wait: time.Microsecond, Decode: 34 * time.Microsecond, Run: 1234 * time.Microsecond, Encode: 20 * time.Microsecond},
			}}, nil
		},
	}
}

func (f *fake) Authenticate(token string) (access.User, error) {
	if token == guestToken {
		return bob, nil
	}
	if token != goodToken {
		return access.User{}, access.ErrUnauthenticated
	}
	return ada, nil
}

// Permission is the administrator's, or what the test gave.
func (f *fake) Permission(u access.User, _ endpoint.Endpoint) access.Level {
	if u.Admin {
		return access.CanManage
	}
	return f.level
}

func (f *fake) Endpoints() []endpoint.Endpoint {
	if f.panics {
		panic("the table is upside down")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []endpoint.Endpoint
	for _, name := range slices.Sorted(maps.Keys(f.endpoints)) {
		all = append(all, f.endpoints[name])
	}
	return all
}

func (f *fake) Endpoint(name string) (endpoint.Endpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.endpoints[name]
	if f.fails != nil || !ok {
		if f.fails != nil {
			return e, f.fails
		}
		return e, &endpoint.NotFoundError{Name: name}
	}
	if f.reads[name]++; f.reads[name] > 2 && e.Pending != nil && e.Update == endpoint.InProgress {
		active := *e.Pending
		active.Entities = slices.Clone(active.Entities)
		for i := range active.Entities {
			active.Entities[i].Deployment, active.Entities[i].Message = endpoint.DeploymentReady, ""
		}
		e.Active, e.Pending, e.Ready, e.Update = &active, nil, endpoint.Ready, endpoint.NotUpdating
		f.endpoints[name] = e
	}
	return e, nil
}

func (f *fake) CreateEndpoint(ctx context.Context, spec endpoint.Spec) (endpoint.Endpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails != nil {
		return endpoint.Endpoint{}, f.fails
	}
	if _, there := f.endpoints[spec.Name]; there {
		return endpoint.Endpoint{}, &endpoint.ExistsError{Name: spec.Name}
	}
	user, _ := access.UserFrom(ctx)
	e := endpoint.Endpoint{
		ID: "0123456789abcdef0123456789abcdef", Name: spec.Name, Creator: user.Name, Description: spec.Description,
		CreatedAt: start, UpdatedAt: start, Tags: spec.Tags, RouteOptimized: spec.RouteOptimized,
		Ready: endpoint.NotReady, Update: endpoint.NotUpdating,
	}
	if spec.Config != nil {
		e.Update = endpoint.InProgress
		e.Pending = &endpoint.Config{Version: 1, StartedAt: start.Add(time.Millisecond), Routes: spec.Config.Routes}
		for _, s := range spec.Config.Entities {
			se := endpoint.ServedEntity{
				Name: "digits-1", ModelName: s.ModelName, ModelVersion: 1, WorkloadType: "CPU", WorkloadSize: s.WorkloadSize,
				MinConcurrency: 4, MaxConcurrency: 4, Creator: user.Name, CreatedAt: start, EnvironmentVars: s.EnvironmentVars,
				Deployment: endpoint.DeploymentCreating, Message: "Creating resources for served entity.",
			}
			if s.MinConcurrency != nil && s.MaxConcurrency != nil {
				se.MinConcurrency, se.MaxConcurrency = *s.MinConcurrency, *s.MaxConcurrency
			}
			e.Pending.Entities = append(e.Pending.Entities, se)
		}
		if len(e.Pending.Routes) == 0 {
			e.Pending.Routes = []endpoint.Route{{EntityName: "digits-1", Percent: 100}}
		}
	}
	f.endpoints[spec.Name] = e
	return e, nil
}

func (f *fake) DeleteEndpoint(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.endpoints[name]; !there {
		return &endpoint.NotFoundError{Name: name}
	}
	delete(f.endpoints, name)
	return f.fails
}

func (f *fake) Invoke(ctx context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error) {
	if f.fails != nil {
		return endpoint.Answer{}, f.fails
	}
	return f.invoke(ctx, name, entity, r)
}

func (f *fake) Events(name string, n int) []telemetry.Event {
	all := f.events[name]
	return all[:min(n, len(all))]
}

func (f *fake) Models() []registry.Model {
	var all []registry.Model
	for _, name := range slices.Sorted(maps.Keys(f.models)) {
		all = append(all, f.models[name])
	}
	return all
}

func (f *fake) Model(fullName string) (registry.Model, error) {
	m, ok := f.models[fullName]
	if !ok {
		return m, &registry.NotFoundError{}
	}
	return m, f.fails
}

func (f *fake) ImportModel(ctx context.Context, in registry.Import, _ func(registry.Progress)) (registry.Version, error) {
	f.mu.Lock()
	f.imports = append(f.imports, in)
	f.mu.Unlock()
	switch {
	case f.fails != nil:
		return registry.Version{}, f.fails
	case f.onImport != nil:
		return f.onImport(ctx, in)
	}
	return registry.Version{Number: 3, Status: registry.Failed, Reason: "it is no ONNX file", CreatedAt: start}, nil
}

func (f *fake) SetAlias(_ context.Context, fullName, alias string, version int) error {
	m, ok := f.models[fullName]
	if !ok {
		return &registry.NotFoundError{}
	}
	m.Aliases = append(slices.Clone(m.Aliases), registry.Alias{Name: alias, Version: version})
	f.models[fullName] = m
	return f.fails
}

func (f *fake) DeleteAlias(_ context.Context, fullName, alias string) error {
	m, ok := f.models[fullName]
	if !ok || !slices.ContainsFunc(m.Aliases, func(a registry.Alias) bool { return a.Name == alias }) {
		return &registry.NotFoundError{}
	}
	return f.fails
}

func (f *fake) DeleteVersion(_ context.Context, fullName string, version int) error {
	m, ok := f.models[fullName]
	if _, there := m.Version(version); !ok || !there {
		return &registry.NotFoundError{}
	}
	return f.fails
}

func (f *fake) Status() Status {
	return Status{Version: "1.2.3", Runtime: "ONNX Runtime 1.30.0 · CPU", Timings: f.Scaling().Timings}
}

// withDigits gives the fake an endpoint that serves a model, and the model.
func withDigits(f *fake) *fake {
	f.endpoints["digits"] = endpoint.Endpoint{
		ID: "00000000000000000000000000000001", Name: "digits", Creator: ada.Name, CreatedAt: start, UpdatedAt: start,
		Ready: endpoint.Ready, Update: endpoint.NotUpdating,
		Active: &endpoint.Config{Version: 2, Routes: []endpoint.Route{{EntityName: "digits-1", Percent: 100}}, Entities: []endpoint.ServedEntity{{
			Name: "digits-1", ModelName: "main.default.digits", ModelVersion: 1, WorkloadType: "CPU", WorkloadSize: "Small",
			MaxConcurrency: 4, MinConcurrency: 4, Creator: ada.Name, CreatedAt: start, Deployment: endpoint.DeploymentReady,
			Live: endpoint.Live{Provisioned: 4, InFlight: 1, Queued: 2, MemoryBytes: 1 << 20, PID: 4711, Restarts: 1},
		}}},
	}
	f.past["digits"] = []endpoint.ConfigVersion{{State: endpoint.VersionReplaced, Config: endpoint.Config{
		Version: 1, Origin: endpoint.Created, Creator: ada.Name, AcceptedAt: start.Add(-3e9), ActiveFrom: start.Add(-2e9), EndedAt: start.Add(-1e9),
		Routes: []endpoint.Route{{EntityName: "digits-0", Percent: 100}}, Entities: []endpoint.ServedEntity{{
			Name: "digits-0", ModelName: "main.default.digits", ModelVersion: 1, WorkloadType: "CPU", MinConcurrency: 4, MaxConcurrency: 8,
			Creator: ada.Name, CreatedAt: start, Deployment: endpoint.DeploymentStopped, Message: "Replaced by a later configuration.",
		}},
	}}}
	f.events["digits"] = []telemetry.Event{
		{ID: 1, At: start, Type: telemetry.EntityReady, Entity: "digits-1", Version: 2, Message: "Ready after 90 ms."},
		{At: start.Add(-time.Second), Type: telemetry.Created, Actor: ada.Name, Message: "Created."},
	}
	f.models["main.default.digits"] = registry.Model{
		Catalog: "main", Schema: "default", Name: "digits", Owner: ada.Name, CreatedAt: start, UpdatedAt: start,
		Aliases: []registry.Alias{{Name: "champion", Version: 1}},
		Versions: []registry.Version{
			{Number: 2, Status: registry.Failed, Reason: "an operator is unknown", CreatedAt: start, Dir: "/secret/place/2"},
			{
				Number: 1, Status: registry.Ready, Flavor: "onnx", Source: "digits.onnx", CreatedAt: start, Size: 26454, SHA256: "ab",
				Dir: "/secret/place/1", ModelFile: "digits.onnx", InputExample: []byte(`{"inputs":[[0]]}`), FromGraph: true,
				Signature: &mlmodel.Signature{Inputs: &mlmodel.Schema{Tensors: []mlmodel.TensorSpec{{Name: "x", Type: tensor.Float32, Shape: []int64{-1, 64}}}}},
				Graph: &registry.Graph{
					Inputs:  []tensor.Port{{Name: "x", Type: tensor.Float32, Shape: []int64{-1, 64}}},
					Outputs: []tensor.Port{{Name: "y", Type: tensor.Int64, Shape: []int64{-1}}},
					Opsets:  map[string]int64{"": 13}, IRVersion: 7, Nodes: 3, Parameters: 650,
					Operators: []registry.OperatorCount{{Name: "Gemm", Count: 2}, {Domain: "ai.onnx.ml", Name: "ArrayFeatureExtractor", Count: 1}},
				},
			},
		},
	}
	return f
}

// answer is what a handler answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends one request through the server's guards, as a program on this machine with
// the right token; lines of headers ("Name: value") change that, "Name:" takes one away.
func ask(t testing.TB, s *Server, method, target, body string, headers ...string) answer {
	t.Helper()
	r := newRequest(method, target, strings.NewReader(body))
	r.ContentLength = int64(len(body))
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	return serve(s, r)
}

func newRequest(method, target string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Body = io.NopCloser(body)
	r.Host = "127.0.0.1:8642"
	r.Header.Set("Authorization", "Bearer "+goodToken)
	return r
}

func serve(s *Server, r *http.Request) answer {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// into decodes a JSON answer; numbers keep their text.
func (a answer) into(t testing.TB) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("status %d, no JSON object: %v: %s", a.status, err, a.body)
	}
	return m
}

// wantError checks an error's status, code and form, and that its text has all of words.
func (a answer) wantError(t testing.TB, status int, code string, words ...string) {
	t.Helper()
	var e struct {
		Code    string `json:"error_code"`
		Message string
		Details []struct {
			Type     string `json:"@type"`
			ID       string `json:"request_id"`
			Metadata map[string]any
		}
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatalf("status %d, no JSON: %v: %s", a.status, err, a.body)
	}
	if a.status != status || e.Code != code {
		t.Errorf("status %d %s, want %d %s: %s", a.status, e.Code, status, code, e.Message)
	}
	if e.Message == "" || len(e.Message) > 8<<10 {
		t.Errorf("a message of %d bytes", len(e.Message))
	}
	for _, w := range words {
		if !strings.Contains(e.Message, w) {
			t.Errorf("message %q does not have %q", e.Message, w)
		}
	}
	if len(e.Details) == 0 || e.Details[0].ID == "" || e.Details[0].ID != a.header.Get("X-Request-Id") {
		t.Errorf("no details with the request's id %q: %s", a.header.Get("X-Request-Id"), a.body)
	}
	for _, d := range e.Details {
		if d.Metadata == nil {
			t.Errorf("%s has no metadata, which the JavaScript SDK reads: %s", d.Type, a.body)
		}
	}
}
