//go:build !linux

package worker

import (
	"errors"
	"os"
	"syscall"
)

// Worker processes are written for Linux: elsewhere the package builds, so that the rest
// of the program can be worked on, and no process starts.

func socketPair() (ours, theirs *os.File, err error) {
	return nil, nil, errors.New("worker processes run on Linux only")
}

func awaitInput(*os.File) error { return nil }

func shutdown(*os.File) {}

func processAttributes() *syscall.SysProcAttr { return nil }

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		p.Kill()
	}
}

func prepareProcess() {}

func limitMemory(int64) error { return nil }

func usageOf(int) (resident int64, processor float64) { return 0, 0 }

func endOf(state *os.ProcessState) (signal string, status int) {
	if state == nil {
		return "", -1
	}
	return "", state.ExitCode()
}
