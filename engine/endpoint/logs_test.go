package endpoint

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/runtime"
	"servery/engine/telemetry"
)

// logged is a log's lines without their times and replicas.
func (w *world) logged(kind telemetry.LogKind, endpoint, entity string, version int) []string {
	w.t.Helper()
	text, known := w.telemetry.Log(endpoint, kind, entity, version)
	if !known {
		w.t.Errorf("%s of %s has no %s log", entity, endpoint, kind)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range lines {
		lines[i] = logStart.ReplaceAllString(lines[i], "")
	}
	return lines
}

var logStart = regexp.MustCompile(`^(\[[b-z2-9]{10}\] )?\[20\d\d-\d\d-\d\d \d\d:\d\d:\d\d \+0000\] `)

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	for len(got) > 0 && len(want) > 0 && strings.HasPrefix(got[0], want[0]) {
		got, want = got[1:], want[1:]
	}
	if len(got)+len(want) > 0 {
		t.Errorf("the log goes on with\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestABuildLogTellsEachStage(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(two("pair", 90, 10))
		wantLines(t, w.logged(telemetry.BuildLog, "pair", "b-1", 1),
			"[INFO] Deploying configuration 1.",
			"[INFO] Import: version 1 of main.default.b is model.onnx, 26 kB, imported ",
			"[INFO] Hash: SHA-256 ",
			"[INFO] Validate: done in ",
			"[INFO] Load: starting the model's process.",
			"[INFO] Load: the files are those that were imported; loaded in 300 ms, 80.0 MB of memory, Fake 1.0 · CPU.",
			"[INFO] Batching: on, 7.1 × per row at 8 rows.",
			"[INFO] Load: done in ",
			"[INFO] Dry run: input example in ",
			"[INFO] Dry run: done in ",
			"[INFO] Warm up: 1 session.",
			"[INFO] Warm up: done in ",
			"[INFO] Switch traffic: stored in ",
			"[INFO] Switch traffic: done in ",
			"[INFO] Switch traffic: 10 % of the endpoint's requests.",
			"[INFO] Configuration 1 is active.",
		)
		next := two("pair", 50, 50).Config
		next.Entities[0].ModelVersion = "2"
		next.Entities[0].Name = "a-1"
		if _, err := w.Update(t.Context(), "pair", *next, "ann@example.com"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := w.logged(telemetry.BuildLog, "pair", "b-1", 2)
		if !slices.Contains(got, "[INFO] Load: unchanged, it goes on running.") || !slices.Contains(got, "[INFO] Switch traffic: 50 % of the endpoint's requests.") {
			t.Errorf("an entity that is kept: %q", got)
		}
		if got := w.logged(telemetry.BuildLog, "pair", "a-1", 2); !strings.Contains(strings.Join(got, "\n"), "version 2 of main.default.a") {
			t.Errorf("an entity that changes: %q", got)
		}
		w.update("pair", version("2"))
		synctest.Wait()
		got = w.logged(telemetry.BuildLog, "pair", "a-2", 3)
		// It goes on beside the last lines of the deployment.
		if !slices.ContainsFunc(got, func(l string) bool {
			return strings.HasPrefix(l, "[INFO] Drain: a-1, b-1 of configuration 2 ended after ")
		}) {
			t.Errorf("what is replaced: %q", got)
		}
	})
}

func TestLogsTellWhyADeploymentFailed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.launcher.load = func(ctx context.Context, spec runtime.Spec) error {
			if spec.Entity == "pair/b-1" {
				return &runtime.LoadError{Message: "There is no operator Foo."}
			}
			return nil
		}
		w.create(two("pair", 90, 10))
		synctest.Wait()
		b, a := w.logged(telemetry.BuildLog, "pair", "b-1", 1), w.logged(telemetry.BuildLog, "pair", "a-1", 1)
		if b[len(b)-1] != "[ERROR] There is no operator Foo." || a[len(a)-1] != "[WARNING] "+messageAborted {
			t.Errorf("b-1 %q, a-1 %q", b, a)
		}
		wantLines(t, w.logged(telemetry.ServiceLog, "pair", "b-1", 1), "[ERROR] An error occurred while loading the model. There is no operator Foo.")
	})
}

func TestAServiceLogTellsWhatBecomesOfTheProcess(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(sleepy("digits"))
		r := w.launcher.runner("digits/a-1")
		r.notify(runtime.Notice{Kind: runtime.LogLine, At: time.Now(), Message: "a warning of the runtime"})
		r.notify(runtime.Notice{Kind: runtime.Died, At: time.Now(), Message: "It ended."})
		r.notify(runtime.Notice{Kind: runtime.Restarted, At: time.Now(), Message: "It is back."})
		time.Sleep(40 * time.Minute)
		synctest.Wait()
		if _, err := w.ask("digits", ""); err != nil {
			t.Fatal(err)
		}
		wantLines(t, w.logged(telemetry.ServiceLog, "digits", "a-1", 0),
			"[1] [INFO] Booting worker with pid: 1",
			"[1] [INFO] Loaded in 300 ms, 80.0 MB of memory, Fake 1.0 · CPU.",
			"[1] [INFO] a warning of the runtime",
			"[1] [ERROR] It ended.",
			"[1] [INFO] Booting worker with pid: 1",
			"[1] [INFO] Worker exiting (pid: 1): ",
			"[2] [INFO] Booting worker with pid: 2",
			"[2] [INFO] Loaded in ",
		)
		text, _ := w.telemetry.Log("digits", telemetry.ServiceLog, "a-1", 0)
		replicas := map[string]int{}
		for line := range strings.Lines(text) {
			replicas[line[:12]]++
		}
		if len(replicas) != 2 {
			t.Errorf("replicas %v", replicas)
		}
		w.create(one("other"))
		synctest.Wait()
		if text, _ := w.telemetry.Log("other", telemetry.ServiceLog, "a-1", 0); replicas[text[:12]] > 0 {
			t.Errorf("another endpoint's replica is the same: %s", text)
		}
	})
}

// A request writes nothing: the log of a busy entity is no longer than that of an idle one.
func TestARequestWritesNoLog(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		before := fmt.Sprint(w.telemetry.Log("digits", telemetry.ServiceLog, "a-1", 0))
		for range 10 {
			if _, err := w.ask("digits", ""); err != nil {
				t.Fatal(err)
			}
		}
		if after := fmt.Sprint(w.telemetry.Log("digits", telemetry.ServiceLog, "a-1", 0)); after != before {
			t.Errorf("requests wrote %s", after)
		}
	})
}
