package hardware

import (
	"cmp"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/mem"
)

// Reader keeps a fresh Snapshot. All methods may be called from many goroutines at once.
type Reader struct {
	snapshot atomic.Pointer[Snapshot]
	done     chan struct{}
	once     sync.Once
	loop     sync.WaitGroup
}

// Start reads the machine once before it returns, and then again each time that every
// has passed, until Close. dataDir is a path on the disk whose free space is told.
// A figure that the system does not give is 0 in the first snapshot and keeps its last
// value later.
func Start(dataDir string, every time.Duration) *Reader {
	s := Snapshot{CPUModel: model(), Cores: cores()}
	return start(s, every, func(s *Snapshot) { read(s, dataDir) })
}

// Read reads the machine once, without its GPUs and without how busy its processors are.
func Read(dataDir string) Snapshot {
	s := Snapshot{CPUModel: model(), Cores: cores()}
	read(&s, dataDir)
	s.CPUPercent = 0
	return s
}

func start(s Snapshot, every time.Duration, read func(*Snapshot)) *Reader {
	r := &Reader{done: make(chan struct{})}
	read(&s)
	first := s
	r.snapshot.Store(&first)
	r.loop.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-r.done:
				return
			case <-tick.C:
				read(&s)
				next := s
				r.snapshot.Store(&next)
			}
		}
	})
	return r
}

// Snapshot is the machine at the last reading, at most one interval ago. It costs one
// atomic load.
func (r *Reader) Snapshot() Snapshot { return *r.snapshot.Load() }

// Close ends the readings and waits for the one under way. Snapshot keeps the last one.
func (r *Reader) Close() {
	r.once.Do(func() { close(r.done) })
	r.loop.Wait()
}

// read refreshes what changes. With interval 0 cpu.Percent does not wait: it compares
// with its last call, and only this goroutine calls it.
func read(s *Snapshot, dataDir string) {
	if p, err := cpu.Percent(0, false); err == nil && len(p) == 1 && !math.IsNaN(p[0]) {
		s.CPUPercent = min(max(p[0], 0), 100)
	}
	if m, err := mem.VirtualMemory(); err == nil {
		s.MemoryTotal = int64(m.Total)
		s.MemoryUsed = int64(m.Total - min(m.Available, m.Total))
	}
	if d, err := disk.Usage(dataDir); err == nil {
		s.DiskFree = int64(d.Free)
	}
}

// System names the operating system and its release: "debian 12.11, kernel 6.1.0".
func System() string {
	info, err := host.Info()
	if err != nil {
		return runtime.GOOS
	}
	name := strings.TrimSpace(cmp.Or(info.Platform, runtime.GOOS) + " " + info.PlatformVersion)
	if info.KernelVersion != "" {
		name += ", kernel " + info.KernelVersion
	}
	return name
}

// model is the processor's name, as its maker writes it but without repeated spaces;
// the architecture where there is none (virtual machines, some ARM boards).
func model() string {
	name := ""
	if info, err := cpu.Info(); err == nil && len(info) > 0 {
		name = strings.Join(strings.Fields(info[0].ModelName), " ")
	}
	return cmp.Or(name, runtime.GOARCH)
}

func cores() int {
	if n, err := cpu.Counts(true); err == nil && n > 0 {
		return n
	}
	return runtime.NumCPU()
}
