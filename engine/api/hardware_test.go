package api

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/runtime/placement"
)

func (f *fake) Hardware() hardware.Snapshot {
	return hardware.Snapshot{CPUModel: "AMD EPYC 7B13", Cores: 16, CPUPercent: 12.5, MemoryTotal: 64e9, MemoryUsed: 13e9, DiskFree: 1e12, GPUs: f.gpus}
}

func (f *fake) RefreshHardware(context.Context) hardware.Snapshot {
	f.gpus = f.refreshed
	return f.Hardware()
}

var (
	noDriver = hardware.GPUs{Known: true, Cards: []hardware.GPU{}, None: &hardware.NoGPU{Kind: hardware.NoDriver, Reason: "no NVIDIA driver is installed on this machine", Advice: "Install it."}}
	oneCard  = hardware.GPUs{Known: true, Driver: "570.1", CUDA: "12.8", Cards: []hardware.GPU{{Name: "NVIDIA L4", UUID: "GPU-1", Memory: 24 << 30, Capability: "8.9", Processors: 58,
		Now: &hardware.GPUFigures{MemoryUsed: 1 << 30, Percent: 57, Celsius: 51, Watts: 70}}}}
)

func TestTheMachine(t *testing.T) {
	const path = "/api/2.0/servery/hardware"
	f := withDigits(newFake())
	e := f.endpoints["digits"]
	active := *e.Active
	active.Entities = append([]endpoint.ServedEntity{}, active.Entities...)
	active.Entities[0].Live = endpoint.Live{PID: 7, Placement: placement.Placement{OnGPU: true, Name: "NVIDIA L4"}}
	e.Active = &active
	f.endpoints["digits"] = e
	f.gpus, f.refreshed = noDriver, oneCard
	s := New(f, Options{})
	const machine = `{"cpu":{"name":"AMD EPYC 7B13","cores":16,"utilization_percent":12.5},"memory":{"used_bytes":13000000000,"total_bytes":64000000000},"disk_free_bytes":1000000000000,"gpus":`
	card := `{"known":true,"driver_version":"570.1","cuda_version":"12.8","cards":[{"index":0,"name":"NVIDIA L4","uuid":"GPU-1","memory_bytes":25769803776,"compute_capability":"8.9","multiprocessors":58,` +
		`"now":{"memory_used_bytes":1073741824,"utilization_percent":57,"temperature_celsius":51,"power_watts":70},"entities":["digits/` + active.Entities[0].Name + `"]}]}}`
	none := `{"known":true,"driver_version":"","cuda_version":"","cards":[],"none":{"kind":"no_driver","reason":"no NVIDIA driver is installed on this machine","advice":"Install it."}}}`
	for _, c := range []struct{ query, want string }{
		{"", machine + none}, {"?refresh=false", machine + none}, {"?refresh=true", machine + card}, {"", machine + card},
	} {
		if a := ask(t, s, "GET", path+c.query, ""); a.status != 200 || strings.TrimSpace(a.body) != c.want {
			t.Errorf("%q: status %d %s", c.query, a.status, a.body)
		}
	}
	if a := ask(t, s, "GET", path+"?refresh=now", ""); a.status != 400 || !strings.Contains(a.body, "'refresh'") {
		t.Errorf("status %d %s", a.status, a.body)
	}
	var read struct{ GPUs hardware.GPUs }
	a := ask(t, s, "GET", path, "")
	if err := json.Unmarshal([]byte(a.body), &read); err != nil || !reflect.DeepEqual(read.GPUs, oneCard) {
		t.Errorf("%+v, %v", read.GPUs, err)
	}
}

func TestAVersionSaysWhatItRunsOn(t *testing.T) {
	f := withDigits(newFake())
	f.gpus = noDriver
	s := New(f, Options{})
	for _, path := range []string{"/api/2.0/servery/models", "/api/2.0/servery/models/main.default.digits"} {
		if a := ask(t, s, "GET", path, ""); a.status != 200 || !strings.Contains(a.body, `"runs_on":{"gpu":"","reason":"no NVIDIA driver is installed on this machine"}`) {
			t.Errorf("%s: status %d %s", path, a.status, a.body)
		}
	}
}
