package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// The prober asks an endpoint all the time while its configuration changes again and again
// in every way there is, also to ones that do not come up and ones that are given up. No
// request may fail; each answer must come from a served entity of one configuration that
// was in effect, with what that entity's model version answers; and on a connection the
// configurations may not go back.
//
// PROBER_UPDATES is how many updates there are (make prober: 1,000), each beside at least
// 100 requests.
func TestProberUpdatesUnderLoadFailNoRequest(t *testing.T) {
	updates := numberFrom(t, "PROBER_UPDATES", 30)
	seed := uint64(numberFrom(t, "PROBER_SEED", 1))
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	u := newUpdater(t, p, data, seed)
	p.must("POST", "/api/2.0/serving-endpoints", map[string]any{"name": "probed", "config": u.first()}, nil)
	p.awaitReady("probed")
	u.settled(1, true)

	var probes []*probe
	stop := make(chan struct{})
	var probing sync.WaitGroup
	for i := range 8 {
		// Four connections that stay, two clients that make one for each request, and two
		// that name the served entity.
		one := &probe{p: p, path: "/serving-endpoints/probed/invocations", fresh: i >= 4 && i < 6, seen: map[answeredBy]int{}}
		if i >= 6 {
			one.path = "/serving-endpoints/probed/served-models/base/invocations"
		}
		probes = append(probes, one)
		probing.Go(func() { one.run(stop) })
	}
	began := time.Now()
	for n := range updates {
		u.step(n)
		for asked(probes) < 100*(n+1) { // the machine may be quicker with updates than the pace
			time.Sleep(time.Millisecond)
		}
		if failed(probes) != nil {
			break
		}
	}
	took := time.Since(began)
	close(stop)
	probing.Wait()

	if err := failed(probes); err != nil {
		t.Error(err)
	}
	requests, versions := u.check(probes)
	t.Logf("%d updates in %v, seed %d: %s", updates, took.Round(time.Second), seed, u.outcomes())
	t.Logf("%d requests, 0 may fail: %d failed; answered by %d configurations, each by one; median update %v, longest %v",
		requests, countFailed(probes), versions, u.times.at(0.5).Round(time.Millisecond), u.times.at(1).Round(time.Millisecond))
	u.leavesNothing(0)
	p.stop()
}

func numberFrom(t testing.TB, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q: give a number", variable, text)
	}
	return n
}

// plus is y = x + k, x and y float32[-1,1]: an answer tells which version gave it.
func plus(k float32) []byte {
	return onnxtest.Model(onnxtest.Graph{
		Name:         "plus",
		Nodes:        []onnxtest.Node{{Op: "Add", Inputs: []string{"x", "k"}, Outputs: []string{"y"}}},
		Inputs:       []tensor.Port{onnxtest.Port("x", tensor.Float32, -1, 1)},
		Outputs:      []tensor.Port{onnxtest.Port("y", tensor.Float32, -1, 1)},
		Initializers: []onnxtest.Initializer{{Name: "k", Tensor: onnxtest.FloatTensor([]int64{1}, k)}},
	})
}

// crashing divides the smallest int64 by -1 in a run on its own zeros: it loads, and its
// input example ends its process.
func crashing() []byte {
	return onnxtest.Model(onnxtest.Graph{
		Name: "crashing",
		Nodes: []onnxtest.Node{
			{Op: "Add", Inputs: []string{"x", "least"}, Outputs: []string{"a"}},
			{Op: "Div", Inputs: []string{"a", "minus"}, Outputs: []string{"y"}},
		},
		Inputs:  []tensor.Port{onnxtest.Port("x", tensor.Int64, -1, 1)},
		Outputs: []tensor.Port{onnxtest.Port("y", tensor.Int64, -1, 1)},
		Initializers: []onnxtest.Initializer{
			{Name: "least", Tensor: onnxtest.Int64Tensor([]int64{1}, -1<<63)},
			{Name: "minus", Tensor: onnxtest.Int64Tensor([]int64{1}, -1)},
		},
	})
}

