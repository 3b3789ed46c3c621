package endpoint

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/tabletest"
	"servery/engine/telemetry"
)

// models are main.default.a and .b with versions 1 and 2 READY, 3 failed, 4 pending, and
// an alias champion at 2.
type models struct {
	missing atomic.Bool
	before  func() // where not nil, called by each look
	graph   *registry.Graph
}

func (m *models) Model(name string) (registry.Model, error) {
	if m.before != nil {
		m.before()
	}
	parts := strings.Split(strings.ToLower(name), ".")
	if m.missing.Load() || len(parts) != 3 || parts[0] != "main" || parts[1] != "default" || (parts[2] != "a" && parts[2] != "b") {
		return registry.Model{}, &registry.NotFoundError{Name: name}
	}
	model := registry.Model{Catalog: "main", Schema: "default", Name: parts[2], Aliases: []registry.Alias{{Name: "champion", Version: 2}}}
	for n, status := range []registry.Status{registry.Ready, registry.Ready, registry.Failed, registry.Pending} {
		v := registry.Version{Number: n + 1, Status: status, Dir: "/models/" + parts[2], ModelFile: "model.onnx", Size: 26454, InputExample: []byte(`{"inputs":[1]}`), Graph: m.graph}
		if status == registry.Failed {
			v.Reason = "The file is no ONNX model."
		}
		model.Versions = append([]registry.Version{v}, model.Versions...)
	}
	return model, nil
}

// launcher starts fake runners. Its hooks may be nil.
type launcher struct {
	load   func(ctx context.Context, spec runtime.Spec) error
	invoke func(ctx context.Context, spec runtime.Spec, request runtime.Request) (runtime.Response, error)
	close  func(spec runtime.Spec)
	// sessions is what a load tells; 0 is one.
	sessions int
	// reason is what it tells of a GPU that it did not get.
	reason string

	loading, most atomic.Int32 // at once
	launches      atomic.Int32
	open          atomic.Int32 // not closed yet
	mu            sync.Mutex
	runners       map[string]*runner // the last of each entity
}

