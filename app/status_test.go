package app

import (
	"testing"

	"servery/engine/hardware"
)

func TestWhatTheSidebarSaysOfGPUs(t *testing.T) {
	card := func(percent float64) hardware.GPU {
		return hardware.GPU{Name: "NVIDIA L4", Memory: 24 << 30, Now: &hardware.GPUFigures{Percent: percent}}
	}
	unmeasured := hardware.GPU{Name: "NVIDIA L4", Memory: 24 << 30}
	for _, c := range []struct {
		cards []hardware.GPU
		name  string
		busy  float64
	}{
		{nil, "", -1},
		{[]hardware.GPU{card(50)}, "NVIDIA L4 · 24 GiB", 0.5},
		{[]hardware.GPU{card(50), card(-1), unmeasured, card(0)}, "4 × NVIDIA L4 · 24 GiB", 0.25},
		{[]hardware.GPU{unmeasured}, "NVIDIA L4 · 24 GiB", -1},
		{[]hardware.GPU{{Name: "NVIDIA H100 80GB HBM3", Memory: 85_520_809_984}}, "NVIDIA H100 · 80 GiB", -1},
		{[]hardware.GPU{{Name: "NVIDIA A100-SXM4-40GB", Memory: 40 << 30}}, "NVIDIA A100-SXM4 · 40 GiB", -1},
	} {
		if name, busy := gpuStatus(c.cards); name != c.name || busy != c.busy {
			t.Errorf("%d cards: %q, %g; want %q, %g", len(c.cards), name, busy, c.name, c.busy)
		}
	}
}