// answeredBy is who gave an answer, and what it was.
type answeredBy struct {
	version int
	entity  string
	value   string
	direct  bool
}

// probe is one client.
type probe struct {
	p      *program
	path   string
	fresh  bool // a connection for each request
	asks   atomic.Int64
	seen   map[answeredBy]int // of run until it has ended
	wrong  atomic.Pointer[error]
	failed int
}

const probeBody = `{"inputs":[[0.5]]}`

func (c *probe) run(stop chan struct{}) {
	address := strings.TrimPrefix(c.p.url, "http://")
	var w *wire
	last := 0
	for {
		select {
		case <-stop:
			if w != nil {
				w.conn.Close()
			}
			return
		case <-time.After(5 * time.Millisecond):
		}
		if w == nil {
			var err error
			if w, err = connect(address, c.path, c.p.token, probeBody); err != nil {
				c.fault(err)
				continue
			}
		}
		a, err := w.do()
		c.asks.Add(1)
		switch {
		case err != nil:
			c.fault(err)
			w.conn.Close()
			w = nil
			continue
		case a.status != http.StatusOK:
			c.fault(fmt.Errorf("status %d from configuration %d: %s", a.status, a.version, w.body))
		case a.version < last:
			c.fault(fmt.Errorf("configuration %d answers after %d", a.version, last))
		}
		last = a.version
		c.seen[answeredBy{a.version, a.entity, string(bytes.TrimSpace(w.body)), strings.Contains(c.path, "served-models")}]++
		if c.fresh {
			w.conn.Close()
			w = nil
		}
	}
}

func (c *probe) fault(err error) {
	c.failed++
	err = fmt.Errorf("%s: %w", c.path, err)
	c.wrong.CompareAndSwap(nil, &err)
}

func failed(probes []*probe) error {
	for _, c := range probes {
		if err := c.wrong.Load(); err != nil {
			return *err
		}
	}
	return nil
}

func countFailed(probes []*probe) (n int) {
	for _, c := range probes {
		n += c.failed
	}
	return n
}

func asked(probes []*probe) (n int) {
	for _, c := range probes {
		n += int(c.asks.Load())
	}
	return n
}

// entity is a served entity as the updater asks for it.
type probedEntity struct {
	Name        string `json:"name"`
	Model       string `json:"entity_name"`
	Version     string `json:"entity_version"`
	Size        string `json:"workload_size,omitempty"`
	Min         int    `json:"min_provisioned_concurrency,omitempty"`
	Max         int    `json:"max_provisioned_concurrency,omitempty"`
	ScaleToZero bool   `json:"scale_to_zero_enabled"`
}

type probedRoute struct {
	Entity  string `json:"served_entity_name"`
	Percent int    `json:"traffic_percentage"`
}

type probedConfig struct {
	Entities []probedEntity `json:"served_entities"`
	Traffic  struct {
		Routes []probedRoute `json:"routes"`
	} `json:"traffic_config"`
}

func (c probedConfig) clone() probedConfig {
	c.Entities, c.Traffic.Routes = slices.Clone(c.Entities), slices.Clone(c.Traffic.Routes)
	return c
}

// share splits the traffic at random among the entities; base, the first, may get none.
func (c *probedConfig) share(random *rand.Rand) {
	c.Traffic.Routes = nil
	left := 100
	for i := len(c.Entities) - 1; i > 0; i-- {
		percent := random.IntN(left + 1)
		c.Traffic.Routes = append(c.Traffic.Routes, probedRoute{c.Entities[i].Name, percent})
		left -= percent
	}
	c.Traffic.Routes = append(c.Traffic.Routes, probedRoute{c.Entities[0].Name, left})
}

// updater changes the configuration.
type updater struct {
	t       *testing.T
	p       *program
	random  *rand.Rand
	now     probedConfig         // active
	asked   map[int]probedConfig // by version
	active  map[int]bool         // versions that were in effect
	kinds   map[string]int       // by kind and how it ended
	times   figures
	entries int // for names
}

// plusVersions is how many good versions of main.default.plus there are: version n adds n.
const plusVersions = 4