func (l *launcher) Launch(ctx context.Context, spec runtime.Spec, notify func(runtime.Notice)) (runtime.Runner, error) {
	n := l.loading.Add(1)
	defer l.loading.Add(-1)
	for old := l.most.Load(); n > old && !l.most.CompareAndSwap(old, n); old = l.most.Load() {
	}
	pid := int(l.launches.Add(1))
	if l.load != nil {
		if err := l.load(ctx, spec); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.open.Add(1)
	r := &runner{l: l, spec: spec, notify: notify, pid: pid}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runners == nil {
		l.runners = map[string]*runner{}
	}
	l.runners[spec.Entity] = r
	return r, nil
}

func (l *launcher) runner(entity string) *runner {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.runners[entity]
}

type runner struct {
	l      *launcher
	spec   runtime.Spec
	notify func(runtime.Notice)
	pid    int
	closed atomic.Bool
	cpu    atomic.Int64 // seconds
}

func (r *runner) Invoke(ctx context.Context, request runtime.Request) (runtime.Response, error) {
	if r.closed.Load() {
		return runtime.Response{}, runtime.ErrClosed
	}
	if r.l.invoke != nil {
		return r.l.invoke(ctx, r.spec, request)
	}
	return runtime.Response{Status: http.StatusOK, Body: []byte(`{"predictions":[1]}`), Timing: runtime.Timing{Run: time.Millisecond}}, nil
}

func (r *runner) Loaded() runtime.Loaded {
	return runtime.Loaded{Runtime: "Fake 1.0 · CPU", Reason: r.l.reason, Took: 300 * time.Millisecond, Bytes: 80e6, Sessions: max(r.l.sessions, 1), Batching: runtime.Batching{On: true, Gain: 7.1, Rows: 8}}
}

func (r *runner) Usage() runtime.Usage {
	if r.closed.Load() {
		return runtime.Usage{}
	}
	return runtime.Usage{PID: r.pid, MemoryBytes: 80e6, CPUSeconds: float64(r.cpu.Load())}
}

func (r *runner) Close(context.Context) error {
	if r.closed.Swap(true) {
		return fmt.Errorf("%s closed twice", r.spec.Entity)
	}
	if r.l.close != nil {
		r.l.close(r.spec)
	}
	r.l.open.Add(-1)
	return nil
}

// world is a service with all that it stands on, inside a synctest bubble.
type world struct {
	*Service
	t         testing.TB
	table     *tabletest.Memory
	history   *tabletest.Memory
	seed      uint64
	settings  *tabletest.Memory
	change    ScalingChange // Options.Scaling
	gpus      hardware.GPUs // what Options.GPUs gives
	models    *models
	launcher  *launcher
	telemetry *telemetry.Telemetry
	changes   *telemetry.Hub
	runtime   func() (string, error) // Options.Runtime
}

func open(t testing.TB, table *tabletest.Memory, l *launcher) *world {
	t.Helper()
	w := &world{t: t, table: table, history: tabletest.New(), settings: tabletest.New(), models: &models{}, launcher: l, changes: telemetry.NewHub()}
	w.telemetry = telemetry.New(time.Now, tabletest.New(), nil)
	w.reopen()
	return w
}

// reopen opens a service over the same table, as a start of Servery does.
func (w *world) reopen() {
	w.t.Helper()
	var err error
	w.Service, err = Open(w.t.Context(), Options{
		Table: w.table, History: w.history, Models: w.models, Launcher: w.launcher, Telemetry: w.telemetry, Changes: w.changes,
		Runtime: w.runtime, Settings: w.settings, Scaling: w.change,
		Cores: 2, MemoryBytes: 8 << 30, Seed: w.seed,
		GPUs: func(context.Context) hardware.GPUs { return w.gpus },
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// end closes everything and finds what was left running.
func (w *world) end() {
	w.t.Helper()
	if err := w.Close(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	if err := w.telemetry.Close(); err != nil {
		w.t.Error(err)
	}
	if n := w.launcher.open.Load(); n != 0 {
		w.t.Errorf("%d runners are left open", n)
	}
}

// bubble runs a test of a service in virtual time.
func bubble(t *testing.T, fn func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, tabletest.New(), &launcher{})
		fn(t, w)
		w.end()
	})
}

func (w *world) get(name string) Endpoint {
	w.t.Helper()
	e, err := w.Get(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) create(spec Spec) Endpoint {
	w.t.Helper()
	e, err := w.Create(w.t.Context(), spec, "ann@example.com")
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// ready creates an endpoint and waits until it serves.
func (w *world) ready(spec Spec) {
	w.t.Helper()
	w.create(spec)
	synctest.Wait()
	if e := w.get(spec.Name); e.Ready != Ready {
		w.t.Fatalf("%s does not become ready: %+v", spec.Name, e)
	}
}

func (w *world) ask(name, entity string) (Answer, error) {
	return w.Invoke(w.t.Context(), name, entity, runtime.Request{Body: []byte(`{}`)})
}

// events are the types of an endpoint's events, oldest first.
func (w *world) events(name string) []telemetry.EventType {
	var kinds []telemetry.EventType
	for _, e := range w.telemetry.Events(name, 1000) {
		kinds = append(kinds, e.Type)
	}
	slices.Reverse(kinds)
	return kinds
}

func pointer[T any](v T) *T { return &v }

// one is an endpoint of one small entity of main.default.a.
func one(name string) Spec {
	return Spec{Name: name, Config: &ConfigSpec{Entities: []EntitySpec{
		{ModelName: "main.default.a", ModelVersion: "1", WorkloadSize: "Small", ScaleToZero: pointer(false)}}}}
}

// sleepy is one that scales to zero.
func sleepy(name string) Spec {
	s := one(name)
	s.Config.Entities[0].ScaleToZero = pointer(true)
	return s
}

// two splits its traffic between a-1 and b-1.
func two(name string, a, b int) Spec {
	s := one(name)
	s.Config.Entities = append(s.Config.Entities, EntitySpec{ModelName: "main.default.b", ModelVersion: "1", ScaleToZero: pointer(false)})
	s.Config.Routes = []Route{{"a-1", a}, {"b-1", b}}
	return s
}
