package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"servery/engine/crashpoint"
	"servery/engine/onnx/onnxtest"
)

// crashBinary is the program with its crash points: see package crashpoint.
func crashBinary(t testing.TB) string {
	t.Helper()
	b := os.Getenv("SERVERY_CRASH_BINARY")
	if b == "" {
		t.Fatal("SERVERY_CRASH_BINARY is not set: run make crash, which builds the program with its crash points and names it")
	}
	return b
}

// Killed at random moments and at each step of a create, an update, an import and a
// delete, Servery comes back each time with all that it had acknowledged, each endpoint
// with one whole configuration that answers for itself, and READY without a hand. CRASHES
// is how often, 50 by itself: at least once at each point.
func TestCrashesLoseNothingAndMixNothing(t *testing.T) {
	crashes := 50
	if n, err := strconv.Atoi(os.Getenv("CRASHES")); err == nil {
		crashes = n
	}
	random := rand.New(rand.NewPCG(20261130, 8))
	t.Setenv("SERVERY_BINARY", crashBinary(t))
	dir := t.TempDir()
	if os.Getenv("CRASHES") != "" { // where a process dies nothing that was written is lost, synced or not
		if fast, err := os.MkdirTemp("/dev/shm", "crash-"); err == nil {
			t.Cleanup(func() { os.RemoveAll(fast) })
			dir = fast
		}
	}
	w := newWorld(t, dir, filepath.Join(dir, "data"), random)
	hit := map[string]int{}
	kills, atPoints, began := 0, 0, time.Now()
	for round := 0; kills < crashes; round++ {
		// The first rounds go through all points; later ones are at random moments or points.
		point := ""
		switch {
		case round < len(crashpoint.Names):
			point = crashpoint.Names[round]
		case random.IntN(2) == 0:
			point = crashpoint.Names[random.IntN(len(crashpoint.Names))]
		}
		if w.round(point, round) && point != "" {
			hit[point]++
			atPoints++
		}
		kills++
		if kills%100 == 0 {
			t.Logf("%d kills in %v", kills, time.Since(began).Round(time.Second))
		}
	}
	w.check()
	var missed []string
	for _, name := range crashpoint.Names {
		if hit[name] == 0 {
			missed = append(missed, name)
		}
	}
	if len(missed) > 0 && crashes >= len(crashpoint.Names) {
		t.Errorf("nothing passed the points %v", missed)
	}
	t.Logf("%d kills in %v, %d of them at the %d points: %s", kills, time.Since(began).Round(time.Second), atPoints, len(crashpoint.Names), w.ledger.words())
	if w.ledger.updates == 0 || w.ledger.creates == 0 || w.ledger.imports == 0 || w.ledger.deletes == 0 {
		t.Fatal("nothing of a kind was acknowledged: the test proved nothing")
	}
}

// world is a Servery that is killed again and again, and what it has acknowledged.
type world struct {
	t      *testing.T
	data   string
	random *rand.Rand
	arm    string // the file that names the point
	model  string
	p      *program
	ledger *ledger
}

// newWorld makes a world whose data folder is data, with one endpoint. Its own files are in
// dir.
func newWorld(t *testing.T, dir, data string, random *rand.Rand) *world {
	w := &world{t: t, data: data, random: random, arm: filepath.Join(dir, "crash-at"), model: filepath.Join(dir, "m.onnx"), ledger: newLedger()}
	adds := onnxtest.Add(1)
	if err := os.WriteFile(w.model, adds, 0o600); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.p.upload(w.model, "main.default.base")
	// Version 2 answers with something else: y = x - 1.
	other := bytes.Replace(adds, []byte("Add"), []byte("Sub"), 1)
	if err := os.WriteFile(w.model, other, 0o600); err != nil {
		t.Fatal(err)
	}
	w.p.upload(w.model, "main.default.base")
	w.p.must("POST", "/api/2.0/serving-endpoints", map[string]any{"name": "steady", "config": steadyConfig(1, false)}, nil)
	w.ledger.config(1)
	w.settle()
	return w
}

// restart starts the program, which is to die at no point yet.
func (w *world) restart() {
	w.t.Helper()
	os.Remove(w.arm)
	w.p = serveIn(w.t, environment(w.t.TempDir(), "SERVERY_CRASHPOINT="+w.arm), w.data)
}

// steadyConfig is configuration k of the endpoint that is updated: two served entities
// whose names tell k, with the version of the model that k's parity chooses. One that is to
// fail asks for a secret that is not there.
func steadyConfig(k int, fails bool) map[string]any {
	var entities, routes []any
	for _, half := range []string{"a", "b"} {
		entity := map[string]any{"name": fmt.Sprintf("%s%d", half, k), "entity_name": "main.default.base",
			"entity_version": strconv.Itoa(1 + k%2), "workload_size": "Small", "scale_to_zero_enabled": false}
		if fails {
			entity["environment_vars"] = map[string]string{"X": "{{secrets/none/none}}"}
		}
		entities = append(entities, entity)
		routes = append(routes, map[string]any{"served_model_name": entity["name"], "traffic_percentage": 50})
	}
	return map[string]any{"served_entities": entities, "traffic_config": map[string]any{"routes": routes}}
}

