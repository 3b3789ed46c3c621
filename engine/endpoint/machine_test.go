package endpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"servery/engine/runtime"
	"servery/engine/tabletest"
)

// A machine of commands at random on two endpoints, with kills, held against a model of
// what the product promises: what was acknowledged is never lost, each state is the one
// that the model foresees, and an endpoint that was ready answers at every moment until it
// is stopped or deleted, also during updates that fail and right after a kill.

// step is one command: what is done, to which endpoint, with which configuration, and how
// long the machine runs on after it.
type step struct {
	Do     string
	Name   int
	Config int
	Wait   time.Duration
}

func (s step) String() string { return fmt.Sprintf("%s e%d %d, %v", s.Do, s.Name, s.Config, s.Wait) }

// configurations that the machine chooses from; the last two do not come up.
var choices = func() []ConfigSpec {
	renamed := version("2")
	renamed.Entities[0].Name = "a-1" // another version under the same name
	dead := *two("", 50, 50).Config
	dead.Entities[1].ModelVersion = "2"
	dead.Routes[1].EntityName = "b-2"
	alone := version("1")
	alone.Entities[0].ModelName, alone.Entities[0].ModelVersion = "main.default.b", "2"
	return []ConfigSpec{version("1"), version("2"), renamed, *two("", 50, 50).Config, *two("", 100, 0).Config, *sleepy("").Config, dead, alone}
}()

func works(choice int) bool { return choice < len(choices)-2 }

// foreseen is what the model knows of an endpoint.
type foreseen struct {
	active    *deployed
	pending   *deployed
	update    UpdateState
	suspended bool
	last      int
	ended     map[int]past // by version
}

type deployed struct{ choice, version int }

// past is a configuration that neither serves nor is about to.
type past struct {
	choice int
	state  VersionState
}

// leave notes how a configuration ended that the endpoint has no more.
func (f *foreseen) leave(d *deployed, state VersionState) {
	if d != nil {
		f.ended[d.version] = past{d.choice, state}
	}
}

// drop is the end of a pending configuration that failed or was canceled.
func (f *foreseen) drop() {
	if f.update == UpdateCanceled {
		f.leave(f.pending, VersionCanceled)
	} else {
		f.leave(f.pending, VersionFailed)
	}
	f.pending = nil
}

// land is the end of the update that runs.
func (f *foreseen) land() {
	if works(f.pending.choice) {
		if f.suspended {
			f.leave(f.active, VersionStopped)
		} else {
			f.leave(f.active, VersionReplaced)
		}
		f.active, f.pending, f.update, f.suspended = f.pending, nil, NotUpdating, false
	} else {
		f.update = UpdateFailed
	}
}

// follow lands an update that has ended since the last look: a moment that the model does
// not foresee, and nobody relies on.
func (f *foreseen) follow(e Endpoint) {
	if f.update == InProgress && e.Update != InProgress {
		f.land()
	}
}

func (f *foreseen) accept(choice int) {
	f.last++
	f.drop()
	f.pending, f.update = &deployed{choice, f.last}, InProgress
}

type machine struct {
	w      *world
	known  map[string]*foreseen
	faults []string
}

func (m *machine) fault(format string, args ...any) {
	m.faults = append(m.faults, fmt.Sprintf(format, args...))
}