func newUpdater(t *testing.T, p *program, data string, seed uint64) *updater {
	t.Helper()
	folder := t.TempDir()
	add := func(file string, content []byte, name string) {
		path := filepath.Join(folder, file)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		p.upload(path, name)
	}
	for k := range plusVersions {
		add(fmt.Sprintf("plus%d.onnx", k+1), plus(float32(k+1)), "main.default.plus")
	}
	for _, name := range []string{"missing", "changed"} {
		add(name+".onnx", plus(9), "main.default."+name)
	}
	lose(t, filepath.Join(data, "models", "main", "default"))
	add("crashing.onnx", crashing(), "main.default.crashing")
	slow := filepath.Join(folder, "slow")
	writeSlowModel(t, slow, 20_000_000)
	importModel(t, data, slow, "main.default.slow")
	return &updater{t: t, p: p, random: rand.New(rand.NewPCG(seed, 0)), asked: map[int]probedConfig{}, active: map[int]bool{}, kinds: map[string]int{}}
}

// lose removes the file of one model that was imported, and changes another's.
func lose(t *testing.T, folder string) {
	t.Helper()
	for name, do := range map[string]func(path string) error{
		"missing": os.Remove,
		"changed": func(path string) error {
			if err := os.Chmod(path, 0o600); err != nil {
				return err
			}
			return os.WriteFile(path, plus(8), 0o600)
		},
	} {
		files, err := filepath.Glob(filepath.Join(folder, name, "1", "*.onnx"))
		if err != nil || len(files) != 1 {
			t.Fatalf("files of %s: %v %v", name, files, err)
		}
		if err := os.Chmod(filepath.Dir(files[0]), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := do(files[0]); err != nil {
			t.Fatal(err)
		}
	}
}

// writeSlowModel is an MLflow folder whose input example runs for as long as the machine
// takes for that many trips: 1 µs each and more.
func writeSlowModel(t *testing.T, folder string, trips int) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"model.onnx":                 string(onnxtest.Loop()),
		"input_example.json":         fmt.Sprintf(`{"inputs": {"trips": [%d]}}`, trips),
		"serving_input_example.json": fmt.Sprintf(`{"inputs": {"trips": [%d]}}`, trips),
		"MLmodel": `flavors:
  onnx:
    data: model.onnx
  python_function:
    loader_module: mlflow.onnx
mlflow_version: 2.14.1
signature:
  inputs: '[{"name": "trips", "type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [1]}}]'
  outputs: '[{"name": "y", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": []}}]'
saved_input_example_info:
  artifact_path: input_example.json
  serving_input_path: serving_input_example.json
  type: json_object
`} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func plusEntity(name string, version int) probedEntity {
	return probedEntity{Name: name, Model: "main.default.plus", Version: strconv.Itoa(version), Size: "Small"}
}

func (u *updater) first() probedConfig {
	c := probedConfig{Entities: []probedEntity{plusEntity("base", 1), plusEntity("other", 2)}}
	c.share(u.random)
	u.now, u.asked[1] = c, c
	return c
}

// settled notes that a version is in effect or not.
func (u *updater) settled(version int, active bool) {
	if active {
		u.active[version], u.now = true, u.asked[version]
	}
}

// change is a kind of update.
type change struct {
	kind string
	make func(u *updater, c *probedConfig)
	fail string        // words of the failure that must come; "" for a success
	slow bool          // it lasts until it is canceled
	give time.Duration // it is canceled at a moment up to that; 0 for never
}

