package hardware

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestThisProcessIsMeasured(t *testing.T) {
	before := Self()
	if before.MemoryBytes < 1<<20 || before.VirtualBytes < before.MemoryBytes || before.Threads < 1 {
		t.Errorf("%+v", before)
	}
	if age := time.Since(before.StartedAt); age < 0 || age > time.Hour {
		t.Errorf("it is %v old", age)
	}
	for start := time.Now(); time.Since(start) < 100*time.Millisecond; {
	}
	if runtime.GOOS == "linux" {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	after := Self()
	if spent := after.UserSeconds - before.UserSeconds + after.SystemSeconds - before.SystemSeconds; spent <= 0 || spent > 60 {
		t.Errorf("100 ms of work took %g s", spent)
	}
	if runtime.GOOS == "linux" && after.OpenFiles <= before.OpenFiles {
		t.Errorf("%d files were open, with one more %d", before.OpenFiles, after.OpenFiles)
	}
}
