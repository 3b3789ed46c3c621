package config

import (
	"fmt"
	"slices"
	"strings"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/runtime/placement"
	"servery/views/widgets"
)

// computes are the compute types of the product, with what of this machine stands in for each.
// Those of the CPU come first.
func computes(h hardware.Snapshot) []widgets.Option {
	var all []widgets.Option
	for _, w := range endpoint.Workloads {
		label := fmt.Sprintf("%s · up to %d GiB of memory", w.Name, w.Memory>>30)
		switch {
		case w.Name == "CPU":
			label = strings.TrimSuffix("CPU · "+h.CPUModel, " · ")
		case w.GPU():
			label = w.Name + " · " + placement.StandIn(w, h.GPUs)
		}
		all = append(all, widgets.Option{Value: w.Name, Label: label})
	}
	return all
}

// computeHelp says what the chosen model will run on here, and whether it fits.
func (c *Card) computeHelp(h hardware.Snapshot) string {
	e := c.value()
	i := slices.IndexFunc(endpoint.Workloads, func(w placement.Workload) bool { return w.Name == e.Compute })
	v, known := c.editor.version(e.Model, e.Version)
	if i < 0 || !endpoint.Workloads[i].GPU() || !known {
		return fmt.Sprintf("This machine: %s, %s of memory free.",
			widgets.Count(h.Cores, "core", "cores"), widgets.Bytes(max(0, h.MemoryTotal-h.MemoryUsed)))
	}
	m := placement.ModelOf(v)
	p := placement.Decide(m, endpoint.Workloads[i], h.GPUs, placement.Supported)
	if !p.OnGPU {
		return "Runs on the CPU here: " + p.Reason + "."
	}
	free := int64(0)
	for _, g := range h.GPUs.Cards {
		if g.Index == p.Index {
			free = g.Free()
		}
	}
	need := placement.Need(m.Bytes)
	fits := "needs about"
	if need > free {
		fits = "may not fit: it needs about"
	}
	return fmt.Sprintf("Runs on %s, and %s %s of the %s that are free there.", p, fits, placement.GiB(need), placement.GiB(free))
}