// do carries one command out and says what the model makes of it.
func (m *machine) do(s step) {
	synctest.Wait() // a request of the last look may have let time go on, and an update end
	name, ctx := fmt.Sprint("e", s.Name), m.w.t.Context()
	f := m.known[name]
	if e, err := m.w.Get(name); err == nil && f != nil {
		f.follow(e)
	}
	var err error
	want := "ok"
	switch s.Do {
	case "create":
		_, err = m.w.Create(ctx, Spec{Name: name, Config: &choices[s.Config]}, "ann")
		if f != nil {
			want = "exists"
			break
		}
		f = &foreseen{ended: map[int]past{}}
		f.accept(s.Config)
		m.known[name] = f
	case "delete":
		err = m.w.Delete(ctx, name)
		if f == nil {
			want = "missing"
		}
		delete(m.known, name)
	case "update":
		_, err = m.w.Update(ctx, name, choices[s.Config], "ann")
		want = f.can(func() string {
			if f.update == InProgress {
				return "conflict"
			}
			f.accept(s.Config)
			return "ok"
		})
	case "stop":
		_, err = m.w.Stop(ctx, name, "ann")
		want = f.can(func() string {
			if f.update == InProgress || f.active == nil {
				return "state"
			}
			f.drop()
			f.suspended, f.update = true, NotUpdating
			return "ok"
		})
	case "start":
		_, err = m.w.Start(ctx, name, "ann")
		want = f.can(func() string {
			switch {
			case f.update == InProgress:
				return "conflict"
			case !f.suspended:
				return "state"
			}
			f.accept(f.active.choice)
			return "ok"
		})
	case "cancel":
		_, err = m.w.Cancel(ctx, name, "ann")
		want = f.can(func() string {
			if f.update != InProgress {
				return "state"
			}
			f.update = UpdateCanceled
			return "ok"
		})
	case "retry":
		err = m.w.Retry(ctx, name)
		want = f.can(func() string {
			if f.update != UpdateFailed && f.update != UpdateCanceled {
				return "invalid"
			}
			f.update = InProgress
			return "ok"
		})
	case "kill":
		m.kill()
	}
	if got := kindOf(err); got != want {
		m.fault("%v gives %s (%v), the model %s", s, got, err, want)
	}
}

func (f *foreseen) can(fn func() string) string {
	if f == nil {
		return "missing"
	}
	return fn()
}

func kindOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, new(*NotFoundError)):
		return "missing"
	case errors.As(err, new(*ExistsError)):
		return "exists"
	case errors.As(err, new(*ConflictError)):
		return "conflict"
	case errors.As(err, new(*StateError)):
		return "state"
	case errors.As(err, new(*ValidationError)):
		return "invalid"
	}
	return err.Error()
}

// kill leaves the table as it is at this moment, and a new run finds nothing else.
func (m *machine) kill() {
	left := m.w.table.Copy()
	kept := m.w.history.Copy() // it is written first
	for _, table := range []*tabletest.Memory{m.w.table, m.w.history} {
		table.Before = func(map[string][]byte) error { return errors.New("killed") }
	}
	_ = m.w.Close(m.w.t.Context())
	m.w.table, m.w.history = left, kept
	m.w.reopen()
}

// look holds every endpoint against the model.
func (m *machine) look(after step) {
	if n := len(m.w.List()); n != len(m.known) {
		m.fault("after %v: %d endpoints, the model has %d", after, n, len(m.known))
	}
	for name, f := range m.known {
		synctest.Wait() // see do
		e, err := m.w.Get(name)
		if err != nil {
			m.fault("after %v: %s was acknowledged and is lost: %v", after, name, err)
			continue
		}
		f.follow(e)
		if got, want := told(e), f.told(); got != want {
			m.fault("after %v: %s is %s, the model %s", after, name, got, want)
		}
		m.lookBack(after, name, f)
		m.askAll(after, name, f)
	}
}

// lookBack holds the versions that an endpoint had against the model: all that were ever
// accepted, each with its content and how it ended.
func (m *machine) lookBack(after step, name string, f *foreseen) {
	all, err := m.w.Versions(name)
	if err != nil || len(all) != f.last {
		m.fault("after %v: %s has %d versions of %d: %v", after, name, len(all), f.last, err)
		return
	}
	for i, v := range all {
		if v.Config.Version != f.last-i {
			m.fault("after %v: %s has version %d in place %d", after, name, v.Config.Version, i)
			return
		}
		was, ended := f.ended[v.Config.Version]
		if !ended {
			continue // look has seen it
		}
		want, _ := validateConfig(&models{}, &Endpoint{Name: name}, choices[was.choice])
		if d := Compare(want, &v.Config); v.State != was.state || !d.Same() {
			m.fault("after %v: version %d of %s is %s, the model %s; differences %+v", after, v.Config.Version, name, v.State, was.state, d)
		}
	}
}

