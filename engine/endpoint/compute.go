package endpoint

import (
	"slices"
	"strings"

	"servery/engine/autoscale"
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

// Workload is a compute type of the product.
type Workload struct {
	Name string
	// Memory is what a served entity of the type may take, in bytes.
	Memory int64
	GPU    bool
}

const gigabyte = 1 << 30

// Workloads are the compute types of all clouds (databricks-sdk-go,
// ServingModelWorkloadType, and the documentation's tables for AWS and Azure).
var Workloads = []Workload{
	{"CPU", 4 * gigabyte, false},
	{"CPU_MEDIUM", 8 * gigabyte, false},
	{"CPU_LARGE", 16 * gigabyte, false},
	{"GPU_SMALL", 16 * gigabyte, true},
	{"GPU_MEDIUM", 24 * gigabyte, true},
	{"GPU_MEDIUM_8", 192 * gigabyte, true},
	{"GPU_LARGE", 80 * gigabyte, true},
	{"GPU_LARGE_2", 160 * gigabyte, true},
	{"GPU_LARGE_4", 320 * gigabyte, true},
	{"GPU_XLARGE", 80 * gigabyte, true},
	{"GPU_XLARGE_8", 640 * gigabyte, true},
	{"MULTIGPU_MEDIUM", 96 * gigabyte, true},
}

func workloadByName(name string) (Workload, bool) {
	i := slices.IndexFunc(Workloads, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return Workload{}, false
	}
	return Workloads[i], true
}

// gpuMessage tells what an entity with a GPU type runs on.
func gpuMessage(workload string) string {
	if w, ok := workloadByName(workload); ok && w.GPU {
		return workload + " is accepted, but this model runs on the CPU: Servery has no GPU support yet."
	}
	return ""
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