var changes = []change{
	{kind: "split", make: func(u *updater, c *probedConfig) { c.share(u.random) }},
	{kind: "version", make: (*updater).anotherVersion},
	{kind: "size", make: func(u *updater, c *probedConfig) {
		e := &c.Entities[u.random.IntN(len(c.Entities))]
		*e = probedEntity{Name: e.Name, Model: e.Model, Version: e.Version, ScaleToZero: u.random.IntN(2) == 0}
		if e.Size = []string{"Small", "Medium", "Large", ""}[u.random.IntN(4)]; e.Size == "" {
			e.Min, e.Max = 4, 4+4*u.random.IntN(4)
		}
	}},
	{kind: "entity added", make: func(u *updater, c *probedConfig) {
		if len(c.Entities) < 4 {
			u.entries++
			c.Entities = append(c.Entities, plusEntity(fmt.Sprint("more-", u.entries), 1+u.random.IntN(plusVersions)))
		}
		c.share(u.random)
	}},
	{kind: "entity removed", make: func(u *updater, c *probedConfig) {
		if n := len(c.Entities); n > 1 {
			i := 1 + u.random.IntN(n-1)
			c.Entities = slices.Delete(c.Entities, i, i+1)
		}
		c.share(u.random)
	}},
	{kind: "missing file", fail: "file", make: func(u *updater, c *probedConfig) { u.bad(c, "main.default.missing") }},
	{kind: "changed file", fail: "have changed since they were imported", make: func(u *updater, c *probedConfig) { u.bad(c, "main.default.changed") }},
	{kind: "crash in the dry run", fail: "process", make: func(u *updater, c *probedConfig) { u.bad(c, "main.default.crashing") }},
	{kind: "canceled at once", give: time.Nanosecond, make: (*updater).anotherVersion},
	{kind: "canceled at a moment", give: 100 * time.Millisecond, make: (*updater).anotherVersion},
	{kind: "canceled in the dry run", slow: true, give: time.Second, make: func(u *updater, c *probedConfig) { u.bad(c, "main.default.slow") }},
	{kind: "the same", make: func(*updater, *probedConfig) {}},
	{kind: "restored"},
}

// anotherVersion gives an entity another version under the same name.
func (u *updater) anotherVersion(c *probedConfig) {
	e := &c.Entities[u.random.IntN(len(c.Entities))]
	was, _ := strconv.Atoi(e.Version)
	e.Version = strconv.Itoa(1 + (was+u.random.IntN(plusVersions-1))%plusVersions)
}

// bad adds an entity of a model that does not come up, with nearly all the traffic.
func (u *updater) bad(c *probedConfig, model string) {
	u.entries++
	c.Entities = append(c.Entities, probedEntity{Name: fmt.Sprint("bad-", u.entries), Model: model, Version: "1", Size: "Small"})
	c.Traffic.Routes = []probedRoute{{c.Entities[len(c.Entities)-1].Name, 99}, {c.Entities[0].Name, 1}}
}

type probedState struct {
	State struct {
		Ready        string
		ConfigUpdate string `json:"config_update"`
	}
	Config struct {
		Version int `json:"config_version"`
	}
	Pending struct {
		Version int `json:"config_version"`
	} `json:"pending_config"`
}

// step makes one update and waits for its end.
func (u *updater) step(n int) {
	u.t.Helper()
	ch := changes[n%len(changes)]
	began := time.Now()
	var accepted probedState
	next := u.now.clone()
	if ch.make != nil {
		ch.make(u, &next)
		u.p.must("PUT", "/api/2.0/serving-endpoints/probed/config", next, &accepted)
	} else {
		from := u.recent()
		next = u.asked[from]
		u.p.must("POST", fmt.Sprintf("/api/2.0/servery/endpoints/probed/config-versions/%d/restore", from), nil, &accepted)
	}
	version := max(accepted.Pending.Version, accepted.Config.Version) // it may be over already
	u.asked[version] = next
	if ch.slow { // a second one is refused as long as the first runs
		if status, err := u.p.call("PUT", "/api/2.0/serving-endpoints/probed/config", u.now, nil); err != nil || status != http.StatusConflict {
			u.t.Errorf("a second update during one: status %d, %v", status, err)
		}
	}
	if ch.give > 0 {
		time.Sleep(time.Duration(u.random.Int64N(int64(ch.give))))
		status, err := u.p.call("POST", "/api/2.0/serving-endpoints/probed/config:cancel", nil, nil)
		if err != nil || status != http.StatusOK && (status != http.StatusBadRequest || ch.slow) {
			u.t.Errorf("a cancel: status %d, %v", status, err)
		}
	}
	u.ended(ch, version, began)
}

