// Package hardware reads this machine's processors and memory through gopsutil, once a
// second, and its GPUs through a process of their own; never on the request path.
package hardware

// Snapshot is the machine now.
type Snapshot struct {
	CPUModel    string
	Cores       int     // logical
	CPUPercent  float64 // of all cores, 0 to 100
	MemoryTotal int64   // bytes
	MemoryUsed  int64   // bytes, total less available
	DiskFree    int64   // bytes free where the data folder lies
	GPUs        GPUs    // of a GPUWatch; a Reader leaves them out
}
