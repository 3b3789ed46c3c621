package hardware

import "slices"

// GPUs are the machine's GPUs: what NVIDIA's driver tells of them when the program looks for
// them, and what its NVML measures since. It never changes once it is made.
type GPUs struct {
	// Known is false while nobody has looked yet.
	Known bool `json:"known"`
	// Driver is the version of NVIDIA's driver, "535.183.01", and CUDA the newest version of
	// its API that it serves, "12.2"; "" where they are not told.
	Driver string `json:"driver_version"`
	CUDA   string `json:"cuda_version"`
	// Cards are all that the driver shows, by their index there.
	Cards []GPU `json:"cards"`
	// None says why no card can run models; nil where one can.
	None *NoGPU `json:"none,omitempty"`
	// Unmeasured says why nothing is measured; "" where something is.
	Unmeasured string `json:"unmeasured,omitempty"`
}

// GPU is one card.
type GPU struct {
	Index      int    `json:"index"` // from 0
	Name       string `json:"name"`  // "NVIDIA H100 80GB HBM3"
	UUID       string `json:"uuid"`
	Memory     int64  `json:"memory_bytes"`       // all of it
	Capability string `json:"compute_capability"` // "9.0"
	Processors int    `json:"multiprocessors"`
	// Unfit says why the card cannot run models; "" where it can.
	Unfit string `json:"unfit,omitempty"`
	// Now is what was measured last; nil where nothing is.
	Now *GPUFigures `json:"now,omitempty"`
}

// GPUFigures are measured. One that the card does not tell is below zero.
type GPUFigures struct {
	MemoryUsed int64   `json:"memory_used_bytes"`
	Percent    float64 `json:"utilization_percent"` // 0 to 100
	Celsius    float64 `json:"temperature_celsius"`
	Watts      float64 `json:"power_watts"`
}

// NoGPU says why there is no GPU for models. Reason is a clause without a full stop, Advice
// sentences on what to do.
type NoGPU struct {
	Kind   NoGPUKind `json:"kind"`
	Reason string    `json:"reason"`
	Advice string    `json:"advice"`
}

// NoGPUKind tells the reasons apart.
type NoGPUKind string

// The kinds of reason.
const (
	NotBuilt    NoGPUKind = "not_built"    // the program has no CUDA in it
	NoDriver    NoGPUKind = "no_driver"    // NVIDIA's driver is not installed
	NoDevice    NoGPUKind = "no_device"    // the driver shows no GPU
	OldDriver   NoGPUKind = "old_driver"   // the driver is older than CUDA needs it here
	OldCard     NoGPUKind = "old_card"     // no card is new enough
	DriverFails NoGPUKind = "driver_fails" // the driver answers with another error
	ProbeFails  NoGPUKind = "probe_fails"  // the process that asks the driver crashed or hung
)

// Fit are the cards that can run models.
func (g GPUs) Fit() []GPU {
	var fit []GPU
	for _, c := range g.Cards {
		if c.Unfit == "" {
			fit = append(fit, c)
		}
	}
	return fit
}

// Absence is why no GPU runs models, as a clause without a full stop; "" where one can.
func (g GPUs) Absence() string {
	switch {
	case !g.Known:
		return "it is not known yet whether this machine has a GPU"
	case g.None != nil:
		return g.None.Reason
	}
	return ""
}

// measured tells whether what can be measured of the cards has been.
func (g GPUs) measured() bool {
	return len(g.Cards) == 0 || g.Unmeasured != "" || slices.ContainsFunc(g.Cards, func(c GPU) bool { return c.Now != nil })
}

// Free is the card's memory that nobody uses, in bytes; all of it where that is not measured.
func (c GPU) Free() int64 {
	if c.Now == nil || c.Now.MemoryUsed < 0 {
		return c.Memory
	}
	return max(0, c.Memory-c.Now.MemoryUsed)
}
