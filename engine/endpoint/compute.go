package endpoint

import (
	"context"
	"slices"
	"strings"

	"servery/engine/autoscale"
	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/runtime/placement"
)

// MaxConcurrency is the product's limit of provisioned concurrency for one model.
const MaxConcurrency = 1024

// Size is a compute scale-out of the product: a range of requests at once.
type Size struct {
	Name     string
	Min, Max int
}

// Sizes are the product's, smallest first.
var Sizes = []Size{{"Small", 4, 4}, {"Medium", 8, 16}, {"Large", 16, 64}}

// sizeByName finds a size; ok is false for a name that is none.
func sizeByName(name string) (Size, bool) {
	i := slices.IndexFunc(Sizes, func(s Size) bool { return s.Name == name })
	if i < 0 {
		return Size{}, false
	}
	return Sizes[i], true
}

const gigabyte = 1 << 30

// Workloads are the compute types of all clouds (databricks-sdk-go,
// ServingModelWorkloadType, and the documentation's tables for AWS and Azure).
var Workloads = []placement.Workload{
	{Name: "CPU", Memory: 4 * gigabyte},
	{Name: "CPU_MEDIUM", Memory: 8 * gigabyte},
	{Name: "CPU_LARGE", Memory: 16 * gigabyte},
	{Name: "GPU_SMALL", Memory: 16 * gigabyte, Cards: 1},
	{Name: "GPU_MEDIUM", Memory: 24 * gigabyte, Cards: 1},
	{Name: "GPU_MEDIUM_8", Memory: 192 * gigabyte, Cards: 8},
	{Name: "GPU_LARGE", Memory: 80 * gigabyte, Cards: 1},
	{Name: "GPU_LARGE_2", Memory: 160 * gigabyte, Cards: 2},
	{Name: "GPU_LARGE_4", Memory: 320 * gigabyte, Cards: 4},
	{Name: "GPU_XLARGE", Memory: 80 * gigabyte, Cards: 1},
	{Name: "GPU_XLARGE_8", Memory: 640 * gigabyte, Cards: 8},
	{Name: "MULTIGPU_MEDIUM", Memory: 96 * gigabyte, Cards: 4},
}

func workloadByName(name string) (placement.Workload, bool) {
	i := slices.IndexFunc(Workloads, func(w placement.Workload) bool { return w.Name == name })
	if i < 0 {
		return placement.Workload{}, false
	}
	return Workloads[i], true
}

// place decides what an entity runs on, and gives what its state says of that: "" for a CPU
// type. It waits for GPUs that are being looked for where that matters.
func (s *Service) place(ctx context.Context, workload string, v registry.Version) (placement.Placement, string) {
	w, ok := workloadByName(workload)
	if !ok || !w.GPU() {
		return placement.Placement{}, ""
	}
	var g hardware.GPUs
	if s.options.GPUs != nil {
		g = s.options.GPUs(ctx)
	}
	p := placement.Decide(placement.ModelOf(v), w, g, placement.Supported)
	if p.OnGPU {
		return p, "Runs on " + p.String() + "."
	}
	return p, w.Name + " is accepted, but this model runs on the CPU: " + p.Reason + "."
}

// OnGPU names what of the endpoints runs on the GPU with that index now, "endpoint/entity".
func OnGPU(all []Endpoint, index int) []string {
	names := []string{}
	for _, e := range all {
		for _, c := range []*Config{e.Active, e.Pending} {
			if c == nil {
				continue
			}
			for _, s := range c.Entities {
				name := e.Name + "/" + s.Name
				if p := s.Live.Placement; p.OnGPU && p.Index == index && s.Live.PID != 0 && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// memoryLimit is what an entity's process may take on a machine with that much memory
// (0 where that is not known), in bytes.
func memoryLimit(workload string, machine int64) int64 {
	w, ok := workloadByName(workload)
	if !ok {
		w = Workloads[0]
	}
	if machine > 0 {
		return min(w.Memory, machine)
	}
	return w.Memory
}

// limits is what an entity's scaling may do. An entity that scales to zero wakes to its
// size's lower end: Medium sleeps at 0, and works at 8 to 16.
func (e *ServedEntity) limits() autoscale.Limits {
	l := autoscale.Limits{Min: e.MinConcurrency, Max: e.MaxConcurrency, ScaleToZero: e.ScaleToZero}
	if s, ok := sizeByName(e.WorkloadSize); ok {
		l.Min, l.Max = s.Min, s.Max
	}
	return l
}

// DefaultEntityName is the name that a served entity gets where none is given: the last
// part of the model's name, a dash and the version.
func DefaultEntityName(model, version string) string {
	last := model[strings.LastIndexByte(model, '.')+1:]
	if most := maxName - 1 - len(version); most > 0 && len(last) > most {
		last = last[:most]
	}
	return last + "-" + version
}

func workloadNames() string {
	names := make([]string, len(Workloads))
	for i, w := range Workloads {
		names[i] = w.Name
	}
	return strings.Join(names, ", ")
}
