package endpoint

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/runtime"
)

// vault is Secrets with one value, which its user may read.
type vault struct {
	value atomic.Pointer[string]
	asked atomic.Int32
}

func (v *vault) Resolve(_ context.Context, user, reference string) (string, error) {
	v.asked.Add(1)
	if reference != "{{secrets/sc/key}}" || user != "ann@example.com" {
		return "", errors.New("Secret does not exist with scope 'sc' and key 'none'.")
	}
	return *v.value.Load(), nil
}

func withSecret(name, reference string) Spec {
	spec := one(name)
	spec.Config.Entities[0].EnvironmentVars = map[string]string{"KEY": reference, "PLAIN": "a {{secrets/sc/key}}"}
	return spec
}

func TestASecretReachesTheWorkersEnvironmentAndNothingElse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		const canary = "canary-5f2c"
		v := &vault{}
		v.value.Store(pointer(canary))
		w.options.Secrets = v
		w.ready(withSecret("digits", "{{secrets/sc/key}}"))
		got := w.launcher.runner("digits/a-1").spec.Environment
		if got["KEY"] != canary || got["PLAIN"] != "a {{secrets/sc/key}}" {
			t.Errorf("the process gets %v", got)
		}
		e := w.get("digits")
		if said := e.Active.Entities[0].EnvironmentVars["KEY"]; said != "{{secrets/sc/key}}" {
			t.Errorf("the picture says %q", said)
		}
		if all := fmt.Sprintf("%+v %+v", e, *e.Active); strings.Contains(all, canary) {
			t.Errorf("the picture holds the value: %s", all)
		}
		for _, event := range w.telemetry.Events("digits", 100) {
			if strings.Contains(event.Message, canary) {
				t.Errorf("an event holds the value: %s", event.Message)
			}
		}
		for key, row := range w.table.Copy().Rows {
			if strings.Contains(key+string(row), canary) {
				t.Errorf("the table holds the value: %s", row)
			}
		}
	})
}

func TestAChangedSecretCountsFromTheNextLoadOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		v := &vault{}
		v.value.Store(pointer("old"))
		w.options.Secrets = v
		spec := withSecret("digits", "{{secrets/sc/key}}")
		spec.Config.Entities[0].ScaleToZero = pointer(true)
		w.ready(spec)
		v.value.Store(pointer("new"))
		time.Sleep(2 * time.Hour) // it scales to zero
		if w.launcher.open.Load() != 0 {
			t.Fatal("it does not scale to zero")
		}
		if _, err := w.ask("digits", ""); err != nil {
			t.Fatal(err)
		}
		if got := w.launcher.runner("digits/a-1").spec.Environment["KEY"]; got != "new" {
			t.Errorf("the process gets %q", got)
		}
		if n := v.asked.Load(); n != 2 {
			t.Errorf("resolved %d times for two loads", n)
		}
	})
}

func TestASecretThatIsNotThereFailsTheDeployment(t *testing.T) {
	for _, c := range []struct {
		name, reference, value string
		secrets                bool
		want                   string
	}{
		{"missing", "{{secrets/sc/none}}", "", true, "The environment variable KEY refers to {{secrets/sc/none}}. Secret does not exist with scope 'sc' and key 'none'."},
		{"without secrets", "{{secrets/sc/key}}", "", false, "there are no secrets here"},
		{"with a NUL", "{{secrets/sc/key}}", "a\x00b", true, "has a NUL character"},
		{"too long", "{{secrets/sc/key}}", strings.Repeat("x", maxVariable), true, "65536 bytes long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				if c.secrets {
					v := &vault{}
					v.value.Store(&c.value)
					w.options.Secrets = v
				}
				w.launcher.load = func(context.Context, runtime.Spec) error {
					t.Error("the model was loaded all the same")
					return nil
				}
				w.create(withSecret("digits", c.reference))
				synctest.Wait()
				e := w.get("digits")
				if e.Update != UpdateFailed || e.Ready != NotReady {
					t.Fatalf("the endpoint is %s, %s", e.Ready, e.Update)
				}
				if got := e.Pending.Entities[0].Message; !strings.Contains(got, c.want) || strings.Contains(got, "xxxx") {
					t.Errorf("it says %.200q", got)
				}
			})
		})
	}
}
