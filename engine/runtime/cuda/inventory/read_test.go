//go:build cuda && linux && (amd64 || arm64)

package inventory

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"servery/engine/hardware"
	"servery/engine/runtime/cuda/driver"
	"servery/engine/runtime/cuda/driver/standin"
	"servery/engine/runtime/cuda/nvml"
)

func TestWhatTheDriverShows(t *testing.T) {
	libraries := []string{driver.Variable + "=" + standin.Path(t), nvml.Variable + "=" + standin.NVMLPath(t)}
	got := look(t, append(libraries, "STANDIN_DEVICES=2", "STANDIN_CAPABILITY=86", "STANDIN_MEMORY=25769803776")...)
	figures := func(percent float64) *hardware.GPUFigures {
		return &hardware.GPUFigures{MemoryUsed: 1 << 28, Percent: percent, Celsius: 51, Watts: 71.5}
	}
	want := []hardware.GPUs{{Known: true, Driver: "570.00-standin", CUDA: "12.8", Cards: []hardware.GPU{
		{Index: 0, Name: "Stand-in 0", UUID: "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f", Memory: 24 << 30, Capability: "8.6", Processors: 2, Now: figures(40)},
		{Index: 1, Name: "Stand-in 1", UUID: "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f", Memory: 24 << 30, Capability: "8.6", Processors: 2, Now: figures(41)},
	}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestMachinesWithoutAGPUThatServes(t *testing.T) {
	library := driver.Variable + "=" + standin.Path(t)
	for name, c := range map[string]struct {
		environment []string
		kind        hardware.NoGPUKind
		cards       int
		says        string
	}{
		"no driver":  {[]string{driver.Variable + "=/nowhere/libcuda.so.1"}, hardware.NoDriver, 0, "no NVIDIA driver is installed"},
		"no device":  {[]string{library, "STANDIN_DEVICES=0"}, hardware.NoDevice, 0, "finds no GPU"},
		"old driver": {[]string{library, "STANDIN_VERSION=11030"}, hardware.OldDriver, 0, "too old"},
		"old card":   {[]string{library, "STANDIN_CAPABILITY=52"}, hardware.OldCard, 1, "Stand-in 0 is too old: its compute capability is 5.2, and 6.0 is needed"},
	} {
		g := look(t, append(c.environment, nvml.Variable+"="+standin.NVMLPath(t))...)
		if len(g) != 1 || g[0].None == nil || g[0].None.Kind != c.kind || len(g[0].Cards) != c.cards || len(g[0].Fit()) != 0 || !strings.Contains(g[0].Absence(), c.says) {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

func TestCardsWithoutNVMLAreNotMeasured(t *testing.T) {
	for _, environment := range [][]string{{nvml.Variable + "=/nowhere/libnvidia-ml.so.1"}, {nvml.Variable + "=" + standin.NVMLPath(t), "STANDIN_NVML=uninitialised"}} {
		g := look(t, append(environment, driver.Variable+"="+standin.Path(t))...)
		if len(g) != 1 || len(g[0].Fit()) != 1 || g[0].Cards[0].Now != nil || !strings.Contains(g[0].Unmeasured, "NVML") {
			t.Errorf("%v: %+v", environment, g)
		}
	}
}

func TestFiguresComeUntilTheInputEnds(t *testing.T) {
	cmd := exec.Command(os.Args[0], "gpus", "--every", "1ms")
	cmd.Env = append(os.Environ(), driver.Variable+"="+standin.Path(t), nvml.Variable+"="+standin.NVMLPath(t))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(bufio.NewReader(out))
	for i := range 5 {
		var g hardware.GPUs
		if err := lines.Decode(&g); err != nil || len(g.Cards) != 1 || (g.Cards[0].Now == nil) != (i == 0) {
			t.Fatalf("line %d: %+v, %v", i, g, err)
		}
	}
	in.Close()
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestACrashInNVMLLeavesTheCardsKnown(t *testing.T) {
	cmd := exec.Command(os.Args[0], "gpus", "--every", "1h")
	cmd.Env = append(os.Environ(), driver.Variable+"="+standin.Path(t), nvml.Variable+"="+standin.NVMLPath(t), "STANDIN_NVML=crash")
	text, err := cmd.Output()
	if g := parse(t, string(text)); err == nil || len(g) != 1 || len(g[0].Fit()) != 1 {
		t.Errorf("%v: %s", err, text)
	}
}