// round checks what is there after a crash, then works until the next one. It tells
// whether the process died by itself, at the point.
func (w *world) round(point string, n int) (died bool) {
	w.t.Helper()
	w.check()
	if w.t.Failed() {
		w.t.Fatalf("round %d, at %q:\n%s", n, point, w.p.written())
	}
	if point != "" {
		skip := w.random.IntN(3)
		if err := os.WriteFile(w.arm, []byte(point+" "+strings.Repeat("x", skip)), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	ended := w.work(stop, n)
	limit := 20 * time.Second
	if point == "" {
		limit = time.Duration(w.random.IntN(300)) * time.Millisecond
	}
	select {
	case <-w.p.ended:
		died = true
	case <-time.After(limit):
	}
	close(stop)
	w.p.kill()
	<-ended
	if point != "" && !died {
		w.t.Errorf("round %d: nothing passed the point %q in %v", n, point, limit)
	}
	// Some of the starts die too, and are followed by one that does not.
	if point != "" && w.random.IntN(4) == 0 {
		w.dieAtStart(point)
	}
	w.restart()
	return died
}

// dieAtStart starts the program with the point still armed: it dies where a start passes
// the point, and is killed where it does not.
func (w *world) dieAtStart(point string) {
	w.t.Helper()
	if err := os.WriteFile(w.arm, []byte(point), 0o600); err != nil {
		w.t.Fatal(err)
	}
	env := environment(w.t.TempDir(), "SERVERY_CRASHPOINT="+w.arm)
	p := start(w.t, env, nil, "serve", "--data-dir", w.data, "--listen", "127.0.0.1:0")
	select {
	case <-p.ended:
	case <-time.After(time.Duration(w.random.IntN(300)) * time.Millisecond):
	}
	p.kill()
}

// settle waits until the steady endpoint is at rest, and returns its configuration.
func (w *world) settle() (k int) {
	w.t.Helper()
	for began := time.Now(); ; <-time.After(5 * time.Millisecond) {
		k, resting, err := w.look()
		if err != nil {
			w.t.Fatalf("steady: %v\n%s", err, w.p.written())
		}
		if resting {
			return k
		}
		if time.Since(began) > patience {
			var text string
			w.p.call("GET", "/api/2.0/serving-endpoints/steady", nil, &text)
			w.t.Fatalf("steady after %v: %s", patience, text)
		}
	}
}

// look reads the steady endpoint: the configuration that is active, 0 where none is yet.
func (w *world) look() (k int, resting bool, err error) {
	var e wireEndpoint
	status, err := w.p.call("GET", "/api/2.0/serving-endpoints/steady", nil, &e)
	if err != nil || status != 200 {
		return 0, false, fmt.Errorf("status %d, %w", status, err)
	}
	if e.Config == nil {
		return 0, false, nil
	}
	var of []int
	for _, entity := range e.Config.Entities {
		n, err := strconv.Atoi(entity.Name[1:])
		if err != nil {
			return 0, false, err
		}
		of = append(of, n)
	}
	if slices.Sort(of); len(of) != 2 || of[0] != of[1] {
		return 0, false, fmt.Errorf("a mixture of configurations: %v", of)
	}
	return of[0], e.State.Ready == "READY" && e.State.ConfigUpdate != "IN_PROGRESS", nil
}

// check compares what is there after a crash with what was acknowledged.
func (w *world) check() {
	w.t.Helper()
	k := w.settle()
	if !slices.Contains(w.ledger.configs, k) {
		w.t.Errorf("configuration %d is active; after what was acknowledged it can be %v", k, w.ledger.configs)
	}
	w.ledger.config(k)
	for range 3 {
		w.ask(k)
	}
	var list struct{ Endpoints []wireEndpoint }
	w.p.must("GET", "/api/2.0/serving-endpoints", nil, &list)
	there := map[string]bool{"steady": true}
	for _, e := range list.Endpoints {
		there[e.Name] = true
	}
	w.ledger.endpoints.compare(w.t, "endpoint", there)
	for name := range w.ledger.endpoints {
		w.p.awaitReady(name)
	}
	var model struct {
		Versions []struct {
			Version int
			Status  string
		}
	}
	versions := map[string]bool{}
	if status, _ := w.p.call("GET", "/api/2.0/servery/models/main.default.digits", nil, &model); status == 200 {
		for _, v := range model.Versions {
			if v.Status == "READY" {
				versions[strconv.Itoa(v.Version)] = true
			}
		}
	}
	w.ledger.versions.compare(w.t, "version", versions)
}

// ask sends a request: an entity of configuration k must answer, with what its model says.
func (w *world) ask(k int) {
	w.t.Helper()
	var answer struct{ Predictions any }
	status, err := w.p.call("POST", "/serving-endpoints/steady/invocations", `{"inputs":[[40]]}`, &answer)
	want := "41"
	if 1+k%2 == 2 {
		want = "39"
	}
	if text := fmt.Sprint(answer.Predictions); err != nil || status != 200 || !strings.Contains(text, want) {
		w.t.Errorf("configuration %d answers %d %v %s, want %s", k, status, err, text, want)
	}
}