// recent is a version of the last ones that was in effect.
func (u *updater) recent() int {
	versions := slices.Sorted(maps.Keys(u.active))
	versions = versions[max(0, len(versions)-20):]
	return versions[u.random.IntN(len(versions))]
}

// ended waits until the update is over, and sees that it ended as it should.
func (u *updater) ended(ch change, version int, began time.Time) {
	u.t.Helper()
	for {
		var s probedState
		u.p.must("GET", "/api/2.0/serving-endpoints/probed", nil, &s)
		if s.State.ConfigUpdate == "IN_PROGRESS" {
			if time.Since(began) > patience {
				u.t.Fatalf("%s: version %d is still updating after %v", ch.kind, version, patience)
			}
			time.Sleep(2 * time.Millisecond)
			continue
		}
		took := time.Since(began)
		u.times = append(u.times, took)
		slices.Sort(u.times)
		active := s.Config.Version == version
		u.settled(version, active)
		u.kinds[ch.kind+": "+s.State.ConfigUpdate]++
		want := s.State.ConfigUpdate == "NOT_UPDATING" && active
		switch {
		case ch.fail != "":
			want = s.State.ConfigUpdate == "UPDATE_FAILED" && !active && u.says(version, ch.fail)
		case ch.slow:
			want = s.State.ConfigUpdate == "UPDATE_CANCELED" && !active
		case ch.give > 0:
			want = (s.State.ConfigUpdate == "UPDATE_CANCELED") != active
		}
		if !want || s.State.Ready != "READY" {
			var text string
			u.p.call("GET", "/api/2.0/serving-endpoints/probed", nil, &text)
			u.t.Fatalf("%s: version %d ended as %+v: %s", ch.kind, version, s, text)
		}
		return
	}
}

// says tells whether a version's reason names the bad entity and has the words.
func (u *updater) says(version int, words string) bool {
	var v struct{ State, Reason string }
	u.p.must("GET", fmt.Sprintf("/api/2.0/servery/endpoints/probed/config-versions/%d", version), nil, &v)
	ok := v.State == "FAILED" && strings.HasPrefix(v.Reason, "bad-") && strings.Contains(v.Reason, words)
	if !ok {
		u.t.Errorf("version %d failed with %+v, want words of %q", version, v, words)
	}
	return ok
}

// check holds every answer against the configurations that were in effect.
func (u *updater) check(probes []*probe) (requests, versions int) {
	by := map[int]bool{}
	for _, c := range probes {
		for a, n := range c.seen {
			requests += n
			by[a.version] = true
			config, known := u.asked[a.version]
			if !known || !u.active[a.version] {
				u.t.Errorf("%d answers from configuration %d, which was never in effect", n, a.version)
				continue
			}
			i := slices.IndexFunc(config.Entities, func(e probedEntity) bool { return e.Name == a.entity })
			if i < 0 || a.direct && a.entity != "base" {
				u.t.Errorf("%d answers from %s, which configuration %d does not have", n, a.entity, a.version)
				continue
			}
			if want := fmt.Sprintf(`{"predictions": {"y": [[%s.5]]}}`, config.Entities[i].Version); a.value != want {
				u.t.Errorf("%d answers %s of %s in configuration %d, want %s", n, a.value, a.entity, a.version, want)
			}
		}
	}
	return requests, len(by)
}

func (u *updater) outcomes() string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(u.kinds)) {
		words = append(words, fmt.Sprintf("%s %d", k, u.kinds[k]))
	}
	return strings.Join(words, ", ")
}

// leavesNothing waits until no process is left but those of the active configuration, of
// that many other served entities, and the one that is kept ready.
func (u *updater) leavesNothing(others int) {
	u.t.Helper()
	most := len(u.now.Entities) + others + 1
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		n := len(children(u.t, u.p.cmd.Process.Pid))
		if n <= most {
			return
		}
		if time.Now().After(end) {
			u.t.Errorf("%d processes are left for %d served entities", n, len(u.now.Entities))
			return
		}
	}
}
