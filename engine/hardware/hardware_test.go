package hardware

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheFirstSnapshotIsWholeAtOnce(t *testing.T) {
	r := Start(t.TempDir(), time.Hour)
	defer r.Close()
	s := r.Snapshot()
	if s.CPUModel == "" || s.Cores < 1 {
		t.Errorf("processor %q with %d cores", s.CPUModel, s.Cores)
	}
	if s.MemoryTotal < 64<<20 || s.MemoryUsed <= 0 || s.MemoryUsed > s.MemoryTotal {
		t.Errorf("memory: %d of %d bytes used", s.MemoryUsed, s.MemoryTotal)
	}
	if s.DiskFree <= 0 {
		t.Errorf("%d bytes free on the disk", s.DiskFree)
	}
	if s.CPUPercent < 0 || s.CPUPercent > 100 {
		t.Errorf("processors %g %% busy", s.CPUPercent)
	}
}

func TestBusyProcessorsShow(t *testing.T) {
	var s Snapshot
	read(&s, t.TempDir())
	// The system counts in steps of 10 ms: half a second of one busy core must show.
	for start := time.Now(); time.Since(start) < 500*time.Millisecond; {
	}
	read(&s, t.TempDir())
	if s.CPUPercent <= 0 {
		t.Errorf("%g %% after half a second of work", s.CPUPercent)
	}
}

func TestADataFolderThatIsGoneKeepsTheLastFigure(t *testing.T) {
	s := Snapshot{DiskFree: 7}
	read(&s, "/no/such/folder")
	if s.DiskFree != 7 {
		t.Errorf("DiskFree became %d", s.DiskFree)
	}
	if s.MemoryTotal == 0 {
		t.Error("the other figures were not read")
	}
}

func TestASnapshotIsRefreshedEachIntervalUntilClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		readings := 0
		r := start(Snapshot{Cores: 3}, time.Second, func(s *Snapshot) {
			readings++
			s.MemoryUsed = int64(readings)
		})
		if got := r.Snapshot(); !reflect.DeepEqual(got, Snapshot{Cores: 3, MemoryUsed: 1}) {
			t.Errorf("first snapshot %+v", got)
		}
		time.Sleep(4*time.Second + time.Millisecond) // the bubble's clock
		synctest.Wait()
		if got := r.Snapshot().MemoryUsed; got != 5 {
			t.Errorf("after 4 s: reading %d, want 5", got)
		}
		r.Close()
		r.Close()
		time.Sleep(time.Minute)
		if readings != 5 { // and synctest fails if the goroutine still runs
			t.Errorf("%d readings after Close", readings)
		}
		if got := r.Snapshot().MemoryUsed; got != 5 {
			t.Errorf("after Close the snapshot is of reading %d", got)
		}
	})
}

func TestTheSystemHasAName(t *testing.T) {
	if s := System(); s == "" || strings.TrimSpace(s) != s {
		t.Errorf("%q", s)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	r := Start(b.TempDir(), time.Hour)
	defer r.Close()
	for b.Loop() {
		_ = r.Snapshot()
	}
}