// askAll sends requests; where one waits for a reload the update may land meanwhile.
func (m *machine) askAll(after step, name string, f *foreseen) {
	may := f.active != nil && !f.suspended
	for range 3 {
		a, err := m.w.ask(name, "")
		switch {
		case err == nil && a.ConfigVersion == f.version():
		case f.update == InProgress && works(f.pending.choice) && err == nil && a.ConfigVersion == f.pending.version:
		case err != nil && !may:
		default:
			m.fault("after %v: %s answers %+v, %v; the model %s", after, name, a.ConfigVersion, err, f.told())
		}
	}
}

func (f *foreseen) version() int {
	if f.active == nil || f.suspended {
		return -1
	}
	return f.active.version
}

// told is an endpoint's state in one line, and what each configuration asks for.
func told(e Endpoint) string {
	words := fmt.Sprintf("%s suspended=%v last=%d", e.Update, e.Suspended, e.LastVersion)
	for _, c := range []*Config{e.Active, e.Pending} {
		if c == nil {
			words += " -"
			continue
		}
		words += fmt.Sprintf(" %d", c.Version)
		for _, s := range c.Entities {
			words += fmt.Sprintf(" %s=%s@%d/%v", s.Name, s.ModelName, s.ModelVersion, s.ScaleToZero)
		}
		words += fmt.Sprint(c.Routes)
	}
	return words
}

func (f *foreseen) told() string {
	e := Endpoint{Update: f.update, Suspended: f.suspended, LastVersion: f.last}
	for d, c := range map[*deployed]**Config{f.active: &e.Active, f.pending: &e.Pending} {
		if d == nil {
			continue
		}
		config, fields := validateConfig(&models{}, &e, choices[d.choice])
		if len(fields) > 0 {
			panic(fields)
		}
		config.Version = d.version
		*c = config
	}
	return told(e)
}

func (m *machine) run(steps []step) {
	for _, s := range steps {
		m.do(s)
		if s.Wait > 0 {
			time.Sleep(s.Wait)
		}
		synctest.Wait()
		m.look(s)
		if len(m.faults) > 0 {
			return
		}
	}
	// Whatever was begun ends without a hand.
	time.Sleep(time.Minute)
	end := step{Do: "the end"}
	m.look(end)
	for name := range m.known {
		e := m.w.get(name)
		if e.Update == InProgress {
			m.fault("%s is still updating", name)
		}
		if ready := e.Active != nil && !e.Suspended; ready != (e.Ready == Ready) {
			m.fault("%s is %s: %s", name, e.Ready, told(e))
		}
	}
}

func TestCommandsAtRandomKeepThePromises(t *testing.T) {
	commands := []string{"create", "update", "update", "update", "update", "stop", "start", "cancel", "cancel", "retry", "delete", "kill", "kill", "wait"}
	waits := []time.Duration{0, 0, 0, 300 * time.Millisecond, 3 * time.Second, 40 * time.Minute}
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{rapid.SampledFrom(commands).Draw(rt, "do"), rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(rt, "name"),
				rapid.IntRange(0, len(choices)-1).Draw(rt, "config"), rapid.SampledFrom(waits).Draw(rt, "wait")}
		}), 20, 40).Draw(rt, "steps")
		var faults []string
		synctest.Test(t, func(t *testing.T) {
			l := &launcher{load: func(ctx context.Context, s runtime.Spec) error {
				if err := loadingFor(time.Second)(ctx, s); err != nil {
					return err
				}
				if strings.HasSuffix(s.Dir, "/b") && strings.HasSuffix(s.Entity, "b-2") {
					return &runtime.LoadError{Message: "version 2 of b is broken"}
				}
				return nil
			}}
			m := &machine{w: open(t, tabletest.New(), l), known: map[string]*foreseen{}}
			m.run(steps)
			faults = m.faults
			_ = m.w.Close(t.Context())
			_ = m.w.telemetry.Close()
			if n := l.open.Load(); n != 0 {
				faults = append(faults, fmt.Sprintf("%d processes are left", n))
			}
		})
		if len(faults) > 0 {
			rt.Fatalf("%s\nsteps: %v", strings.Join(slices.Compact(faults), "\n"), steps)
		}
	})
}
