package hardware

import (
	"os"
	"runtime"
	"time"

	"github.com/shirou/gopsutil/v3/process"
)

// Process is what this process takes. A figure that the system does not give is 0.
type Process struct {
	UserSeconds, SystemSeconds float64 // processor time since the start
	MemoryBytes, VirtualBytes  int64   // resident, address space
	OpenFiles, Threads         int
	StartedAt                  time.Time
}

// Self reads this process's figures, in a fraction of a millisecond.
func Self() Process {
	var f Process
	p, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		return f
	}
	if t, err := p.Times(); err == nil {
		f.UserSeconds, f.SystemSeconds = t.User, t.System
	}
	if m, err := p.MemoryInfo(); err == nil {
		f.MemoryBytes, f.VirtualBytes = int64(m.RSS), int64(m.VMS)
	}
	if n, err := p.NumThreads(); err == nil {
		f.Threads = int(n)
	}
	if runtime.GOOS != "darwin" { // there it starts a program each time
		if n, err := p.NumFDs(); err == nil {
			f.OpenFiles = int(n)
		}
	}
	if ms, err := p.CreateTime(); err == nil {
		f.StartedAt = time.UnixMilli(ms)
	}
	return f
}
