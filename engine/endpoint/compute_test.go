package endpoint

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/runtime/placement"
	"servery/engine/telemetry"
)

var (
	withoutDriver = hardware.GPUs{Known: true, None: &hardware.NoGPU{Kind: hardware.NoDriver, Reason: "no NVIDIA driver is installed on this machine"}}
	withCard      = hardware.GPUs{Known: true, Cards: []hardware.GPU{{Name: "NVIDIA L4", Memory: 24 << 30}}}
)

func withType(name string) Spec {
	spec := one("digits")
	spec.Config.Entities[0].WorkloadType = name
	return spec
}

// convolutions lets the device code compute Conv, and the models be of that.
func convolutions(t *testing.T, w *world) {
	before := placement.Supported
	placement.Supported = map[string]bool{"Conv": true}
	t.Cleanup(func() { placement.Supported = before })
	w.models.graph = &registry.Graph{Operators: []registry.OperatorCount{{Name: "Conv", Count: 1}}}
}

func TestWhatAGPUTypeRunsOnIsSaidEverywhere(t *testing.T) {
	for name, c := range map[string]struct {
		gpus hardware.GPUs
		note string
	}{
		"no driver": {withoutDriver, "GPU_MEDIUM is accepted, but this model runs on the CPU: no NVIDIA driver is installed on this machine."},
		"a card":    {withCard, "Runs on GPU 0, NVIDIA L4."},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				convolutions(t, w)
				w.gpus = c.gpus
				w.ready(withType("GPU_MEDIUM"))
				if s := w.get("digits").Active.Entities[0]; s.WorkloadType != "GPU_MEDIUM" || s.Message != c.note {
					t.Errorf("state: %+v", s)
				}
				if log := w.logged(telemetry.BuildLog, "digits", "a-1", 1); !slices.Contains(log, "[INFO] Compute: "+c.note) {
					t.Errorf("build log:\n%s", strings.Join(log, "\n"))
				}
				log, _ := w.telemetry.Log("digits", telemetry.ServiceLog, "a-1", 1)
				if !strings.Contains(log, "[INFO] "+c.note) {
					t.Errorf("service log:\n%s", log)
				}
				if !slices.ContainsFunc(w.telemetry.Events("digits", 100), func(e telemetry.Event) bool {
					return e.Type == telemetry.EntityReady && strings.HasSuffix(e.Message, c.note)
				}) {
					t.Errorf("events: %+v", w.telemetry.Events("digits", 100))
				}
			})
		})
	}
}

func TestACPUTypeSaysNothingOfGPUs(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		convolutions(t, w)
		w.gpus = withCard
		w.ready(withType("CPU_MEDIUM"))
		if s := w.get("digits").Active.Entities[0]; s.Message != "" {
			t.Errorf("%+v", s)
		}
	})
}

func TestTheReasonIsTheModelsOwnWhereThereIsACard(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		convolutions(t, w)
		w.models.graph.Operators = append(w.models.graph.Operators, registry.OperatorCount{Name: "Loop", Count: 1})
		w.gpus = withCard
		w.ready(withType("GPU_SMALL"))
		if s := w.get("digits").Active.Entities[0]; s.Message != "GPU_SMALL is accepted, but this model runs on the CPU: the operator Loop is not on the GPU." {
			t.Errorf("%+v", s)
		}
	})
}

// A model keeps its process over an update that changes nothing for it, unless it would now be
// placed elsewhere.
func TestAnUpdateMovesAModelToACardThatHasCome(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		convolutions(t, w)
		w.gpus = withoutDriver
		w.ready(withType("GPU_SMALL"))
		again := func(launches int32, says string) {
			t.Helper()
			before := w.launcher.launches.Load()
			if _, err := w.Update(context.Background(), "digits", *withType("GPU_SMALL").Config, "me"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			s := w.get("digits").Active.Entities[0]
			if got := w.launcher.launches.Load() - before; got != launches || !strings.Contains(s.Message, says) {
				t.Errorf("%d launches, want %d: %+v", got, launches, s)
			}
		}
		again(0, "no NVIDIA driver")
		w.gpus = withCard
		again(1, "Runs on GPU 0")
		w.gpus.Cards = []hardware.GPU{{Index: 1, Name: "NVIDIA H100", Memory: 80 << 30}}
		again(0, "Runs on GPU 0")
	})
}

