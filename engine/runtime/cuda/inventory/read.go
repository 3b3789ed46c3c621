//go:build cuda && linux && (amd64 || arm64)

package inventory

import (
	"fmt"

	"servery/engine/hardware"
	"servery/engine/runtime/cuda/driver"
	"servery/engine/runtime/cuda/nvml"
)

// Built tells whether this program has CUDA in it.
const Built = true

// read asks the driver.
func read() hardware.GPUs {
	report, err := driver.Load("")
	if err != nil {
		return refusal(err)
	}
	devices, err := driver.Devices()
	if err != nil {
		return refusal(err)
	}
	g := hardware.GPUs{Known: true, CUDA: report.Version.String(), Cards: []hardware.GPU{}}
	for _, d := range devices {
		g.Cards = append(g.Cards, card(d))
	}
	if len(g.Cards) == 0 {
		none := refusal(driver.ErrNoDevice)
		g.None = none.None
	} else if len(g.Fit()) == 0 {
		g.None = &hardware.NoGPU{Kind: hardware.OldCard, Reason: "the GPU " + g.Cards[0].Name + " is too old: " + g.Cards[0].Unfit,
			Advice: "Cards from Pascal on (2016: GTX 1050, P4, P100) can run models."}
	}
	return g
}

// meter measures cards through NVML, which is opened once.
type meter struct {
	opened bool
	nvml   *nvml.Library
	err    error
}

// measure puts new figures into g, in a list of cards of its own.
func (m *meter) measure(g *hardware.GPUs) {
	if len(g.Cards) == 0 {
		return
	}
	if !m.opened {
		m.opened = true
		m.nvml, m.err = nvml.Open("")
	}
	if m.err != nil {
		g.Unmeasured = m.err.Error()
		return
	}
	g.Driver = m.nvml.Driver()
	for i := range g.Cards {
		g.Cards[i].Now = nil
		if f, err := m.nvml.Read(g.Cards[i].UUID); err == nil {
			g.Cards[i].Now = &hardware.GPUFigures{MemoryUsed: f.MemoryUsed, Percent: f.Percent, Celsius: f.Celsius, Watts: f.Watts}
		}
	}
}

func (m *meter) close() {
	if m.nvml != nil {
		m.nvml.Close()
	}
}

// oldestCapability is the compute capability, times 10, of the oldest cards that run the device
// code: 6.0, Pascal.
const oldestCapability = 60

// card describes a device.
func card(d driver.Info) hardware.GPU {
	c := hardware.GPU{Index: d.Index, Name: d.Name, UUID: d.UUID, Memory: d.Memory,
		Capability: capability(d.Capability), Processors: d.Processors}
	if d.Capability < oldestCapability {
		c.Unfit = fmt.Sprintf("its compute capability is %s, and %s is needed", c.Capability, capability(oldestCapability))
	}
	return c
}

func capability(c int) string { return fmt.Sprintf("%d.%d", c/10, c%10) }