func TestTheRunnerIsAskedForTheCard(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		convolutions(t, w)
		w.gpus = hardware.GPUs{Known: true, Cards: []hardware.GPU{{Name: "NVIDIA T4", Memory: 1 << 20}, {Index: 1, Name: "NVIDIA L4", Memory: 24 << 30}}}
		spec := withType("GPU_SMALL")
		spec.Config.Entities[0].EnvironmentVars = map[string]string{runtime.PrecisionVariable: "fp16"}
		w.ready(spec)
		if got := w.launcher.runner("digits/a-1").spec.GPU; got == nil || *got != (runtime.GPU{Index: 1, Precision: "fp16"}) {
			t.Errorf("%+v", got)
		}
	})
}

// What a load or a loss shows is said in place of what was expected, and the next update tries
// again.
func TestACardThatCouldNotBeHad(t *testing.T) {
	for name, lost := range map[string]bool{"at the load": false, "later": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				convolutions(t, w)
				w.gpus = withCard
				if !lost {
					w.launcher.reason = "the GPU's memory is too small"
				}
				w.ready(withType("GPU_SMALL"))
				if lost {
					if s := w.get("digits").Active.Entities[0]; s.Message != "Runs on GPU 0, NVIDIA L4." {
						t.Errorf("%+v", s)
					}
					if on := OnGPU(w.List(), 0); !slices.Equal(on, []string{"digits/a-1"}) {
						t.Errorf("on the card: %v", on)
					}
					w.launcher.reason = "the GPU was lost 3 times."
					w.launcher.runner("digits/a-1").notify(runtime.Notice{Kind: runtime.LeftGPU, At: time.Now(), Message: "left"})
					if events := w.telemetry.Events("digits", 100); !slices.ContainsFunc(events, func(e telemetry.Event) bool { return e.Type == telemetry.LeftGPU && e.Message == "left" }) {
						t.Errorf("%+v", events)
					}
				} else if log := w.logged(telemetry.BuildLog, "digits", "a-1", 1); !slices.Contains(log, "[WARNING] Compute: Runs on the CPU, not on GPU 0, NVIDIA L4: the GPU's memory is too small.") {
					t.Errorf("build log:\n%s", strings.Join(log, "\n"))
				}
				want := "Runs on the CPU, not on GPU 0, NVIDIA L4: " + strings.TrimSuffix(w.launcher.reason, ".") + "."
				if s := w.get("digits").Active.Entities[0]; s.Message != want {
					t.Errorf("%q, want %q", s.Message, want)
				}
				if on := OnGPU(w.List(), 0); len(on) > 0 {
					t.Errorf("on the card: %v", on)
				}
				w.launcher.reason = ""
				before := w.launcher.launches.Load()
				if _, err := w.Update(context.Background(), "digits", *withType("GPU_SMALL").Config, "me"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if s := w.get("digits").Active.Entities[0]; s.Message != "Runs on GPU 0, NVIDIA L4." || w.launcher.launches.Load() != before+1 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestTheTypesAreTheProductsOwn(t *testing.T) {
	for _, w := range Workloads {
		if w.GPU() != strings.Contains(w.Name, "GPU") {
			t.Errorf("%s: %d cards", w.Name, w.Cards)
		}
		if w.GPU() && w.Memory%int64(w.Cards) != 0 {
			t.Errorf("%s: %d bytes on %d cards", w.Name, w.Memory, w.Cards)
		}
	}
}
